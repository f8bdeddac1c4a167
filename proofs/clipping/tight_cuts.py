"""Cuts from below: what is scaled keeps its norm, but for the margin and one rounding toward zero."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.clipping.element_cuts import (
    BELOW_ONE,
    Element,
    Scaling,
    U,
    factor_reach,
    is_lost,
    kept_cuts,
    units_in_range,
)
from proofs.clipping.norm_cuts import Known, Shrunk, Terms
from proofs.symbolic.formats import format_of
from proofs.symbolic.paths import Path
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import exact_quotient
from proofs.symbolic.terms import sum_of
from reference.clipping_clauses import LEAST_SHRUNK
from reference.reductions import SUM_ERROR

LITTLE = rational(Fraction(2) ** -990)


def tight_cuts(path: Path, terms: Terms, known: Known, shrunk: Shrunk, dtype: Any) -> None:
    """Every element from below, then their sum."""
    value, limit = terms.value, terms.limit
    power, scale, rest, total = shrunk.power, shrunk.scale, shrunk.rest, shrunk.total
    error, eps = rational(SUM_ERROR), rational(Fraction(float(np.finfo(dtype).eps)))
    kept = (1 - eps) * (1 - eps)
    reached = path.prove(
        "the factor reaches at least",
        power * value >= (rest * rest) * rational(LEAST_SHRUNK**2),
        using=factor_reach(path, rest, shrunk.whole).least,
    )
    heavier = path.prove(
        "the scaled sum is not far",
        value <= (1 + error) * total,
        using=[shrunk.heavy, known.near, known.weights],
        forgetting=[*terms.squares, *shrunk.quotient_squares, terms.weight],
    )
    times = path.prove(
        "times the factor, from below",
        power * value <= (1 + error) * (power * total),
        using=[heavier, shrunk.above],
        forgetting=[*shrunk.quotient_squares, power],
    )
    small_factor = factor_below_one(path, terms, known, shrunk)
    parts = [
        element_from_below(path, terms, known, shrunk, small_factor, element, dtype) for element in shrunk.elements
    ]
    lost = z3.Or(*[is_lost(element, dtype) for element in shrunk.elements])
    results = sum_of([element.result * element.result for element in shrunk.elements])
    floor = kept * ((1 - rational(5 * U)) * (power * total)) - 8 * LITTLE
    summed = path.prove(
        "the results add up to at least",
        z3.Or(lost, results >= scale * floor),
        using=[*parts, shrunk.above],
        forgetting=[*shrunk.quotient_squares, *[e.result * e.result for e in shrunk.elements], scale, power],
    )
    least = rational(LEAST_SHRUNK**4) * kept
    bound = path.prove(
        "their sum over the scale, from below",
        floor > (rest * rest) * least,
        using=[times, reached, shrunk.at_least_one],
        forgetting=[power * total, power * value, rest * rest],
    )
    scaled = path.prove(
        "and scaled, from below",
        scale * floor > ((rest * rest) * scale) * least,
        using=[bound, shrunk.above],
        forgetting=[power * total, rest * rest, scale],
    )
    path.prove(
        "the results are not far below",
        z3.Or(lost, results > (limit * limit) * least),
        using=[summed, scaled, shrunk.parted],
        forgetting=[results, limit * limit, (rest * rest) * scale, scale * floor],
    )


def factor_below_one(path: Path, terms: Terms, known: Known, shrunk: Shrunk) -> z3.BoolRef:
    """Where something is clipped, elements shrink: factor · limit_unit is below the unit."""
    value, unit, limit = terms.value, terms.unit, terms.limit
    factor, rest, power, limit_unit = shrunk.factor, shrunk.rest, shrunk.power, shrunk.limit_unit
    ratio = exact_quotient(limit, unit)
    reach = factor * ratio
    divided = path.prove(
        "unit times ratio", ratio * unit == limit, using=[*path.facts_about(ratio * unit)[:1], known.positive]
    )
    positive = path.prove("the ratio is positive", ratio > 0, using=[divided, known.positive])
    more = path.prove(
        "the factor times what the sum exceeds",
        power * (ratio * ratio) <= power * value * (1 + rational(20 * U)),
        using=[path.memory["exceeded"], shrunk.above],
        forgetting=[ratio * ratio, power],
    )
    squared = path.prove(
        "the square of factor times ratio",
        reach * reach <= (rest * rest) * (BELOW_ONE * BELOW_ONE),
        using=[more, shrunk.contract, shrunk.at_least_one],
    )
    below = path.prove(
        "factor times ratio",
        reach <= rest * BELOW_ONE,
        using=[squared, shrunk.some, positive, shrunk.whole],
        forgetting=[reach],
    )
    once = path.prove("times unit", factor * limit <= (rest * unit) * BELOW_ONE, using=[below, divided, known.positive])
    twice = path.prove(
        "times both units",
        (factor * limit_unit) * limit <= (unit * BELOW_ONE) * limit,
        using=[once, shrunk.whole, shrunk.some, known.positive],
    )
    return path.prove(
        "the factor is below one",
        factor * limit_unit <= unit * BELOW_ONE,
        using=[twice, known.positive],
        forgetting=[factor * limit_unit],
    )


def element_from_below(
    path: Path, terms: Terms, known: Known, shrunk: Shrunk, small_factor: Any, element: Element, dtype: Any
) -> z3.BoolRef:
    """The square of a result is at least the scaled square of its quotient, but for rounding."""
    quotient, product, result = element.quotient, element.product, element.result
    factor, limit_unit, power, scale = shrunk.factor, shrunk.limit_unit, shrunk.power, shrunk.scale
    unit, cuts = terms.unit, shrunk.cuts[shrunk.elements.index(element)]
    keep = 1 - rational(2 * format_of(np.dtype(dtype)).unit_roundoff)
    reach = magnitude(quotient) * factor
    lost = is_lost(element, dtype)
    kept = kept_cuts(
        path,
        Scaling(unit, factor, limit_unit, known.positive, shrunk.some),
        element,
        cuts.near,
        small_factor,
        lambda form: units_in_range(
            path, unit, limit_unit, path.facts_about(terms.weight, terms.limit * terms.limit), form
        ),
        dtype,
    )
    squared = path.prove(
        "its square from below",
        product * product >= (1 - rational(5 * U)) * (reach * reach) - LITTLE,
        using=[cuts.low, cuts.small],
        forgetting=[reach],
    )
    result_squared = path.prove(
        "a result's square from below",
        z3.Or(lost, result * result >= scale * ((keep * keep) * (product * product) - LITTLE)),
        using=[kept, cuts.near, cuts.small, shrunk.some],
        forgetting=[reach],
    )
    return path.prove(
        "in terms of the quotient",
        z3.Or(
            lost,
            result * result
            >= scale * ((keep * keep) * ((1 - rational(5 * U)) * (power * (quotient * quotient))) - 2 * LITTLE),
        ),
        using=[result_squared, squared, cuts.same, shrunk.above],
        forgetting=[product * product, power * (quotient * quotient), reach * reach, scale, result * result],
    )
