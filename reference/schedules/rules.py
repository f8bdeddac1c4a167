"""Learning-rate schedules as closed functions of the step.

A rule is a pure function ``rule(step, **settings)``; a `Schedule` is a rule with its settings, checked when it is made:

    schedule = Schedule(cosine, lr=1e-3, T_max=1000)
    lr = schedule(step)

Step 0 is the first step of training. No step depends on earlier ones: a resumed run has the same bits, no recursion drifts
(pytorch#40971). Every rule interpolates by a weight from 0 to 1: both ends come out exactly, nothing lies beyond them.
Settings have their names in ``torch.optim.lr_scheduler``, or in the library that the docstring names.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex

from reference.contracts import ensure, require
from reference.hyperparameters import (
    Contract,
    are_milestones,
    between_error,
    choice,
    is_between,
    milestones_error,
    number,
    whole,
)
from reference.schedules.weights import (
    ANNEALINGS,
    DECAYS,
    cosine_decay,
    cycle,
    geometric,
    interpolate,
    part,
    passed,
    power_decay,
    progress,
)
from reference.validation import as_float64

LEAST = 2.0**-1074
of_step = whole("step", 0)
of_lr = number("lr")
of_gamma = number("gamma", LEAST, 1)
of_eta_min: Contract = require(
    lambda eta_min, lr: is_between(eta_min, 0, lr), lambda eta_min, lr: between_error("eta_min", eta_min, 0, lr)
)
of_milestones: Contract = require(
    lambda milestones: are_milestones(milestones), lambda milestones: milestones_error(milestones)
)


class Schedule:
    """A rule with its settings: a function of the step; equal to another of the same rule and settings.

    Raises: TypeError or ValueError at once for settings that the rule refuses.
    """

    def __init__(self, rule: Callable[..., Any], /, **settings: Any) -> None:
        self.rule = rule
        self.settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
        self(0)

    def __call__(self, step: SupportsIndex) -> Any:
        """The learning rate at a step, an int or a NumPy integer."""
        return self.rule(step if isinstance(step, bool | float) else operator.index(step), **self.settings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and (self.rule, self.settings) == (other.rule, other.settings)

    def __hash__(self) -> int:
        return hash((self.rule, tuple(sorted(self.settings.items()))))

    def __repr__(self) -> str:
        return f"Schedule({', '.join([self.rule.__name__, *(f'{k}={v!r}' for k, v in self.settings.items())])})"


def _within(x: Any, least: Any, most: Any) -> Any:
    return (least <= x) & (x <= most)


@of_step
@of_lr
@number("factor", 0, 1)
@whole("total_iters")
@ensure(
    "SCHED-20", lambda result, step, lr, total_iters: _within(result, 0, lr) & ((step < total_iters) | (result == lr))
)
def constant(step: int, lr: Any, factor: Any = 1 / 3, total_iters: int = 5) -> Any:
    """lr · factor from step 0 to total_iters - 1, lr at total_iters and beyond: ``ConstantLR``.

    Claims
        SCHED-20  prove  IEEE(float64)  steps below 2**31  from 0 to lr, and lr at total_iters and beyond
    """
    return part(lr, factor if step < total_iters else 1.0)


@of_step
@of_lr
@number("start_factor", 0, 1)
@number("end_factor", 0, 1)
@whole("total_iters")
@ensure("SCHED-22", lambda result, lr: _within(result, 0, lr))
@ensure("SCHED-23", lambda result, step, lr, start_factor: (step != 0) | (result == part(lr, start_factor)))
@ensure(
    "SCHED-24",
    lambda result, step, lr, end_factor, total_iters: (step < total_iters) | (result == part(lr, end_factor)),
)
def linear(step: int, lr: Any, start_factor: Any = 1 / 3, end_factor: Any = 1.0, total_iters: int = 5) -> Any:
    """Linear warm-up: lr · start_factor at step 0, lr · end_factor at total_iters and beyond, a line between: ``LinearLR``.

    torch refuses start_factor=0: its recursion divides by it.

    Claims
        SCHED-22  prove  IEEE(float64)  steps below 2**31  from 0 to lr
        SCHED-23  prove  IEEE(float64)  steps below 2**31  lr · start_factor at step 0
        SCHED-24  prove  IEEE(float64)  steps below 2**31  lr · end_factor at total_iters and beyond
    """
    return interpolate(part(lr, start_factor), part(lr, end_factor), progress(step, total_iters))


@of_step
@of_lr
@whole("step_size")
@of_gamma
def step_decay(step: int, lr: Any, step_size: int, gamma: Any = 0.1) -> Any:
    """lr · gamma**floor(step / step_size): lr at step 0 and until step_size - 1; towards 0 beyond: ``StepLR``."""
    return part(lr, geometric(gamma, step // step_size))


@of_step
@of_lr
@of_milestones
@of_gamma
def multi_step(step: int, lr: Any, milestones: Sequence[int], gamma: Any = 0.1) -> Any:
    """lr · gamma**(number of milestones <= step): lr before the first, the last value for ever: ``MultiStepLR``."""
    return part(lr, geometric(gamma, passed(step, milestones)))


@of_step
@of_lr
@of_gamma
@ensure("SCHED-25", lambda result, step, lr: _within(result, 0, lr) & ((step != 0) | (result == lr)))
def exponential(step: int, lr: Any, gamma: Any) -> Any:
    """lr · gamma**step: lr at step 0, towards 0 beyond: ``ExponentialLR``, which allows gamma > 1 too.

    Claims
        SCHED-25  prove  IEEE(float64)  steps below 2**31  from 0 to lr, and lr at step 0
    """
    return part(lr, geometric(gamma, step))


@of_step
@of_lr
@whole("T_max")
@of_eta_min
@ensure("SCHED-26", lambda result, step, lr, eta_min: _within(result, eta_min, lr) & ((step != 0) | (result == lr)))
@ensure("SCHED-27", lambda result, step, T_max, eta_min: (step < T_max) | (result == eta_min))
def cosine(step: int, lr: Any, T_max: int, eta_min: Any = 0.0) -> Any:
    """lr at step 0, eta_min at T_max and beyond, half a cosine between: ``CosineAnnealingLR``, which rises again beyond.

    Source: Loshchilov & Hutter, "SGDR" (2017), equation 5.

    Claims
        SCHED-26  prove  IEEE(float64)  steps below 2**31  from eta_min to lr, and lr at step 0
        SCHED-27  prove  IEEE(float64)  steps below 2**31  eta_min at T_max and beyond
    """
    return interpolate(as_float64(eta_min), as_float64(lr), cosine_decay(progress(step, T_max)))


@of_step
@of_lr
@whole("T_0")
@whole("T_mult")
@of_eta_min
def warm_restarts(step: int, lr: Any, T_0: int, T_mult: int = 1, eta_min: Any = 0.0) -> Any:
    """Cosine over cycles of T_0, T_0 T_mult, … steps, for ever: ``CosineAnnealingWarmRestarts``.

    lr at step 0 and at each restart, where the cosine of the cycle before would have come to eta_min.
    """
    position, length = cycle(step, T_0, T_mult)
    return cosine(position, lr, length, eta_min)


@of_step
@of_lr
@whole("total_iters")
@number("power", LEAST)
@ensure("SCHED-28", lambda result, step, lr: _within(result, 0, lr) & ((step != 0) | (result == lr)))
@ensure("SCHED-29", lambda result, step, total_iters: (step < total_iters) | (result == 0))
def polynomial(step: int, lr: Any, total_iters: int = 5, power: Any = 1.0) -> Any:
    """lr · (1 - step / total_iters)**power: lr at step 0, 0 at total_iters and beyond: ``PolynomialLR``.

    Claims
        SCHED-28  prove  IEEE(float64)  steps below 2**31  from 0 to lr, and lr at step 0
        SCHED-29  prove  IEEE(float64)  steps below 2**31  0 at total_iters and beyond
    """
    return part(lr, power_decay(progress(step, total_iters), power))


@of_step
@number("max_lr")
@whole("total_steps", 2)
@require(
    lambda pct_start, total_steps, three_phase: (
        is_between(pct_start, 0, 1)
        and 1 < as_float64(pct_start) * total_steps < total_steps / (2 if three_phase else 1)
    ),
    lambda pct_start, total_steps, three_phase: between_error(
        "pct_start", pct_start, f"more than {1 / total_steps}", f"less than {0.5 if three_phase else 1}"
    ),
)
@choice("anneal_strategy", ANNEALINGS)
@number("div_factor", 1)
@number("final_div_factor", 1)
def one_cycle(
    step: int,
    max_lr: Any,
    total_steps: int,
    pct_start: Any = 0.3,
    anneal_strategy: str = "cos",
    div_factor: Any = 25.0,
    final_div_factor: Any = 1e4,
    three_phase: bool = False,
) -> Any:
    """Up from max_lr / div_factor, down to that over final_div_factor: ``OneCycleLR``; Smith & Topin (2018).

    The first value at step 0, max_lr at pct_start · total_steps - 1 (between two steps if that is not whole), the last value
    at total_steps - 1 and beyond, where torch raises an error. With three_phase the way down takes as many steps as that up,
    and the last value is approached in what is left.
    """
    peak = as_float64(pct_start) * as_float64(total_steps) - 1.0
    first = as_float64(max_lr) / as_float64(div_factor)
    turns = [(0.0, first), (peak, as_float64(max_lr)), *([(2.0 * peak, first)] if three_phase else [])]
    turns.append((total_steps - 1.0, first / as_float64(final_div_factor)))
    phase = sum(step > end for end, _ in turns[1:-1])
    (start, a), (end, b) = turns[phase : phase + 2]
    return interpolate(b, a, ANNEALINGS[anneal_strategy](progress(step - start, end - start)))


@of_step
@of_lr
@whole("num_warmup_steps", 0)
@whole("num_stable_steps", 0)
@whole("num_decay_steps")
@choice("decay_type", DECAYS)
@of_eta_min
@ensure("SCHED-30", lambda result, lr: _within(result, 0, lr))
@ensure(
    "SCHED-31",
    lambda result, step, lr, num_warmup_steps, num_stable_steps, num_decay_steps, eta_min: (
        ((step != 0) | (num_warmup_steps == 0) | (result == 0))
        & ((step < num_warmup_steps) | (step > num_warmup_steps + num_stable_steps) | (result == lr))
        & ((step < num_warmup_steps + num_stable_steps + num_decay_steps) | (result == eta_min))
    ),
)
def warmup_stable_decay(
    step: int,
    lr: Any,
    num_warmup_steps: int,
    num_stable_steps: int,
    num_decay_steps: int,
    decay_type: str = "cosine",
    eta_min: Any = 0.0,
) -> Any:
    """Linear warm-up, lr, and a decay to eta_min: WSD of Hu et al., "MiniCPM" (2024), as transformers' ``get_wsd_schedule``.

    0 at step 0 if there is a warm-up; lr at its end, num_warmup_steps, and to the end of the stable steps; eta_min after
    num_decay_steps more and beyond. decay_type is cosine, linear or 1-sqrt (Hägele et al., 2024).

    Claims
        SCHED-30  prove  IEEE(float64)  numbers of steps below 2**29  from 0 to lr
        SCHED-31  prove  IEEE(float64)  numbers of steps below 2**29
                  0 at step 0 of a warm-up, lr from its end to the start of the decay, eta_min at the end and beyond
    """
    if step < num_warmup_steps:
        return part(lr, progress(step, num_warmup_steps))
    done = progress(max(0, step - num_warmup_steps - num_stable_steps), num_decay_steps)
    return interpolate(as_float64(eta_min), as_float64(lr), DECAYS[decay_type](done))


@whole("num_warmup_steps", 0)
@whole("num_training_steps")
@require(
    lambda num_warmup_steps, num_training_steps: num_warmup_steps < num_training_steps,
    lambda num_warmup_steps, num_training_steps: ValueError(
        f"num_training_steps must be greater than num_warmup_steps, {num_warmup_steps}, got {num_training_steps}"
    ),
)
def cosine_with_warmup(step: int, lr: Any, num_warmup_steps: int, num_training_steps: int, eta_min: Any = 0.0) -> Any:
    """Linear warm-up, then half a cosine: transformers' ``get_cosine_schedule_with_warmup``, which rises again beyond.

    0 at step 0 if there is a warm-up, lr at num_warmup_steps, eta_min at num_training_steps and beyond.
    """
    return warmup_stable_decay(step, lr, num_warmup_steps, 0, num_training_steps - num_warmup_steps, "cosine", eta_min)


@of_step
@require(
    lambda schedules, milestones: len(schedules) == len(milestones) + 1,
    lambda schedules, milestones: ValueError(
        f"schedules must be one more than milestones, got {len(schedules)} and {len(milestones)}"
    ),
)
@of_milestones
def sequential(step: int, schedules: Sequence[Callable[[int], Any]], milestones: Sequence[int]) -> Any:
    """One schedule after another: the next takes over at its milestone, as its step 0: ``SequentialLR``.

    The first schedule's value at step 0, the last one's at its own end and beyond.
    """
    number = passed(step, milestones)
    return schedules[number](step - (milestones[number - 1] if number else 0))
