"""Laws of a step of SGD, bit by bit: each relates calls of the shipped step, from an arbitrary state."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from proofs.optimizer.laws import Both, planting
from proofs.prover.describe import prove
from proofs.prover.symbolic_run import Run
from proofs.sgd.planted import planted
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Fixed, Input
from reference.contracts import ensure
from reference.exactness import same_bits
from reference.hyperparameters import has_master, working_dtype
from reference.optimizer.clauses import admits
from reference.optimizer.steps import Stepped
from reference.sgd import SGDState, plus, sgd_step

FLOATS = (np.float16, np.float32, np.float64)
NUMBER = Array(np.float64)


def begun(theta: Any, dtype: Any, buffer: Any) -> tuple[Any, SGDState]:
    """A parameter of this dtype whose working copy is theta, and its state."""
    narrow = has_master(dtype)
    return (theta.astype(dtype) if narrow else theta), SGDState(7, buffer, theta if narrow else None)


def arrays_of(after: Stepped) -> list[Any]:
    """Everything that a step returns in arrays."""
    return [array for array in (after.param, after.state.momentum_buffer, after.state.master) if array is not None]


def same(result: Both) -> Any:
    """Whether two steps agree in all bits."""
    return same_bits(arrays_of(result.one), arrays_of(result.other))


def inputs(dtype: Any, buffered: bool, *settings: str, **fixed: Any) -> dict[str, Input]:
    """Arguments of a law: one element, an arbitrary state, settings that are variables or fixed."""
    element = Array(working_dtype(np.dtype(dtype)), (1,))
    return {
        "theta": element,
        "grad": element,
        "buffer": element if buffered else Fixed(None),
        "dtype": Fixed(np.dtype(dtype)),
        **dict.fromkeys(settings, NUMBER),
        **{name: Fixed(value) for name, value in fixed.items()},
    }


def finite_rate(lr: Any, theta: Any) -> Any:
    """Whether the learning rate is finite in the working dtype."""
    return np.isfinite(lr.astype(theta.dtype))


# ---- rest -----------------------------------------------------------------------------------------------------------


def _rests(result: Stepped, theta: Any, dtype: Any) -> Any:
    after = result.param if result.state.master is None else result.state.master
    still = (after == theta) & (result.param == theta.astype(dtype))
    return np.all(still if result.state.momentum_buffer is None else still & (result.state.momentum_buffer == 0))


@admits
@ensure("SGD-2", lambda result, theta, dtype: _rests(result, theta, dtype))
def rest(
    theta: Any, grad: Any, buffer: Any, dtype: Any, lr: Any, momentum: Any, dampening: Any, nesterov: bool
) -> Stepped:
    """A step with a gradient of 0 and no momentum left.

    Claims
        SGD-2  prove  IEEE(float16, float32, float64)  elementwise, finite θ, lr finite in the working dtype
               g = b = 0 is a fixed point: neither parameter nor buffer changes, whatever the settings
    """
    param, state = begun(theta, dtype, buffer)
    return sgd_step(param, grad, state, lr=lr, momentum=momentum, dampening=dampening, nesterov=nesterov)


def _at_rest(theta: Any, grad: Any, buffer: Any, lr: Any) -> Any:
    nothing = (grad == 0) & np.isfinite(theta)
    return np.all(nothing if buffer is None else nothing & (buffer == 0)) & finite_rate(lr, theta)


def _rest_run(dtype: Any, buffered: bool, nesterov: bool) -> Run:
    settings = ("lr", "momentum") if nesterov else ("lr", "momentum", "dampening")
    fixed = {"nesterov": nesterov, **({"dampening": 0.0} if nesterov else {})}

    def domain(theta: Any, grad: Any, buffer: Any, lr: Any, momentum: Any) -> Any:
        return _at_rest(theta, grad, buffer, lr) & ((momentum > 0) if nesterov else True)

    return Run(rest, inputs(dtype, buffered, *settings, **fixed), IEEE(), domain=domain)


# ---- what settings mean -----------------------------------------------------------------------------------------------


@admits
@ensure("SGD-3", lambda result: same(result))
def ascent(
    theta: Any, grad: Any, buffer: Any, dtype: Any, lr: Any, momentum: Any, dampening: Any, weight_decay: Any
) -> Both:
    """A step that maximizes, and one that minimizes along the negated gradient.

    Claims
        SGD-3  prove  IEEE(float16, float32, float64)  elementwise, NaN and inf included
               maximize with g is minimize with -g, bit for bit; the decay is not negated
    """
    param, state = begun(theta, dtype, buffer)
    step = functools.partial(
        sgd_step, param, state=state, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay
    )
    return Both(step(grad=grad, maximize=True), step(grad=-grad))


@admits
@ensure("SGD-4", lambda result: same(result))
def decay(
    theta: Any,
    grad: Any,
    buffer: Any,
    dtype: Any,
    lr: Any,
    momentum: Any,
    dampening: Any,
    weight_decay: Any,
    maximize: bool,
) -> Both:
    """A step with weight decay, and one without along g + λ θ.

    Claims
        SGD-4  prove  IEEE(float16, float32, float64)  elementwise, λ > 0, NaN and inf included
               SGD(λ) on g is SGD(0) on ±g + λ θ, bit for bit, state included
    """
    param, state = begun(theta, dtype, buffer)
    step = functools.partial(sgd_step, param, state=state, lr=lr, momentum=momentum, dampening=dampening)
    whole = plus(-grad if maximize else grad, theta, weight_decay)
    return Both(step(grad=grad, weight_decay=weight_decay, maximize=maximize), step(grad=whole))


@admits
@ensure("SGD-5", lambda result: same_bits(result.one.param, result.other.param))
def along(
    theta: Any, grad: Any, buffer: Any, dtype: Any, lr: Any, momentum: Any, dampening: Any, nesterov: bool
) -> Both:
    """A step with momentum, and one without against what should be its direction.

    Claims
        SGD-5  prove  IEEE(float16, float32, float64)  elementwise, 0 < μ < 1, NaN and inf included
               a step goes against its new buffer b', with Nesterov against g + μ b', bit for bit; lr is no part of the buffer
    """
    param, state = begun(theta, dtype, buffer)
    one = sgd_step(param, grad, state, lr=lr, momentum=momentum, dampening=dampening, nesterov=nesterov)
    new = one.state.momentum_buffer
    towards = plus(grad, new, momentum) if nesterov else new
    return Both(one, sgd_step(param, towards, state, lr=lr))


@admits
@ensure("SGD-6", lambda result, theta, dtype: _rests_at(result, theta, dtype))
def no_rate(theta: Any, grad: Any, buffer: Any, dtype: Any, momentum: Any, dampening: Any) -> Stepped:
    """A step with a learning rate of 0.

    Claims
        SGD-6  prove  IEEE(float16, float32, float64)  elementwise, finite θ, |g| and |b| <= largest / 4
               lr = 0 changes no number of the parameter, and no bit unless θ = -0
    """
    param, state = begun(theta, dtype, buffer)
    return sgd_step(param, grad, state, lr=0.0, momentum=momentum, dampening=dampening)


def _rests_at(result: Stepped, theta: Any, dtype: Any) -> Any:
    after = result.param if result.state.master is None else result.state.master
    signs = (theta != 0) | ~np.signbit(theta)
    return np.all(
        (after == theta) & (result.param == theta.astype(dtype)) & ((np.signbit(after) == np.signbit(theta)) | ~signs)
    )


def _is_moderate(theta: Any, grad: Any, buffer: Any) -> Any:
    most = np.finfo(theta.dtype).max / 4
    small = np.isfinite(theta) & (np.abs(grad) <= most)
    return np.all(small if buffer is None else small & (np.abs(buffer) <= most))


# ---- the claims -----------------------------------------------------------------------------------------------------


def drawing(run: Run) -> Run:
    """The run with random arguments of moderate size: gradients and buffers of 0 where it asks for rest."""

    def draw(generator: random.Random) -> dict[str, Any]:
        values = {}
        for name, kind in run.inputs.items():
            values[name] = kind.random(generator)
            if isinstance(kind, Array) and kind.shape:
                element = 0.0 if run.function is rest and name != "theta" else generator.uniform(-4, 4)
                values[name] = np.array([element], kind.dtype)
            elif isinstance(kind, Array):
                values[name] = np.float64(generator.uniform(0.01, 0.99))
        return values

    return run.drawing(draw)


bugs = planting(sgd_step, planted, tries=200)


def _law_run(law: Callable[..., Any], dtype: Any, domain: Any, settings: tuple[str, ...], **fixed: Any) -> Any:
    def make(buffered: bool, **more: Any) -> Run:
        return Run(law, inputs(dtype, buffered, *settings, **fixed, **more), IEEE(), domain=domain)

    return make


ALL = ("lr", "momentum", "dampening", "weight_decay")
for dtype in FLOATS:
    name = np.dtype(dtype).name
    theory = f"IEEE({name})"
    claim = functools.partial(prove, variant=name, theory=theory)

    rest_runs = [("", _rest_run(dtype, buffered, nesterov)) for buffered in (True, False) for nesterov in (False, True)]
    claim(
        "SGD-2",
        rest,
        bound="elementwise, finite θ, lr finite in the working dtype",
        runs=functools.partial(list, rest_runs),
        twins=bugs(drawing(rest_runs[0][1]), "SGD-2", "unit direction"),
    )

    ascent_run = _law_run(ascent, dtype, None, ALL)
    claim(
        "SGD-3",
        ascent,
        bound="elementwise, NaN and inf included",
        runs=functools.partial(list, [("", ascent_run(True)), ("first: ", ascent_run(False))]),
        twins=bugs(drawing(ascent_run(True)), "SGD-3", "maximize late", "maximize forgotten"),
    )

    decay_run = _law_run(decay, dtype, lambda weight_decay: weight_decay > 0, ALL)
    claim(
        "SGD-4",
        decay,
        bound="elementwise, λ > 0, NaN and inf included",
        runs=functools.partial(
            list,
            [("", decay_run(first, maximize=up)) for first in (True, False) for up in (False, True)],
        ),
        twins=bugs(drawing(decay_run(True, maximize=False)), "SGD-4", "decoupled decay", "no decay"),
    )

    along_run = _law_run(along, dtype, lambda momentum: momentum > 0, ("lr", "momentum"), dampening=0.0, nesterov=True)
    damped_run = _law_run(along, dtype, lambda momentum: momentum > 0, ("lr", "momentum", "dampening"), nesterov=False)
    claim(
        "SGD-5",
        along,
        bound="elementwise, 0 < μ < 1, NaN and inf included",
        runs=functools.partial(
            list, [("", each(first)) for first in (True, False) for each in (along_run, damped_run)]
        ),
        twins=[
            *bugs(drawing(along_run(True)), "SGD-5", "old buffer"),
            *bugs(drawing(damped_run(True)), "SGD-5", "rate in the buffer"),
        ],
    )

    idle_run = _law_run(no_rate, dtype, _is_moderate, ("momentum", "dampening"))
    claim(
        "SGD-6",
        no_rate,
        bound="elementwise, finite θ, |g| and |b| <= largest / 4",
        runs=functools.partial(list, [("", idle_run(True)), ("first: ", idle_run(False))]),
        twins=bugs(drawing(idle_run(True)), "SGD-6", "rate in the buffer"),
    )
