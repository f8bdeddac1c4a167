"""Sums whose order of operations is written down, or does not matter at all.

NumPy promises no order for ``np.sum``, and another order gives other bits. Proofgrad knows two sums: `tree_sum` adds in one
stated order; the order-independent sums split every term on fixed grids so coarse that adding the pieces makes no rounding
error, whatever the order, the grouping into arrays, or the device.

Source: Demmel & Nguyen, "Parallel Reproducible Summation" (IEEE Trans. Computers 64, 2015), sections 3 and 4; the splitting is
Rump, Ogita & Oishi's ExtractScalar ("Accurate Floating-Point Summation Part I", 2008, algorithm 3.2). Ours differs in that the
data is first divided by a power of two, so the grids depend on the number of terms alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reference.contracts import ensure, require
from reference.exactness import (
    adds_up_within,
    exact,
    exact_sum,
    exact_sum_of_magnitudes,
    exact_sum_of_squares,
    has_24_bits,
    is_largest_magnitude,
    is_multiple,
    is_power_of_two,
    is_unit_of,
)
from reference.validation import (
    are_finite,
    are_float_arrays,
    finite_error,
    float_array_error,
    float_arrays_error,
    is_float_array,
)

Array = npt.NDArray[np.floating[Any]]

BLOCK = 1 << 14  # elements worked on at a time: small enough to stay in the processor's cache
MOST_LEVEL = 40
MOST_TERMS = 1 << MOST_LEVEL
MOST_EXPONENT = 400  # of a fold: far from overflow and underflow of its anchor
MOST_BOUND = 300  # exponent of the terms of a folded sum: all its folds stay within MOST_EXPONENT
MOST_FOLDS = 8
PRECISION = 53  # significant bits of float64
SUM_ERROR = Fraction(1, 1 << 50)
TINY = Fraction(1, 1 << 1075)  # half the smallest float64
KEPT_BITS = 62  # what all dropped pieces together stay below, in bits under the largest term


class Fold(NamedTuple):
    """A float64 array in two parts: ``high`` on a coarse grid, ``low`` the rest."""

    high: Any
    low: Any


class Sum(NamedTuple):
    """A float64 sum, and whether it is known to have made no rounding error."""

    value: Any
    exact: Any


@require(lambda x: np.isfinite(x) & (x > 0), lambda x: ValueError(f"x must be finite and positive, got {x}"))
@ensure("RED-1", lambda result: is_power_of_two(result))
@ensure("RED-2", lambda result, x: (exact(result) <= exact(x)) & (exact(x) < 2 * exact(result)))
def power_of_two_at_most(x: Any) -> Any:
    """The largest power of two that is at most x.

    result = 2**floor(log2 x)

    Parameters: x, float64 scalar, finite and positive. Exact for subnormal x too.

    Claims
        RED-1  prove  IEEE(float64)  all finite x > 0   the result is a power of two
        RED-2  prove  IEEE(float64)  all finite x > 0   result <= x < 2 result
    """
    _, exponent = np.frexp(x)
    return np.ldexp(np.float64(1), exponent - 1)


@ensure("RED-47", lambda result, arrays: is_largest_magnitude(result, arrays))
def largest_magnitude(arrays: Sequence[Array]) -> Any:
    """The largest absolute value of all elements of the arrays, as float64; 0 where there is none.

    Claims
        RED-47  prove  Rounded(float16, float32, float64)  n <= 4, lists of up to 3
                at least every |x| and equal to one; 0 if there is none
    """
    peaks = [np.max(np.abs(array)).astype(np.float64) for array in arrays if array.size]
    return functools.reduce(np.maximum, peaks, np.float64(0))


@require(lambda x: is_float_array(x), lambda x: float_array_error("x", x))
@ensure(
    "RED-3",
    lambda result, x: (
        not np.isfinite(result) or abs(exact(result) - exact_sum([x])) <= _tree_error(x) * exact_sum_of_magnitudes([x])
    ),
)
def tree_sum(x: Array) -> Any:
    """The sum of all elements in the order of a binary tree over neighbours.

    Elements 0 and 1, 2 and 3, … of the C-order ravel are added, then the sums likewise, until one is left; an element
    without a neighbour moves up as it is. Every addition rounds to the dtype of x.

    Error: |result - Σx| <= ((1 + u)**d - 1) Σ|x| with d = ceil(log2 n), barring overflow; u = 2**-11, 2**-24, 2**-53
    for float16, float32, float64.

    Claims
        RED-3  prove  Rounded(float16, float32, float64)  n <= 4, |x| <= 2**13, 2**125, 2**1021  the error bound
        RED-35  prove  Rounded(float16, float32, float64)  any n, inductive  the error bound, wherever the result is finite
    """
    terms = np.ravel(x)
    if terms.size == 0:
        return x.dtype.type(0)
    while terms.size > 1:
        even = terms.size - terms.size % 2
        terms = np.concatenate([terms[0:even:2] + terms[1:even:2], terms[even:]])
    return terms[0]


def _tree_error(x: Array) -> Fraction:
    """(1 + u)**d - 1 for a tree of depth d."""
    unit_roundoff = Fraction(float(np.finfo(x.dtype).eps)) / 2
    return (1 + unit_roundoff) ** (x.size - 1).bit_length() - 1


@require(
    lambda exponent: (exponent >= -MOST_EXPONENT) & (exponent <= MOST_EXPONENT),
    lambda exponent: ValueError(f"exponent must lie within ±{MOST_EXPONENT}, got {exponent}"),
)
@require(
    lambda x, exponent: np.all(np.abs(x) <= 2.0 ** (exponent - 1)),
    lambda x, exponent: ValueError(f"x must lie within ±2**{exponent - 1}"),
)
@ensure("RED-4", lambda result, x: np.all(exact(result.low) == exact(x) - exact(result.high)))
@ensure("RED-5", lambda result, exponent: np.all(np.abs(result.low) <= 2.0 ** (exponent - PRECISION)))
@ensure("RED-6", lambda result, exponent: is_multiple(result.high, exponent - PRECISION + 1))
@ensure("RED-13", lambda result, x: np.all(np.abs(result.high) <= 2 * np.abs(x)))
def fold(x: Any, exponent: int) -> Fold:
    """Split x into a multiple of 2**(exponent - 52) and a small rest, without error.

    high = (x + M) - M,  low = x - high,  M = 1.5 · 2**exponent

    x + M lies in [2**exponent, 2**(exponent + 1)), where floats are 2**(exponent - 52) apart.

    Parameters: x, float64 array with |x| <= 2**(exponent - 1); exponent, an int.

    Claims
        RED-4  prove  IEEE(float64)  elementwise  low is exactly x - high
        RED-5  prove  IEEE(float64)  elementwise  |low| <= 2**(exponent - 53)
        RED-6  prove  IEEE(float64)  elementwise  high is a multiple of 2**(exponent - 52)
        RED-13  prove  IEEE(float64)  elementwise  |high| <= 2 |x|
    """
    anchor = 1.5 * 2.0**exponent
    high = (x + anchor) - anchor
    return Fold(high, x - high)


@require(
    lambda count: (count >= 0) & (count <= MOST_TERMS),
    lambda count: ValueError(f"count must lie between 0 and {MOST_TERMS}, got {count}"),
)
@require(
    lambda bound: (bound >= -MOST_BOUND) & (bound <= MOST_BOUND),
    lambda bound: ValueError(f"bound must lie within ±{MOST_BOUND}, got {bound}"),
)
@ensure("RED-14", lambda result, count, bound: all(count <= 2**bits for bits in _headroom(result, bound)))
@ensure("RED-15", lambda result, count, bound: count <= 2 ** (bound - KEPT_BITS - _rest(result, bound)))
@ensure("RED-16", lambda result, bound: all(bits >= 1 for bits in _headroom(result, bound)))
@ensure("RED-17", lambda result: len(result) <= MOST_FOLDS and all(abs(each) <= MOST_EXPONENT for each in result))
@ensure("RED-18", lambda result, bound: all(e <= _most_exponent(k, bound) for k, e in enumerate(result)))
def fold_exponents(count: int, bound: int) -> tuple[int, ...]:
    """The grids on which ``count`` terms of at most 2**bound are folded so that every sum of pieces is exact.

    ``count`` pieces of at most 2**b sum to at most 2**(b + level), which float64 holds exactly in units of
    2**(b + level - 52). The rest after that fold is at most 2**(b + level - 53); folding goes on until all the
    rests together are at most 2**(bound - 62).

    Parameters: count, an int from 0 to 2**40; bound, an int from -300 to 300.

    Claims
        RED-14  prove  CrossHair  count <= 2**40, |bound| <= 300  all pieces on a grid sum to at most 2**exponent
        RED-15  prove  CrossHair  count <= 2**40, |bound| <= 300  the last rests sum to at most 2**(bound - 62)
        RED-16  prove  CrossHair  count <= 2**40, |bound| <= 300  pieces are at most 2**(exponent - 1), as `fold` requires
        RED-17  prove  CrossHair  count <= 2**40, |bound| <= 300  at most 8 folds, all exponents in the range of `fold`
        RED-18  prove  CrossHair  count <= 2**40, |bound| <= 300  exponent k, from 0 on, is at most bound + 40 - 13 k
    """
    level = max(2, (count - 1).bit_length())
    exponents: list[int] = []
    while bound - KEPT_BITS < (rest := _rest(exponents, bound)) + level:
        exponents.append(rest + level)
    return tuple(exponents)


def _most_exponent(k: int, bound: int) -> int:
    """The largest exponent that fold k can have: with the most terms, grids are the closest together."""
    return bound + MOST_LEVEL - k * (PRECISION - MOST_LEVEL)


def _headroom(exponents: Sequence[int], bound: int) -> list[int]:
    """By how many bits each grid's exponent exceeds that of the pieces that are folded on it."""
    return [exponent - _rest(exponents[:k], bound) for k, exponent in enumerate(exponents)]


def _rest(exponents: Sequence[int], bound: int) -> int:
    return exponents[-1] - PRECISION if exponents else bound


@ensure("RED-7", lambda result, a, b: ~result.exact | (exact(result.value) == exact(a) + exact(b)))
def add(a: Any, b: Any) -> Sum:
    """a + b rounded to nearest, and whether the addition was exact.

    Claims
        RED-7  prove  IEEE(float64)  elementwise  exact only if value = a + b
    """
    value = a + b
    return Sum(value, (value - a == b) & (value - b == a))


@require(lambda unit: is_power_of_two(unit), lambda unit: ValueError(f"unit must be a power of two, got {unit}"))
@ensure("RED-8", lambda result, x, unit: ~result.exact | (exact(result.value) == exact(x) * exact(unit)))
@ensure(
    "RED-51",
    lambda result, x, unit: result.exact | ~np.isfinite(x) | (exact(result.value) != exact(x) * exact(unit)),
)
def scale_by(x: Any, unit: Any) -> Sum:
    """x · unit for a power of two, and whether nothing was lost to overflow or underflow.

    Claims
        RED-8  prove  IEEE(float64)  elementwise  exact only if value = x · unit
        RED-51  prove  IEEE(float64)  elementwise  exact if value = x · unit, for finite x
    """
    with np.errstate(over="ignore"):
        value = x * unit
    return Sum(value, np.isfinite(value) & (value / unit == x))


@require(
    lambda count: (count >= 0) & (count <= MOST_TERMS),
    lambda count: ValueError(f"count must lie between 0 and {MOST_TERMS}, got {count}"),
)
@require(
    lambda bound: (bound >= -MOST_BOUND) & (bound <= MOST_BOUND),
    lambda bound: ValueError(f"bound must lie within ±{MOST_BOUND}, got {bound}"),
)
def folded_sum(blocks: Iterable[Array], count: int, bound: int) -> Sum:
    """The order-independent sum of ``count`` float64 terms in blocks, each term of magnitude at most 2**bound.

    Each fold's total is exact, so neither the order of the terms nor the blocks change a bit; the totals are added from
    the smallest grid to the largest. ``exact`` says that nothing was dropped or rounded.

    Claims
        RED-31  prove  Rounded(float64)  any n <= 2**40, inductive  every total is the exact sum of its pieces
        RED-46  prove  Rounded(float64)  any n <= 2**40, |bound| <= 300, inductive
                |value - Σx| <= 5 · 2**-53 Σ|x| where Σ|x| >= 2**(bound - 3); 0 if all x are 0; exact only if value = Σx
    """
    exponents = fold_exponents(count, bound)
    totals: list[Any] = [np.float64(0)] * len(exponents)
    nothing_dropped: Any = np.bool_(True)
    for block in blocks:
        rest = block
        for k, exponent in enumerate(exponents):
            high, rest = fold(rest, exponent)
            totals[k] = totals[k] + np.sum(high)
        nothing_dropped = nothing_dropped & np.all(rest == 0)
    value, is_exact = totals[-1], nothing_dropped
    for total in reversed(totals[:-1]):
        value, added_exactly = add(total, value)
        is_exact = is_exact & added_exactly
    return Sum(value, is_exact)


def scaled_blocks(arrays: Sequence[Array], unit: Any) -> Iterator[Any]:
    """The elements of the arrays divided by a power of two, float64, a block at a time."""
    return (block.astype(np.float64) / unit for block in _blocks(arrays))


def _blocks(arrays: Sequence[Array]) -> Iterator[Any]:
    for array in arrays:
        flat = np.ravel(array)
        for start in range(0, flat.size, BLOCK):
            yield flat[start : start + BLOCK]


def _term_count(arrays: Sequence[Array]) -> int:
    return sum(array.size for array in arrays)


@ensure("RED-20", lambda result, arrays: is_unit_of(result, arrays))
def scale(arrays: Sequence[Array]) -> Any:
    """The power of two at most the largest magnitude of the arrays; 1 where all elements are zero.

    result = 2**floor(log2 max|x|)

    Claims
        RED-20  prove  Rounded(float16, float32, float64)  n <= 4, lists of up to 3
                a power of two; |x| < 2 · result for all x; some |x| >= result, or all are 0
        RED-38  prove  Rounded(float64)  any n, inductive  the same
    """
    largest = largest_magnitude(arrays)
    return power_of_two_at_most(np.where(largest > 0, largest, 1.0))


@require(
    lambda arrays: are_float_arrays(arrays, MOST_TERMS), lambda arrays: float_arrays_error("arrays", arrays, MOST_TERMS)
)
@require(lambda arrays: are_finite(arrays), lambda arrays: finite_error("arrays", arrays))
@ensure("RED-9", lambda result, arrays: _is_sum(result, arrays))
@ensure(
    "RED-54",
    lambda result, arrays: (
        result.exact | np.logical_not(np.isfinite(result.value)) | np.logical_not(adds_up_within(arrays, PRECISION))
    ),
)
def reproducible_sum(arrays: Sequence[Array]) -> Sum:
    """The sum of all elements of a list of arrays, the same bits in any order and grouping.

    Error: |value - Σx| <= 2**-50 Σ|x| + 2**-1075, barring overflow of float64; ``exact`` says that there is none.

    Claims
        RED-9  prove  Rounded(float16, float32, float64)  n <= 4, lists of up to 3; of float64 |x| <= 2**1020
               the error bound; exact only if value = Σx
        RED-54  exhaust  float16  n <= 4, integers within ±3
                exact if all x are multiples of one power of two, Σ|x| is at most 2**53 times it, and value is finite
    """
    unit = scale(arrays)
    total = folded_sum(scaled_blocks(arrays, unit), _term_count(arrays), bound=1)
    value, scaled_exactly = scale_by(total.value, unit)
    return Sum(value, total.exact & scaled_exactly & _without_loss(arrays, unit, divides_exactly))


def _is_sum(result: Sum, arrays: Sequence[Array]) -> Any:
    if not np.isfinite(result.value):
        return ~result.exact
    error = abs(exact(result.value) - exact_sum(arrays))
    return (error <= SUM_ERROR * exact_sum_of_magnitudes(arrays) + TINY) & (~result.exact | (error == 0))


class ScaledSquares(NamedTuple):
    """Σ(x / unit)² as an order-independent float64 sum, ``unit`` a power of two."""

    value: Any
    exact: Any
    unit: Any


@require(
    lambda arrays: are_float_arrays(arrays, MOST_TERMS), lambda arrays: float_arrays_error("arrays", arrays, MOST_TERMS)
)
@require(lambda arrays: are_finite(arrays), lambda arrays: finite_error("arrays", arrays))
@ensure("RED-11", lambda result, arrays: _is_sum_of_squares(result, arrays))
@ensure("RED-55", lambda result, arrays: result.exact | np.logical_not(adds_up_within(arrays, 48, 2)))
def sum_of_squares(arrays: Sequence[Array]) -> ScaledSquares:
    """The sum of the squares of all elements, scaled so that it neither overflows nor underflows.

    value = Σ(x / unit)²,  unit = 2**floor(log2 max|x|)

    The squares of float16 and float32 are exact in float64; those of float64 round once unless x / unit has no more
    than 24 significant bits.

    Error: |value · unit² - Σx²| <= 2**-50 Σx². ``exact`` says that there is none.

    Claims
        RED-11  prove  Rounded(float16, float32, float64)  n <= 4, lists of up to 3
                the error bound; exact only if value · unit² = Σx²; value is at least 1/2, or 0; unit as in RED-20
        RED-32  prove  Rounded(float16, float32, float64)  any n <= 2**40, inductive  the same
        RED-55  exhaust  float16  n <= 4, integers within ±3
                exact if all x are multiples of one power of two g, and Σx² is at most 2**48 g²
    """
    unit = scale(arrays)
    total = folded_sum(_squares(arrays, unit), _term_count(arrays), bound=2)
    return ScaledSquares(total.value, total.exact & _without_loss(arrays, unit, squares_exactly), unit)


def _is_sum_of_squares(result: ScaledSquares, arrays: Sequence[Array]) -> Any:
    value = exact(result.value) * exact(result.unit) ** 2
    squares = exact_sum_of_squares(arrays)
    return (
        (abs(value - squares) <= SUM_ERROR * squares)
        & (~result.exact | (value == squares))
        & ((result.value >= 0.5) | (result.value == 0))
        & is_unit_of(result.unit, arrays)
    )


def _squares(arrays: Sequence[Array], unit: Any) -> Iterator[Any]:
    return (np.square(block) for block in scaled_blocks(arrays, unit))


def _without_loss(arrays: Sequence[Array], unit: Any, check: Callable[[Any, Any], Any]) -> Any:
    """Whether a check holds for all float64 elements; narrower formats have nothing to lose in float64."""
    wide = [array for array in arrays if array.dtype == np.float64]
    checks = (np.all(check(block, unit)) for block in _blocks(wide))
    return functools.reduce(np.logical_and, checks, np.bool_(True))


@require(lambda unit: is_power_of_two(unit), lambda unit: ValueError(f"unit must be a power of two, got {unit}"))
@ensure("RED-10", lambda result, x, unit: np.all(~result | _quotient_is_exact(x, unit)))
@ensure(
    "RED-52",
    lambda result, x, unit: np.all(result | ~np.isfinite(x) | np.logical_not(_quotient_is_exact(x, unit))),
)
def divides_exactly(x: Any, unit: Any) -> Any:
    """Whether x / unit loses nothing to underflow, for float64 x and a power of two.

    Claims
        RED-10  prove  IEEE(float64)  elementwise  where true, x / unit is exactly that
        RED-52  prove  IEEE(float64)  elementwise  true where x / unit is exactly that, for finite x
    """
    return (x / unit) * unit == x


@require(lambda unit: is_power_of_two(unit), lambda unit: ValueError(f"unit must be a power of two, got {unit}"))
@ensure("RED-12", lambda result, x, unit: np.all(~result | (_quotient_is_exact(x, unit) & _square_is_exact(x / unit))))
@ensure(
    "RED-53",
    lambda result, x, unit: np.all(
        result | ~np.isfinite(x) | np.logical_not(_quotient_is_exact(x, unit) & has_24_bits(x / unit))
    ),
)
def squares_exactly(x: Any, unit: Any) -> Any:
    """Whether neither x / unit nor its square rounds, for float64 x: 24 significant bits give 48.

    Claims
        RED-12  prove  IEEE(float64)  elementwise  where true, x / unit and np.square(x / unit) are exact
        RED-53  prove  IEEE(float64)  elementwise  true where x / unit is exactly that and a float32, for finite x
    """
    scaled = x / unit
    return divides_exactly(x, unit) & (scaled.astype(np.float32) == scaled)


def _quotient_is_exact(x: Any, unit: Any) -> Any:
    return exact(x / unit) * exact(unit) == exact(x)


def _square_is_exact(x: Any) -> Any:
    return exact(np.square(x)) == exact(x) * exact(x)
