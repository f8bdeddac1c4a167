"""Correct rounding of the elementary functions in float16 and bfloat16: every one of 65,536 values, NaNs included."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock

import ml_dtypes
import numpy as np

import reference.elementary
from proofs.elementary.oracle import expected, same
from proofs.prover.claims import CLAIMS, Claim, Exhaustion, Twin
from proofs.prover.describe import location_of
from proofs.prover.obligations import judge
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from reference import contracts
from reference.elementary import arithmetic, error_function, exponential, logarithm, trigonometric

Function = Callable[[Any], Any]

VALUES = 1 << 16
FORMATS = {"float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
TENS = {"float16": 10, "bfloat16": 20}  # ELEM-11 is about exp in float16, ELEM-21 in bfloat16
SUBJECTS = {  # each function, and the polynomial that a planted bug changes
    "exp": (exponential, "EXP_TAIL"),
    "expm1": (exponential, "EXP_TAIL"),
    "tanh": (exponential, "EXP_TAIL"),
    "log": (logarithm, "LOG_TAIL"),
    "log1p": (logarithm, "LOG_TAIL"),
    "sin": (trigonometric, "SIN_TAIL"),
    "cos": (trigonometric, "COS_TAIL"),
    "erf": (error_function, "ERF_RATIO"),
}


def values(dtype: Any) -> Any:
    """Every value of a format of 16 bits."""
    return np.arange(VALUES, dtype=np.uint16).view(dtype)


def subject(name: str, clause: str) -> Function:
    """A function of the reference under the clause that its result is the real value, rounded once."""
    function = getattr(reference.elementary, name)

    @contracts.ensure(clause, lambda result, x: np.all(same(result, expected(name, x))))
    def correctly_rounded(x: Any) -> Any:
        return function(x)

    return correctly_rounded


def every_value(name: str, dtype: Any, run: Run, clause: str) -> Exhaustion:
    """All values at once; what looks wrong is judged by a call of its own."""
    x = values(dtype)
    function = getattr(reference.elementary, name)
    body = run.replaced.get(function, contracts.bare(function))
    wrong = np.flatnonzero(~same(body(x), expected(name, x)))
    verdicts = [judge(run, {"x": x[i : i + 1]}, clause) for i in wrong[:1]]
    return Exhaustion(VALUES, verdicts[0] if verdicts else None)


def _inexact_coefficient(name: str, module: ModuleType, constant: str) -> Function:
    coefficients = getattr(module, constant)
    inexact = (coefficients[0] * 1.001, *coefficients[1:])

    def broken(x: Any) -> Any:
        with mock.patch.object(module, constant, inexact):
            return contracts.bare(getattr(reference.elementary, name))(x)

    return broken


def _with_rounding(name: str, rounding: Callable[[Any, Any], Any]) -> Function:
    """The function with another rounding of its float64 value; ``rounding`` takes the value and the dtype."""

    def broken(x: Any) -> Any:
        with mock.patch.object(arithmetic, "rounded", rounding):
            return contracts.bare(getattr(reference.elementary, name))(x)

    return broken


_rounded = arithmetic.rounded


def _twice(value: Any, dtype: Any) -> Any:
    return _rounded(value.astype(np.float32).astype(np.float64), dtype)


def _toward_zero(value: Any, dtype: Any) -> Any:
    nearest = _rounded(value, dtype)
    away = np.abs(nearest.astype(np.float64)) > np.abs(value)
    return np.where(away, np.nextafter(nearest, dtype.type(0)), nearest)


def bugs(name: str, format_name: str) -> list[tuple[str, str, Function]]:
    """Planted bugs. Rounding twice goes unnoticed in bfloat16 by all functions, in float16 by tanh: no value is close enough."""
    found = [
        (
            "inexact coefficient",
            "the first coefficient off by a thousandth",
            _inexact_coefficient(name, *SUBJECTS[name]),
        ),
        ("toward zero", "rounds toward zero", _with_rounding(name, _toward_zero)),
    ]
    if format_name == "float16" and name != "tanh":
        found.append(("twice", "rounds to float32 first", _with_rounding(name, _twice)))
    return found


def claim(name: str, position: int, format_name: str) -> Claim:
    """Register the claim about one function in one format."""
    clause, dtype = f"ELEM-{TENS[format_name] + position}", FORMATS[format_name]
    function = getattr(reference.elementary, name)
    checked = subject(name, clause)
    run = Run(checked, {"x": Array(dtype, (1,))}, IEEE(), clauses=(clause,))

    def exhaust(bug: Function | None = None) -> Exhaustion:
        tried = run if bug is None else dataclasses.replace(run, replaced={function: bug})
        return every_value(name, dtype, tried, clause)

    return CLAIMS.register(
        Claim(
            id=clause,
            row="elementary",
            function=f"{function.__module__}.{function.__name__}",
            statement="the real value, rounded once to nearest even",
            verb="exhaust",
            theory=format_name,
            bound="all 65,536 x",
            exhaust=exhaust,
            assumes=("ORACLE",),
            twins=tuple(
                Twin(title, why, exhaust=functools.partial(exhaust, bug)) for title, why, bug in bugs(name, format_name)
            ),
            location=location_of(checked, clause),
        )
    )


for format_name in FORMATS:
    for position, name in enumerate(SUBJECTS, 1):
        claim(name, position, format_name)
