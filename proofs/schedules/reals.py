"""In real numbers: what is monotone, and that each closed form is the recursion that others step through.

`torch.optim.lr_scheduler` computes the next rate from the last one. Both forms are equal in real numbers; in floats they are
not, see `proofs.schedules.refuted`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.symbolic_run import Run
from proofs.schedules.inputs import NUMBER, STEPS, draw_exact
from proofs.symbolic.array import truth
from proofs.symbolic.inputs import Array, Fixed
from proofs.symbolic.paths import Path
from proofs.symbolic.real import Real
from reference.contracts import bare, ensure, preconditions, require
from reference.elementary import cos, pow  # noqa: A004
from reference.schedules import cosine, linear, polynomial, warmup_stable_decay
from reference.schedules.weights import cosine_decay, interpolate, part, power_decay, progress, share
from reference.validation import as_float64

PROGRESS = Run(progress, {"step": NUMBER, "length": NUMBER}, Real())


def _early(step: Any, length: Any) -> Any:
    return (as_float64(step) + 1.0) / as_float64(length) if step < length - 1.0 else np.float64(1)


prove(
    "SCHED-3",
    progress,
    theory="Real",
    bound="all numbers",
    runs=lambda: [("", PROGRESS)],
    twins=[twin("early", "ends a step early", PROGRESS, "SCHED-3", {progress: _early})],
)


def _folded(a: Any, b: Any, weight: Any) -> Any:
    return a + np.where(weight < 0.5, weight, 1.0 - weight) * (b - a)


PAIR = Run(interpolate, {"a": NUMBER, "b": NUMBER, "weight": Array(np.float64, (2,))}, Real())
prove(
    "SCHED-6",
    interpolate,
    theory="Real",
    bound="n <= 2",
    runs=lambda: [("", PAIR)],
    twins=[twin("folded", "turns back half-way", PAIR, "SCHED-6", {interpolate: _folded})],
)

# ---- two steps of a rule ------------------------------------------------------------------------------------------------


def as_in(rule: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The preconditions of a rule, for a function of the same settings."""

    def contracted(function: Callable[..., Any]) -> Callable[..., Any]:
        for clause in reversed(preconditions(rule)):
            assert clause.error is not None
            function = require(clause.condition, clause.error)(function)
        return function

    return contracted


def weight_is_share(path: Path, arguments: dict[str, Any]) -> None:
    """A cut before each interpolation: its weight is from 0 to 1, which products and quotients hide."""
    weight = arguments["weight"]
    if hasattr(weight, "theory"):
        path.prove("share", truth(np.all((weight >= 0) & (weight <= 1))))


def in_reals(function: Callable[..., Any], **inputs: Any) -> Run:
    """Two steps of a rule in real numbers, whatever cos and pow give."""
    return Run(
        function,
        inputs,
        Real(),
        uses={cos: "contract", pow: "contract", share: "contract"},
        leaving_out=("ELEM-7", "ELEM-9"),
        before={interpolate: weight_is_share},
        draw=functools.partial(draw_exact, inputs),
    )


def _step_of_linear(result: Any, step: Any, start_factor: Any, end_factor: Any, total_iters: Any) -> Any:
    slope = end_factor - start_factor
    divisor = total_iters * start_factor + step * slope
    return (step >= total_iters) | (result[1] * divisor == result[0] * (divisor + slope))


@as_in(linear)
@ensure("SCHED-40", _step_of_linear)
@ensure("SCHED-41", lambda result, start_factor, end_factor: (start_factor > end_factor) | (result[0] <= result[1]))
def linear_twice(step: int, lr: Any, start_factor: Any, end_factor: Any, total_iters: int) -> tuple[Any, Any]:
    """`linear` at a step and at the next.

    Claims
        SCHED-40  prove  Real  all steps and settings
                  until total_iters the next is this · (1 + (end - start) / (total_iters start + step (end - start)))
        SCHED-41  prove  Real  all steps and settings  not decreasing if start_factor <= end_factor
    """
    return linear(step, lr, start_factor, end_factor, total_iters), linear(
        step + 1, lr, start_factor, end_factor, total_iters
    )


@as_in(cosine)
@ensure("SCHED-42", lambda result, eta_min: (result[1] - eta_min) * result[2] == (result[0] - eta_min) * result[3])
def cosine_twice(step: int, lr: Any, T_max: int, eta_min: Any) -> tuple[Any, Any, Any, Any]:
    """`cosine` at a step and at the next, and the weights of both.

    Claims
        SCHED-42  prove  Real  all steps and settings
                  the next is eta_min + (this - eta_min) (1 + cos(pi (step + 1) / T_max)) / (1 + cos(pi step / T_max))
    """
    weights = (cosine_decay(progress(each, T_max)) for each in (step, step + 1))
    return cosine(step, lr, T_max, eta_min), cosine(step + 1, lr, T_max, eta_min), *weights


