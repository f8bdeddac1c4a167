"""Laws of a step of Lion: what it is and what bounds it in real numbers, and what it keeps bit by bit."""

from __future__ import annotations

import functools
import inspect
import random
from typing import Any

import numpy as np

from proofs.lion.pieces import two_signs
from proofs.lion.planted import planted
from proofs.optimizer.laws import Both, planting
from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Fixed, Input
from proofs.symbolic.real import Real
from reference.contracts import bare, ensure
from reference.exactness import exact, same_bits
from reference.lion import LionState, lion_step, moved
from reference.optimizer.steps import Stepped

NUMBER, ONE = Array(np.float64), Array(np.float64, (1,))


def are_settings(lr: Any, now: Any, later: Any = 0.5, decay: Any = 0.0) -> Any:
    """Whether a step admits these."""
    rates = (lr >= 0) & np.isfinite(lr) & (decay >= 0) & np.isfinite(decay)
    return rates & (now >= 0) & (now < 1) & (later >= 0) & (later < 1)


def _is_small(theta: Any, lr: Any, now: Any, later: Any, decay: Any) -> Any:
    return are_settings(lr, now, later, decay) & (lr * decay <= 1) & np.all(np.abs(exact(theta)) * exact(decay) <= 1)


def _is_finite(theta: Any, grad: Any, lr: Any, now: Any, later: Any) -> Any:
    still = np.all(np.isfinite(theta) & (grad == 0))
    return are_settings(lr, now, later) & still & np.isfinite(lr.astype(theta.dtype))


# ---- real numbers -----------------------------------------------------------------------------------------------------


def _is_textbook(result: Stepped, theta: Any, grad: Any, mean: Any, lr: Any, now: Any, later: Any, decay: Any) -> Any:
    """The paper's formula, its sign spelled out."""
    lr, now, later, decay = map(exact, (lr, now, later, decay))
    g, m = exact(grad), exact(mean)
    c, change = now * m + (1 - now) * g, exact(result.param) - exact(theta) * (1 - lr * decay)
    down, up, still = (c > 0) & (change == -lr), (c < 0) & (change == lr), (c == 0) & (change == 0)
    return np.all((down | up | still) & (exact(result.state.exp_avg) == later * m + (1 - later) * g))


@ensure(
    "LION-10",
    lambda result, theta, grad, mean, lr, now, later, decay, maximize: _is_textbook(
        result, theta, -grad if maximize else grad, mean, lr, now, later, decay
    ),
)
def textbook(theta: Any, grad: Any, mean: Any, lr: Any, now: Any, later: Any, decay: Any, maximize: bool) -> Stepped:
    """A step with all its options.

    Claims
        LION-10  prove  Real  elementwise, every option
                 m' is the paper's, and θ' is θ (1 - lr λ) ± lr: |update| is lr, or 0 where c is
    """
    state = LionState(7, mean)
    return lion_step(theta, grad, state, lr=lr, betas=(now, later), weight_decay=decay, maximize=maximize)


@ensure(
    "LION-11",
    lambda result, grad, mean: np.all(
        np.abs(exact(result.state.exp_avg)) <= np.maximum(np.abs(exact(grad)), np.abs(exact(mean)))
    ),
)
@ensure("LION-12", lambda result, decay: np.all(np.abs(exact(result.param)) * exact(decay) <= 1))
def bounded(theta: Any, grad: Any, mean: Any, lr: Any, now: Any, later: Any, decay: Any) -> Stepped:
    """A step of a parameter of at most 1 / λ.

    Claims
        LION-11  prove  Real  elementwise, lr λ <= 1, λ |θ| <= 1  |m'| <= max(|m|, |g|)
        LION-12  prove  Real  elementwise, lr λ <= 1, λ |θ| <= 1
                 inductive: where |θ| <= 1 / λ once, it stays so, whatever the gradients
    """
    return lion_step(theta, grad, LionState(7, mean), lr=lr, betas=(now, later), weight_decay=decay)


@ensure("LION-13", lambda result: np.all(exact(result.one.param) == exact(result.other.param)))
def scaled(theta: Any, grad: Any, mean: Any, lr: Any, now: Any, decay: Any, factor: Any) -> Both:
    """A step, and one with gradient and average times a factor.

    Claims
        LION-13  prove  Real  elementwise, factor > 0  θ' does not depend on the scale of gradients
    """
    step = functools.partial(lion_step, theta, lr=lr, betas=(now, 0.99), weight_decay=decay)
    return Both(step(grad=grad, state=LionState(7, mean)), step(grad=grad * factor, state=LionState(7, mean * factor)))


# ---- bits -------------------------------------------------------------------------------------------------------------


@ensure("LION-14", lambda result, theta: np.all((result.param == theta) & (result.state.exp_avg == 0)))
def rest(theta: Any, grad: Any, lr: Any, now: Any, later: Any) -> Stepped:
    """A step with a gradient of 0 from an average of 0.

    Claims
        LION-14  prove  IEEE(float32, float64)  elementwise, finite θ, lr finite in the working dtype
                 without decay, g = m = 0 is a fixed point: the sign of 0 is 0
    """
    zeros = np.zeros(theta.shape, theta.dtype)
    return lion_step(theta, grad, LionState(7, zeros), lr=lr, betas=(now, later))


