"""The elementwise pieces of clipping, bit by bit."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Fixed, Record
from proofs.symbolic.rounded import Rounded
from reference.clipping import (
    MOST_TOTAL,
    NORMS,
    SHRINK_MARGIN,
    WITHIN_MARGIN,
    Norm,
    PowerSum,
    fits,
    in_full,
    is_within,
    scale_toward_zero,
    shrink,
    shrink_factor,
)
from reference.contracts import bare
from reference.exactness import is_power_of_two

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
    toward_zero_run = Run(scale_toward_zero, {"x": ONE, "unit": NUMBER, "dtype": Fixed(np.dtype(dtype))}, IEEE())
    prove(
        "CLIP-6",
        scale_toward_zero,
        variant=name,
        theory=f"IEEE({name})",
        bound="elementwise, all finite x, all powers of two",
        runs=functools.partial(list, [("", toward_zero_run)]),
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
        runs=functools.partial(list, [("", shrink_run)]),
        rests_on=[f"CLIP-6.{name}"],
        twins=[
            twin("unclamped", "lets a rounded factor enlarge", shrink_run, "CLIP-4", {shrink: _shrink_unclamped}),
            twin("signless", "forgets the sign", shrink_run, "CLIP-4", {shrink: _shrink_signless}),
        ],
    )


def _full_negated(value: Any, unit: Any, norm: Norm = NORMS[2.0]) -> Any:
    return -norm.root(value) * unit


def _full_in_float32(value: Any, unit: Any, norm: Norm = NORMS[2.0]) -> Any:
    return norm.root(value.astype(np.float32)).astype(np.float64) * unit


def _factor_without_margin(total: Any, limit: Any, norm: Norm = NORMS[2.0]) -> Any:
    return limit / norm.root(total)


def _factor_widened(total: Any, limit: Any, norm: Norm = NORMS[2.0]) -> Any:
    return (limit / norm.root(total)) * (1 - 4 * SHRINK_MARGIN)


LINEAR = (NORMS[1.0], NORMS[np.inf])  # norms that are their own power sum


def of_each(run: Callable[[Norm], Run]) -> Callable[[], list[tuple[str, Run]]]:
    """The run for the norms that are linear."""
    return lambda: [("p = 1: ", run(LINEAR[0])), ("p = inf: ", run(LINEAR[1]))]


def factor_run(norm: Norm) -> Run:
    """shrink_factor on a sum within the range in which random ones are told apart."""
    return Run(
        shrink_factor,
        {
            "total": Array(np.float64, (), (0.5, 40.0)),
            "limit": Array(np.float64, (), (1.0, 2.0)),
            "norm": Fixed(norm),
        },
        Rounded(),
        examples=[{"total": np.float64(25 / 16), "limit": np.float64(1.25), "norm": norm}],
    )


def full_run(norm: Norm) -> Run:
    """in_full, bit by bit."""
    return Run(in_full, {"value": NUMBER, "unit": NUMBER, "norm": Fixed(norm)}, IEEE())


def most_exponent(norm: Norm) -> int:
    """That of the largest unit with which no norm of 2**40 elements overflows, rounded down."""
    return 980 if norm in LINEAR else 1000


def accurate_run(norm: Norm) -> Run:
    """in_full on the power sums that there are, far from overflow."""
    return Run(
        in_full,
        {"value": Array(np.float64, (), (0.5, 40.0)), "unit": NUMBER, "norm": Fixed(norm)},
        Rounded(),
        domain=lambda value, unit: (value >= 0.5) & (value <= MOST_TOTAL) & (unit <= 2.0 ** most_exponent(norm)),
        examples=[{"value": np.float64(25 / 16), "unit": np.float64(4), "norm": norm}],
    )


def _decides_with_margin(total: Any, ratio: Any, norm: Norm = NORMS[2.0]) -> Any:
    return total.value * (1 + WITHIN_MARGIN) <= norm.power(ratio)


def _decides_strictly(total: Any, ratio: Any, norm: Norm = NORMS[2.0]) -> Any:
    return bare(fits)(total, ratio, norm) & (total.value < norm.power(ratio))


def near_a_power(norm: Norm, generator: random.Random) -> dict[str, Any]:
    """A ratio of few bits and its power, or a neighbour of it."""
    ratio = np.float64(1 + generator.getrandbits(12) * 2.0**-12)
    power = norm.power(ratio)
    value = generator.choice((power, np.nextafter(power, 0), np.nextafter(power, 9)))
    return {"total": PowerSum(value, np.bool_(True), np.float64(1)), "ratio": ratio, "norm": norm}


def fits_run(norm: Norm) -> Run:
    """fits on a power sum, exact or not."""
    return Run(
        fits,
        {"total": Record(PowerSum, (NUMBER, Array(np.bool_), NUMBER)), "ratio": NUMBER, "norm": Fixed(norm)},
        Rounded(),
        domain=lambda total, ratio: (total.value >= 0) & (total.value <= MOST_TOTAL) & (ratio > 0),
        examples=[
            {
                "total": PowerSum(np.float64(25 / 16), np.bool_(exact), np.float64(4)),
                "ratio": np.float64(ratio),
                "norm": norm,
            }
            for exact in (True, False)
            for ratio in (1.25, 1 + 2.0**-30)
        ],
        draw=functools.partial(near_a_power, norm),
    )


for variant, norms, runs_of in (
    ("", "p = 2", lambda run: lambda: [("", run(NORMS[2.0]))]),
    ("linear", "p = 1 and inf", of_each),
):
    some = NORMS[2.0] if not variant else LINEAR[0]
    prove(
        "CLIP-5",
        shrink_factor,
        variant=variant,
        theory="Rounded(float64)",
        bound=f"{norms}, elementwise, 1/2 <= total <= 2**43",
        assumes=["ROUNDING"],
        runs=runs_of(factor_run),
        twins=[
            sampled_twin(
                "no margin", "forgets the margin", factor_run(some), "CLIP-5", {shrink_factor: _factor_without_margin}
            ),
            sampled_twin(
                "margin", "takes a margin too wide", factor_run(some), "CLIP-5", {shrink_factor: _factor_widened}
            ),
        ],
    )
    prove(
        "CLIP-8",
        in_full,
        variant=variant,
        theory="IEEE(float64)",
        bound=f"{norms}, all value >= 0 and unit",
        runs=runs_of(full_run),
        twins=[twin("negated", "takes the negative root", full_run(some), "CLIP-8", {in_full: _full_negated})],
    )
    prove(
        "CLIP-9",
        in_full,
        variant=variant,
        theory="Rounded(float64)",
        bound=f"{norms}, unit <= 2**{most_exponent(some)}",
        assumes=["ROUNDING"],
        runs=runs_of(accurate_run),
        twins=[
            sampled_twin(
                "float32", "takes the root in float32", accurate_run(some), "CLIP-9", {in_full: _full_in_float32}
            )
        ],
    )
    prove(
        "CLIP-13",
        fits,
        variant=variant,
        theory="Rounded(float64)",
        bound=f"{norms}, 0 <= value <= 2**43, ratio > 0",
        assumes=["ROUNDING"],
        runs=runs_of(fits_run),
        twins=[
            sampled_twin(
                "margin", "compares exact sums with a margin", fits_run(some), "CLIP-13", {fits: _decides_with_margin}
            ),
            sampled_twin("strict", "compares strictly", fits_run(some), "CLIP-13", {fits: _decides_strictly}),
        ],
    )

# ---- an infinite max_norm -------------------------------------------------------------------------------------------


def within_run(norm: Norm) -> Run:
    """is_within at an infinite max_norm, bit by bit."""
    return Run(
        is_within,
        {
            "total": Record(PowerSum, (NUMBER, Array(np.bool_), NUMBER)),
            "max_norm": Fixed(np.float64(np.inf)),
            "norm": Fixed(norm),
        },
        IEEE(),
        domain=lambda total: is_power_of_two(total.unit),
    )


def _within_strictly(total: Any, max_norm: Any, norm: Norm = NORMS[2.0]) -> Any:
    return total.value * total.unit < max_norm


prove(
    "CLIP-16",
    is_within,
    theory="IEEE(float64)",
    bound="every p, max_norm = inf, all sums and units",
    runs=lambda: [(f"p = {p:g}: ", within_run(norm)) for p, norm in NORMS.items()],
    twins=[
        twin(
            "product",
            "compares a norm that may overflow, strictly",
            within_run(NORMS[1.0]),
            "CLIP-16",
            {is_within: _within_strictly},
        )
    ],
)
