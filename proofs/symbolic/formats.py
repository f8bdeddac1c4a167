"""IEEE 754 binary formats by NumPy dtype: sorts, precisions, ranges."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np
import z3

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


@dataclass(frozen=True)
class Format:
    """A binary format: ``exponent_bits`` and ``precision`` (significant bits, the hidden one included)."""

    exponent_bits: int
    precision: int

    @property
    def width(self) -> int:
        """Bits in all."""
        return self.exponent_bits + self.precision

    @property
    def sort(self) -> z3.FPSortRef:
        """The solver's sort."""
        return z3.FPSort(self.exponent_bits, self.precision)

    @property
    def bias(self) -> int:
        """The exponent field of 1.0."""
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def least_exponent(self) -> int:
        """The smallest positive number is 2**least_exponent, and every finite number a multiple of it."""
        return 2 - self.bias - self.precision

    @property
    def least_normal(self) -> Fraction:
        """The smallest positive number of full precision."""
        return Fraction(2) ** (self.least_exponent + self.precision - 1)

    @property
    def unit_roundoff(self) -> Fraction:
        """u: rounding to nearest changes a normal number by at most u times itself."""
        return Fraction(1, 1 << self.precision)

    @property
    def largest(self) -> Fraction:
        """The largest finite number."""
        return (2 - Fraction(2, 1 << self.precision)) * Fraction(2) ** self.bias

    def nearest(self, x: Fraction) -> Fraction:
        """The number of this format nearest to x, ties to even; its range is taken for unbounded above."""
        if x == 0:
            return x
        exponent = abs(x.numerator).bit_length() - x.denominator.bit_length()
        exponent -= abs(x) < Fraction(2) ** exponent
        grid = Fraction(2) ** max(self.least_exponent, exponent - self.precision + 1)
        return round(x / grid) * grid


FORMATS = {
    np.dtype(np.float16): Format(5, 11),
    BFLOAT16: Format(8, 8),
    np.dtype(np.float32): Format(8, 24),
    np.dtype(np.float64): Format(11, 53),
}
WIDER = {
    Format(5, 11): Format(8, 24),
    Format(8, 8): Format(11, 53),  # float32 has no wider exponents than bfloat16
    Format(8, 24): Format(11, 53),
    Format(11, 53): Format(15, 113),
}


@cache
def format_of(dtype: np.dtype[Any]) -> Format:
    """The format of a floating dtype."""
    try:
        return FORMATS[dtype]
    except KeyError:
        raise TypeError(f"{dtype} is no floating dtype of Proofgrad: float16, bfloat16, float32, float64") from None


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether this is a floating dtype that the theories know."""
    return dtype in FORMATS


def integer_width(dtype: np.dtype[Any]) -> int:
    """Bits of an integer dtype."""
    return dtype.itemsize * 8
