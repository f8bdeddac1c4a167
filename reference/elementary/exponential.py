"""exp, expm1 and tanh.

Source: Tang, "Table-driven implementation of the exponential function in IEEE floating-point arithmetic" (ACM TOMS 15,
1989), sections 3 and 4, without its table: the polynomial covers |r| <= ln(2) / 2. Ours keeps what the reduction and the
first addition round off, so that little more than the last rounding is lost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reference.contracts import ensure, require
from reference.elementary.arithmetic import (
    Pair,
    between,
    elementwise,
    fast_two_sum,
    polynomial,
    power_of_two,
    quotient,
    scaled,
    two_sum,
)
from reference.exactness import widened
from reference.validation import element_error, is_elementary

LOG2_E = float.fromhex("0x1.71547652b82fep+0")
LN2 = (  # the first has 42 bits, so that its product with k is exact
    float.fromhex("0x1.62e42fefa3800p-1"),
    float.fromhex("0x1.ef35793c76730p-45"),
)
EXP_TAIL = (  # (e**r - 1 - r) / r² for |r| <= ln(2) / 2
    float.fromhex("0x1.0000000000000p-1"),
    float.fromhex("0x1.5555555555555p-3"),
    float.fromhex("0x1.5555555555557p-5"),
    float.fromhex("0x1.1111111111111p-7"),
    float.fromhex("0x1.6c16c16c15a5fp-10"),
    float.fromhex("0x1.a01a01a0196a7p-13"),
    float.fromhex("0x1.a01a01a9ed901p-16"),
    float.fromhex("0x1.71de3a5aa9dc9p-19"),
    float.fromhex("0x1.27e4d40eb84dfp-22"),
    float.fromhex("0x1.ae642c777eecbp-26"),
    float.fromhex("0x1.1f7f3b37e9a58p-29"),
    float.fromhex("0x1.61bfbf339abc9p-33"),
)
MOST, LEAST = 710.0, -746.0  # e**x overflows above, and rounds to 0 below
MINUS_ONE = -38.0  # e**x - 1 rounds to -1 below
ONE = 20.0  # tanh rounds to 1 above
TINY = 2.0**-54  # e**x - 1 rounds to x below


class Reduced(NamedTuple):
    """e**x = 2**k (1 + r + tail), |r| <= ln(2) / 2, tail about r² / 2."""

    k: Any
    r: Any
    tail: Any


def reduced(x: Any, low: Any = 0.0) -> Reduced:
    """Split the exponential of x + low; |x| <= 746, |low| at most a unit in the last place of x."""
    k = np.rint(x * LOG2_E)
    high = x - k * LN2[0]
    rest = k * LN2[1] - low
    r = high - rest
    lost = (high - r) - rest
    return Reduced(k, r, (r * r) * polynomial(r, EXP_TAIL) + (lost + lost * r))


def exp_of_sum(x: Any, low: Any) -> Any:
    """e**(x + low) in float64, for any x but NaN; |low| at most a unit in the last place of x."""
    within = between(x, LEAST, MOST)
    k, r, tail = reduced(within, np.where(within == x, low, 0.0))
    one, rest = fast_two_sum(1.0, r)
    return scaled(one + (rest + tail), k)


def expm1_pair(x: Any) -> Pair:
    """(e**x - 1) / 2 as a pair, for -38 <= x <= 710.

    Half of it, for 2**1024 overflows although e**x need not.
    """
    k, r, tail = reduced(x)
    scale = power_of_two(k - 1)
    whole, lost = two_sum(scale, -0.5)
    high, rest = fast_two_sum(whole, scale * r)
    return fast_two_sum(high, rest + (lost + scale * tail))


def exp_float64(x: Any) -> Any:
    """e**x in float64."""
    known = np.where(np.isnan(x), 0.0, x)
    return np.where(np.isnan(x), x, exp_of_sum(known, 0.0))


def expm1_float64(x: Any) -> Any:
    """e**x - 1 in float64."""
    known = np.where(np.isnan(x), 0.0, x)
    value = expm1_pair(between(known, MINUS_ONE, MOST)).high * 2.0
    return np.where(np.isnan(x) | (np.abs(x) < TINY), x, value)


def tanh_float64(x: Any) -> Any:
    """t / (t + 2) in float64, t = e**(2|x|) - 1, with the sign of x."""
    known = np.where(np.isnan(x), 0.0, np.abs(x))
    half = expm1_pair(2.0 * between(known, 0.0, ONE))
    sum_, rest = two_sum(half.high, 1.0)
    value = quotient(half, Pair(sum_, rest + half.low))
    return np.where(np.isnan(x), x, np.copysign(value.high + value.low, x))


@require(lambda x: is_elementary(x), lambda x: element_error("x", x))
@ensure("ELEM-1", lambda result, x: np.all((widened(result) >= 0) | np.isnan(widened(x))))
def exp(x: Any) -> Any:
    """The exponential e**x of every element.

    k = rint(x / ln 2),  r = x - k ln 2,  e**x = 2**k (1 + r + r² q(r))

    q has 12 coefficients. The product with 2**k is done in two steps, so it rounds only where the result is subnormal.

    Parameters: x, array or scalar of float16, bfloat16, float32 or float64. The result has its dtype and shape.

    Special values: exp(±0) = 1, exp(-inf) = 0, exp(inf) = inf, NaN stays NaN; overflow gives inf, without a warning.

    Error: float16 and bfloat16 are correctly rounded. So are all float32 tried, but for the few that
    ``proofs/elementary/float32.json`` lists with what was tried, all within 0.500001 ulp. float64 is within 0.8 ulp (samples).

    Claims
        ELEM-1  exhaust  IEEE(float16, bfloat16)  all 65,536 x  the result is at least 0, or x is NaN
        ELEM-11  exhaust  float16  all 65,536 x   correctly rounded
        ELEM-21  exhaust  bfloat16  all 65,536 x   correctly rounded
    """
    return elementwise(exp_float64, x)


@require(lambda x: is_elementary(x), lambda x: element_error("x", x))
@ensure("ELEM-2", lambda result, x: np.all((widened(result) >= -1) | np.isnan(widened(x))))
def expm1(x: Any) -> Any:
    """e**x - 1 of every element, accurate where e**x is close to 1.

    k = rint(x / ln 2),  r = x - k ln 2,  e**x - 1 = (2**k - 1) + 2**k (r + r² q(r))

    The sum is kept in two float64 until the end.

    Parameters: x, array or scalar of float16, bfloat16, float32 or float64. The result has its dtype and shape.

    Special values: expm1(±0) = ±0, expm1(-inf) = -1, expm1(inf) = inf, NaN stays NaN; overflow gives inf, without a warning.

    Error: float16 and bfloat16 are correctly rounded. So are all float32 tried, but for the few that
    ``proofs/elementary/float32.json`` lists with what was tried, all within 0.500001 ulp. float64 is within 1 ulp (samples).

    Claims
        ELEM-2  exhaust  IEEE(float16, bfloat16)  all 65,536 x  the result is at least -1, or x is NaN
        ELEM-12  exhaust  float16  all 65,536 x   correctly rounded
        ELEM-22  exhaust  bfloat16  all 65,536 x   correctly rounded
    """
    return elementwise(expm1_float64, x)


@require(lambda x: is_elementary(x), lambda x: element_error("x", x))
@ensure("ELEM-3", lambda result, x: np.all((np.abs(widened(result)) <= 1) | np.isnan(widened(x))))
def tanh(x: Any) -> Any:
    """The hyperbolic tangent of every element.

    t = e**(2|x|) - 1,  tanh x = ±t / (t + 2)

    t comes in two float64 as in `expm1`; the remainder of the division corrects it.

    Parameters: x, array or scalar of float16, bfloat16, float32 or float64. The result has its dtype and shape.

    Special values: tanh(±0) = ±0, tanh(±inf) = ±1, NaN stays NaN. Odd bit for bit.

    Error: float16 and bfloat16 are correctly rounded. So are all float32 tried, but for the few that
    ``proofs/elementary/float32.json`` lists with what was tried, all within 0.500001 ulp. float64 is within 0.8 ulp (samples).

    Claims
        ELEM-3  exhaust  IEEE(float16, bfloat16)  all 65,536 x  the magnitude is at most 1, or x is NaN
        ELEM-13  exhaust  float16  all 65,536 x   correctly rounded
        ELEM-23  exhaust  bfloat16  all 65,536 x   correctly rounded
    """
    return elementwise(tanh_float64, x)
