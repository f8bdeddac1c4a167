"""Ranges and NaNs of the elementary functions in float16 and bfloat16: the clauses themselves, on every value there is.

That a result is correctly rounded says the same and more; here the clause of the shipped function is what is tried, as it
stands, and a planted bug must break it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from proofs.elementary.exhaustive import FORMATS, VALUES, values
from proofs.prover.claims import CLAIMS, Claim, Exhaustion, Twin
from proofs.prover.describe import location_of, statement_of
from proofs.prover.obligations import judge
from proofs.prover.symbolic_run import Run, clauses_of
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from reference import elementary
from reference.contracts import bare

Function = Callable[[Any], Any]


def every_value(run: Run, clause: str, dtype: Any, **others: Any) -> Exhaustion:
    """All values at once; where the clause fails, one half after the other, down to the first value on which it does."""
    x = values(dtype)
    body = run.replaced.get(run.function, bare(run.function))
    holds = clauses_of(run.function, (clause,))[0].condition
    while x.size > 1 and not np.all(holds(result=body(x, **others), x=x, **others)):
        first, second = np.split(x, [x.size // 2])
        x = second if np.all(holds(result=body(first, **others), x=first, **others)) else first
    return Exhaustion(VALUES, judge(run, {"x": x, **others}, clause) if x.size == 1 else None)


def _one_too_far(function: Function) -> Function:
    """The result, one float further from 0."""

    def broken(x: Any) -> Any:
        result = bare(function)(x)
        return np.nextafter(result, np.copysign(result.dtype.type(np.inf), result))

    return broken


def _of_magnitude(function: Function) -> Function:
    return lambda x: bare(function)(np.abs(x))


def _forgets_one(x: Any) -> Any:
    return bare(elementary.expm1)(x)


TOO_FAR = ("too far", "one float too far from 0")
OF_MAGNITUDE = ("magnitude", "takes the magnitude of the argument")
SUBJECTS: dict[str, tuple[Function, tuple[str, str], Function]] = {
    "ELEM-1": (elementary.exp, ("forgets one", "leaves e**x - 1"), _forgets_one),
    "ELEM-2": (elementary.expm1, TOO_FAR, _one_too_far(elementary.expm1)),
    "ELEM-3": (elementary.tanh, TOO_FAR, _one_too_far(elementary.tanh)),
    "ELEM-4": (elementary.log, OF_MAGNITUDE, _of_magnitude(elementary.log)),
    "ELEM-5": (elementary.log1p, OF_MAGNITUDE, _of_magnitude(elementary.log1p)),
    "ELEM-6": (elementary.sin, TOO_FAR, _one_too_far(elementary.sin)),
    "ELEM-7": (elementary.cos, TOO_FAR, _one_too_far(elementary.cos)),
    "ELEM-8": (elementary.erf, TOO_FAR, _one_too_far(elementary.erf)),
}


def claim(clause: str, format_name: str) -> Claim:
    """Register the claim that a function keeps its clause on every value of a format."""
    function, (name, why), bug = SUBJECTS[clause]
    dtype = FORMATS[format_name]
    run = Run(function, {"x": Array(dtype, (1,))}, IEEE(), clauses=(clause,))
    broken = dataclasses.replace(run, replaced={function: bug})
    return CLAIMS.register(
        Claim(
            id=f"{clause}.{format_name}",
            row="elementary",
            function=f"{function.__module__}.{function.__name__}",
            statement=statement_of(function, clause),
            verb="exhaust",
            theory=f"IEEE({format_name})",
            bound="all 65,536 x",
            exhaust=functools.partial(every_value, run, clause, dtype),
            twins=(
                Twin(
                    name, why, exhaust=functools.partial(every_value, broken, clause, dtype), replaced={function: bug}
                ),
            ),
            location=location_of(function, clause),
        )
    )


for clause in SUBJECTS:
    for format_name in FORMATS:
        claim(clause, format_name)

# ---- powers -------------------------------------------------------------------------------------------------------------

EXPONENTS = (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)


def _sign_of_exponent(x: Any, y: Any) -> Any:
    result = bare(elementary.pow)(x, y)
    return np.where(np.rint(y * 0.5) != y * 0.5, -result, result)


def every_base(run: Run, dtype: Any) -> Exhaustion:
    """All values with each exponent."""
    found = Exhaustion(0, None)
    for exponent in EXPONENTS:
        if found.counterexample is None:
            tried = every_value(run, "ELEM-9", dtype, y=np.array([exponent], dtype))
            found = Exhaustion(found.cases + tried.cases, tried.counterexample)
    return found


def claim_of_powers(format_name: str) -> Claim:
    """Register the claim about the sign of powers in a format."""
    dtype = FORMATS[format_name]
    run = Run(elementary.pow, {"x": Array(dtype, (1,)), "y": Array(dtype, (1,))}, IEEE(), clauses=("ELEM-9",))
    broken = dataclasses.replace(run, replaced={elementary.pow: _sign_of_exponent})
    return CLAIMS.register(
        Claim(
            id=f"ELEM-9.{format_name}",
            row="elementary",
            function=f"{elementary.pow.__module__}.{elementary.pow.__name__}",
            statement=statement_of(elementary.pow, "ELEM-9"),
            verb="exhaust",
            theory=f"IEEE({format_name})",
            bound="all x, y = ±3, ±2, ±1, ±1/2, 0",
            exhaust=functools.partial(every_base, run, dtype),
            twins=(
                Twin(
                    "sign of y",
                    "takes the sign from the exponent alone",
                    exhaust=functools.partial(every_base, broken, dtype),
                    replaced={elementary.pow: _sign_of_exponent},
                ),
            ),
            location=location_of(elementary.pow, "ELEM-9"),
        )
    )


for format_name in FORMATS:
    claim_of_powers(format_name)
