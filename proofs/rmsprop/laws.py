"""Laws of a step of RMSprop: what it is in real numbers, what bounds it, and what it keeps bit by bit."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from proofs.optimizer.laws import Both, planting
from proofs.prover.describe import prove
from proofs.prover.symbolic_run import Run
from proofs.rmsprop.planted import planted
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Fixed, Input
from proofs.symbolic.paths import Path
from proofs.symbolic.real import Real
from reference.contracts import ensure
from reference.exactness import exact, same_bits
from reference.optimizer.steps import Stepped
from reference.rmsprop import RMSpropState, rmsprop_step
from reference.sgd import plus

NUMBER, ONE = Array(np.float64), Array(np.float64, (1,))
BETWEEN = Array(np.float64, (), (0.1, 0.9))


def arrays_of(after: Stepped) -> list[Any]:
    """Everything that a step returns in arrays."""
    state = after.state
    arrays = (after.param, state.square_avg, state.grad_avg, state.momentum_buffer, state.master)
    return [array for array in arrays if array is not None]


def are_settings(lr: Any, alpha: Any, eps: Any) -> Any:
    """Whether a float32 or float64 step admits these."""
    return (lr >= 0) & np.isfinite(lr) & (alpha >= 0) & (alpha < 1) & (eps >= 2.0**-100) & (eps <= 2.0**100)


# ---- real numbers -----------------------------------------------------------------------------------------------------


def _is_textbook(result: Stepped, theta: Any, grad: Any, before: RMSpropState, lr: Any, alpha: Any, eps: Any) -> Any:
    """The averages, and lr g = (θ - θ') (√v' + ε) without a division."""
    keep, new = exact(alpha), 1 - exact(alpha)
    g, square = exact(grad), exact(result.state.square_avg)
    averaged = square == keep * exact(before.square_avg) + new * g * g
    spread = square
    if before.grad_avg is not None:
        mean = exact(result.state.grad_avg)
        averaged = averaged & (mean == keep * exact(before.grad_avg) + new * g)
        spread = square - mean * mean
    change, rate = exact(theta) - exact(result.param), exact(lr) * g
    rest = rate - change * exact(eps)  # what is left is change · √spread: compared by sign and square
    return np.all(averaged & (rest * rest == change * change * spread) & (rest * change >= 0))


@ensure(
    "RMS-10",
    lambda result, theta, grad, square_avg, grad_avg, lr, alpha, eps: _is_textbook(
        result, theta, grad, RMSpropState(7, square_avg, grad_avg), lr, alpha, eps
    ),
)
def textbook(theta: Any, grad: Any, square_avg: Any, grad_avg: Any, lr: Any, alpha: Any, eps: Any) -> Stepped:
    """A step without momentum.

    Claims
        RMS-10  prove  Real  elementwise, v >= ḡ², 2**-100 <= ε <= 2**100
                v', ḡ' and θ' are those of the recurrence in the docstring of `rmsprop_step`, nothing clamped
    """
    state = RMSpropState(7, square_avg, grad_avg)
    return rmsprop_step(theta, grad, state, lr=lr, alpha=alpha, eps=eps, centered=grad_avg is not None)


@ensure("RMS-11", lambda result: np.all(exact(result.state.square_avg) >= exact(result.state.grad_avg) ** 2))
def spread(theta: Any, grad: Any, square_avg: Any, grad_avg: Any, alpha: Any) -> Stepped:
    """A centered step from averages of which the mean square is at least the square of the mean.

    Claims
        RMS-11  prove  Real  elementwise, inductive from v = ḡ = 0
                v >= ḡ² at every step: of real numbers, no variance is negative
    """
    return rmsprop_step(theta, grad, RMSpropState(7, square_avg, grad_avg), alpha=alpha, centered=True)


@ensure(
    "RMS-12",
    lambda result, theta, lr, alpha: np.all(
        (1 - exact(alpha)) * (exact(result.param) - exact(theta)) ** 2 <= exact(lr) ** 2
    ),
)
def bounded(theta: Any, grad: Any, square_avg: Any, lr: Any, alpha: Any, eps: Any) -> Stepped:
    """A step that is neither centered nor has momentum.

    Claims
        RMS-12  prove  Real  elementwise, v >= 0  |θ' - θ| <= lr / √(1 - α), whatever the gradients
    """
    return rmsprop_step(theta, grad, RMSpropState(7, square_avg), lr=lr, alpha=alpha, eps=eps)


# ---- bits -------------------------------------------------------------------------------------------------------------


@ensure("RMS-13", lambda result, theta: np.all((result.param == theta) & (result.state.square_avg == 0)))
def rest(theta: Any, grad: Any, state_mean: Any, lr: Any, alpha: Any, eps: Any) -> Stepped:
    """A step with a gradient of 0 from averages of 0.

    Claims
        RMS-13  prove  IEEE(float32, float64)  elementwise, finite θ, lr <= 2**100, 2**-100 <= ε <= 2**100
                g = v = ḡ = 0 is a fixed point, centered or not: no 0 / 0
    """
    zeros = np.zeros(theta.shape, theta.dtype)
    state = RMSpropState(7, zeros, zeros if state_mean else None)
    return rmsprop_step(theta, grad, state, lr=lr, alpha=alpha, eps=eps, centered=state_mean)


@ensure("RMS-14", lambda result: same_bits(arrays_of(result.one), arrays_of(result.other)))
def signs(theta: Any, grad: Any, square_avg: Any, grad_avg: Any, lr: Any, decay: Any, maximize: bool) -> Both:
    """A step with decay, up or down, and a plain one along ±g + λ θ.

    Claims
        RMS-14  prove  IEEE(float32, float64)  elementwise, λ > 0, NaN and inf included
                maximize is minimize with -g, and decay is λ θ more gradient, bit for bit, state included
    """
    state = RMSpropState(7, square_avg, grad_avg)
    step = functools.partial(rmsprop_step, theta, state=state, lr=lr, centered=grad_avg is not None, momentum=0.5)
    whole = plus(-grad if maximize else grad, theta, decay)
    return Both(step(grad=grad, weight_decay=decay, maximize=maximize), step(grad=whole))


# ---- the claims -----------------------------------------------------------------------------------------------------


def drawing(run: Run, **given: Any) -> Run:
    """The run with random arguments of moderate size and few bits; a mean of at most 1 beside a mean square of at least 1."""

    def draw(generator: random.Random) -> dict[str, Any]:
        def one(name: str, kind: Input) -> Any:
            if not isinstance(kind, Array):
                return kind.random(generator)
            if kind.shape:
                least = {"square_avg": 1.0, "grad_avg": -1.0}.get(name, -4.0)
                return np.array([generator.randint(int(4 * least), 4 if name == "grad_avg" else 16) / 4], kind.dtype)
            return np.float64(generator.choice((0.25, 0.5, 0.75)))

        return {**{name: one(name, kind) for name, kind in run.inputs.items()}, **given}

    return run.drawing(draw)


bugs = planting(rmsprop_step, planted, tries=2000)


def _is_spread(square_avg: Any, grad_avg: Any) -> Any:
    if grad_avg is None:
        return np.all(square_avg >= 0)
    return np.all(exact(square_avg) >= exact(grad_avg) ** 2)


def _with_settings(condition: Callable[..., Any]) -> Callable[..., Any]:
    def domain(square_avg: Any, grad_avg: Any, lr: Any, alpha: Any, eps: Any) -> Any:
        return are_settings(lr, alpha, eps) & condition(square_avg, grad_avg)

    return domain


SETTINGS: Mapping[str, Input] = {"lr": BETWEEN, "alpha": BETWEEN, "eps": BETWEEN}
EXAMPLE = {"theta": np.array([1.0]), "grad": np.array([1.0]), "square_avg": np.array([1.0])}
HALVES = {"lr": np.float64(1), "alpha": np.float64(0.5), "eps": np.float64(1)}


PLAIN = {"square_avg": np.array([2.0]), "grad": np.array([4.0]), "grad_avg": None}
CENTERED = {"square_avg": np.array([14.0]), "grad": np.array([6.0]), "grad_avg": np.array([2.0])}


def textbook_run(centered: bool) -> Run:
    """`textbook`, centered or not."""
    return Run(
        textbook,
        {"theta": ONE, "grad": ONE, "square_avg": ONE, "grad_avg": ONE if centered else Fixed(None), **SETTINGS},
        Real(),
        domain=_with_settings(_is_spread),
        examples=[{**EXAMPLE, **(CENTERED if centered else PLAIN), **HALVES}],  # whose roots are rational
    )


def exactly(run: Run, **given: Any) -> Run:
    """The run with numbers for which nothing in a step rounds, so that a right one keeps the clause in NumPy too."""
    return drawing(run, **{**HALVES, **given})


SKEW = {"square_avg": np.array([13.0]), "grad": np.array([1.0]), "alpha": np.float64(0.25), "eps": np.float64(2)}
plain_run, centered_run = exactly(textbook_run(False), **PLAIN), exactly(textbook_run(True), **CENTERED)
prove(
    "RMS-10",
    textbook,
    theory="Real",
    bound="elementwise, v >= ḡ², 2**-100 <= ε <= 2**100",
    runs=lambda: [(f"{centered}: ", textbook_run(centered)) for centered in (False, True)],
    twins=[
        *bugs(plain_run, "RMS-10", "epsilon inside", "uphill", "twice", "gradient averaged", "old average"),
        *bugs(exactly(textbook_run(False), **SKEW), "RMS-10", "alpha swapped"),
        *bugs(centered_run, "RMS-10", "old mean"),
    ],
)

spread_run = Run(
    spread,
    {"theta": ONE, "grad": ONE, "square_avg": ONE, "grad_avg": ONE, "alpha": BETWEEN},
    Real(),
    domain=lambda square_avg, grad_avg, alpha: _is_spread(square_avg, grad_avg) & (alpha >= 0) & (alpha < 1),
    examples=[{**EXAMPLE, "grad_avg": np.array([0.0]), "alpha": np.float64(0.5)}],
)
prove(
    "RMS-11",
    spread,
    theory="Real",
    bound="elementwise, inductive from v = ḡ = 0",
    runs=lambda: [("", spread_run)],
    twins=bugs(
        drawing(spread_run, **dict.fromkeys(("square_avg", "grad_avg"), np.array([1.0]))),
        "RMS-11",
        "alpha swapped",
        "gradient averaged",
    ),
)


def _bound_quotient(path: Path, arguments: dict[str, Any], result: Stepped) -> None:
    """v' is at least (1 - α) g², and the divisor at least its root."""
    (square,), (g,) = result.state.square_avg.elements, arguments["grad"].elements
    alpha = arguments["alpha"].elements.item()
    path.prove("the new square counts", square >= (1 - alpha) * g * g)


