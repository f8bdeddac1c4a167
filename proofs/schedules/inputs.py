"""Numbers of steps under proof: Python ints when a model is replayed, 64-bit integers when they are symbolic."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs.symbolic.array import SymbolicArray, truth
from proofs.symbolic.inputs import Array, Fixed, Input, Integer
from proofs.symbolic.paths import current
from proofs.symbolic.theory import Theory

MOST = 2**31
INT64 = np.dtype(np.int64)


@dataclass(frozen=True)
class Steps(Integer):
    """A number of steps below ``most``, which belongs into the claim's bound."""

    most: int = MOST

    def symbolic(self, name: str, theory: Theory) -> SymbolicArray:
        steps = SymbolicArray(theory.variable(name, INT64), INT64, theory)
        current().assume(truth(steps < self.most))
        return steps

    def concrete(self, name: str, values: Mapping[str, Any]) -> int:
        bits = int(values.get(name, 0))
        return bits - (1 << 64) if bits >> 63 else bits

    def random(self, generator: random.Random) -> int:
        return generator.randint(0, generator.choice((4, 40, 1000)))


STEPS, NUMBER = Steps(), Array(np.float64)


def draw_ends(generator: random.Random) -> dict[str, Any]:
    """Two ends that are near one another now and then, and a weight of few digits."""
    a = np.float64(generator.randint(1, 1000) / 1000)
    b = generator.choice((a, np.nextafter(a, 2.0), np.float64(generator.random())))
    return {"a": a, "b": b, "weight": np.float64(generator.randint(0, 10) / 10)}


def draw_exact(inputs: Mapping[str, Input], generator: random.Random) -> dict[str, Any]:
    """Settings with which nothing rounds but cos and pow: laws of real numbers hold in floats, unless there is a bug."""
    numbers = {"lr": 1.0, "eta_min": 0.0, "power": generator.choice((1.0, 2.0))}
    found: dict[str, Any] = {}
    for name, kind in inputs.items():
        if isinstance(kind, Fixed):
            found[name] = kind.value
        elif isinstance(kind, Steps):
            found[name] = generator.randint(0, 9) if name == "step" else generator.choice((1, 2, 4, 8))
        else:
            found[name] = np.float64(numbers.get(name, generator.choice((0.0, 0.25, 0.5, 1.0))))
    return found


def draw(inputs: Mapping[str, Input], generator: random.Random) -> dict[str, Any]:
    """Settings that a rule accepts: few steps, rates and factors of few digits."""
    lr = generator.choice((0.0, 0.1, 0.5, 1.0, generator.random()))
    numbers = {
        "lr": lr,
        "eta_min": lr * generator.choice((0.0, 0.1, 1.0)),
        "gamma": generator.choice((0.1, 0.5, 0.9, 1.0)),
        "power": generator.choice((0.5, 1.0, 2.0)),
    }
    found: dict[str, Any] = {}
    for name, kind in inputs.items():
        if isinstance(kind, Fixed):
            found[name] = kind.value
        elif isinstance(kind, Steps):
            found[name] = generator.randint(0, 6)
        else:
            found[name] = np.float64(numbers.get(name, generator.choice((0.0, 0.25, 0.3, 1.0))))
    return found
