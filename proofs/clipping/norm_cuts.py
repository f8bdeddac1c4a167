"""Cuts between the contracts of the pieces and the norm of the result: for what a solver does not see at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import z3

from proofs.clipping.element_cuts import (
    TINY,
    Element,
    Scaling,
    U,
    below_two_units,
    elements_of,
    factor_reach,
    no_larger,
    power_sum,
    reach_cuts,
    scaled_limit,
    summed_elements,
)
from proofs.reductions import real, reals
from proofs.symbolic.paths import Path
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import exact_quotient
from proofs.symbolic.terms import sum_of
from reference.clipping import NORMS
from reference.clipping_clauses import MOST_SHRUNK
from reference.reductions import SUM_ERROR

SURELY = NORMS[2.0].surely_within


class Terms(NamedTuple):
    """What every branch speaks of: the sum's value and unit, max_norm and its quotient by the unit, all as real terms."""

    grads: list[z3.ArithRef]
    value: z3.ArithRef
    unit: z3.ArithRef
    limit: z3.ArithRef

    @property
    def squares(self) -> list[z3.ArithRef]:
        return [g * g for g in self.grads]

    @property
    def weight(self) -> z3.ArithRef:
        return self.unit * self.unit

    @property
    def products(self) -> list[z3.ArithRef]:
        """Terms to forget where only their linear relations matter."""
        return [*self.squares, self.value * self.weight, self.limit * self.limit]


class Known(NamedTuple):
    """Facts that every branch has."""

    positive: z3.BoolRef
    weights: z3.BoolRef
    near: z3.BoolRef
    exact: z3.BoolRef


def norm_cuts(path: Path, arguments: dict[str, Any], result: Any, tight: Any = None) -> None:
    """From the contract of the sum of squares to the squares themselves, on each branch."""
    total = power_sum(path).result
    grads = [g for grad in arguments["grads"] for g in reals(grad)]
    terms = Terms(grads, real(total.value), real(total.unit), real(arguments["max_norm"]))
    value, unit, limit, weight = terms.value, terms.unit, terms.limit, terms.weight
    squares, error, exact = sum_of(terms.squares), rational(SUM_ERROR), total.exact.elements.item()
    contract = power_sum(path).contract
    positive = path.prove("unit and max_norm are positive", z3.And(unit > 0, limit > 0))
    path.prove("the sum is 0 or at least 1/2", z3.Or(value == 0, value >= rational(0.5)), using=contract)
    known = Known(
        positive,
        path.prove("so are their squares", z3.And(weight > 0, limit * limit > 0), using=[positive]),
        path.prove(
            "the sum is near",
            z3.And((1 - error) * squares <= value * weight, value * weight <= (1 + error) * squares),
            using=contract,
            forgetting=terms.products,
        ),
        path.prove(
            "an exact sum is that",
            z3.Implies(exact, value * weight == squares),
            using=contract,
            forgetting=terms.products,
        ),
    )
    if not any(call.function == "fits" for call in path.calls):
        far_cuts(path, terms, known)
        return
    ratio = exact_quotient(limit, unit)
    divided = path.prove(
        "ratio times unit", ratio * unit == limit, using=[*path.facts_about(ratio * unit)[:1], positive]
    )
    weighed = path.prove("and squared", (ratio * ratio) * weight == limit * limit, using=[divided])
    if any(call.function == "shrink" for call in path.calls):
        exceeded_cuts(path, terms, known, ratio, weighed)
        shrunk = shrink_cuts(path, terms, known)
        if tight is not None:
            tight(path, terms, known, shrunk, arguments["grads"][0].dtype)
    else:
        reached_cuts(path, terms, known, ratio, weighed, exact)


def far_cuts(path: Path, terms: Terms, known: Known) -> None:
    """max_norm is far above the unit."""
    unit, limit, weight = terms.unit, terms.limit, terms.weight
    far = path.prove("the unit is far below", 2.0**60 * unit <= limit)
    large = path.prove("and so is its square", 2.0**100 * weight <= limit * limit, using=[far, known.positive])
    each = [below_two_units(path, g, unit) for g in terms.grads]
    small = [
        path.prove("its square is below four", g * g <= 4 * weight, using=[below, known.positive])
        for g, below in zip(terms.grads, each, strict=True)
    ]
    squares = sum_of(terms.squares)
    path.prove(
        "within", squares <= limit * limit, using=[*small, large, known.weights], forgetting=[*terms.products, weight]
    )


