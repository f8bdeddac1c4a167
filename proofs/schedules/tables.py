"""Claims that hold on every input of a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from proofs.prover.claims import CLAIMS, Claim, Exhaustion, Twin
from proofs.prover.describe import location_of, statement_of
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
    variant: str = "",
) -> None:
    """Register the claim that the clause holds on these inputs, and that it fails on one of them for each bug.

    The bugs stand in the place of the function itself, or of the one that the claim is about: whose course this is.
    """
    run = Run(function, {}, IEEE(), clauses=(clause,))
    about = planted_in or function

    def hunt(bug: Callable[..., Any]) -> Callable[[], Exhaustion]:
        return lambda: exhaust(dataclasses.replace(run, replaced={about: bug}), clause, inputs())

    CLAIMS.register(
        Claim(
            id=f"{clause}.{variant}" if variant else clause,
            row="schedules",
            function=f"{about.__module__}.{about.__name__}",
            statement=statement_of(function, clause),
            verb="exhaust",
            theory=theory,
            bound=bound,
            exhaust=lambda: exhaust(run, clause, inputs()),
            twins=tuple(Twin(name, why, exhaust=hunt(bug), replaced={about: bug}) for name, why, bug in bugs),
            location=location_of(function, clause),
        )
    )
