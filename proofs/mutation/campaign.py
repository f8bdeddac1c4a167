"""All mutants of a row, one stage after the other, what is known already left out."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from proofs.mutation import reprove
from proofs.mutation.mutants import Mutant
from proofs.mutation.refute import Change, Trial, trial
from proofs.mutation.results import Json, Keys, Row, Store, explanations_of, name_of
from proofs.prover.claims import registry_at
from proofs.prover.pool import Failure, Pool
from proofs.prover.run import SOURCE

INPUTS, CLAIMS = "inputs", "claims"  # the stages
Watcher = Callable[[Mutant, Json], None]


@dataclass(frozen=True)
class Settings:
    """How to run: processes at once, seconds for the inputs of one mutant, and the prover's own settings."""

    jobs: int = 1
    limit: float = 600.0
    cache: Path = Path(".proofgrad-cache")
    prover: reprove.Settings = field(default_factory=reprove.Settings)
    inputs_only: bool = False


@dataclass(frozen=True)
class Status:
    """Where a mutant stands: refuted by an input, undecided by a claim, survived both stages, or not run."""

    word: str  # "refuted", "undecided", "survived", "not run"
    evidence: str


def run(
    row: Row, mutants: Sequence[Mutant], store: Store, settings: Settings, watch: Watcher = lambda mutant, result: None
) -> None:
    """Bring the results of these mutants up to date; every result is kept as soon as it is there.

    No claim need be run for a mutant whose survival is explained: it counts as a survivor in any case.
    """
    keys, explained = Keys.of(row), explanations_of(row)

    def keep(stage: str) -> Watcher:
        def kept(mutant: Mutant, result: Json) -> None:
            store.put(mutant, stage, result)
            watch(mutant, result)

        return kept

    _search(row, keys, [m for m in mutants if store.get(m, INPUTS, keys.stage_1(m)) is None], settings, keep(INPUTS))
    if settings.inputs_only or not row.has_claims():
        return
    unexplained = [m for m in mutants if m.id not in explained]
    survivors = [m for m in unexplained if (found := store.get(m, INPUTS, keys.stage_1(m))) and not found["killed"]]
    pending = [m for m in survivors if store.get(m, CLAIMS, keys.stage_2(m)) is None]
    _prove(row, keys, pending, settings, keep(CLAIMS))


def _search(row: Row, keys: Keys, mutants: Sequence[Mutant], settings: Settings, keep: Watcher) -> None:
    """Stage 1, each mutant in a process that can be killed."""
    pool = Pool(settings.jobs, ["proofs.mutation.refute", row.module, *row.beside(keys.modules[0].path)])

    def done(mutant: Mutant) -> Callable[[Trial | Failure, float], None]:
        return lambda outcome, seconds: keep(mutant, {"key": keys.stage_1(mutant), **_tried(outcome)})

    def unchanged(outcome: Trial | Failure, seconds: float) -> None:
        if (found := _tried(outcome))["killed"]:
            raise RuntimeError(f"the reference as it is breaks {found['what']} on an input: {found['inputs']}")

    def submit(path: str, source: str, *concerned: set[str], **how: Any) -> None:
        change = Change(name_of(path), source, tuple(row.beside(path)))
        pool.submit(trial, change, *concerned, limit=settings.limit, **how)

    for module in keys.modules if mutants else ():
        submit(module.path, module.source, done=unchanged)
    for mutant in mutants:
        submit(mutant.path, mutant.source, keys.module_of(mutant).concerned(mutant.unit), done=done(mutant))
    pool.drain()


def _tried(outcome: Trial | Failure) -> Json:
    if isinstance(outcome, Failure):
        raise RuntimeError(f"the search for inputs failed: {outcome.text}")
    if outcome.refutation is None:
        return {"killed": False, "difference": outcome.difference}
    return {"killed": True, **asdict(outcome.refutation)}


