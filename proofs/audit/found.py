"""What earlier runs left in the build folder, and whether it speaks of the sources as they are.

Nothing is guessed: what is missing is *not run*, what speaks of other sources is *stale*, and a file that cannot be read says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerated.parity.run import FORMAT as PARITY_FORMAT
from accelerated.parity.run import source_hashes
from proofs.audit.document import TESTS_FORMAT, PartStatus
from proofs.prover.report import SCHEMA
from proofs.prover.run import SOURCE
from proofs.prover.sources import hash_with_tests, source_hash, versions

Json = dict[str, Any]
COMMANDS = {
    "proofs": "make prove",
    "tests": "make test",
    "parity": "make parity",
    "gpu": "make parity",
    "mutation": "make fresh",
    "second opinion": "make recheck",
}


@dataclass(frozen=True)
class Found:
    """What a run left, how far it goes, and why no further. ``content`` is there even if it is stale."""

    content: Json | None
    status: PartStatus
    why: str = ""

    @property
    def current(self) -> Json | None:
        """The content, unless it speaks of other sources."""
        return None if self.status == "stale" else self.content

    @property
    def whole(self) -> bool:
        """Whether the run went to its end on these sources, however it ended."""
        return self.status in ("complete", "failed")


def proofs_in(build: Path, registry: str = SOURCE) -> Found:
    """The prover's last run."""
    content, trouble = _read(build / "report.json", COMMANDS["proofs"])
    if content is None:
        return Found(None, "not run", trouble)
    lacking = _lacking(content, ("claims", "source", "versions", "state", "started", "seconds"))
    if content.get("schema") != SCHEMA or lacking:
        return Found(None, "not run", _foreign(build / "report.json", COMMANDS["proofs"]))
    if content.get("registry") != registry:
        return Found(content, "stale", f"the last run was about the claims of {content.get('registry')}")
    if content["source"] != source_hash():
        return Found(content, "stale", "the sources have changed since the last run of the prover")
    if changed := _differences(content["versions"], versions()):
        return Found(content, "stale", f"the last run of the prover used other versions: {changed}")
    if content["state"] != "complete":
        return Found(content, "partial", "the last run of the prover was interrupted")
    if content.get("selection"):
        return Found(content, "partial", f"the last run of the prover was about {', '.join(content['selection'])} only")
    failed = not all(claim["established"] for claim in content["claims"])
    failed = failed or any((content.get("expected") or {}).values())
    return Found(content, "failed" if failed else "complete")


def tests_in(build: Path) -> Found:
    """The last whole run of the tests."""
    content, trouble = _read(build / "tests.json", COMMANDS["tests"])
    if content is None:
        return Found(None, "not run", trouble)
    lacking = _lacking(
        content, ("files", "failures", "reasons", "source", "when", "seconds", "passed", "failed", "skipped")
    )
    if content.get("format") != TESTS_FORMAT or lacking:
        return Found(None, "not run", _foreign(build / "tests.json", COMMANDS["tests"]))
    if content["source"] != hash_with_tests():
        return Found(content, "stale", "sources or tests have changed since the last whole run of the tests")
    return Found(content, "failed" if content["failed"] or not content["passed"] else "complete")


def parity_in(build: Path) -> Found:
    """The last comparison of the kernels with the reference."""
    content, trouble = _read(build / "parity.json", COMMANDS["parity"])
    if content is None:
        return Found(None, "not run", trouble)
    if content.get("format") != PARITY_FORMAT or _lacking(content, ("functions", "sources", "where", "device", "when")):
        return Found(None, "not run", _foreign(build / "parity.json", COMMANDS["parity"]))
    if changed := changed_since(content):
        return Found(content, "stale", f"changed since kernels and reference were compared: {', '.join(changed)}")
    holds = bool(content["functions"]) and all(each["holds"] for each in content["functions"])
    return Found(content, "complete" if holds else "failed")


def second_in(build: Path, proofs: Json | None) -> Found:
    """The last second opinion on the queries of the prover's last run."""
    content, trouble = _read(build / "second-opinion.json", COMMANDS["second opinion"])
    if content is None:
        return Found(None, "not run", trouble)
    if _lacking(content, ("solver", "source", "queries", "when", "seconds")) or any(
        "query" not in each for each in content["queries"]
    ):
        return Found(None, "not run", _foreign(build / "second-opinion.json", COMMANDS["second opinion"]))
    if proofs is None or content["source"] != proofs["source"]:
        return Found(content, "stale", "the second solver was asked about other sources")
    contradicted = any(each["opinion"] == "contradicted" for each in content["queries"])
    return Found(content, "failed" if contradicted else "complete")


def changed_since(parity: Mapping[str, Any]) -> list[str]:
    """What of the sources of a comparison is not as it was."""
    now = source_hashes(parity["where"])
    return [name for name, digest in now.items() if parity["sources"].get(name) != digest]


def _read(path: Path, command: str) -> tuple[Json | None, str]:
    """The object in a file, or why there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, f"there is no {path.name}: {command} writes it"
    except (OSError, ValueError) as error:
        return None, f"{path.name} cannot be read ({' '.join(str(error).split())}): {command} writes it anew"
    return (content, "") if isinstance(content, dict) else (None, _foreign(path, command))


def _foreign(path: Path, command: str) -> str:
    return f"{path.name} is not what this version writes: {command} writes it anew"


def _lacking(content: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    return [key for key in keys if key not in content]


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = sorted({*then, *now})
    return ", ".join(
        f"{name} {then.get(name)}, now {now.get(name)}" for name in names if then.get(name) != now.get(name)
    )
