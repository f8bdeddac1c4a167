"""Kept evidence: complete evidence of one state of the sources comes back as it was; nothing else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from proofs.prover import kept as module
from proofs.prover.claims import Confirmation, Exhaustion, Replay
from proofs.prover.evidence import Part
from proofs.prover.kept import Kept

TRIED = Part(exhaustion=Exhaustion(98, None), seconds=2.0)
BROKEN = Replay(True, {"x": "1"}, {"result": "2"}, "clause")
CONFIRMED = Part(confirmation=Confirmation("CONFIRMED", "", witness=BROKEN, seconds=3.0), seconds=3.0)


def again(folder: Path, part: Part) -> Part | None:
    Kept(folder).put("LAW-1", "", None, part)
    return Kept(folder).get("LAW-1", "", None)


def test_what_was_tried_comes_back_without_the_time_that_it_took(tmp_path: Path) -> None:
    assert again(tmp_path, TRIED) == Part(exhaustion=TRIED.exhaustion, seconds=0.0)


def test_what_it_cost_when_it_was_done_comes_back(tmp_path: Path) -> None:
    found = again(tmp_path, replace(CONFIRMED, work=2.0, followed=3.0))
    assert found is not None and (found.seconds, found.work, found.followed) == (0.0, 2.0, 3.0)


@pytest.mark.parametrize("state", ["CONFIRMED", "REFUTED"])
def test_what_crosshair_decided_comes_back_as_known_before(tmp_path: Path, state: str) -> None:
    said = Confirmation(state, "said", BROKEN, seconds=3.0)  # type: ignore[arg-type]
    found = again(tmp_path, Part(confirmation=said, seconds=3.0))
    assert found == Part(confirmation=Confirmation(state, "said", BROKEN, seconds=0.0, cached=True))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "part",
    [
        Part(),
        Part(exhaustion=TRIED.exhaustion, trouble="a process died"),
        *(Part(confirmation=Confirmation(state, "")) for state in ("NOT_CONFIRMED", "UNMET_PRECONDITION", "ERROR")),
    ],
    ids=["nothing", "trouble", "not confirmed", "unmet", "error"],
)
def test_what_is_open_is_not_kept(tmp_path: Path, part: Part) -> None:
    assert again(tmp_path, part) is None


def test_other_sources_claims_twins_and_limits_find_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert again(tmp_path, CONFIRMED) is not None
    assert Kept(tmp_path).get("LAW-2", "", None) is None
    assert Kept(tmp_path).get("LAW-1", "half", None) is None
    assert Kept(tmp_path).get("LAW-1", "", 1.0) is None
    monkeypatch.setattr(module, "source_hash", lambda: "other sources")
    assert Kept(tmp_path).get("LAW-1", "", None) is None


def test_damaged_evidence_is_none(tmp_path: Path) -> None:
    assert again(tmp_path, CONFIRMED) is not None
    (path,) = (tmp_path / "evidence").iterdir()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    assert Kept(tmp_path).get("LAW-1", "", None) is None


def test_without_a_folder_nothing_is_kept() -> None:
    kept = Kept(None)
    kept.put("LAW-1", "", None, TRIED)
    assert kept.get("LAW-1", "", None) is None