@ensure(
    "LION-15",
    lambda result: same_bits(
        [result.one.param, result.one.state.exp_avg], [result.other.param, result.other.state.exp_avg]
    ),
)
def ascent(theta: Any, grad: Any, mean: Any, lr: Any, now: Any, later: Any, decay: Any) -> Both:
    """A step that maximizes, and one that minimizes along the negated gradient.

    Claims
        LION-15  prove  IEEE(float32, float64)  elementwise, NaN and inf included
                 maximize with g is minimize with -g, bit for bit, state included
    """
    step = functools.partial(lion_step, theta, state=LionState(7, mean), lr=lr, betas=(now, later), weight_decay=decay)
    return Both(step(grad=grad, maximize=True), step(grad=-grad))


@ensure("LION-16", lambda result: same_bits(result.one.state.exp_avg, result.other.state.exp_avg))
def apart(theta: Any, grad: Any, mean: Any, lr: Any, now: Any, later: Any, decay: Any) -> Both:
    """A step with decay and one without.

    Claims
        LION-16  prove  IEEE(float32, float64)  elementwise, NaN and inf included
                 the decay is decoupled: the average knows nothing of it
    """
    step = functools.partial(lion_step, theta, grad, LionState(7, mean), lr=lr, betas=(now, later))
    return Both(step(weight_decay=decay), step())


# ---- the claims -----------------------------------------------------------------------------------------------------


def drawing(run: Run, **given: Any) -> Run:
    """The run with random arguments of few bits, for which nothing in a step rounds."""

    def draw(generator: random.Random) -> dict[str, Any]:
        def one(kind: Input) -> Any:
            if not isinstance(kind, Array):
                return kind.random(generator)
            if kind.shape:
                return np.array([generator.randint(-16, 16) / 4], kind.dtype)
            return np.float64(generator.choice((0.25, 0.5, 0.75)))

        return {**{name: one(kind) for name, kind in run.inputs.items()}, **given}

    return run.drawing(draw)


bugs = planting(lion_step, planted, tries=1000)


def run_of(law: Any, theory: Any, domain: Any, dtype: Any = np.float64, **inputs: Any) -> Run:
    """A law on one element with the settings that it names, or with what is given for them."""
    vectors = dict.fromkeys(("theta", "grad", "mean"), Array(dtype, (1,)))
    settings = dict.fromkeys(("lr", "now", "later", "decay"), NUMBER)
    named = inspect.signature(bare(law)).parameters
    chosen = {name: kind for name, kind in {**vectors, **settings}.items() if name in named}
    return Run(law, {**chosen, **inputs}, theory, domain=domain)


SMALL = {"theta": np.array([1.0]), "decay": np.float64(0.5)}
textbook_runs = [run_of(textbook, Real(), are_settings, maximize=Fixed(up)) for up in (False, True)]
prove(
    "LION-10",
    textbook,
    theory="Real",
    bound="elementwise, every option",
    runs=lambda: zip(("", "up: "), textbook_runs, strict=True),
    twins=[
        *bugs(
            drawing(textbook_runs[0]), "LION-10", "betas swapped", "no sign", "sign of the gradient", "of the average"
        ),
        *bugs(drawing(textbook_runs[0]), "LION-10", "decay without rate", "decay last", "coupled decay", "update kept"),
        *bugs(drawing(textbook_runs[1]), "LION-10", "maximize forgotten"),
    ],
)
bounded_run = run_of(bounded, Real(), _is_small)
prove(
    "LION-11",
    bounded,
    theory="Real",
    bound="elementwise, lr λ <= 1, λ |θ| <= 1",
    runs=lambda: [("", bounded_run)],
    twins=bugs(drawing(bounded_run, **SMALL, lr=np.float64(0.5)), "LION-11", "coupled decay"),
    also={"LION-12": bugs(drawing(bounded_run, **SMALL, lr=np.float64(0.5)), "LION-12", "no sign")},
)
scaled_run = run_of(
    scaled, Real(), lambda lr, now, decay, factor: are_settings(lr, now, 0.5, decay) & (factor > 0), factor=NUMBER
)
prove(
    "LION-13",
    scaled,
    theory="Real",
    bound="elementwise, factor > 0",
    runs=lambda: [("", scaled_run)],
    twins=bugs(drawing(scaled_run), "LION-13", "no sign"),
)
for dtype in (np.float32, np.float64):
    name = np.dtype(dtype).name
    claim = functools.partial(prove, variant=name, theory=f"IEEE({name})")
    rest_run = run_of(rest, IEEE(), _is_finite, dtype)
    at_rest = drawing(rest_run, grad=np.zeros(1, dtype))
    claim(
        "LION-14",
        rest,
        bound="elementwise, finite θ, lr finite in the working dtype",
        runs=functools.partial(list, [("", rest_run)]),
        twins=[sampled_twin("two signs", "has no sign for 0", at_rest, "LION-14", {moved: two_signs})],
    )
    ascent_run, apart_run = (run_of(law, IEEE(), are_settings, dtype) for law in (ascent, apart))
    claim(
        "LION-15",
        ascent,
        bound="elementwise, NaN and inf included",
        runs=functools.partial(list, [("", ascent_run)]),
        twins=bugs(drawing(ascent_run), "LION-15", "maximize forgotten"),
    )
    claim(
        "LION-16",
        apart,
        bound="elementwise, NaN and inf included",
        runs=functools.partial(list, [("", apart_run)]),
        twins=bugs(drawing(apart_run), "LION-16", "coupled decay"),
    )