bounded_run = Run(
    bounded,
    {"theta": ONE, "grad": ONE, "square_avg": ONE, **SETTINGS},
    Real(),
    domain=lambda square_avg, lr, alpha, eps: are_settings(lr, alpha, eps) & np.all(square_avg >= 0),
    script=_bound_quotient,
    examples=[{**EXAMPLE, **HALVES}],
)
prove(
    "RMS-12",
    bounded,
    theory="Real",
    bound="elementwise, v >= 0",
    runs=lambda: [("", bounded_run)],
    twins=bugs(drawing(bounded_run, square_avg=np.array([0.0])), "RMS-12", "old average", "gradient averaged"),
)

for dtype in (np.float32, np.float64):
    name = np.dtype(dtype).name
    element = Array(dtype, (1,))
    rest_runs = [
        Run(
            rest,
            {"theta": element, "grad": element, "state_mean": Fixed(mean), **dict.fromkeys(HALVES, NUMBER)},
            IEEE(),
            domain=lambda theta, grad, lr, alpha, eps: (
                are_settings(lr, alpha, eps) & (lr <= 2.0**100) & np.all(np.isfinite(theta) & (grad == 0))
            ),
        )
        for mean in (False, True)
    ]
    prove(
        "RMS-13",
        rest,
        variant=name,
        theory=f"IEEE({name})",
        bound="elementwise, finite θ, lr <= 2**100, 2**-100 <= ε <= 2**100",
        runs=functools.partial(zip, ("", "centered: "), rest_runs, strict=True),
        twins=bugs(drawing(rest_runs[0], grad=np.array([0.0], dtype), lr=np.float64(0.5)), "RMS-13", "no epsilon"),
    )
    sign_runs = [
        Run(
            signs,
            {
                **dict.fromkeys(("theta", "grad", "square_avg"), element),
                "grad_avg": element if mean else Fixed(None),
                **dict.fromkeys(("lr", "decay"), NUMBER),
                "maximize": Fixed(up),
            },
            IEEE(),
            domain=lambda lr, decay: (lr >= 0) & np.isfinite(lr) & (decay > 0) & np.isfinite(decay),
        )
        for mean, up in ((False, True), (True, False), (True, True))
    ]
    prove(
        "RMS-14",
        signs,
        variant=name,
        theory=f"IEEE({name})",
        bound="elementwise, λ > 0, NaN and inf included",
        runs=functools.partial(zip, ("up: ", "centered: ", "up, centered: "), sign_runs, strict=True),
        twins=bugs(drawing(sign_runs[0]), "RMS-14", "maximize late", "maximize forgotten", "no decay"),
    )
