"""The order-independent sum of a list, in the rounding model."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import z3

from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.reductions.lists import (
    FLOATS,
    UNDERFLOW,
    bound_quotients,
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
from proofs.symbolic.rounded import Rounded, _quotient
from proofs.symbolic.terms import sum_of
from reference import contracts
from reference.reductions import SUM_ERROR, TINY, Sum, fold, fold_exponents, reproducible_sum, scale_by

FAR_FROM_OVERFLOW = 2.0**1020
MOST_UNIT = {np.dtype(np.float16): 2.0**16, np.dtype(np.float32): 2.0**128, np.dtype(np.float64): FAR_FROM_OVERFLOW}


def bound_terms(path: Path, arguments: dict[str, Any]) -> None:
    """Before a first fold: its terms, scaled elements, are about below 2."""
    if arguments["exponent"] < 0:
        return
    terms = {term.get_id(): term for term in reals(arguments["x"])}
    for scaled in scaled_elements(path):
        if scaled.value.get_id() not in terms or ("bounded", scaled.value.get_id()) in path.memory:
            continue
        path.memory["bounded", scaled.value.get_id()] = scaled
        path.prove("a scaled element is about below 2", z3.And(scaled.value > -2.001, scaled.value < 2.001))
    for term in reals(arguments["x"]):
        path.prove("a term is below 2.1", z3.And(rational(-2.1) < term, term < rational(2.1)))


def bound_scaled_sum(path: Path, arguments: dict[str, Any]) -> None:
    """Before scaling back: the scaled sum is below 9, so its product with the unit is below 9 units."""
    total, unit = real(arguments["x"]), real(arguments["unit"])
    products = [*(scaled.quotient * unit for scaled in scaled_elements(path)), total * unit]
    most = rational(_most_unit(path))
    small = path.prove("the scaled sum is below 9", z3.And(total > -9, total < 9), forgetting=products)
    within = path.prove("the unit is below overflow", z3.And(unit > 0, unit <= most), forgetting=products)
    path.prove(
        "their product is below 9 units",
        z3.And(-9 * unit <= total * unit, total * unit <= 9 * unit),
        using=[small, within],
    )
    value = real(arguments["x"] * arguments["unit"])
    again = _quotient(value, unit)
    close = path.prove(
        "so is what it rounds to",
        z3.And(-10 * unit <= value, value <= 10 * unit),
        forgetting=[*products, again * unit],
    )
    path.prove(
        "divided again, it is below 10",
        z3.And(again >= -10, again <= 10),
        using=[close, within, *path.facts_about(again * unit)[:1]],
    )


def _most_unit(path: Path) -> float:
    """The largest power of two that a unit of these arrays can be."""
    dtype = path.last("scale").arguments["arrays"][0].dtype
    return MOST_UNIT[dtype]


def sum_cuts(path: Path, arguments: dict[str, Any], result: Sum) -> None:
    """From the folds to the scaled sum, linear in the quotients, then to the sum itself."""
    unit = real(path.last("power_of_two_at_most").result)
    scaled_sum = real(path.last("scale_by").arguments["x"])
    value, exact = real(result.value), result.exact.elements.item()
    elements = [scaled for scaled in scaled_elements(path) if not z3.eq(scaled.element, value)]
    quotients = [scaled.quotient for scaled in elements]
    products = [scaled.quotient * unit for scaled in elements]
    checks = [
        flag for call in path.calls if call.function == "divides_exactly" for flag in call.result.elements.ravel()
    ]
    error = rational(SUM_ERROR)
    total, mass = sum_of(quotients), sum_of([magnitude(q) for q in quotients])

    positive = path.prove("the unit is positive", unit > 0)
    large = far_from_zero(path, elements, unit, positive)
    path.prove("so is the sum of all, or 0", z3.Or(mass >= 1, mass == 0), using=[large])
    for scaled in elements:
        if z3.eq(scaled.value, scaled.quotient):
            continue
        path.prove(
            "the scaled element is its quotient but for underflow",
            magnitude(scaled.value - scaled.quotient) <= UNDERFLOW,
        )
        path.prove("zero stays zero", z3.Implies(scaled.quotient == 0, scaled.value == 0))
        path.prove(
            "an exact sum lost nothing in scaling",
            z3.Implies(exact, scaled.value == scaled.quotient),
            using=[*path.facts_about(*checks), *path.facts_about(scaled.quotient * unit), positive],
        )
    near = path.prove("the scaled sum is near", magnitude(scaled_sum - total) <= error * mass, forgetting=products)
    same = path.prove(
        "the scaled sum is exact where it says so", z3.Implies(exact, scaled_sum == total), forgetting=products
    )
    moved, whole, weight = scaled_sum * unit, total * unit, mass * unit
    back = path.prove("scaling back loses to underflow alone", magnitude(value - moved) <= rational(TINY))
    kept = path.prove("or nothing", z3.Implies(exact, value == moved), forgetting=[*products, moved])
    enlarged = path.prove(
        "the error scales",
        magnitude(moved - whole) <= error * weight,
        using=[near, positive],
        forgetting=[scaled_sum, total, mass],
    )
    same_scaled = path.prove(
        "and exactness stays", z3.Implies(exact, moved == whole), using=[same], forgetting=[scaled_sum, total]
    )
    links = [
        path.prove(
            "an unscaled element",
            z3.And(scaled.element == product, magnitude(scaled.element) == magnitude(scaled.quotient) * unit),
            using=[z3.Implies(unit != 0, product == scaled.element), positive],
        )
        for scaled, product in zip(elements, products, strict=True)
    ]
    originals = [scaled.element for scaled in elements]
    added = path.prove("the elements add up", sum_of(originals) == whole, using=links, forgetting=originals)
    magnitudes = sum_of([magnitude(x) for x in originals])
    weighed = path.prove(
        "and their magnitudes", magnitudes == weight, using=links, forgetting=[magnitude(x) for x in originals]
    )
    path.prove(
        "the error",
        magnitude(value - sum_of(originals)) <= error * magnitudes + rational(TINY),
        using=[back, enlarged, added, weighed],
        forgetting=[moved, whole, weight, magnitudes],
    )
    path.prove(
        "exactness",
        z3.Implies(exact, value == sum_of(originals)),
        using=[same_scaled, kept, added],
        forgetting=[whole, moved],
    )


def sum_run(arrays: Arrays) -> Run:
    """reproducible_sum on a list of these shapes; float64 far from overflow."""
    wide = arrays.members[0].dtype == np.float64
    return Run(
        reproducible_sum,
        {"arrays": arrays},
        Rounded(),
        uses=PIECES,
        leaving_out=COMPLETE,
        domain=_far_from_overflow if wide else None,
        before={fold_exponents: bound_quotients, fold: bound_terms, scale_by: bound_scaled_sum},
        script=sum_cuts,
        examples=[{"arrays": example(arrays)}],
    )


def _far_from_overflow(arrays: Any) -> Any:
    below = [np.all(np.abs(array) <= FAR_FROM_OVERFLOW) for array in arrays]
    return functools.reduce(np.logical_and, below)


def _sum_in_float32(arrays: Any) -> Sum:
    total = np.float32(0)
    for array in arrays:
        total = total + np.sum(array.astype(np.float32))
    return Sum(total.astype(np.float64), np.bool_(False))


def _sum_taken_for_exact(arrays: Any) -> Sum:
    return Sum(contracts.bare(reproducible_sum)(arrays).value, np.bool_(True))


for dtype in FLOATS:
    name = np.dtype(dtype).name
    triple = sum_run(Arrays((Array(dtype, (3,)),)))
    narrow = sampled_twin("in float32", "accumulates in float32", triple, "RED-9", {reproducible_sum: _sum_in_float32})
    taken = sampled_twin(
        "exact", "takes every sum for exact", triple, "RED-9", {reproducible_sum: _sum_taken_for_exact}
    )
    prove(
        "RED-9",
        reproducible_sum,
        variant=name,
        theory=f"Rounded({name})",
        bound="n <= 4, lists of up to 3" + (", |x| <= 2**1020" if dtype == np.float64 else ""),
        runs=functools.partial(each_vector, dtype, sum_run),
        rests_on=(*PIECE_CLAIMS, f"RED-43.{name}"),
        assumes=["ROUNDING"],
        twins=[narrow] if dtype == np.float16 else [narrow, taken],  # float64 holds all sums of a few float16 exactly
    )
