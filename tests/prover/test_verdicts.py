"""From claims to verdicts: every way in which a claim can be established, and every way in which it cannot."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
import synthetic

from proofs.prover import run as running
from proofs.prover.evidence import Answer, Gap, Result, Verdict
from proofs.prover.run import Settings, run

Found = dict[str, Result]
Runner = Callable[..., Found]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    def start(registry: str, *selection: str, **more: Any) -> Found:
        settings = Settings(
            jobs=2, build=tmp_path / "build", cache=more.pop("cache", None), source=f"synthetic:{registry}", **more
        )
        return {result.claim.id: result for result in run(settings, selection).results}

    return start


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    settings = Settings(jobs=2, build=tmp_path_factory.mktemp("build"), cache=None, source="synthetic:VERDICTS")
    outcome = run(settings)
    assert outcome.complete
    return {result.claim.id: result for result in outcome.results}


def test_a_true_claim_is_proved(found: Found) -> None:
    result = found["TRUE-1"]
    assert result.finding.verdict is Verdict.PROVED and result.established
    assert result.finding.witness is not None and int(result.finding.witness.inputs["x"]) > 0
    assert result.finding.counterexample is None
    assert [item.answer for item in result.part.asked] == [Answer.SAT, Answer.UNSAT]


def test_a_false_claim_is_refuted_by_a_replayed_counterexample(found: Found) -> None:
    result = found["FALSE-1"]
    assert result.finding.verdict is Verdict.REFUTED and not result.established
    assert result.finding.counterexample is not None
    assert result.finding.counterexample.inputs == {"x": "1"}
    assert result.finding.counterexample.outputs == {"holds": "False"}


UNDECIDED = {
    "VACUOUS-1": "vacuous: nothing meets the preconditions",
    "VACUOUS-2": "vacuous: no witness was asked for",
    "VACUOUS-3": "vacuous: nothing was to be proven",
    "VACUOUS-4": "vacuous: nothing was to be proven",
    "UNSURE-1": "goal: unknown (incomplete)",
    "FAULT-1": "PROVER FAULT: goal: a model of a bit-precise theory did not replay (NumPy keeps the clause on this input)",
    "SPURIOUS-1": "goal: spurious: the model did not replay (NumPy keeps the clause on this input)",
    "LEMMA-1": "goal: does not hold, and has nothing to replay",
    "REPLAY-1": "goal: the replay failed: RuntimeError: a defect",
    "REPLAY-2": "goal: the replay failed: the worker process died (exit code 7)",
    "BUILD-1": "the obligations could not be built: LookupError: no such clause",
    "BUILD-2": "the obligations could not be built: the worker process died (exit code 7)",
    "BUILD-3": "the obligations could not be built: out of memory: more than",
    "SOLVER-1": "goal: error (the worker process died (exit code 7))",
    "SOLVER-2": "goal: error (RuntimeError: a defect",
    "SYNTAX-1": "goal: error (",
    "KEPT-2": "the clause holds: every query is unsat",
    "TRIED-3": "vacuous: there was no input to try",
    "TRIED-4": "PROVER FAULT: exhaustion returned a counterexample that it did not confirm",
    "TRIED-5": "the inputs could not all be tried: the worker process died (exit code 7)",
}


@pytest.mark.parametrize(("claim", "reason"), UNDECIDED.items(), ids=UNDECIDED)
def test_what_is_not_established_says_why(found: Found, claim: str, reason: str) -> None:
    result = found[claim]
    assert result.finding.verdict is Verdict.UNDECIDED and not result.established
    assert result.finding.reason.startswith(reason)
    assert result.finding.gap is (Gap.VACUOUS if reason.startswith("vacuous") else Gap.OPEN)
    assert result.finding.counterexample is None


def test_one_worker_that_dies_takes_nothing_with_it(found: Found) -> None:
    assert len(found) == len(synthetic.VERDICTS)
    assert all(result.finding.reason != "not run" for result in found.values())


def test_a_claim_kept_as_false_is_established_by_its_counterexample(found: Found) -> None:
    result = found["KEPT-1"]
    assert result.finding.verdict is Verdict.REFUTED and result.established
    assert found["TRIED-6"].established


def test_trying_every_input(found: Found) -> None:
    assert found["TRIED-1"].finding.verdict is Verdict.EXHAUSTED and found["TRIED-1"].established
    assert found["TRIED-1"].part.exhaustion is not None and found["TRIED-1"].part.exhaustion.cases == 999
    refuted = found["TRIED-2"].finding
    assert refuted.verdict is Verdict.REFUTED
    assert refuted.counterexample is not None and refuted.counterexample.inputs == {"x": "17"}


def workers() -> list[str]:
    """The processes that the server of worker processes has started and that still run."""
    server = str(forkserver._forkserver._forkserver_pid)  # type: ignore[attr-defined]
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # a process may end while we look
            stats.append(path.read_text().rpartition(")")[2].split())
    return [fields[1] for fields in stats if fields[1] == server and fields[0] != "Z"]


def end(wanted: Callable[[], object], seconds: float = 5.0) -> bool:
    """Whether something comes to nothing, given a moment."""
    deadline = time.monotonic() + seconds
    while wanted():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_hung_solver_is_killed(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE", 0.5)
    started = time.monotonic()
    result = runner("HANGING")["HANG-1"]
    assert time.monotonic() - started < 10
    assert result.finding.verdict is Verdict.UNDECIDED
    assert result.finding.reason == "goal: timeout after 0.3 s"
    assert [item.answer for item in result.part.asked] == [Answer.SAT, Answer.TIMEOUT]
    if Path("/proc/self/stat").exists():
        assert end(workers)


@pytest.mark.parametrize(
    ("registry", "claim", "reason"),
    [
        ("HANGING_BUILD", "HANG-2", "the obligations could not be built: ran past its limit of 1 s and was killed"),
        ("HANGING_TRY", "HANG-3", "the inputs could not all be tried: ran past its limit of 1 s and was killed"),
    ],
)
def test_hung_work_is_killed(runner: Runner, tmp_path: Path, registry: str, claim: str, reason: str) -> None:
    started = time.monotonic()
    result = runner(registry, task_timeout=1.0)[claim]
    assert time.monotonic() - started < 10
    assert (result.finding.verdict, result.finding.reason) == (Verdict.UNDECIDED, reason)


def test_a_limit_for_all_queries_replaces_their_own(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE", 0.5)
    result = runner("INTERRUPTED", "HANG-1", timeout=0.1)["HANG-1"]
    assert result.finding.reason == "goal: timeout after 0.1 s"


def test_twins(runner: Runner) -> None:
    found = runner("TWINS")
    reasons = {name: result.finding.reason for name, result in found.items()}
    assert [name for name, result in found.items() if result.finding.verdict is Verdict.PROVED] == [
        "TEETH-1",
        "TEETH-4",
    ]
    assert reasons["TEETH-2"] == "twin b was not refuted: the clause holds: every query is unsat"
    assert reasons["TEETH-3"] == "twin nothing was not refuted: toothless: nothing was asked"
    assert reasons["TEETH-5"] == "twin tries was not refuted: the clause held for all 98 inputs tried"
    assert reasons["TEETH-6"].startswith("twin dies was not refuted: the obligations could not be built")
    assert reasons["TEETH-7"].startswith("twin faulty was not refuted: PROVER FAULT")
    assert {found[f"TEETH-{number}"].finding.gap for number in (2, 3, 5, 6, 7)} == {Gap.TOOTHLESS}
    assert found["TEETH-8"].finding.verdict is Verdict.REFUTED
    counterexample = found["TEETH-1"].twins["a"][0].counterexample
    assert counterexample is not None and counterexample.inputs == {"x": "1"}


def test_what_rests_on_the_unproven_is_undecided(runner: Runner) -> None:
    found = runner("CHAINS")
    reasons = {name: result.finding.reason for name, result in found.items() if not result.established}
    assert reasons["MIDDLE-1"] == "rests on BASE-2, which is UNDECIDED"
    assert reasons["TOP-1"] == "rests on MIDDLE-1, which is UNDECIDED"
    assert found["MIDDLE-1"].finding.gap is found["TOP-1"].finding.gap is Gap.RESTING
    assert found["TOP-2"].finding.gap is Gap.NONE
    assert found["TOP-3"].finding.verdict is Verdict.REFUTED
    assert sorted(set(found) - set(reasons)) == ["BASE-1", "OTHER-1", "TOP-2"]


@pytest.mark.parametrize(
    ("selection", "ran"),
    [
        (("TOP-1",), {"TOP-1", "MIDDLE-1", "BASE-1", "BASE-2"}),
        (("TOP-2",), {"TOP-2", "BASE-1"}),
        (("other",), {"OTHER-1"}),
        (("other", "BASE-1"), {"OTHER-1", "BASE-1"}),
    ],
)
def test_a_selection_brings_what_it_rests_on(runner: Runner, selection: tuple[str, ...], ran: set[str]) -> None:
    found = runner("CHAINS", *selection)
    assert {name for name, result in found.items() if result.finding.reason != "not run"} == ran
    assert all(found[name].finding.verdict is Verdict.UNDECIDED for name in set(found) - ran)
    assert {found[name].finding.gap for name in set(found) - ran} == {Gap.NOT_RUN}


@pytest.mark.parametrize(
    ("registry", "complaint"),
    [("CIRCULAR", "in a circle"), ("ON_NOTHING", "does not exist"), ("ON_FALSE", "kept as a false statement")],
)
def test_claims_that_rest_on_nothing_sound_are_an_error(runner: Runner, registry: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        runner(registry)


def test_one_confirmed_counterexample_suffices(runner: Runner) -> None:
    result = runner("HUNT")["HUNT-1"]
    assert result.established
    assert [(item.name, item.answer) for item in result.part.asked] == [
        ("holds", Answer.UNSAT),
        ("breaks", Answer.SAT),
        ("never asked", Answer.SKIPPED),
    ]


def test_every_query_is_kept_as_a_script(runner: Runner, tmp_path: Path) -> None:
    folder = tmp_path / "build" / "smt2" / "TRUE-1"
    folder.mkdir(parents=True)
    (folder / "009-of-an-earlier-run.smt2").write_text("")
    result = runner("VERDICTS", "TRUE-1")["TRUE-1"]
    assert sorted(path.name for path in folder.iterdir()) == ["001-witness.smt2", "002-goal.smt2"]
    for item, answer in zip(result.part.asked, ("sat", "unsat"), strict=True):
        lines = (tmp_path / "build" / item.file).read_text().splitlines()
        assert lines[0] == "; claim TRUE-1" and lines[2].startswith(f"; expected: {answer}, asked of z3 5.")
        assert "\n".join(lines[3:-1]) == item.query.smt2.rstrip() and lines[-1] == "(check-sat)"


def test_the_watcher_sees_every_answer_and_every_verdict(tmp_path: Path) -> None:
    class Watcher:
        def __init__(self) -> None:
            self.events: list[Any] = []

        def begun(self, claims: Any) -> None:
            self.events.append([claim.id for claim in claims])

        def asked(self, claim: str, name: str) -> None:
            self.events.append((claim, name))

        def finished(self, result: Result) -> None:
            self.events.append(result.claim.id)

    watcher = Watcher()
    run(Settings(jobs=1, build=tmp_path, cache=None, source="synthetic:CHAINS"), ("TOP-2",), watcher)
    assert watcher.events[0] == ["BASE-1", "TOP-2"] or watcher.events[0] == ["TOP-2", "BASE-1"]
    assert {event for event in watcher.events[1:] if isinstance(event, tuple)} == {
        (claim, name) for claim in ("BASE-1", "TOP-2") for name in ("witness", "goal")
    }
    assert [event for event in watcher.events[1:] if isinstance(event, str)] == ["BASE-1", "TOP-2"]
