"""The machine-readable report of a run."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proofs.prover.claims import Confirmation, Replay
from proofs.prover.evidence import Asked, Result
from proofs.prover.expected import Surprises
from proofs.prover.files import write_atomically
from proofs.prover.run import SOURCE, Outcome
from proofs.prover.sources import source_hash, versions

Json = dict[str, Any]
SCHEMA = 2  # of the file


def make(outcome: Outcome, surprises: Surprises | None, registry: str = SOURCE) -> Json:
    """The report of a run; what is not known is null. One of the shipped registry is held against the traceability table."""
    report: Json = {
        "schema": SCHEMA,
        "state": "complete" if outcome.complete else "partial",
        "registry": registry,
        "selection": list(outcome.selection) or None,
        "started": outcome.started.isoformat(timespec="seconds"),
        "seconds": round(outcome.seconds, 3),
        "versions": versions(),
        "source": source_hash(),
        "claims": [_claim(result, result.claim.id in outcome.selected) for result in outcome.results],
        "expected": None if surprises is None else dataclasses.asdict(surprises),
        "contracts": None,
    }
    report["contracts"] = _contracts(report) if registry == SOURCE else None
    return report


def write(report: Json, build: Path) -> Path:
    """Write the report in one step."""
    path = build / "report.json"
    write_atomically(path, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    return path


def read(build: Path) -> Json | None:
    """The last run's report, if there is a readable one."""
    try:
        report = json.loads((build / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) and report.get("schema") == SCHEMA else None


def durations(report: Json | None) -> dict[tuple[str, str], float]:
    """How long each obligation took in that run, by claim and name."""
    return {
        (claim["id"], item["name"]): item["seconds"]
        for claim in (report or {}).get("claims", ())
        for item in every_obligation(claim)
    }


def every_obligation(claim: Json) -> Iterable[Json]:
    """The obligations of a claim in a report, the twins' included."""
    yield from claim["obligations"]
    for twin in claim["twins"]:
        yield from twin["obligations"]


def _claim(result: Result, selected: bool) -> Json:
    claim, asked = result.claim, result.asked
    return {
        "id": claim.id,
        "row": claim.row,
        "function": claim.function,
        "statement": claim.statement,
        "verb": claim.verb,
        "theory": claim.theory,
        "bound": claim.bound,
        "verdict": result.finding.verdict.value,
        "established": result.established,
        "reason": result.finding.reason or None,
        "gap": result.finding.gap.value or None,
        "solvers": sorted({item.query.solver for item in asked} | ({"crosshair"} if claim.confirm else set())),
        "seconds": round(result.seconds, 3) if selected else None,
        "cost": round(result.cost, 3) if selected and result.cost is not None else None,
        "cached": all(item.cached for item in asked) if asked else None,
        "rests_on": list(claim.rests_on),
        "assumes": list(claim.assumes),
        "location": claim.location or None,
        "cases": result.part.exhaustion.cases if result.part.exhaustion else None,
        "confirmation": _confirmation(result.part.confirmation),
        "obligations": [_obligation(item) for item in result.part.asked],
        "witness": _replay(result.finding.witness),
        "counterexample": _replay(result.finding.counterexample),
        "twins": [
            {
                "name": twin.name,
                "why": twin.why,
                "verdict": found.verdict.value,
                "reason": found.reason or None,
                "counterexample": _replay(found.counterexample),
                "confirmation": _confirmation(part.confirmation),
                "obligations": [_obligation(item) for item in part.asked],
            }
            for twin in claim.twins
            if twin.name in result.twins
            for found, part in (result.twins[twin.name],)
        ],
    }


def _obligation(item: Asked) -> Json:
    return {
        "name": item.name,
        "aim": item.aim.value,
        "answer": item.answer.value,
        "detail": item.detail or item.trouble or None,
        "solver": item.query.solver,
        "seconds": item.seconds,
        "cached": item.cached,
        "replayed": item.replay.confirmed if item.replay else None,
        "query": item.key,
        "file": item.file,
    }


def _confirmation(found: Confirmation | None) -> Json | None:
    """What CrossHair said; the replays stand as witness and counterexample."""
    if found is None:
        return None
    return {"state": found.state, "message": found.message, "seconds": found.seconds, "cached": found.cached}


def _replay(replay: Replay | None) -> Json | None:
    return None if replay is None else {**dataclasses.asdict(replay), "confirmed": bool(replay.confirmed)}


def _contracts(report: Json) -> Any:
    """The traceability table, where there is one."""
    try:
        table = importlib.import_module("proofs.contracts.table")
    except ModuleNotFoundError as error:
        if error.name not in ("proofs.contracts", "proofs.contracts.table"):
            raise
        return None
    return table.build(report)
