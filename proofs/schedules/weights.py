"""The weights from 0 to 1 and the interpolation between two ends, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.symbolic_run import Run
from proofs.schedules.inputs import NUMBER, STEPS, draw_ends
from proofs.schedules.tables import every
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Fixed
from reference.contracts import bare
from reference.elementary import cos, pow  # noqa: A004
from reference.schedules.weights import cosine_decay, geometric, interpolate, power_decay, progress, root_decay, share
from reference.validation import as_float64

ONE = Array(np.float64, (1,))
DONE = [np.arange(n + 1) / n for n in range(1, 513)]
POWERS = (0.5, 0.9, 1.0, 2.0, 3.0)
GAMMAS = (0.1, 0.5, 0.9, 0.99, 1.0)
MOST_COUNT = 1 << 17

# ---- how much of a phase is done ----------------------------------------------------------------------------------------


def _one_ahead(step: Any, length: Any) -> Any:
    return as_float64(step + 1) / as_float64(length) if step < length else np.float64(1)


def _unbounded(step: Any, length: Any) -> Any:
    return as_float64(step) / as_float64(length)


PROGRESS = Run(progress, {"step": STEPS, "length": STEPS}, IEEE())
prove(
    "SCHED-1",
    progress,
    theory="IEEE(float64)",
    bound="whole numbers below 2**31",
    runs=lambda: [("", PROGRESS)],
    twins=[twin("unbounded", "goes on beyond the end", PROGRESS, "SCHED-1", {progress: _unbounded})],
    also={
        "SCHED-2": [
            twin("one ahead", "counts from 1", PROGRESS, "SCHED-2", {progress: _one_ahead}),
            twin("unbounded", "goes on beyond the end", PROGRESS, "SCHED-2", {progress: _unbounded}),
        ]
    },
)

# ---- between two ends ---------------------------------------------------------------------------------------------------


def _convex(a: Any, b: Any, weight: Any) -> Any:
    return a * (1.0 - weight) + b * weight


def _straight(a: Any, b: Any, weight: Any) -> Any:
    return a + weight * (b - a)


INTERPOLATE = Run(interpolate, {"a": NUMBER, "b": NUMBER, "weight": NUMBER}, IEEE())
prove(
    "SCHED-4",
    interpolate,
    theory="IEEE(float64)",
    bound="elementwise",
    runs=lambda: [("", INTERPOLATE)],
    twins=[
        sampled_twin(
            "convex", "a (1 - weight) + b weight", INTERPOLATE.drawing(draw_ends), "SCHED-4", {interpolate: _convex}
        )
    ],
    also={"SCHED-5": [twin("straight", "a + weight (b - a)", INTERPOLATE, "SCHED-5", {interpolate: _straight})]},
)

# ---- weights ------------------------------------------------------------------------------------------------------------


def _from_above(x: Any) -> Any:
    return np.where(x < 0, 0.0, np.where(x > 1, 1.0, x))[()]


SHARE = Run(share, {"x": ONE}, IEEE())
prove(
    "SCHED-7",
    share,
    theory="IEEE(float64)",
    bound="elementwise, NaN too",
    runs=lambda: [("", SHARE)],
    twins=[twin("NaN", "lets NaN pass", SHARE, "SCHED-7", {share: _from_above})],
)


def _root_of_rest(done: Any) -> Any:
    return np.sqrt(1.0 - done) * np.sqrt(1.0 - done) + done * 0.5


ROOT = Run(
    root_decay,
    {"done": NUMBER},
    IEEE(),
    domain=lambda done: (done >= 0) & (done <= 1),
    draw=lambda generator: {"done": np.float64(generator.choice((0.0, 0.5, 1.0)))},
)
prove(
    "SCHED-14",
    root_decay,
    theory="IEEE(float64)",
    bound="elementwise",
    runs=lambda: [("", ROOT)],
    twins=[sampled_twin("halfway", "ends at one half", ROOT, "SCHED-14", {root_decay: _root_of_rest})],
)


def _from_one(gamma: Any, count: Any) -> Any:
    return bare(geometric)(gamma, count + 1)


GEOMETRIC = Run(
    geometric,
    {"gamma": NUMBER, "count": STEPS},
    IEEE(),
    uses={pow: "contract"},
    leaving_out=("ELEM-9",),
    domain=lambda count: count >= 0,
)
prove(
    "SCHED-12",
    geometric,
    theory="IEEE(float64)",
    bound="all gamma, counts below 2**31",
    runs=lambda: [("", GEOMETRIC)],
    rests_on=["ELEM-10"],
    twins=[twin("from one", "takes one factor more", GEOMETRIC, "SCHED-12", {geometric: _from_one})],
)

# ---- what only trying shows ---------------------------------------------------------------------------------------------


def each_done() -> Iterator[dict[str, Any]]:
    """Every share of up to 512 steps, one row a number of steps."""
    return ({"done": done} for done in DONE)


def each_end() -> Iterator[dict[str, Any]]:
    """Nothing and all."""
    return ({"done": np.float64(done)} for done in (0.0, 1.0))


def each_power() -> Iterator[dict[str, Any]]:
    """Every share of up to 64 steps with every power."""
    return ({"done": done, "power": power} for done in DONE[:64] for power in POWERS)


def each_count() -> Iterator[dict[str, Any]]:
    """Every count until the power is 0, and some more; in rows that overlap."""
    for gamma in GAMMAS:
        last = MOST_COUNT if gamma == 1 else min(MOST_COUNT, int(np.ceil(-1080 * np.log(2) / np.log(gamma))))
        for start in range(0, last, 4096):
            yield {"gamma": gamma, "count": np.arange(start, min(start + 4097, last + 1))}


def _twice_as_fast(done: Any) -> Any:
    return share((1.0 + cos(2.0 * np.pi * done)) * 0.5)


def _in_float32(done: Any) -> Any:
    return share((1.0 + cos((np.float32(np.pi) * np.float32(done)).astype(np.float64))) * 0.5)


def _cut_in_two(done: Any) -> Any:
    return np.where(done < 0.5, (1.0 + cos(np.pi * done)) * 0.5, cos(np.pi * done * 0.5))[()]


def _power_of_done(done: Any, power: Any) -> Any:
    return share(pow(done, as_float64(power)))


def _rising_end(done: Any, power: Any) -> Any:
    return share(pow(np.abs(1.0 - done - 0.125), as_float64(power)))


def _alternating(gamma: Any, count: Any) -> Any:
    return share(pow(np.float64(gamma), np.where(count % 2 == 1, count - 1.0, count + 1.0)))


every(
    "SCHED-8",
    cosine_decay,
    "done = 0 and 1",
    each_end,
    [
        ("twice as fast", "goes through a whole period", _twice_as_fast),
        ("float32", "takes pi in float32", _in_float32),
    ],
)
every(
    "SCHED-9",
    cosine_decay,
    "done = k / n, all k <= n <= 512",
    each_done,
    [("twice as fast", "goes through a whole period", _twice_as_fast), ("pieces", "pieces do not meet", _cut_in_two)],
)
every(
    "SCHED-10",
    power_decay,
    "done = k / n, all k <= n <= 64, power 1/2, 0.9, 1, 2, 3",
    each_power,
    [("of done", "the power of what is done", _power_of_done), ("early", "ends early, then rises", _rising_end)],
)
every(
    "SCHED-13",
    geometric,
    "gamma 0.1, 1/2, 0.9, 0.99, 1, every count until it is 0, at most 2**17",
    each_count,
    [("alternating", "swaps neighbours", _alternating)],
)

# ---- the ends of the power ----------------------------------------------------------------------------------------------


def _at(done: float) -> Run:
    return Run(
        power_decay,
        {"done": Fixed(np.float64(done)), "power": NUMBER},
        IEEE(),
        uses={pow: "contract"} if done == 0 else {},
        leaving_out=("ELEM-9",),
        domain=lambda power: (power > 0) & np.isfinite(power),
        examples=[{"done": np.float64(done), "power": np.float64(2)}] if done else [],
    )


prove(
    "SCHED-11",
    power_decay,
    theory="IEEE(float64)",
    bound="done = 0 and 1, all power > 0",
    rests_on=["ELEM-10"],
    runs=lambda: [(f"at {done:.0f}: ", _at(done)) for done in (0.0, 1.0)],
    twins=[twin("of done", "the power of what is done", _at(1.0), "SCHED-11", {power_decay: _power_of_done})],
)
