"""All mutants of the kernels, one stage after the other; what is known already is left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from proofs.mutation import reprove
from proofs.mutation.kernels import trial
from proofs.mutation.kernels.texts import Mutant, mutants
from proofs.mutation.kernels.trial import Change, Noticed
from proofs.mutation.mutants import digest
from proofs.prover.claims import CLAIMS
from proofs.prover.files import write_atomically
from proofs.prover.pool import Failure, Pool

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
RESULTS, EXPLAINED = HERE / "results.json", HERE / "explained.yaml"
SANITIZERS = ("undefined", "address", "thread")
STAGES = ("bits", "sanitizers", "claims")
LIMIT = 120.0  # seconds for the calls of a mutant
Json = dict[str, Any]
Watcher = Callable[[Mutant, Json], None]


@dataclass(frozen=True)
class Settings:
    """Mutants at once, the cache of solvers' answers, and how to run the prover."""

    jobs: int = 1
    cache: Path = Path(".proofgrad-cache")
    prover: reprove.Settings = field(default_factory=reprove.Settings)


class Store:
    """The results of all mutants, each with the hash of what it rests on; written after every change."""

    def __init__(self, path: Path = RESULTS, *, keeps: bool = True) -> None:
        self.path, self._keeps = path, keeps
        self.entries: dict[str, Json] = {}
        if keeps and path.exists():
            self.entries = json.loads(path.read_text(encoding="utf-8"))["mutants"]

    def get(self, mutant: Mutant, stage: str) -> Json | None:
        """What a stage found, if that still holds."""
        found = self.entries.get(mutant.id, {}).get(stage)
        return found if found is not None and found["key"] == key(mutant, stage) else None

    def put(self, mutant: Mutant, stage: str, noticed: Noticed | None) -> Json:
        """Keep what a stage found."""
        entry = self.entries.setdefault(
            mutant.id, {"kind": mutant.kind, "change": f"{mutant.before} -> {mutant.after}"}
        )
        entry[stage] = {"key": key(mutant, stage), "noticed": asdict(noticed) if noticed else None}
        self._write()
        return entry[stage]

    def keep_only(self, known: Iterable[str]) -> None:
        """Forget mutants that the sources no longer have."""
        self.entries = {name: entry for name, entry in self.entries.items() if name in {*known}}
        self._write()

    def _write(self) -> None:
        if not self._keeps:
            return
        content = {"schema": 1, "mutants": dict(sorted(self.entries.items()))}
        write_atomically(self.path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def key(mutant: Mutant, stage: str) -> str:
    """A hash of what decides the result of a stage: the sources, and what tries them."""
    beside = [source.digest for source in _sources(mutant.file)]
    return digest(*beside, mutant.file, mutant.kind, mutant.after, str(mutant.line), *_deciding(stage))[:16]


@cache
def _sources(file: str) -> list[Any]:
    return list(Change(file, trial.files()[file]).sources().values())


@cache
def _deciding(stage: str) -> tuple[str, ...]:
    if stage != "claims":
        return (trial.judges(),)
    folder = ROOT / "proofs" / "cuda"
    return tuple(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))


def all_mutants() -> list[Mutant]:
    """Every mutant of every file of the kernels."""
    return [mutant for file, text in trial.files().items() for mutant in mutants(file, text)]


def explanations(path: Path = EXPLAINED) -> dict[str, str]:
    """Why mutants survive, by id."""
    found = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}
    if not isinstance(found, dict) or not all(isinstance(why, str) and why.strip() for why in found.values()):
        raise ValueError(f"{path} must map ids of mutants to reasons")
    return found


def run(chosen: Sequence[Mutant], store: Store, settings: Settings, watch: Watcher, claims: bool = True) -> None:
    """Bring the results of these mutants up to date; each stage tries what the ones before it did not notice."""
    unchanged = trial.against_reference(Change(chosen[0].file, trial.files()[chosen[0].file])) if chosen else None
    if unchanged is not None:
        raise RuntimeError(f"the kernels as they are do not agree with the reference: {unchanged.what}")
    pool = Pool(settings.jobs, ["proofs.mutation.kernels.trial"])
    for mutant in chosen:
        if store.get(mutant, "bits") is None:

            def done(outcome: Noticed | Failure | None, seconds: float, mutant: Mutant = mutant) -> None:
                watch(mutant, store.put(mutant, "bits", _noticed(outcome)))

            pool.submit(trial.against_reference, Change(mutant.file, mutant.text), limit=LIMIT, done=done)
    pool.drain()
    _later(chosen, store, settings, watch, "sanitizers", _watched)
    if claims:
        _later(chosen, store, settings, watch, "claims", lambda mutant: _proven(mutant, settings))


def _later(
    chosen: Sequence[Mutant],
    store: Store,
    settings: Settings,
    watch: Watcher,
    stage: str,
    look: Callable[[Mutant], Noticed | None],
) -> None:
    """A stage for the mutants that no earlier one noticed and nobody has explained."""
    explained = explanations()
    left = [m for m in chosen if not noticed(m, store) and m.id not in explained and store.get(m, stage) is None]
    with ThreadPoolExecutor(settings.jobs) as threads:
        futures = {threads.submit(look, mutant): mutant for mutant in left}
        for future in as_completed(futures):
            watch(futures[future], store.put(futures[future], stage, future.result()))


def _noticed(outcome: Noticed | Failure | None) -> Noticed | None:
    if isinstance(outcome, Failure):
        return Noticed("error", "calls did not end" if outcome.timed_out else outcome.text.splitlines()[-1][:160])
    return outcome


def _watched(mutant: Mutant) -> Noticed | None:
    found = (trial.watched(Change(mutant.file, mutant.text), sanitizer) for sanitizer in SANITIZERS)
    return next((each for each in found if each is not None), None)


def _proven(mutant: Mutant, settings: Settings) -> Noticed | None:
    """The claims about the kernels, run on a copy of the tree with the change."""
    ids = [claim.id for claim in CLAIMS if claim.id.startswith("CUDA-")]
    path = f"accelerated/{mutant.file}"
    folders = ("reference", "accelerated", "proofs")
    found = reprove.reprove(ROOT, path, mutant.text, ids, settings.cache, settings.prover, folders)
    for claim, (verdict, why) in sorted(found.fallen.items()):
        return Noticed("claim", f"{claim} {verdict}: {why}"[:200])
    return Noticed("claim", found.trouble) if found.trouble else None


def noticed(mutant: Mutant, store: Store) -> Json | None:
    """How a mutant was noticed, by the first stage that did."""
    for stage in STAGES:
        found = store.get(mutant, stage)
        if found is not None and found["noticed"] is not None:
            return found["noticed"]
    return None


def is_known(mutant: Mutant, store: Store) -> bool:
    """Whether a mutant was noticed, or all stages looked in vain."""
    return noticed(mutant, store) is not None or all(store.get(mutant, stage) is not None for stage in STAGES)
