"""What the laws of all optimizers are stated with: two steps to compare, and bugs planted into a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from proofs.prover.claims import Twin
from proofs.prover.describe import sampled_twin
from proofs.prover.symbolic_run import Run
from reference.optimizer.steps import Stepped


class Both(NamedTuple):
    """The results of two steps."""

    one: Stepped
    other: Stepped


def planting(
    step: Callable[..., Any], planted: Callable[[str], Callable[..., Any]], tries: int
) -> Callable[..., list[Twin]]:
    """How to plant bugs into a step: of a run, a clause and names of bugs, the twins that have one of them each."""

    def bugs(run: Run, clause: str, *names: str) -> list[Twin]:
        return [sampled_twin(name, f"has the bug: {name}", run, clause, {step: planted(name)}, tries) for name in names]

    return bugs
