"""The power sums of the linear norms, in the rounding model: the largest magnitude and the sum of the magnitudes."""

from __future__ import annotations

import functools
import random
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
from reference.clipping import PowerSum, maximum, sum_of_magnitudes
from reference.reductions import SUM_ERROR, fold, fold_exponents, largest_magnitude, scale

# ---- the largest magnitude ------------------------------------------------------------------------------------------


def maximum_run(arrays: Arrays) -> Run:
    """maximum on a list of these shapes."""
    return Run(
        maximum,
        {"arrays": arrays},
        Rounded(),
        uses={scale: "contract", largest_magnitude: "contract"},
        script=_maximum_cuts,
        examples=[{"arrays": example(arrays)}],
    )


def _maximum_cuts(path: Path, arguments: dict[str, Any], result: PowerSum) -> None:
    """The largest magnitude is 0 or at least a unit, so nothing is lost when it is divided by it."""
    unit, largest = real(result.unit), real(path.last("largest_magnitude").result)
    quotient, value = path.memory["quotient", largest.get_id(), unit.get_id()][0], real(result.value)
    product = path.facts_about(quotient * unit)[:1]
    floor = path.prove(
        "the largest is 0 or at least a unit",
        z3.And(unit > 0, z3.Or(largest == 0, largest >= unit)),
        forgetting=[quotient * unit],
    )
    large = path.prove(
        "so its quotient is 0 or at least 1", z3.Or(quotient == 0, quotient >= 1), using=[floor, *product]
    )
    kept = path.prove("and is a float", value == quotient, using=[*path.facts_about(value), large])
    path.prove("times the unit", value * unit == largest, using=[kept, floor, *product])


def _largest_signed(arrays: Any) -> PowerSum:
    largest = functools.reduce(np.maximum, [np.max(array).astype(np.float64) for array in arrays], np.float64(0))
    unit = scale(arrays)
    return PowerSum(largest / unit, np.bool_(True), unit)


def _without_its_unit(arrays: Any) -> PowerSum:
    return PowerSum(largest_magnitude(arrays), np.bool_(True), scale(arrays))


for dtype in FLOATS:
    name = np.dtype(dtype).name
    pair = maximum_run(Arrays((Array(dtype, (2,)),)))
    prove(
        "CLIP-14",
        maximum,
        variant=name,
        theory=f"Rounded({name})",
        bound="n <= 4, lists of up to 3",
        runs=functools.partial(each_list, dtype, maximum_run),
        rests_on=(f"RED-20.{name}", f"RED-47.{name}"),
        assumes=["ROUNDING"],
        twins=[
            sampled_twin(
                "signed", "takes the largest, not the largest magnitude", pair, "CLIP-14", {maximum: _largest_signed}
            ),
            sampled_twin("unscaled", "does not divide by the unit", pair, "CLIP-14", {maximum: _without_its_unit}),
        ],
    )

# ---- the sum of the magnitudes --------------------------------------------------------------------------------------


def bound_magnitudes(path: Path, arguments: dict[str, Any]) -> None:
    """Before a first fold: its terms, magnitudes of scaled elements, are about below 2."""
    if arguments["exponent"] < 0:
        return
    for scaled in scaled_elements(path):
        if ("bounded", scaled.value.get_id()) not in path.memory:
            path.memory["bounded", scaled.value.get_id()] = scaled
            path.prove("a scaled element is about below 2", z3.And(scaled.value > -2.001, scaled.value < 2.001))
    for term in reals(arguments["x"]):
        path.prove("a term is below 2.1", z3.And(rational(-2.1) < term, term < rational(2.1)))


