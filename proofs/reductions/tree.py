"""The sum in the order of a tree: its error for up to 4 elements by running it, for any number by induction.

The induction is over rounds. A term after d rounds is the rounded sum of a group of elements, off by at most
((1 + u)**d - 1) times the group's magnitudes; one round more adds two neighbours, or moves a last term up as it is.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.prover.claims import CLAIMS, Claim, Obligation
from proofs.prover.describe import location_of, prove, sampled_twin, twin
from proofs.prover.obligations import lemma, script_witness
from proofs.prover.symbolic_run import Run
from proofs.reductions.lists import FLOATS, WHOLE
from proofs.symbolic.formats import format_of
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import Rounded
from reference.contracts import ensure
from reference.reductions import tree_sum

MOST = {np.float16: 2.0**13, np.float32: 2.0**125, np.float64: 2.0**1021}  # sums of 4 such terms stay in range
MANY = 300

# ---- one addition ---------------------------------------------------------------------------------------------------


@ensure("RED-39", lambda result, a, b: ~np.isfinite(result) | (np.isfinite(a) & np.isfinite(b)))
def add_neighbours(a: Any, b: Any) -> Any:
    """a + b as a round of the tree adds them.

    Claims
        RED-39  prove  IEEE(float16, float32, float64)  all a, b  a finite sum has finite terms
    """
    return tree_sum(np.stack([a, b]))


def neighbours_run(dtype: Any) -> Run:
    """add_neighbours on two numbers of a dtype."""
    return Run(add_neighbours, {"a": Array(dtype), "b": Array(dtype)}, IEEE())


def _saturated(a: Any, b: Any) -> Any:
    most = np.finfo(a.dtype).max
    return np.minimum(a + b, most)


for dtype in FLOATS:
    run = neighbours_run(dtype)
    prove(
        "RED-39",
        add_neighbours,
        variant=np.dtype(dtype).name,
        theory=f"IEEE({np.dtype(dtype).name})",
        bound="all a, b",
        runs=functools.partial(lambda run: [("", run)], run),
        statement="a finite sum has finite terms, so a finite result of the tree met no overflow on its way",
        twins=[
            twin("saturated", "an overflow becomes the largest number", run, "RED-39", {add_neighbours: _saturated})
        ],
    )

# ---- up to 4 elements -----------------------------------------------------------------------------------------------


def _far_from_overflow(x: Any) -> Any:
    return np.all(np.abs(x) <= MOST[x.dtype.type])


def tree_run(dtype: Any, count: int) -> Run:
    """tree_sum on ``count`` elements far from overflow."""
    return Run(
        tree_sum,
        {"x": Array(dtype, (count,))},
        Rounded(),
        domain=_far_from_overflow,
        draw=functools.partial(_lost_one_by_one, dtype, count, count),
        examples=[{"x": np.array(WHOLE[count], dtype)}],
    )


def _lost_one_by_one(dtype: Any, least: int, most: int, generator: random.Random) -> dict[str, Any]:
    """One large element, and others that are about half its unit in the last place: added one by one, each is lost."""
    count = generator.randint(least, most)
    half_unit = float(np.finfo(dtype).eps) / 2
    others = [generator.choice((1.0, generator.uniform(0.25, 1.5))) * half_unit for _ in range(count - 1)]
    return {"x": np.array([1.0, *others], dtype)}


def _from_left_to_right(x: Any) -> Any:
    return functools.reduce(lambda total, term: total + term, x)


def _without_the_odd_one(x: Any) -> Any:
    terms = x
    while terms.size > 1:
        even = terms.size - terms.size % 2
        terms = terms[0:even:2] + terms[1:even:2]
    return terms[0]


for dtype in FLOATS:
    name = np.dtype(dtype).name
    prove(
        "RED-3",
        tree_sum,
        variant=name,
        theory=f"Rounded({name})",
        bound=f"n <= 4, |x| <= 2**{int(np.log2(MOST[dtype]))}",
        runs=functools.partial(lambda dtype: [(f"{n}: ", tree_run(dtype, n)) for n in range(1, 5)], dtype),
        assumes=["ROUNDING"],
        twins=[
            sampled_twin(
                "left to right", "adds one by one", tree_run(dtype, 4), "RED-3", {tree_sum: _from_left_to_right}
            ),
            sampled_twin(
                "odd one",
                "forgets what has no neighbour",
                tree_run(dtype, 3),
                "RED-3",
                {tree_sum: _without_the_odd_one},
            ),
        ],
    )

# ---- any number of elements -----------------------------------------------------------------------------------------


class Group(NamedTuple):
    """A term of some round: its value, the exact sum of its elements, and their magnitudes, as they are and enlarged."""

    value: z3.ArithRef
    total: z3.ArithRef
    weight: z3.ArithRef
    enlarged: z3.ArithRef  # weight · (1 + u)**d

    def within(self) -> list[z3.BoolRef]:
        """What the induction is about: the error is at most ((1 + u)**d - 1) · weight."""
        return [
            magnitude(self.value - self.total) <= self.enlarged - self.weight,
            magnitude(self.total) <= self.weight,
        ]

    def goal(self) -> z3.BoolRef:
        """The same as one statement."""
        return z3.And(*self.within())


def _group(name: str) -> Group:
    return Group(*z3.Reals(f"{name}_value {name}_total {name}_weight {name}_enlarged"))


def _steps(unit_roundoff: z3.ArithRef) -> Iterator[Obligation]:
    """A product of weight and growth is a variable, so each step is linear: (1 + u)**(d + 1) = (1 + u) · (1 + u)**d."""
    left, right, value = _group("left"), _group("right"), z3.Real("value")
    more = 1 + unit_roundoff
    element = z3.Real("element")
    yield lemma(
        "an element: no round, no error", [], Group(element, element, magnitude(element), magnitude(element)).goal()
    )
    added = left.value + right.value
    joined = Group(
        value, left.total + right.total, left.weight + right.weight, more * left.enlarged + more * right.enlarged
    )
    rounded = magnitude(value - added) <= unit_roundoff * magnitude(added)
    yield lemma("one round more: two neighbours", [*left.within(), *right.within(), rounded], joined.goal())
    moved = left._replace(enlarged=more * left.enlarged)
    yield lemma("one round more: without a neighbour", [*left.within()], moved.goal())
    four, three = Group(*map(z3.RealVal, (4, 4, 4, 4))), Group(*map(z3.RealVal, (-3, -3, 3, 3)))
    same = [a == b for a, b in zip((*left, *right), (*four, *three), strict=True)]
    yield script_witness("4 and -3", [*same, *left.within(), *right.within(), rounded, value == 1])


def _rounds() -> Iterator[Obligation]:
    """How many rounds there are: (n - 1).bit_length() many, for bit_length says that n - 1 < 2**rounds."""
    terms, power, pairs, odd = z3.Ints("terms power pairs odd")
    yield lemma("bit_length: n <= 2**rounds", [terms - 1 < power], terms <= power)
    halved = [terms == 2 * pairs + odd, odd >= 0, odd <= 1]
    yield lemma("one round fewer: half as many terms", [terms <= 2 * power, *halved], pairs + odd <= power)
    yield lemma("no round left: one term", [terms <= 1, terms >= 1], terms == 1)
    yield script_witness("five terms", [terms == 5, power == 4, terms <= 2 * power, *halved])


def _induction(dtype: Any) -> Iterator[Obligation]:
    yield from _steps(rational(format_of(np.dtype(dtype)).unit_roundoff))
    yield from _rounds()


for dtype in FLOATS:
    name = np.dtype(dtype).name
    many = tree_run(dtype, 4).drawing(functools.partial(_lost_one_by_one, dtype, 5, MANY))
    CLAIMS.register(
        Claim(
            id=f"RED-35.{name}",
            row="reductions",
            function="reference.reductions.tree_sum",
            statement="|result - Σx| <= ((1 + u)**d - 1) Σ|x| with d = ceil(log2 n), wherever the result is finite",
            verb="prove",
            theory=f"Rounded({name})",
            bound="any n, inductive",
            build=functools.partial(_induction, dtype),
            rests_on=(f"RED-39.{name}",),
            assumes=("ROUNDING",),
            twins=(
                sampled_twin(
                    "left to right",
                    "adds one by one, at 5 to 300 elements",
                    many,
                    "RED-3",
                    {tree_sum: _from_left_to_right},
                ),
            ),
            location=location_of(tree_sum, "RED-3"),
        )
    )
