"""Lion: steps of one size, against the sign of an average of gradients.

What holds for all optimizers (dtypes, master copies, what is not finite) stands in `reference.optimizer.steps`.

Source: Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023), algorithm 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.adam import Betas, first_moment
from reference.contracts import ensure
from reference.hyperparameters import working_dtype
from reference.optimizer import Optimizer
from reference.optimizer.clauses import asks, is_begun, is_step, parameter, state_of
from reference.optimizer.steps import Stepped, decoupled_decay, master_copy, stepped, uphill, working_copy
from reference.validation import as_float64

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class LionState:
    """What Lion keeps of one parameter: how many steps it made, and arrays of the parameter's shape.

    ``master`` is there for float16 and bfloat16 parameters only.
    """

    step: int
    exp_avg: Any
    master: Any = None


@ensure("LION-1", lambda result, theta, x, lr: np.all(_is_one_move(result, theta, x, lr)))
def moved(theta: Any, x: Any, lr: Any) -> Any:
    """θ - lr · sign(x): the size of a step is lr, whatever the gradient. Where x is 0, nothing moves; NaN makes NaN.

    Claims
        LION-1  prove  IEEE(float16, float32, float64)  elementwise, lr >= 0, θ no NaN
                θ - lr, θ + lr or θ, lr rounded to the dtype of θ; NaN where x is NaN
    """
    rate = lr.astype(theta.dtype)
    return np.where(x > 0, theta - rate, np.where(x < 0, theta + rate, theta + x))


def _is_one_move(result: Any, theta: Any, x: Any, lr: Any) -> Any:
    rate = lr.astype(theta.dtype)
    down, up, still = (
        (x > 0) & (result == theta - rate),
        (x < 0) & (result == theta + rate),
        (x == 0) & (result == theta),
    )
    return down | up | still | np.isnan(theta) | np.isnan(theta - rate) | np.isnan(theta + rate) | _both_nan(result, x)


def _both_nan(x: Any, y: Any) -> Any:
    return np.isnan(x) & np.isnan(y)


@parameter
@ensure("LION-4", lambda result, param: is_begun(result, param, "exp_avg"))
def lion_state(param: Array) -> LionState:
    """The state of a parameter before its first step: an average of 0.

    Parameters: param, float16, bfloat16, float32 or float64 array of any shape.

    Claims
        LION-4  prove  IEEE(float16, float32, float64)  n = 2  no steps, m = 0, a master copy where one is needed
    """
    return LionState(0, np.zeros(param.shape, working_dtype(param.dtype)), master_copy(param))


@asks(state_of(LionState, "lion_state"))
@ensure(
    "LION-3",
    lambda result, param, grad, state, lr, betas, weight_decay, maximize: is_step(
        result, param, state, *_written_out(param, grad, state, (lr, *betas, weight_decay), maximize)
    ),
)
def lion_step(
    param: Array,
    grad: Array,
    state: LionState,
    *,
    lr: Any = 1e-4,
    betas: Betas = (0.9, 0.99),
    weight_decay: Any = 0.0,
    maximize: bool = False,
) -> Stepped:
    """One step of Lion.

    g' = ±g                                  minus where maximize
    c  = β₁ m + (1 - β₁) g'
    θ' = θ (1 - lr λ) - lr sign(c)
    m' = β₂ m + (1 - β₂) g'                  decays slower than c: the step looks more at this gradient than m' will

    Defaults are the paper's, whose formula is θ - lr (sign(c) + λ θ); the order here, decay first, is that of its authors' code
    and of AdamW. The decay is decoupled, so neither c nor m' sees it. Where c is 0, nothing but the decay moves.

    Parameters: param, float16, bfloat16, float32 or float64 array of any shape; grad, of its shape, and of its dtype or that
    of the state; state, from `lion_state` or an earlier step; lr and weight_decay, finite numbers from 0 on; betas, two
    numbers in [0, 1). They are used in float64 and rounded once, 1 - β and 1 - lr λ too.
    Returns: the new parameter and state. Nothing is written into.
    Raises: TypeError or ValueError naming the argument at fault.

    Claims
        LION-3  prove  IEEE(float16, float32, float64)  elementwise, any state, each option, settings 0 or > 0
                the bits of the recurrence in this order of operations, each rounded once; one step more is counted
    """
    lr, weight_decay, now, later = map(as_float64, (lr, weight_decay, *betas))
    with np.errstate(all="ignore"):
        theta = working_copy(param, state.master)
        g = uphill(grad.astype(theta.dtype), maximize)
        theta = moved(decoupled_decay(theta, lr, weight_decay), first_moment(state.exp_avg, g, now), lr)
        return stepped(param, theta, LionState, state.step + 1, first_moment(state.exp_avg, g, later))


def _written_out(
    param: Array, grad: Array, state: LionState, settings: tuple[Any, Any, Any, Any], maximize: bool
) -> tuple[Any, Any]:
    """θ' and m' as one sequence of operations."""
    theta, m = param if state.master is None else state.master, state.exp_avg
    lr, now, later, decay = map(as_float64, settings)
    rate = lr.astype(theta.dtype)
    with np.errstate(all="ignore"):
        g = -grad.astype(theta.dtype) if maximize else grad.astype(theta.dtype)
        c = now.astype(theta.dtype) * m + (1 - now).astype(theta.dtype) * g
        shrunk = theta * (1 - lr * decay).astype(theta.dtype)
        mean = later.astype(theta.dtype) * m + (1 - later).astype(theta.dtype) * g
        return np.where(c > 0, shrunk - rate, np.where(c < 0, shrunk + rate, shrunk + c)), mean


class Lion(Optimizer):
    """Lion on all parameters, each by `lion_step`; names and defaults are the paper's."""

    start = staticmethod(lion_state)
    one_step = staticmethod(lion_step)

    def __init__(
        self,
        params: Sequence[Any],
        lr: Any = 1e-4,
        *,
        betas: Betas = (0.9, 0.99),
        weight_decay: Any = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize)
