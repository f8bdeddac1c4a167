"""Gradient clipping whose result provably keeps its bound.

In float32 the textbook formula g · (max_norm / ‖g‖) leaves a norm above max_norm for about half of all gradients, and a
gradient that passes unchanged because its *computed* norm is small enough can exceed the bound as well. Here the exact
norm of what comes out is at most max_norm, always: the decision to leave gradients alone is taken on a bound of the
exact norm, and whatever is scaled is rounded toward zero.

Source: Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks" (2013), algorithm 1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reference.clipping_clauses import (
    everywhere,
    is_decided,
    is_full,
    is_largest,
    is_largest_of,
    is_maximum,
    is_norm,
    is_same,
    is_shrink_factor,
    is_sum_of_magnitudes,
    maximum_at_most,
    sum_at_most,
    tight,
    within,
)
from reference.contracts import ensure, require
from reference.exactness import (
    has_subnormal,
    is_power_of_two,
    keeps_order,
    norm_at_most,
    rounds_toward_zero,
    same_bits,
)
from reference.reductions import (
    MOST_TERMS,
    ScaledSquares,
    divides_exactly,
    folded_sum,
    largest_magnitude,
    power_of_two_at_most,
    scale,
    scaled_blocks,
    sum_of_squares,
)
from reference.validation import (
    are_finite,
    are_float_arrays,
    as_float64,
    finite_error,
    float_arrays_error,
    is_positive,
    positive_error,
)

Array = npt.NDArray[np.floating[Any]]

WITHIN_MARGIN = 2.0**-49  # relative: covers the error of the sum of squares and of the comparison
SHRINK_MARGIN = 2.0**-47  # relative: what is scaled ends up clearly within, so clipping again changes nothing
FAR_ABOVE = 2.0**-64
MOST_RATIO = 2.0**65
MOST_TOTAL = 2.0**43  # no power sum of at most 2**40 terms exceeds it


class Clipped(NamedTuple):
    """Gradients after clipping and their norm before it."""

    grads: list[Any]
    norm: Any


class PowerSum(NamedTuple):
    """Σ|x / unit|**p as an order-independent float64 sum, whether it is exact, and ``unit``, a power of two."""

    value: Any
    exact: Any
    unit: Any


class Norm(NamedTuple):
    """A p-norm: its power sum, r**p, its inverse, and the clauses in exact arithmetic.

    ``shorten`` drops the bits of r for which ``power`` would round. A norm of at most ``surely_within`` · max_norm is
    always recognised as within.
    """

    power_sum: Callable[[Sequence[Array]], PowerSum | ScaledSquares]
    power: Callable[[Any], Any]
    root: Callable[[Any], Any]
    shorten: Callable[[Any], Any]
    at_most: Callable[[Sequence[Array], Any, Fraction], Any]
    surely_within: Fraction


@require(
    lambda arrays: are_float_arrays(arrays, MOST_TERMS), lambda arrays: float_arrays_error("arrays", arrays, MOST_TERMS)
)
@require(lambda arrays: are_finite(arrays), lambda arrays: finite_error("arrays", arrays))
@ensure("CLIP-15", lambda result, arrays: is_sum_of_magnitudes(result, arrays))
def sum_of_magnitudes(arrays: Sequence[Array]) -> PowerSum:
    """The sum of the absolute values of all elements, scaled so that it neither overflows nor underflows.

    value = Σ|x / unit|,  unit = 2**floor(log2 max|x|)

    Error: |value · unit - Σ|x|| <= 2**-50 Σ|x|. ``exact`` says that there is none.

    Claims
        CLIP-15  prove  Rounded(float16, float32, float64)  n <= 4, one array
                 the error bound; exact only if value · unit = Σ|x|; value is at least 1/2, or 0; unit as in RED-20
    """
    unit = scale(arrays)
    magnitudes = (np.abs(block) for block in scaled_blocks(arrays, unit))
    total = folded_sum(magnitudes, sum(array.size for array in arrays), bound=1)
    divided = (np.all(divides_exactly(array.astype(np.float64), unit)) for array in arrays)
    return PowerSum(total.value, functools.reduce(np.logical_and, divided, total.exact), unit)


@require(
    lambda arrays: are_float_arrays(arrays, MOST_TERMS), lambda arrays: float_arrays_error("arrays", arrays, MOST_TERMS)
)
@require(lambda arrays: are_finite(arrays), lambda arrays: finite_error("arrays", arrays))
@ensure("CLIP-14", lambda result, arrays: is_maximum(result, arrays))
def maximum(arrays: Sequence[Array]) -> PowerSum:
    """The largest absolute value of all elements, exact, in the form of the other power sums.

    Claims
        CLIP-14  prove  Rounded(float16, float32, float64)  n <= 4, lists of up to 3
                 value · unit is exactly max|x|, 0 if there is none; value is at least 1, or 0; exact is true; unit as in RED-20
    """
    unit = scale(arrays)
    return PowerSum(largest_magnitude(arrays) / unit, np.bool_(True), unit)


def _itself(r: Any) -> Any:
    return r


def _square(r: Any) -> Any:
    return r * r


def _to_24_bits(r: Any) -> Any:
    return r.astype(np.float32).astype(np.float64)


NORMS = {
    1.0: Norm(sum_of_magnitudes, _itself, _itself, _itself, sum_at_most, 1 - Fraction(1, 1 << 48)),
    2.0: Norm(sum_of_squares, _square, np.sqrt, _to_24_bits, norm_at_most, 1 - Fraction(1, 1 << 49)),
    np.inf: Norm(maximum, _itself, _itself, _itself, maximum_at_most, Fraction(1)),
}


def _is_norm_type(norm_type: Any) -> bool:
    return isinstance(norm_type, int | float) and norm_type in NORMS


def _norm_type_error(norm_type: Any) -> ValueError:
    return ValueError(f"norm_type must be 1, 2 or inf, got {norm_type!r}")


@require(
    lambda grads: are_float_arrays(grads, MOST_TERMS), lambda grads: float_arrays_error("grads", grads, MOST_TERMS)
)
@require(lambda grads: are_finite(grads), lambda grads: finite_error("grads", grads))
@require(lambda norm_type: _is_norm_type(norm_type), lambda norm_type: _norm_type_error(norm_type))
@ensure("CLIP-17", lambda result, grads, norm_type: (norm_type == np.inf) or is_norm(result, grads, NORMS[norm_type]))
@ensure("CLIP-18", lambda result, grads, norm_type: (norm_type != np.inf) or is_largest_of(result, grads))
def global_norm(grads: Sequence[Array], norm_type: float = 2.0) -> Any:
    """The p-norm of all elements of a list of gradients, taken as one vector; the same bits in any order and grouping.

    result = (Σ|g|**p)**(1/p) for p = norm_type = 1 or 2, max|g| for p = inf

    Error: |result - exact| <= 2**-50 exact + 2**-1075; none for p = inf. Overflows to inf only where the exact norm
    does. `torch.nn.utils.get_total_norm` takes the norm of the tensors' norms in their dtype instead: it depends on the
    grouping.

    Parameters: grads, list of finite float16, float32 or float64 arrays of any shape, all of one dtype; norm_type, 1, 2
    or inf.
    Returns: float64 scalar.
    Raises: TypeError or ValueError naming the argument, the array and the element at fault.

    Claims
        CLIP-17  prove  Rounded(float16, float32, float64)  n <= 4, p = 2 (lists of up to 3) and p = 1; of float64 |x| <= 2**970
                 within 2**-50 of the exact norm, relatively, unless below 2**-1000
        CLIP-18  prove  IEEE(float16, float32, float64)  p = inf, n <= 2  the largest magnitude, exactly
    """
    norm = NORMS[norm_type]
    total = norm.power_sum(grads)
    return in_full(total.value, total.unit, norm)


@require(
    lambda value, unit: is_power_of_two(unit) & (value >= 0) & np.isfinite(value),
    lambda value, unit: ValueError(f"value and unit must be a power sum and a power of two, got {value} and {unit}"),
)
@ensure("CLIP-8", lambda result: result >= 0)
@ensure("CLIP-9", lambda result, value, unit, norm: is_full(result, value, unit, norm))
def in_full(value: Any, unit: Any, norm: Norm = NORMS[2.0]) -> Any:
    """The norm to which a power sum belongs, root(value) · unit; inf where it overflows.

    Claims
        CLIP-8  prove  IEEE(float64)  all value >= 0 and unit  a number that is not negative, or inf: never NaN
        CLIP-9  prove  Rounded(float64)  unit <= 2**1000, for p = 1 and inf 2**980
                within 2**-52 of the exact root, relatively, unless below 2**-1000
    """
    with np.errstate(over="ignore"):
        return norm.root(value) * unit


@require(
    lambda grads: are_float_arrays(grads, MOST_TERMS), lambda grads: float_arrays_error("grads", grads, MOST_TERMS)
)
@require(lambda grads: are_finite(grads), lambda grads: finite_error("grads", grads))
@require(lambda max_norm: is_positive(max_norm), lambda max_norm: positive_error("max_norm", max_norm))
@require(lambda norm_type: _is_norm_type(norm_type), lambda norm_type: _norm_type_error(norm_type))
@ensure(
    "CLIP-1",
    lambda result, max_norm, norm_type: NORMS[norm_type].at_most(result.grads, max_norm, Fraction(1)),
)
@ensure(
    "CLIP-2",
    lambda result, grads, max_norm, norm_type: (
        np.logical_not(NORMS[norm_type].at_most(grads, max_norm, NORMS[norm_type].surely_within))
        | same_bits(result.grads, grads)
    ),
)
@ensure(
    "CLIP-3",
    lambda result, grads, max_norm, norm_type: (
        same_bits(result.grads, grads)
        | has_subnormal(result.grads, grads)
        | np.logical_not(NORMS[norm_type].at_most(result.grads, max_norm, tight(grads[0].dtype)))
    ),
)
@ensure(
    "CLIP-7",
    lambda result, grads, max_norm, norm_type: (
        same_bits(result.grads, grads)
        | NORMS[norm_type].at_most(result.grads, max_norm, NORMS[norm_type].surely_within)
    ),
)
def clip_by_global_norm(grads: Sequence[Array], max_norm: Any, norm_type: float = 2.0) -> Clipped:
    """Scale gradients down together so that their exact norm is at most max_norm.

    out = g                                   where ‖g‖ is known to be at most max_norm: the very same arrays
    out = g · (max_norm / ‖g‖) · (1 - 2**-47)   rounded toward zero, otherwise

    Source: Pascanu, Mikolov & Bengio (2013), algorithm 1. `torch.nn.utils.clip_grad_norm_` scales by
    min(1, max_norm / (‖g‖ + 1e-6)) in the gradients' dtype, writes into them, and lets one infinity make zeros of all
    the others; here nothing is added to the norm, the bound is exact, and non-finite gradients are an error.

    Gradients stay as they are wherever the exact norm is at most (1 - 2**-49) max_norm for p = 2, (1 - 2**-48) max_norm
    for p = 1, max_norm for p = inf, and up to max_norm itself where the sum is exact (and, for p = 2, max_norm / unit
    has at most 24 significant bits): [3, 4] at 5 stays.

    Parameters: grads and norm_type as for `global_norm`; max_norm, a real number > 0, used in float64, inf allowed.
    Returns: the gradients, each of its shape and dtype, and the float64 norm before clipping. Nothing is written into.
    Raises: TypeError or ValueError naming the argument, the array and the element at fault.

    Claims
        CLIP-1  prove  Rounded(float16, float32, float64)  n <= 4, p = 2 (lists of up to 3), p = 1 and inf  exact ‖out‖ <= max_norm
        CLIP-2  prove  Rounded(float16, float32, float64)  n <= 4, p = 2 (lists of up to 3), p = 1 and inf
                surely within: unchanged
        CLIP-3  prove  Rounded(float16, float32, float64)  n <= 4, p = 2 (lists of up to 3), p = 1 and inf
                unchanged, or ‖out‖ > (1 - 2**-45) (1 - 2 u) max_norm, u of the gradients' dtype, or some result is subnormal
        CLIP-7  prove  Rounded(float16, float32, float64)  n <= 4, p = 2 (lists of up to 3), p = 1 and inf
                unchanged, or surely within: clipping again changes nothing
    """
    norm = NORMS[norm_type]
    max_norm = as_float64(max_norm)
    total = norm.power_sum(grads)
    if is_within(total, max_norm, norm):
        return Clipped(list(grads), in_full(total.value, total.unit, norm))
    limit_unit = power_of_two_at_most(max_norm)
    factor = shrink_factor(total.value, max_norm / limit_unit, norm)
    return Clipped(
        [shrink(grad, total.unit, factor, limit_unit) for grad in grads], in_full(total.value, total.unit, norm)
    )


@require(lambda max_norm: is_positive(max_norm), lambda max_norm: positive_error("max_norm", max_norm))
@ensure("CLIP-16", lambda result, max_norm: np.isfinite(max_norm) | result)
def is_within(total: PowerSum | ScaledSquares, max_norm: Any, norm: Norm = NORMS[2.0]) -> Any:
    """Whether the exact norm is known to be at most max_norm.

    Parameters: total, the power sum of at most 2**40 elements; max_norm, float64 scalar.

    Claims
        CLIP-16  prove  IEEE(float64)  every p, max_norm = inf, all sums and units  true: an infinite max_norm clips nothing
    """
    if max_norm * FAR_ABOVE >= total.unit:  # every norm is below 2**41 unit; what follows cannot overflow
        return True
    return fits(total, max_norm / total.unit, norm)


@require(
    lambda ratio: ratio <= MOST_RATIO, lambda ratio: ValueError(f"ratio must be at most {MOST_RATIO}, got {ratio}")
)
@ensure("CLIP-13", lambda result, total, ratio, norm: is_decided(result, total, ratio, norm))
def fits(total: PowerSum | ScaledSquares, ratio: Any, norm: Norm = NORMS[2.0]) -> Any:
    """Whether total <= ratio**p for the exact total: compared exactly where both sides are, else with a margin of 2**-49.

    Claims
        CLIP-13  prove  Rounded(float64)  0 <= value <= 2**43, ratio > 0
                 value <= ratio**p, exactly decided, for an exact sum and, for p = 2, a ratio of at most 24 significant bits
    """
    short = norm.shorten(ratio)
    if total.exact & (short == ratio):
        return total.value <= norm.power(short)
    return total.value * (1 + WITHIN_MARGIN) <= norm.power(ratio)


@require(
    lambda total: np.all((total >= 0.5) & (total <= MOST_TOTAL)),
    lambda total: ValueError(f"total must lie in [1/2, {MOST_TOTAL}], got {total}"),
)
@require(
    lambda limit: np.all((limit >= 1) & (limit < 2)), lambda limit: ValueError(f"limit must lie in [1, 2), got {limit}")
)
@ensure("CLIP-5", lambda result, total, limit, norm: is_shrink_factor(result, total, limit, norm))
def shrink_factor(total: Any, limit: Any, norm: Norm = NORMS[2.0]) -> Any:
    """The factor that takes a power sum to the limit, safely below: (limit / root(total)) · (1 - 2**-47).

    Parameters: total, a power sum from 1/2 to 2**43; limit, max_norm divided by its power of two, in [1, 2).

    Claims
        CLIP-5  prove  Rounded(float64)  elementwise  (1 - 2**-46) limit <= exact factor · root(total) <= (1 - 7 · 2**-50) limit
    """
    return (limit / norm.root(total)) * (1 - SHRINK_MARGIN)


@require(
    lambda unit, limit_unit: is_power_of_two(unit) & is_power_of_two(limit_unit),
    lambda unit, limit_unit: ValueError(f"unit and limit_unit must be powers of two, got {unit} and {limit_unit}"),
)
@require(
    lambda grad, unit: np.all(np.abs(grad.astype(np.float64) / unit) <= 2),
    lambda unit: ValueError(f"grad must lie within two units, got the unit {unit}"),
)
@require(
    lambda factor: np.all((factor > 0) & (factor <= 4)),
    lambda factor: ValueError(f"factor must lie in (0, 4], got {factor}"),
)
@ensure(
    "CLIP-4", lambda result, grad: np.all((np.abs(result) <= np.abs(grad)) & (np.signbit(result) == np.signbit(grad)))
)
def shrink(grad: Array, unit: Any, factor: Any, limit_unit: Any) -> Any:
    """(grad / unit) · factor · limit_unit, never larger than grad, rounded toward zero.

    Dividing by the one power of two and multiplying by the other keeps the factor near 1, whatever the scale of grad.

    Claims
        CLIP-4  prove  IEEE(float16, float32, float64)  elementwise  |out| <= |g|, with g's sign bit: zeros stay zeros
    """
    scaled = (grad.astype(np.float64) / unit) * factor
    shrunk = scale_toward_zero(scaled, limit_unit, grad.dtype)
    return np.where(np.abs(shrunk) > np.abs(grad), grad, shrunk)


@require(lambda x: np.all(np.isfinite(x)), lambda x: ValueError(f"x must be finite, got {x}"))
@require(lambda unit: is_power_of_two(unit), lambda unit: ValueError(f"unit must be a power of two, got {unit}"))
@ensure("CLIP-6", lambda result, x, unit: rounds_toward_zero(result, x, unit))
def scale_toward_zero(x: Any, unit: Any, dtype: Any) -> Any:
    """x · unit rounded toward zero to dtype, with the sign of x.

    Rounded to nearest, then taken back by one float where that went away from zero. Division by unit, a power of two,
    tells: it is exact, but for results so small that both sides are 0.

    Parameters: x, finite float64 array; unit, a power of two; dtype, float16, float32 or float64.

    Claims
        CLIP-6  prove  IEEE(float16, float32, float64)  elementwise  exactly x · unit, rounded toward zero, with the sign of x
    """
    with np.errstate(over="ignore"):
        rounded = (x * unit).astype(dtype)
    restored = rounded.astype(np.float64) / unit
    return np.where(np.abs(restored) > np.abs(x), np.nextafter(rounded, dtype.type(0)), rounded)


@require(
    lambda grads: are_float_arrays(grads, MOST_TERMS), lambda grads: float_arrays_error("grads", grads, MOST_TERMS)
)
@require(lambda grads: are_finite(grads), lambda grads: finite_error("grads", grads))
@require(lambda max_value: is_positive(max_value), lambda max_value: positive_error("max_value", max_value))
@ensure("CLIP-40", lambda result, max_value: everywhere(lambda out: within(out, max_value), result))
@ensure(
    "CLIP-41",
    lambda result, grads, max_value: everywhere(
        lambda out, g: np.logical_not(within(g, max_value)) | is_same(out, g), result, grads
    ),
)
@ensure(
    "CLIP-42",
    lambda result, grads: everywhere(lambda out, g: np.signbit(out) == np.signbit(g), result, grads),
)
@ensure(
    "CLIP-43",
    lambda result, grads, max_value: everywhere(
        lambda out, g: within(g, max_value) | is_largest(out, g, max_value), result, grads
    ),
)
@ensure("CLIP-44", lambda result, grads: keeps_order(result, grads))
def clip_by_value(grads: Sequence[Array], max_value: Any) -> list[Any]:
    """Clip every element to [-max_value, max_value].

    out = min(max(g, -limit), limit),  limit = the largest float of g's dtype that is at most max_value

    `torch.nn.utils.clip_grad_value_` rounds its bound to nearest, so its results can exceed it; it lets NaN pass.

    Parameters: grads as for `global_norm`; max_value, a real number > 0, used in float64, inf allowed.
    Returns: the gradients, each of its shape and dtype; an array with nothing to clip is returned itself.
    Raises: TypeError or ValueError naming the argument, the array and the element at fault.

    Claims
        CLIP-40  prove  IEEE(float16, float32, float64)  n <= 2  |out| <= max_value, exactly
        CLIP-41  prove  IEEE(float16, float32, float64)  n <= 2  the same bits where |g| <= max_value
        CLIP-42  prove  IEEE(float16, float32, float64)  n <= 2  g's sign bit: zeros keep theirs
        CLIP-43  prove  IEEE(float16, float32, float64)  n <= 2
                 |out| is the largest float of g's dtype that is at most max_value where |g| > max_value
        CLIP-44  prove  IEEE(float16, float32, float64)  n <= 2  monotone: x <= y makes clip(x) <= clip(y)
    """
    largest = np.minimum(as_float64(max_value), np.finfo(np.float64).max)
    return [clip_elements(grad, scale_toward_zero(largest, np.float64(1), grad.dtype)) for grad in grads]


@require(lambda grad: np.all(np.isfinite(grad)), lambda grad: ValueError(f"grad must be finite, got {grad}"))
@require(lambda limit: limit >= 0, lambda limit: ValueError(f"limit must not be negative, got {limit}"))
@ensure("CLIP-31", lambda result, limit: np.all(np.abs(result) <= limit))
@ensure("CLIP-32", lambda result, grad, limit: np.all((np.abs(grad) > limit) | (result == grad)))
def clip_elements(grad: Array, limit: Any) -> Any:
    """Every element with a magnitude of at most ``limit``, a scalar of grad's dtype, its sign kept.

    Claims
        CLIP-31  prove  CrossHair  float64, n <= 4  every element of the result is at most limit in magnitude
        CLIP-32  prove  CrossHair  float64, n <= 4  an element within the limit stays as it is
    """
    within = np.abs(grad) <= limit
    return grad if np.all(within) else np.where(within, grad, np.copysign(limit, grad))
