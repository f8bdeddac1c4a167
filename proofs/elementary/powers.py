"""What pow makes of 1 and of the exponent 0, bit by bit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from reference.contracts import bare
from reference.elementary import pow  # noqa: A004

FLOAT64 = Array(np.float64, (1,))
EIGHT = {"x": np.array([2.0]), "y": np.array([3.0])}
RUN = Run(pow, {"x": FLOAT64, "y": FLOAT64}, IEEE(), examples=[EIGHT])


def _nan_first(x: Any, y: Any) -> Any:
    return np.where(np.isnan(x) | np.isnan(y), x + y, bare(pow)(x, y))


def known(generator: random.Random) -> dict[str, Any]:
    """Numbers whose power C knows without computing."""
    x, y = (np.array([generator.choice((0.0, 1.0, -1.0, 2.0, np.inf, np.nan))]) for _ in range(2))
    return {"x": x, "y": y}


def each_run() -> Iterator[tuple[str, Run]]:
    """The run on one element."""
    yield "", RUN


prove(
    "ELEM-10",
    pow,
    theory="IEEE(float64)",
    bound="elementwise",
    runs=each_run,
    twins=[
        sampled_twin("nan first", "lets NaN win over the exponent 0", RUN.drawing(known), "ELEM-10", {pow: _nan_first})
    ],
)
