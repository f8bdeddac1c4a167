"""A witness that is given rather than sought."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.prover.claims import Aim
from proofs.prover.obligations import obligations
from proofs.prover.solvers import solve
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from reference.contracts import ensure


@ensure("HALF-1", lambda result, x: np.all((result * 2 == x) | (np.abs(x) < 1)))
def half(x: Any) -> Any:
    """Another power of two for negative numbers."""
    return np.frexp(x)[0] * np.ldexp(np.float64(1), np.frexp(x)[1] - 1) if np.all(x > 0) else x * 0.5


RUN = Run(
    half,
    {"x": Array(np.float64, (1,))},
    IEEE(),
    clauses=("HALF-1",),
    examples=[{"x": np.array([6.5])}, {"x": np.array([-3.0])}],
)


def test_in_floats_an_example_is_the_witness_of_the_path_that_it_takes() -> None:
    witnesses = [each for each in obligations(RUN) if each.aim is Aim.WITNESS]
    seen = []
    for witness in witnesses:
        assert witness.replay is not None
        verdict = witness.replay(solve(witness.query).model)
        assert verdict.confirmed
        seen.append(verdict.inputs["x"])
    assert [text.partition(" = ")[0] for text in seen] == ["float64[6.5", "float64[-3.0"]
