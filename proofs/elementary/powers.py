"""What pow makes of 1 and of the exponent 0, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from proofs.prover.describe import prove, twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from reference.contracts import bare
from reference.elementary import pow  # noqa: A004

FLOAT64 = Array(np.float64, (1,))
RUN = Run(pow, {"x": FLOAT64, "y": FLOAT64}, IEEE())


def _nan_first(x: Any, y: Any) -> Any:
    return np.where(np.isnan(x) | np.isnan(y), x + y, bare(pow)(x, y))


def each_run() -> Iterator[tuple[str, Run]]:
    """The run on one element."""
    yield "", RUN


prove(
    "ELEM-10",
    pow,
    theory="IEEE(float64)",
    bound="elementwise",
    timeout=300,
    runs=each_run,
    twins=[twin("nan first", "lets NaN win over the exponent 0", RUN, "ELEM-10", {pow: _nan_first})],
)
