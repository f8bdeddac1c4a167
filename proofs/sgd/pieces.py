"""The one operation of SGD, x + factor · y, in the rounding model."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.prover.describe import prove_in, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Array
from proofs.symbolic.rounded import Rounded
from reference.exactness import exact
from reference.optimizer.clauses import largest_of
from reference.sgd import plus

FLOATS = (np.float16, np.float32, np.float64)


def _minus(x: Any, y: Any, factor: Any) -> Any:
    return x - factor.astype(x.dtype) * y


def _without_factor(x: Any, y: Any, factor: Any) -> Any:
    return x + y


def _whole_factor(x: Any, y: Any, factor: Any) -> Any:
    return x + np.rint(factor).astype(x.dtype) * y


def _is_far_from_overflow(x: Any, y: Any, factor: Any) -> Any:
    most = largest_of(x.dtype) / 4  # the factor is one of the dtype already: rounding it changes nothing
    term = exact(factor.astype(x.dtype)) * exact(y)
    return np.all((np.abs(exact(x)) <= most) & (np.abs(exact(factor)) <= most) & (np.abs(term) <= most))


def plus_run(dtype: Any) -> Run:
    """`plus` of one element; the factor is a number of the dtype."""
    return Run(
        plus,
        {"x": Array(dtype, (1,)), "y": Array(dtype, (1,)), "factor": Array(dtype)},
        Rounded(),
        domain=_is_far_from_overflow,
        examples=[{"x": np.array([1.5], dtype), "y": np.array([0.5], dtype), "factor": dtype(0.25)}],
    )


prove_in(
    FLOATS,
    "SGD-1",
    plus,
    theory="Rounded",
    bound="elementwise, |x|, |factor|, |factor y| <= largest / 4",
    assumes=["ROUNDING"],
    run=plus_run,
    twins=lambda run: [
        sampled_twin("minus", "subtracts", run, "SGD-1", {plus: _minus}),
        sampled_twin("without factor", "forgets the factor", run, "SGD-1", {plus: _without_factor}),
        sampled_twin("whole factor", "rounds the factor to an integer", run, "SGD-1", {plus: _whole_factor}),
    ],
)
