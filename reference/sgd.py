"""Stochastic gradient descent, with momentum, Nesterov's look ahead and weight decay.

What holds for all optimizers (dtypes, master copies, what is not finite) stands in `reference.optimizer.steps`.

Sources: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964); Sutskever, Martens, Dahl & Hinton,
"On the importance of initialization and momentum in deep learning" (2013), in the form of `torch.optim.SGD`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.contracts import ensure, require
from reference.optimizer import Optimizer
from reference.optimizer.clauses import (
    asks,
    exact_where,
    is_begun,
    is_near,
    is_step,
    largest_of,
    least_of,
    parameter,
    state_of,
    unit_of,
)
from reference.optimizer.steps import Stepped, coupled_decay, master_copy, stepped, uphill, working_copy
from reference.validation import as_float64

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class SGDState:
    """What SGD keeps of one parameter: how many steps it made, and arrays of the parameter's shape.

    ``momentum_buffer`` is ``None`` until the first step with momentum, ``master`` is there for float16 and bfloat16 parameters
    only.
    """

    step: int
    momentum_buffer: Any = None
    master: Any = None


@ensure("SGD-1", lambda result, x, y, factor: np.all(_is_sum(result, x, y, factor)))
def plus(x: Any, y: Any, factor: Any) -> Any:
    """x + factor · y, the factor a float64 scalar rounded to the dtype of x; three roundings, none fused.

    Claims
        SGD-1  prove  Rounded(float16, float32, float64)  elementwise, |x|, |factor|, |factor y| <= largest / 4
               within u |x + factor y| + 2 u |factor y| and one least subnormal of x + factor y, the factor rounded
    """
    return x + factor.astype(x.dtype) * y


def _is_sum(result: Any, x: Any, y: Any, factor: Any) -> Any:
    unit, least, quarter = unit_of(x.dtype), least_of(x.dtype), largest_of(x.dtype) / 4
    rate = factor.astype(x.dtype)
    there = np.isfinite(x) & np.isfinite(y) & np.isfinite(rate)
    start, share, towards = exact_where(there, x, rate, y)
    term = share * towards
    true = start + term
    slack = unit * np.abs(true) + 2 * unit * np.abs(term) + least
    return ~there | (np.abs(start) > quarter) | (np.abs(term) > quarter) | is_near(result, true, slack)


def accumulated(momentum_buffer: Any, grad: Any, momentum: Any, dampening: Any) -> Any:
    """The momentum buffer after a gradient: the gradient itself at first, undampened; then μ b + (1 - τ) g."""
    if momentum_buffer is None:
        return grad
    return plus(momentum.astype(grad.dtype) * momentum_buffer, grad, 1 - dampening)


def direction(momentum_buffer: Any, grad: Any, momentum: Any, nesterov: bool) -> Any:
    """What the parameter goes against: the buffer, or with Nesterov's look ahead g + μ b."""
    return plus(grad, momentum_buffer, momentum) if nesterov else momentum_buffer


def _can_look_ahead(nesterov: bool, momentum: Any, dampening: Any) -> Any:
    return not nesterov or ((momentum > 0) & (dampening == 0))


def _nesterov_error(momentum: Any, dampening: Any) -> ValueError:
    return ValueError(
        f"nesterov needs a momentum > 0 and no dampening, got momentum {momentum} and dampening {dampening}"
    )


@parameter
@ensure("SGD-8", lambda result, param: is_begun(result, param))
def sgd_state(param: Array) -> SGDState:
    """The state of a parameter before its first step.

    Parameters: param, float16, bfloat16, float32 or float64 array of any shape.

    Claims
        SGD-8  prove  IEEE(float16, float32, float64)  n = 2  no steps, no buffer, a master copy where one is needed
    """
    return SGDState(0, None, master_copy(param))


