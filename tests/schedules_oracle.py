"""The real values of learning-rate schedules, from their definitions, in mpmath; never the code under test."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mpmath


def half_cosine(done: Any) -> Any:
    return (1 + mpmath.cos(mpmath.pi * done)) / 2


def share(step: int, steps: Any) -> Any:
    return min(mpmath.mpf(step) / steps, mpmath.mpf(1))


def of_phases(step: int, lr: float, warmup: int, stable: int, decay: int, kind: str, least: float) -> Any:
    if step < warmup:
        return mpmath.mpf(lr) * step / warmup
    done = share(max(0, step - warmup - stable), decay)
    weight = {"cosine": half_cosine(done), "linear": 1 - done, "1-sqrt": 1 - mpmath.sqrt(done)}[kind]
    return least + (mpmath.mpf(lr) - least) * weight


def of_cycles(step: int, lr: float, first: int, factor: int, least: float) -> Any:
    length = first
    while step >= length:
        step, length = step - length, length * factor
    return least + (mpmath.mpf(lr) - least) * half_cosine(share(step, length))


def of_one_cycle(step: int, most: float, total: int, pct: float, strategy: str, three: bool) -> Any:
    first, peak = mpmath.mpf(most) / 25, mpmath.mpf(pct) * total - 1
    last = first / 10000
    points = [(0, first), (peak, most), *([(2 * peak, first)] if three else []), (total - 1, last)]
    for (start, a), (end, b) in itertools.pairwise(points):
        if step <= end:
            done = (step - start) / (end - start)
            return b + (a - b) * half_cosine(done) if strategy == "cos" else a + (b - a) * done
    return last


REAL: dict[str, Callable[..., Any]] = {
    "constant": lambda step, lr, factor, total_iters: mpmath.mpf(lr) * (factor if step < total_iters else 1),
    "linear": lambda step, lr, start_factor, end_factor, total_iters: (
        mpmath.mpf(lr) * (start_factor + (mpmath.mpf(end_factor) - start_factor) * share(step, total_iters))
    ),
    "step_decay": lambda step, lr, step_size, gamma: mpmath.mpf(lr) * mpmath.mpf(gamma) ** (step // step_size),
    "multi_step": lambda step, lr, milestones, gamma: (
        mpmath.mpf(lr) * mpmath.mpf(gamma) ** sum(1 for each in milestones if each <= step)
    ),
    "exponential": lambda step, lr, gamma: mpmath.mpf(lr) * mpmath.mpf(gamma) ** step,
    "cosine": lambda step, lr, T_max, eta_min: eta_min + (mpmath.mpf(lr) - eta_min) * half_cosine(share(step, T_max)),
    "warm_restarts": lambda step, lr, T_0, T_mult, eta_min: of_cycles(step, lr, T_0, T_mult, eta_min),
    "polynomial": lambda step, lr, total_iters, power: mpmath.mpf(lr) * (1 - share(step, total_iters)) ** power,
    "warmup_stable_decay": lambda step, **s: of_phases(step, *s.values()),
    "cosine_with_warmup": lambda step, lr, num_warmup_steps, num_training_steps, eta_min: of_phases(
        step, lr, num_warmup_steps, 0, num_training_steps - num_warmup_steps, "cosine", eta_min
    ),
    "one_cycle": lambda step, **s: of_one_cycle(step, *s.values()),
}
