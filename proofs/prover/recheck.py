"""A second opinion: ask another solver the queries of the last run."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proofs.prover import tasks
from proofs.prover.claims import Query
from proofs.prover.pool import Failure, Pool
from proofs.prover.report import every_obligation
from proofs.prover.run import GRACE, Settings
from proofs.prover.solvers import Solved, version


class Opinion(enum.Enum):
    """What the second solver said to the first one's answer."""

    CONFIRMED = "confirmed"
    OPEN = "open"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True)
class Second:
    """One query with both answers."""

    claim: str
    name: str
    file: str
    query: str
    first: str
    second: str
    opinion: Opinion


def recheck(report: dict[str, Any], solver: str, settings: Settings) -> list[Second]:
    """Ask ``solver`` every query of a report that another solver answered, in the report's order."""
    version(solver)  # an unknown solver is an error here, not an open answer to every query
    pool = Pool(settings.jobs, ["proofs.prover.tasks"])
    found: dict[int, Second] = {}
    limit = 10.0 if settings.timeout is None else settings.timeout
    for number, (claim, item) in enumerate(_answered(report, solver)):

        def done(
            outcome: Solved | Failure, seconds: float, number: int = number, claim: str = claim, item: Any = item
        ) -> None:
            second = outcome.text if isinstance(outcome, Failure) else outcome.answer.value
            found[number] = Second(
                claim,
                item["name"],
                item["file"],
                item["query"],
                item["answer"],
                second,
                _opinion(item["answer"], second),
            )

        text = _script(settings.build / item["file"])
        if text is None:
            done(Failure("its file is missing"), 0.0)
        else:
            pool.submit(tasks.ask, Query(text, solver, limit), settings.cache, limit=limit + GRACE, done=done)
    pool.drain()
    return [found[number] for number in sorted(found)]


def content(report: dict[str, Any], solver: str, seconds: Sequence[Second], took: float) -> dict[str, Any]:
    """What is written of a second opinion: whose, when, on which sources, and what became of each query."""
    counts = Counter(second.opinion for second in seconds)
    return {
        "solver": solver,
        "version": version(solver),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(took, 3),
        "source": report["source"],
        "counts": {opinion.value: counts[opinion] for opinion in Opinion},
        "queries": [{**vars(second), "opinion": second.opinion.value} for second in seconds],
    }


def _answered(report: dict[str, Any], solver: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for claim in report["claims"]:
        for item in every_obligation(claim):
            if item["answer"] in ("sat", "unsat") and item["solver"] != solver:
                yield claim["id"], item


def _opinion(first: str, second: str) -> Opinion:
    if second not in ("sat", "unsat"):
        return Opinion.OPEN
    return Opinion.CONFIRMED if first == second else Opinion.CONTRADICTED


def _script(path: Path) -> str | None:
    """The query of a file, without its header and its (check-sat)."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    lines = [line for line in text.splitlines() if not line.startswith(";") and line.strip() != "(check-sat)"]
    return "\n".join(lines)
