"""One run for people: shown while it goes on, held against the lists, written into the report."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from proofs.contracts import table
from proofs.prover import report as reports
from proofs.prover import terminal
from proofs.prover.expected import LISTS, Surprises, compare, read_assumptions, unknown_assumptions
from proofs.prover.run import Outcome, Settings
from proofs.prover.run import run as run_claims


@dataclass(frozen=True)
class Session:
    """What came out of a run, and whether it fails for more than its claims."""

    outcome: Outcome
    surprises: Surprises | None
    failed: bool
    report: reports.Json

    @property
    def exit_code(self) -> int:
        """0 only if everything that was selected is established and nothing surprises; 130 after Ctrl-C."""
        if not self.outcome.complete:
            return 130
        established = bool(self.outcome.ran) and all(result.established for result in self.outcome.ran)
        return 0 if established and not self.failed and not any(self.surprises or ()) else 1


def proving(settings: Settings, selection: Sequence[str] = (), lists: Path = LISTS) -> Session:
    """Run claims, print a line for each and what it comes to, and write ``report.json``.

    Raises: LookupError for a selection that does not exist, ValueError for an unsound registry or a malformed list.
    """
    with terminal.Screen() as screen:
        outcome = run_claims(settings, selection, screen, reports.durations(reports.read(settings.build)))
    surprises = compare(outcome.results, lists) if outcome.complete and not selection else None
    complaints = unknown_assumptions(
        (result.claim for result in outcome.ran), read_assumptions(lists / "ASSUMPTIONS.txt")
    )
    report = reports.make(outcome, surprises, settings.source)
    path = reports.write(report, settings.build)
    for line in terminal.summary(outcome, surprises):
        screen.show(line)
    if report["contracts"]:
        for line in table.lines(report["contracts"]):
            screen.show(line)
    failures = list((report["contracts"] or {}).get("failures", ()))
    for line in (*failures, *(complaints if surprises is None else ())):
        screen.show(line)
    screen.show(f"The report is {path}.")
    return Session(outcome, surprises, bool(failures or complaints), report)


@contextlib.contextmanager
def cache_for(nothing_earlier: bool) -> Iterator[Path]:
    """The cache, or one of this run alone: lemmas of one shape are one query, whatever ran before."""
    if not nothing_earlier:
        yield cache_folder()
        return
    with tempfile.TemporaryDirectory(prefix="proofgrad-cache-") as folder:
        yield Path(folder)


def cache_folder() -> Path:
    """Where answers are kept from run to run."""
    return Path(os.environ.get("PROOFGRAD_CACHE") or ".proofgrad-cache")
