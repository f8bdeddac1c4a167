"""Where the constants of `reference.elementary` come from: ``python -m proofs.elementary.coefficients`` prints them.

A polynomial is the interpolant at Chebyshev nodes, computed with 60 digits and then rounded coefficient by coefficient. Its
error is within a small factor of the best polynomial's (Muller, "Elementary Functions", 3rd ed., section 3.3), and every
polynomial here has a term to spare. The coefficients of 1, x and x² that the mathematics gives are not fitted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
from mpmath import mp, mpf

DIGITS = 60
WORK_DIGITS = 120  # quotients such as (e**r - 1 - r) / r² cancel near 0
NEAREST_ZERO = mpf("1e-25")
CHUNK_BITS, CHUNKS = 24, 50

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Fit:
    """A function, the interval, and the number of coefficients."""

    function: Function
    low: str
    high: str
    terms: int

    def coefficients(self) -> list[float]:
        """The coefficients as floats, that of the constant first."""
        with mp.workdps(DIGITS):
            return [float(each) for each in interpolant(self.careful, mpf(self.low), mpf(self.high), self.terms)]

    def error(self) -> float:
        """The largest error of the rounded coefficients on a grid."""
        rounded = self.coefficients()
        with mp.workdps(DIGITS):
            low, high = mpf(self.low), mpf(self.high)
            points = [low + (high - low) * i / 997 for i in range(998)]
            return float(max(abs(value(rounded, x) - self.careful(x)) for x in points))

    def careful(self, x: Any) -> Any:
        """The function with digits to spare; never nearer to 0 than 1e-25, where quotients cancel."""
        with mp.workdps(WORK_DIGITS):
            return self.function(x if abs(x) > NEAREST_ZERO else NEAREST_ZERO)


def value(coefficients: list[Any], x: Any) -> Any:
    """A polynomial, the coefficient of the constant first."""
    return sum(c * x**k for k, c in enumerate(coefficients))


def interpolant(function: Function, low: Any, high: Any, terms: int) -> list[Any]:
    """The coefficients of the polynomial that meets the function at the Chebyshev nodes of an interval."""
    angles = [mpmath.pi * (2 * j + 1) / (2 * terms) for j in range(terms)]
    met = [function((low + high) / 2 + (high - low) / 2 * mpmath.cos(angle)) for angle in angles]
    series = [
        2 * sum(y * mpmath.cos(k * angle) for y, angle in zip(met, angles, strict=True)) / terms for k in range(terms)
    ]
    series[0] /= 2

    scale, shift = 2 / (high - low), -(high + low) / (high - low)  # T[k] is a polynomial in scale · x + shift
    before, chebyshev = [mpf(0)] * terms, [mpf(1)] + [mpf(0)] * (terms - 1)
    total = [mpf(0)] * terms
    for k, weight in enumerate(series):
        total = [t + weight * c for t, c in zip(total, chebyshev, strict=True)]
        times_x = [mpf(0), *chebyshev[:-1]]
        factor = 1 if k == 0 else 2
        grown = [factor * (scale * x + shift * c) - b for x, c, b in zip(times_x, chebyshev, before, strict=True)]
        before, chebyshev = chebyshev, grown
    return total


def _exp_tail(r: Any) -> Any:
    return (mpmath.exp(r) - 1 - r) / r**2


def _log_tail(z: Any) -> Any:
    """R / z where log((1 + s) / (1 - s)) = s (2 + R(s²))."""
    s = mpmath.sqrt(z)
    return (2 * mpmath.atanh(s) / s - 2) / z


def _atanh_tail(z: Any) -> Any:
    """What atanh(s) / s = 1 + z/3 + z²/5 + z³ · tail leaves, z = s²."""
    s = mpmath.sqrt(z)
    return (mpmath.atanh(s) / s - 1 - z / 3 - z**2 / 5) / z**3


def _sin_tail(z: Any) -> Any:
    r = mpmath.sqrt(z)
    return (mpmath.sin(r) - r) / r**3


def _cos_tail(z: Any) -> Any:
    return (mpmath.cos(mpmath.sqrt(z)) - 1 + z / 2) / z**2


def _erf_ratio(z: Any) -> Any:
    x = mpmath.sqrt(z)
    return mpmath.erf(x) / x - 1


def _erf_middle(s: Any) -> Any:
    """What 7/8 leaves of erf around 9/8, where erf is 0.888."""
    return mpmath.erf(mpf(9) / 8 + s) - mpf(7) / 8


ERFC_CENTRE = 3.0


def _erfc_mapped(t: Any) -> Any:
    """(1 + x) e**(x²) erfc(x) with t = (x - 3) / (x + 3)."""
    x = mpf(ERFC_CENTRE) * (1 + t) / (1 - t)
    return (1 + x) * mpmath.exp(x * x) * mpmath.erfc(x)


def _mapped(x: float) -> str:
    return str((x - ERFC_CENTRE) / (x + ERFC_CENTRE))


HALF_LN2 = "0.3467"  # ln(2) / 2, and what the rounding of x · log2(e) adds
QUARTER_PI_SQUARED = "0.6170"
LARGEST_S_SQUARED = "0.0295"  # of s = (m - 1) / (m + 1), m between sqrt(1/2) and sqrt(2)

FITS: dict[str, Fit] = {
    "exponential.EXP_TAIL": Fit(_exp_tail, f"-{HALF_LN2}", HALF_LN2, 12),
    "logarithm.LOG_TAIL": Fit(_log_tail, "0", LARGEST_S_SQUARED, 9),
    "power.ATANH_TAIL": Fit(_atanh_tail, "0", LARGEST_S_SQUARED, 8),
    "trigonometric.SIN_TAIL": Fit(_sin_tail, "0", QUARTER_PI_SQUARED, 8),
    "trigonometric.COS_TAIL": Fit(_cos_tail, "0", QUARTER_PI_SQUARED, 8),
    "error_function.ERF_RATIO": Fit(_erf_ratio, "0", "0.5625", 13),
    "error_function.ERF_MIDDLE": Fit(_erf_middle, "-0.375", "0.375", 17),
    "error_function.ERFC_MAPPED": Fit(_erfc_mapped, _mapped(1.5), _mapped(6), 17),
}


def parts(value: Any, bits: list[int]) -> list[float]:
    """A number as a sum of floats with this many significant bits each, truncated; the last is rounded to nearest."""
    found: list[float] = []
    rest = value
    for count in bits:
        unit = mpf(2) ** (mpmath.floor(mpmath.log(abs(rest), 2)) + 1 - count)
        part = mpmath.floor(rest / unit) * unit if len(found) + 1 < len(bits) else mpf(float(rest))
        found.append(float(part))
        rest -= part
    return found


def constants() -> dict[str, Any]:
    """All constants by module and name."""
    found: dict[str, Any] = {name: fit.coefficients() for name, fit in FITS.items()}
    with mp.workprec(CHUNK_BITS * CHUNKS + 100):
        found["exponential.LOG2_E"] = float(1 / mpmath.log(2))
        found["exponential.LN2"] = parts(mpmath.log(2), [42, 53])
        found["power.THIRD"] = parts(mpf(1) / 3, [53, 53])
        found["power.FIFTH"] = parts(mpf(1) / 5, [53, 53])
        found["trigonometric.TWO_OVER_PI"] = float(2 / mpmath.pi)
        found["trigonometric.HALF_PI"] = parts(mpmath.pi / 2, [33, 33, 33, 53])
        found["trigonometric.HALF_PI_PAIR"] = [float(mpmath.pi / 2), float(mpmath.pi / 2 - float(mpmath.pi / 2))]
        found["trigonometric.TWO_OVER_PI_BITS"] = int(mpmath.floor(2 / mpmath.pi * mpf(2) ** (CHUNK_BITS * CHUNKS)))
    return found


def main() -> None:
    """Print every constant as the reference writes it, and how far each polynomial is from its function."""
    for name, value in constants().items():
        print(name)
        if isinstance(value, int):
            digits = f"{value:X}"
            for start in range(0, len(digits), 96):
                print(f'    "{digits[start : start + 96]}"')
            continue
        for each in value if isinstance(value, list) else [value]:
            print(f'    "{each.hex()}",')
        if name in FITS:
            error = FITS[name].error()
            print(f"    error 2**{mpmath.nstr(mpmath.log(error, 2), 4)}")


if __name__ == "__main__":
    main()
