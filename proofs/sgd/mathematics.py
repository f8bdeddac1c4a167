"""What a step of SGD is, in real numbers: the textbook's recurrence, for every option, and what bounds its buffer."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.prover.describe import prove
from proofs.prover.symbolic_run import Run
from proofs.sgd.laws import bugs, drawing
from proofs.symbolic.inputs import Array, Fixed, Input
from proofs.symbolic.real import Real
from reference.contracts import ensure
from reference.exactness import exact
from reference.optimizer.clauses import admits
from reference.optimizer.steps import Stepped
from reference.sgd import SGDState, sgd_step

NUMBER, ONE = Array(np.float64), Array(np.float64, (1,))
QUARTERS = {"lr": np.float64(0.5), "momentum": np.float64(0.5), "dampening": np.float64(0.25)}


def _is_textbook(
    result: Stepped,
    theta: Any,
    grad: Any,
    buffer: Any,
    settings: tuple[Any, Any, Any, Any],
    nesterov: bool,
    maximize: bool,
) -> Any:
    """The recurrence of torch's documentation, in exact numbers."""
    lr, momentum, dampening, decay = map(exact, settings)
    g = exact(-grad if maximize else grad) + decay * exact(theta)
    b = g if buffer is None else momentum * exact(buffer) + (1 - dampening) * g
    towards = g + momentum * b if nesterov else b
    after, kept = exact(result.param), result.state.momentum_buffer
    plain = (momentum == 0) & (after == exact(theta) - lr * g)
    if kept is None:
        return buffer is None and np.all(plain)
    heavy = (momentum != 0) & (after == exact(theta) - lr * towards) & (exact(kept) == b)
    return np.all(heavy if buffer is None else heavy | (plain & (exact(kept) == exact(buffer))))


@admits
@ensure(
    "SGD-10",
    lambda result, theta, grad, buffer, lr, momentum, dampening, weight_decay, nesterov, maximize: _is_textbook(
        result, theta, grad, buffer, (lr, momentum, dampening, weight_decay), nesterov, maximize
    ),
)
def textbook(
    theta: Any,
    grad: Any,
    buffer: Any,
    lr: Any,
    momentum: Any,
    dampening: Any,
    weight_decay: Any,
    nesterov: bool,
    maximize: bool,
) -> Stepped:
    """A step with all its options.

    Claims
        SGD-10  prove  Real  elementwise, every option  θ' and b' are those of the recurrence in the docstring of `sgd_step`
    """
    return sgd_step(
        theta,
        grad,
        SGDState(7, buffer),
        lr=lr,
        momentum=momentum,
        dampening=dampening,
        weight_decay=weight_decay,
        nesterov=nesterov,
        maximize=maximize,
    )


def _textbook_run(buffered: bool, nesterov: bool, maximize: bool) -> Run:
    arguments: dict[str, Input] = {
        "theta": ONE,
        "grad": ONE,
        "buffer": ONE if buffered else Fixed(None),
        "lr": NUMBER,
        "momentum": NUMBER,
        "dampening": Fixed(np.float64(0)) if nesterov else NUMBER,
        "weight_decay": NUMBER,
        "nesterov": Fixed(nesterov),
        "maximize": Fixed(maximize),
    }
    return Run(textbook, arguments, Real(), domain=(lambda momentum: momentum > 0) if nesterov else None)


def in_eighths(run: Run) -> Run:
    """The run with random arguments of so few bits that a step is exact."""

    def draw(generator: Any) -> dict[str, Any]:
        drawn = drawing(run).random(generator)
        return {
            name: value if not hasattr(value, "dtype") else np.round(value * 8 + 0.5)[()] / np.float64(8)
            for name, value in drawn.items()
        }

    return run.drawing(draw)


prove(
    "SGD-10",
    textbook,
    theory="Real",
    bound="elementwise, every option",
    runs=lambda: [
        (f"{buffered}, {nesterov}, {maximize}: ", _textbook_run(buffered, nesterov, maximize))
        for buffered in (True, False)
        for nesterov in (True, False)
        for maximize in (True, False)
    ],
    twins=[
        *bugs(
            in_eighths(_textbook_run(True, False, True)),
            "SGD-10",
            "maximize late",
            "dampening forgotten",
            "rate in the buffer",
            "uphill",
        ),
        *bugs(in_eighths(_textbook_run(True, True, False)), "SGD-10", "old buffer"),
        *bugs(in_eighths(_textbook_run(False, False, False)), "SGD-10", "dampened at first"),
    ],
)


# ---- the buffer -----------------------------------------------------------------------------------------------------


def _stays_within(result: Stepped, bound: Any, momentum: Any, dampening: Any) -> Any:
    """|b'| (1 - μ) <= G max(1 - μ, 1 - τ)."""
    most = exact(bound) * np.maximum(1 - exact(momentum), 1 - exact(dampening))
    return np.all(np.abs(exact(result.state.momentum_buffer)) * (1 - exact(momentum)) <= most)


@admits
@ensure("SGD-11", lambda result, bound, momentum, dampening: _stays_within(result, bound, momentum, dampening))
def gather(theta: Any, grad: Any, buffer: Any, bound: Any, momentum: Any, dampening: Any) -> Stepped:
    """A step from a buffer within the bound, or the first step, along a gradient of at most ``bound``.

    Claims
        SGD-11  prove  Real  elementwise, inductive, |g| <= G, 0 < μ < 1
                |b| <= G max(1, (1 - τ) / (1 - μ)) at every step, the first included: the geometric series
    """
    return sgd_step(theta, grad, SGDState(7, buffer), momentum=momentum, dampening=dampening)


def _is_within(grad: Any, buffer: Any, bound: Any, momentum: Any, dampening: Any) -> Any:
    small = (np.abs(exact(grad)) <= exact(bound)) & (momentum > 0)
    if buffer is not None:
        most = exact(bound) * np.maximum(1 - exact(momentum), 1 - exact(dampening))
        small = small & (np.abs(exact(buffer)) * (1 - exact(momentum)) <= most)
    return np.all(small)


def _gather_run(buffered: bool) -> Run:
    arguments: dict[str, Input] = {
        "theta": ONE,
        "grad": ONE,
        "buffer": ONE if buffered else Fixed(None),
        "bound": NUMBER,
        "momentum": NUMBER,
        "dampening": NUMBER,
    }
    return Run(gather, arguments, Real(), domain=_is_within)


def _at_the_bound(run: Run) -> Run:
    """A gradient of one sign and the largest size, and the buffer that it leads to."""

    def draw(generator: Any) -> dict[str, Any]:
        momentum, dampening = (np.float64(generator.choice((0.25, 0.5, 0.75))) for _ in range(2))
        buffer = np.array([max(1.0, (1 - dampening) / (1 - momentum))])
        one = np.array([1.0])
        kept = buffer if isinstance(run.inputs["buffer"], Array) else None
        numbers = {"bound": np.float64(1), "momentum": momentum, "dampening": dampening}
        return {"theta": one, "grad": one, "buffer": kept, **numbers}

    return run.drawing(draw)


prove(
    "SGD-11",
    gather,
    theory="Real",
    bound="elementwise, inductive, |g| <= G, 0 < μ < 1",
    runs=lambda: [("", _gather_run(True)), ("first: ", _gather_run(False))],
    twins=bugs(_at_the_bound(_gather_run(True)), "SGD-11", "dampening forgotten", "momentum forgotten"),
)
