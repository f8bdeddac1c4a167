"""The pieces of RMSprop that are its own: the variance and the divisor."""

from __future__ import annotations

import functools
from fractions import Fraction
from typing import Any

import numpy as np

from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from proofs.symbolic.rounded import Rounded
from reference.exactness import exact
from reference.rmsprop import denominator, variance


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
    most = Fraction(float(np.finfo(square_avg.dtype).max)) / 4
    square = exact(grad_avg) ** 2
    return np.all((square_avg >= 0) & (exact(square_avg) <= most) & (square <= most) & (square >= 0))  # as squares are


for dtype in (np.float16, np.float32, np.float64):
    name = np.dtype(dtype).name
    pair = {"square_avg": Array(dtype, (1,)), "grad_avg": Array(dtype, (1,))}
    near = {name: Array(dtype, (1,), (0.25, 2.0)) for name in pair}  # where v is about ḡ²
    clamp_run = Run(variance, pair, IEEE())
    prove(
        "RMS-1",
        variance,
        variant=name,
        theory=f"IEEE({name})",
        bound="elementwise, all finite v >= 0 and ḡ",
        runs=functools.partial(list, [("", clamp_run)]),
        twins=[twin("torch", "is not kept from being negative", clamp_run, "RMS-1", {variance: _unclamped})],
    )
    variance_run = Run(
        variance,
        near,
        Rounded(),
        domain=_is_far_from_overflow,
        examples=[
            {"square_avg": np.array([v], dtype), "grad_avg": np.array([m], dtype)} for v, m in ((1.25, 0.5), (0.25, 1))
        ],
    )
    plant = functools.partial(sampled_twin, run=variance_run, clause="RMS-2")
    prove(
        "RMS-2",
        variance,
        variant=name,
        theory=f"Rounded({name})",
        bound="elementwise, v >= 0, v and ḡ² <= largest / 4",
        assumes=["ROUNDING"],
        runs=functools.partial(list, [("", variance_run)]),
        twins=[
            plant("unsquared", "subtracts the mean", replaced={variance: _unsquared}),
            plant("magnitude", "turns a negative variance around", replaced={variance: _magnitude}),
            plant("uncentered", "subtracts nothing", replaced={variance: _uncentered}),
        ],
    )
    divisor_run = Run(
        denominator,
        {"square_avg": Array(dtype, (1,)), "eps": Array(np.float64)},
        IEEE(),
        domain=lambda eps: (eps >= 0) & np.isfinite(eps),
    )
    prove(
        "RMS-3",
        denominator,
        variant=name,
        theory=f"IEEE({name})",
        bound="elementwise, v >= 0, eps >= 0",
        runs=functools.partial(list, [("", divisor_run)]),
        twins=[
            twin("without epsilon", "forgets ε", divisor_run, "RMS-3", {denominator: _without_epsilon}),
            twin("subtracted", "subtracts ε", divisor_run, "RMS-3", {denominator: _subtracted}),
        ],
    )
