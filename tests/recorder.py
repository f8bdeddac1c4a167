"""What a run of all tests came to, kept in ``build/tests.json`` (or in the folder ``PROOFGRAD_BUILD``) for the audit report.

Only a whole run is kept: one that was asked for some files or some names, that was ended early or stopped at the first failure
writes nothing, so that it cannot pass for more than it is.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from proofs.audit.document import TESTS_FORMAT
from proofs.prover.files import write_atomically
from proofs.prover.sources import hash_with_tests

NARROWING = ("keyword", "markexpr", "lf", "deselect", "ignore", "ignore_glob", "maxfail", "stepwise", "stepwise_skip")
NARROWING += ("collectonly", "setuponly", "setupplan", "pyargs")


class Recorder:
    """Counts reports as they come, from this process or from those of xdist, and writes them when all are there."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self.path = path
        self.whole = is_whole(config)
        self.sources = hash_with_tests() if self.whole else ""
        self.started = datetime.now(UTC)
        self.clock = time.monotonic()
        self.outcomes: dict[str, str] = {}
        self.seconds: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test: a test has failed if any of its phases has."""
        self.seconds[_file(report.nodeid)] += report.duration
        before = self.outcomes.get(report.nodeid)
        if report.failed or before == "failed":
            self.outcomes[report.nodeid] = "failed"
        elif report.skipped:
            self.outcomes[report.nodeid] = "skipped"
            self.reasons[_reason(report)] += 1
        elif before is None:
            self.outcomes[report.nodeid] = "passed"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that could not be read counts as a test that failed."""
        if report.failed:
            self.outcomes[report.nodeid] = "failed"
        elif report.skipped and report.nodeid.endswith(".py"):
            self.outcomes[report.nodeid] = "skipped"
            self.reasons[_reason(report)] += 1

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Keep what was found, if it was the whole."""
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if self.whole and ended and self.outcomes:
            write_atomically(self.path, json.dumps(self.content(), indent=1) + "\n")

    def content(self) -> dict[str, Any]:
        """What is kept. ``seconds`` are those of the run by the clock, and of each file in all processes together."""
        files: dict[str, Counter[str]] = {}
        for node, outcome in self.outcomes.items():
            files.setdefault(_file(node), Counter())[outcome] += 1
        counts = Counter(self.outcomes.values())
        return {
            "format": TESTS_FORMAT,
            "when": self.started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self.clock, 3),
            "source": self.sources,
            "passed": counts["passed"],
            "failed": counts["failed"],
            "skipped": counts["skipped"],
            "files": [
                {
                    "file": file,
                    "passed": found["passed"],
                    "failed": found["failed"],
                    "skipped": found["skipped"],
                    "seconds": round(self.seconds[file], 3),
                }
                for file, found in sorted(files.items())
            ],
            "failures": sorted(node for node, outcome in self.outcomes.items() if outcome == "failed"),
            "reasons": [{"reason": reason, "tests": count} for reason, count in sorted(self.reasons.items())],
        }


def is_whole(config: pytest.Config) -> bool:
    """Whether a run was asked for all tests: no names, no files, no early end."""
    named = config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    return not named and not any(config.getoption(option, default=None) for option in NARROWING)


def register(config: pytest.Config) -> None:
    """Record this run, unless it is a worker process of one that is recorded."""
    if not hasattr(config, "workerinput"):
        build = config.rootpath / os.environ.get("PROOFGRAD_BUILD", "build")
        config.pluginmanager.register(Recorder(config, build / "tests.json"), "recorder")


def _file(node: str) -> str:
    return node.partition("::")[0]


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why something was skipped; a failure that was expected says so."""
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}"
    found = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return " ".join(found.removeprefix("Skipped: ").split())
