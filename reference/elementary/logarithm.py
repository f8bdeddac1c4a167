"""log and log1p.

Source: Tang, "Table-driven implementation of the logarithm function in IEEE floating-point arithmetic" (ACM TOMS 16,
1990), section 2, without its table; the series in s = f / (2 + f) as in Muller, "Elementary Functions", 3rd ed.,
section 6.2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reference.contracts import ensure, require
from reference.elementary.arithmetic import elementwise, fast_two_sum, polynomial, two_sum
from reference.elementary.exponential import LN2
from reference.exactness import widened
from reference.validation import element_error, is_elementary

SQRT_HALF = float.fromhex("0x1.6a09e667f3bcdp-1")
LOG_TAIL = (  # (log((1 + s) / (1 - s)) / s - 2) / s² in s², for m = (1 + s) / (1 - s) from sqrt(1/2) to sqrt(2)
    float.fromhex("0x1.5555555555555p-1"),
    float.fromhex("0x1.9999999999998p-2"),
    float.fromhex("0x1.249249249296cp-2"),
    float.fromhex("0x1.c71c71c649d29p-3"),
    float.fromhex("0x1.745d17d4e023ep-3"),
    float.fromhex("0x1.3b137abacbd15p-3"),
    float.fromhex("0x1.111d3bc7f927ap-3"),
    float.fromhex("0x1.debb4432155e1p-4"),
    float.fromhex("0x1.e6d04c9e3c20ep-4"),
)


class Scaled(NamedTuple):
    """x = m · 2**k with m from sqrt(1/2) to sqrt(2)."""

    m: Any
    k: Any


def normalised(x: Any) -> Scaled:
    """Split x, finite and positive, without error."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < SQRT_HALF
    m = np.where(small, mantissa * 2.0, mantissa)
    return Scaled(m, np.where(small, exponent - 1, exponent).astype(np.float64))


def log_from(f: Any, k: Any, correction: Any) -> Any:
    """k ln 2 + log(1 + f) + correction in float64; 1 + f from sqrt(1/2) to sqrt(2), the correction tiny.

    log(1 + f) = f - (f² / 2 - s (f² / 2 + z p(z))),  s = f / (2 + f),  z = s²
    """
    s = f / (2.0 + f)
    z = s * s
    half_square = (0.5 * f) * f
    tail = s * (half_square + z * polynomial(z, LOG_TAIL))
    high, rest = fast_two_sum(k * LN2[0], f)
    return high + (rest - (half_square - (tail + (k * LN2[1] + correction))))


def log_float64(x: Any) -> Any:
    """log x in float64."""
    positive = (x > 0) & np.isfinite(x)
    m, k = normalised(np.where(positive, x, 1.0))
    outside = np.where(x == 0, -np.inf, np.where(x > 0, x, np.nan))
    return np.where(positive, log_from(m - 1.0, k, 0.0), np.where(np.isnan(x), x, outside))


def log1p_float64(x: Any) -> Any:
    """log(1 + x) in float64; where 1 + x is close to 1 its logarithm is computed from x itself."""
    inside = (x > -1) & np.isfinite(x)
    known = np.where(inside, x, 0.0)
    sum_, rest = two_sum(known, 1.0)
    m, k = normalised(sum_)
    near = k == 0
    value = log_from(np.where(near, known, m - 1.0), k, np.where(near, 0.0, rest / sum_))
    outside = np.where(x == -1, -np.inf, np.where(x > -1, x, np.nan))
    return np.where(inside & (x != 0), value, np.where(np.isnan(x) | (x == 0), x, outside))


@require(lambda x: is_elementary(x), lambda x: element_error("x", x))
@ensure("ELEM-4", lambda result, x: np.all(np.isnan(widened(result)) == (np.isnan(widened(x)) | (widened(x) < 0))))
def log(x: Any) -> Any:
    """The natural logarithm of every element.

    x = 2**k m,  f = m - 1,  s = f / (2 + f),  log x = k ln 2 + f - (f² / 2 - s (f² / 2 + s² p(s²)))

    m lies between sqrt(1/2) and sqrt(2); p has 9 coefficients.

    Parameters: x, array or scalar of float16, bfloat16, float32 or float64. The result has its dtype and shape.

    Special values: log(±0) = -inf, log(inf) = inf, NaN stays NaN, negative numbers give NaN; no warnings.

    Error: float16 and bfloat16 are correctly rounded. So are all float32 tried, but for the few that
    ``proofs/elementary/float32.json`` lists with what was tried, all within 0.500001 ulp. float64 is within 0.85 ulp (samples).

    Claims
        ELEM-4  exhaust  IEEE(float16, bfloat16)  all 65,536 x  NaN exactly where x is NaN or negative
        ELEM-14  exhaust  float16  all 65,536 x   correctly rounded
        ELEM-24  exhaust  bfloat16  all 65,536 x   correctly rounded
    """
    return elementwise(log_float64, x)


@require(lambda x: is_elementary(x), lambda x: element_error("x", x))
@ensure("ELEM-5", lambda result, x: np.all(np.isnan(widened(result)) == (np.isnan(widened(x)) | (widened(x) < -1))))
def log1p(x: Any) -> Any:
    """log(1 + x) of every element, accurate where x is small.

    As `log` of the rounded 1 + x = 2**k m, with f = x where k = 0, and what was rounded off divided by 1 + x added elsewhere.

    Parameters: x, array or scalar of float16, bfloat16, float32 or float64. The result has its dtype and shape.

    Special values: log1p(±0) = ±0, log1p(-1) = -inf, log1p(inf) = inf, NaN stays NaN, below -1 NaN; no warnings.

    Error: float16 and bfloat16 are correctly rounded. So are all float32 tried, but for the few that
    ``proofs/elementary/float32.json`` lists with what was tried, all within 0.500001 ulp. float64 is within 0.85 ulp (samples).

    Claims
        ELEM-5  exhaust  IEEE(float16, bfloat16)  all 65,536 x  NaN exactly where x is NaN or below -1
        ELEM-15  exhaust  float16  all 65,536 x   correctly rounded
        ELEM-25  exhaust  bfloat16  all 65,536 x   correctly rounded
    """
    return elementwise(log1p_float64, x)
