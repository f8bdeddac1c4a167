"""Cuts for the norms that are their own power sums: Σ|x| and max|x|. Everything is linear but for common factors.

What both norms share is a *mass*: value · unit, which is near Σ|x| in the one case, max|x| itself in the other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.clipping.element_cuts import (
    BELOW_ONE,
    TINY,
    Element,
    Reach,
    Scaling,
    U,
    below_two_units,
    elements_of,
    factor_reach,
    is_lost,
    kept_cuts,
    no_larger,
    power_sum,
    reach_cuts,
    scaled_limit,
    summed_elements,
    units_in_range,
)
from proofs.reductions import real, reals
from proofs.symbolic.formats import format_of
from proofs.symbolic.paths import Path
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import exact_quotient
from proofs.symbolic.terms import sum_of
from reference.clipping import NORMS
from reference.clipping_clauses import LEAST_SHRUNK, MOST_SHRUNK
from reference.reductions import SUM_ERROR

SURELY = NORMS[1.0].surely_within
ERROR = rational(SUM_ERROR)


class Terms(NamedTuple):
    """What every branch speaks of, as real terms, and the facts that every branch has."""

    grads: list[z3.ArithRef]
    value: z3.ArithRef
    unit: z3.ArithRef
    limit: z3.ArithRef
    is_sum: bool
    positive: z3.BoolRef
    near: z3.BoolRef
    exact: z3.BoolRef

    @property
    def sizes(self) -> list[z3.ArithRef]:
        return [magnitude(g) for g in self.grads]

    @property
    def mass(self) -> z3.ArithRef:
        return self.value * self.unit

    def at_most(self, parts: list[z3.ArithRef], most: z3.ArithRef) -> z3.BoolRef:
        """Whether the norm of these magnitudes is at most that."""
        return sum_of(parts) <= most if self.is_sum else z3.And(*[part <= most for part in parts])


def linear_cuts(path: Path, arguments: dict[str, Any], result: Any) -> None:
    """From the contract of the power sum to the norm itself, on each branch."""
    terms = _terms(path, arguments)
    if not any(call.function == "fits" for call in path.calls):
        _far(path, terms)
        return
    unit, limit = terms.unit, terms.limit
    ratio = exact_quotient(limit, unit)
    divided = path.prove(
        "ratio times unit", ratio * unit == limit, using=[*path.facts_about(ratio * unit)[:1], terms.positive]
    )
    if any(call.function == "shrink" for call in path.calls):
        _exceeded(path, terms, ratio, divided)
        shrunk = _shrunk(path, terms)
        _tight(path, terms, shrunk, ratio, divided, arguments["grads"][0].dtype)
    else:
        _reached(path, terms, ratio, divided)


def _terms(path: Path, arguments: dict[str, Any]) -> Terms:
    """The mass is near the norm, and the norm where the sum is exact."""
    call = power_sum(path)
    is_sum = call.function == "sum_of_magnitudes"
    grads = [g for grad in arguments["grads"] for g in reals(grad)]
    sizes, exact = [magnitude(g) for g in grads], call.result.exact.elements.item()
    value, unit, limit = real(call.result.value), real(call.result.unit), real(arguments["max_norm"])
    mass, total = value * unit, sum_of(sizes)
    positive = path.prove("unit and max_norm are positive", z3.And(unit > 0, limit > 0))
    same = (
        mass == total if is_sum else z3.And(*[size <= mass for size in sizes], z3.Or(*[size == mass for size in sizes]))
    )
    close = z3.And((1 - ERROR) * total <= mass, mass <= (1 + ERROR) * total) if is_sum else same
    forgotten = [*sizes, mass] if is_sum else [mass]
    return Terms(
        grads,
        value,
        unit,
        limit,
        is_sum,
        positive,
        path.prove("the mass is near the norm", close, using=call.contract, forgetting=forgotten),
        path.prove("an exact mass is the norm", z3.Implies(exact, same), using=call.contract, forgetting=forgotten),
    )


def _far(path: Path, terms: Terms) -> None:
    """max_norm is far above the unit."""
    far = path.prove("the unit is far below", 2.0**60 * terms.unit <= terms.limit)
    each = [below_two_units(path, g, terms.unit) for g in terms.grads]
    path.prove("within", terms.at_most(terms.sizes, terms.limit), using=[far, *each, terms.positive])


def _reached(path: Path, terms: Terms, ratio: z3.ArithRef, divided: z3.BoolRef) -> None:
    """The sum is at most the ratio, exactly or with its margin."""
    value, mass, limit = terms.value, terms.mass, terms.limit
    exact = power_sum(path).result.exact.elements.item()
    margin = 1 + rational(12 * U)
    reached = path.prove(
        "the ratio reaches the sum",
        z3.Or(value == 0, value * margin <= ratio, z3.And(exact, value <= ratio)),
        using=path.facts_without(*terms.grads),
    )
    scaled = path.prove(
        "and max_norm the mass",
        z3.Or(mass == 0, mass * margin <= limit, z3.And(exact, mass <= limit)),
        using=[reached, divided, terms.positive],
    )
    path.prove(
        "within",
        terms.at_most(terms.sizes, limit),
        using=[scaled, terms.near, terms.exact, terms.positive],
        forgetting=[*terms.sizes, mass],
    )


def _exceeded(path: Path, terms: Terms, ratio: z3.ArithRef, divided: z3.BoolRef) -> None:
    """The sum exceeds the ratio, but for the margin; a maximum does without."""
    mass, limit = terms.mass, terms.limit
    more, enough = (
        (mass * (1 + rational(20 * U)) >= limit, sum_of(terms.sizes) * (1 + rational(30 * U)) >= limit)
        if terms.is_sum
        else (mass > limit, z3.Or(*[size > limit for size in terms.sizes]))
    )
    scaled = path.prove("and the mass does", more, using=[path.memory["exceeded"], divided, terms.positive])
    path.prove(
        "surely not within",
        enough,
        using=[scaled, terms.near, terms.positive],
        forgetting=[*(terms.sizes if terms.is_sum else []), mass],
    )


class Shrunk(NamedTuple):
    """What the clipped branch has: its elements, what they share, and the facts about these."""

    elements: list[Element]
    reaches: list[Reach]
    links: list[z3.BoolRef]
    scaling: Scaling
    rest: z3.ArithRef
    whole: z3.BoolRef
    most: z3.BoolRef

    @property
    def quotients(self) -> list[z3.ArithRef]:
        return [magnitude(element.quotient) for element in self.elements]

    @property
    def results(self) -> list[z3.ArithRef]:
        return [magnitude(element.result) for element in self.elements]


def _shrunk(path: Path, terms: Terms) -> Shrunk:
    """Every element from above, then the contract of the factor, then their norm."""
    value, unit, limit = terms.value, terms.unit, terms.limit
    factor = real(path.last("shrink_factor").result)
    limit_unit = real(path.last("power_of_two_at_most").result)
    rest = exact_quotient(limit, limit_unit)
    some = path.prove("the factor lies in (0, 4]", z3.And(factor > 0, factor <= 4, limit_unit > 0))
    scaling = Scaling(unit, factor, limit_unit, terms.positive, some)
    whole = path.prove(
        "the limit",
        z3.And(rest * limit_unit == limit, rest >= 1, rest <= 2),
        using=[*path.facts_about(rest), *path.facts_about(limit_unit), some],
    )
    most = path.prove(
        "the factor reaches at most",
        factor * value <= rest * rational(MOST_SHRUNK),
        using=factor_reach(path, rest, whole).most,
    )
    elements = elements_of(path, unit)
    reaches = [reach_cuts(path, scaling, element) for element in elements]
    above = [_from_above(path, scaling, element, reach) for element, reach in zip(elements, reaches, strict=True)]
    links = [
        path.prove(
            "an unscaled magnitude",
            magnitude(element.grad) == magnitude(element.quotient) * unit,
            using=[*path.facts_about(element.quotient * unit)[:1], terms.positive],
        )
        for element in elements
    ]
    shrunk = Shrunk(elements, reaches, links, scaling, rest, whole, most)
    surely, growth = rational(SURELY if terms.is_sum else 1), 1 + rational(2 * U)
    if terms.is_sum:
        _sum_within(path, terms, shrunk, above)
        return shrunk
    for element, over, link in zip(elements, above, links, strict=True):
        size = magnitude(element.quotient)
        below = path.prove("a quotient is at most the value", size <= value, using=[link, terms.near, terms.positive])
        reach = path.prove(
            "so is its reach",
            size * factor <= rest * rational(MOST_SHRUNK),
            using=[below, most, some],
            forgetting=[size],
        )
        bound = path.prove(
            "an element over the unit",
            growth * (size * factor) + TINY <= rest * surely,
            using=[reach, whole],
            forgetting=[size * factor, rest * limit_unit],
        )
        path.prove(
            "a result is within",
            magnitude(element.result) <= limit,
            using=[over, bound, whole, some],
            forgetting=[size * factor],
        )
    return shrunk


def _from_above(path: Path, scaling: Scaling, element: Element, reach: Reach) -> z3.BoolRef:
    """A result is at most its scaled reach, but for rounding."""
    size, product = magnitude(element.quotient), element.product
    limit_unit = scaling.limit_unit
    below = no_larger(path, scaling, element)
    unmoved = path.prove(
        "scaled sizes", magnitude(product * limit_unit) == magnitude(product) * limit_unit, using=[scaling.some]
    )
    return path.prove(
        "a result from above",
        magnitude(element.result) <= limit_unit * ((1 + rational(2 * U)) * (size * scaling.factor) + TINY),
        using=[below, unmoved, reach.near, scaling.some],
        forgetting=[magnitude(product), product * limit_unit, size * scaling.factor],
    )


def _sum_within(path: Path, terms: Terms, shrunk: Shrunk, above: list[z3.BoolRef]) -> None:
    """The results add up to at most max_norm, and a little less."""
    scaling, rest, growth = shrunk.scaling, shrunk.rest, 1 + rational(2 * U)
    factor, limit_unit, total = scaling.factor, scaling.limit_unit, sum_of(shrunk.quotients)
    count = len(shrunk.elements)
    heavy = _mass_of_quotients(path, terms, shrunk)
    lighter = path.prove(
        "the scaled sum is near",
        (1 - ERROR) * total <= terms.value,
        using=[heavy, terms.near, terms.positive],
        forgetting=[*shrunk.quotients, *terms.sizes],
    )
    times = path.prove(
        "times the factor",
        (1 - ERROR) * (factor * total) <= factor * terms.value,
        using=[lighter, scaling.some],
        forgetting=shrunk.quotients,
    )
    summed = path.prove(
        "the results add up",
        sum_of(shrunk.results) <= limit_unit * (growth * (factor * total) + count * TINY),
        using=above,
        forgetting=[*shrunk.results, *shrunk.quotients],
    )
    bound = path.prove(
        "their sum over the unit",
        growth * (factor * total) + count * TINY <= rest * rational(SURELY),
        using=[times, shrunk.most, shrunk.whole],
        forgetting=[factor * total, factor * terms.value, rest * limit_unit],
    )
    path.prove(
        "the results are within",
        sum_of(shrunk.results) <= terms.limit * rational(SURELY),
        using=[summed, bound, shrunk.whole, scaling.some],
        forgetting=[*shrunk.results, factor * total],
    )


def _mass_of_quotients(path: Path, terms: Terms, shrunk: Shrunk) -> z3.BoolRef:
    return path.prove(
        "the magnitudes add up",
        sum_of(terms.sizes) == sum_of(shrunk.quotients) * terms.unit,
        using=shrunk.links,
        forgetting=[*terms.sizes, *shrunk.quotients],
    )


def _tight(path: Path, terms: Terms, shrunk: Shrunk, ratio: z3.ArithRef, divided: z3.BoolRef, dtype: Any) -> None:
    """Every element from below, then their norm."""
    scaling, rest, value = shrunk.scaling, shrunk.rest, terms.value
    factor, limit_unit = scaling.factor, scaling.limit_unit
    keep = 1 - rational(2 * format_of(np.dtype(dtype)).unit_roundoff)
    reached = path.prove(
        "the factor reaches at least",
        factor * value >= rest * rational(LEAST_SHRUNK),
        using=factor_reach(path, rest, shrunk.whole).least,
    )
    small_factor = _factor_below_one(path, terms, shrunk, ratio, divided)
    nonzero = [*path.facts_about(terms.mass), terms.positive]
    lost = z3.Or(*[is_lost(element, dtype) for element in shrunk.elements])
    parts = []
    for element, reach, size in zip(shrunk.elements, shrunk.reaches, shrunk.quotients, strict=True):
        kept = kept_cuts(
            path,
            scaling,
            element,
            reach.near,
            small_factor,
            lambda form: units_in_range(path, terms.unit, limit_unit, nonzero, form),
            dtype,
        )
        parts.append(
            path.prove(
                "in terms of the quotient",
                z3.Or(
                    is_lost(element, dtype),
                    magnitude(element.result)
                    >= limit_unit * (keep * ((1 - rational(2 * U)) * (size * factor)) - 2 * TINY),
                ),
                using=[kept, reach.low, scaling.some],
                forgetting=[magnitude(element.product), size * factor],
            )
        )
    least = rational(LEAST_SHRUNK**2) * keep
    if terms.is_sum:
        total = sum_of(shrunk.quotients)
        heavy = _mass_of_quotients(path, terms, shrunk)
        heavier = path.prove(
            "the scaled sum is not far",
            value <= (1 + ERROR) * total,
            using=[heavy, terms.near, terms.positive],
            forgetting=[*shrunk.quotients, *terms.sizes],
        )
        moved = path.prove(
            "times the factor, from below",
            factor * value <= (1 + ERROR) * (factor * total),
            using=[heavier, scaling.some],
            forgetting=shrunk.quotients,
        )
        floor = keep * ((1 - rational(2 * U)) * (factor * total)) - 2 * len(parts) * TINY
        summed = path.prove(
            "the results add up to at least",
            z3.Or(lost, sum_of(shrunk.results) >= limit_unit * floor),
            using=parts,
            forgetting=[*shrunk.quotients],
        )
    else:
        equal = path.prove(
            "some quotient is the value",
            z3.Or(*[size == value for size in shrunk.quotients]),
            using=[*shrunk.links, terms.near, terms.positive],
            forgetting=shrunk.quotients,
        )
        floor = keep * ((1 - rational(2 * U)) * (factor * value)) - 2 * TINY
        moved = reached
        summed = path.prove(
            "some result is at least",
            z3.Or(lost, z3.Or(*[size >= limit_unit * floor for size in shrunk.results])),
            using=[*parts, equal],
            forgetting=shrunk.quotients,
        )
    bound = path.prove(
        "the norm over the unit, from below",
        floor > rest * least,
        using=[moved, reached, shrunk.whole],
        forgetting=[factor * sum_of(shrunk.quotients), factor * value, rest * limit_unit],
    )
    scaled = path.prove(
        "and scaled, from below",
        limit_unit * floor > terms.limit * least,
        using=[bound, shrunk.whole, scaling.some],
        forgetting=[factor * sum_of(shrunk.quotients), factor * value],
    )
    more = [size > terms.limit * least for size in shrunk.results]
    path.prove(
        "the results are not far below",
        z3.Or(lost, sum_of(shrunk.results) > terms.limit * least if terms.is_sum else z3.Or(*more)),
        using=[summed, scaled],
        forgetting=[limit_unit * floor],
    )


def _factor_below_one(path: Path, terms: Terms, shrunk: Shrunk, ratio: z3.ArithRef, divided: z3.BoolRef) -> z3.BoolRef:
    """Where something is clipped, elements shrink: factor · limit_unit is below the unit."""
    scaling, rest = shrunk.scaling, shrunk.rest
    factor, limit_unit, unit, limit = scaling.factor, scaling.limit_unit, terms.unit, terms.limit
    more = path.prove(
        "the factor times what the sum exceeds",
        factor * ratio <= factor * terms.value * (1 + rational(20 * U if terms.is_sum else 0)),
        using=[path.memory["exceeded"], scaling.some],
    )
    below = path.prove(
        "factor times ratio",
        factor * ratio <= rest * BELOW_ONE,
        using=[more, shrunk.most, shrunk.whole],
        forgetting=[factor * ratio, factor * terms.value, rest * limit_unit],
    )
    once = path.prove("times unit", factor * limit <= (rest * unit) * BELOW_ONE, using=[below, divided, terms.positive])
    twice = path.prove(
        "times both units",
        (factor * limit_unit) * limit <= (unit * BELOW_ONE) * limit,
        using=[once, shrunk.whole, scaling.some, terms.positive],
    )
    return path.prove(
        "the factor is below one",
        factor * limit_unit <= unit * BELOW_ONE,
        using=[twice, terms.positive],
        forgetting=[factor * limit_unit],
    )


def bound_mass(path: Path, arguments: dict[str, Any]) -> None:
    """Before the comparison: the ratio is below 2**65, for max_norm is not far above, and the sum is below 3 a term."""
    value, unit, limit, quotient = scaled_limit(path, arguments["total"])
    near = path.prove("max_norm is not far above", z3.And(limit > 0, limit < 2.0**65 * unit, unit > 0))
    path.prove(
        "the exact ratio is below 2**65",
        z3.And(quotient > 0, quotient < 2.0**65),
        using=[near, *path.facts_about(quotient * unit)[:1]],
    )
    grads = summed_elements(path)
    contract = power_sum(path).contract
    below = [below_two_units(path, g, unit) for g in grads]
    most = 3 * len(grads)
    heavy = path.prove(
        "the mass is light", value * unit <= most * unit, using=[*contract, *below, near], forgetting=[value * unit]
    )
    path.prove("the sum is small", value <= most, using=[heavy, near])


def bound_value(path: Path, arguments: dict[str, Any]) -> None:
    """Before the factor: the sum exceeds the ratio, but for the margin, so it is not 0."""
    grads = summed_elements(path)
    value, _, _, ratio = scaled_limit(path, path.last("fits").arguments["total"])
    call = power_sum(path)
    path.prove("the sum is 0 or at least 1/2", z3.Or(value == 0, value >= rational(0.5)), using=call.contract)
    known = path.facts_without(*grads)
    path.prove("the sum is at least 1/2", value >= rational(0.5), using=known)
    margin = rational(20 * U if call.function == "sum_of_magnitudes" else 0)
    more = value * (1 + margin) >= ratio if call.function == "sum_of_magnitudes" else value > ratio
    path.memory["exceeded"] = path.prove("the sum exceeds the ratio", more, using=known)
