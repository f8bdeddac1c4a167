"""The one operation of SGD, x + factor · y, in the rounding model."""

from __future__ import annotations

import functools
from fractions import Fraction
from typing import Any

import numpy as np

from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Array
from proofs.symbolic.rounded import Rounded
from reference.exactness import exact
from reference.sgd import plus

FLOATS = (np.float16, np.float32, np.float64)


def _minus(x: Any, y: Any, factor: Any) -> Any:
    return x - factor.astype(x.dtype) * y


def _without_factor(x: Any, y: Any, factor: Any) -> Any:
    return x + y


def _whole_factor(x: Any, y: Any, factor: Any) -> Any:
    return x + np.rint(factor).astype(x.dtype) * y


def _is_far_from_overflow(x: Any, y: Any, factor: Any) -> Any:
    most = (
        Fraction(float(np.finfo(x.dtype).max)) / 4
    )  # the factor is one of the dtype already: rounding it changes nothing
    term = exact(factor.astype(x.dtype)) * exact(y)
    return np.all((np.abs(exact(x)) <= most) & (np.abs(exact(factor)) <= most) & (np.abs(term) <= most))


for dtype in FLOATS:
    name = np.dtype(dtype).name
    run = Run(
        plus,
        {"x": Array(dtype, (1,)), "y": Array(dtype, (1,)), "factor": Array(dtype)},
        Rounded(),
        domain=_is_far_from_overflow,
        examples=[{"x": np.array([1.5], dtype), "y": np.array([0.5], dtype), "factor": dtype(0.25)}],
    )
    plant = functools.partial(sampled_twin, run=run, clause="SGD-1")
    prove(
        "SGD-1",
        plus,
        variant=name,
        theory=f"Rounded({name})",
        bound="elementwise, |x|, |factor|, |factor y| <= largest / 4",
        assumes=["ROUNDING"],
        runs=functools.partial(list, [("", run)]),
        twins=[
            plant("minus", "subtracts", replaced={plus: _minus}),
            plant("without factor", "forgets the factor", replaced={plus: _without_factor}),
            plant("whole factor", "rounds the factor to an integer", replaced={plus: _whole_factor}),
        ],
    )
