"""One element of a sum of squares: what is added for it, by running the shipped code on a list of one."""

from __future__ import annotations

import functools
import random
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.symbolic_run import Run
from proofs.reductions.lists import FLOATS, UNDERFLOW, Scaled, U, real, scaled_elements
from proofs.reductions.pieces import COMPLETE
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, random_floats
from proofs.symbolic.paths import Path
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import Rounded
from proofs.symbolic.theory import Theory
from reference import contracts
from reference.contracts import ensure, require
from reference.exactness import exact, is_power_of_two
from reference.reductions import _squares, _without_loss, squares_exactly

LOST = Fraction(1, 1 << 1067)  # more than the square of a scaled float64 loses to underflow


class Term(NamedTuple):
    """What is summed for an element, and whether that is known to be its exact square by the unit."""

    value: Any
    exact: Any


def roundings(dtype: Any) -> tuple[Fraction, Fraction]:
    """How far the term of an element can be from its square, relatively and absolutely."""
    return (U, LOST) if dtype == np.float64 else (Fraction(0), Fraction(0))


def _is_near(result: Term, x: Any, unit: Any) -> Any:
    relative, lost = roundings(x.dtype)
    value, square, weight = exact(result.value) * exact(unit) ** 2, exact(x) ** 2, exact(unit) ** 2
    return (
        np.all(np.abs(value - square) <= relative * square + lost * weight)
        & np.all(~result.exact | (value == square))
        & np.all((x != 0) | (result.value == 0))
    )


@require(lambda unit: is_power_of_two(unit), lambda unit: ValueError(f"unit must be a power of two, got {unit}"))
@require(
    lambda x, unit: exact(unit) <= exact(np.finfo(x.dtype).max),
    lambda x, unit: ValueError(f"unit must be a power of two of {x.dtype}, got {unit}"),
)
@require(
    lambda x, unit: np.all(exact(np.abs(x)) < 2 * exact(unit)),
    lambda x, unit: ValueError(f"x must lie within ±{2 * unit}, got {x}"),
)
@ensure("RED-36", lambda result, x, unit: _is_near(result, x, unit))
@ensure("RED-37", lambda result: np.all((result.value >= 0) & (result.value <= 4)))
def scaled_square(x: Any, unit: Any) -> Term:
    """The term that `sum_of_squares` adds for x, an array of one element, and its flag.

    Claims
        RED-36  prove  Rounded(float16, float32, float64)  elementwise, |x| < 2 unit
                float16, float32: term · unit² = x²; float64: up to one rounding; where flagged exact: equal; of 0: 0
        RED-37  prove  IEEE(float64)  elementwise, |x| < 2 unit  the term lies in [0, 4]
    """
    (value,) = _squares([x], unit)
    return Term(value, _without_loss([x], unit, squares_exactly))


def square_cuts(path: Path, arguments: dict[str, Any], result: Term) -> None:
    """From the scaled element to the square of its quotient, then to the square of the element."""
    unit, term = real(arguments["unit"]), result.value.elements[0].real
    (scaled,) = scaled_elements(path)
    square, weight = scaled.quotient * scaled.quotient, unit * unit
    original = scaled.element * scaled.element
    positive = path.prove("the unit is positive", unit > 0)
    link = path.prove(
        "an unscaled square",
        original == square * weight,
        using=[z3.Implies(unit != 0, scaled.quotient * unit == scaled.element), positive],
    )
    if z3.eq(scaled.value, scaled.quotient):
        path.prove("times the squared unit", term * weight == original, using=[link])
        return
    near = _near_its_square(path, scaled, term)
    weight_positive = path.prove("the squared unit is positive", weight > 0, using=[positive])
    enlarged = path.prove(
        "times the squared unit",
        magnitude(term * weight - square * weight) <= rational(U) * (square * weight) + rational(LOST) * weight,
        using=[near, weight_positive],
        forgetting=[weight, square],
    )
    path.prove(
        "the error",
        magnitude(term * weight - original) <= rational(U) * original + rational(LOST) * weight,
        using=[enlarged, link],
        forgetting=[term * weight, square * weight, original, weight],
    )
    flag = result.exact.elements.item()
    checks = path.last("squares_exactly").result.elements.ravel()
    lossless = path.prove(
        "a flagged square is exact",
        z3.Implies(flag, term == square),
        using=[*path.facts_about(*checks), link, positive],
    )
    path.prove(
        "exactness",
        z3.Implies(flag, term * weight == original),
        using=[lossless, link],
        forgetting=[square, original],
    )


def _near_its_square(path: Path, scaled: Scaled, term: z3.ArithRef) -> z3.BoolRef:
    """The cuts that only underflow and one rounding lie between a float64 term and the exact square."""
    square, rounded = scaled.quotient * scaled.quotient, scaled.value * scaled.value
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
    path.prove("a square is not negative", square >= 0, using=[])
    return path.prove(
        "the term is near",
        magnitude(term - square) <= rational(U) * square + rational(LOST),
        forgetting=[square, rounded],
    )


def square_run(dtype: Any, theory: Theory) -> Run:
    """scaled_square on one element."""
    bits = isinstance(theory, IEEE)
    return Run(
        scaled_square,
        {"x": Array(dtype, (1,)), "unit": Array(np.float64)},
        theory,
        uses={} if bits else {squares_exactly: "contract"},
        leaving_out=COMPLETE,
        script=None if bits else square_cuts,
        draw=functools.partial(_element_and_unit, dtype),
        examples=[] if bits else [{"x": np.array([3], dtype), "unit": np.float64(2)}],
    )


def _element_and_unit(dtype: Any, generator: random.Random) -> dict[str, Any]:
    """An element and a unit that may be far above it, so that much is lost."""
    x = np.array(random_floats(generator, np.dtype(dtype), 1), dtype)
    least = int(np.frexp(np.float64(x[0]))[1]) - 1
    exponent = generator.choice((least, generator.randint(least, np.finfo(dtype).maxexp - 1)))
    return {"x": x, "unit": np.ldexp(np.float64(1), exponent)}


def _in_own_dtype(x: Any, unit: Any) -> Term:
    return Term(np.square(x / unit.astype(x.dtype)).astype(np.float64), np.bool_(False))


def _taken_for_exact(x: Any, unit: Any) -> Term:
    return Term(contracts.bare(scaled_square)(x, unit).value, np.bool_(True))


def _of_the_unit_below(x: Any, unit: Any) -> Term:
    return Term(np.square(x / (unit / 2)), np.bool_(False))


for dtype in FLOATS:
    name = np.dtype(dtype).name
    run = square_run(dtype, Rounded())
    bug = (
        ("exact", "takes every square for exact", _taken_for_exact)
        if dtype == np.float64
        else ("own dtype", f"scales and squares in {name}", _in_own_dtype)
    )
    prove(
        "RED-36",
        scaled_square,
        variant=name,
        theory=f"Rounded({name})",
        bound="elementwise, |x| < 2 unit",
        runs=functools.partial(lambda run: [("", run)], run),
        rests_on=("RED-12",),
        assumes=["ROUNDING"],
        twins=[sampled_twin(bug[0], bug[1], run, "RED-36", {scaled_square: bug[2]})],
    )

bits_run = square_run(np.float64, IEEE())
prove(
    "RED-37",
    scaled_square,
    theory="IEEE(float64)",
    bound="elementwise, |x| < 2 unit",
    runs=lambda: [("", bits_run)],
    twins=[twin("half", "divides by half the unit", bits_run, "RED-37", {scaled_square: _of_the_unit_below})],
)
