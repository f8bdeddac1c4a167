"""Proofs for `reference.reductions`: the pieces bit by bit, the sums in the rounding model."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.symbolic_run import Run, Use
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Arrays, Integer, lists_up_to
from proofs.symbolic.paths import Path
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import Rounded
from reference import contracts
from reference.reductions import (
    SUM_ERROR,
    Fold,
    ScaledSquares,
    Sum,
    add,
    divides_exactly,
    fold,
    power_of_two_at_most,
    scale,
    scale_by,
    squares_exactly,
    sum_of_squares,
)

FLOATS = (np.float16, np.float32, np.float64)
NUMBER = Array(np.float64)
ONE = Array(np.float64, (1,))
TINY_BOUND = rational(Fraction(2) ** -1070)

# ---- the pieces, bit by bit -----------------------------------------------------------------------------------------

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
)
squares_exactly_run = Run(squares_exactly, quotient_inputs, IEEE(), uses={divides_exactly: "both"})
prove(
    "RED-12",
    squares_exactly,
    theory="IEEE(float64)",
    bound="elementwise",
    runs=lambda: [("", squares_exactly_run)],
    rests_on=("RED-10",),
    twins=[
        twin(
            "no check", "forgets to ask for few bits", squares_exactly_run, "RED-12", {squares_exactly: divides_exactly}
        )
    ],
)


# ---- the sums, in the rounding model --------------------------------------------------------------------------------


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
    return [Scaled(element, quotient, scalings[element.get_id()]) for quotient, element, _ in quotients.values()]


def bound_scaled(path: Path, arguments: dict[str, Any]) -> None:
    """Before a first fold: scaled elements are about below 2, their squares below 4.01, whatever rounds below 4.1."""
    if arguments["exponent"] < 0:
        return
    for scaled in scaled_elements(path):
        if ("bounded", scaled.value.get_id()) in path.memory:
            continue
        path.memory["bounded", scaled.value.get_id()] = scaled
        path.prove("a quotient is below 2", z3.And(scaled.quotient > -2, scaled.quotient < 2))
        small = path.prove("a scaled element is about below 2", z3.And(scaled.value > -2.001, scaled.value < 2.001))
        square = scaled.value * scaled.value
        path.prove("its square is below 4.01", z3.And(square >= 0, square < rational(4.01)), using=[small])
    squares = [scaled.value * scaled.value for scaled in scaled_elements(path)]
    for term in reals(arguments["x"]):
        path.prove("a term is below 4.1", z3.And(rational(-4.1) < term, term < rational(4.1)), forgetting=squares)


def square_cuts(path: Path, arguments: dict[str, Any], result: ScaledSquares) -> None:
    """From the folds to the scaled squares, linear once products are variables, then to the squares themselves."""
    unit, value, exact = (
        real(path.last("power_of_two_at_most").result),
        real(result.value),
        result.exact.elements.item(),
    )
    elements = scaled_elements(path)
    squares = [scaled.quotient * scaled.quotient for scaled in elements]
    rounded_squares = [scaled.value * scaled.value for scaled in elements]
    checks = [
        flag for call in path.calls if call.function == "squares_exactly" for flag in call.result.elements.ravel()
    ]
    total = z3.Sum(squares)
    error = rational(SUM_ERROR)

    unit_positive = path.prove("the unit is positive", unit > 0)
    large = path.prove(
        "some quotient is at least 1, or all are 0",
        z3.Or(
            *[z3.Or(scaled.quotient >= 1, scaled.quotient <= -1) for scaled in elements],
            z3.And(*[scaled.quotient == 0 for scaled in elements]),
        ),
    )
    path.prove(
        "some square is at least 1, or all are 0",
        z3.Or(*[square >= 1 for square in squares], z3.And(*[square == 0 for square in squares])),
        using=[large],
    )
    for scaled, square, rounded in zip(elements, squares, rounded_squares, strict=True):
        if z3.eq(scaled.value, scaled.quotient):
            continue
        close = path.prove(
            "the scaled element is its quotient but for underflow",
            z3.And(magnitude(scaled.value - scaled.quotient) <= TINY_BOUND, magnitude(scaled.quotient) < 2),
        )
        path.prove("so is its square", magnitude(rounded - square) <= 5 * TINY_BOUND, using=[close])
        path.prove("zero stays zero", z3.Implies(square == 0, rounded == 0))
        lost_nothing = path.prove(
            "an exact sum lost nothing in scaling",
            z3.Implies(exact, scaled.value == scaled.quotient),
            using=[*path.facts_about(*checks), *path.facts_about(scaled.quotient * unit), unit_positive],
        )
        path.prove("nor in squaring", z3.Implies(exact, rounded == square), using=[lost_nothing])
    products = [*squares, *rounded_squares]
    near = path.prove("the scaled sum is near", magnitude(value - total) <= error * total, forgetting=products)
    same = path.prove(
        "the scaled sum is exact where it says so", z3.Implies(exact, value == total), forgetting=products
    )
    weight = unit * unit
    originals = [scaled.element * scaled.element for scaled in elements]
    links = [
        path.prove(
            "an unscaled square",
            scaled.element * scaled.element == (scaled.quotient * scaled.quotient) * weight,
            using=[z3.Implies(unit != 0, scaled.quotient * unit == scaled.element), unit_positive],
        )
        for scaled in elements
    ]
    positive = path.prove("the squared unit is positive", weight > 0, using=[unit_positive])
    enlarged = path.prove(
        "the error scales",
        magnitude(value * weight - total * weight) <= error * (total * weight),
        using=[near, positive],
        forgetting=[weight, total],
    )
    whole = path.prove(
        "the squares add up", z3.Sum(originals) == total * weight, using=links, forgetting=[weight, *squares]
    )
    path.prove(
        "the error",
        magnitude(value * weight - z3.Sum(originals)) <= error * z3.Sum(originals),
        using=[enlarged, whole],
        forgetting=[weight, *squares, *originals],
    )
    path.prove(
        "exactness",
        z3.Or(z3.Not(exact), value * weight == z3.Sum(originals)),
        using=[same, whole],
        forgetting=[weight, *squares, *originals],
    )
    path.prove("the value", z3.Or(value >= rational(0.5), value == 0), forgetting=products)


PIECES: dict[Callable[..., Any], Use] = {
    power_of_two_at_most: "contract",
    fold: "contract",
    add: "both",
    scale_by: "both",
    divides_exactly: "contract",
    squares_exactly: "contract",
}
PIECE_CLAIMS = ("RED-1", "RED-2", "RED-4", "RED-5", "RED-6", "RED-13", "RED-7", "RED-8", "RED-10", "RED-12")


WHOLE = {1: (3,), 2: (3, 4), 3: (1, 2, 2), 4: (2, 4, 5, 6)}  # vectors whose norms are integers, too


def example(arrays: Arrays) -> list[Any]:
    """A list with these shapes whose elements are small integers."""
    elements = WHOLE[sum(member.shape[0] for member in arrays.members)]
    ends = itertools.accumulate(member.shape[0] for member in arrays.members)
    return [
        np.array(elements[end - member.shape[0] : end], member.dtype)
        for member, end in zip(arrays.members, ends, strict=True)
    ]


def squares_run(arrays: Arrays) -> Run:
    """sum_of_squares on a list of these shapes."""
    return Run(
        sum_of_squares,
        {"arrays": arrays},
        Rounded(),
        uses=PIECES,
        before={fold: bound_scaled},
        script=square_cuts,
        examples=[{"arrays": example(arrays)}],
    )


def label(arrays: Arrays) -> str:
    """The sizes of the members of a list."""
    return "+".join(str(member.shape[0]) for member in arrays.members) + ": "


def each_list(dtype: Any, run: Any) -> Iterator[tuple[str, Run]]:
    """The run on every list of up to 3 vectors with up to 4 elements in all."""
    return ((label(arrays), run(arrays)) for arrays in lists_up_to(dtype))


def _float32_squares(arrays: Any) -> ScaledSquares:
    total = np.float32(0)
    for array in arrays:
        total = total + np.sum(np.square(array.astype(np.float32)))
    return ScaledSquares(total.astype(np.float64), np.bool_(False), np.float64(1))


def _unscaled_squares(arrays: Any) -> ScaledSquares:
    total = np.float64(0)
    for array in arrays:
        total = total + np.sum(np.square(array.astype(np.float64)))
    return ScaledSquares(total, np.bool_(True), np.float64(1))


for dtype in FLOATS:
    name = np.dtype(dtype).name
    pair = squares_run(Arrays((Array(dtype, (2,)),)))
    prove(
        "RED-11",
        sum_of_squares,
        variant=name,
        theory=f"Rounded({name})",
        bound="n <= 4, lists of up to 3",
        runs=functools.partial(each_list, dtype, squares_run),
        rests_on=PIECE_CLAIMS,
        assumes=["ROUNDING"],
        twins=[
            sampled_twin("float32", "accumulates in float32", pair, "RED-11", {sum_of_squares: _float32_squares}),
            sampled_twin("exact", "takes every sum for exact", pair, "RED-11", {sum_of_squares: _unscaled_squares}),
        ],
    )


def scale_run(arrays: Arrays) -> Run:
    """scale on a list of these shapes."""
    return Run(
        scale,
        {"arrays": arrays},
        Rounded(),
        uses={power_of_two_at_most: "contract"},
        examples=[{"arrays": example(arrays)}],
    )


def _scale_by_first(arrays: Any) -> Any:
    return power_of_two_at_most(np.where(arrays[0][0] != 0, np.abs(arrays[0][0]), 1).astype(np.float64))


for dtype in FLOATS:
    name = np.dtype(dtype).name
    pair = scale_run(Arrays((Array(dtype, (2,)),)))
    prove(
        "RED-20",
        scale,
        variant=name,
        theory=f"Rounded({name})",
        bound="n <= 4, lists of up to 3",
        runs=functools.partial(each_list, dtype, scale_run),
        rests_on=("RED-1", "RED-2"),
        assumes=["ROUNDING"],
        twins=[sampled_twin("first", "looks at the first element only", pair, "RED-20", {scale: _scale_by_first})],
    )
