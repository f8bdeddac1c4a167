"""RMSprop: gradient descent by the gradient over the root of its mean square.

What holds for all optimizers (dtypes, master copies, what is not finite) stands in `reference.optimizer.steps`.

Sources: Hinton, "Neural Networks for Machine Learning", lecture 6e (2012); centered: Graves, "Generating Sequences With
Recurrent Neural Networks" (2013), equations 38 to 45; both in the form of `torch.optim.RMSprop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.adam import first_moment, second_moment
from reference.contracts import ensure
from reference.hyperparameters import working_dtype
from reference.optimizer import Optimizer
from reference.optimizer.clauses import (
    asks,
    exact_where,
    is_begun,
    is_step,
    largest_of,
    least_of,
    parameter,
    state_of,
    unit_of,
)
from reference.optimizer.steps import Stepped, coupled_decay, master_copy, stepped, uphill, working_copy
from reference.sgd import plus
from reference.validation import as_float64

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class RMSpropState:
    """What RMSprop keeps of one parameter: how many steps it made, and arrays of the parameter's shape.

    ``grad_avg`` is ``None`` until the first centered step, ``momentum_buffer`` until the first with momentum: both begin at 0.
    ``master`` is there for float16 and bfloat16 parameters only.
    """

    step: int
    square_avg: Any
    grad_avg: Any = None
    momentum_buffer: Any = None
    master: Any = None


@ensure("RMS-1", lambda result, square_avg, grad_avg: np.all((result >= 0) | ~_are_ordinary(square_avg, grad_avg)))
@ensure("RMS-2", lambda result, square_avg, grad_avg: np.all(_is_variance(result, square_avg, grad_avg)))
def variance(square_avg: Any, grad_avg: Any) -> Any:
    """The mean square less the square of the mean, never below 0: max(v - ḡ², 0).

    Of real numbers, v - ḡ² is never negative. Of floats it is, for a gradient that hardly changes: torch takes the root of
    what it gets, and the parameter becomes NaN.

    Claims
        RMS-1  prove  IEEE(float16, float32, float64)  elementwise, all finite v >= 0 and ḡ  a number from 0 on, never NaN
        RMS-2  prove  Rounded(float16, float32, float64)  elementwise, v >= 0, v and ḡ² <= largest / 4
               within 2 u (v + ḡ²) and one least subnormal of max(v - ḡ², 0)
    """
    spread = square_avg - grad_avg * grad_avg
    return np.where(spread < 0, square_avg.dtype.type(0), spread)


def _are_ordinary(square_avg: Any, grad_avg: Any) -> Any:
    return np.isfinite(square_avg) & np.isfinite(grad_avg) & (square_avg >= 0)


def _is_variance(result: Any, square_avg: Any, grad_avg: Any) -> Any:
    unit, least, quarter = unit_of(result.dtype), least_of(result.dtype), largest_of(result.dtype) / 4
    there = _are_ordinary(square_avg, grad_avg)
    square, mean = exact_where(there, square_avg, grad_avg)
    (found,) = exact_where(np.isfinite(result), result)
    true, slack = square - mean**2, 2 * unit * (square + mean**2) + least
    above = (found - true <= slack) | (found <= slack)
    within = np.isfinite(result) & above & (true - found <= slack)
    return ~there | (square > quarter) | (mean**2 > quarter) | within


@ensure("RMS-3", lambda result, square_avg, eps: np.all((result >= eps.astype(result.dtype)) | ~(square_avg >= 0)))
def denominator(square_avg: Any, eps: Any) -> Any:
    """√v + ε: epsilon outside the root.

    Claims
        RMS-3  prove  IEEE(float16, float32, float64)  elementwise, v >= 0, eps >= 0  at least ε, so no division by 0
    """
    return np.sqrt(square_avg) + eps.astype(square_avg.dtype)


def _or_zeros(array: Any, like: Any) -> Any:
    """An array of a state, or what it begins with."""
    return np.zeros(like.shape, like.dtype) if array is None else array


@parameter
@ensure("RMS-5", lambda result, param: is_begun(result, param, "square_avg"))
def rmsprop_state(param: Array) -> RMSpropState:
    """The state of a parameter before its first step: a mean square of 0.

    Parameters: param, float16, bfloat16, float32 or float64 array of any shape.

    Claims
        RMS-5  prove  IEEE(float16, float32, float64)  n = 2  no steps, v = 0, a master copy where one is needed
    """
    return RMSpropState(0, np.zeros(param.shape, working_dtype(param.dtype)), None, None, master_copy(param))


@asks(state_of(RMSpropState, "rmsprop_state"))
@ensure(
    "RMS-4",
    lambda result, param, grad, state, lr, alpha, eps, weight_decay, momentum, centered, maximize: is_step(
        result,
        param,
        state,
        *_written_out(param, grad, state, (lr, alpha, eps, weight_decay, momentum), centered, maximize),
    ),
)
def rmsprop_step(
    param: Array,
    grad: Array,
    state: RMSpropState,
    *,
    lr: Any = 1e-2,
    alpha: Any = 0.99,
    eps: Any = 1e-8,
    weight_decay: Any = 0.0,
    momentum: Any = 0.0,
    centered: bool = False,
    maximize: bool = False,
) -> Stepped:
    """One step of RMSprop. No average is corrected for its start at 0: the first step is 1 / √(1 - α) times lr.

    g' = ±g + λ θ                        minus where maximize
    v' = α v + (1 - α) g'²
    u  = g' / (√v' + ε)                  where centered: g' / (√max(v' - ḡ'², 0) + ε), ḡ' = α ḡ + (1 - α) g'
    b' = μ b + u                         without momentum u itself
    θ' = θ - lr b'

    Names and defaults are those of `torch.optim.RMSprop`, which takes an ε of 0 and a momentum from 1 on, here errors, and does
    not keep a variance from being negative. Where centered, a gradient that does not change has no variance, and the step
    grows toward lr g / ε.

    Parameters: param, float16, bfloat16, float32 or float64 array of any shape; grad, of its shape, and of its dtype or that
    of the state; state, from `rmsprop_state` or an earlier step; lr and weight_decay, finite numbers from 0 on; alpha and
    momentum, numbers in [0, 1); eps, a number from the least normal of the state's dtype on. They are used in float64.
    Centering and momentum may come and go between steps: without them, their averages stay as they are.
    Returns: the new parameter and state. Nothing is written into.
    Raises: TypeError or ValueError naming the argument at fault.

    Claims
        RMS-4  prove  IEEE(float16, float32, float64)  elementwise, any state, each option, settings 0 or > 0
               the bits of the recurrence in this order of operations, each rounded once; one step more is counted
    """
    lr, alpha, eps, weight_decay, momentum = map(as_float64, (lr, alpha, eps, weight_decay, momentum))
    with np.errstate(all="ignore"):
        theta = working_copy(param, state.master)
        g = coupled_decay(theta, uphill(grad.astype(theta.dtype), maximize), weight_decay)
        square_avg = second_moment(state.square_avg, g, alpha)
        grad_avg = first_moment(_or_zeros(state.grad_avg, g), g, alpha) if centered else state.grad_avg
        u = g / denominator(variance(square_avg, grad_avg) if centered else square_avg, eps)
        buffer = state.momentum_buffer
        if momentum != 0:
            u = buffer = plus(u, _or_zeros(buffer, g), momentum)
        parts = (state.step + 1, square_avg, grad_avg, buffer)
        return stepped(param, plus(theta, u, -lr), RMSpropState, *parts)


def _written_out(
    param: Array,
    grad: Array,
    state: RMSpropState,
    settings: tuple[Any, Any, Any, Any, Any],
    centered: bool,
    maximize: bool,
) -> tuple[Any, Any, Any, Any]:
    """θ', v', ḡ' and b' as one sequence of operations."""
    theta = param if state.master is None else state.master
    lr, alpha, eps, decay, momentum = map(as_float64, settings)
    keep, new, zeros = alpha.astype(theta.dtype), (1 - alpha).astype(theta.dtype), np.zeros(theta.shape, theta.dtype)
    mean, buffer = state.grad_avg, state.momentum_buffer
    with np.errstate(all="ignore"):
        g = -grad.astype(theta.dtype) if maximize else grad.astype(theta.dtype)
        g = g + decay.astype(theta.dtype) * theta if decay != 0 else g
        square = keep * state.square_avg + new * g * g
        spread = square
        if centered:
            mean = keep * (zeros if mean is None else mean) + new * g
            spread = np.where(square - mean * mean < 0, zeros, square - mean * mean)
        u = g / (np.sqrt(spread) + eps.astype(theta.dtype))
        if momentum != 0:
            u = buffer = u + momentum.astype(theta.dtype) * (zeros if buffer is None else buffer)
        return theta + (-lr).astype(theta.dtype) * u, square, mean, buffer


class RMSprop(Optimizer):
    """RMSprop on all parameters, each by `rmsprop_step`; names and defaults are those of `torch.optim.RMSprop`."""

    start = staticmethod(rmsprop_state)
    one_step = staticmethod(rmsprop_step)

    def __init__(
        self,
        params: Sequence[Any],
        lr: Any = 1e-2,
        *,
        alpha: Any = 0.99,
        eps: Any = 1e-8,
        weight_decay: Any = 0.0,
        momentum: Any = 0.0,
        centered: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )
