"""Predicates about exact values: what float arithmetic cannot say of itself.

A clause such as "the norm of the result is at most max_norm" speaks of the real numbers that the floats stand for. At run
time these predicates compute with integers and fractions, without rounding; a prover's arrays answer them in their own
theory through ``__predicate__(name, arguments)``, so one clause has one meaning everywhere.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def _predicate(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let the first argument that knows better answer instead."""

    @functools.wraps(function)
    def dispatch(*args: Any) -> Any:
        for argument in _leaves(args):
            answer = getattr(argument, "__predicate__", None)
            if answer is not None:
                return answer(function.__name__, args)
        return function(*args)

    return dispatch


def _leaves(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _leaves(value)
        else:
            yield value


@_predicate
def exact(x: Any) -> Any:
    """The numbers of an array as fractions: an object array of its shape, or one number; inf and NaN stay floats."""
    if np.ndim(x) == 0:
        return _number(x)
    numbers = np.empty(np.size(x), dtype=object)
    numbers[:] = [_number(value) for value in np.ravel(x)]
    return numbers.reshape(np.shape(x))


def _number(value: Any) -> Fraction | float:
    return Fraction(float(value)) if np.isfinite(value) else float(value)


def widened(x: Any) -> Any:
    """The same numbers in float64; of NaNs, bfloat16 would warn at every comparison."""
    with np.errstate(invalid="ignore"):
        return x.astype(np.float64)


@_predicate
def exact_sum(arrays: Sequence[Any]) -> Any:
    """The sum of all elements of the arrays."""
    return sum((Fraction(float(value)) for array in arrays for value in np.ravel(array)), Fraction(0))


@_predicate
def exact_sum_of_magnitudes(arrays: Sequence[Any]) -> Any:
    """The sum of the absolute values of all elements of the arrays."""
    return sum((abs(Fraction(float(value))) for array in arrays for value in np.ravel(array)), Fraction(0))


@_predicate
def exact_sum_of_squares(arrays: Sequence[Any]) -> Any:
    """The sum of the squares of all elements of the arrays."""
    return sum((Fraction(float(value)) ** 2 for array in arrays for value in np.ravel(array)), Fraction(0))


@_predicate
def norm_at_most(arrays: Sequence[Any], bound: Any, factor: Fraction = Fraction(1)) -> Any:
    """Whether the exact 2-norm of all elements is at most ``factor`` times ``bound``."""
    if math.isinf(bound):
        return True
    limit = (factor * Fraction(float(bound))) ** 2
    narrow = all(np.dtype(array.dtype).itemsize < 8 for array in arrays)
    if narrow:  # squares of float16 and float32 are exact in float64, and fsum rounds their sum once
        rounded = math.fsum(float(value) ** 2 for array in arrays for value in np.ravel(array))
        if Fraction(math.nextafter(rounded, math.inf)) <= limit:
            return True
        if Fraction(math.nextafter(rounded, 0.0)) > limit:
            return False
    return bool(exact_sum_of_squares(arrays) <= limit)


@_predicate
def is_power_of_two(x: Any) -> Any:
    """Whether every element is 2**k with k an integer."""
    mantissa, _ = np.frexp(x)
    return bool(np.all(mantissa == 0.5))


@_predicate
def is_multiple(x: Any, exponent: int) -> Any:
    """Whether every element is an integer times 2**exponent."""
    unit = Fraction(2) ** exponent
    return all((Fraction(float(value)) / unit).denominator == 1 for value in np.ravel(x))


@_predicate
def adds_up_within(arrays: Sequence[Any], bits: int, power: int = 1) -> Any:
    """Whether Σ|x|**power is at most 2**bits times g**power, g the largest power of two of which all x are multiples."""
    numbers = [abs(Fraction(float(value))) for array in arrays for value in np.ravel(array) if value != 0]
    grids = (Fraction(x.numerator & -x.numerator, x.denominator) for x in numbers)
    return sum((x**power for x in numbers), Fraction(0)) <= 2**bits * min(grids, default=Fraction(1)) ** power


@_predicate
def same_bits(x: Any, y: Any) -> Any:
    """Whether two arrays, or the members of two lists of arrays, agree in dtype, shape and every bit."""
    if isinstance(x, list | tuple):
        return len(x) == len(y) and all(same_bits(a, b) for a, b in zip(x, y, strict=True))
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


@_predicate
def has_subnormal(results: Sequence[Any], sources: Sequence[Any]) -> Any:
    """Whether some element is too small for the full precision of its dtype, though what it came from is not zero."""
    return any(
        np.any((np.abs(result) < np.finfo(result.dtype).smallest_normal) & (source != 0))
        for result, source in zip(results, sources, strict=True)
    )


@_predicate
def rounds_toward_zero(result: Any, x: Any, unit: Any) -> Any:
    """Whether ``result`` is exactly ``x * unit``, ``unit`` > 0, rounded toward zero to its dtype, with the sign of ``x``."""
    results, factors = np.ravel(result), np.ravel(x)
    return all(
        np.isfinite(got)
        and np.signbit(got) == np.signbit(factor)
        and abs(Fraction(float(got))) <= abs(Fraction(float(factor)) * Fraction(float(unit)))
        and _beyond(got, abs(Fraction(float(factor)) * Fraction(float(unit))))
        for got, factor in zip(results, factors, strict=True)
    )


def _beyond(value: Any, magnitude: Fraction) -> bool:
    """Whether the next float away from zero exceeds ``magnitude``."""
    with np.errstate(over="ignore"):
        away = float(np.nextafter(np.abs(value), np.asarray(np.inf, dtype=value.dtype)))
    return math.isinf(away) or Fraction(away) > magnitude


def has_24_bits(x: Any) -> Any:
    """Whether a float64 is a float32 as well."""
    return exact(x.astype(np.float32)) == exact(x)


def keeps_order(results: Sequence[Any], sources: Sequence[Any]) -> Any:
    """Whether neighbours that were in order are in the same order afterwards."""
    before, after = (np.concatenate([np.ravel(array) for array in arrays]) for arrays in (sources, results))
    rising = (before[:-1] > before[1:]) | (after[:-1] <= after[1:])
    falling = (before[:-1] < before[1:]) | (after[:-1] >= after[1:])
    return np.all(rising & falling)


def is_largest_magnitude(largest: Any, arrays: Sequence[Array]) -> Any:
    """Whether this float64 is the largest absolute value of all elements; 0 where there is none."""
    magnitudes = [exact(np.abs(array)) for array in arrays if array.size]
    reached = [np.any(x == exact(largest)) for x in magnitudes] or [largest == 0]
    below = [np.all(x <= exact(largest)) for x in magnitudes]
    equal = functools.reduce(np.logical_or, reached)
    return functools.reduce(np.logical_and, below, equal) & (largest.dtype == np.float64)


def is_unit_of(unit: Any, arrays: Sequence[Array]) -> Any:
    """Whether this is the power of two at most the largest absolute value; any where all elements are zero."""
    magnitudes = [exact(np.abs(array)) for array in arrays if array.size]
    below = [np.all(x < 2 * exact(unit)) for x in magnitudes]
    reached = [np.any(x >= exact(unit)) for x in magnitudes]
    zero = [np.all(x == 0) for x in magnitudes]
    return (
        is_power_of_two(unit)
        & functools.reduce(np.logical_and, below, np.bool_(True))
        & (
            functools.reduce(np.logical_or, reached, np.bool_(False))
            | functools.reduce(np.logical_and, zero, np.bool_(True))
        )
    )
