"""The scale of a list and the sum of its squares, in the rounding model."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import z3

from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.reductions.lists import (
    FLOATS,
    UNDERFLOW,
    bound_quotients,
    each_list,
    each_vector,
    example,
    far_from_zero,
    real,
    reals,
    scaled_elements,
)
from proofs.reductions.pieces import COMPLETE, PIECE_CLAIMS, PIECES
from proofs.symbolic.inputs import Array, Arrays
from proofs.symbolic.paths import Path
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import Rounded
from proofs.symbolic.terms import sum_of
from reference import contracts
from reference.reductions import (
    SUM_ERROR,
    ScaledSquares,
    fold,
    fold_exponents,
    largest_magnitude,
    power_of_two_at_most,
    scale,
    sum_of_squares,
)


def bound_scaled(path: Path, arguments: dict[str, Any]) -> None:
    """Before a first fold."""
    if arguments["exponent"] >= 0:
        bound_terms(path, [arguments["x"]])


def bound_squares(path: Path, arguments: dict[str, Any]) -> None:
    """Before squares are summed, their blocks still to be read."""
    bound_quotients(path, arguments)
    arguments["blocks"] = list(arguments["blocks"])
    bound_terms(path, arguments["blocks"])


def bound_terms(path: Path, blocks: Sequence[Any]) -> None:
    """Scaled elements are about below 2, their squares below 4.01, whatever rounds below 4.1."""
    for scaled in scaled_elements(path):
        if ("bounded", scaled.value.get_id()) in path.memory:
            continue
        path.memory["bounded", scaled.value.get_id()] = scaled
        small = path.prove("a scaled element is about below 2", z3.And(scaled.value > -2.001, scaled.value < 2.001))
        square = scaled.value * scaled.value
        path.prove("its square is below 4.01", z3.And(square >= 0, square < rational(4.01)), using=[small])
    squares = [scaled.value * scaled.value for scaled in scaled_elements(path)]
    for term in (term for block in blocks for term in reals(block)):
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
    total = sum_of(squares)
    error = rational(SUM_ERROR)

    unit_positive = path.prove("the unit is positive", unit > 0)
    large = far_from_zero(path, elements, unit, unit_positive)
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
            z3.And(magnitude(scaled.value - scaled.quotient) <= UNDERFLOW, magnitude(scaled.quotient) < 2),
        )
        below, above = scaled.value - scaled.quotient, scaled.value + scaled.quotient
        reach = path.prove("their sum is below 5", z3.And(above > -5, above < 5), using=[close])
        apart = path.prove(
            "so are their squares as a product",
            magnitude(below * above) <= 5 * UNDERFLOW,
            using=[close, reach],
            forgetting=[below, above],
        )
        path.prove("so is its square", magnitude(rounded - square) <= 5 * UNDERFLOW, using=[apart])
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
        "the squares add up", sum_of(originals) == total * weight, using=links, forgetting=[weight, *squares]
    )
    path.prove(
        "the error",
        magnitude(value * weight - sum_of(originals)) <= error * sum_of(originals),
        using=[enlarged, whole],
        forgetting=[weight, *squares, *originals],
    )
    path.prove(
        "exactness",
        z3.Or(z3.Not(exact), value * weight == sum_of(originals)),
        using=[same, whole],
        forgetting=[weight, *squares, *originals],
    )
    path.prove("the value", z3.Or(value >= rational(0.5), value == 0), forgetting=products)


def squares_run(arrays: Arrays) -> Run:
    """sum_of_squares on a list of these shapes."""
    return Run(
        sum_of_squares,
        {"arrays": arrays},
        Rounded(),
        uses=PIECES,
        leaving_out=COMPLETE,
        before={fold_exponents: bound_quotients, fold: bound_scaled},
        script=square_cuts,
        examples=[{"arrays": example(arrays)}],
    )


def float32_squares(arrays: Any) -> ScaledSquares:
    """A planted bug: the sum in float32. The unit is right, so that the error alone is at fault."""
    unit, total = scale(arrays), np.float32(0)
    for array in arrays:
        total = total + np.sum(np.square((array.astype(np.float64) / unit).astype(np.float32)))
    return ScaledSquares(total.astype(np.float64), np.bool_(False), unit)


def taken_for_exact(arrays: Any) -> ScaledSquares:
    """A planted bug: the right sum, and a flag that always says exact."""
    return contracts.bare(sum_of_squares)(arrays)._replace(exact=np.bool_(True))


for dtype in FLOATS:
    name = np.dtype(dtype).name
    pair = squares_run(Arrays((Array(dtype, (2,)),)))
    prove(
        "RED-11",
        sum_of_squares,
        variant=name,
        theory=f"Rounded({name})",
        bound="n <= 4, lists of up to 3",
        runs=functools.partial(each_vector, dtype, squares_run),
        rests_on=(*PIECE_CLAIMS, f"RED-42.{name}"),
        assumes=["ROUNDING"],
        twins=[
            sampled_twin("float32", "accumulates in float32", pair, "RED-11", {sum_of_squares: float32_squares}),
            sampled_twin("exact", "takes every sum for exact", pair, "RED-11", {sum_of_squares: taken_for_exact}),
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


def scale_by_first(arrays: Any) -> Any:
    """A planted bug: only the first element counts."""
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
        twins=[sampled_twin("first", "looks at the first element only", pair, "RED-20", {scale: scale_by_first})],
    )


def largest_run(arrays: Arrays) -> Run:
    """largest_magnitude on a list of these shapes."""
    return Run(largest_magnitude, {"arrays": arrays}, Rounded(), examples=[{"arrays": example(arrays)}])


def _largest_signed(arrays: Any) -> Any:
    return functools.reduce(np.maximum, [np.max(array).astype(np.float64) for array in arrays], np.float64(0))


for dtype in FLOATS:
    name = np.dtype(dtype).name
    prove(
        "RED-47",
        largest_magnitude,
        variant=name,
        theory=f"Rounded({name})",
        bound="n <= 4, lists of up to 3",
        runs=functools.partial(each_list, dtype, largest_run),
        assumes=["ROUNDING"],
        twins=[
            sampled_twin(
                "signed",
                "takes the largest instead of the largest magnitude",
                largest_run(Arrays((Array(dtype, (2,)),))),
                "RED-47",
                {largest_magnitude: _largest_signed},
            )
        ],
    )
