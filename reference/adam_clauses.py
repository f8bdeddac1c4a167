"""What the contracts of `reference.adam` say: accuracy of the moments in exact numbers, and the whole step written out.

These are statements, not steps of the computation: none of them runs unless contracts are checked or proven.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.elementary import pow  # noqa: A004
from reference.exactness import exact
from reference.optimizer.clauses import exact_where, is_near, is_step, largest_of, least_of, unit_of
from reference.validation import as_float64

Array = npt.NDArray[Any]


def are_finite_both(x: Array, y: Array) -> Any:
    """Where both are finite."""
    return np.isfinite(x) & np.isfinite(y)


def is_mean(result: Array, exp_avg: Array, grad: Array, beta: Any) -> Any:
    """Where m' is β m + (1 - β) g but for three roundings; true where nobody asks."""
    u, least, half = unit_of(result.dtype), least_of(result.dtype), largest_of(result.dtype) / 2
    ordinary = are_finite_both(exp_avg, grad)
    m, g = exact_where(ordinary, exp_avg, grad)
    old, new = exact(beta.astype(result.dtype)), exact((1 - beta).astype(result.dtype))
    near = is_near(result, old * m + new * g, 3 * u * (old * abs(m) + new * abs(g)) + 2 * least)
    return ~ordinary | near | (abs(m) > half) | (abs(g) > half)


def is_bounded_mean(result: Array, exp_avg: Array, grad: Array) -> Any:
    """Where |m'| is at most the larger of |m| and |g|, but for rounding; true where nobody asks."""
    u, least, half = unit_of(result.dtype), least_of(result.dtype), largest_of(result.dtype) / 2
    ordinary = are_finite_both(exp_avg, grad)
    (largest,) = exact_where(ordinary, np.maximum(np.abs(exp_avg), np.abs(grad)))
    (got,) = exact_where(np.isfinite(result), np.abs(result))
    within = np.isfinite(result) & (got <= (1 + 4 * u) * largest + 2 * least)
    return ~ordinary | within | (largest > half)


def mean_square(exp_avg_sq: Any, grad: Any, beta: Any, dtype: Any) -> Any:
    """β v + (1 - β) g² of exact numbers, β and 1 - β rounded to dtype."""
    return exact(beta.astype(dtype)) * exp_avg_sq + exact((1 - beta).astype(dtype)) * grad**2


def most_mean_square(dtype: Any) -> Fraction:
    """Up to here the second moment does not overflow."""
    return largest_of(dtype) * (1 - 16 * unit_of(dtype))


def is_mean_square(result: Array, exp_avg_sq: Array, grad: Array, beta: Any) -> Any:
    """Where v' is β v + (1 - β) g² but for four roundings; true where nobody asks."""
    u, least = unit_of(result.dtype), least_of(result.dtype)
    ordinary = are_finite_both(exp_avg_sq, grad) & (exp_avg_sq >= 0)
    v, g = exact_where(ordinary, exp_avg_sq, grad)
    true = mean_square(v, g, beta, result.dtype)
    near = is_near(result, true, 4 * u * true + 2 * least * (1 + abs(g)))
    return ~ordinary | near | (true > most_mean_square(result.dtype))


def is_maximum(result: Array, x: Array, y: Array) -> Any:
    """Where the result is the larger of both; true where one is NaN."""
    return ((result >= x) & (result >= y) & ((result == x) | (result == y))) | np.isnan(x) | np.isnan(y)


def has_sign(result: Array, exp_avg: Array, divisor: Array, step_size: Any) -> Any:
    """Where the result is 0, NaN or of the sign of m; true where nobody asks."""
    same = ((exp_avg < 0) | (result >= 0)) & ((exp_avg > 0) | (result <= 0))
    return same | np.isnan(result) | ~(divisor > 0) | ~(step_size >= 0)


def written_out(
    given: tuple[Array, Array, Any],
    settings: tuple[Any, Any, Any, Any],
    largest: Array | None,
    *,
    maximize: bool = False,
    decoupled: bool = False,
    hat: bool = False,
) -> list[Any]:
    """A step as one sequence of operations, each rounded once: what is stepped, and its moments.

    Parameters: given, parameter, gradient and state; settings, lr, betas, eps and weight_decay; largest, AMSGrad's maximum
    of v_max and v', or ``None``: of two zeros it may be either, which no result depends on.
    """
    param, grad, state = given
    dtype = state.exp_avg.dtype
    lr, beta1, beta2, eps, decay = (as_float64(x) for x in (settings[0], *settings[1], settings[2], settings[3]))
    t = np.float64(state.step + 1)
    c1, root = 1 - pow(beta1, t), np.sqrt(1 - pow(beta2, t))
    step_size, divided_by = (lr * root / c1, np.float64(1)) if hat else (lr / c1, root)

    theta = param if state.master is None else state.master
    g = -grad.astype(dtype) if maximize else grad.astype(dtype)
    if decoupled:
        theta = theta * (1 - lr * decay).astype(dtype)
    elif decay != 0:
        g = g + decay.astype(dtype) * theta
    m = beta1.astype(dtype) * state.exp_avg + (1 - beta1).astype(dtype) * g
    v = beta2.astype(dtype) * state.exp_avg_sq + ((1 - beta2).astype(dtype) * g) * g
    divisor = np.sqrt(v if largest is None else largest) / divided_by.astype(dtype) + eps.astype(dtype)
    return [theta - step_size.astype(dtype) * (m / divisor), m, v]


def is_written_out(
    result: Any, given: tuple[Array, Array, Any], settings: tuple[Any, Any, Any, Any], *, amsgrad: bool, **kind: bool
) -> Any:
    """Whether a step is what `written_out` says, in every bit; a NaN is a NaN."""
    (param, _, before), largest = given, result.state.max_exp_avg_sq if amsgrad else None
    with np.errstate(all="ignore"):
        theta, m, v = written_out(given, settings, largest, **kind)
    same = is_step(result, param, before, theta, m, v, largest)
    return same if largest is None else same & np.all(is_maximum(largest, before.max_exp_avg_sq, v))
