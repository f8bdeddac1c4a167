"""What clauses about rounding are made of: the units of a format, and exact values of what is finite.

These are statements, not steps of a computation: none of them runs unless contracts are checked or proven.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from reference.exactness import exact


def unit_of(dtype: Any) -> Fraction:
    """u: rounding to nearest changes a normal number by at most u times itself."""
    return Fraction(float(np.finfo(dtype).eps)) / 2


def least_of(dtype: Any) -> Fraction:
    """The least subnormal."""
    return Fraction(float(np.finfo(dtype).smallest_subnormal))


def largest_of(dtype: Any) -> Fraction:
    """The largest finite number."""
    return Fraction(float(np.finfo(dtype).max))


def exact_where(there: Any, *arrays: Any) -> list[Any]:
    """The exact values; what is not spoken of counts as 0."""
    if np.all(there):
        return [exact(array) for array in arrays]
    return [exact(np.where(there, array, array.dtype.type(0))) for array in arrays]


def is_near(result: Any, true: Any, slack: Any) -> Any:
    """Where a result is finite and not farther than ``slack`` from an exact value."""
    (found,) = exact_where(np.isfinite(result), result)
    return np.isfinite(result) & (found - true <= slack) & (true - found <= slack)
