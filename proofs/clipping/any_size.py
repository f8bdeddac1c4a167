"""The norm of what clipping returns, for any number of elements: induction over the sum.

The cuts of `proofs.clipping.norm_cuts` about one element hold for every element, for all that they share (sum, units,
factor, max_norm) is a variable there. What depends on the number of elements are four sums; each lemma here takes one of
them from k elements to k + 1, or closes the argument for n <= 2**40 elements. Variables are what their names say; ``y`` is
an element's exact quotient by the unit, ``out`` its result.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.clipping.element_cuts import TINY, U
from proofs.clipping.norm_cuts import SURELY
from proofs.clipping.norms import FLOATS, clip_run, near_the_norm
from proofs.prover.claims import CLAIMS, Claim, Obligation
from proofs.prover.describe import location_of, sampled_twin
from proofs.prover.obligations import lemma, script_witness
from proofs.symbolic.inputs import Array, Arrays
from proofs.symbolic.real import rational
from reference.clipping import NORMS, Norm, clip_by_global_norm, scale_toward_zero, shrink_factor
from reference.clipping_clauses import MOST_SHRUNK
from reference.reductions import MOST_TERMS, SUM_ERROR

COUNT, MASS = z3.Reals("count mass")  # how many elements; the exact sum of the squares of the gradients
VALUE, WEIGHT, LIMIT_SQUARED = z3.Reals("value weight limit_squared")  # of the computed sum, unit², max_norm²
SCALE, POWER, REST_SQUARED = z3.Reals("scale power rest_squared")  # limit_unit², factor², (max_norm / limit_unit)²
QUOTIENTS, RESULTS = z3.Reals("quotients results")  # Σ y², Σ out²
Y_SQUARED, GRAD_SQUARED, OUT_SQUARED = z3.Reals("y_squared grad_squared out_squared")

ERROR = rational(SUM_ERROR)
GROWTH = 1 + rational(5 * U)  # of an element's product, squared
SHARED = [WEIGHT > 0, LIMIT_SQUARED > 0]
NEAR = [(1 - ERROR) * MASS <= VALUE * WEIGHT, VALUE * WEIGHT <= (1 + ERROR) * MASS]
COUNTED = [COUNT >= 1, COUNT <= MOST_TERMS]


def results_up_to(count: Any, quotients: Any) -> z3.ArithRef:
    """What the squared results of ``count`` elements add up to at most."""
    return SCALE * (GROWTH * (POWER * quotients) + count * TINY)


def _steps() -> Iterator[Obligation]:
    element = [
        GRAD_SQUARED == Y_SQUARED * WEIGHT,
        OUT_SQUARED <= SCALE * (GROWTH * (POWER * Y_SQUARED) + TINY),
        Y_SQUARED >= 0,
        SCALE > 0,
        POWER > 0,
    ]
    yield lemma("no element: nothing adds up", [*SHARED, SCALE > 0], results_up_to(0, z3.RealVal(0)) >= 0)
    yield lemma(
        "one element more: the squares",
        [MASS == QUOTIENTS * WEIGHT, *element],
        MASS + GRAD_SQUARED == (QUOTIENTS + Y_SQUARED) * WEIGHT,
    )
    yield lemma(
        "one element more: the results",
        [results_up_to(COUNT, QUOTIENTS) >= RESULTS, *element],
        results_up_to(COUNT + 1, QUOTIENTS + Y_SQUARED) >= RESULTS + OUT_SQUARED,
    )
    yield lemma(
        "one element more: within two units",
        [MASS <= 4 * COUNT * WEIGHT, GRAD_SQUARED <= 4 * WEIGHT, *SHARED],
        MASS + GRAD_SQUARED <= 4 * (COUNT + 1) * WEIGHT,
    )


def _within() -> Iterator[Obligation]:
    far = [MASS <= 4 * COUNT * WEIGHT, 2.0**100 * WEIGHT <= LIMIT_SQUARED, *COUNTED, *SHARED]
    yield lemma("far above: within", far, MASS <= LIMIT_SQUARED)
    yield lemma(
        "not far above: the sum is at most 2**43",
        [MASS <= 4 * COUNT * WEIGHT, *NEAR, *COUNTED, *SHARED],
        VALUE <= 2.0**43,
    )
    exact, scaled = z3.Bool("exact"), VALUE * WEIGHT
    reached = z3.Or(
        scaled == 0, scaled * (1 + rational(12 * U)) <= LIMIT_SQUARED, z3.And(exact, scaled <= LIMIT_SQUARED)
    )
    yield lemma(
        "unchanged: within", [reached, z3.Implies(exact, scaled == MASS), *NEAR, *SHARED], MASS <= LIMIT_SQUARED
    )
    yield lemma(
        "clipped: surely not within",
        [scaled * (1 + rational(20 * U)) >= LIMIT_SQUARED, *NEAR, *SHARED],
        LIMIT_SQUARED * rational(SURELY**2) < MASS,
    )


def _clipped() -> Iterator[Obligation]:
    parts = [SCALE > 0, POWER > 0, REST_SQUARED >= 1, LIMIT_SQUARED == REST_SQUARED * SCALE]
    contract = REST_SQUARED * rational(MOST_SHRUNK**2) >= POWER * VALUE
    lighter = (1 - ERROR) * QUOTIENTS <= VALUE
    yield lemma("clipped: the scaled sum is near", [MASS == QUOTIENTS * WEIGHT, *NEAR, *SHARED], lighter)
    times = (1 - ERROR) * (POWER * QUOTIENTS) <= POWER * VALUE
    yield lemma("clipped: times the factor", [lighter, *parts], times)
    whole = GROWTH * (POWER * QUOTIENTS) + COUNT * TINY
    bound = whole <= REST_SQUARED * rational(SURELY**2)
    yield lemma("clipped: the sum over the scale", [times, contract, *parts, *COUNTED], bound)
    yield lemma(
        "clipped: the results are within",
        [SCALE * whole >= RESULTS, bound, *parts],
        LIMIT_SQUARED * rational(SURELY**2) >= RESULTS,
    )


def _witness() -> Obligation:
    three_four = (
        (COUNT, Fraction(2)),
        (MASS, Fraction(25)),
        (VALUE, Fraction(25, 16)),
        (WEIGHT, Fraction(16)),
        (LIMIT_SQUARED, Fraction(4)),
        (SCALE, Fraction(4)),
        (REST_SQUARED, Fraction(1)),
    )
    values = [variable == rational(value) for variable, value in three_four]
    return script_witness("3 and 4 clipped to 2", [*values, *SHARED, *NEAR, *COUNTED])


def obligations() -> Iterator[Obligation]:
    """The steps of the induction, what closes it on each branch, and a witness."""
    yield from _steps()
    yield from _within()
    yield from _clipped()
    yield _witness()


def many_near_the_norm(dtype: Any, generator: random.Random) -> dict[str, Any]:
    """Up to 300 elements and a max_norm near their norm."""
    count = generator.randint(5, 300)
    one = near_the_norm(dtype, generator)
    spread = np.array([generator.uniform(-1, 1) for _ in range(count)])
    grads = [(spread * float(np.max(np.abs(one["grads"][0])) or 1)).astype(dtype)]
    norm = float(np.sqrt(np.sum(np.square(grads[0].astype(np.float64) / 2.0**300)))) * 2.0**300
    return {"grads": grads, "max_norm": np.float64((norm or 1.0) * generator.uniform(0.1, 1.0)), "norm_type": 2.0}


def _factor_above(total: Any, limit: Any, norm: Norm = NORMS[2.0]) -> Any:
    return limit / norm.root(total) * (1 + 2.0**-48)


def _to_nearest(x: Any, unit: Any, dtype: Any) -> Any:
    return (x * unit).astype(dtype)


for dtype in FLOATS:
    name = np.dtype(dtype).name
    bug: tuple[Any, Any] = (shrink_factor, _factor_above) if dtype == np.float64 else (scale_toward_zero, _to_nearest)
    many = clip_run(Arrays((Array(dtype, (4,)),)))
    CLAIMS.register(
        Claim(
            id=f"CLIP-20.{name}",
            row="clipping",
            function="reference.clipping.clip_by_global_norm",
            statement="exact ‖out‖ <= max_norm on both branches; where something is clipped, exact ‖g‖ > (1 - 2**-49) max_norm",
            verb="prove",
            theory=f"Rounded({name})",
            bound="p = 2, any n <= 2**40, inductive",
            build=obligations,
            rests_on=(f"CLIP-1.{name}", f"CLIP-2.{name}", f"CLIP-7.{name}", f"RED-32.{name}"),
            assumes=("ROUNDING",),
            twins=(
                sampled_twin(
                    "no margin",
                    "rounds to nearest (float64: takes a factor without its margin), at 5 to 300 elements",
                    many.drawing(functools.partial(many_near_the_norm, dtype)),
                    "CLIP-1",
                    dict([bug]),
                ),
            ),
            location=location_of(clip_by_global_norm, "CLIP-1"),
        )
    )
