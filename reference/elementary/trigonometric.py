"""sin and cos, of every finite number.

Source: Cody & Waite, "Software Manual for the Elementary Functions" (1980), chapter 8, for arguments up to 2**20; Payne &
Hanek, "Radian reduction for trigonometric functions" (SIGNUM 18, 1983) beyond; both in Muller, "Elementary Functions",
3rd ed., chapter 11. Ours of the latter sums the products on fixed grids as `reference.reductions` does, so only what lies
below 2**-90 is rounded.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from reference.contracts import ensure, require
from reference.elementary.arithmetic import (
    Pair,
    elementwise,
    fast_two_sum,
    polynomial,
    power_of_two,
    times,
    two_sum,
)
from reference.exactness import widened
from reference.validation import element_error, is_elementary

TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
HALF_PI = (  # parts of 33 bits, so that their products with up to 20 bits are exact, and a rest
    float.fromhex("0x1.921fb54400000p+0"),
    float.fromhex("0x1.0b4611a600000p-34"),
    float.fromhex("0x1.3198a2e000000p-69"),
    float.fromhex("0x1.b839a252049c1p-104"),
)
HALF_PI_PAIR = Pair(float.fromhex("0x1.921fb54442d18p+0"), float.fromhex("0x1.1a62633145c07p-54"))
TWO_OVER_PI_BITS = int(  # the first 1200 bits after the binary point
    "A2F9836E4E441529FC2757D1F534DDC0DB6295993C439041FE5163ABDEBBC561B7246E3A424DD2E006492EEA09D1921C"
    "FE1DEB1CB129A73EE88235F52EBB4484E99C7026B45F7E413991D639835339F49C845F8BBDF9283B1FF897FFDE05980F"
    "EF2F118B5A0A6D1F6D367ECF27CB09B74F463F669E5FEA2D7527BAC7EBE5F17B3D0739F78A5292EA6BFB5FB11F8D5D08"
    "56033046FC7B",
    16,
)
CHUNK, CHUNKS = 24, 50
TWO_OVER_PI_CHUNKS = tuple(
    float(TWO_OVER_PI_BITS >> CHUNK * (CHUNKS - 1 - j) & (1 << CHUNK) - 1) for j in range(CHUNKS)
)
NARROW_CHUNKS = 12  # enough for float32: 128 bits before the binary point and 160 after it
MOST_REDUCED = 2.0**20
WHOLE = 60  # a product with 2**60 or more is a multiple of 4
COARSE = 1.5 * 2.0**8  # adding and subtracting it rounds to a multiple of 2**-44
FINE = 1.5 * 2.0**-38  # of 2**-90
SIN_TAIL = (  # (sin(r) - r) / r³ in r², |r| <= pi / 4
    float.fromhex("-0x1.5555555555555p-3"),
    float.fromhex("0x1.1111111111111p-7"),
    float.fromhex("-0x1.a01a01a01a019p-13"),
    float.fromhex("0x1.71de3a556c2c7p-19"),
    float.fromhex("-0x1.ae64567e72e9ap-26"),
    float.fromhex("0x1.61245fb4bee94p-33"),
    float.fromhex("-0x1.ae7c5370664f0p-41"),
    float.fromhex("0x1.92428e5825432p-49"),
)
COS_TAIL = (  # (cos(r) - 1 + r² / 2) / r⁴ in r², |r| <= pi / 4
    float.fromhex("0x1.5555555555555p-5"),
    float.fromhex("-0x1.6c16c16c16c17p-10"),
    float.fromhex("0x1.a01a01a01a019p-16"),
    float.fromhex("-0x1.27e4fb7789d97p-22"),
    float.fromhex("0x1.1eed8eff3355bp-29"),
    float.fromhex("-0x1.939749540f022p-37"),
    float.fromhex("0x1.ae7ce896ed655p-45"),
    float.fromhex("-0x1.65d29bad11334p-53"),
)


class Turned(NamedTuple):
    """x = n · pi / 2 + r, up to multiples of 2 pi; r a pair of at most about pi / 4."""

    n: Any
    r: Pair


def reduced(x: Any) -> Turned:
    """Subtract multiples of pi / 2, part by part; for 0 <= x <= 2**20."""
    n = np.rint(x * TWO_OVER_PI)
    first, error = two_sum(x - n * HALF_PI[0], -(n * HALF_PI[1]))
    second, error_2 = two_sum(first, -(n * HALF_PI[2]))
    return Turned(n, fast_two_sum(second, (error + error_2) - n * HALF_PI[3]))


def reduced_by_bits(x: Any, chunks: int, pieces: int) -> Turned:
    """Multiply by the bits of 2 / pi that matter, dropping multiples of 4; for any finite x >= 0.

    Every product of a piece of x with a chunk of 2 / pi is exact, and so is the sum of its parts on each grid. One piece
    holds a number of at most 26 bits, two hold any.
    """
    mantissa, exponent = np.frexp(x)
    upper = np.rint(mantissa * 2.0**26) * 2.0**-26
    coarse = fine = rest = mantissa - mantissa
    for j in range(chunks):
        place = exponent - CHUNK * (j + 1)
        unit = power_of_two(np.where(place >= WHOLE, -2000, place)) * TWO_OVER_PI_CHUNKS[j]
        for piece in (upper, mantissa - upper)[:pieces]:
            product = piece * unit
            below = product - 4.0 * np.rint(product * 0.25)
            high = (below + COARSE) - COARSE
            middle = ((below - high) + FINE) - FINE
            coarse, fine, rest = coarse + high, fine + middle, rest + ((below - high) - middle)
    n = np.rint(coarse)
    high, low = two_sum(coarse - n, fine)
    return Turned(n, fast_two_sum(*times(fast_two_sum(high, low + rest), HALF_PI_PAIR)))


def turned(x: Any, chunks: int, pieces: int) -> Turned:
    """The reduction that fits each x >= 0; that by bits is left out where no element needs it."""
    large = x > MOST_REDUCED
    small = reduced(np.where(large, 0.0, x))
    if not np.any(large):
        return small
    huge = reduced_by_bits(x, chunks, pieces)
    choice = (
        np.where(large, a, b) for a, b in ((huge.n, small.n), (huge.r.high, small.r.high), (huge.r.low, small.r.low))
    )
    n, high, low = choice
    return Turned(n, Pair(high, low))


def sin_near_zero(r: Pair) -> Any:
    """sin(r) for |r| <= pi / 4."""
    z = r.high * r.high
    return r.high + ((r.high * z) * polynomial(z, SIN_TAIL) + r.low * (1.0 - 0.5 * z))


def cos_near_zero(r: Pair) -> Any:
    """cos(r) for |r| <= pi / 4."""
    z = r.high * r.high
    half = 0.5 * z
    main = 1.0 - half
    return main + (((1.0 - main) - half) + ((z * z) * polynomial(z, COS_TAIL) - r.high * r.low))


def sin_of_quarter(n: Any, r: Pair) -> Any:
    """sin(n · pi / 2 + r)."""
    quarter = n - 4.0 * np.floor(n * 0.25)
    value = np.where((quarter == 1) | (quarter == 3), cos_near_zero(r), sin_near_zero(r))
    return np.where(quarter >= 2, -value, value)


def sin_float64(x: Any, chunks: int = CHUNKS, pieces: int = 2) -> Any:
    """sin x in float64."""
    n, r = turned(np.where(np.isfinite(x), np.abs(x), 0.0), chunks, pieces)
    value = sin_of_quarter(n, r)
    outside = np.where(np.isnan(x), x, np.nan)
    return np.where(np.isfinite(x), np.where(np.signbit(x), -value, value), outside)


def cos_float64(x: Any, chunks: int = CHUNKS, pieces: int = 2) -> Any:
    """cos x in float64."""
    n, r = turned(np.where(np.isfinite(x), np.abs(x), 0.0), chunks, pieces)
    outside = np.where(np.isnan(x), x, np.nan)
    return np.where(np.isfinite(x), sin_of_quarter(n + 1.0, r), outside)


def _enough(dtype: Any) -> dict[str, int]:
    """How much of 2 / pi the reduction of a dtype needs."""
    return {} if dtype == np.float64 else {"chunks": NARROW_CHUNKS, "pieces": 1}


@require(lambda x: is_elementary(x), lambda x: element_error("x", x))
@ensure("ELEM-6", lambda result, x: np.all((np.abs(widened(result)) <= 1) | ~np.isfinite(widened(x))))
def sin(x: Any) -> Any:
    """The sine of every element.

    n = rint(|x| · 2/pi),  r = |x| - n pi/2,  sin x = ±(sin r, cos r, -sin r or -cos r, by n mod 4)

    r is kept in two float64. Up to 2**20, pi/2 is subtracted in four parts; beyond, |x| is multiplied by those bits of
    2/pi that are not multiples of 4 in the product.

    Parameters: x, array or scalar of float16, bfloat16, float32 or float64. The result has its dtype and shape.

    Special values: sin(±0) = ±0, sin(±inf) = NaN without a warning, NaN stays NaN. Odd bit for bit.

    Error: float16 and bfloat16 are correctly rounded. So are all float32 tried, but for the few that
    ``proofs/elementary/float32.json`` lists with what was tried, all within 0.500001 ulp. float64 is within 0.8 ulp (samples).

    Claims
        ELEM-6  exhaust  IEEE(float16, bfloat16)  all 65,536 x  the magnitude is at most 1, or x is not finite
        ELEM-16  exhaust  float16  all 65,536 x   correctly rounded
        ELEM-26  exhaust  bfloat16  all 65,536 x   correctly rounded
    """
    return elementwise(functools.partial(sin_float64, **_enough(x.dtype)), x)


@require(lambda x: is_elementary(x), lambda x: element_error("x", x))
@ensure("ELEM-7", lambda result, x: np.all((np.abs(widened(result)) <= 1) | ~np.isfinite(widened(x))))
def cos(x: Any) -> Any:
    """The cosine of every element.

    cos x = sin(|x| + pi/2), computed as in `sin` with n + 1 in the place of n.

    Parameters: x, array or scalar of float16, bfloat16, float32 or float64. The result has its dtype and shape.

    Special values: cos(±0) = 1, cos(±inf) = NaN without a warning, NaN stays NaN. Even bit for bit.

    Error: float16 and bfloat16 are correctly rounded. So are all float32 tried, but for the few that
    ``proofs/elementary/float32.json`` lists with what was tried, all within 0.500001 ulp. float64 is within 0.8 ulp (samples).

    Claims
        ELEM-7  exhaust  IEEE(float16, bfloat16)  all 65,536 x  the magnitude is at most 1, or x is not finite
        ELEM-17  exhaust  float16  all 65,536 x   correctly rounded
        ELEM-27  exhaust  bfloat16  all 65,536 x   correctly rounded
    """
    return elementwise(functools.partial(cos_float64, **_enough(x.dtype)), x)
