"""Cuts about one element that is scaled, whatever the norm: its product with the factor, and what rounding leaves of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.reductions import real, reals
from proofs.symbolic.formats import format_of
from proofs.symbolic.paths import Call, Path
from proofs.symbolic.real import magnitude, rational
from proofs.symbolic.rounded import exact_quotient, lies_in_range

U = Fraction(1, 1 << 53)
TINY = rational(Fraction(2) ** -1000)
BELOW_ONE = 1 - rational(20 * U)  # what factor · limit_unit / unit is at most
POWER_SUMS = ("sum_of_squares", "sum_of_magnitudes", "maximum")


def power_sum(path: Path) -> Call:
    """The last call of a power sum."""
    return next(call for call in reversed(path.calls) if call.function in POWER_SUMS)


def summed_elements(path: Path) -> list[z3.ArithRef]:
    """The elements of its arrays."""
    return [g for grad in power_sum(path).arguments["arrays"] for g in reals(grad)]


def below_two_units(path: Path, grad: z3.ArithRef, unit: z3.ArithRef) -> z3.BoolRef:
    """What the sum's contract says of one element alone."""
    call = power_sum(path)
    own = [fact for fact in path.facts_about(grad, among=call.contract) if not (z3.is_or(fact) or z3.is_implies(fact))]
    return path.prove(
        "an element is below two units",
        z3.And(grad > -2 * unit, grad < 2 * unit),
        using=path.facts_without(real(call.result.value), among=own),
    )


class Element(NamedTuple):
    """An element on its way: gradient, exact quotient by the unit, its rounded product with the factor, the result."""

    grad: z3.ArithRef
    quotient: z3.ArithRef
    product: z3.ArithRef
    toward_zero: z3.ArithRef
    result: z3.ArithRef


def elements_of(path: Path, unit: z3.ArithRef) -> list[Element]:
    """The elements of all gradients that were shrunk."""
    shrunk = [call for call in path.calls if call.function == "shrink"]
    truncated = [call for call in path.calls if call.function == "scale_toward_zero"]
    return [
        Element(g, exact_quotient(g, unit), p, s, out)
        for outer, inner in zip(shrunk, truncated, strict=True)
        for g, p, s, out in zip(
            reals(outer.arguments["grad"]),
            reals(inner.arguments["x"]),
            reals(inner.result),
            reals(outer.result),
            strict=True,
        )
    ]


class Scaling(NamedTuple):
    """What all elements share, and the facts about it: unit > 0, and 0 < factor <= 4 with limit_unit > 0."""

    unit: z3.ArithRef
    factor: z3.ArithRef
    limit_unit: z3.ArithRef
    positive: z3.BoolRef
    some: z3.BoolRef


class Reach(NamedTuple):
    """What is proven about an element's product: of its quotient, its reach |quotient| · factor, and its error."""

    bounded: z3.BoolRef
    small: z3.BoolRef
    near: z3.BoolRef
    low: z3.BoolRef


def reach_cuts(path: Path, scaling: Scaling, element: Element) -> Reach:
    """The rounded product of an element is its reach but for rounding."""
    quotient, product, some = element.quotient, element.product, scaling.some
    reach = magnitude(quotient) * scaling.factor
    below = below_two_units(path, element.grad, scaling.unit)
    bounded = path.prove(
        "the quotient is below 2",
        z3.And(quotient > -2, quotient < 2),
        using=[below, scaling.positive, *path.facts_about(quotient * scaling.unit)[:1]],
    )
    return Reach(
        bounded,
        path.prove("its product is below 8", z3.And(reach >= 0, reach <= 8), using=[bounded, some]),
        path.prove(
            "the product is near",
            magnitude(product) <= reach * (1 + rational(2 * U)) + TINY,
            using=[*path.facts_about(product), *path.facts_about(quotient), bounded, some],
        ),
        path.prove(
            "the product from below",
            magnitude(product) >= reach * (1 - rational(2 * U)) - TINY,
            using=[*path.facts_about(product)[:-1], *path.facts_about(quotient)[:-1], bounded, some],
        ),
    )


def no_larger(path: Path, scaling: Scaling, element: Element) -> z3.BoolRef:
    """Rounded toward zero, an element's result is no larger than its scaled product."""
    return path.prove(
        "the result is no larger",
        magnitude(element.result) <= magnitude(element.product * scaling.limit_unit),
        using=[*path.facts_about(element.toward_zero), scaling.some],
    )


class FactorReach(NamedTuple):
    """What a proof needs to know of how far the factor takes the power sum, from below and from above."""

    least: list[z3.BoolRef]
    most: list[z3.BoolRef]


def factor_reach(path: Path, rest: z3.ArithRef, whole: z3.BoolRef) -> FactorReach:
    """The contract of the factor, and that its limit is the exact quotient ``rest`` of max_norm, as ``whole`` bounds it."""
    call = path.last("shrink_factor")
    _, least, most = call.contract
    limit = real(call.arguments["limit"])
    if z3.eq(limit, rest):
        return FactorReach([least], [most])
    same = path.prove("the limit is a float", limit == rest, using=[*path.facts_about(limit), whole])
    return FactorReach([least, same], [most, same])


