"""How a statement that one would like to be true is kept with the input that refutes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proofs.prover.claims import CLAIMS, Claim, Exhaustion, Replay
from proofs.symbolic.inputs import show


def false_statement(
    name: str, step: Callable[..., Any], statement: str, holds: Callable[..., bool], theory: str, **inputs: Any
) -> Claim:
    """Register a statement that a shipped step breaks on an input; ``holds`` runs it and says whether it kept the statement."""

    def run() -> Exhaustion:
        broken = not holds(**inputs)
        shown = {key: show(value) for key, value in inputs.items()}
        return Exhaustion(1, Replay(broken, shown, {}, statement) if broken else None)

    return CLAIMS.register(
        Claim(
            id=name,
            row=step.__module__.split(".")[1],
            function=f"{step.__module__}.{step.__name__}",
            statement=statement,
            verb="refute",
            theory=theory,
            bound="one input",
            exhaust=run,
        )
    )
