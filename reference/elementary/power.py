"""pow: x to the power of y.

Source: Muller, "Elementary Functions", 3rd ed., section 13.2: y log x is needed with some 12 bits more than the result has,
so the logarithm and the product are pairs. Special values as in IEEE 754-2019, section 9.2.1, and C, annex F.10.4.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.contracts import ensure, require
from reference.elementary.arithmetic import (
    Pair,
    between,
    fast_two_sum,
    polynomial,
    quotient,
    rounded,
    times,
    two_sum,
)
from reference.elementary.exponential import LN2, exp_of_sum
from reference.elementary.logarithm import normalised
from reference.exactness import widened
from reference.validation import are_elementary_pair, element_pair_error

THIRD = Pair(float.fromhex("0x1.5555555555555p-2"), float.fromhex("0x1.5555555555555p-56"))
FIFTH = Pair(float.fromhex("0x1.9999999999999p-3"), float.fromhex("0x1.3333333333333p-56"))
ATANH_TAIL = (  # atanh(s) / s = 1 + z/3 + z²/5 + z³ · this, z = s² at most 0.0295
    float.fromhex("0x1.2492492492492p-3"),
    float.fromhex("0x1.c71c71c71c826p-4"),
    float.fromhex("0x1.745d1745a35dap-4"),
    float.fromhex("0x1.3b13b16bcc1e0p-4"),
    float.fromhex("0x1.1110f7cfa8391p-4"),
    float.fromhex("0x1.e1f0117f00937p-5"),
    float.fromhex("0x1.acf5e3af89763p-5"),
    float.fromhex("0x1.b2f9ac5d7e1e8p-5"),
)
MOST_POWER = 2.0**70  # beyond, every power overflows, underflows or is 1


def log_pair(x: Any) -> Pair:
    """log x as a pair, to about 2**-68; x finite and positive.

    x = 2**k m,  s = (m - 1) / (m + 1),  log x = k ln 2 + 2 s (1 + z/3 + z²/5 + z³ p(z)),  z = s²
    """
    m, k = normalised(x)
    f = m - 1.0
    s = fast_two_sum(*quotient(Pair(f, 0.0), fast_two_sum(2.0, f)))
    z = fast_two_sum(*times(s, s))
    inner = fast_two_sum(FIFTH.high, z.high * polynomial(z.high, ATANH_TAIL))
    product = times(z, Pair(inner.high, inner.low + FIFTH.low))
    outer = fast_two_sum(THIRD.high, product.high)
    cubic = times(s, times(z, Pair(outer.high, outer.low + (product.low + THIRD.low))))
    head, lost = two_sum(k * LN2[0], 2.0 * s.high)
    high, lost_2 = two_sum(head, 2.0 * cubic.high)
    return fast_two_sum(high, ((lost + lost_2) + 2.0 * (s.low + cubic.low)) + k * LN2[1])


def pow_float64(x: Any, y: Any) -> Any:
    """x to the power of y in float64."""
    size = np.abs(x)
    ordinary = np.isfinite(x) & (x != 0) & ~np.isnan(y)
    logarithm = log_pair(np.where(ordinary, size, 1.0))
    exponent = np.where(np.isnan(y), 0.0, between(y, -MOST_POWER, MOST_POWER))
    product = fast_two_sum(*times(logarithm, Pair(exponent, 0.0)))
    high = np.where(ordinary, product.high, np.where((size == 0) == (y > 0), -np.inf, np.inf))
    magnitude = exp_of_sum(np.where(np.isnan(high), 0.0, high), np.where(ordinary, product.low, 0.0))

    whole = np.rint(y) == y
    odd = whole & (np.rint(y * 0.5) != y * 0.5)
    value = np.where(odd & np.signbit(x), -magnitude, magnitude)
    value = np.where((x < 0) & np.isfinite(x) & ~whole, np.nan, value)
    value = np.where(np.isnan(x) | np.isnan(y), x + y, value)
    return np.where((x == 1) | (y == 0), 1.0, value)


@require(lambda x, y: are_elementary_pair(x, y), lambda x, y: element_pair_error("x", x, "y", y))
@ensure(
    "ELEM-9", lambda result, x, y: np.all((widened(result) >= 0) | np.isnan(widened(result)) | np.signbit(widened(x)))
)
@ensure("ELEM-10", lambda result, x, y: np.all((widened(result) == 1) | ((widened(x) != 1) & (widened(y) != 0))))
def pow(x: Any, y: Any) -> Any:  # noqa: A001
    """x to the power of y, element by element, shapes broadcast.

    log|x| as the sum of two float64,  x**y = ±e**(y log|x|)

    The sign is that of x where y is an odd integer. Exact powers, and those half-way between two results, come out exactly.

    Parameters: x and y, arrays or scalars of one dtype: float16, bfloat16, float32 or float64.

    Special values, as in C: pow(x, ±0) = 1 and pow(1, y) = 1 even if the other is NaN; pow(x, y) = NaN for finite x < 0 and
    y no integer; pow(-1, ±inf) = 1; pow(±0, y) is ±0 or ±inf by the sign of y, the sign kept if y is an odd integer.

    Error: float64 within 0.8 ulp (samples), so that nearly all results of the other formats are correctly rounded: in samples all.

    Claims
        ELEM-9  exhaust  IEEE(float16, bfloat16)  all x, y = ±3, ±2, ±1, ±1/2, 0  at least 0, or NaN, where x has no minus sign
        ELEM-10  prove  IEEE(float64)  elementwise  1 where x is 1 or y is 0
    """
    with np.errstate(all="ignore"):
        return rounded(pow_float64(x.astype(np.float64), y.astype(np.float64)), x.dtype)
