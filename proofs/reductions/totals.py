"""The totals of the folds are exact for any number of terms: induction over the additions.

One addition of two sums of pieces is proven bit by bit (RED-30); each lemma here takes what it needs from one addition to
the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import z3

from proofs.prover.claims import CLAIMS, Claim, Obligation, Twin
from proofs.prover.describe import location_of, prove, twin
from proofs.prover.obligations import lemma, obligations, script_witness
from proofs.prover.symbolic_run import Run
from proofs.reductions.pieces import NUMBER
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Integer
from proofs.symbolic.real import magnitude
from reference import contracts
from reference.contracts import ensure, require
from reference.exactness import exact, is_multiple
from reference.reductions import (
    MOST_EXPONENT,
    PRECISION,
    fold,
    fold_exponents,
)

# ---- one addition of sums of pieces, bit by bit ---------------------------------------------------------------------


def _reaches(a: Any, b: Any, limit: Any) -> Any:
    """Whether a, b and their exact sum are at most the limit."""
    total = exact(a) + exact(b)
    return (np.abs(a) <= limit) & (np.abs(b) <= limit) & (total <= exact(limit)) & (total >= exact(-limit))


@require(
    lambda exponent: (exponent >= -MOST_EXPONENT) & (exponent <= MOST_EXPONENT),
    lambda exponent: ValueError(f"exponent must lie within ±{MOST_EXPONENT}, got {exponent}"),
)
@require(
    lambda a, b, exponent: is_multiple(a, exponent - PRECISION + 1) & is_multiple(b, exponent - PRECISION + 1),
    lambda a, b, exponent: ValueError(f"{a} and {b} must be multiples of 2**{exponent - PRECISION + 1}"),
)
@require(
    lambda a, b, exponent: _reaches(a, b, 2.0 ** (exponent + 1)),
    lambda a, b, exponent: ValueError(f"{a}, {b} and their sum must lie within ±2**{exponent + 1}"),
)
@ensure("RED-30", lambda result, a, b: exact(result) == exact(a) + exact(b))
def add_on_grid(a: Any, b: Any, exponent: int) -> Any:
    """a + b for multiples of 2**(exponent - 52) whose sum is at most 2**(exponent + 1).

    Claims
        RED-30  prove  IEEE(float64)  all multiples, |exponent| <= 400  an addition of sums of pieces is exact
    """
    return a + b


grid_run = Run(add_on_grid, {"a": NUMBER, "b": NUMBER, "exponent": Integer()}, IEEE())


@require(
    lambda exponent: (exponent >= -MOST_EXPONENT) & (exponent <= MOST_EXPONENT),
    lambda exponent: ValueError(f"exponent must lie within ±{MOST_EXPONENT}, got {exponent}"),
)
@require(
    lambda a, b, exponent: is_multiple(a, exponent - PRECISION + 1) & is_multiple(b, exponent - PRECISION + 1),
    lambda a, b, exponent: ValueError(f"{a} and {b} must be multiples of 2**{exponent - PRECISION + 1}"),
)
@require(
    lambda a, b, exponent: _reaches(a, b, 2.0 ** (exponent + 2)),
    lambda a, b, exponent: ValueError(f"{a}, {b} and their sum must lie within ±2**{exponent + 2}"),
)
@ensure("RED-34", lambda result, a, b: exact(result) == exact(a) + exact(b))
def add_beyond_grid(a: Any, b: Any, exponent: int) -> Any:
    """The same with twice the reach: what a fold without its headroom would lead to.

    Claims
        RED-34  refute  IEEE(float64)  one more bit of reach  an addition beyond the grid is exact
    """
    return a + b


far_run = Run(add_beyond_grid, {"a": NUMBER, "b": NUMBER, "exponent": Integer()}, IEEE(), clauses=("RED-34",))


def _in_float32(a: Any, b: Any, exponent: int) -> Any:
    return (a.astype(np.float32) + b.astype(np.float32)).astype(np.float64)


prove(
    "RED-30",
    add_on_grid,
    theory="IEEE(float64)",
    bound="all multiples, |exponent| <= 400",
    runs=lambda: [("", grid_run)],
    statement="an addition of sums of pieces is exact",
    twins=[twin("in float32", "adds in float32", grid_run, "RED-30", {add_on_grid: _in_float32})],
)
prove(
    "RED-34",
    add_beyond_grid,
    verb="refute",
    theory="IEEE(float64)",
    bound="one more bit of reach",
    runs=lambda: [("", far_run)],
    statement="an addition beyond the grid is exact",
)


@require(
    lambda exponent: (exponent >= -MOST_EXPONENT) & (exponent <= MOST_EXPONENT),
    lambda exponent: ValueError(f"exponent must lie within ±{MOST_EXPONENT}, got {exponent}"),
)
@require(
    lambda x, exponent: np.abs(x) <= 2.0 ** (exponent - 1),
    lambda x, exponent: ValueError(f"{x} must lie within ±2**{exponent - 1}"),
)
@ensure("RED-33", lambda result, x: np.abs(result) <= np.abs(x))
def rest_of(x: Any, exponent: int) -> Any:
    """What a fold leaves of x.

    Claims
        RED-33  prove  IEEE(float64)  elementwise, |exponent| <= 400  the rest of a fold is at most what was folded
    """
    return fold(x, exponent).low


rest_run = Run(rest_of, {"x": NUMBER, "exponent": Integer()}, IEEE())
prove(
    "RED-33",
    rest_of,
    theory="IEEE(float64)",
    bound="elementwise, |exponent| <= 400",
    runs=lambda: [("", rest_run)],
    statement="the rest of a fold is at most what was folded",
    twins=[
        twin(
            "one way",
            "rounds down to the grid instead of to the nearest",
            rest_run,
            "RED-33",
            {rest_of: lambda x, exponent: x - (contracts.bare(fold)(x, exponent).high - 2.0 ** (exponent - 52))},
        )
    ],
    timeout=120,
)

# ---- any number of additions: every total is exact ------------------------------------------------------------------

A, B, MOST, REACH = z3.Reals("a b most reach")  # two sums of pieces, the largest piece, 2**(exponent + 1)
FEW, MORE, COUNT = z3.Reals("few more count")  # how many pieces stand in a, in b, in all
HERE, THERE = z3.Ints("here there")  # their multiples of the grid


def _exact_totals() -> Iterator[Obligation]:
    fits = [MOST * COUNT <= REACH, MOST >= 0]
    yield lemma("the start: nothing is at most nothing", fits, MOST * z3.RealVal(0) >= 0)
    yield lemma("the pieces: 2 · 2**b each, and count · 2**b <= 2**exponent", [*_pieces()], MOST * COUNT <= REACH)
    joined = [magnitude(A) <= FEW * MOST, magnitude(B) <= MORE * MOST, FEW >= 0, MORE >= 0, FEW + MORE <= COUNT]
    yield lemma("one addition more: in proportion", [*joined, *fits], magnitude(A + B) <= (FEW + MORE) * MOST)
    yield lemma(
        "one addition more: within reach",
        [magnitude(A + B) <= (FEW + MORE) * MOST, FEW + MORE <= COUNT, *fits],
        magnitude(A + B) <= REACH,
    )
    grid = z3.Real("grid")
    yield lemma(
        "one addition more: on the grid",
        [z3.ToReal(HERE) * grid == A, z3.ToReal(THERE) * grid == B],
        z3.ToReal(HERE + THERE) * grid == A + B,
    )
    yield script_witness("three pieces", [*joined, *fits, A == 2, B == 1, FEW == 2, MORE == 1, COUNT == 3, MOST == 1])


def _pieces() -> list[z3.BoolRef]:
    """RED-13 and RED-14: a piece is at most twice the term, and count terms at most 2**exponent."""
    term, power = z3.Reals("term power")
    return [2 * term == MOST, COUNT * term <= power, 2 * power == REACH, COUNT >= 0, term >= 0]


FOLDED = "reference.reductions.folded_sum"
CLAIMS.register(
    Claim(
        id="RED-31",
        row="reductions",
        function=FOLDED,
        statement="every total of a fold is the exact sum of its pieces, in any order and grouping",
        verb="prove",
        theory="Rounded(float64)",
        bound="any n <= 2**40, inductive",
        build=_exact_totals,
        rests_on=("RED-5", "RED-6", "RED-13", "RED-14", "RED-16", "RED-17", "RED-30"),
        assumes=("ROUNDING",),
        twins=(Twin("too far", "sums twice as far", build=lambda: obligations(far_run, "too far: ", "twin:too far")),),
        location=location_of(fold_exponents, "RED-14"),
    )
)
