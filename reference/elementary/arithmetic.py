"""What all elementary functions share: float64 in pairs, polynomials, powers of two, and the way in and out.

A *pair* is the unevaluated sum of two float64, the second at most half a unit in the last place of the first. The exact
sums are Knuth's and Dekker's, the exact product is Veltkamp's and Dekker's: Muller, "Elementary Functions", 3rd ed.,
section 2.2. No fused multiply-add is used, so a kernel compiled without contraction repeats every bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from reference.validation import BFLOAT16

BLOCK = 1 << 14  # elements worked on at a time: some thirty float64 arrays of that size stay in the processor's cache
SPLITTER = 2.0**27 + 1
BFLOAT16_BITS = 8  # significant bits
BFLOAT16_LEAST = -133  # exponent of the smallest subnormal


class Pair(NamedTuple):
    """A float64 and what is missing to the exact value."""

    high: Any
    low: Any


def fast_two_sum(a: Any, b: Any) -> Pair:
    """a + b without error, if |a| >= |b| or a is 0."""
    high = a + b
    return Pair(high, b - (high - a))


def two_sum(a: Any, b: Any) -> Pair:
    """a + b without error."""
    high = a + b
    b_kept = high - a
    a_kept = high - b_kept
    return Pair(high, (a - a_kept) + (b - b_kept))


def _halves(a: Any) -> Pair:
    """a as a sum of two floats of at most 26 bits; |a| < 2**996."""
    scaled = SPLITTER * a
    high = scaled - (scaled - a)
    return Pair(high, a - high)


def two_product(a: Any, b: Any) -> Pair:
    """a · b without error, barring overflow and underflow."""
    high = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return Pair(high, ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2)


def times(a: Pair, b: Pair) -> Pair:
    """a · b to about 2**-102; not normalised."""
    high, low = two_product(a.high, b.high)
    return Pair(high, low + (a.high * b.low + a.low * b.high))


def quotient(a: Pair, b: Pair) -> Pair:
    """a / b to about 2**-100: the rounded quotient, and its remainder divided again; not normalised."""
    high = a.high / b.high
    product, error = two_product(high, b.high)
    rest = ((a.high - product) - error) + (a.low - high * b.low)
    return Pair(high, rest / b.high)


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """c0 + x (c1 + x (c2 + …)), from the innermost bracket outwards (Horner)."""
    return functools.reduce(lambda inner, c: inner * x + c, reversed(coefficients[:-1]), coefficients[-1])


def power_of_two(k: Any) -> Any:
    """2**k for a whole float64 k; exact from -1074 to 1023, inf above, 0 below."""
    return np.ldexp(np.float64(1), k.astype(np.int32))


def scaled(value: Any, k: Any) -> Any:
    """value · 2**k for -2000 < k < 2000, in two steps: exact, or rounded once if the result is subnormal."""
    half = np.floor(k * 0.5)
    return (value * power_of_two(half)) * power_of_two(k - half)


def between(x: Any, low: float, high: float) -> Any:
    """x kept within two bounds."""
    return np.where(x < low, low, np.where(x > high, high, x))


def elementwise(function: Callable[[Any], Any], x: Any) -> Any:
    """Apply a function of float64 to x in float64, and round once to the dtype of x.

    The blocks only keep the intermediate arrays in the cache: every element is computed by itself.
    """
    flat = np.ravel(x)
    with np.errstate(all="ignore"):
        blocks = [
            rounded(function(flat[start : start + BLOCK].astype(np.float64)), x.dtype)
            for start in range(0, max(flat.size, 1), BLOCK)
        ]
    return np.reshape(np.concatenate(blocks), x.shape)[()]


def rounded(value: Any, dtype: Any) -> Any:
    """A float64 array rounded to nearest even in a dtype.

    ml_dtypes rounds float64 to float32 and then to bfloat16. Here the float64 is first rounded to the 8 bits of bfloat16, or
    to its smallest subnormal, so that the casts are exact or overflow.
    """
    if dtype == BFLOAT16:
        _, exponent = np.frexp(value)
        place = np.where(exponent < BFLOAT16_LEAST + BFLOAT16_BITS, BFLOAT16_LEAST, exponent - BFLOAT16_BITS)
        unit = np.ldexp(np.float64(1), place)
        return (np.rint(value / unit) * unit).astype(np.float32).astype(ml_dtypes.bfloat16)
    return value.astype(dtype)
