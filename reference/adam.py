"""Adam and AdamW: gradient descent by the mean of past gradients over the root of their mean square.

The step is Algorithm 1 of the paper, ε outside the bias correction; the form with ε̂ of its section 2 has a function of its
own. What holds for all optimizers (dtypes, master copies, what is not finite) stands in `reference.optimizer.steps`.

Sources: Kingma & Ba, "Adam: A Method for Stochastic Optimization" (2015); Loshchilov & Hutter, "Decoupled Weight Decay
Regularization" (2019); Reddi, Kale & Kumar, "On the Convergence of Adam and Beyond" (2018).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reference.adam_clauses import (
    are_finite_both,
    has_sign,
    is_bounded_mean,
    is_maximum,
    is_mean,
    is_mean_square,
    is_written_out,
)
from reference.contracts import ensure, require
from reference.elementary import pow  # noqa: A004
from reference.elementwise import in_blocks
from reference.hyperparameters import average, count_error, flag, is_count, working_dtype
from reference.optimizer.clauses import asks, is_begun, is_state_of, parameter, state_error
from reference.optimizer.steps import (
    Stepped,
    coupled_decay,
    decoupled_decay,
    master_copy,
    uphill,
    working_copy,
)
from reference.validation import as_float64

Array = npt.NDArray[Any]
Betas = tuple[Any, Any]


@dataclass(frozen=True)
class AdamState:
    """What Adam keeps of one parameter: how many steps it made, and arrays of the parameter's shape.

    ``max_exp_avg_sq`` is there for AMSGrad only, ``master`` for float16 and bfloat16 parameters only.
    """

    step: int
    exp_avg: Any
    exp_avg_sq: Any
    max_exp_avg_sq: Any = None
    master: Any = None


class Moments(NamedTuple):
    """The averages of a step; the largest second moment is ``None`` without AMSGrad."""

    exp_avg: Any
    exp_avg_sq: Any
    max_exp_avg_sq: Any


class Rates(NamedTuple):
    """What all elements of a step share, in float64: what multiplies the change, and what makes its divisor."""

    step_size: Any
    root: Any
    eps: Any


class Elements(NamedTuple):
    """Parameters and moments after a step."""

    theta: Any
    moments: Moments


@average("beta")
@ensure("ADAM-1", lambda result, exp_avg, grad: np.all(is_bounded_mean(result, exp_avg, grad)))
@ensure("ADAM-7", lambda result, exp_avg, grad, beta: np.all(is_mean(result, exp_avg, grad, beta)))
def first_moment(exp_avg: Any, grad: Any, beta: Any) -> Any:
    """The mean of past gradients, β m + (1 - β) g; 1 - β is taken in float64 and rounded once.

    torch computes m + (1 - β)(g - m), which overflows where g - m does.

    Claims
        ADAM-1  prove  Rounded(float16, float32, float64)  elementwise, |m|, |g| <= largest / 2
                |m'| <= (1 + 4 u) max(|m|, |g|), up to two of the least subnormal
        ADAM-7  prove  Rounded(float16, float32, float64)  elementwise, |m|, |g| <= largest / 2
                m' is within 3 u (β |m| + (1 - β) |g|) of β m + (1 - β) g, β and 1 - β rounded, up to two least subnormals
    """
    return beta.astype(exp_avg.dtype) * exp_avg + (1 - beta).astype(exp_avg.dtype) * grad


@average("beta")
@ensure(
    "ADAM-2",
    lambda result, exp_avg_sq, grad: np.all((result >= 0) | ~(are_finite_both(exp_avg_sq, grad) & (exp_avg_sq >= 0))),
)
@ensure("ADAM-3", lambda result, exp_avg_sq, grad, beta: np.all(is_mean_square(result, exp_avg_sq, grad, beta)))
def second_moment(exp_avg_sq: Any, grad: Any, beta: Any) -> Any:
    """The mean of past squares, β v + ((1 - β) g) g: in this order it overflows only where the result does.

    Claims
        ADAM-2  prove  IEEE(float16, float32, float64)  elementwise, all finite  v >= 0 makes v' >= 0
        ADAM-3  prove  Rounded(float16, float32, float64)  elementwise, β v + (1 - β) g² <= (1 - 16 u) largest
                nothing overflows, and v' is within 4 u of β v + (1 - β) g², β and 1 - β rounded, up to 2 (1 + |g|) least subnormals
    """
    return beta.astype(exp_avg_sq.dtype) * exp_avg_sq + ((1 - beta).astype(exp_avg_sq.dtype) * grad) * grad


@ensure("ADAM-4", lambda result, max_exp_avg_sq, exp_avg_sq: np.all(is_maximum(result, max_exp_avg_sq, exp_avg_sq)))
def largest_second_moment(max_exp_avg_sq: Any, exp_avg_sq: Any) -> Any:
    """AMSGrad's largest second moment so far, before any bias correction, as in torch; NaN wins.

    Claims
        ADAM-4  prove  IEEE(float16, float32, float64)  elementwise  it never decreases, and is at least v'
    """
    return np.maximum(max_exp_avg_sq, exp_avg_sq)


@average("beta")
@require(lambda step: is_count(step) and step > 0, lambda step: count_error("step", step))
@ensure("ADAM-5", lambda result: (result > 0) & (result <= 1))
def bias_correction(beta: Any, step: int) -> Any:
    """1 - βᵗ in float64: what a moving average that began at 0 has to be divided by.

    Parameters: beta, float64; step, counted from 1. From 1 - βᵗ == 1 on (t = 356 for β = 0.9) nothing is corrected.

    Claims
        ADAM-5  exhaust  IEEE(float64)  β = 0.9, 0.95, 0.98, 0.99, 0.999, t <= 40,000  in (0, 1]
    """
    return 1 - pow(beta, np.float64(step))


@ensure("ADAM-6", lambda result, exp_avg_sq, eps: np.all((result >= eps.astype(result.dtype)) | ~(exp_avg_sq >= 0)))
def denominator(exp_avg_sq: Any, root: Any, eps: Any) -> Any:
    """√v / √(1 - β₂ᵗ) + ε, and so never √(v / (1 - β₂ᵗ)), whose argument can overflow.

    Parameters: root, √(1 - β₂ᵗ), and eps, both float64, rounded to the dtype of v.

    Claims
        ADAM-6  prove  IEEE(float16, float32)  elementwise, 0 < root <= 1, eps > 0  at least ε
    """
    return np.sqrt(exp_avg_sq) / root.astype(exp_avg_sq.dtype) + eps.astype(exp_avg_sq.dtype)


@ensure("ADAM-9", lambda result, exp_avg, divisor, step_size: np.all(has_sign(result, exp_avg, divisor, step_size)))
def change(exp_avg: Any, divisor: Any, step_size: Any) -> Any:
    """What a step subtracts from a parameter: step_size · (m / divisor), step_size rounded to the dtype of m.

    Claims
        ADAM-9  prove  IEEE(float16, float32, float64)  elementwise, divisor > 0, step_size >= 0  0, NaN or of the sign of m
    """
    return step_size.astype(exp_avg.dtype) * (exp_avg / divisor)


@ensure("ADAM-8", lambda result, step: result > step)
def next_step(step: int) -> int:
    """The count of a step more, a Python int: in bfloat16 it would stay at 256 for ever.

    Claims
        ADAM-8  prove  Real  every whole number  it strictly increases
    """
    return step + 1


def moved(theta: Any, grad: Any, moments: Moments, betas: Betas, rates: Rates) -> Elements:
    """One step of every element.

    m' = β₁ m + (1 - β₁) g
    v' = β₂ v + (1 - β₂) g²
    θ' = θ - step_size · m' / (√v' / root + ε),  with AMSGrad max(v_max, v') instead of v'
    """
    exp_avg = first_moment(moments.exp_avg, grad, betas[0])
    exp_avg_sq = second_moment(moments.exp_avg_sq, grad, betas[1])
    largest = moments.max_exp_avg_sq
    if largest is not None:
        largest = largest_second_moment(largest, exp_avg_sq)
    divisor = denominator(exp_avg_sq if largest is None else largest, rates.root, rates.eps)
    return Elements(
        theta - change(exp_avg, divisor, rates.step_size),
        Moments(exp_avg, exp_avg_sq, largest),
    )


def algorithm_1(lr: Any, betas: Betas, eps: Any, step: int) -> Rates:
    """The paper's Algorithm 1: ε is added to the corrected root. lr / (1 - β₁ᵗ), √(1 - β₂ᵗ) and ε, in float64."""
    return Rates(lr / bias_correction(betas[0], step), np.sqrt(bias_correction(betas[1], step)), eps)