def magnitude_cuts(path: Path, arguments: dict[str, Any], result: PowerSum) -> None:
    """From the folds to the sum of the quotients' magnitudes, linear, then to that of the elements."""
    unit, value, exact = real(result.unit), real(result.value), result.exact.elements.item()
    elements = scaled_elements(path)
    quotients = [scaled.quotient for scaled in elements]
    products = [quotient * unit for quotient in quotients]
    checks = [
        flag for call in path.calls if call.function == "divides_exactly" for flag in call.result.elements.ravel()
    ]
    error, total = rational(SUM_ERROR), sum_of([magnitude(quotient) for quotient in quotients])

    positive = path.prove("the unit is positive", unit > 0)
    large = far_from_zero(path, elements, unit, positive)
    sizes = [magnitude(quotient) for quotient in quotients]
    path.prove("so is the sum of all, or 0", z3.Or(total >= 1, total == 0), using=[large])
    for scaled, size in zip(elements, sizes, strict=True):
        path.prove("a magnitude is not negative", z3.And(size >= 0, magnitude(scaled.value) >= 0), using=[])
        if z3.eq(scaled.value, scaled.quotient):
            continue
        close = path.prove(
            "the scaled element is its quotient but for underflow",
            magnitude(scaled.value - scaled.quotient) <= UNDERFLOW,
        )
        zero = path.prove("zero stays zero", z3.Implies(scaled.quotient == 0, scaled.value == 0))
        kept = path.prove(
            "an exact sum lost nothing in scaling",
            z3.Implies(exact, scaled.value == scaled.quotient),
            using=[*path.facts_about(*checks), *path.facts_about(scaled.quotient * unit), positive],
        )
        path.prove("so are their magnitudes", magnitude(magnitude(scaled.value) - size) <= UNDERFLOW, using=[close])
        path.prove(
            "and where it says so, equal",
            z3.Implies(exact, magnitude(scaled.value) == size),
            using=[kept],
        )
        path.prove("zero stays zero", z3.Implies(size == 0, magnitude(scaled.value) == 0), using=[zero])
    forgotten = [*products, *sizes, *(magnitude(scaled.value) for scaled in elements)]
    near = path.prove("the scaled sum is near", magnitude(value - total) <= error * total, forgetting=forgotten)
    same = path.prove(
        "the scaled sum is exact where it says so", z3.Implies(exact, value == total), forgetting=forgotten
    )
    path.prove("the value", z3.Or(value >= rational(0.5), value == 0), forgetting=forgotten)
    enlarged = path.prove(
        "the error scales",
        magnitude(value * unit - total * unit) <= error * (total * unit),
        using=[near, positive],
        forgetting=[value, total],
    )
    links = [
        path.prove(
            "an unscaled magnitude",
            magnitude(scaled.element) == magnitude(scaled.quotient) * unit,
            using=[z3.Implies(unit != 0, product == scaled.element), positive],
        )
        for scaled, product in zip(elements, products, strict=True)
    ]
    originals = [magnitude(scaled.element) for scaled in elements]
    whole = path.prove("the magnitudes add up", sum_of(originals) == total * unit, using=links, forgetting=originals)
    path.prove(
        "the error",
        magnitude(value * unit - sum_of(originals)) <= error * sum_of(originals),
        using=[enlarged, whole],
        forgetting=[total * unit, value * unit, *originals],
    )
    path.prove(
        "exactness",
        z3.Implies(exact, value * unit == sum_of(originals)),
        using=[same, whole],
        forgetting=[total, *originals],
    )


def magnitudes_run(arrays: Arrays) -> Run:
    """sum_of_magnitudes on a list of these shapes."""
    return Run(
        sum_of_magnitudes,
        {"arrays": arrays},
        Rounded(),
        uses={**PIECES, scale: "contract"},
        leaving_out=COMPLETE,
        before={fold_exponents: bound_quotients, fold: bound_magnitudes},
        script=magnitude_cuts,
        examples=[{"arrays": example(arrays)}],
    )


def float32_magnitudes(arrays: Any) -> PowerSum:
    """A planted bug: the sum in float32, of the right unit."""
    unit, total = scale(arrays), np.float32(0)
    for array in arrays:
        total = total + np.sum(np.abs(array.astype(np.float64) / unit).astype(np.float32))
    return PowerSum(total.astype(np.float64), np.bool_(False), unit)


def taken_for_exact(arrays: Any) -> PowerSum:
    """A planted bug: the right sum, and a flag that always says exact."""
    return contracts.bare(sum_of_magnitudes)(arrays)._replace(exact=np.bool_(True))


def forgets_underflow(arrays: Any) -> PowerSum:
    """A planted bug: a flag that does not ask whether the division by the unit lost something."""
    scaled = [array.astype(np.float64) / scale(arrays) for array in arrays]
    return contracts.bare(sum_of_magnitudes)(scaled)._replace(unit=scale(arrays))


def _far_apart(generator: random.Random) -> dict[str, Any]:
    """A large element, and one of which nothing is left when it is divided by the other's unit."""
    return {"arrays": [np.array([generator.uniform(1, 2) * 2.0**1000, generator.uniform(1, 2) * 2.0**-600])]}


_underflow = sampled_twin(
    "underflow",
    "forgets what the division loses",
    magnitudes_run(Arrays((Array(np.float64, (2,)),))).drawing(_far_apart),
    "CLIP-15",
    {sum_of_magnitudes: forgets_underflow},
)


def _signed(arrays: Any) -> PowerSum:
    unit = scale(arrays)
    total = sum((np.sum(array.astype(np.float64) / unit) for array in arrays), np.float64(0))
    return PowerSum(np.abs(total), np.bool_(False), unit)


for dtype in FLOATS:
    name = np.dtype(dtype).name
    triple = magnitudes_run(Arrays((Array(dtype, (3,)),)))
    bugs = [("float32", "accumulates in float32", float32_magnitudes), ("signed", "forgets the magnitudes", _signed)]
    if dtype != np.float16:  # float64 holds all sums of a few float16 exactly
        bugs.append(("exact", "takes every sum for exact", taken_for_exact))
    prove(
        "CLIP-15",
        sum_of_magnitudes,
        variant=name,
        theory=f"Rounded({name})",
        bound="n <= 4, one array",
        runs=functools.partial(each_vector, dtype, magnitudes_run),
        rests_on=(*PIECE_CLAIMS, f"RED-20.{name}"),
        assumes=["ROUNDING"],
        twins=[
            *(sampled_twin(bug, why, triple, "CLIP-15", {sum_of_magnitudes: code}) for bug, why, code in bugs),
            *([_underflow] if dtype == np.float64 else []),
        ],
    )
