"""Adam in 40 digits, every number with the radius within which any sensible order of rounding stays.

A *ball* is a number and a radius. The recurrence runs on the centres; radii grow by what an implementation in a format of unit
roundoff u may add: a few roundings of each product and sum, and 2**-52 for 1 - βᵗ, whose error is that of βᵗ. Nothing here
says in which order an implementation computes, so two of them differ by at most both radii.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np

DIGITS = Context(prec=40)
POWER_ERROR = Decimal(2) ** -52


@dataclass(frozen=True)
class Ball:
    """A number and how far off it may be."""

    centre: Any
    radius: Any

    @property
    def most(self) -> Any:
        return abs(self.centre) + self.radius


ZERO = Ball(Decimal(0), Decimal(0))


@dataclass
class Settings:
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    amsgrad: bool = False
    maximize: bool = False
    decoupled: bool = False


@dataclass
class Element:
    """One parameter and its state."""

    theta: Ball
    settings: Settings
    u: Any
    least: Any
    step: int = 0
    m: Ball = field(default_factory=lambda: ZERO)
    v: Ball = field(default_factory=lambda: ZERO)
    largest: Ball = field(default_factory=lambda: ZERO)

    def advance(self, grad: float) -> None:
        """A step with this gradient."""
        s, u, least = self.settings, self.u, self.least
        lr, beta1, beta2, eps, decay = map(Decimal, (s.lr, *s.betas, s.eps, s.weight_decay))
        self.step += 1
        g = Ball(Decimal(-grad if s.maximize else grad), Decimal(0))
        theta = self.theta
        if decay and s.decoupled:
            kept = abs(1 - lr * decay)
            theta = Ball(theta.centre * (1 - lr * decay), kept * theta.radius + 4 * u * (1 + kept) * theta.most + least)
        elif decay:
            moved = g.centre + decay * theta.centre
            g = Ball(moved, decay * theta.radius + 4 * u * (g.most + decay * theta.most) + 4 * least)
        m, v = self.m, self.v
        self.m = Ball(
            beta1 * m.centre + (1 - beta1) * g.centre,
            beta1 * m.radius + (1 - beta1) * g.radius + 6 * u * (m.most + g.most) + 4 * least,
        )
        spread = 2 * abs(g.centre) * g.radius + g.radius**2
        self.v = Ball(
            beta2 * v.centre + (1 - beta2) * g.centre**2,
            beta2 * v.radius
            + (1 - beta2) * spread
            + 6 * u * (beta2 * v.most + (1 - beta2) * g.most**2)
            + 4 * least * (1 + g.most),
        )
        self.largest = Ball(max(self.largest.centre, self.v.centre), max(self.largest.radius, self.v.radius))
        divisor = self._divisor(self.largest if s.amsgrad else self.v, beta2, eps)
        divided = self._quotient(self.m, divisor)
        early = (
            2 * least / (divisor.centre - divisor.radius)
        )  # lost by those who multiply by the step size before dividing
        correction = 1 - beta1**self.step
        size = Ball(lr / correction, lr / correction * (POWER_ERROR / correction + 4 * u) + least)
        change = Ball(
            size.centre * divided.centre,
            size.radius * divided.most
            + size.centre * divided.radius
            + 4 * u * size.most * divided.most
            + 2 * least
            + early,
        )
        after = theta.centre - change.centre
        self.theta = Ball(after, theta.radius + change.radius + 2 * u * (theta.most + change.most))

    def _divisor(self, v: Ball, beta2: Any, eps: Any) -> Ball:
        u = self.u
        correction = 1 - beta2**self.step
        root, most = correction.sqrt(), v.most.sqrt()
        middle = v.centre.sqrt()
        spread = max(most - middle, middle - max(v.centre - v.radius, Decimal(0)).sqrt())
        off = POWER_ERROR / correction + 6 * u
        return Ball(middle / root + eps, spread / root + off * most / root + 2 * u * (most / root + eps) + self.least)

    def _quotient(self, m: Ball, d: Ball) -> Ball:
        assert d.radius < d.centre, "too little is known of the divisor"
        centre = m.centre / d.centre
        return Ball(
            centre,
            (m.radius + abs(centre) * d.radius) / (d.centre - d.radius) * (1 + 4 * self.u)
            + 4 * self.u * abs(centre)
            + self.least,
        )


def run(param: Any, grads: list[Any], settings: Settings) -> list[Element]:
    """All elements of a parameter after some steps."""
    info = np.finfo(param.dtype)
    elements = []
    with localcontext(DIGITS):
        u, least = Decimal(float(info.eps)) / 2, +Decimal(float(info.smallest_subnormal))
        for i, value in enumerate(param.ravel()):
            element = Element(Ball(Decimal(float(value)), Decimal(0)), settings, u, least)
            for grad in grads:
                element.advance(float(grad.ravel()[i]))
            elements.append(element)
    return elements


def within(array: Any, balls: list[Ball]) -> bool:
    """Whether every element of an array lies in its ball."""
    values = [Decimal(float(value)) for value in np.ravel(array)]
    with localcontext(DIGITS):
        return all(abs(value - ball.centre) <= ball.radius for value, ball in zip(values, balls, strict=True))


def widest(balls: list[Ball]) -> float:
    """The largest radius beside its centre: how much a comparison within it says."""
    return max(float(ball.radius / abs(ball.centre)) for ball in balls if ball.centre)