def epsilon_hat(lr: Any, betas: Betas, eps: Any, step: int) -> Rates:
    """The order of the paper's section 2, end: ε̂ is added to the root before it is corrected, as TensorFlow does it.

    lr √(1 - β₂ᵗ) / (1 - β₁ᵗ), 1 and ε̂. Algorithm 1 with ε is this with ε̂ = ε √(1 - β₂ᵗ).
    """
    root = np.sqrt(bias_correction(betas[1], step))
    return Rates(lr * root / bias_correction(betas[0], step), np.float64(1), eps)


@parameter
@flag("amsgrad")
@ensure("ADAM-17", lambda result, param, amsgrad: is_begun(result, param, *_moments(amsgrad)))
def adam_state(param: Array, *, amsgrad: bool = False) -> AdamState:
    """The state of a parameter before its first step.

    Parameters: param, float16, bfloat16, float32 or float64 array of any shape; amsgrad, whether the largest second
    moment is kept.

    Claims
        ADAM-17  prove  IEEE(float16, float32, float64)  n <= 2  no steps, moments of 0, param what its master copy rounds to
    """
    zeros = {name: np.zeros(param.shape, working_dtype(param.dtype)) for name in _moments(amsgrad)}
    return AdamState(0, **zeros, master=master_copy(param))


