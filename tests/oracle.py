"""What is right, in exact arithmetic: integers and fractions only, never the code under test.

Every finite float is an integer times 2**-1074, so sums and squares of floats are sums and squares of integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

LEAST_EXPONENT = 1074
BITS = {2: np.uint16, 4: np.uint32, 8: np.uint64}
INFINITY_BITS = {2: 0x7C00, 4: 0x7F800000, 8: 0x7FF0000000000000}


def integers(arrays: Sequence[Any]) -> list[int]:
    """All elements, in units of 2**-1074."""
    ratios = (float(x).as_integer_ratio() for array in arrays for x in np.ravel(array))
    return [(numerator << LEAST_EXPONENT) // denominator for numerator, denominator in ratios]


def total(arrays: Sequence[Any]) -> Fraction:
    """Σx."""
    return Fraction(sum(integers(arrays)), 1 << LEAST_EXPONENT)


def total_of_magnitudes(arrays: Sequence[Any]) -> Fraction:
    """Σ|x|."""
    return Fraction(sum(map(abs, integers(arrays))), 1 << LEAST_EXPONENT)


def powered_norm(arrays: Sequence[Any], p: float = 2.0) -> Fraction:
    """The p-norm to the power p (for p = inf: the norm itself)."""
    magnitudes = [abs(x) for x in integers(arrays)]
    if p == 2:
        return Fraction(sum(x * x for x in magnitudes), 1 << 2 * LEAST_EXPONENT)
    return Fraction(sum(magnitudes) if p == 1 else max(magnitudes, default=0), 1 << LEAST_EXPONENT)


def norm_at_most(arrays: Sequence[Any], bound: Any, p: float = 2.0) -> bool:
    """Whether the p-norm is at most ``bound``, a float or fraction."""
    limit = bound if isinstance(bound, Fraction) else Fraction(float(bound))
    return limit >= 0 and powered_norm(arrays, p) <= (limit**2 if p == 2 else limit)


def norm_at_least(arrays: Sequence[Any], bound: Fraction, p: float = 2.0) -> bool:
    """Whether the p-norm is at least ``bound``."""
    return bound <= 0 or powered_norm(arrays, p) >= (bound**2 if p == 2 else bound)


def is_norm(value: Any, arrays: Sequence[Any], p: float, relative: Fraction) -> bool:
    """Whether |value - norm| <= relative · norm + 2**-1075."""
    absolute = Fraction(1, 1 << 1075)
    found = Fraction(float(value))
    return norm_at_least(arrays, (found - absolute) / (1 + relative), p) and norm_at_most(
        arrays, (found + absolute) / (1 - relative), p
    )


def floor_to_float(x: Fraction, dtype: Any) -> Any:
    """The largest finite float of ``dtype`` that is at most x >= 0, by bisection over the ordered bit patterns.

    A guess is where it begins; that x is not below ``low`` and is below ``high`` is seen in fractions, else it begins with all.
    """
    size = np.dtype(dtype).itemsize
    low, high = 0, INFINITY_BITS[size]
    largest = float(np.finfo(dtype).max)
    guess = int(np.dtype(dtype).type(float(x) if x <= largest else largest).view(BITS[size]))
    below, above = max(guess - 1, low), min(guess + 1, high - 1)
    if Fraction(float(from_bits(below, dtype))) <= x < Fraction(float(from_bits(above, dtype))):
        low, high = below, above
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if Fraction(float(from_bits(middle, dtype))) <= x else (low, middle)
    return from_bits(low, dtype)


def from_bits(bits: int, dtype: Any) -> Any:
    """The float with this bit pattern."""
    return BITS[np.dtype(dtype).itemsize](bits).view(dtype)


def nearest_float(x: Fraction, dtype: Any) -> Any:
    """x rounded to nearest, ties to even; x within the finite range."""
    below = floor_to_float(abs(x), dtype)
    bits = int(below.view(BITS[np.dtype(dtype).itemsize]))
    above = from_bits(bits + 1, dtype)
    twice = 2 * abs(x) - Fraction(float(below)) - Fraction(float(above))
    chosen = above if twice > 0 or (twice == 0 and bits % 2) else below
    return -chosen if x < 0 else chosen


def tree_total(values: Iterable[Any], dtype: Any) -> Any:
    """The sum of neighbours, then of neighbouring sums, and so on, each rounded to nearest."""
    row = [Fraction(float(value)) for value in values]
    while len(row) > 1:
        pairs = [Fraction(float(nearest_float(a + b, dtype))) for a, b in zip(row[::2], row[1::2], strict=False)]
        row = pairs + row[len(row) - len(row) % 2 :]
    return row[0] if row else Fraction(0)


def same_bits(x: Any, y: Any) -> bool:
    """Whether two arrays agree in dtype, shape and every bit."""
    return x.dtype == y.dtype and x.shape == y.shape and np.asarray(x).tobytes() == np.asarray(y).tobytes()


def all_finite_float16() -> Any:
    """Every finite float16."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    return every[np.isfinite(every)]
