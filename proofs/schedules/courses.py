"""Whole courses of rules, step by step, for every setting of a table: what one call cannot state."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from proofs.schedules.tables import every
from reference.contracts import bare, ensure
from reference.schedules import (
    Schedule,
    constant,
    cosine,
    cosine_with_warmup,
    exponential,
    linear,
    multi_step,
    one_cycle,
    polynomial,
    sequential,
    step_decay,
    warm_restarts,
    warmup_stable_decay,
)

LR = 0.3  # not of few digits in binary
RATES = (LR, 1.0)


def course(rule: Callable[..., Any], steps: int, **settings: Any) -> Any:
    """The rates of the first steps."""
    return np.array([rule(step, **settings) for step in range(steps)])


def falls(rates: Any) -> bool:
    """Whether no rate is larger than the one before."""
    return bool(np.all(rates[:-1] >= rates[1:]))


def lies_between(rates: Any, least: Any, most: Any) -> bool:
    """Whether no rate lies outside."""
    return bool(np.all((rates >= least) & (rates <= most)))


def changes(rates: Any) -> list[int]:
    """The steps whose rate is not that of the step before."""
    return [int(step) + 1 for step in np.flatnonzero(rates[:-1] != rates[1:])]


# ---- by a factor --------------------------------------------------------------------------------------------------------


@ensure("SCHED-50", lambda result, lr, step_size: _falls_every(result, lr, step_size))
def steps_down(lr: float, step_size: int, gamma: float) -> Any:
    """The course of `step_decay` to behind the third drop.

    Claims
        SCHED-50  exhaust  IEEE(float64)  step_size <= 8, gamma 0.1, 1/2, 0.9, 2 lr
                  lr at first, not increasing, a drop at each multiple of step_size and nowhere else
    """
    return course(step_decay, 3 * step_size + 2, lr=lr, step_size=step_size, gamma=gamma)


def _falls_every(rates: Any, lr: float, step_size: int) -> bool:
    return bool(rates[0] == lr) and falls(rates) and changes(rates) == list(range(step_size, len(rates), step_size))


@ensure(
    "SCHED-51", lambda result, lr, milestones: result[0] == lr and falls(result) and changes(result) == list(milestones)
)
def milestones_down(lr: float, milestones: Sequence[int], gamma: float) -> Any:
    """The course of `multi_step` to behind its last milestone.

    Claims
        SCHED-51  exhaust  IEEE(float64)  milestones among 1, …, 6, gamma 0.1, 1/2, 0.9
                  lr at first, not increasing, a drop at each milestone and nowhere else
    """
    return course(multi_step, 9, lr=lr, milestones=milestones, gamma=gamma)


def _one_step_later(step: int, lr: Any, step_size: int, gamma: Any = 0.1) -> Any:
    return bare(step_decay)(max(0, step - 1), lr, step_size, gamma)


def _after_milestone(step: int, lr: Any, milestones: Sequence[int], gamma: Any = 0.1) -> Any:
    return bare(multi_step)(max(0, step - 1), lr, milestones, gamma)


def each_step_size() -> Iterator[dict[str, Any]]:
    """Every setting of the table."""
    table = itertools.product(RATES, range(1, 9), (0.1, 0.5, 0.9))
    return ({"lr": lr, "step_size": size, "gamma": gamma} for lr, size, gamma in table)


def each_milestones() -> Iterator[dict[str, Any]]:
    """Every list of up to 3 milestones."""
    several = [list(each) for count in range(4) for each in itertools.combinations(range(1, 7), count)]
    return ({"lr": LR, "milestones": each, "gamma": gamma} for each in several for gamma in (0.1, 0.5, 0.9))


every(
    "SCHED-50",
    steps_down,
    "step_size <= 8, gamma 0.1, 1/2, 0.9, 2 lr",
    each_step_size,
    [("later", "drops a step late", _one_step_later)],
    planted_in=step_decay,
)
every(
    "SCHED-51",
    milestones_down,
    "milestones among 1, …, 6, gamma 0.1, 1/2, 0.9",
    each_milestones,
    [("after", "drops a step late", _after_milestone)],
    planted_in=multi_step,
)

# ---- by a cosine --------------------------------------------------------------------------------------------------------


@ensure("SCHED-52", lambda result, T_0, T_mult, eta_min: _restarts(result, T_0, T_mult, eta_min))
def with_restarts(T_0: int, T_mult: int, eta_min: float) -> Any:
    """The course of `warm_restarts` to behind the third restart.

    Claims
        SCHED-52  exhaust  IEEE(float64)  T_0 <= 6, T_mult <= 3, eta_min 0 and lr / 10
                  lr at each restart; between, the cosine of that cycle, falling and above eta_min
    """
    return course(warm_restarts, T_0 * (1 + T_mult + T_mult**2) + 2, lr=LR, T_0=T_0, T_mult=T_mult, eta_min=eta_min)


def _restarts(rates: Any, first: int, factor: int, eta_min: float) -> bool:
    starts = list(itertools.accumulate((first * factor**k for k in range(3)), initial=0))
    cycles = [rates[a:b] for a, b in itertools.pairwise(starts)]
    expected = [course(cosine, len(each), lr=LR, T_max=len(each), eta_min=eta_min) for each in cycles]
    whole = all(np.array_equal(each, other) for each, other in zip(cycles, expected, strict=True))
    return whole and all(rates[start] == LR for start in starts) and all(min(each) > eta_min for each in cycles)


@ensure("SCHED-53", lambda result, warmup, steps, eta_min: _up_and_down(result, warmup, steps, eta_min))
def up_and_down(warmup: int, steps: int, eta_min: float) -> Any:
    """The course of `cosine_with_warmup` to two steps beyond its end.

    Claims
        SCHED-53  exhaust  IEEE(float64)  warm-up < steps <= 16, eta_min 0 and lr / 10
                  0 or lr at first, rising to lr at the end of the warm-up, falling to eta_min at steps, eta_min beyond
    """
    return course(
        cosine_with_warmup, steps + 3, lr=LR, num_warmup_steps=warmup, num_training_steps=steps, eta_min=eta_min
    )


def _up_and_down(rates: Any, warmup: int, steps: int, eta_min: float) -> bool:
    rising, falling = rates[: warmup + 1], rates[warmup : steps + 1]
    ends = (rates[0], rates[warmup]) == (0.0 if warmup else LR, LR) and bool(np.all(rates[steps:] == eta_min))
    return ends and bool(np.all(np.diff(rising) > 0)) and bool(np.all(np.diff(falling) < 0))


def _restart_late(step: int, lr: Any, T_0: int, T_mult: int = 1, eta_min: Any = 0.0) -> Any:
    position, length = step, T_0
    while position > length:
        position, length = position - length, length * T_mult
    return cosine(position, lr, length, eta_min)


def _period_short(step: int, lr: Any, T_0: int, T_mult: int = 1, eta_min: Any = 0.0) -> Any:
    return bare(warm_restarts)(step, lr, max(1, T_0 - 1), T_mult, eta_min)


def _warm_up_short(step: int, lr: Any, num_warmup_steps: int, num_training_steps: int, eta_min: Any = 0.0) -> Any:
    return bare(cosine_with_warmup)(step, lr, max(0, num_warmup_steps - 1), num_training_steps, eta_min)


def _steps_without_warm_up(
    step: int, lr: Any, num_warmup_steps: int, num_training_steps: int, eta_min: Any = 0.0
) -> Any:
    return bare(cosine_with_warmup)(step, lr, num_warmup_steps, num_training_steps + num_warmup_steps, eta_min)


def each_restart() -> Iterator[dict[str, Any]]:
    """Every setting of the table."""
    table = itertools.product(range(1, 7), range(1, 4), (0.0, LR / 10))
    return ({"T_0": first, "T_mult": factor, "eta_min": eta_min} for first, factor, eta_min in table)


def each_warm_up() -> Iterator[dict[str, Any]]:
    """Every setting of the table."""
    pairs = [(warmup, steps) for steps in range(1, 17) for warmup in range(steps)]
    return ({"warmup": w, "steps": n, "eta_min": eta_min} for w, n in pairs for eta_min in (0.0, LR / 10))


every(
    "SCHED-52",
    with_restarts,
    "T_0 <= 6, T_mult <= 3, eta_min 0 and lr / 10",
    each_restart,
    [("late", "restarts a step late", _restart_late), ("short", "cycles of T_0 - 1 steps", _period_short)],
    planted_in=warm_restarts,
)
every(
    "SCHED-53",
    up_and_down,
    "warm-up < steps <= 16, eta_min 0 and lr / 10",
    each_warm_up,
    [
        ("short", "divides by the steps - 1", _warm_up_short),
        ("longer", "decays over all steps", _steps_without_warm_up),
    ],
    planted_in=cosine_with_warmup,
)

# ---- one cycle, and one after another -----------------------------------------------------------------------------------


@ensure(
    "SCHED-54", lambda result, total_steps, pct_start, three_phase: _cycles(result, total_steps, pct_start, three_phase)
)
def whole_cycle(total_steps: int, pct_start: float, anneal_strategy: str, three_phase: bool) -> Any:
    """The course of `one_cycle` to two steps beyond its end.

    Claims
        SCHED-54  exhaust  IEEE(float64)  4, 8, …, 40 steps, pct_start 1/4, 3/8, 1/2, both strategies, two and three phases
                  from first to last value, rising to max_lr at a whole peak, falling to the end, the last value beyond
    """
    return course(
        one_cycle,
        total_steps + 2,
        max_lr=LR,
        total_steps=total_steps,
        pct_start=pct_start,
        anneal_strategy=anneal_strategy,
        three_phase=three_phase,
    )


def _cycles(rates: Any, total_steps: int, pct_start: float, three_phase: bool) -> bool:
    first, peak = LR / 25, pct_start * total_steps - 1
    last = first / 1e4
    turn = int(peak)
    ends = rates[0] == first and bool(np.all(rates[total_steps - 1 :] == last)) and lies_between(rates, last, LR)
    whole = peak != turn or (rates[turn] == LR and (not three_phase or rates[2 * turn] == first))
    rising, falling = np.diff(rates[: turn + 1]) > 0, np.diff(rates[turn + 1 : total_steps]) < 0
    return ends and whole and bool(np.all(rising) and np.all(falling))


@ensure("SCHED-55", lambda result, milestones: _in_turn(result, milestones))
def in_turn(milestones: Sequence[int]) -> Any:
    """The course of `sequential` over a warm-up, a fall and a line to behind the last milestone.

    Claims
        SCHED-55  exhaust  IEEE(float64)  milestones among 1, …, 6
                  from each milestone on the next schedule, from its step 0
    """
    return course(sequential, 10, schedules=parts()[: len(milestones) + 1], milestones=milestones)


def parts() -> tuple[Schedule, ...]:
    """Four schedules of different rates."""
    return (
        Schedule(linear, lr=LR, start_factor=0.25, end_factor=1.0, total_iters=3),
        Schedule(exponential, lr=LR, gamma=0.5),
        Schedule(linear, lr=LR, start_factor=0.5, end_factor=0.0, total_iters=2),
        Schedule(cosine, lr=LR, T_max=4, eta_min=0.0),
    )


def _in_turn(rates: Any, milestones: Sequence[int]) -> bool:
    bounds = [0, *milestones, len(rates)]
    expected = [
        part(step) for part, (a, b) in zip(parts(), itertools.pairwise(bounds), strict=False) for step in range(b - a)
    ]
    return bool(np.array_equal(rates, expected))


def _keeps_counting(step: int, schedules: Any, milestones: Sequence[int]) -> Any:
    return schedules[sum(each <= step for each in milestones)](step)


def _takes_over_late(step: int, schedules: Any, milestones: Sequence[int]) -> Any:
    number = sum(each < step for each in milestones)
    return schedules[number](step - (milestones[number - 1] if number else 0))


def _ends_late(step: int, max_lr: Any, total_steps: int, **settings: Any) -> Any:
    return bare(one_cycle)(step, max_lr, total_steps + 1, **settings)


def _starts_late(step: int, max_lr: Any, total_steps: int, **settings: Any) -> Any:
    return bare(one_cycle)(max(0, step - 1), max_lr, total_steps, **settings)


def each_cycle() -> Iterator[dict[str, Any]]:
    """Every setting of the table in which each phase has some length."""
    table = itertools.product(range(4, 41, 4), (0.25, 0.375, 0.5), ("cos", "linear"), (False, True))
    for total, share, strategy, three in table:
        if share * total > 1 and not (three and share == 0.5):
            yield {"total_steps": total, "pct_start": share, "anneal_strategy": strategy, "three_phase": three}


def each_turn() -> Iterator[dict[str, Any]]:
    """Every list of up to 3 milestones."""
    return ({"milestones": list(each)} for count in range(4) for each in itertools.combinations(range(1, 7), count))


every(
    "SCHED-54",
    whole_cycle,
    "4, 8, …, 40 steps, pct_start 1/4, 3/8, 1/2, both strategies, two and three phases",
    each_cycle,
    [("ends late", "takes a step more", _ends_late), ("starts late", "is a step behind", _starts_late)],
    planted_in=one_cycle,
)
every(
    "SCHED-55",
    in_turn,
    "milestones among 1, …, 6",
    each_turn,
    [
        ("keeps counting", "gives the next schedule the step of all", _keeps_counting),
        ("late", "takes over a step late", _takes_over_late),
    ],
    planted_in=sequential,
)

# ---- what is left out ---------------------------------------------------------------------------------------------------


@ensure("SCHED-56", lambda result, defaults: result[0] == defaults and np.array_equal(*result[1]))
def with_and_without(
    rule: Callable[..., Any], given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Any]]:
    """The settings that a rule may go without, and its courses without them and with them.

    Claims
        SCHED-56  exhaust  IEEE(float64)  steps < 40
                  settings that are left out are those of torch, or of transformers where the rule is theirs
    """
    found = _left_out(rule)
    return found, [course(rule, 40, **given, **settings) for settings in ({}, defaults)] if found == defaults else []


def _left_out(rule: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(bare(rule)).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


PHASES = {"lr": LR, "num_warmup_steps": 3, "num_stable_steps": 4, "num_decay_steps": 9}
ONE_CYCLE = {
    "pct_start": 0.3,
    "anneal_strategy": "cos",
    "div_factor": 25.0,
    "final_div_factor": 1e4,
    "three_phase": False,
}
DEFAULTS: dict[Callable[..., Any], tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {  # and one wrong
    constant: ({"lr": LR}, {"factor": 1 / 3, "total_iters": 5}, {"factor": 0.1}),
    linear: ({"lr": LR}, {"start_factor": 1 / 3, "end_factor": 1.0, "total_iters": 5}, {"start_factor": 0.1}),
    step_decay: ({"lr": LR, "step_size": 7}, {"gamma": 0.1}, {"gamma": 0.5}),
    multi_step: ({"lr": LR, "milestones": [3, 9]}, {"gamma": 0.1}, {"gamma": 0.5}),
    cosine: ({"lr": LR, "T_max": 20}, {"eta_min": 0.0}, {"eta_min": 0.01}),
    warm_restarts: ({"lr": LR, "T_0": 6}, {"T_mult": 1, "eta_min": 0.0}, {"T_mult": 2}),
    polynomial: ({"lr": LR}, {"total_iters": 5, "power": 1.0}, {"power": 2.0}),
    one_cycle: ({"max_lr": LR, "total_steps": 30}, ONE_CYCLE, {"pct_start": 0.25}),
    warmup_stable_decay: (PHASES, {"decay_type": "cosine", "eta_min": 0.0}, {"decay_type": "1-sqrt"}),
    cosine_with_warmup: (
        {"lr": LR, "num_warmup_steps": 3, "num_training_steps": 20},
        {"eta_min": 0.0},
        {"eta_min": 0.01},
    ),
}


def _other_default(rule: Callable[..., Any], wrong: Mapping[str, Any]) -> Callable[..., Any]:
    return lambda *settings, **named: bare(rule)(*settings, **{**wrong, **named})


def _setting_of(rule: Callable[..., Any]) -> Iterator[dict[str, Any]]:
    given, defaults, _ = DEFAULTS[rule]
    yield {"rule": rule, "given": given, "defaults": defaults}


for _rule, (_, _, _wrong) in DEFAULTS.items():
    every(
        "SCHED-56",
        with_and_without,
        "steps < 40",
        functools.partial(_setting_of, _rule),
        [("other", "has another default", _other_default(_rule, _wrong))],
        planted_in=_rule,
        variant=_rule.__name__,
    )