@as_in(polynomial)
@ensure("SCHED-43", lambda result: result[1] * result[2] == result[0] * result[3])
def polynomial_twice(step: int, lr: Any, total_iters: int, power: Any) -> tuple[Any, Any, Any, Any]:
    """`polynomial` at a step and at the next, and the weights of both.

    Claims
        SCHED-43  prove  Real  all steps and settings
                  the next is this · ((1 - (step + 1) / total_iters) / (1 - step / total_iters))**power
    """
    weights = (power_decay(progress(each, total_iters), power) for each in (step, step + 1))
    return polynomial(step, lr, total_iters, power), polynomial(step + 1, lr, total_iters, power), *weights


def _up_then_down(result: Any, step: Any, num_warmup_steps: Any) -> Any:
    return np.where(step < num_warmup_steps, result[0] <= result[1], result[0] >= result[1])


@as_in(warmup_stable_decay)
@ensure("SCHED-44", _up_then_down)
def phases_twice(
    step: int,
    lr: Any,
    num_warmup_steps: int,
    num_stable_steps: int,
    num_decay_steps: int,
    decay_type: str,
    eta_min: Any,
) -> tuple[Any, Any]:
    """`warmup_stable_decay` at a step and at the next.

    Claims
        SCHED-44  prove  Real  linear decay, all steps and settings
                  not decreasing in the warm-up, not increasing after it
    """
    settings = (lr, num_warmup_steps, num_stable_steps, num_decay_steps, decay_type, eta_min)
    return warmup_stable_decay(step, *settings), warmup_stable_decay(step + 1, *settings)


def _linear_ahead(step: Any, lr: Any, start_factor: Any, end_factor: Any, total_iters: Any) -> Any:
    return bare(linear)(step + 1, lr, start_factor, end_factor, total_iters)


def _linear_back(step: Any, lr: Any, start_factor: Any, end_factor: Any, total_iters: Any) -> Any:
    return bare(linear)(step, lr, end_factor, start_factor, total_iters)


LINEAR = in_reals(linear_twice, step=STEPS, lr=NUMBER, start_factor=NUMBER, end_factor=NUMBER, total_iters=STEPS)
prove(
    "SCHED-40",
    linear_twice,
    theory="Real",
    bound="all steps and settings",
    runs=lambda: [("", LINEAR)],
    twins=[sampled_twin("ahead", "counts steps from 1", LINEAR, "SCHED-40", {linear: _linear_ahead})],
    also={"SCHED-41": [sampled_twin("back", "swaps the ends", LINEAR, "SCHED-41", {linear: _linear_back})]},
)


def _cosine_of_square(step: Any, lr: Any, T_max: Any, eta_min: Any) -> Any:
    weight = cosine_decay(progress(step, T_max))
    return interpolate(as_float64(eta_min), as_float64(lr), weight * weight)


COSINE = in_reals(cosine_twice, step=STEPS, lr=NUMBER, T_max=STEPS, eta_min=NUMBER)
prove(
    "SCHED-42",
    cosine_twice,
    theory="Real",
    bound="all steps and settings",
    runs=lambda: [("", COSINE)],
    rests_on=["SCHED-7"],
    twins=[sampled_twin("square", "squares the cosine", COSINE, "SCHED-42", {cosine: _cosine_of_square})],
)


def _power_from_below(step: Any, lr: Any, total_iters: Any, power: Any) -> Any:
    return as_float64(lr) - bare(polynomial)(step, lr, total_iters, power)


POLYNOMIAL = in_reals(polynomial_twice, step=STEPS, lr=NUMBER, total_iters=STEPS, power=NUMBER)
prove(
    "SCHED-43",
    polynomial_twice,
    theory="Real",
    bound="all steps and settings",
    runs=lambda: [("", POLYNOMIAL)],
    rests_on=["SCHED-7", "ELEM-10"],
    twins=[sampled_twin("below", "takes it from lr", POLYNOMIAL, "SCHED-43", {polynomial: _power_from_below})],
)


def _restarting(step: Any, lr: Any, num_warmup_steps: Any, *settings: Any) -> Any:
    if step < num_warmup_steps:
        return part(lr, progress(step, num_warmup_steps))
    return part(lr, progress(step - num_warmup_steps, settings[1]))


NUMBERS = dict.fromkeys(("num_warmup_steps", "num_stable_steps", "num_decay_steps"), STEPS)
PHASES = in_reals(phases_twice, step=STEPS, lr=NUMBER, **NUMBERS, decay_type=Fixed("linear"), eta_min=NUMBER)
prove(
    "SCHED-44",
    phases_twice,
    theory="Real",
    bound="linear decay, all steps and settings",
    runs=lambda: [("", PHASES)],
    twins=[sampled_twin("rises", "rises after the warm-up", PHASES, "SCHED-44", {warmup_stable_decay: _restarting})],
)
