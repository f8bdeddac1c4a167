"""The pieces of RMSprop that are its own: the variance and the divisor."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.prover.describe import prove_in, sampled_twin, twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Input
from proofs.symbolic.rounded import Rounded
from reference.exactness import exact
from reference.optimizer.clauses import largest_of
from reference.rmsprop import denominator, variance

FLOATS = (np.float16, np.float32, np.float64)


def _unclamped(square_avg: Any, grad_avg: Any) -> Any:
    return square_avg - grad_avg * grad_avg


def _unsquared(square_avg: Any, grad_avg: Any) -> Any:
    return np.where(square_avg < np.abs(grad_avg), square_avg.dtype.type(0), square_avg - np.abs(grad_avg))


def _magnitude(square_avg: Any, grad_avg: Any) -> Any:
    return np.abs(square_avg - grad_avg * grad_avg)


def _uncentered(square_avg: Any, grad_avg: Any) -> Any:
    return square_avg


def _without_epsilon(square_avg: Any, eps: Any) -> Any:
    return np.sqrt(square_avg)


def _subtracted(square_avg: Any, eps: Any) -> Any:
    return np.sqrt(square_avg) - eps.astype(square_avg.dtype)


def _is_far_from_overflow(square_avg: Any, grad_avg: Any) -> Any:
    most = largest_of(square_avg.dtype) / 4
    square = exact(grad_avg) ** 2
    return np.all((square_avg >= 0) & (exact(square_avg) <= most) & (square <= most) & (square >= 0))  # as squares are


def clamp_run(dtype: Any) -> Run:
    """`variance` of any v and ḡ."""
    return Run(variance, {"square_avg": Array(dtype, (1,)), "grad_avg": Array(dtype, (1,))}, IEEE())


def variance_run(dtype: Any) -> Run:
    """`variance` where v is about ḡ², if drawn."""
    near = Array(dtype, (1,), (0.25, 2.0))
    examples = [
        {"square_avg": np.array([v], dtype), "grad_avg": np.array([m], dtype)} for v, m in ((1.25, 0.5), (0.25, 1))
    ]
    inputs: dict[str, Input] = {"square_avg": near, "grad_avg": near}
    return Run(variance, inputs, Rounded(), domain=_is_far_from_overflow, examples=examples)


def divisor_run(dtype: Any) -> Run:
    """`denominator` of any v, ε finite."""
    return Run(
        denominator,
        {"square_avg": Array(dtype, (1,)), "eps": Array(np.float64)},
        IEEE(),
        domain=lambda eps: (eps >= 0) & np.isfinite(eps),
    )


prove_in(
    FLOATS,
    "RMS-1",
    variance,
    theory="IEEE",
    bound="elementwise, all finite v >= 0 and ḡ",
    run=clamp_run,
    twins=lambda run: [twin("torch", "is not kept from being negative", run, "RMS-1", {variance: _unclamped})],
)
prove_in(
    FLOATS,
    "RMS-2",
    variance,
    theory="Rounded",
    bound="elementwise, v >= 0, v and ḡ² <= largest / 4",
    assumes=["ROUNDING"],
    run=variance_run,
    twins=lambda run: [
        sampled_twin("unsquared", "subtracts the mean", run, "RMS-2", {variance: _unsquared}),
        sampled_twin("magnitude", "turns a negative variance around", run, "RMS-2", {variance: _magnitude}),
        sampled_twin("uncentered", "subtracts nothing", run, "RMS-2", {variance: _uncentered}),
    ],
)
prove_in(
    FLOATS,
    "RMS-3",
    denominator,
    theory="IEEE",
    bound="elementwise, v >= 0, eps >= 0",
    run=divisor_run,
    twins=lambda run: [
        twin("without epsilon", "forgets ε", run, "RMS-3", {denominator: _without_epsilon}),
        twin("subtracted", "subtracts ε", run, "RMS-3", {denominator: _subtracted}),
    ],
)
