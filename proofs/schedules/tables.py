"""Claims that hold on every input of a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from proofs.prover.claims import Exhaustion, Twin
from proofs.prover.describe import exhaustive
from proofs.prover.obligations import exhaust
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE


def every(
    clause: str,
    function: Callable[..., Any],
    bound: str,
    inputs: Callable[[], Iterable[Mapping[str, Any]]],
    bugs: Iterable[tuple[str, str, Callable[..., Any]]],
    theory: str = "IEEE(float64)",
    planted_in: Callable[..., Any] | None = None,
) -> None:
    """Register the claim that the clause holds on these inputs, and that it fails on one of them for each bug.

    The bugs stand in the place of the function itself, or of one that it calls.
    """
    run = Run(function, {}, IEEE(), clauses=(clause,))

    def hunt(bug: Callable[..., Any]) -> Callable[[], Exhaustion]:
        return lambda: exhaust(dataclasses.replace(run, replaced={planted_in or function: bug}), clause, inputs())

    exhaustive(
        clause,
        function,
        theory=theory,
        bound=bound,
        run=run,
        inputs=inputs,
        twins=[Twin(name, why, exhaust=hunt(bug)) for name, why, bug in bugs],
    )
