"""The pieces of the sums, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from proofs.prover.describe import prove, twin
from proofs.prover.symbolic_run import Run, Use
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Integer
from reference import contracts
from reference.reductions import (
    Fold,
    Sum,
    add,
    divides_exactly,
    fold,
    power_of_two_at_most,
    scale_by,
    squares_exactly,
)

NUMBER = Array(np.float64)
ONE = Array(np.float64, (1,))

PIECES: dict[Callable[..., Any], Use] = {
    power_of_two_at_most: "contract",
    fold: "contract",
    add: "both",
    scale_by: "both",
    divides_exactly: "contract",
    squares_exactly: "contract",
}
COMPLETE = (
    "RED-51",
    "RED-52",
    "RED-53",
    "RED-54",
    "RED-55",
)  # what no other proof needs
PIECE_CLAIMS = ("RED-1", "RED-2", "RED-4", "RED-5", "RED-6", "RED-13", "RED-7", "RED-8", "RED-10", "RED-12")

power_run = Run(power_of_two_at_most, {"x": NUMBER}, IEEE())
for clause, why, exponent_bug in (
    ("RED-1", "returns x itself", lambda x: x * np.float64(1)),
    ("RED-2", "forgets that frexp's mantissa lies in [1/2, 1)", lambda x: np.ldexp(np.float64(1), np.frexp(x)[1])),
):
    prove(
        clause,
        power_of_two_at_most,
        theory="IEEE(float64)",
        bound="all finite x > 0",
        runs=lambda: [("", power_run)],
        twins=[twin("wrong exponent", why, power_run, clause, {power_of_two_at_most: exponent_bug})],
    )


fold_run = Run(fold, {"x": ONE, "exponent": Integer()}, IEEE())


def _fold_below(x: Any, exponent: int) -> Fold:
    high = (x + 2.0**exponent) - 2.0**exponent
    return Fold(high, x - high)


def _fold_finer(x: Any, exponent: int) -> Fold:
    anchor = 1.5 * 2.0 ** (exponent - 1)
    high = (x + anchor) - anchor
    return Fold(high, x - high)


def _fold_unsubtracted(x: Any, exponent: int) -> Fold:
    anchor = 1.5 * 2.0**exponent
    return Fold((x + anchor) - anchor, x - (x + anchor))


def _fold_upward(x: Any, exponent: int) -> Fold:
    high, low = contracts.bare(fold)(x, exponent)
    return Fold(high + 2.0 ** (exponent - 52), low - 2.0 ** (exponent - 52))


def _fold_coarser(x: Any, exponent: int) -> Fold:
    return contracts.bare(fold)(x, exponent + 1)


for clause, name, why, bug in (
    ("RED-4", "unsubtracted", "takes the rest of x + M instead of high", _fold_unsubtracted),
    ("RED-5", "coarser", "an anchor one binade too high leaves twice the rest", _fold_coarser),
    ("RED-6", "anchor 2**e", "without the factor 1.5, negative x fall into the binade below", _fold_below),
    ("RED-13", "upward", "rounds high up by a whole unit", _fold_upward),
):
    prove(
        clause,
        fold,
        theory="IEEE(float64)",
        bound="elementwise, |exponent| <= 400",
        runs=lambda: [("", fold_run)],
        twins=[twin(name, why, fold_run, clause, {fold: bug})],
        timeout=120,
    )


def _add_checked_one_way(a: Any, b: Any) -> Sum:
    value = a + b
    return Sum(value, value - a == b)


add_run = Run(add, {"a": NUMBER, "b": NUMBER}, IEEE())
prove(
    "RED-7",
    add,
    theory="IEEE(float64)",
    bound="elementwise",
    runs=lambda: [("", add_run)],
    twins=[twin("one way", "checks only value - a == b", add_run, "RED-7", {add: _add_checked_one_way})],
    timeout=120,
)

scale_by_run = Run(scale_by, {"x": NUMBER, "unit": NUMBER}, IEEE())
prove(
    "RED-8",
    scale_by,
    theory="IEEE(float64)",
    bound="elementwise",
    runs=lambda: [("", scale_by_run)],
    twins=[
        twin(
            "finite is exact",
            "takes every finite product for exact and forgets underflow",
            scale_by_run,
            "RED-8",
            {scale_by: lambda x, unit: Sum(x * unit, np.isfinite(x * unit))},
        )
    ],
    also={
        "RED-51": [
            twin(
                "normal only",
                "takes no subnormal product for exact",
                scale_by_run,
                "RED-51",
                {scale_by: lambda x, unit: Sum(x * unit, (x * unit / unit == x) & (np.abs(x * unit) >= 2.0**-1022))},
            )
        ]
    },
)

quotient_inputs = {"x": ONE, "unit": NUMBER}
divides_run = Run(divides_exactly, quotient_inputs, IEEE())
prove(
    "RED-10",
    divides_exactly,
    theory="IEEE(float64)",
    bound="elementwise",
    runs=lambda: [("", divides_run)],
    twins=[
        twin("no check", "forgets underflow", divides_run, "RED-10", {divides_exactly: lambda x, unit: x == x})  # noqa: PLR0124
    ],
    also={
        "RED-52": [
            twin(
                "normal only",
                "takes no subnormal quotient for exact",
                divides_run,
                "RED-52",
                {divides_exactly: lambda x, unit: ((x / unit) * unit == x) & (np.abs(x / unit) >= 2.0**-1022)},
            )
        ]
    },
)
squares_exactly_run = Run(squares_exactly, quotient_inputs, IEEE(), uses={divides_exactly: "both"})
prove(
    "RED-12",
    squares_exactly,
    theory="IEEE(float64)",
    bound="elementwise",
    runs=lambda: [("", squares_exactly_run)],
    rests_on=("RED-10", "RED-52"),
    twins=[
        twin(
            "no check", "forgets to ask for few bits", squares_exactly_run, "RED-12", {squares_exactly: divides_exactly}
        )
    ],
    also={
        "RED-53": [
            twin(
                "float16",
                "asks for 11 bits instead of 24",
                squares_exactly_run,
                "RED-53",
                {
                    squares_exactly: lambda x, unit: (
                        divides_exactly(x, unit) & ((x / unit).astype(np.float16) == x / unit)
                    )
                },
            )
        ]
    },
)