def _moments(amsgrad: bool) -> tuple[str, ...]:
    """The moments that a state has."""
    return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if amsgrad else ("exp_avg", "exp_avg_sq")


_asks = asks(
    require(
        lambda state, param, amsgrad: is_state_of(state, AdamState, param, max_exp_avg_sq=amsgrad),
        lambda state, param, amsgrad: state_error(
            state, AdamState, param, "an AdamState, as adam_state makes it", max_exp_avg_sq=amsgrad
        ),
    )
)


def _is_step(**kind: bool) -> Callable[..., Any]:
    """The clause that a step is what is written out for its kind."""
    return lambda result, param, grad, state, lr, betas, eps, weight_decay, amsgrad, maximize: is_written_out(
        result, (param, grad, state), (lr, betas, eps, weight_decay), amsgrad=amsgrad, maximize=maximize, **kind
    )


@_asks
@ensure("ADAM-14", _is_step())
def adam_step(
    param: Array,
    grad: Array,
    state: AdamState,
    *,
    lr: Any = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: Any = 1e-8,
    weight_decay: Any = 0.0,
    amsgrad: bool = False,
    maximize: bool = False,
) -> Stepped:
    """One step of Adam, Algorithm 1 of Kingma & Ba, ε outside the bias correction.

    t' = t + 1
    g' = ±g + λ θ                                            minus where maximize
    m' = β₁ m + (1 - β₁) g'
    v' = β₂ v + (1 - β₂) g'²
    θ' = θ - lr / (1 - β₁ᵗ') · m' / (√v' / √(1 - β₂ᵗ') + ε)    with amsgrad max(v_max, v') instead of v'

    Names and defaults are those of `torch.optim.Adam`. The decay is part of the gradient, so the moments contain it: AdamW
    is another function. torch takes an ε of 0; here that is an error, for g² underflows where g does not.

    Parameters: param, float16, bfloat16, float32 or float64 array of any shape; grad, of its shape, and of its dtype or that
    of the state; state, from `adam_state` or an earlier step; lr and weight_decay, finite numbers from 0 on; betas, two
    numbers in [0, 1); eps, a number from the least normal of the state's dtype on. They are used in float64.
    Returns: the new parameter and state. Nothing is written into.
    Raises: TypeError or ValueError naming the argument at fault.

    Claims
        ADAM-14  prove  IEEE(float16, float32, float64)  elementwise, any state, default β, all options
                 the bits of `reference.adam_clauses.written_out`
    """
    decay = as_float64(weight_decay)
    return _stepped(
        (param, grad, state),
        (lr, betas, eps),
        algorithm_1,
        maximize,
        lambda theta, g: (theta, coupled_decay(theta, g, decay)),
    )


