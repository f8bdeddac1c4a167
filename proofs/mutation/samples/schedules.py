"""Settings and steps of schedules: the first and last of each phase, their neighbours, and far beyond."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from proofs.mutation.samples.numbers import Arguments, Generator, any_float
from reference.schedules import Schedule, cosine, exponential, linear
from reference.schedules.weights import DECAYS

LARGEST = float(np.finfo(np.float64).max)
SHARES = (0.0, 0.25, 0.3, 1 / 3, 0.5, 0.75, 1.0, 2.0**-1074, 1 - 2.0**-53)


def rate(generator: random.Random) -> Any:
    """A learning rate: of few digits, or any."""
    return generator.choice((0.1, 0.3, 1.0, 3e-4, 0.0, LARGEST, 2.0**-1074, generator.random()))


def share(generator: random.Random) -> Any:
    """A number from 0 to 1."""
    return generator.choice((*SHARES, generator.random()))


def few(generator: random.Random, least: int = 1) -> int:
    """A number of steps, small more often than not."""
    return generator.choice((least, least + 1, least + 2, generator.randint(least, 12), generator.randint(least, 1000)))


def near(generator: random.Random, *bounds: int) -> int:
    """A step at or beside one of these, at 0, between, or far beyond."""
    around = generator.choice((0, *bounds)) + generator.randint(-1, 1)
    return max(0, generator.choice((around, around, generator.randint(0, max(1, *bounds)), 10**9)))


def _progress(generator: random.Random) -> Iterator[Arguments]:
    while True:
        length = generator.choice((few(generator), 0.5, 12.75))
        yield {"step": near(generator, int(length)), "length": length}


def _interpolate(generator: random.Random) -> Iterator[Arguments]:
    while True:
        a, b = (abs(np.float64(any_float(generator))) for _ in range(2))
        b = generator.choice((b, a, np.nextafter(a, np.inf), np.float64(0.1), np.float64(0.4)))
        weight = generator.choice((np.float64(share(generator)), np.linspace(0.0, 1.0, 7)))
        if np.isfinite(b):
            yield {"a": a, "b": b, "weight": weight}


def _numbers(generator: random.Random) -> Iterator[Arguments]:
    for x in (np.nan, np.inf, -np.inf, -1e-300, 1.0, 1.5):
        yield {"x": np.float64(x)}
    while True:
        yield {"x": np.float64(any_float(generator))}


def _done(generator: random.Random) -> Iterator[Arguments]:
    while True:
        n = few(generator)
        yield {"done": generator.choice((np.float64(share(generator)), np.arange(n + 1) / n))}


def _powers(generator: random.Random) -> Iterator[Arguments]:
    for arguments in _done(generator):
        yield arguments | {"power": generator.choice((0.5, 0.9, 1.0, 2.0, 3.0))}


def _counts(generator: random.Random) -> Iterator[Arguments]:
    while True:
        count = generator.choice((few(generator, 0), np.arange(few(generator) + 1)))
        yield {"gamma": generator.choice((0.1, 0.5, 0.9, 0.99, 1.0)), "count": count}


def milestones(generator: random.Random) -> list[int]:
    """Up to three milestones."""
    return sorted(generator.sample(range(1, 9), generator.randint(0, 3)))


def _passed(generator: random.Random) -> Iterator[Arguments]:
    while True:
        marks = milestones(generator)
        yield {"step": near(generator, *marks, 1), "milestones": marks}


def _cycles(generator: random.Random) -> Iterator[Arguments]:
    while True:
        first, factor = generator.randint(1, 12), generator.randint(1, 4)
        yield {"step": near(generator, first, first * (1 + factor), 121), "T_0": first, "T_mult": factor}


def _parts(generator: random.Random) -> Iterator[Arguments]:
    while True:
        yield {"lr": rate(generator), "weight": share(generator)}


def _rule(make: Callable[[random.Random], tuple[Arguments, tuple[int, ...]]]) -> Generator:
    """Settings, and a step near one of their boundaries."""

    def generate(generator: random.Random) -> Iterator[Arguments]:
        while True:
            settings, bounds = make(generator)
            yield {"step": near(generator, *bounds), **settings}

    return generate


def _constant(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    total = few(generator)
    return {"lr": rate(generator), "factor": share(generator), "total_iters": total}, (total,)


def _linear(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    total = few(generator)
    factors = {"start_factor": share(generator), "end_factor": share(generator)}
    return {"lr": rate(generator), **factors, "total_iters": total}, (total,)


def _step_decay(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    size = few(generator)
    return {"lr": rate(generator), "step_size": size, "gamma": share(generator) or 0.9}, (size, 2 * size)


def _multi_step(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    marks = milestones(generator)
    return {"lr": rate(generator), "milestones": marks, "gamma": share(generator) or 0.9}, (*marks, 1)


def _exponential(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    return {"lr": rate(generator), "gamma": share(generator) or 0.9}, (1,)


def _least(lr: float, generator: random.Random) -> float:
    return lr * generator.choice((0.0, 0.1, 0.5, 1.0))


def _cosine(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    lr, total = rate(generator), few(generator)
    return {"lr": lr, "T_max": total, "eta_min": _least(lr, generator)}, (total, 2 * total)


def _restarts(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    lr, first, factor = rate(generator), generator.randint(1, 12), generator.randint(1, 4)
    settings = {"lr": lr, "T_0": first, "T_mult": factor, "eta_min": _least(lr, generator)}
    return settings, (first, first * (1 + factor), first * (1 + factor + factor**2))


def _polynomial(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    total = few(generator)
    return {"lr": rate(generator), "total_iters": total, "power": generator.choice((0.5, 0.9, 1.0, 2.0))}, (total,)


def _one_cycle(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    total, start, three = generator.randint(5, 60), generator.choice((0.25, 0.3, 0.45)), generator.random() < 0.5
    peak = int(start * total) - 1
    settings = {
        "max_lr": rate(generator),
        "total_steps": total,
        "pct_start": start,
        "anneal_strategy": generator.choice(("cos", "linear")),
        "div_factor": generator.choice((25.0, 1.0, 3.0)),
        "final_div_factor": generator.choice((1e4, 1.0, 7.0)),
        "three_phase": three,
    }
    return settings, (peak, 2 * peak, total - 1)


def _phases(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    lr, warmup, stable, decay = rate(generator), few(generator, 0), few(generator, 0), few(generator)
    settings = {
        "lr": lr,
        "num_warmup_steps": warmup,
        "num_stable_steps": stable,
        "num_decay_steps": decay,
        "decay_type": generator.choice(sorted(DECAYS)),
        "eta_min": _least(lr, generator),
    }
    return settings, (warmup, warmup + stable, warmup + stable + decay)


def _warm_cosine(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    lr, warmup, more = rate(generator), few(generator, 0), few(generator)
    settings = {"lr": lr, "num_warmup_steps": warmup, "num_training_steps": warmup + more}
    return settings | {"eta_min": _least(lr, generator)}, (warmup, warmup + more)


PARTS = (
    Schedule(linear, lr=0.3, start_factor=0.25, end_factor=1.0, total_iters=3),
    Schedule(exponential, lr=0.3, gamma=0.5),
    Schedule(linear, lr=0.3, start_factor=0.5, end_factor=0.0, total_iters=2),
    Schedule(cosine, lr=0.3, T_max=4, eta_min=0.0),
)


def _sequential(generator: random.Random) -> tuple[Arguments, tuple[int, ...]]:
    marks = milestones(generator)
    return {"schedules": PARTS[: len(marks) + 1], "milestones": marks}, (*marks, 1)


SAMPLES: dict[str, Generator] = {
    "progress": _progress,
    "interpolate": _interpolate,
    "share": _numbers,
    "cosine_decay": _done,
    "power_decay": _powers,
    "geometric": _counts,
    "root_decay": _done,
    "passed": _passed,
    "cycle": _cycles,
    "part": _parts,
    "constant": _rule(_constant),
    "linear": _rule(_linear),
    "step_decay": _rule(_step_decay),
    "multi_step": _rule(_multi_step),
    "exponential": _rule(_exponential),
    "cosine": _rule(_cosine),
    "warm_restarts": _rule(_restarts),
    "polynomial": _rule(_polynomial),
    "one_cycle": _rule(_one_cycle),
    "warmup_stable_decay": _rule(_phases),
    "cosine_with_warmup": _rule(_warm_cosine),
    "sequential": _rule(_sequential),
}
BEYOND: dict[str, Generator] = {}