def is_lost(element: Element, dtype: Any) -> z3.BoolRef:
    """The result is too small for the full precision of its format."""
    return z3.And(magnitude(element.result) < rational(format_of(np.dtype(dtype)).least_normal), element.grad != 0)


def kept_cuts(
    path: Path,
    scaling: Scaling,
    element: Element,
    near: z3.BoolRef,
    small_factor: z3.BoolRef,
    units_in_range: Callable[[Any], Sequence[z3.BoolRef]],
    dtype: Any,
) -> z3.BoolRef:
    """An element's result keeps all but one unit in the last place of its scaled product, if it is not lost."""
    grad, quotient, product, result = element.grad, element.quotient, element.product, element.result
    unit, factor, limit_unit, some = scaling.unit, scaling.factor, scaling.limit_unit, scaling.some
    form = format_of(np.dtype(dtype))
    reach, size = magnitude(quotient) * factor, magnitude(product)
    in_range = lies_in_range(grad, form)
    back = path.prove(
        "quotient times unit",
        magnitude(quotient) * unit == magnitude(grad),
        using=[*path.facts_about(quotient * unit)[:1], scaling.positive],
    )
    less = path.prove(
        "the reach is below the element",
        reach * limit_unit <= magnitude(grad) * BELOW_ONE,
        using=[back, small_factor, some],
        forgetting=[magnitude(quotient)],
    )
    below = path.prove(
        "the product is below the element",
        size * limit_unit <= magnitude(grad) * (1 - rational(16 * U)) + TINY * limit_unit,
        using=[less, near, some],
        forgetting=[reach],
    )
    tame = path.prove(
        "so it is in range",
        size * limit_unit <= rational(form.largest),
        using=[below, in_range, *units_in_range(form)],
        forgetting=[size * limit_unit],
    )
    unmoved = path.prove("scaled sizes", magnitude(product * limit_unit) == size * limit_unit, using=[some])
    return path.prove(
        "a result from below",
        z3.Or(
            is_lost(element, dtype),
            magnitude(result) >= (1 - rational(2 * form.unit_roundoff)) * (size * limit_unit) - TINY * limit_unit,
        ),
        using=[*path.facts_about(element.toward_zero), tame, unmoved, below, some, near, back],
        forgetting=[size * limit_unit, product * limit_unit, reach],
    )


def units_in_range(
    path: Path, unit: z3.ArithRef, limit_unit: z3.ArithRef, nonzero: Sequence[z3.BoolRef], form: Any
) -> Sequence[z3.BoolRef]:
    """The unit is no larger than the largest number, and limit_unit not far above it; from ``nonzero``, some element is not 0."""
    if "unit in range" not in path.memory:
        grads, contract = summed_elements(path), power_sum(path).contract
        some = [lies_in_range(g, form) for g in grads]
        known = path.prove("some element is not 0", z3.Or(*[g != 0 for g in grads]), using=[*contract, *nonzero])
        path.memory["unit in range"] = [
            path.prove("the unit is in range", unit <= rational(form.largest), using=[*contract, *some, known]),
            path.prove(
                "the other unit is not far above",
                limit_unit <= 2.0**66 * unit,
                using=[*path.facts_about(limit_unit), *path.facts_about(limit_of(path))],
            ),
        ]
    return path.memory["unit in range"]


def limit_of(path: Path) -> z3.ArithRef:
    """max_norm, as it was divided by the unit."""
    return scaled_limit(path, power_sum(path).result)[2]


def scaled_limit(path: Path, total: Any) -> tuple[z3.ArithRef, z3.ArithRef, z3.ArithRef, z3.ArithRef]:
    """The power sum, its unit, max_norm, and the exact quotient of max_norm by the unit."""
    value, unit = real(total.value), real(total.unit)
    limit, ratio = next(
        (pair[1], pair[0]) for key, pair in path.memory.items() if key[0] == "quotient" and key[2] == unit.get_id()
    )
    return value, unit, limit, ratio


def bound_factor(path: Path, arguments: dict[str, Any]) -> None:
    """Before an array is shrunk: the factor is at most 4."""
    factor = real(arguments["factor"])
    if ("bounded", factor.get_id()) in path.memory:
        return
    path.memory["bounded", factor.get_id()] = factor
    call = path.last("shrink_factor")
    path.prove(
        "the factor lies in (0, 4]",
        z3.And(factor > 0, factor <= 4),
        using=[*path.facts_about(factor), *_ranges(path, call)],
    )


def _ranges(path: Path, call: Any) -> list[z3.BoolRef]:
    """The preconditions that a call of shrink_factor met."""
    total, limit = real(call.arguments["total"]), real(call.arguments["limit"])
    return [
        path.prove(
            "the total's range",
            z3.And(total >= rational(0.5), limit >= 1, limit <= 2),
            using=path.facts_without(*summed_elements(path)),
        ),
    ]
