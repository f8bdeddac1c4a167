"""What rules are made of: weights from 0 to 1, what lies between two rates by such a weight, and places among steps.

Every weight comes to its ends exactly, and rounding takes none beyond them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reference.contracts import ensure, require
from reference.elementary import cos, pow  # noqa: A004
from reference.elementary.arithmetic import between
from reference.validation import as_float64


def _falls(result: Any, done: Any) -> Any:
    """Whether of neighbours, the one with more done is not larger."""
    result, done = np.ravel(result), np.ravel(done)
    return np.all((done[:-1] > done[1:]) | (result[:-1] >= result[1:])) if result.size > 1 else True


def _goes(result: Any, done: Any, ends: tuple[float, float]) -> Any:
    """Whether the result is the first end where nothing is done, the second where all is."""
    return np.all(((done != 0) | (result == ends[0])) & ((done != 1) | (result == ends[1])))


@require(lambda step: step >= 0, lambda step: ValueError(f"step must be at least 0, got {step}"))
@require(lambda length: length > 0, lambda length: ValueError(f"length must be greater than 0, got {length}"))
@ensure("SCHED-1", lambda result: (result >= 0) & (result <= 1))
@ensure("SCHED-2", lambda result, step, length: ((step != 0) | (result == 0)) & ((step < length) | (result == 1)))
@ensure("SCHED-3", lambda result, step, length: (step >= length) | (result < 1))
def progress(step: Any, length: Any) -> Any:
    """How much of a phase is done: step / length, and 1 from its end on.

    Claims
        SCHED-1  prove  IEEE(float64)  whole numbers below 2**31  from 0 to 1
        SCHED-2  prove  IEEE(float64)  whole numbers below 2**31  exactly 0 at its first step, exactly 1 from its end on
        SCHED-3  prove  Real  all numbers  less than 1 before its end
    """
    return as_float64(step) / as_float64(length) if step < length else np.float64(1)


@require(
    lambda a, b: (a >= 0) & (b >= 0) & np.isfinite(a) & np.isfinite(b),
    lambda a, b: ValueError(f"a and b must be finite and at least 0, got {a} and {b}"),
)
@require(
    lambda weight: np.all((weight >= 0) & (weight <= 1)),
    lambda weight: ValueError(f"weight must be from 0 to 1, got {weight}"),
)
@ensure("SCHED-4", lambda result, a, b: np.all((np.minimum(a, b) <= result) & (result <= np.maximum(a, b))))
@ensure(
    "SCHED-5", lambda result, a, b, weight: np.all(((weight != 0) | (result == a)) & ((weight != 1) | (result == b)))
)
@ensure("SCHED-6", lambda result, a, b, weight: _falls(np.where(a <= b, -result, result), weight))
def interpolate(a: Any, b: Any, weight: Any) -> Any:
    """a + weight (b - a), kept between a and b, and exactly b where weight is 1.

    Rounded, a + (b - a) need not be b, and a (1 - weight) + b weight need not lie between a and b.

    Claims
        SCHED-4  prove  IEEE(float64)  elementwise  between a and b, both included
        SCHED-5  prove  IEEE(float64)  elementwise  exactly a at weight 0, exactly b at weight 1
        SCHED-6  prove  Real  n <= 2  monotone in the weight
    """
    kept = between(a + weight * (b - a), np.minimum(a, b), np.maximum(a, b))
    return np.where(weight == 1, b, kept)[()]


def part(lr: Any, weight: Any) -> Any:
    """lr · weight, never above lr."""
    return interpolate(np.float64(0), as_float64(lr), as_float64(weight))


@ensure("SCHED-7", lambda result: np.all((result >= 0) & (result <= 1)))
def share(x: Any) -> Any:
    """x kept from 0 to 1, whatever it is; NaN becomes 0.

    Claims
        SCHED-7  prove  IEEE(float64)  elementwise, NaN too  from 0 to 1
    """
    return np.where(x > 0, np.where(x < 1, x, 1.0), 0.0)[()]


@ensure("SCHED-8", lambda result, done: _goes(result, done, (1, 0)))
@ensure("SCHED-9", lambda result, done: _falls(result, done))
def cosine_decay(done: Any) -> Any:
    """(1 + cos(pi · done)) / 2, from 1 to 0.

    Claims
        SCHED-8  exhaust  IEEE(float64)  done = 0 and 1  exactly 1 at 0, exactly 0 at 1
        SCHED-9  exhaust  IEEE(float64)  done = k / n, all k <= n <= 512  not increasing
    """
    return share((1.0 + cos(np.pi * done)) * 0.5)


@ensure("SCHED-10", lambda result, done: _falls(result, done))
@ensure("SCHED-11", lambda result, done: _goes(result, done, (1, 0)))
def power_decay(done: Any, power: Any) -> Any:
    """(1 - done)**power, from 1 to 0.

    Claims
        SCHED-10  exhaust  IEEE(float64)  done = k / n, all k <= n <= 64, power 1/2, 0.9, 1, 2, 3  not increasing
        SCHED-11  prove  IEEE(float64)  done = 0 and 1, all power > 0  exactly 1 at 0, exactly 0 at 1
    """
    return share(pow(1.0 - done, as_float64(power)))


@ensure("SCHED-12", lambda result, count: np.all((count != 0) | (result == 1)))
@ensure("SCHED-13", lambda result, count: _falls(result, count))
def geometric(gamma: Any, count: Any) -> Any:
    """gamma**count, from 1 on.

    Claims
        SCHED-12  prove  IEEE(float64)  all gamma, counts below 2**31  exactly 1 for count 0
        SCHED-13  exhaust  IEEE(float64)  gamma 0.1, 1/2, 0.9, 0.99, 1, every count until it is 0, at most 2**17
                  not increasing
    """
    return share(pow(as_float64(gamma), as_float64(count)))


@ensure("SCHED-14", lambda result, done: np.all((result >= 0) & (result <= 1)) & _goes(result, done, (1, 0)))
def root_decay(done: Any) -> Any:
    """1 - sqrt(done), from 1 to 0.

    Claims
        SCHED-14  prove  IEEE(float64)  elementwise  from 0 to 1, exactly 1 at 0, exactly 0 at 1
    """
    return 1.0 - np.sqrt(done)


DECAYS = {"linear": lambda done: 1.0 - done, "cosine": cosine_decay, "1-sqrt": root_decay}
ANNEALINGS = {"linear": DECAYS["linear"], "cos": DECAYS["cosine"]}


@ensure("SCHED-15", lambda result, step, milestones: result == len([m for m in milestones if m <= step]))
def passed(step: int, milestones: Sequence[int]) -> int:
    """How many milestones lie behind: each counts from its own step on.

    Claims
        SCHED-15  prove  CrossHair  up to 3 milestones, all integers  the number of milestones at most step
    """
    return sum(milestone <= step for milestone in milestones)


@ensure("SCHED-16", lambda result: 0 <= result[0] < result[1])
@ensure("SCHED-17", lambda result, step, T_0, T_mult: (result[1] - T_0) == (T_mult - 1) * (step - result[0]))
def cycle(step: int, T_0: int, T_mult: int) -> tuple[int, int]:
    """The position in its cycle, and the length of that, of cycles of T_0, T_0 T_mult, T_0 T_mult², … steps.

    Integers: a floored logarithm misses restarts.

    Claims
        SCHED-16  exhaust  integers  step <= 150, T_0 <= 8, T_mult <= 4  at least 0 and less than the length
        SCHED-17  exhaust  integers  step <= 150, T_0 <= 8, T_mult <= 4  the cycles before it take up all other steps
    """
    position, length = (step % T_0, T_0) if T_mult == 1 else (step, T_0)
    while position >= length:
        position, length = position - length, length * T_mult
    return position, length
