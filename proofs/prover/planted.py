"""Bugs in the shipped code: every twin's change is made to it, and claims must turn red with a counterexample.

A twin is refuted by a run of its own, made for it. Here its change stands in the place of the shipped function, and what
runs is what `python -m proofs run` runs: the claims about the functions changed, as they are, and the twin's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from proofs.prover.claims import Claim, Registry, Replay, Twin, registry_at
from proofs.prover.evidence import Verdict
from proofs.prover.run import Settings, run_alone


@dataclass(frozen=True)
class Planted:
    """A bug, and what the claims made of it: the first that an input refutes, or why there is none."""

    claim: Claim
    twin: Twin
    refuted: str
    counterexample: Replay | None
    reason: str = ""


def plantable(registry: Registry, selection: Sequence[str]) -> list[tuple[Claim, Twin]]:
    """The twins of the selected claims that change shipped code; others change a lemma, or try every input themselves."""
    words = set(selection)
    chosen = [claim for claim in registry if not words or {claim.id, claim.row} & words]
    return [(claim, twin) for claim in chosen for twin in claim.twins if twin.replaced]


def plant_each(settings: Settings, pairs: Sequence[tuple[Claim, Twin]]) -> Iterator[Planted]:
    """Plant one bug after the other."""
    registry = registry_at(settings.source)
    for claim, twin in pairs:
        changed = {f"{function.__module__}.{function.__name__}" for function in twin.replaced}
        about = [other for other in registry if other.function in changed and _is_tried(other, claim)]
        yield _planted(settings, claim, twin, about if claim in about else [*about, claim])


def _is_tried(other: Claim, claim: Claim) -> bool:
    """A claim in the same format, or in none."""
    formats = [each.id.partition(".")[2] for each in (other, claim)]
    return other.verb != "refute" and (formats[0] == formats[1] or not all(formats))


def _planted(settings: Settings, claim: Claim, twin: Twin, concerned: Sequence[Claim]) -> Planted:
    reasons = []
    for other in concerned:
        with_bug = replace(settings, planted=(claim.id, twin.name))
        for result in run_alone(with_bug, other):
            if result.finding.verdict is Verdict.REFUTED:
                return Planted(claim, twin, result.claim.id, result.finding.counterexample)
            reasons.append(f"{result.claim.id} is {result.finding.verdict.value}: {result.finding.reason}")
    return Planted(claim, twin, "", None, "; ".join(reasons))
