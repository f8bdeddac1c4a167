"""The folded sum for any number of terms: induction over the additions.

One addition of two sums of pieces is proven bit by bit (RED-30). What holds for any number of terms are relations
between sums; each lemma here takes one of them from k terms to k + 1, or from one addition to the next.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.prover.claims import CLAIMS, Claim, Obligation, Twin
from proofs.prover.describe import location_of, prove, sampled_twin, twin
from proofs.prover.obligations import lemma, obligations, script_witness
from proofs.prover.symbolic_run import Run
from proofs.reductions.lists import FLOATS, UNDERFLOW
from proofs.reductions.pieces import NUMBER
from proofs.reductions.squares import float32_squares, squares_run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Arrays, Integer, random_floats
from proofs.symbolic.real import magnitude, rational
from reference import contracts
from reference.contracts import ensure, require
from reference.exactness import exact, is_multiple
from reference.reductions import (
    KEPT_BITS,
    MOST_EXPONENT,
    MOST_FOLDS,
    MOST_TERMS,
    PRECISION,
    fold,
    fold_exponents,
    sum_of_squares,
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
        RED-34  prove  IEEE(float64)  never: the twin of RED-31 refutes it  an addition beyond the grid is exact
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
        rests_on=("RED-6", "RED-13", "RED-14", "RED-16", "RED-17", "RED-30"),
        assumes=("ROUNDING",),
        twins=(Twin("too far", "sums twice as far", build=lambda: obligations(far_run, "too far: ", "twin:too far")),),
        location=location_of(fold_exponents, "RED-14"),
    )
)

# ---- any number of terms: the error of the sum of squares -----------------------------------------------------------

U = Fraction(1, 1 << PRECISION)
SLOW = rational(U * (1 + Fraction(1, 1 << 40)))  # what one addition adds to the error, relative to all terms
DROPPED = rational(Fraction(2) ** (2 - KEPT_BITS))  # RED-15 for bound 2
TERMS, RESTS, SUFFIX, TOTAL, LAST, NEXT = z3.Reals("terms rests suffix total last next")
SQUARES, REST, TERM = z3.Reals("squares rest term")
LOST = rational(Fraction(2) ** -1000)  # more than a square of float64 loses to underflow


def _error(narrow: bool) -> Iterator[Obligation]:
    yield lemma(
        "one term more: the rests are at most the terms",
        [magnitude(RESTS) <= TERMS, magnitude(REST) <= TERM, TERM >= 0],
        magnitude(RESTS + REST) <= TERMS + TERM,
    )
    dropped = z3.Real("dropped")
    small = [magnitude(dropped) <= DROPPED, TERMS >= 0]
    weight = TERMS + DROPPED
    yield lemma(
        "totals from some fold on: the rests before it, but for what is dropped",
        [magnitude(RESTS) <= TERMS, RESTS - dropped == SUFFIX, *small],
        magnitude(SUFFIX) <= weight,
    )
    for k in range(MOST_FOLDS - 1):
        yield lemma(
            f"addition {k + 1}",
            [
                magnitude(LAST - SUFFIX) <= k * SLOW * weight,
                magnitude(SUFFIX + TOTAL) <= weight,
                magnitude(NEXT - (LAST + TOTAL)) <= rational(U) * magnitude(LAST + TOTAL),
                TERMS >= 0,
            ],
            magnitude(NEXT - (SUFFIX + TOTAL)) <= (k + 1) * SLOW * weight,
        )
    yield lemma(
        "all zero: stays zero",
        [
            TERMS == 0,
            LAST == 0,
            magnitude(TOTAL) <= 2 * TERMS,
            magnitude(NEXT - (LAST + TOTAL)) <= rational(U) * magnitude(LAST + TOTAL),
        ],
        NEXT == 0,
    )
    square, near_square, term = z3.Reals("square near_square term")
    if not narrow:
        yield lemma(
            "a rounded square",
            [
                magnitude(near_square - square) <= 5 * UNDERFLOW,
                magnitude(term - near_square) <= rational(U) * near_square + UNDERFLOW,
                square >= 0,
            ],
            magnitude(term - square) <= rational(U) * square + LOST,
        )
        yield lemma(
            "one rounded square more",
            [
                magnitude(TERMS - SQUARES) <= rational(U) * SQUARES + COUNT * LOST,
                magnitude(term - square) <= rational(U) * square + LOST,
            ],
            magnitude(TERMS + term - (SQUARES + square)) <= rational(U) * (SQUARES + square) + (COUNT + 1) * LOST,
        )
    rounded = TERMS == SQUARES if narrow else magnitude(TERMS - SQUARES) <= rational(U) * SQUARES + MOST_TERMS * LOST
    added = [magnitude(LAST - (TERMS - dropped)) <= (MOST_FOLDS - 1) * SLOW * weight, *small, rounded, SQUARES >= 1]
    bound = rational((8 if narrow else 9) * U)
    close = magnitude(LAST - SQUARES) <= bound * SQUARES
    yield lemma("all together", added, close)
    yield lemma("at least 1/2", added, rational(0.5) <= LAST)
    scale_squared = z3.Real("scale_squared")
    yield lemma(
        "times the squared unit",
        [close, scale_squared > 0],
        magnitude(LAST * scale_squared - SQUARES * scale_squared) <= bound * (SQUARES * scale_squared),
    )
    yield script_witness("one term", [*added, SQUARES == 1, TERMS == 1, dropped == 0, LAST == 1])


def _many_squares(dtype: Any, generator: random.Random) -> dict[str, Any]:
    """Up to 300 elements of all sizes."""
    return {"arrays": [np.array(random_floats(generator, np.dtype(dtype), generator.randint(5, 300)), dtype)]}


for dtype in FLOATS:
    name = np.dtype(dtype).name
    narrow = dtype != np.float64
    many = squares_run(Arrays((Array(dtype, (4,)),))).drawing(functools.partial(_many_squares, dtype))
    CLAIMS.register(
        Claim(
            id=f"RED-32.{name}",
            row="reductions",
            function="reference.reductions.sum_of_squares",
            statement=f"|value · unit² - Σx²| <= {'2**-50' if narrow else '9/8 · 2**-50'} Σx², and value is at least 1/2, or 0",
            verb="prove",
            theory=f"Rounded({name})",
            bound="any n <= 2**40, inductive",
            build=functools.partial(_error, narrow),
            rests_on=("RED-4", "RED-13", "RED-15", "RED-17", f"RED-20.{name}", "RED-31", "RED-33"),
            assumes=("ROUNDING",),
            twins=(
                sampled_twin(
                    "in float32",
                    "accumulates in float32, at 5 to 300 elements",
                    many,
                    "RED-11",
                    {sum_of_squares: float32_squares},
                ),
            ),
            location=location_of(sum_of_squares, "RED-11"),
        )
    )