@asks(state_of(SGDState, "sgd_state"))
@require(
    lambda nesterov, momentum, dampening: _can_look_ahead(nesterov, momentum, dampening),
    lambda momentum, dampening: _nesterov_error(momentum, dampening),
)
@ensure(
    "SGD-7",
    lambda result, param, grad, state, lr, momentum, dampening, weight_decay, nesterov, maximize: is_step(
        result,
        param,
        state,
        *_written_out(param, grad, state, (lr, momentum, dampening, weight_decay), nesterov, maximize),
    ),
)
def sgd_step(
    param: Array,
    grad: Array,
    state: SGDState,
    *,
    lr: Any = 1e-3,
    momentum: Any = 0.0,
    dampening: Any = 0.0,
    weight_decay: Any = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> Stepped:
    """One step of gradient descent, against the gradient or against a running sum of gradients.

    g' = ±g + λ θ                  minus where maximize
    b' = μ b + (1 - τ) g'          b' = g' at the first step with momentum, whatever τ
    u  = g', without momentum; b', with it; g' + μ b' where nesterov
    θ' = θ - lr u

    Names, defaults and order are those of `torch.optim.SGD`: the learning rate multiplies the buffer, it is not part of it. torch
    fuses products and sums where the processor can, so its last bits differ; and it takes a momentum from 1 on and any
    dampening, here errors, for such a buffer grows without bound or forgets nothing.

    Parameters: param, float16, bfloat16, float32 or float64 array of any shape; grad, of its shape, and of its dtype or that
    of the state; state, from `sgd_state` or an earlier step; lr and weight_decay, finite numbers from 0 on; momentum and
    dampening, numbers in [0, 1). They are used in float64 and rounded once, 1 - τ too. nesterov needs momentum > 0 and no
    dampening. Momentum may come and go between steps: without it, the buffer stays as it is.
    Returns: the new parameter and state. Nothing is written into.
    Raises: TypeError or ValueError naming the argument at fault.

    Claims
        SGD-7  prove  IEEE(float16, float32, float64)  elementwise, any state, each option, settings 0 or > 0
               the bits of the recurrence in this order of operations, each rounded once; one step more is counted
    """
    lr, momentum, dampening, weight_decay = map(as_float64, (lr, momentum, dampening, weight_decay))
    with np.errstate(all="ignore"):
        theta = working_copy(param, state.master)
        u = coupled_decay(theta, uphill(grad.astype(theta.dtype), maximize), weight_decay)
        buffer = state.momentum_buffer
        if momentum != 0:
            buffer = accumulated(buffer, u, momentum, dampening)
            u = direction(buffer, u, momentum, nesterov)
        return stepped(param, plus(theta, u, -lr), SGDState, state.step + 1, buffer)


def _written_out(
    param: Array, grad: Array, state: SGDState, settings: tuple[Any, Any, Any, Any], nesterov: bool, maximize: bool
) -> tuple[Any, Any]:
    """θ' and b' as one sequence of operations."""
    theta = param if state.master is None else state.master
    lr, momentum, dampening, decay = map(as_float64, settings)
    rate, share, fresh = ((-lr).astype(theta.dtype), momentum.astype(theta.dtype), (1 - dampening).astype(theta.dtype))
    with np.errstate(all="ignore"):
        g = -grad.astype(theta.dtype) if maximize else grad.astype(theta.dtype)
        g = g + decay.astype(theta.dtype) * theta if decay != 0 else g
        if momentum == 0:
            return theta + rate * g, state.momentum_buffer
        buffer = g if state.momentum_buffer is None else share * state.momentum_buffer + fresh * g
        return theta + rate * (g + share * buffer if nesterov else buffer), buffer


class SGD(Optimizer):
    """Gradient descent on all parameters, each by `sgd_step`; names and defaults are those of `torch.optim.SGD`."""

    start = staticmethod(sgd_state)
    one_step = staticmethod(sgd_step)

    def __init__(
        self,
        params: Sequence[Any],
        lr: Any = 1e-3,
        *,
        momentum: Any = 0.0,
        dampening: Any = 0.0,
        weight_decay: Any = 0.0,
        nesterov: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )
