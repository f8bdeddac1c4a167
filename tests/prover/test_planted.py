"""Failed proofs look for inputs that break their clauses; bugs in the shipped code turn claims red with such an input."""

from __future__ import annotations

from pathlib import Path

import halves
import numpy as np
import pytest
from typer.testing import CliRunner

from proofs.__main__ import app
from proofs.prover import tasks
from proofs.prover.claims import registry_at
from proofs.prover.evidence import Verdict
from proofs.prover.obligations import search
from proofs.prover.planted import plant_each, plantable
from proofs.prover.run import SOURCE, Settings, run
from reference.contracts import bare


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(jobs=2, build=tmp_path, cache=tmp_path / "cache", source="halves:PLANTED")


def test_a_cut_that_fails_is_no_verdict_but_a_reason_to_search(tmp_path: Path) -> None:
    outcome = run(Settings(jobs=2, build=tmp_path, cache=None, source="halves:HUNTED"))
    found = {result.claim.id: result.finding for result in outcome.results}
    assert found["FALSE-1"].verdict is Verdict.REFUTED
    assert found["FALSE-1"].counterexample is not None and found["FALSE-1"].counterexample.clause == "HALF-1"
    assert found["CUT-1"].verdict is Verdict.UNDECIDED and found["CUT-1"].counterexample is None
    assert "the result is small: does not hold" in found["CUT-1"].reason


def test_a_search_tries_examples_first_and_says_how_many_inputs_it_tried() -> None:
    example = halves.run(halves.half, "HALF-1", replaced={halves.half: halves.doubled}, examples=[{"x": np.float64(1)}])
    assert search([example], "HALF-1").cases == 1
    assert search([halves.HALF, example], "HALF-1", tries=50).cases in (1, 2)
    held = search([halves.HALF], "HALF-1", tries=50)
    assert (held.cases, held.counterexample) == (50, None)


def test_a_bug_in_the_shipped_code_is_refuted_by_its_claim_or_by_one_about_what_it_changes(settings: Settings) -> None:
    found = {planted.claim.id: planted for planted in plant_each(settings, plantable(halves.PLANTED, []))}
    assert {name: planted.refuted for name, planted in found.items()} == {"HALF-1": "HALF-1", "QUARTER-1": "HALF-1"}
    for planted in found.values():
        assert planted.counterexample is not None and planted.counterexample.clause == "HALF-1"


def test_a_bug_that_no_claim_notices_fails_the_command() -> None:
    result = CliRunner().invoke(app, ["planted", "--claims", "halves:HARMLESS", "--jobs", "2"])
    assert result.exit_code == 1
    assert "HALF-1  twice: halves twice  NOT REFUTED" in result.output.splitlines()
    assert result.output.splitlines()[-1].startswith("0 of 1 bugs in the shipped code")


def test_a_planted_bug_gets_what_was_shipped_when_it_asks_for_it(settings: Settings) -> None:
    shipped = bare(halves.half)
    place = tasks.Place("halves:HARMLESS", "HALF-1", "", settings.build, None, None, ("HALF-1", "twice"))
    try:
        tasks.plant(place)
        assert bare(halves.half)(np.float64(1)) == 0.25 and bare(halves.half)(np.float64(1)) == 0.25
    finally:
        halves.half.__bare__ = shipped  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("claim", "twin", "refuted"),
    [
        ("CLIP-1.float16", "to nearest", "CLIP-6.float16"),  # plain rounding
        ("CLIP-2.float16", "strict", "CLIP-13"),  # strict comparison at 0
        ("CLIP-1.float32", "float32 sum", "RED-11.float32"),  # float32 accumulation
    ],
)
def test_a_bug_in_clipping_turns_a_claim_red(settings: Settings, claim: str, twin: str, refuted: str) -> None:
    registry = registry_at(SOURCE)
    pairs = [(registry[claim], each) for each in registry[claim].twins if each.name == twin]
    (planted,) = plant_each(Settings(jobs=2, build=settings.build, cache=settings.cache, timeout=20.0), pairs)
    assert planted.refuted in (claim, refuted) and planted.counterexample is not None, planted.reason
