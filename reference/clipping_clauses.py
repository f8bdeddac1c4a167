"""What the contracts of `reference.clipping` say, in exact numbers: of norms and their power sums, factors and bounds.

These are statements, not steps of the computation: none of them runs unless contracts are checked or proven.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.exactness import exact, exact_sum_of_magnitudes, exact_sum_of_squares, has_24_bits, is_unit_of
from reference.reductions import SUM_ERROR
from reference.validation import as_float64

Array = npt.NDArray[Any]

ROOT_ERROR = Fraction(1, 1 << 52)  # relative: of a root, scaled back
NORM_ERROR = Fraction(1, 1 << 50)  # of a whole norm
LEAST_ACCURATE = 2.0**-1000
LEAST_SHRUNK = 1 - Fraction(1, 1 << 46)  # relative bounds of a clipped norm before it is rounded toward zero
MOST_SHRUNK = 1 - Fraction(7, 1 << 50)


def sum_at_most(arrays: Sequence[Array], bound: Any, factor: Fraction) -> Any:
    """Whether the exact sum of the magnitudes of all elements is at most ``factor`` times ``bound``."""
    return exact_sum_of_magnitudes(arrays) <= factor * exact(as_float64(bound))


def maximum_at_most(arrays: Sequence[Array], bound: Any, factor: Fraction) -> Any:
    """Whether every magnitude is at most ``factor`` times ``bound``."""
    limit = factor * exact(as_float64(bound))
    return everywhere(lambda x: exact(np.abs(x)) <= limit, arrays)


def is_sum_of_magnitudes(result: Any, arrays: Sequence[Array]) -> Any:
    """Whether a power sum is Σ|x| up to its error, says so where it is exact, and has its unit."""
    value, total = exact(result.value) * exact(result.unit), exact_sum_of_magnitudes(arrays)
    return (
        (abs(value - total) <= SUM_ERROR * total)
        & (~result.exact | (value == total))
        & ((result.value >= 0.5) | (result.value == 0))
        & is_unit_of(result.unit, arrays)
    )


def is_maximum(result: Any, arrays: Sequence[Array]) -> Any:
    """Whether a power sum is max|x| exactly, 0 where there is no element, and has its unit."""
    value = exact(result.value) * exact(result.unit)
    magnitudes = [exact(np.abs(array)) for array in arrays if array.size]
    reached = [np.any(x == value) for x in magnitudes] or [value == 0]
    below = [np.all(x <= value) for x in magnitudes]
    equal = functools.reduce(np.logical_or, reached)
    return (
        functools.reduce(np.logical_and, below, equal)
        & result.exact
        & ((result.value >= 1) | (result.value == 0))
        & is_unit_of(result.unit, arrays)
    )


def is_full(result: Any, value: Any, unit: Any, norm: Any) -> Any:
    """Whether a norm is within 2**-52 of root(value) · unit, relatively; true of what overflows or is tiny."""
    if not np.isfinite(result):
        return True
    true = exact(value) * norm.power(exact(unit))
    least, most = norm.power(exact(result) * (1 - ROOT_ERROR)), norm.power(exact(result) * (1 + ROOT_ERROR))
    return (result < LEAST_ACCURATE) | ((least <= true) & (true <= most))


def is_norm(result: Any, grads: Sequence[Array], norm: Any) -> Any:
    """Whether a norm for p = 1 or 2 is within 2**-50 of the exact one, relatively; true of what overflows or is tiny."""
    if not np.isfinite(result):
        return True
    total = (exact_sum_of_magnitudes if is_linear(norm) else exact_sum_of_squares)(grads)
    reached, least, most = norm.power(exact(result)), norm.power(1 - NORM_ERROR), norm.power(1 + NORM_ERROR)
    return (result < LEAST_ACCURATE) | ((least * total <= reached) & (reached <= most * total))


def is_largest_of(result: Any, arrays: Sequence[Array]) -> Any:
    """Whether a float64 is the largest absolute value of all elements, 0 where there is none: no cast to float64 rounds."""
    magnitudes = [np.abs(array).astype(np.float64) for array in arrays if array.size]
    reached = [np.any(x == result) for x in magnitudes] or [result == 0]
    below = [np.all(x <= result) for x in magnitudes]
    return functools.reduce(np.logical_and, below, functools.reduce(np.logical_or, reached))


def is_linear(norm: Any) -> bool:
    """Whether a norm is its own power sum."""
    return bool(norm.power(2) == 2)


def tight(dtype: Any) -> Fraction:
    """How much of max_norm is left at least where something is scaled: rounding toward zero loses less than one ulp."""
    return LEAST_SHRUNK**2 * (1 - Fraction(float(np.finfo(dtype).eps)))


def is_decided(result: Any, total: Any, ratio: Any, norm: Any) -> Any:
    """Whether an exact total is compared exactly, where the power of the ratio is a float64."""
    powered_exactly = np.bool_(is_linear(norm)) | has_24_bits(ratio)
    return ~(total.exact & powered_exactly) | (result == (exact(total.value) <= norm.power(exact(ratio))))


def is_shrink_factor(factor: Any, total: Any, limit: Any, norm: Any) -> Any:
    """Whether factors take totals to their limits, not above MOST_SHRUNK of them and not below LEAST_SHRUNK."""
    reached = norm.power(exact(factor)) * exact(total)
    least, most = norm.power(exact(limit) * LEAST_SHRUNK), norm.power(exact(limit) * MOST_SHRUNK)
    return np.all((factor > 0) & (least <= reached) & (reached <= most))


def everywhere(check: Callable[..., Any], *lists: Sequence[Array]) -> Any:
    """Whether something holds for every element of the arrays of some lists, side by side."""
    checks = (np.all(check(*arrays)) for arrays in zip(*lists, strict=True))
    return functools.reduce(np.logical_and, checks, np.bool_(True))


def within(x: Any, bound: Any) -> Any:
    """Where |x| is at most the bound."""
    return np.abs(x).astype(np.float64) <= as_float64(bound)


def is_same(x: Any, y: Any) -> Any:
    """Whether two arrays agree in dtype and shape, and where, being finite, in every bit."""
    return (x.dtype == y.dtype) & (x.shape == y.shape) & (x == y) & (np.signbit(x) == np.signbit(y))


def is_largest(x: Any, source: Any, bound: Any) -> Any:
    """Where x is within the bound and the next float toward its source is not."""
    return within(x, bound) & np.logical_not(within(np.nextafter(x, source), bound))