@_asks
@ensure("ADAM-16", _is_step(hat=True))
def epsilon_hat_step(
    param: Array,
    grad: Array,
    state: AdamState,
    *,
    lr: Any = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: Any = 1e-8,
    weight_decay: Any = 0.0,
    amsgrad: bool = False,
    maximize: bool = False,
) -> Stepped:
    """One step of Adam in the other form: ``eps`` is the paper's ε̂, added to √v' before the bias correction.

    θ' = θ - lr √(1 - β₂ᵗ') / (1 - β₁ᵗ') · m' / (√v' + ε̂)

    At the first step with β₂ = 0.999 an ε̂ acts as an ε 31.6 times as large. All else is as in `adam_step`.

    Claims
        ADAM-16  prove  IEEE(float16, float32, float64)  elementwise, any state, default β, all options
                 the bits of `reference.adam_clauses.written_out`
    """
    decay = as_float64(weight_decay)
    return _stepped(
        (param, grad, state),
        (lr, betas, eps),
        epsilon_hat,
        maximize,
        lambda theta, g: (theta, coupled_decay(theta, g, decay)),
    )


@_asks
@ensure("ADAM-15", _is_step(decoupled=True))
def adamw_step(
    param: Array,
    grad: Array,
    state: AdamState,
    *,
    lr: Any = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: Any = 1e-8,
    weight_decay: Any = 1e-2,
    amsgrad: bool = False,
    maximize: bool = False,
) -> Stepped:
    """One step of AdamW: as `adam_step`, but the decay shrinks the parameter itself, before the step, and no moment sees it.

    θ' = θ (1 - lr λ) - lr / (1 - β₁ᵗ') · m' / (√v' / √(1 - β₂ᵗ') + ε)

    Names, defaults and order are those of `torch.optim.AdamW`; in the paper, lr is split into α and a schedule η, and only
    η multiplies λ.

    Claims
        ADAM-15  prove  IEEE(float16, float32, float64)  elementwise, any state, default β, all options
                 the bits of `reference.adam_clauses.written_out`
    """
    rate, decay = as_float64(lr), as_float64(weight_decay)
    return _stepped(
        (param, grad, state),
        (lr, betas, eps),
        algorithm_1,
        maximize,
        lambda theta, g: (decoupled_decay(theta, rate, decay), g),
    )


def _stepped(
    given: tuple[Array, Array, AdamState],
    settings: tuple[Any, Betas, Any],
    form: Callable[..., Rates],
    maximize: bool,
    decayed: Callable[[Any, Any], tuple[Any, Any]],
) -> Stepped:
    """A step in the working dtype, in blocks, the parameter rounded once from its master copy."""
    param, grad, state = given
    lr, betas, eps = as_float64(settings[0]), tuple(map(as_float64, settings[1])), as_float64(settings[2])
    step = next_step(state.step)
    rates = form(lr, betas, eps, step)

    def block(param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, largest: Any, master: Any) -> tuple[Any, ...]:
        wide = grad.astype(exp_avg.dtype, copy=False)
        theta, g = decayed(working_copy(param, master), uphill(wide, maximize))
        after = moved(theta, g, Moments(exp_avg, exp_avg_sq, largest), betas, rates)
        return after.theta.astype(param.dtype, copy=False), *after.moments, None if master is None else after.theta

    with np.errstate(all="ignore"):
        after = in_blocks(block, param, grad, state.exp_avg, state.exp_avg_sq, state.max_exp_avg_sq, state.master)
    return Stepped(after[0], AdamState(step, *after[1:]))
