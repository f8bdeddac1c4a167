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
from proofs.symbolic.rounded import Rounded
from reference.contracts import ensure
from reference.exactness import exact


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


@ensure("FLAG-1", lambda result, x: ~result | (exact(x) >= 0))
def is_surely_positive(x: Any) -> Any:
    """A flag whose contract lets it say no where yes would be right."""
    return x > 0


@ensure("FLAG-2", lambda result, x: exact(result) >= exact(x))
def positive_part(x: Any) -> Any:
    """x, or 0 where that is larger."""
    return x if is_surely_positive(x) else np.maximum(x, 0.0)


def test_an_example_is_the_witness_of_a_path_on_which_a_flag_says_less_than_it_does() -> None:
    run = Run(
        positive_part,
        {"x": Array(np.float64)},
        Rounded(),
        clauses=("FLAG-2",),
        uses={is_surely_positive: "contract"},
        examples=[{"x": np.float64(3)}],
    )
    witnesses = [each for each in obligations(run) if each.aim is Aim.WITNESS]
    assert [solve(witness.query).model["x"] for witness in witnesses] == ["3.0", "3.0"]
