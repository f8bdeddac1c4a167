"""The piece of Lion that is its own: the move of one size."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.prover.describe import prove_in, sampled_twin, twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from reference.contracts import bare
from reference.lion import moved


def two_signs(theta: Any, x: Any, lr: Any) -> Any:
    """A move without a sign for 0."""
    return np.where(x >= 0, theta - lr.astype(theta.dtype), theta + lr.astype(theta.dtype))


def _without_nan(theta: Any, x: Any, lr: Any) -> Any:
    return np.where(np.isnan(x), theta, bare(moved)(theta, x, lr))


def _uphill(theta: Any, x: Any, lr: Any) -> Any:
    return bare(moved)(theta, -x, lr)


def _unsigned(theta: Any, x: Any, lr: Any) -> Any:
    return theta - lr.astype(theta.dtype) * x


def move_run(dtype: Any) -> Run:
    """`moved`, lr any finite number from 0 on."""
    element = Array(dtype, (1,), (-4, 4))
    return Run(
        moved,
        {"theta": element, "x": element, "lr": Array(np.float64, (), (0.1, 0.9))},
        IEEE(),
        domain=lambda lr: (lr >= 0) & np.isfinite(lr),
    )


prove_in(
    (np.float16, np.float32, np.float64),
    "LION-1",
    moved,
    theory="IEEE",
    bound="elementwise, lr >= 0, θ no NaN",
    run=move_run,
    twins=lambda run: [
        twin("two signs", "has no sign for 0", run, "LION-1", {moved: two_signs}),
        twin("without NaN", "takes NaN for 0", run, "LION-1", {moved: _without_nan}),
        sampled_twin("uphill", "goes the other way", run, "LION-1", {moved: _uphill}),
        sampled_twin("no sign", "moves by lr x", run, "LION-1", {moved: _unsigned}),
    ],
)
