"""Lists of vectors in the rounding model, and the elements that they hand on to the folds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Arrays, lists_up_to
from proofs.symbolic.paths import Path
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import _quotient
from reference.reductions import PRECISION

FLOATS = (np.float16, np.float32, np.float64)
U = Fraction(1, 1 << PRECISION)  # what rounding to float64 adds, relatively
UNDERFLOW = rational(Fraction(2) ** -1070)  # more than a scaled element loses
WHOLE = {1: (3,), 2: (3, 4), 3: (1, 2, 2), 4: (2, 4, 5, 6)}  # vectors whose norms are integers, too


def example(arrays: Arrays) -> list[Any]:
    """A list with these shapes whose elements are small integers."""
    elements = WHOLE[sum(member.shape[0] for member in arrays.members)]
    ends = itertools.accumulate(member.shape[0] for member in arrays.members)
    return [
        np.array(elements[end - member.shape[0] : end], member.dtype)
        for member, end in zip(arrays.members, ends, strict=True)
    ]


def label(arrays: Arrays) -> str:
    """The sizes of the members of a list."""
    return "+".join(str(member.shape[0]) for member in arrays.members) + ": "


def each_list(dtype: Any, run: Any) -> Iterator[tuple[str, Run]]:
    """The run on every list of up to 3 vectors with up to 4 elements in all."""
    return ((label(arrays), run(arrays)) for arrays in lists_up_to(dtype))


def each_vector(dtype: Any, run: Any) -> Iterator[tuple[str, Run]]:
    """The run on one vector of up to 4 elements: lists of several follow where grouping is proven to change no bit."""
    return ((label(arrays), run(arrays)) for arrays in lists_up_to(dtype, members=1))


def reals(array: Any) -> list[z3.ArithRef]:
    """The elements of a symbolic array of the rounding model as real terms."""
    return [number.real for number in array.elements.ravel()]


def real(scalar: Any) -> z3.ArithRef:
    """A symbolic scalar of the rounding model as a real term."""
    (term,) = reals(scalar)
    return term


class Scaled(NamedTuple):
    """An element of a list on its way: the element, its exact quotient by the unit, and the float64 that stands for it."""

    element: z3.ArithRef
    quotient: z3.ArithRef
    value: z3.ArithRef


def scaled_elements(path: Path) -> list[Scaled]:
    """All elements that have been divided by the common unit so far."""
    quotients = {value[0].get_id(): value for key, value in path.memory.items() if key[0] == "quotient"}
    scalings = {
        value[1].real.get_id(): value[0].real for key, value in path.memory.items() if key[0] == "scale" and not key[2]
    }
    return [
        Scaled(element, quotient, scalings[element.get_id()])
        for quotient, element, _ in quotients.values()
        if element.get_id() in scalings
    ]


def bound_quotients(path: Path, arguments: dict[str, Any]) -> None:
    """Before anything is divided by the common unit: every element is below two units, so its quotient is below 2."""
    unit = real(path.last("scale").result)
    positive = path.prove("the unit is positive", unit > 0)
    for element in (x for array in path.last("scale").arguments["arrays"] for x in reals(array)):
        below = path.prove("an element is below two units", z3.And(element > -2 * unit, element < 2 * unit))
        quotient = _quotient(element, unit)
        path.prove(
            "a quotient is below 2",
            z3.And(quotient > -2, quotient < 2),
            using=[below, positive, *path.facts_about(quotient * unit)],
        )


def far_from_zero(path: Path, elements: list[Scaled], unit: z3.ArithRef, positive: z3.BoolRef) -> z3.BoolRef:
    """The cut that some quotient is at least 1, or all are 0: each on its own, then all with the largest element."""
    products = [scaled.quotient * unit for scaled in elements]
    for scaled, product in zip(elements, products, strict=True):
        path.prove(
            "an element of at least a unit has a quotient of at least 1",
            z3.And(
                z3.Implies(magnitude(scaled.element) >= unit, z3.Or(scaled.quotient >= 1, scaled.quotient <= -1)),
                z3.Implies(scaled.element == 0, scaled.quotient == 0),
            ),
            using=[z3.Implies(unit != 0, product == scaled.element), positive],
        )
    return path.prove(
        "some quotient is at least 1, or all are 0",
        z3.Or(
            *[z3.Or(scaled.quotient >= 1, scaled.quotient <= -1) for scaled in elements],
            z3.And(*[scaled.quotient == 0 for scaled in elements]),
        ),
        forgetting=products,
    )
