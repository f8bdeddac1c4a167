"""The error function.

Source: near 0 the series in x² (Abramowitz & Stegun, 7.1.5), refitted; beyond, erfc from a smooth function of
t = (x - c) / (x + c) as in Shepherd & Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x" (Mathematics of
Computation 36, 1981).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.contracts import ensure, require
from reference.elementary.arithmetic import between, elementwise, polynomial
from reference.elementary.exponential import exp_of_sum
from reference.exactness import widened
from reference.validation import element_error, is_elementary

NEAR, FAR = 0.75, 1.5  # where the three formulas meet
END = 6.0  # erf rounds to 1 above
MIDDLE, ERF_OF_MIDDLE = 1.125, 0.875  # rounded, so that subtracting and adding them is exact enough
CENTRE = 3.0
ERF_RATIO = (  # erf(x) / x - 1 in x², |x| <= 0.75
    float.fromhex("0x1.06eba8214db69p-3"),
    float.fromhex("-0x1.812746b0379e7p-2"),
    float.fromhex("0x1.ce2f21a042be1p-4"),
    float.fromhex("-0x1.b82ce31288b15p-6"),
    float.fromhex("0x1.565bcd0e69235p-8"),
    float.fromhex("-0x1.c02db3ffcd5edp-11"),
    float.fromhex("0x1.f9a326ddab89bp-14"),
    float.fromhex("-0x1.f4d257aadcd6fp-17"),
    float.fromhex("0x1.b9e646f15d720p-20"),
    float.fromhex("-0x1.5f6a1cb9cac3bp-23"),
    float.fromhex("0x1.fbb883616d4a1p-27"),
    float.fromhex("-0x1.48b588d516d45p-30"),
    float.fromhex("0x1.3fda42ac13d26p-34"),
)
ERF_MIDDLE = (  # erf(1.125 + s) - 0.875 in s, |s| <= 0.375
    float.fromhex("0x1.b6b4a0a7b1879p-7"),
    float.fromhex("0x1.45e99bcbb7915p-2"),
    float.fromhex("-0x1.6ea6cf452e838p-2"),
    float.fromhex("0x1.4cb3cf0aa0d30p-3"),
    float.fromhex("0x1.ca5083167a105p-6"),
    float.fromhex("-0x1.f65d15f1f6f38p-5"),
    float.fromhex("0x1.fd1c6c11fd4b8p-7"),
    float.fromhex("0x1.3acc785d9a7f3p-7"),
    float.fromhex("-0x1.8b43c4449a16fp-8"),
    float.fromhex("-0x1.79b09ed3380d9p-12"),
    float.fromhex("0x1.2e527852e49acp-10"),
    float.fromhex("-0x1.73116d0ca45eep-13"),
    float.fromhex("-0x1.28df729844ce6p-13"),
    float.fromhex("0x1.9dd424821fccfp-15"),
    float.fromhex("0x1.681478e527ad5p-17"),
    float.fromhex("-0x1.e4cc7a925de30p-18"),
    float.fromhex("-0x1.cd9c49ea4afd8p-23"),
)
ERFC_MAPPED = (  # (1 + x) e**(x²) erfc(x) in t = (x - 3) / (x + 3), x from 1.5 to 6
    float.fromhex("0x1.6e9827d229d2dp-1"),
    float.fromhex("-0x1.d8f06dfac798dp-3"),
    float.fromhex("0x1.9596c92adafefp-4"),
    float.fromhex("-0x1.4f64aa4aa2643p-7"),
    float.fromhex("-0x1.8600d91461c72p-6"),
    float.fromhex("0x1.67c18994fc3dfp-6"),
    float.fromhex("-0x1.3f82b5d077b45p-7"),
    float.fromhex("0x1.a84c55cb5e0cep-10"),
    float.fromhex("0x1.5297b75c5f7fep-11"),
    float.fromhex("-0x1.81213650eb7a2p-12"),
    float.fromhex("-0x1.58ccb4d26e9eep-16"),
    float.fromhex("0x1.d6bdfe3a15d30p-15"),
    float.fromhex("-0x1.96866e24e8d4cp-20"),
    float.fromhex("-0x1.2cd06072d1d58p-17"),
    float.fromhex("0x1.1af2168622f13p-22"),
    float.fromhex("0x1.8714e626afacfp-20"),
    float.fromhex("0x1.6740de6451db1p-25"),
)


def erfc_far(x: Any) -> Any:
    """1 - erf(x) for x from 1.5 to 6, accurate enough to be subtracted from 1."""
    t = (x - CENTRE) / (x + CENTRE)
    return exp_of_sum(-(x * x), 0.0) * polynomial(t, ERFC_MAPPED) / (1.0 + x)


def erf_float64(x: Any) -> Any:
    """erf x in float64."""
    size = np.where(np.isnan(x), 0.0, between(np.abs(x), 0.0, END))
    small = np.where(size < NEAR, size, 0.0)
    near = small + small * polynomial(small * small, ERF_RATIO)
    middle = ERF_OF_MIDDLE + polynomial(between(size, NEAR, FAR) - MIDDLE, ERF_MIDDLE)
    far = 1.0 - erfc_far(between(size, FAR, END))
    value = np.where(size < NEAR, near, np.where(size < FAR, middle, far))
    return np.where(np.isnan(x), x, np.copysign(value, x))


@require(lambda x: is_elementary(x), lambda x: element_error("x", x))
@ensure("ELEM-8", lambda result, x: np.all((np.abs(widened(result)) <= 1) | np.isnan(widened(x))))
def erf(x: Any) -> Any:
    """The error function 2/sqrt(pi) · integral of e**(-t²) from 0 to x, of every element.

    |x| < 0.75:  erf x = x + x p(x²)
    |x| < 1.5:   erf x = ±(0.875 + q(|x| - 1.125))
    else:        erf x = ±(1 - e**(-x²) r(t) / (1 + |x|)),  t = (|x| - 3) / (|x| + 3)

    p, q and r have 13, 17 and 17 coefficients.

    Parameters: x, array or scalar of float16, bfloat16, float32 or float64. The result has its dtype and shape.

    Special values: erf(±0) = ±0, erf(±inf) = ±1, NaN stays NaN. Odd bit for bit.

    Error: float16 and bfloat16 are correctly rounded. So are all float32 tried, but for the few that
    ``proofs/elementary/float32.json`` lists with what was tried, all within 0.500001 ulp. float64 is within 0.85 ulp (samples).

    Claims
        ELEM-8  exhaust  IEEE(float16, bfloat16)  all 65,536 x  the magnitude is at most 1, or x is NaN
        ELEM-18  exhaust  float16  all 65,536 x   correctly rounded
        ELEM-28  exhaust  bfloat16  all 65,536 x   correctly rounded
    """
    return elementwise(erf_float64, x)
