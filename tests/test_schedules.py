"""Schedules: the real values, the bits at every end and boundary, chaining, errors, and what torch steps through."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedules_oracle import REAL

from proofs.prover.obligations import judge
from proofs.schedules import reals
from reference import contracts
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
from reference.schedules.weights import DECAYS, cycle, interpolate

UNIT = 2.0**-53
Settings = dict[str, Any]


@pytest.fixture(autouse=True)
def check_all_clauses() -> Iterator[None]:
    with contracts.level("all"):
        yield


def rates(rule: Callable[..., Any], steps: int, **settings: Any) -> list[float]:
    schedule = Schedule(rule, **settings)
    return [schedule(step) for step in range(steps)]


SETTINGS: dict[Callable[..., Any], dict[str, tuple[Any, ...]]] = {
    constant: {"lr": (0.1, 3e-4), "factor": (0.0, 1 / 3, 1.0), "total_iters": (1, 7)},
    linear: {"lr": (0.1,), "start_factor": (0.0, 1 / 3, 1.0), "end_factor": (0.0, 0.5, 1.0), "total_iters": (1, 7, 20)},
    step_decay: {"lr": (0.1,), "step_size": (1, 2, 7), "gamma": (0.1, 0.5, 0.97, 1.0)},
    multi_step: {"lr": (0.1,), "milestones": ([], [1], [2, 3, 11]), "gamma": (0.1, 0.5, 0.97)},
    exponential: {"lr": (0.1, 1e3), "gamma": (0.1, 0.5, 0.97, 1.0)},
    cosine: {"lr": (0.1, 1.0), "T_max": (1, 2, 3, 10, 31), "eta_min": (0.0, 1e-3, 0.1)},
    warm_restarts: {"lr": (0.1,), "T_0": (1, 2, 5), "T_mult": (1, 2, 3), "eta_min": (0.0, 1e-3)},
    polynomial: {"lr": (0.1,), "total_iters": (1, 2, 5, 33), "power": (0.5, 0.9, 1.0, 2.0, 3.0)},
    warmup_stable_decay: {
        "lr": (0.1,),
        "num_warmup_steps": (0, 1, 5),
        "num_stable_steps": (0, 1, 7),
        "num_decay_steps": (1, 9),
        "decay_type": ("cosine", "linear", "1-sqrt"),
        "eta_min": (0.0, 0.01),
    },
    cosine_with_warmup: {
        "lr": (0.1,),
        "num_warmup_steps": (0, 1, 5),
        "num_training_steps": (6, 30),
        "eta_min": (0.0, 0.01),
    },
    one_cycle: {
        "max_lr": (0.1,),
        "total_steps": (10, 37),
        "pct_start": (0.25, 0.3, 0.41),
        "anneal_strategy": ("cos", "linear"),
        "three_phase": (False, True),
    },
}
STEPS = 45


def each_setting(rule: Callable[..., Any]) -> Iterator[Settings]:
    table = SETTINGS[rule]
    return (dict(zip(table, values, strict=True)) for values in itertools.product(*table.values()))


def bound(settings: Settings) -> float:
    """In units of 2**-53 of the largest rate.

    A weight is off by at most 6: half of cos, of which the argument is off by 3 pi and the value by 1. Interpolation
    rounds 3 times. A power of 1 - done multiplies what 1 - done is off, one unit, by at most power, or for a power below 1
    by the root of the number of steps.
    """
    most: float = settings.get("lr", settings.get("max_lr"))
    power = settings.get("power", 1.0)
    return (10 + 2 * max(1.0, power) + math.sqrt(settings.get("total_iters", 1))) * UNIT * most


@pytest.mark.parametrize("rule", SETTINGS, ids=lambda rule: rule.__name__)
def test_every_rate_is_near_the_real_one(rule: Callable[..., Any]) -> None:
    with mpmath.workdps(50), contracts.level("none"):
        for settings in each_setting(rule):
            for step in range(STEPS):
                rate = rule(step, **settings)
                assert isinstance(rate, np.float64)
                error = abs(mpmath.mpf(float(rate)) - REAL[rule.__name__](step, **settings))
                assert error <= bound(settings), (step, settings)


# Bits at the ends and where pieces meet.


@pytest.mark.parametrize(
    ("rule", "settings", "known"),
    [
        (constant, {"lr": 0.3, "factor": 0.5, "total_iters": 3}, {0: 0.15, 2: 0.15, 3: 0.3, 10**15: 0.3}),
        (constant, {"lr": 0.3, "factor": 1.0}, {0: 0.3, 4: 0.3, 5: 0.3}),
        (linear, {"lr": 0.3, "start_factor": 0.0, "total_iters": 4}, {0: 0.0, 4: 0.3, 5: 0.3, 10**15: 0.3}),
        (linear, {"lr": 0.3, "start_factor": 1.0, "end_factor": 0.0, "total_iters": 1}, {0: 0.3, 1: 0.0, 2: 0.0}),
        (step_decay, {"lr": 0.3, "step_size": 2}, {0: 0.3, 1: 0.3, 10**15: 0.0}),
        (multi_step, {"lr": 0.3, "milestones": [3], "gamma": 0.5}, {0: 0.3, 2: 0.3, 3: 0.15, 10**15: 0.15}),
        (exponential, {"lr": 0.3, "gamma": 0.5}, {0: 0.3, 1: 0.15, 2: 0.075, 10**15: 0.0}),
        (cosine, {"lr": 0.3, "T_max": 10, "eta_min": 0.1}, {0: 0.3, 10: 0.1, 11: 0.1, 20: 0.1, 10**15: 0.1}),
        (cosine, {"lr": 0.3, "T_max": 1}, {0: 0.3, 1: 0.0}),
        (warm_restarts, {"lr": 0.3, "T_0": 5, "T_mult": 2}, {0: 0.3, 5: 0.3, 15: 0.3, 35: 0.3}),
        (warm_restarts, {"lr": 0.3, "T_0": 1, "T_mult": 3}, {0: 0.3, 1: 0.3, 4: 0.3, 13: 0.3, 40: 0.3, 121: 0.3}),
        (warm_restarts, {"lr": 0.3, "T_0": 3}, {0: 0.3, 3: 0.3, 6: 0.3, 3 * 10**15: 0.3}),
        (polynomial, {"lr": 0.3, "total_iters": 10, "power": 0.9}, {0: 0.3, 10: 0.0, 11: 0.0, 10**15: 0.0}),
        (one_cycle, {"max_lr": 0.3, "total_steps": 100}, {0: 0.012, 29: 0.3, 99: 0.012 / 1e4, 100: 0.012 / 1e4}),
        (
            one_cycle,
            {"max_lr": 0.3, "total_steps": 100, "three_phase": True},
            {0: 0.012, 29: 0.3, 58: 0.012, 99: 0.012 / 1e4, 10**15: 0.012 / 1e4},
        ),
        (
            warmup_stable_decay,
            {"lr": 0.3, "num_warmup_steps": 4, "num_stable_steps": 5, "num_decay_steps": 6, "eta_min": 0.1},
            {0: 0.0, 2: 0.15, 4: 0.3, 8: 0.3, 9: 0.3, 15: 0.1, 16: 0.1, 10**15: 0.1},
        ),
        (
            warmup_stable_decay,
            {"lr": 0.3, "num_warmup_steps": 0, "num_stable_steps": 0, "num_decay_steps": 1, "decay_type": "1-sqrt"},
            {0: 0.3, 1: 0.0},
        ),
        (
            cosine_with_warmup,
            {"lr": 0.3, "num_warmup_steps": 4, "num_training_steps": 9},
            {0: 0.0, 4: 0.3, 9: 0.0, 10: 0.0},
        ),
        (cosine_with_warmup, {"lr": 0.3, "num_warmup_steps": 0, "num_training_steps": 1}, {0: 0.3, 1: 0.0}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_ends_and_boundaries_are_exact(rule: Callable[..., Any], settings: Settings, known: dict[int, float]) -> None:
    schedule = Schedule(rule, **settings)
    assert {step: float(schedule(step)) for step in known} == known


def test_the_step_before_a_boundary_is_not_yet_there() -> None:
    assert rates(constant, 4, lr=1.0, total_iters=3)[2] == 1 / 3
    assert rates(linear, 5, lr=1.0, start_factor=0.0, total_iters=4)[3] == 0.75
    assert rates(cosine, 5, lr=1.0, T_max=4)[3] > 0.1
    assert rates(warm_restarts, 5, lr=1.0, T_0=4)[3:] == [rates(cosine, 5, lr=1.0, T_max=4)[3], 1.0]
    assert rates(polynomial, 5, lr=1.0, total_iters=4)[3] == 0.25
    assert rates(multi_step, 4, lr=1.0, milestones=[3], gamma=0.5) == [1.0, 1.0, 1.0, 0.5]


def test_a_peak_between_two_steps_is_reached_by_none() -> None:
    found = rates(one_cycle, 12, max_lr=1.0, total_steps=11, pct_start=0.5, anneal_strategy="linear")
    assert max(found) < 1.0
    assert found.index(max(found)) in (4, 5)


def test_interpolation_is_exact_where_simpler_formulas_are_not() -> None:
    assert interpolate(np.float64(0.4), np.float64(0.1), np.float64(1)) == 0.1 != 0.4 + (0.1 - 0.4)
    same = np.float64(0.1)
    assert interpolate(same, same, np.float64(0.2)) == 0.1 != 0.1 * (1 - 0.2) + 0.1 * 0.2


# Chaining.


def test_the_next_schedule_takes_over_at_its_milestone_as_its_step_zero() -> None:
    warm_up = Schedule(linear, lr=0.1, start_factor=0.1, total_iters=5)
    decay = Schedule(cosine, lr=0.1, T_max=10)
    chained = Schedule(sequential, schedules=[warm_up, decay], milestones=[5])
    assert [chained(step) for step in range(5)] == [warm_up(step) for step in range(5)]
    assert [chained(step) for step in range(5, 20)] == [decay(step) for step in range(15)]
    assert chained(5) == 0.1


def test_chains_can_be_chained() -> None:
    inner = Schedule(sequential, schedules=[lambda step: 1.0 + step, lambda step: 10.0 + step], milestones=[2])
    outer = Schedule(sequential, schedules=[inner, inner, lambda step: -1.0], milestones=[3, 6])
    assert [outer(step) for step in range(8)] == [1.0, 2.0, 10.0, 1.0, 2.0, 10.0, -1.0, -1.0]


def test_one_schedule_needs_no_milestone() -> None:
    assert rates(sequential, 2, schedules=[lambda step: float(step)], milestones=[]) == [0.0, 1.0]


# Schedules as values.


def test_schedules_are_equal_by_rule_and_settings() -> None:
    one, same = (Schedule(multi_step, lr=0.1, milestones=[1, 2]) for _ in range(2))
    assert one == same and hash(one) == hash(same) and one != Schedule(multi_step, lr=0.1, milestones=[1, 3])
    assert one != Schedule(cosine, lr=0.1, T_max=3) and one != "schedule"
    assert repr(Schedule(cosine, lr=0.1, T_max=3)) == "Schedule(cosine, lr=0.1, T_max=3)"


def test_a_list_of_settings_can_change_without_harm() -> None:
    milestones = [1, 2]
    schedule = Schedule(multi_step, lr=1.0, milestones=milestones, gamma=0.5)
    milestones.append(3)
    assert schedule(3) == 0.25


def test_numpy_numbers_are_welcome() -> None:
    plain = Schedule(cosine, lr=0.25, T_max=7, eta_min=0.125)
    numpy = Schedule(cosine, lr=np.float32(0.25), T_max=np.int64(7), eta_min=np.float16(0.125))
    assert [plain(step) for step in range(9)] == [numpy(np.int32(step)) for step in range(9)]


# Errors.


@pytest.mark.parametrize(
    ("rule", "settings", "error", "message"),
    [
        (cosine, {"lr": math.nan, "T_max": 3}, ValueError, "lr must be from 0 to 1.79"),
        (cosine, {"lr": -0.1, "T_max": 3}, ValueError, "lr must be from 0 to 1.79"),
        (cosine, {"lr": math.inf, "T_max": 3}, ValueError, "lr must be from 0 to 1.79"),
        (cosine, {"lr": True, "T_max": 3}, TypeError, "lr must be a Python number or a real NumPy scalar"),
        (cosine, {"lr": "0.1", "T_max": 3}, TypeError, "got str"),
        (cosine, {"lr": 0.1, "T_max": 0}, ValueError, r"T_max must be at least 1 and less than 2\*\*53, got 0"),
        (cosine, {"lr": 0.1, "T_max": 3.0}, TypeError, "T_max must be a Python int, got float"),
        (cosine, {"lr": 0.1, "T_max": True}, TypeError, "T_max must be a Python int, got bool"),
        (cosine, {"lr": 0.1, "T_max": 2**53}, ValueError, "T_max must be at least 1"),
        (cosine, {"lr": 0.1, "T_max": 3, "eta_min": 0.2}, ValueError, r"eta_min must be from 0 to 0.1, got 0.2"),
        (cosine, {"lr": 0.1, "T_max": 3, "eta_min": math.nan}, ValueError, "eta_min must be from 0 to 0.1, got nan"),
        (constant, {"lr": 0.1, "factor": 1.5}, ValueError, "factor must be from 0 to 1, got 1.5"),
        (constant, {"lr": 0.1, "total_iters": 0}, ValueError, "total_iters must be at least 1"),
        (linear, {"lr": 0.1, "start_factor": -1}, ValueError, "start_factor must be from 0 to 1, got -1"),
        (linear, {"lr": 0.1, "end_factor": math.nan}, ValueError, "end_factor must be from 0 to 1, got nan"),
        (step_decay, {"lr": 0.1, "step_size": 0}, ValueError, "step_size must be at least 1"),
        (step_decay, {"lr": 0.1, "step_size": 1, "gamma": 0.0}, ValueError, "gamma must be from 5e-324 to 1, got 0.0"),
        (exponential, {"lr": 0.1, "gamma": 1.1}, ValueError, "gamma must be from 5e-324 to 1, got 1.1"),
        (multi_step, {"lr": 0.1, "milestones": 3}, TypeError, "milestones must be a list or tuple of ints, got int"),
        (multi_step, {"lr": 0.1, "milestones": [0]}, ValueError, r"milestones\[0\] must be at least 1"),
        (
            multi_step,
            {"lr": 0.1, "milestones": [1, 2.5]},
            TypeError,
            r"milestones\[1\] must be a Python int, got float",
        ),
        (
            multi_step,
            {"lr": 0.1, "milestones": [1, 4, 4]},
            ValueError,
            r"milestones\[2\] must be greater than milestones\[1\] = 4, got 4",
        ),
        (warm_restarts, {"lr": 0.1, "T_0": 0}, ValueError, "T_0 must be at least 1"),
        (warm_restarts, {"lr": 0.1, "T_0": 1, "T_mult": 0}, ValueError, "T_mult must be at least 1"),
        (polynomial, {"lr": 0.1, "power": 0}, ValueError, "power must be from 5e-324"),
        (polynomial, {"lr": 0.1, "power": math.inf}, ValueError, "power must be from 5e-324"),
        (one_cycle, {"max_lr": 0.1, "total_steps": 1}, ValueError, "total_steps must be at least 2"),
        (
            one_cycle,
            {"max_lr": 0.1, "total_steps": 10, "pct_start": 0.1},
            ValueError,
            "pct_start must be from more than 0.1",
        ),
        (one_cycle, {"max_lr": 0.1, "total_steps": 10, "pct_start": 1.0}, ValueError, "to less than 1, got 1.0"),
        (
            one_cycle,
            {"max_lr": 0.1, "total_steps": 10, "pct_start": 0.5, "three_phase": True},
            ValueError,
            "pct_start must be from more than 0.1 to less than 0.5, got 0.5",
        ),
        (
            one_cycle,
            {"max_lr": 0.1, "total_steps": 10, "anneal_strategy": "sine"},
            ValueError,
            "anneal_strategy must be one of linear, cos, got 'sine'",
        ),
        (one_cycle, {"max_lr": 0.1, "total_steps": 10, "div_factor": 0.5}, ValueError, "div_factor must be from 1 to"),
        (one_cycle, {"max_lr": 0.1, "total_steps": 10, "final_div_factor": 0}, ValueError, "final_div_factor must be"),
        (
            cosine_with_warmup,
            {"lr": 0.1, "num_warmup_steps": 5, "num_training_steps": 5},
            ValueError,
            "num_training_steps must be greater than num_warmup_steps, 5, got 5",
        ),
        (
            cosine_with_warmup,
            {"lr": 0.1, "num_warmup_steps": -1, "num_training_steps": 5},
            ValueError,
            "num_warmup_steps must be at least 0",
        ),
        (
            warmup_stable_decay,
            {"lr": 0.1, "num_warmup_steps": 1, "num_stable_steps": 1, "num_decay_steps": 0},
            ValueError,
            "num_decay_steps must be at least 1",
        ),
        (
            warmup_stable_decay,
            {"lr": 0.1, "num_warmup_steps": 1, "num_stable_steps": 1, "num_decay_steps": 1, "decay_type": 1},
            ValueError,
            "decay_type must be one of linear, cosine, 1-sqrt, got 1",
        ),
        (sequential, {"schedules": [abs], "milestones": [1]}, ValueError, "one more than milestones, got 1 and 1"),
        (sequential, {"schedules": [abs, abs], "milestones": [0]}, ValueError, r"milestones\[0\] must be at least 1"),
        (cosine, {"lr": 0.1}, TypeError, "T_max"),
        (cosine, {"lr": 0.1, "T_max": 3, "steps": 4}, TypeError, "steps"),
    ],
)
def test_bad_settings_are_refused_at_once(
    rule: Callable[..., Any], settings: Settings, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Schedule(rule, **settings)


@pytest.mark.parametrize("step", [-1, 2**53, True, 1.0, "1", None])
def test_bad_steps_are_refused(step: Any) -> None:
    schedule = Schedule(cosine, lr=0.1, T_max=3)
    with pytest.raises((TypeError, ValueError)):
        schedule(step)
    with pytest.raises((TypeError, ValueError), match="step must be"):
        cosine(step, lr=0.1, T_max=3)


# Laws on drawn settings; all clauses of all functions are checked as well.

LR = st.floats(0, 1e300)
COUNT = st.integers(1, 10**6)


@given(step=st.integers(0, 2 * 10**6), lr=LR, steps=COUNT, low=st.floats(0, 1))
def test_a_cosine_lies_between_its_ends_and_falls(step: int, lr: float, steps: int, low: float) -> None:
    schedule = Schedule(cosine, lr=lr, T_max=steps, eta_min=lr * low)
    assert lr * low <= schedule(step + 1) <= schedule(step) * (1 + 4 * UNIT) <= lr * (1 + 4 * UNIT)


@given(step=st.integers(0, 2 * 10**6), lr=LR, steps=COUNT, ends=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_line_is_monotone_bit_for_bit(step: int, lr: float, steps: int, ends: tuple[float, float]) -> None:
    schedule = Schedule(linear, lr=lr, start_factor=min(ends), end_factor=max(ends), total_iters=steps)
    assert schedule(step) <= schedule(step + 1)


@given(step=st.integers(0, 10**6), lr=LR, gamma=st.floats(2.0**-1074, 1), size=st.integers(1, 1000))
def test_drops_never_rise(step: int, lr: float, gamma: float, size: int) -> None:
    schedule = Schedule(step_decay, lr=lr, step_size=size, gamma=gamma)
    assert schedule(step + size) <= schedule(step) == schedule(step - step % size)


@given(step=st.integers(0, 10**9), first=st.integers(1, 50), factor=st.integers(1, 5))
def test_a_cycle_holds_its_step(step: int, first: int, factor: int) -> None:
    position, length = cycle(step, first, factor)
    assert 0 <= position < length
    assert math.log(length / first, factor if factor > 1 else 2) == pytest.approx(
        round(math.log(length / first, max(2, factor)))
    )


@given(
    step=st.integers(0, 100),
    numbers=st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20)),
    kind=st.sampled_from(sorted(DECAYS)),
)
def test_phases_rise_stay_and_fall(step: int, numbers: tuple[int, int, int], kind: str) -> None:
    warmup, stable, decay = numbers
    schedule = Schedule(
        warmup_stable_decay,
        lr=0.7,
        num_warmup_steps=warmup,
        num_stable_steps=stable,
        num_decay_steps=decay,
        decay_type=kind,
    )
    now, later = schedule(step), schedule(step + 1)
    assert now < later if step < warmup else now >= later
    assert (now == 0.7) == (warmup <= step <= warmup + stable)


def test_laws_of_real_numbers_are_tried_where_nothing_rounds() -> None:
    """A planted bug in them is refuted by a float run: without a bug, that run must keep the law."""
    generator = random.Random(0)
    for run, clauses in (
        (reals.LINEAR, ("SCHED-40", "SCHED-41")),
        (reals.COSINE, ("SCHED-42",)),
        (reals.POLYNOMIAL, ("SCHED-43",)),
        (reals.PHASES, ("SCHED-44",)),
    ):
        for clause in clauses:
            assert not any(judge(run, run.random(generator), clause).confirmed for _ in range(300))


# What torch steps through: recursions, off by at most 8 roundings a step.

TORCH: list[tuple[str, Callable[..., Any], Settings]] = [
    ("ConstantLR", constant, {"factor": 0.3, "total_iters": 4}),
    ("LinearLR", linear, {"start_factor": 0.25, "end_factor": 0.8, "total_iters": 7}),
    ("LinearLR", linear, {}),
    ("StepLR", step_decay, {"step_size": 3, "gamma": 0.3}),
    ("MultiStepLR", multi_step, {"milestones": [2, 5, 6], "gamma": 0.3}),
    ("ExponentialLR", exponential, {"gamma": 0.9}),
    ("CosineAnnealingLR", cosine, {"T_max": 19, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", warm_restarts, {"T_0": 3}),
    ("CosineAnnealingWarmRestarts", warm_restarts, {"T_0": 3, "T_mult": 2, "eta_min": 0.01}),
    ("PolynomialLR", polynomial, {"total_iters": 10, "power": 2.0}),
    ("PolynomialLR", polynomial, {}),
    ("OneCycleLR", one_cycle, {"total_steps": 20}),
    ("OneCycleLR", one_cycle, {"total_steps": 20, "anneal_strategy": "linear", "three_phase": True}),
]


@pytest.mark.filterwarnings("ignore")  # what torch says about the order of its calls
@pytest.mark.parametrize(("name", "rule", "settings"), TORCH)
def test_torch_steps_through_the_same_rates(name: str, rule: Callable[..., Any], settings: Settings) -> None:
    torch = pytest.importorskip("torch")
    lr, steps = 0.1, 20
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    theirs = {"max_lr": lr, **settings} if rule is one_cycle else settings
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **theirs)
    ours = Schedule(rule, **{"max_lr" if rule is one_cycle else "lr": lr}, **settings)
    for step in range(steps):
        assert abs(optimizer.param_groups[0]["lr"] - ours(step)) <= (8 * step + 16) * UNIT * lr
        optimizer.step()
        if step < steps - 1:
            scheduler.step()


@pytest.mark.filterwarnings("ignore")
def test_torch_chains_the_same_way() -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    of = torch.optim.lr_scheduler
    parts = [of.LinearLR(optimizer, start_factor=0.5, total_iters=4), of.ExponentialLR(optimizer, gamma=0.5)]
    scheduler = of.SequentialLR(optimizer, schedulers=parts, milestones=[4])
    ours = Schedule(
        sequential,
        schedules=[
            Schedule(linear, lr=0.1, start_factor=0.5, total_iters=4),
            Schedule(exponential, lr=0.1, gamma=0.5),
        ],
        milestones=[4],
    )
    for step in range(10):
        assert abs(optimizer.param_groups[0]["lr"] - ours(step)) <= (8 * step + 16) * UNIT * 0.1
        optimizer.step()
        scheduler.step()
