"""The rules bit by bit: where they lie, and what they are at step 0, where pieces meet, at the end and beyond.

Of progress, interpolation and weights the rules need the contracts alone, of cos and pow next to nothing: what is proven
here holds for every step and all settings.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run, Use
from proofs.schedules.inputs import MOST, NUMBER, STEPS, draw
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Fixed, Input
from reference.contracts import bare
from reference.elementary import cos, pow  # noqa: A004
from reference.schedules import constant, cosine, exponential, linear, polynomial, warmup_stable_decay
from reference.schedules.weights import (
    DECAYS,
    cosine_decay,
    geometric,
    interpolate,
    part,
    power_decay,
    progress,
    root_decay,
    share,
)
from reference.validation import as_float64

BELOW = "steps below 2**31"
FEW = 2**29
USES: dict[Callable[..., Any], Use] = {
    progress: "contract",
    interpolate: "contract",
    share: "contract",
    cos: "contract",
    pow: "contract",
    cosine_decay: "both",
    power_decay: "both",
    geometric: "both",
    root_decay: "contract",
}
REAL = ("SCHED-3", "SCHED-6")  # in real numbers: no facts about floats
SOME = ("SCHED-9", "SCHED-10", "SCHED-13")  # for some settings
UNPROVEN = ("ELEM-7", "ELEM-9")
PIECES = ("SCHED-1", "SCHED-2", "SCHED-4", "SCHED-5")


def run(function: Callable[..., Any], most: int = MOST, **inputs: Input) -> Run:
    """A rule on an arbitrary step, all numbers of steps below ``most``."""
    return Run(
        function,
        {name: dataclasses.replace(kind, most=most) if kind == STEPS else kind for name, kind in inputs.items()},
        IEEE(),
        uses=USES,
        leaving_out=(*REAL, *SOME, *UNPROVEN),
        draw=functools.partial(draw, inputs),
    )


def rule(
    run_: Run,
    bugs: Mapping[str, Iterable[tuple[str, str, Callable[..., Any]]]],
    also: Iterable[str] = (),
    bound: str = BELOW,
) -> None:
    """Register the clauses of a rule, each with its planted bugs; ``also`` rest on these claims."""
    first, *others = bugs
    planted = {
        clause: [sampled_twin(name, why, run_, clause, {run_.function: bug}) for name, why, bug in each]
        for clause, each in bugs.items()
    }
    prove(
        first,
        run_.function,
        theory="IEEE(float64)",
        bound=bound,
        runs=lambda: [("", run_)],
        rests_on=[*PIECES, *also],
        twins=planted[first],
        also={clause: planted[clause] for clause in others},
    )


def _constant_one_later(step: Any, lr: Any, factor: Any, total_iters: Any) -> Any:
    return part(lr, factor if step <= total_iters else 1.0)


def _constant_divided(step: Any, lr: Any, factor: Any, total_iters: Any) -> Any:
    return as_float64(lr) if step >= total_iters else as_float64(lr) / as_float64(factor)


rule(
    run(constant, step=STEPS, lr=NUMBER, factor=NUMBER, total_iters=STEPS),
    {
        "SCHED-20": [
            ("one later", "<= for <", _constant_one_later),
            ("divided", "divides by the factor", _constant_divided),
        ]
    },
)


def _from_first_step(step: Any, lr: Any, start_factor: Any, end_factor: Any, total_iters: Any) -> Any:
    return interpolate(part(lr, start_factor), part(lr, end_factor), progress(step + 1, total_iters))


def _to_last_step(step: Any, lr: Any, start_factor: Any, end_factor: Any, total_iters: Any) -> Any:
    return interpolate(part(lr, start_factor), part(lr, end_factor), progress(step, total_iters + 1))


def _line_alone(step: Any, lr: Any, start_factor: Any, end_factor: Any, total_iters: Any) -> Any:
    a, b = part(lr, start_factor), part(lr, end_factor)
    return a + as_float64(step) * (b - a)


rule(
    run(linear, step=STEPS, lr=NUMBER, start_factor=NUMBER, end_factor=NUMBER, total_iters=STEPS),
    {
        "SCHED-22": [("line", "goes on beyond the end", _line_alone)],
        "SCHED-23": [("from 1", "counts steps from 1", _from_first_step)],
        "SCHED-24": [("one more", "divides by total_iters + 1", _to_last_step)],
    },
)


def _gamma_at_once(step: Any, lr: Any, gamma: Any) -> Any:
    return part(lr, geometric(gamma, step + 1))


rule(
    run(exponential, step=STEPS, lr=NUMBER, gamma=NUMBER),
    {"SCHED-25": [("at once", "multiplies before the first step", _gamma_at_once)]},
    ["SCHED-7", "SCHED-12", "ELEM-10"],
)


def _cosine_ahead(step: Any, lr: Any, T_max: Any, eta_min: Any) -> Any:
    return bare(cosine)(step + 1, lr, T_max, eta_min)


def _cosine_of_more(step: Any, lr: Any, T_max: Any, eta_min: Any) -> Any:
    return bare(cosine)(step, lr, T_max + 1, eta_min)


rule(
    run(cosine, step=STEPS, lr=NUMBER, T_max=STEPS, eta_min=NUMBER),
    {
        "SCHED-26": [("ahead", "counts steps from 1", _cosine_ahead)],
        "SCHED-27": [("one more", "ends a step late", _cosine_of_more)],
    },
    ["SCHED-7", "SCHED-8"],
)


def _power_ahead(step: Any, lr: Any, total_iters: Any, power: Any) -> Any:
    return bare(polynomial)(step + 1, lr, total_iters, power)


def _power_of_more(step: Any, lr: Any, total_iters: Any, power: Any) -> Any:
    return bare(polynomial)(step, lr, total_iters + 1, power)


rule(
    run(polynomial, step=STEPS, lr=NUMBER, total_iters=STEPS, power=NUMBER),
    {
        "SCHED-28": [("ahead", "counts steps from 1", _power_ahead)],
        "SCHED-29": [("one more", "ends a step late", _power_of_more)],
    },
    ["SCHED-7", "SCHED-11", "ELEM-10"],
)

# ---- warm-up, stable, decay ---------------------------------------------------------------------------------------------


def _phases(decay_type: str) -> Run:
    numbers = dict.fromkeys(("num_warmup_steps", "num_stable_steps", "num_decay_steps"), STEPS)
    return run(
        warmup_stable_decay,
        FEW,
        step=STEPS,
        lr=NUMBER,
        **numbers,
        decay_type=Fixed(decay_type),
        eta_min=NUMBER,
    )


def each_decay() -> Iterator[tuple[str, Run]]:
    """The rule with every kind of decay."""
    return ((f"{kind}: ", _phases(kind)) for kind in DECAYS)


def _warm_up_by_more(step: Any, lr: Any, num_warmup_steps: Any, num_stable_steps: Any, **settings: Any) -> Any:
    if step <= num_warmup_steps:
        return part(lr, progress(step, num_warmup_steps + 1))
    return bare(warmup_stable_decay)(step, lr, num_warmup_steps, num_stable_steps, **settings)


def _decay_forgets_warm_up(step: Any, lr: Any, num_warmup_steps: Any, num_stable_steps: Any, **settings: Any) -> Any:
    if step < num_warmup_steps:
        return part(lr, progress(step, num_warmup_steps))
    done = progress(max(0, step - num_stable_steps), settings["num_decay_steps"])
    return interpolate(as_float64(settings["eta_min"]), as_float64(lr), DECAYS[settings["decay_type"]](done))


def _warm_up_unbounded(step: Any, lr: Any, num_warmup_steps: Any, num_stable_steps: Any, **settings: Any) -> Any:
    if step <= num_warmup_steps:
        return as_float64(lr) * (as_float64(step) + 1.0)
    return bare(warmup_stable_decay)(step, lr, num_warmup_steps, num_stable_steps, **settings)


LINEAR = _phases("linear")
prove(
    "SCHED-30",
    warmup_stable_decay,
    theory="IEEE(float64)",
    bound="numbers of steps below 2**29",
    runs=each_decay,
    rests_on=[*PIECES, "SCHED-7", "SCHED-8", "SCHED-14"],
    twins=[
        sampled_twin(
            "unbounded", "multiplies by the step", LINEAR, "SCHED-30", {warmup_stable_decay: _warm_up_unbounded}
        ),
    ],
    also={
        "SCHED-31": [
            sampled_twin(
                "more", "divides by the steps + 1", LINEAR, "SCHED-31", {warmup_stable_decay: _warm_up_by_more}
            ),
            sampled_twin(
                "forgets", "decays too early", LINEAR, "SCHED-31", {warmup_stable_decay: _decay_forgets_warm_up}
            ),
        ]
    },
)
