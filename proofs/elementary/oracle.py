"""What the elementary functions should give: the real value, rounded once.

A float64 estimate from NumPy or Python's ``math`` decides nearly always: if the estimate, moved both ways by far more than
its error, rounds to one number, so does the real value. The few inputs for which it does not are settled by mpmath with 200
bits. So the verdict does not depend on the library that estimates, as long as it is right to some twenty bits in bfloat16
and to 44 in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import mpmath
import numpy as np
from mpmath import mp, mpf

from reference.exactness import widened

BITS = 200


@dataclass(frozen=True)
class Format:
    """Precision, exponent of the smallest number, exponent beyond the largest, and how far the estimate is trusted."""

    precision: int
    least: int
    above: int
    margin: float


FORMATS = {
    np.dtype(np.float16): Format(11, -24, 16, 2.0**-40),
    np.dtype(ml_dtypes.bfloat16): Format(8, -133, 128, 2.0**-20),  # the cast goes by way of float32
    np.dtype(np.float32): Format(24, -149, 128, 2.0**-44),
    np.dtype(np.float64): Format(53, -1074, 1024, 1.0),  # mpmath decides on every number
}


@dataclass(frozen=True)
class Oracle:
    """A function as others compute it: a float64 estimate for arrays, and any precision for a number."""

    estimate: Callable[..., Any]
    real: Callable[..., Any]


def _erf(x: Any) -> Any:
    """An estimate to 44 bits: Python's, but where erf is within 2**-45 of a straight line or of 1, that."""
    size = np.abs(x)
    inner = (size > 2.0**-22) & (size < 6)
    value = np.where(size < 1, x * (2 / math.sqrt(math.pi)), np.copysign(1.0, x))
    value[inner] = np.fromiter(map(math.erf, x[inner].tolist()), np.float64)
    return np.where(np.isnan(x), x, value)


ORACLES = {
    "exp": Oracle(np.exp, mpmath.exp),
    "expm1": Oracle(np.expm1, mpmath.expm1),
    "tanh": Oracle(np.tanh, mpmath.tanh),
    "log": Oracle(np.log, mpmath.log),
    "log1p": Oracle(np.log1p, mpmath.log1p),
    "sin": Oracle(np.sin, mpmath.sin),
    "cos": Oracle(np.cos, mpmath.cos),
    "erf": Oracle(_erf, mpmath.erf),
    "pow": Oracle(np.power, mpmath.power),
}


def expected(name: str, *arguments: Any) -> Any:
    """The correctly rounded result for one-dimensional arrays of one dtype, in that dtype."""
    dtype = arguments[0].dtype
    margin = FORMATS[dtype].margin
    with np.errstate(all="ignore"):
        value = ORACLES[name].estimate(*(each.astype(np.float64) for each in arguments))
        found = (value * (1 - margin)).astype(dtype)
        doubtful = np.flatnonzero((found != (value * (1 + margin)).astype(dtype)) & ~np.isnan(value))
    if doubtful.size:
        found[doubtful] = [in_format(name, *numbers) for numbers in zip(*(x[doubtful] for x in arguments), strict=True)]
    return found


def in_format(name: str, *numbers: Any) -> Any:
    """The real value at some numbers of one dtype, rounded to nearest even in it."""
    dtype = numbers[0].dtype
    form = FORMATS[dtype]
    value = real(name, *numbers)
    with mp.workprec(2 * BITS):
        nearest = mpmath.nint(value / unit_of(value, form)) * unit_of(value, form)
        magnitude = math.inf if abs(nearest) >= mpf(2) ** form.above else float(abs(nearest))
    return np.float64(math.copysign(magnitude, value)).astype(dtype)


def real(name: str, *numbers: Any) -> Any:
    """The value at finite numbers to 200 bits."""
    with mp.workprec(BITS):
        return ORACLES[name].real(*(mpf(float(number)) for number in numbers))


def unit_of(value: Any, form: Format) -> Any:
    """The unit in the last place of a real value in a format."""
    return mpf(2) ** max(int(mpmath.frexp(value)[1]) - form.precision, form.least)


def error_in_ulp(name: str, result: Any, *numbers: Any) -> float:
    """How far a result is from the real value, in units of the last place of the real value."""
    value = real(name, *numbers)
    with mp.workprec(BITS):
        return float(abs(mpf(float(result)) - value) / unit_of(value, FORMATS[result.dtype]))


def same(result: Any, wanted: Any) -> Any:
    """Where two arrays of one dtype agree in every bit, or are both NaN."""
    kind = np.dtype(f"u{result.dtype.itemsize}")
    return (result.view(kind) == wanted.view(kind)) | (np.isnan(widened(result)) & np.isnan(widened(wanted)))
