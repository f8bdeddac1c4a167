"""Places of integers: milestones by CrossHair, cycles and the rules that use them by trying all of many."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from proofs.crosshair.claims import Bug, claim
from proofs.schedules.tables import every
from reference.schedules.weights import cycle, passed


def _after(step: int, milestones: Sequence[int]) -> int:
    return sum(milestone < step for milestone in milestones)


claim(
    passed,
    "SCHED-15",
    Bug("after", "> for >=: a milestone counts from the step after it", _after),
    row="schedules",
    bound="up to 3 milestones, all integers",
    example={"step": 4, "milestones": [2, 4]},
    kinds={"milestones": list[int]},
    domain=lambda milestones: len(milestones) <= 3,
)


def each_cycle() -> Iterator[dict[str, Any]]:
    """Steps up to far behind the third restart."""
    every_one = itertools.product(range(151), range(1, 9), range(1, 5))
    return ({"step": step, "T_0": first, "T_mult": factor} for step, first, factor in every_one)


def _by_logarithm(step: int, T_0: int, T_mult: int) -> tuple[int, int]:
    if T_mult == 1:
        return step % T_0, T_0
    number = int(np.floor(np.log(step / T_0 * (T_mult - 1) + 1) / np.log(T_mult)))
    return step - T_0 * (T_mult**number - 1) // (T_mult - 1), T_0 * T_mult**number


def _restarts_late(step: int, T_0: int, T_mult: int) -> tuple[int, int]:
    position, length = step, T_0
    while position > length:
        position, length = position - length, length * T_mult
    return position, length


def _one_length(step: int, T_0: int, T_mult: int) -> tuple[int, int]:
    return step % T_0, T_0


CYCLES = "step <= 150, T_0 <= 8, T_mult <= 4"
every(
    "SCHED-16",
    cycle,
    CYCLES,
    each_cycle,
    [
        ("logarithm", "floors a logarithm in float64", _by_logarithm),
        ("late", "> for >=: restarts a step late", _restarts_late),
    ],
    theory="integers",
)
every("SCHED-17", cycle, CYCLES, each_cycle, [("one length", "keeps the length of the cycle", _one_length)], "integers")