def reached_cuts(path: Path, terms: Terms, known: Known, ratio: Any, weighed: Any, exact: Any) -> None:
    """The sum is at most the square of the ratio, exactly or with its margin."""
    value, weight, limit = terms.value, terms.weight, terms.limit
    margin = 1 + rational(12 * U)
    squared, mass = ratio * ratio, value * weight
    reached = path.prove(
        "the ratio reaches the sum",
        z3.Or(value == 0, value * margin <= squared, z3.And(exact, value <= squared)),
        using=path.facts_without(*terms.grads),
    )
    scaled = path.prove(
        "and its square the squares",
        z3.Or(mass == 0, mass * margin <= squared * weight, z3.And(exact, mass <= squared * weight)),
        using=[reached, known.weights],
    )
    path.prove(
        "within",
        sum_of(terms.squares) <= limit * limit,
        using=[scaled, weighed, known.near, known.exact, known.weights],
        forgetting=[*terms.products, squared * weight, weight],
    )


def exceeded_cuts(path: Path, terms: Terms, known: Known, ratio: Any, weighed: Any) -> None:
    """The sum exceeds the square of the ratio, but for the margin."""
    value, weight, limit = terms.value, terms.weight, terms.limit
    margin = 1 + rational(20 * U)
    squared, mass = ratio * ratio, value * weight
    scaled = path.prove(
        "and the squares do", mass * margin >= squared * weight, using=[path.memory["exceeded"], known.weights]
    )
    path.prove(
        "surely not within",
        sum_of(terms.squares) * (1 + rational(30 * U)) >= limit * limit,
        using=[scaled, weighed, known.near, known.weights],
        forgetting=[*terms.products, squared * weight, weight],
    )


class ElementCuts(NamedTuple):
    """What is proven about an element: its result's square, its quotient, its product, its reach."""

    square: z3.BoolRef
    bounded: z3.BoolRef
    near: z3.BoolRef
    low: z3.BoolRef
    same: z3.BoolRef
    small: z3.BoolRef


class Shrunk(NamedTuple):
    """What the clipped branch has: its elements, what they share, and the facts about these."""

    elements: list[Element]
    cuts: list[ElementCuts]
    factor: z3.ArithRef
    limit_unit: z3.ArithRef
    rest: z3.ArithRef
    scale: z3.ArithRef
    power: z3.ArithRef
    total: z3.ArithRef
    some: z3.BoolRef
    above: z3.BoolRef
    whole: z3.BoolRef
    parted: z3.BoolRef
    at_least_one: z3.BoolRef
    contract: z3.BoolRef
    heavy: z3.BoolRef

    @property
    def quotient_squares(self) -> list[z3.ArithRef]:
        return [element.quotient * element.quotient for element in self.elements]


def shrink_cuts(path: Path, terms: Terms, known: Known) -> Shrunk:
    """Elements, then their sum, then the contract of the factor."""
    value, unit, limit, weight = terms.value, terms.unit, terms.limit, terms.weight
    factor = real(path.last("shrink_factor").result)
    limit_unit = real(path.last("power_of_two_at_most").result)
    rest = exact_quotient(limit, limit_unit)
    scale, power = limit_unit * limit_unit, factor * factor
    elements = elements_of(path, unit)
    some = path.prove("the factor lies in (0, 4]", z3.And(factor > 0, factor <= 4, limit_unit > 0))
    above = path.prove("scale is positive", z3.And(scale > 0, power > 0), using=[some])
    whole = path.prove(
        "the limit",
        z3.And(rest * limit_unit == limit, rest >= 1, rest <= 2),
        using=[*path.facts_about(rest), *path.facts_about(limit_unit), some],
    )
    parted = path.prove("its square", (rest * rest) * scale == limit * limit, using=[whole])
    at_least_one = path.prove("the rest squared", rest * rest >= 1, using=[whole])
    reached = factor_reach(path, rest, whole)
    contract = path.prove(
        "the factor reaches at most", power * value <= (rest * rest) * rational(MOST_SHRUNK**2), using=reached.most
    )
    cuts = [element_cuts(path, terms, known, element, factor, limit_unit, some, above) for element in elements]
    squares = [cut.square for cut in cuts]
    quotients = [element.quotient * element.quotient for element in elements]
    weighed = [
        path.prove(
            "an unscaled square",
            element.grad * element.grad == (element.quotient * element.quotient) * weight,
            using=[*path.facts_about(element.quotient * unit)[:1], known.positive],
        )
        for element in elements
    ]
    total = sum_of(quotients)
    heavy = path.prove(
        "the squares add up",
        sum_of(terms.squares) == total * weight,
        using=weighed,
        forgetting=[*terms.squares, *quotients, weight],
    )
    error = rational(SUM_ERROR)
    lighter = path.prove(
        "the scaled sum is near",
        (1 - error) * total <= value,
        using=[heavy, known.near, known.weights],
        forgetting=[*terms.squares, *quotients, weight],
    )
    times = path.prove(
        "times the factor",
        (1 - error) * (power * total) <= power * value,
        using=[lighter, above],
        forgetting=[*quotients, power],
    )
    results = sum_of([element.result * element.result for element in elements])
    products = [element.quotient * element.quotient for element in elements]
    summed = path.prove(
        "the results add up",
        results <= scale * ((1 + rational(5 * U)) * (power * total) + 4 * TINY),
        using=[*squares, above],
        forgetting=[*products, *[element.result * element.result for element in elements], scale, power],
    )
    bound = path.prove(
        "their sum over the scale",
        (1 + rational(5 * U)) * (power * total) + 4 * TINY <= (rest * rest) * rational(SURELY**2),
        using=[times, contract, at_least_one],
        forgetting=[power * total, power * value, rest * rest],
    )
    scaled = path.prove(
        "and scaled",
        scale * ((1 + rational(5 * U)) * (power * total) + 4 * TINY) <= ((rest * rest) * scale) * rational(SURELY**2),
        using=[bound, above],
        forgetting=[power * total, rest * rest, scale],
    )
    path.prove(
        "the results are within",
        results <= (limit * limit) * rational(SURELY**2),
        using=[summed, scaled, parted],
        forgetting=[
            results,
            limit * limit,
            (rest * rest) * scale,
            scale * ((1 + rational(5 * U)) * (power * total) + 4 * TINY),
        ],
    )
    return Shrunk(
        elements,
        cuts,
        factor,
        limit_unit,
        rest,
        scale,
        power,
        total,
        some,
        above,
        whole,
        parted,
        at_least_one,
        contract,
        heavy,
    )


