"""The folded sum for any number of terms: its error and its flag, by induction over terms, folds and additions.

Every statement about sums is a function here: what one lemma concludes is what the next one takes for given. ``scale``
is 2**bound; a quantity that belongs to fold k is bounded by the largest exponent that this fold can have (RED-18).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.prover.claims import CLAIMS, Claim, Obligation
from proofs.prover.describe import location_of, sampled_twin
from proofs.prover.obligations import lemma, script_witness
from proofs.reductions.lists import U
from proofs.reductions.squares import squares_run
from proofs.symbolic.inputs import Array, Arrays, random_floats
from proofs.symbolic.real import magnitude, rational
from reference import contracts
from reference.reductions import KEPT_BITS, MOST_FOLDS, Sum, _most_exponent, add, fold_exponents

ERROR = 5 * U  # of a folded sum, relative to the magnitudes of its terms
LEAST = Fraction(1, 8)  # of these magnitudes, in units of 2**bound; less only if all terms are zero
SLOW = U * (1 + Fraction(1, 1 << 40))  # what an addition adds to the error, in units of what it can reach
FAR = 4  # from this fold on, what is left is small whatever the terms are
FOLDED = "reference.reductions.folded_sum"

LEFT = z3.Real("left")  # 2**(exponent - 53) of a fold: the most that it leaves of a term
SCALE = z3.Real("scale")  # 2**bound
VALUE, TOTAL, SUFFIX, DROPPED, POWER, ROOM = z3.Reals("value total suffix dropped power room")


# ---- a fold of some of the terms ------------------------------------------------------------------------------------


class Part(NamedTuple):
    """Some of the terms at one fold: how many, their sum and their magnitudes, and what the fold makes of them."""

    count: Any
    weight: Any  # Σ|term|
    before: Any  # Σ of the rests that come to the fold
    high: Any  # Σ of the pieces that it takes
    after: Any  # Σ of the rests that it leaves
    empty: Any  # whether each of these is 0

    def facts(self) -> list[z3.BoolRef]:
        """What the induction over the terms is about."""
        return [
            self.after == self.before - self.high,
            magnitude(self.before) <= self.weight,
            magnitude(self.after) <= self.weight,
            magnitude(self.high) <= 2 * self.weight,
            magnitude(self.after) <= self.count * LEFT,
            z3.Implies(self.empty, self.after == 0),
        ]


def _part(name: str) -> Part:
    numbers = z3.Reals(" ".join(f"{name}_{field}" for field in Part._fields[:-1]))
    return Part._make([*numbers, z3.Bool(f"{name}_empty")])


def joined(a: Part, b: Part) -> Part:
    """Both parts: their sums added, in whatever order and grouping."""
    sums = [x + y for x, y in zip(a[:-1], b[:-1], strict=True)]
    return Part._make([*sums, z3.And(a.empty, b.empty)])


def _terms() -> Iterator[Obligation]:
    one, other = _part("one"), _part("other")
    nothing = Part._make([*map(z3.RealVal, (0, 0, 0, 0, 0)), z3.BoolVal(True)])
    yield lemma("no term", [], z3.And(*nothing.facts()))
    term = z3.Real("term")
    split = [  # RED-4, RED-33, RED-5, and that the flag asks whether the rest is 0
        one.after == one.before - one.high,
        magnitude(one.after) <= magnitude(one.before),
        magnitude(one.after) <= LEFT,
        z3.Implies(one.empty, one.after == 0),
    ]
    single = one._replace(count=z3.RealVal(1), weight=magnitude(term))
    yield lemma("one term at the first fold", [one.before == term, *split], z3.And(*single.facts()))
    # What comes to a later fold is what the one before it left: within the term, as `facts` says of that one.
    yield lemma("one term at a later fold", [magnitude(one.before) <= magnitude(term), *split], z3.And(*single.facts()))
    yield lemma("more terms", [*one.facts(), *other.facts()], z3.And(*joined(one, other).facts()))
    values = [one.before == 5, term == 5, one.high == 4, one.after == 1, LEFT == 1]
    yield script_witness("a term", [*values, *split, *single.facts(), *other.facts()])


# ---- the folds: what comes to each, and what is dropped after the last -----------------------------------------------


def reach(k: int, weight: Any, scale: Any) -> Any:
    """What all totals from fold k on add up to at most: what comes to the fold, and what is dropped in the end."""
    comes = weight if k < FAR else rational(Fraction(2) ** _most_exponent(k, 0)) * scale
    return comes + dropped_at_most(scale)


def left_over(rests: Any, suffix: Any) -> z3.BoolRef:
    """The totals from some fold on add up to the rests that come to it, but for what is dropped in the end."""
    return suffix == rests - DROPPED


def dropped_at_most(scale: Any) -> Any:
    """RED-15: what the rests after the last fold add up to at most."""
    return rational(Fraction(1, 1 << KEPT_BITS)) * scale


def _folds() -> Iterator[Obligation]:
    part = _part("all")
    small = [magnitude(part.after) <= part.count * LEFT, LEFT > 0]
    # RED-15: count <= 2**(bound - 62 - rest), and LEFT is 2**rest.
    kept = [part.count <= ROOM, dropped_at_most(SCALE) == ROOM * LEFT]
    yield lemma("what is dropped", [*small, *kept], magnitude(part.after) <= dropped_at_most(SCALE))
    # RED-14: count <= 2**(exponent - rest) for the next fold's exponent; POWER is 2**exponent.
    fits = [part.count <= ROOM, ROOM * LEFT == POWER]
    yield lemma("what comes to a later fold", [*small, *fits], magnitude(part.after) <= POWER)
    # What a fold leaves comes to the next one; the last fold's is dropped.
    yield lemma(
        "totals from the last fold on",
        [*part.facts(), part.after == DROPPED],
        left_over(part.before, part.high),
    )
    yield lemma(
        "totals from an earlier fold on",
        [*part.facts(), left_over(part.after, SUFFIX)],
        left_over(part.before, SUFFIX + part.high),
    )
    is_dropped = magnitude(DROPPED) <= dropped_at_most(SCALE)
    for k in range(MOST_FOLDS):
        # RED-18: the exponent of fold k is at most _most_exponent(k, bound) = _most_exponent(k, 0) + bound.
        late = [magnitude(part.before) <= POWER, rational(Fraction(2) ** _most_exponent(k, 0)) * SCALE >= POWER]
        yield lemma(
            f"totals from fold {k + 1} on: how much",
            [*part.facts(), *(late if k >= FAR else []), is_dropped, left_over(part.before, SUFFIX)],
            magnitude(SUFFIX) <= reach(k, part.weight, SCALE),
        )
    yield script_witness("three terms", [*small, *fits, part.count == 3, part.after == 2, LEFT == 1, ROOM == 4])


# ---- the additions of the totals -------------------------------------------------------------------------------------


def error_from(k: int, weight: Any, scale: Any) -> Any:
    """The error of the additions of the totals from fold k on."""
    return rational(SLOW) * sum((reach(j, weight, scale) for j in range(k, MOST_FOLDS - 1)), rational(0))


def added(k: int, value: Any, suffix: Any, weight: Any, scale: Any, is_exact: Any) -> z3.BoolRef:
    """What is known of the value that the additions down to fold k make of the totals."""
    return z3.And(
        z3.Implies(weight >= rational(LEAST) * scale, magnitude(value - suffix) <= error_from(k, weight, scale)),
        z3.Implies(is_exact, value == suffix),
        z3.Implies(weight == 0, value == 0),
    )


def _additions() -> Iterator[Obligation]:
    next_value, weight = z3.Reals("next_value weight")
    is_exact, added_exactly = z3.Bools("is_exact added_exactly")
    pieces = magnitude(TOTAL) <= 2 * weight  # as `facts` says: the total is exactly the sum of the pieces (RED-31)
    rounding = magnitude(next_value - (TOTAL + VALUE)) <= rational(U) * magnitude(TOTAL + VALUE)
    flagged = z3.Implies(added_exactly, next_value == TOTAL + VALUE)  # RED-7
    for k in range(MOST_FOLDS):
        yield lemma(
            f"fold {k + 1} is the last",
            [pieces, SCALE > 0],
            added(k, TOTAL, TOTAL, weight, SCALE, z3.BoolVal(True)),
        )
    for k in range(MOST_FOLDS - 1):
        yield lemma(
            f"adding the total of fold {k + 1}",
            [
                added(k + 1, VALUE, SUFFIX, weight, SCALE, is_exact),
                magnitude(SUFFIX + TOTAL) <= reach(k, weight, SCALE),
                pieces,
                rounding,
                flagged,
                SCALE > 0,
            ],
            added(k, next_value, SUFFIX + TOTAL, weight, SCALE, z3.And(is_exact, added_exactly)),
        )
    values = [VALUE == 1, SUFFIX == 1, TOTAL == 2, next_value == 3, weight == 3, SCALE == 1, is_exact, added_exactly]
    known = added(1, VALUE, SUFFIX, weight, SCALE, is_exact)
    yield script_witness("1 and 2", [*values, known, pieces, rounding, flagged])


def is_folded_sum(value: Any, total: Any, weight: Any, scale: Any, is_exact: Any) -> z3.BoolRef:
    """The clause: ``value`` is the sum of terms that add up to ``total``, their magnitudes to ``weight``."""
    return z3.And(
        z3.Implies(weight >= rational(LEAST) * scale, magnitude(value - total) <= rational(ERROR) * weight),
        z3.Implies(is_exact, value == total),
        z3.Implies(weight == 0, value == 0),
    )


def _whole() -> Iterator[Obligation]:
    part = _part("all")
    is_exact = z3.Bool("is_exact")
    nothing_dropped = z3.Bool("nothing_dropped")
    known = [
        added(0, VALUE, SUFFIX, part.weight, SCALE, is_exact),
        left_over(part.before, SUFFIX),  # at the first fold: the terms are what comes to it
        magnitude(DROPPED) <= dropped_at_most(SCALE),
        z3.Implies(nothing_dropped, DROPPED == 0),
        SCALE > 0,
    ]
    flag = z3.And(nothing_dropped, is_exact)
    yield lemma("all together", known, is_folded_sum(VALUE, part.before, part.weight, SCALE, flag))
    values = [VALUE == 3, part.before == 3, part.weight == 3, SCALE == 2, DROPPED == 0, is_exact, nothing_dropped]
    yield script_witness("1 and 2, added", [*values, *known])


def obligations() -> Iterator[Obligation]:
    """The induction over the terms of a fold, over the folds, over the additions, and what it comes to."""
    yield from _terms()
    yield from _folds()
    yield from _additions()
    yield from _whole()


def many_squares(dtype: Any, generator: Any) -> dict[str, Any]:
    """5 to 300 elements of all sizes."""
    return {"arrays": [np.array(random_floats(generator, np.dtype(dtype), generator.randint(5, 300)), dtype)]}


def _one_fold_short(count: int, bound: int) -> tuple[int, ...]:
    return contracts.bare(fold_exponents)(count, bound)[:-1] or (bound,)


def _never_asked(a: Any, b: Any) -> Sum:
    return Sum(a + b, np.bool_(True))


many = squares_run(Arrays((Array(np.float32, (4,)),))).drawing(functools.partial(many_squares, np.float32))
CLAIMS.register(
    Claim(
        id="RED-46",
        row="reductions",
        function=FOLDED,
        statement="|value - Σx| <= 5 · 2**-53 Σ|x| where Σ|x| >= 2**(bound - 3); 0 if all x are 0; exact only if value = Σx",
        verb="prove",
        theory="Rounded(float64)",
        bound="any n <= 2**40, |bound| <= 300, inductive",
        build=obligations,
        rests_on=(
            "RED-4",
            "RED-5",
            "RED-7",
            "RED-13",
            "RED-14",
            "RED-15",
            "RED-16",
            "RED-17",
            "RED-18",
            "RED-31",
            "RED-33",
        ),
        assumes=("ROUNDING",),
        twins=(
            sampled_twin("fold short", "leaves out the last fold", many, "RED-11", {fold_exponents: _one_fold_short}),
            sampled_twin("not asked", "takes every addition for exact", many, "RED-11", {add: _never_asked}),
        ),
        location=location_of(fold_exponents, "RED-14"),
    )
)
