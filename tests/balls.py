"""Numbers with a bound on how far rounding may have taken them: an oracle for whoever computes the same formula.

A ball's centre is computed in a wider format. Each operation adds the error that rounding to ``dtype`` may make, and carries
on those of its operands; so every implementation that rounds each operation to nearest, or fuses some, stays inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

WIDE = np.longdouble


@dataclass(frozen=True)
class Ball:
    """``centre`` and ``radius`` are wide arrays; ``dtype`` is the format in which others compute."""

    centre: Any
    radius: Any
    dtype: Any

    def __add__(self, other: Any) -> Ball:
        other = self._ball(other)
        return self._rounded(self.centre + other.centre, self.radius + other.radius)

    def __sub__(self, other: Any) -> Ball:
        return self + (-self._ball(other))

    def __neg__(self) -> Ball:
        return Ball(-self.centre, self.radius, self.dtype)

    def __mul__(self, other: Any) -> Ball:
        other = self._ball(other)
        spread = np.abs(self.centre) * other.radius + self.radius * (np.abs(other.centre) + other.radius)
        return self._rounded(self.centre * other.centre, spread)

    __rmul__ = __mul__

    def __truediv__(self, other: Ball) -> Ball:
        least = np.abs(other.centre) - other.radius
        spread = (self.radius + np.abs(self.centre / other.centre) * other.radius) / least
        return self._rounded(self.centre / other.centre, np.where(least > 0, spread, np.inf))

    def sqrt(self) -> Ball:
        """The root; near 0 it is most sensitive."""
        low, high = np.maximum(self.centre - self.radius, 0), np.maximum(self.centre + self.radius, 0)
        centre = np.sqrt(np.maximum(self.centre, 0))
        return self._rounded(centre, np.maximum(np.sqrt(high) - centre, centre - np.sqrt(low)))

    def holds(self, x: Any) -> bool:
        """Whether every element lies inside; the centre's own rounding is far smaller than the radius."""
        return bool(np.all(np.abs(np.asarray(x, WIDE) - self.centre) <= self.radius * (1 + 2.0**-9)))

    def _ball(self, other: Any) -> Ball:
        return other if isinstance(other, Ball) else constant(other, self.dtype)

    def _rounded(self, centre: Any, radius: Any) -> Ball:
        info = np.finfo(self.dtype)
        unit, least = WIDE(info.eps) / 2, WIDE(info.smallest_subnormal)
        return Ball(centre, radius + unit * (np.abs(centre) + radius) + least, self.dtype)


def exactly(x: Any, dtype: Any) -> Ball:
    """Numbers that everybody has exactly."""
    return Ball(np.asarray(x, WIDE), np.zeros(np.shape(x), WIDE), dtype)


def constant(x: float, dtype: Any) -> Ball:
    """A setting, which may be rounded to the format first."""
    ball = exactly(x, dtype)
    return ball._rounded(ball.centre, ball.radius)
