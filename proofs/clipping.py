"""Proofs for `reference.clipping`: the elementwise pieces bit by bit, the norms in the rounding model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.symbolic_run import Run, Use
from proofs.reductions import each_list, example, real, reals
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Arrays, Fixed
from proofs.symbolic.paths import Path
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import Rounded, exact_quotient
from reference.clipping import (
    NORMS,
    SHRINK_MARGIN,
    Norm,
    clip_by_global_norm,
    in_full,
    scale_toward_zero,
    shrink,
    shrink_factor,
)
from reference.reductions import SUM_ERROR, power_of_two_at_most, sum_of_squares

FLOATS = (np.float16, np.float32, np.float64)
NUMBER = Array(np.float64)
ONE = Array(np.float64, (1,))

# ---- the pieces -----------------------------------------------------------------------------------------------------


def _to_nearest(x: Any, unit: Any, dtype: Any) -> Any:
    return (x * unit).astype(dtype)


def _shrink_unclamped(grad: Any, unit: Any, factor: Any, limit_unit: Any) -> Any:
    return scale_toward_zero((grad.astype(np.float64) / unit) * factor, limit_unit, grad.dtype)


def _shrink_signless(grad: Any, unit: Any, factor: Any, limit_unit: Any) -> Any:
    shrunk = scale_toward_zero((np.abs(grad).astype(np.float64) / unit) * factor, limit_unit, grad.dtype)
    return np.where(np.abs(shrunk) > np.abs(grad), grad, shrunk)


for dtype in FLOATS:
    name = np.dtype(dtype).name
    toward_zero_run = Run(
        scale_toward_zero, {"x": ONE, "unit": NUMBER, "dtype": Fixed(np.dtype(dtype))}, IEEE()
    )
    prove(
        "CLIP-6",
        scale_toward_zero,
        variant=name,
        theory=f"IEEE({name})",
        bound="elementwise, all finite x, all powers of two",
        runs=lambda run=toward_zero_run: [("", run)],
        twins=[twin("to nearest", "rounds to nearest", toward_zero_run, "CLIP-6", {scale_toward_zero: _to_nearest})],
    )
    shrink_run = Run(
        shrink,
        {"grad": Array(dtype, (1,)), "unit": NUMBER, "factor": NUMBER, "limit_unit": NUMBER},
        IEEE(),
        uses={scale_toward_zero: "contract"},
    )
    prove(
        "CLIP-4",
        shrink,
        variant=name,
        theory=f"IEEE({name})",
        bound="elementwise, all finite",
        runs=lambda run=shrink_run: [("", run)],
        rests_on=[f"CLIP-6.{name}"],
        twins=[
            twin("unclamped", "lets a rounded factor enlarge", shrink_run, "CLIP-4", {shrink: _shrink_unclamped}),
            twin("signless", "forgets the sign", shrink_run, "CLIP-4", {shrink: _shrink_signless}),
        ],
    )


def _factor_without_margin(total: Any, limit: Any, norm: Norm = NORMS[2.0]) -> Any:
    return limit / norm.root(total)


def _factor_widened(total: Any, limit: Any, norm: Norm = NORMS[2.0]) -> Any:
    return (limit / norm.root(total)) * (1 - 4 * SHRINK_MARGIN)


factor_run = Run(
    shrink_factor,
    {"total": Array(np.float64, (), (0.5, 40.0)), "limit": Array(np.float64, (), (1.0, 2.0)), "norm": Fixed(NORMS[2.0])},
    Rounded(),
    examples=[{"total": np.float64(25 / 16), "limit": np.float64(1.25), "norm": NORMS[2.0]}],
)
prove(
    "CLIP-5",
    shrink_factor,
    theory="Rounded(float64)",
    bound="elementwise, 1/2 <= total <= 2**43",
    runs=lambda: [("", factor_run)],
    twins=[
        sampled_twin("no margin", "forgets the margin", factor_run, "CLIP-5", {shrink_factor: _factor_without_margin}),
        sampled_twin("margin", "takes a margin too wide", factor_run, "CLIP-5", {shrink_factor: _factor_widened}),
    ],
)


# ---- the norms, in the rounding model -------------------------------------------------------------------------------

A = Fraction(1, 1 << 52)
TINY = rational(Fraction(2) ** -1000)


def norm_cuts(path: Path, arguments: dict[str, Any], result: Any) -> None:
    """From the contract of the sum of squares to the squares themselves, on each branch."""
    grads = [term for grad in arguments["grads"] for term in reals(grad)]
    total = path.last("sum_of_squares").result
    value, unit, limit = real(total.value), real(total.unit), real(arguments["max_norm"])
    squares = z3.Sum([g * g for g in grads])
    weight = unit * unit
    path.prove("the sum is near", (1 - rational(SUM_ERROR)) * squares <= value * weight, using=path.facts_about(value))
    path.prove("the sum is not far", value * weight <= (1 + rational(SUM_ERROR)) * squares, using=path.facts_about(value))
    positive = path.prove("units are positive", z3.And(unit > 0, limit > 0))
    path.prove("so are their squares", z3.And(weight > 0, limit * limit > 0), using=[positive])
    if any(call.function == "shrink" for call in path.calls):
        clipped_cuts(path, grads, value, unit, limit)


def clipped_cuts(path: Path, grads: Any, value: Any, unit: Any, limit: Any) -> None:
    """The clipped branch."""


def clip_run(arrays: Arrays) -> Run:
    """clip_by_global_norm on a list of these shapes."""
    return Run(
        clip_by_global_norm,
        {"grads": arrays, "max_norm": NUMBER, "norm_type": Fixed(2.0)},
        Rounded(),
        uses=PIECES,
        script=norm_cuts,
        examples=[
            {"grads": example(arrays), "max_norm": np.float64(limit), "norm_type": 2.0} for limit in (2.0**80, 16, 3.3, 2)
        ],
    )


PIECES: dict[Callable[..., Any], Use] = {
    sum_of_squares: "contract",
    power_of_two_at_most: "contract",
    in_full: "contract",
    shrink_factor: "contract",
    scale_toward_zero: "contract",
}