def _prove(row: Row, keys: Keys, mutants: Sequence[Mutant], settings: Settings, keep: Watcher) -> None:
    """Stage 2, each mutant in a tree of its own; only claims about functions that the change can reach, and laws, are run."""
    if not mutants:
        return
    claims = [
        claim
        for claim in registry_at(settings.prover.source or SOURCE)
        if claim.row == row.name and claim.verb != "refute"
    ]

    def prover(path: str, source: str, chosen: Sequence[str]) -> reprove.Proofs:
        return reprove.reprove(row.root, path, source, chosen, settings.cache, settings.prover)

    unchanged = prover(keys.modules[0].path, keys.modules[0].source, [claim.id for claim in claims])
    if unchanged.fallen or unchanged.trouble:
        fallen = ", ".join(unchanged.fallen) or unchanged.trouble
        raise RuntimeError(f"not established for the reference as it is: {fallen}")

    def proofs(mutant: Mutant) -> Json:
        concerned = keys.module_of(mutant).concerned(mutant.unit)
        chosen = [claim.id for claim in claims if _is_about(claim.function, concerned)]
        result: Json = {"key": keys.stage_2(mutant), "killed": False, "claims": {}}
        if not chosen:
            return result | {"trouble": "no claim is about a function that this change can reach"}
        found = prover(mutant.path, mutant.source, chosen)
        fallen = {claim: {"verdict": verdict, "why": why} for claim, (verdict, why) in found.fallen.items()}
        return result | {"killed": bool(fallen or found.trouble), "claims": fallen, "trouble": found.trouble}

    with ThreadPoolExecutor(settings.jobs) as threads:
        futures = {threads.submit(proofs, mutant): mutant for mutant in mutants}
        try:
            for future in as_completed(futures):
                keep(futures[future], future.result())
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _is_about(function: str, concerned: Container[str]) -> bool:
    """Whether a claim about this function is one about a function of the reference among these, or a law of any."""
    module, _, name = function.rpartition(".")
    return name in concerned or not module.startswith("reference.")


def status(mutant: Mutant, store: Store, keys: Keys, explained: Container[str]) -> Status:
    """What the results say about a mutant; results that no longer hold say nothing."""
    tried = store.get(mutant, INPUTS, keys.stage_1(mutant))
    if tried is None:
        return Status("not run", "no result for this code")
    if tried["killed"]:
        return Status(
            "refuted",
            f"{tried['how']}: {tried['what']}" + (", beyond the bounds of the claims" if tried.get("beyond") else ""),
        )
    proven = store.get(mutant, CLAIMS, keys.stage_2(mutant))
    if proven is None and mutant.id in explained:
        return Status("survived", "the inputs; the claims were not run")
    if proven is None:
        return Status("not run", "survived the inputs; the claims were not run")
    return _proven(proven, tried)


def _proven(proven: Json, tried: Json) -> Status:
    fallen: dict[str, Any] = proven["claims"]
    refuted = [claim for claim, found in fallen.items() if found["verdict"] == "REFUTED"]
    if refuted:
        return Status("refuted", f"claim {', '.join(refuted)}")
    if fallen or proven["killed"]:
        return Status("undecided", f"claim {', '.join(fallen)}" if fallen else str(proven["trouble"]))
    return Status(
        "survived", str(proven.get("trouble") or tried["difference"] or "the same results on all inputs tried")
    )


def sample(row: Row, store: Store, settings: Settings, count: int, seed: int) -> list[str]:
    """Run some mutants again in a scratch store; how what they show now differs from what is kept."""
    keys = Keys.of(row)
    mutants = keys.mutants()
    chosen = random.Random(seed).sample(mutants, min(count, len(mutants)))
    again = Scratch()
    run(row, chosen, again, settings)
    explained = explanations_of(row)
    pairs = [
        (mutant, status(mutant, store, keys, explained), status(mutant, again, keys, explained)) for mutant in chosen
    ]
    return [
        f"{mutant.id} was {old.word} ({old.evidence}), now {new.word} ({new.evidence})"
        for mutant, old, new in pairs
        if old.word != new.word
    ]


class Scratch(Store):
    """Results that are not written anywhere."""

    def __init__(self) -> None:
        super().__init__(Path(os.devnull, "unwritten"))

    def _write(self) -> None:
        pass