def element_cuts(
    path: Path, terms: Terms, known: Known, element: Element, factor: Any, limit_unit: Any, some: Any, above: Any
) -> ElementCuts:
    """The square of a result is at most the scaled square of its quotient, but for rounding."""
    quotient, product, result = element.quotient, element.product, element.result
    scaling = Scaling(terms.unit, factor, limit_unit, known.positive, some)
    scale, power = limit_unit * limit_unit, factor * factor
    reach = magnitude(quotient) * factor
    bounded, small, near, low = reach_cuts(path, scaling, element)
    square = path.prove(
        "so is its square",
        product * product <= (1 + rational(5 * U)) * (reach * reach) + TINY,
        using=[near, small],
        forgetting=[reach],
    )
    same = path.prove("the square of the reach", reach * reach == power * (quotient * quotient), using=[small])
    shrunk = no_larger(path, scaling, element)
    squared = path.prove("nor its square", result * result <= (product * product) * scale, using=[shrunk])
    return ElementCuts(
        path.prove(
            "a result's square",
            result * result <= scale * ((1 + rational(5 * U)) * (power * (quotient * quotient)) + TINY),
            using=[square, same, squared, above],
            forgetting=[product * product, power * (quotient * quotient), reach * reach, scale, result * result],
        ),
        bounded,
        near,
        low,
        same,
        small,
    )


def bound_sum(path: Path, arguments: dict[str, Any]) -> None:
    """Before the comparison: the ratio is below 2**65, for max_norm is not far above, and the sum is below 5 a term."""
    value, unit, limit, quotient = scaled_limit(path, arguments["total"])
    near = path.prove("max_norm is not far above", z3.And(limit > 0, limit < 2.0**65 * unit, unit > 0))
    path.prove(
        "the exact ratio is below 2**65",
        z3.And(quotient > 0, quotient < 2.0**65),
        using=[near, *path.facts_about(quotient * unit)[:1]],
    )
    grads = summed_elements(path)
    weight = unit * unit
    contract = power_sum(path).contract
    below = [below_two_units(path, g, unit) for g in grads]
    small = [
        path.prove("its square is below four", g * g <= 4 * weight, using=[each, near])
        for g, each in zip(grads, below, strict=True)
    ]
    most = 5 * len(grads)
    positive = path.prove("the squared unit is positive", weight > 0, using=[near])
    heavy = path.prove(
        "the sum is light",
        value * weight <= most * weight,
        using=[*contract, *small, positive],
        forgetting=[*(g * g for g in grads), value * weight, weight],
    )
    path.prove("the sum is small", value <= most, using=[heavy, positive], forgetting=[weight])


def bound_total(path: Path, arguments: dict[str, Any]) -> None:
    """Before the factor: the sum exceeds the square of the ratio, but for the margin, so it is not 0."""
    grads = summed_elements(path)
    value, _, _, ratio = scaled_limit(path, path.last("fits").arguments["total"])
    contract = power_sum(path).contract
    path.prove("the sum is 0 or at least 1/2", z3.Or(value == 0, value >= rational(0.5)), using=contract)
    known = path.facts_without(*grads)
    path.prove("the sum is at least 1/2", value >= rational(0.5), using=known)
    path.memory["exceeded"] = path.prove(
        "the sum exceeds the ratio", value * (1 + rational(20 * U)) >= ratio * ratio, using=known
    )
