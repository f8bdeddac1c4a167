"""The norm itself: its error for p = 1 and p = 2 in the rounding model, and for p = inf that there is none, bit by bit."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import z3

from proofs.clipping.element_cuts import power_sum
from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.symbolic_run import Run, Use
from proofs.reductions import each_list, each_vector, example, real, reals
from proofs.reductions.lists import FLOATS
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Arrays, Fixed
from proofs.symbolic.paths import Path
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import Rounded
from proofs.symbolic.terms import sum_of
from reference.clipping import PowerSum, global_norm, in_full, maximum, sum_of_magnitudes
from reference.contracts import bare
from reference.reductions import SUM_ERROR, ScaledSquares, power_of_two_at_most, sum_of_squares

MOST = 2.0**970  # of the magnitudes of float64: no norm of theirs overflows
VARIANTS = {2.0: "", 1.0: "-p1"}
Uses = Mapping[Callable[..., Any], Use]


def _near_in_full(path: Path, arguments: dict[str, Any], result: Any) -> None:
    """The power sum is near the exact one, as its contract says; products and squares are variables from here on."""
    call = power_sum(path)
    value, unit = real(call.result.value), real(call.result.unit)
    grads = [g for grad in arguments["grads"] for g in reals(grad)]
    squared = call.function == "sum_of_squares"
    terms = [g * g for g in grads] if squared else [magnitude(g) for g in grads]
    mass = value * (unit * unit) if squared else value * unit
    total, error = sum_of(terms), rational(SUM_ERROR)
    near = path.prove(
        "the power sum is near",
        z3.And((1 - error) * total <= mass, mass <= (1 + error) * total),
        using=call.contract,
        forgetting=[*terms, mass],
    )
    if not squared:
        path.prove(
            "so is what it is scaled to",
            z3.Or(real(result) < rational(2.0**-1000), real(result) == mass),
            using=[*path.facts_about(real(result))],
        )
    path.memory["near"] = near


def norm_run(norm_type: float, arrays: Arrays) -> Run:
    """global_norm on a list of these shapes."""
    wide = arrays.members[0].dtype == np.float64
    return Run(
        global_norm,
        {"grads": arrays, "norm_type": Fixed(norm_type)},
        Rounded(),
        uses={sum_of_squares: "contract", in_full: "contract"} if norm_type == 2 else {sum_of_magnitudes: "contract"},
        leaving_out=("RED-55",),
        domain=_far_from_overflow if wide else None,
        before={} if norm_type == 2 else {in_full: _bound_sum},
        script=_near_in_full,
        examples=[{"grads": example(arrays), "norm_type": norm_type}],
    )


def _far_from_overflow(grads: Any) -> Any:
    return functools.reduce(np.logical_and, [np.all(np.abs(grad) <= MOST) for grad in grads])


def _bound_sum(path: Path, arguments: dict[str, Any]) -> None:
    """Before a sum of magnitudes is scaled back: the product is far from overflow."""
    call = power_sum(path)
    mass = real(call.result.value) * real(call.result.unit)
    path.prove("the mass is light", z3.And(mass >= 0, mass <= rational(2.0**975)), forgetting=[mass])


def _float32_sum(arrays: Any) -> PowerSum:
    total = sum((np.sum(np.abs(array.astype(np.float32))) for array in arrays), np.float32(0))
    return PowerSum(total.astype(np.float64), np.bool_(False), np.float64(1))


def _float32_squares(arrays: Any) -> ScaledSquares:
    total = sum((np.sum(np.square(array.astype(np.float32))) for array in arrays), np.float32(0))
    return ScaledSquares(total.astype(np.float64), np.bool_(False), np.float64(1))


for norm_type, suffix in VARIANTS.items():
    for dtype in FLOATS:
        name = np.dtype(dtype).name
        pair = norm_run(norm_type, Arrays((Array(dtype, (2,)),)))
        function, bug = (sum_of_squares, _float32_squares) if norm_type == 2 else (sum_of_magnitudes, _float32_sum)
        prove(
            "CLIP-17",
            global_norm,
            variant=f"{name}{suffix}",
            theory=f"Rounded({name})",
            bound=f"p = {norm_type:g}, n <= 4, "
            + ("lists of up to 3" if norm_type == 2 else "one array")
            + (", |x| <= 2**970" if dtype == np.float64 else ""),
            runs=functools.partial(
                each_list if norm_type == 2 else each_vector, dtype, functools.partial(norm_run, norm_type)
            ),
            twins=[sampled_twin("float32", "adds up in float32, unscaled", pair, "CLIP-17", {function: bug})],
            rests_on=(f"RED-11.{name}", "CLIP-8", "CLIP-9") if norm_type == 2 else (f"CLIP-15.{name}",),
            assumes=["ROUNDING"],
        )

# ---- p = inf --------------------------------------------------------------------------------------------------------


def largest_run(arrays: Arrays) -> Run:
    """global_norm for p = inf on a list of these shapes."""
    return Run(
        global_norm,
        {"grads": arrays, "norm_type": Fixed(np.inf)},
        IEEE(),
        clauses=("CLIP-18",),
        uses={power_of_two_at_most: "contract"},
    )


def _one_and_two(dtype: Any) -> list[tuple[str, Run]]:
    return [(f"{size}: ", largest_run(Arrays((Array(dtype, (size,)),)))) for size in (1, 2)]


def _first_unit(arrays: Any) -> PowerSum:
    right = bare(maximum)(arrays)
    return right._replace(unit=power_of_two_at_most(np.maximum(np.abs(arrays[0][0]), 1).astype(np.float64)))


for dtype in FLOATS:
    name = np.dtype(dtype).name
    prove(
        "CLIP-18",
        global_norm,
        variant=name,
        theory=f"IEEE({name})",
        bound="p = inf, n <= 2, one array",
        runs=functools.partial(_one_and_two, dtype),
        twins=[
            twin(
                "first",
                "scales back by the unit of the first element",
                largest_run(Arrays((Array(dtype, (2,)),))),
                "CLIP-18",
                {maximum: _first_unit},
            )
        ],
        rests_on=("RED-1", "RED-2"),
    )
