"""The scale of a list and the sum of its squares, for any number of elements.

What an element contributes was found by running the code on one (RED-36, RED-37), what becomes of the terms by an
induction of its own (RED-46). Here are the sums over the elements: their largest magnitude and their squares.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.prover.claims import CLAIMS, Claim, Obligation
from proofs.prover.describe import location_of, sampled_twin
from proofs.prover.obligations import lemma, script_witness
from proofs.reductions.folded import is_folded_sum, many_squares
from proofs.reductions.lists import FLOATS
from proofs.reductions.one_square import roundings
from proofs.reductions.squares import float32_squares, scale_by_first, scale_run, squares_run, taken_for_exact
from proofs.symbolic.inputs import Array, Arrays
from proofs.symbolic.real import magnitude, rational
from reference.reductions import MOST_TERMS, SUM_ERROR, scale, sum_of_squares

# ---- the largest magnitude, and the unit -----------------------------------------------------------------------------

MAGNITUDE = z3.Function("magnitude", z3.IntSort(), z3.RealSort())  # of element i
INDEX = z3.Int("i")
ANY_MAGNITUDE = z3.ForAll([INDEX], MAGNITUDE(INDEX) >= 0)


def _each(first: Any, last: Any, statement: z3.BoolRef) -> z3.BoolRef:
    return z3.ForAll([INDEX], z3.Implies(z3.And(first <= INDEX, last > INDEX), statement))


def _some(first: Any, last: Any, statement: z3.BoolRef) -> z3.BoolRef:
    return z3.Exists([INDEX], z3.And(first <= INDEX, last > INDEX, statement))


def is_largest(largest: Any, first: Any, last: Any) -> z3.BoolRef:
    """The largest magnitude of the elements from first to before last; 0 where there is none."""
    reached = z3.Or(_some(first, last, MAGNITUDE(INDEX) == largest), z3.And(first == last, largest == 0))
    return z3.And(_each(first, last, MAGNITUDE(INDEX) <= largest), reached)


def is_scale(unit: Any, first: Any, last: Any) -> z3.BoolRef:
    """Clause RED-20 but for the power of two."""
    reached = z3.Or(_some(first, last, MAGNITUDE(INDEX) >= unit), _each(first, last, MAGNITUDE(INDEX) == 0))
    return z3.And(_each(first, last, MAGNITUDE(INDEX) < 2 * unit), reached)


def _scale() -> Iterator[Obligation]:
    first, middle, last = z3.Ints("first middle last")
    left, right, positive, unit = z3.Reals("left right positive unit")
    yield lemma("no element", [], is_largest(z3.RealVal(0), first, first))
    yield lemma("one element", [last == first + 1, ANY_MAGNITUDE], is_largest(MAGNITUDE(first), first, last))
    parts = [is_largest(left, first, middle), is_largest(right, middle, last), first <= middle, middle <= last]
    yield lemma("more elements", [*parts, ANY_MAGNITUDE], is_largest(z3.If(left >= right, left, right), first, last))
    known = [is_largest(left, first, last), positive == z3.If(left > 0, left, z3.RealVal(1))]
    power = [unit <= positive, positive < 2 * unit]  # RED-2; that it is a power of two is RED-1
    yield lemma("the unit", [*known, *power, ANY_MAGNITUDE], is_scale(unit, first, last))
    most = z3.Real("most")  # of the format
    yield lemma(
        "the unit is a number of the format",
        [*known, *power, _each(first, last, MAGNITUDE(INDEX) <= most), most >= 1],
        unit <= most,
    )
    yield script_witness(
        "3 and 4",
        [MAGNITUDE(0) == 3, MAGNITUDE(1) == 4, first == 0, middle == 1, last == 2, unit == 4, left == 3, *parts],
    )


def _scale_twin() -> Any:
    many = scale_run(Arrays((Array(np.float32, (4,)),))).drawing(functools.partial(many_squares, np.float32))
    return sampled_twin(
        "first", "looks at the first element only, at 5 to 300 elements", many, "RED-20", {scale: scale_by_first}
    )


CLAIMS.register(
    Claim(
        id="RED-38",
        row="reductions",
        function="reference.reductions.scale",
        statement="a power of two; |x| < 2 · result for all x; some |x| >= result, or all are 0",
        verb="prove",
        theory="Rounded(float64)",
        bound="any n, inductive",
        build=_scale,
        rests_on=("RED-1", "RED-2"),
        assumes=("ROUNDING",),
        twins=(_scale_twin(),),
        location=location_of(scale, "RED-20"),
    )
)

# ---- the squares, and the terms that stand for them ------------------------------------------------------------------

WEIGHT, VALUE = z3.Reals("weight value")  # unit², the computed sum
FOUR = z3.RealVal(4)  # 2**bound of the folded sum


class Part(NamedTuple):
    """Some of the elements, and the terms that stand for them."""

    count: Any
    terms: Any  # Σ term
    scaled: Any  # Σ (x / unit)²
    squares: Any  # Σ x²
    flagged: Any  # whether each term is flagged exact
    large: Any  # whether some |x| >= unit
    zero: Any  # whether all are 0

    def facts(self, dtype: Any) -> list[z3.BoolRef]:
        """What the induction over the elements is about."""
        relative, lost = (rational(error) for error in roundings(dtype))
        return [
            self.squares == self.scaled * WEIGHT,
            magnitude(self.terms - self.scaled) <= relative * self.scaled + self.count * lost,
            self.terms >= 0,
            self.scaled >= 0,
            z3.Implies(self.flagged, self.terms == self.scaled),
            z3.Implies(self.large, self.scaled >= 1),
            z3.Implies(self.zero, z3.And(self.scaled == 0, self.terms == 0)),
        ]


def _part(name: str) -> Part:
    names = [f"{name}_{field}" for field in Part._fields]
    return Part._make([*map(z3.Real, names[:4]), *map(z3.Bool, names[4:])])


def joined(a: Part, b: Part) -> Part:
    """Both parts together."""
    sums = [x + y for x, y in zip(a[:4], b[:4], strict=True)]
    return Part._make([*sums, z3.And(a.flagged, b.flagged), z3.Or(a.large, b.large), z3.And(a.zero, b.zero)])


def _element(dtype: Any) -> Iterator[Obligation]:
    """One element: RED-36 says what its term is in terms of x² and unit², RED-37 that it is not negative."""
    relative, lost = (rational(error) for error in roundings(dtype))
    one = _part("one")._replace(count=z3.RealVal(1))
    run = [
        magnitude(one.terms * WEIGHT - one.squares) <= relative * one.squares + lost * WEIGHT,
        z3.Implies(one.flagged, one.terms * WEIGHT == one.squares),
        z3.Implies(one.squares == 0, one.terms == 0),
        one.terms >= 0,
    ]
    meaning = [
        one.squares == one.scaled * WEIGHT,
        one.squares >= 0,
        z3.Implies(one.large, one.squares >= WEIGHT),
        z3.Implies(one.zero, one.squares == 0),
        WEIGHT > 0,
    ]
    yield lemma("one element", [*run, *meaning], z3.And(*one.facts(dtype)))
    values = [WEIGHT == 4, one.squares == 9, one.terms == rational(2.25), one.flagged, one.large, z3.Not(one.zero)]
    yield script_witness("3 by 2", [*values, *run, *meaning])


def _elements(dtype: Any) -> Iterator[Obligation]:
    one, other = _part("one"), _part("other")
    zero = z3.RealVal(0)
    nothing = Part(zero, zero, zero, zero, z3.BoolVal(True), z3.BoolVal(False), z3.BoolVal(True))
    yield lemma("no element", [], z3.And(*nothing.facts(dtype)))
    yield lemma("more elements", [*one.facts(dtype), *other.facts(dtype)], z3.And(*joined(one, other).facts(dtype)))


def is_sum_of_squares(value: Any, squares: Any, weight: Any, is_exact: Any) -> z3.BoolRef:
    """Clause RED-11 but for the unit; ``weight`` is its square."""
    return z3.And(
        magnitude(value * weight - squares) <= rational(SUM_ERROR) * squares,
        z3.Implies(is_exact, value * weight == squares),
        z3.Or(value >= rational(0.5), value == 0),
    )


def _whole(dtype: Any) -> Iterator[Obligation]:
    part = _part("all")
    summed = z3.Bool("summed")
    known = [
        *part.facts(dtype)[1:],
        part.count >= 0,
        part.count <= MOST_TERMS,
        z3.Or(part.large, part.zero),  # RED-38
        is_folded_sum(VALUE, part.terms, part.terms, FOUR, summed),  # RED-46
    ]
    flag = z3.And(summed, part.flagged)
    scaled = is_sum_of_squares(VALUE, part.scaled, z3.RealVal(1), flag)
    yield lemma("the scaled squares", known, scaled)
    yield lemma(
        "times the squared unit",
        [scaled, part.facts(dtype)[0], WEIGHT > 0],
        is_sum_of_squares(VALUE, part.squares, WEIGHT, flag),
    )
    values = [part.scaled == 1, part.terms == 1, part.count == 1, part.large, part.flagged, VALUE == 1, summed]
    yield script_witness("one term", [*values, *known])


def squares_of_any_number(dtype: Any) -> Iterator[Obligation]:
    """From one element to the sums over all, and from these to the clause."""
    yield from _element(dtype)
    yield from _elements(dtype)
    yield from _whole(dtype)


for dtype in FLOATS:
    name = np.dtype(dtype).name
    many = squares_run(Arrays((Array(dtype, (4,)),))).drawing(functools.partial(many_squares, dtype))
    CLAIMS.register(
        Claim(
            id=f"RED-32.{name}",
            row="reductions",
            function="reference.reductions.sum_of_squares",
            statement="the error bound; exact only if value · unit² = Σx²; value is at least 1/2, or 0; unit as in RED-20",
            verb="prove",
            theory=f"Rounded({name})",
            bound="any n <= 2**40, inductive",
            build=functools.partial(squares_of_any_number, dtype),
            rests_on=(f"RED-36.{name}", "RED-37", "RED-38", "RED-46"),  # RED-37: terms are at most 2**bound = 4
            assumes=("ROUNDING",),
            twins=(
                sampled_twin(
                    "in float32",
                    "accumulates in float32, at 5 to 300 elements",
                    many,
                    "RED-11",
                    {sum_of_squares: float32_squares},
                ),
                sampled_twin(
                    "exact",
                    "takes every sum for exact, at 5 to 300 elements",
                    many,
                    "RED-11",
                    {sum_of_squares: taken_for_exact},
                ),
            ),
            location=location_of(sum_of_squares, "RED-11"),
        )
    )
