"""The command line: exit codes, surprises, reports, interruption, a second opinion."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import synthetic
from typer.testing import CliRunner, Result

from proofs.__main__ import app
from proofs.prover import report as reports
from proofs.prover.sources import source_hash

ESTABLISHED = """\
# id  verb  theory  bound
FALSE-1  refute  integers  all x > 0
TRUE-1  prove  integers  all x > 0
"""
Command = Callable[..., Result]


@pytest.fixture
def proofs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line in this process, its build, lists and cache in a folder of the test."""
    monkeypatch.setenv("PROOFGRAD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "EXPECTED.txt").write_text(ESTABLISHED)

    def call(command: str, *arguments: str, registry: str = "") -> Result:
        options = ["--build", str(tmp_path)]
        options += ["--jobs", "2"] if command in ("run", "recheck") else []
        options += ["--claims", f"synthetic:{registry}", "--lists", str(tmp_path)] if command == "run" else []
        return CliRunner().invoke(app, [command, *arguments, *options])

    return call


def last_report(folder: Path) -> Any:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def verdicts(report: Any) -> dict[str, str]:
    return {claim["id"]: claim["verdict"] for claim in report["claims"]}


# ---- exit codes -----------------------------------------------------------------------------------------------------


def test_everything_established_as_expected_is_success(proofs: Command, tmp_path: Path) -> None:
    result = proofs("run", registry="ESTABLISHED")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert any(line.startswith("TRUE-1 ") and "PROVED" in line for line in lines)
    assert any(line.startswith("FALSE-1") and "REFUTED" in line for line in lines)
    assert "    input   x = 1" in lines
    assert "2 of 2 expected claims established: 1 proved, 1 false statements kept with their counterexamples." in lines
    assert "1 of 1 planted bugs refuted by an input that NumPy confirms." in lines
    assert last_report(tmp_path)["expected"] == {"missing": [], "extra": [], "weaker": [], "assumptions": []}


@pytest.mark.parametrize("claim", ["FALSE-1", "UNSURE-1", "FAULT-1", "VACUOUS-1", "KEPT-2", "TRIED-2", "SOLVER-1"])
def test_a_claim_that_is_not_established_is_failure(proofs: Command, tmp_path: Path, claim: str) -> None:
    result = proofs("run", claim, registry="VERDICTS")
    assert result.exit_code == 1
    assert "0 of 1 selected claims established." in result.output
    assert claim in result.output and last_report(tmp_path)["expected"] is None


def test_a_refutation_shows_input_output_and_clause(proofs: Command) -> None:
    output = proofs("run", "FALSE-1", registry="VERDICTS").output
    assert "    input   x = 1\n    output  holds = False\n    clause  the condition\n" in output


def test_a_selection_of_the_established_is_success(proofs: Command, tmp_path: Path) -> None:
    result = proofs("run", "TOP-2", registry="CHAINS")
    assert result.exit_code == 0, result.output
    report = last_report(tmp_path)
    assert report["selection"] == ["TOP-2"]
    assert verdicts(report)["TOP-2"] == "PROVED" and verdicts(report)["OTHER-1"] == "UNDECIDED"


def test_an_unknown_selection_runs_nothing(proofs: Command, tmp_path: Path) -> None:
    result = proofs("run", "TRUE-1", "TRUE-7", "nonsense", registry="ESTABLISHED")
    assert result.exit_code == 2
    assert result.stderr == "no row or claim is called TRUE-7, nonsense\n"
    assert not (tmp_path / "report.json").exists() and not (tmp_path / "smt2").exists()


@pytest.mark.parametrize("registry", ["CIRCULAR", "ON_NOTHING", "ON_FALSE"])
def test_an_unsound_registry_runs_nothing(proofs: Command, tmp_path: Path, registry: str) -> None:
    result = proofs("run", registry=registry)
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "report.json").exists()


def test_nothing_else_is_a_registry(proofs: Command) -> None:
    assert proofs("run", registry="NO_REGISTRY").exit_code not in (0, None)


# ---- surprises ------------------------------------------------------------------------------------------------------

SURPRISES = {
    "missing: no such claim": (
        ESTABLISHED + "TRUE-2  prove  integers  all x > 0\n",
        "",
        "missing: TRUE-2 is expected, but no such claim exists",
    ),
    "extra": ("TRUE-1  prove  integers  all x > 0\n", "", "extra: FALSE-1 is not in EXPECTED.txt"),
    "another theory": (
        ESTABLISHED.replace("TRUE-1  prove  integers", "TRUE-1  prove  IEEE(float64)"),
        "",
        "weaker: TRUE-1 has the theory 'integers' where 'IEEE(float64)' is expected",
    ),
    "another bound": (
        ESTABLISHED.replace("TRUE-1  prove  integers  all x > 0", "TRUE-1  prove  integers  all x"),
        "",
        "weaker: TRUE-1 has the bound 'all x > 0' where 'all x' is expected",
    ),
    "another verb": (
        ESTABLISHED.replace("FALSE-1  refute", "FALSE-1  prove"),
        "",
        "weaker: FALSE-1 has the verb 'refute' where 'prove' is expected",
    ),
    "an unused assumption": (
        ESTABLISHED,
        "AXIOM-2  exp is monotone\n",
        "assumptions: assumption AXIOM-2 is used by no claim",
    ),
    "nothing expected": ("", "", "extra: TRUE-1 is not in EXPECTED.txt"),
}


@pytest.mark.parametrize(("expected", "assumptions", "line"), SURPRISES.values(), ids=SURPRISES)
def test_a_surprise_fails_the_run(proofs: Command, tmp_path: Path, expected: str, assumptions: str, line: str) -> None:
    (tmp_path / "EXPECTED.txt").write_text(expected)
    (tmp_path / "ASSUMPTIONS.txt").write_text(assumptions)
    result = proofs("run", registry="ESTABLISHED")
    assert result.exit_code == 1
    assert line in result.output.splitlines()
    kind, _, text = line.partition(": ")
    assert text in last_report(tmp_path)["expected"][kind]


def test_an_expected_claim_that_is_not_established_is_missing(proofs: Command, tmp_path: Path) -> None:
    (tmp_path / "EXPECTED.txt").write_text("".join(f"HANG-1  prove  integers  all x > {k}\n" for k in [0]))
    result = proofs("run", "--timeout", "0.1", registry="HANGING")
    assert result.exit_code == 1
    assert "missing: HANG-1 is expected, but UNDECIDED: goal: timeout after 0.1 s" in result.output.splitlines()
    assert "0 of 1 expected claims established." in result.output


def test_assumptions_must_be_listed(proofs: Command, tmp_path: Path) -> None:
    (tmp_path / "EXPECTED.txt").write_text("TRUE-1  prove  integers  all x > 0\nTRUE-2  prove  integers  all x > 0\n")
    complaint = "TRUE-1 assumes AXIOM-1, which is not in ASSUMPTIONS.txt"
    result = proofs("run", registry="ASSUMING")
    assert result.exit_code == 1 and f"assumptions: {complaint}" in result.output
    selected = proofs("run", "TRUE-1", registry="ASSUMING")
    assert selected.exit_code == 1 and complaint in selected.output
    assert proofs("run", "TRUE-2", registry="ASSUMING").exit_code == 0
    (tmp_path / "ASSUMPTIONS.txt").write_text("AXIOM-1  exp is positive\n")
    assert proofs("run", registry="ASSUMING").exit_code == 0


@pytest.mark.parametrize(
    ("expected", "complaint"),
    [
        ("TRUE-1 prove integers all\n", "line 1: not ID, VERB, THEORY and BOUND"),
        ("TRUE-1  prove  integers\n", "line 1: not ID, VERB, THEORY and BOUND"),
        ("A-10  prove  x  y\n\nA-9  prove  x  y\n", "line 3: A-9 is out of order"),
        ("A-1  prove  x  y\nA-1  prove  x  y\n", "line 2: A-1 is listed twice"),
    ],
)
def test_a_malformed_list_is_an_error(proofs: Command, tmp_path: Path, expected: str, complaint: str) -> None:
    (tmp_path / "EXPECTED.txt").write_text(expected)
    result = proofs("run", registry="ESTABLISHED")
    assert result.exit_code == 2 and complaint in result.stderr


def test_the_list_of_claims_is_what_expected_should_hold(tmp_path: Path, proofs: Command) -> None:
    command = ["list", "--expected", "--claims", "synthetic:ESTABLISHED"]
    (tmp_path / "EXPECTED.txt").write_text(CliRunner().invoke(app, command).output)
    assert proofs("run", registry="ESTABLISHED").exit_code == 0
    plain = CliRunner().invoke(app, ["list", "TRUE-1", "--claims", "synthetic:ESTABLISHED"]).output
    assert plain == "TRUE-1  synthetic.f  prove  integers  all x > 0\n    a statement\n"


# ---- the report -----------------------------------------------------------------------------------------------------


def test_the_report_is_complete(proofs: Command, tmp_path: Path) -> None:
    proofs("run", registry="ESTABLISHED")
    report = last_report(tmp_path)
    assert (report["schema"], report["state"], report["selection"], report["contracts"]) == (2, "complete", None, None)
    assert report["source"] == source_hash() and len(report["source"]) == 64
    assert report["versions"].keys() >= {"python", "numpy", "z3-solver", "bitwuzla", "cvc5"}
    assert set(report["versions"].values()).isdisjoint({"", 0})
    assert report["seconds"] > 0 and report["started"].endswith("+00:00")
    true, false = report["claims"]
    assert (true["id"], true["row"], true["function"]) == ("TRUE-1", "synthetic", "synthetic.f")
    assert (true["verb"], true["theory"], true["bound"]) == ("prove", "integers", "all x > 0")
    assert (true["verdict"], true["established"], true["reason"]) == ("PROVED", True, None)
    assert (true["solvers"], true["cached"], true["cases"], true["location"]) == (["z3"], False, None, None)
    assert [(item["aim"], item["answer"], item["replayed"]) for item in true["obligations"]] == [
        ("witness", "sat", True),
        ("goal", "unsat", None),
    ]
    assert true["witness"]["confirmed"] is True and true["counterexample"] is None
    (twin,) = true["twins"]
    assert (twin["verdict"], twin["counterexample"]["inputs"]) == ("REFUTED", {"x": "1"})
    assert (false["verdict"], false["established"], false["witness"]) == ("REFUTED", True, None)
    for item in reports.every_obligation(true):
        assert len(item["query"]) == 64 and (tmp_path / item["file"]).is_file()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["EXPECTED.txt", "report.json"]


def test_what_was_not_run_is_null_and_not_zero(proofs: Command, tmp_path: Path) -> None:
    proofs("run", "other", registry="CHAINS")
    claims = {claim["id"]: claim for claim in last_report(tmp_path)["claims"]}
    assert set(claims) == {claim.id for claim in synthetic.CHAINS}
    skipped = claims["TOP-1"]
    assert (skipped["verdict"], skipped["established"], skipped["reason"]) == ("UNDECIDED", False, "not run")
    assert skipped["seconds"] is None and skipped["cached"] is None and skipped["cases"] is None
    assert skipped["obligations"] == [] and skipped["witness"] is None


def test_a_crash_of_the_run_leaves_the_old_report(
    proofs: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs("run", "TRUE-1", registry="ESTABLISHED")
    before = (tmp_path / "report.json").read_text()

    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("proofs.prover.files.os.replace", full)
    assert proofs("run", "TRUE-1", "--no-cache", registry="ESTABLISHED").exit_code == 1
    assert (tmp_path / "report.json").read_text() == before
    assert not list(tmp_path.glob(".report*"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 0}', "\x00"])
def test_a_report_that_cannot_be_read_is_none(proofs: Command, tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    assert reports.read(tmp_path) is None
    assert proofs("explain", "TRUE-1").exit_code == 2
    assert proofs("recheck").exit_code == 2


def test_a_claim_explained(proofs: Command, tmp_path: Path) -> None:
    assert proofs("explain", "TRUE-1").exit_code == 2
    proofs("run", registry="ESTABLISHED")
    output = proofs("explain", "TRUE-1").output
    assert output.startswith("TRUE-1: a statement\n") and "  verdict    PROVED\n" in output
    assert "  twin squares (takes the square): REFUTED\n    input   x = 1\n" in output and "STALE" not in output
    assert proofs("explain", "TRUE-7").exit_code == 2
    report = last_report(tmp_path)
    (tmp_path / "report.json").write_text(json.dumps({**report, "source": "0" * 64}))
    assert "STALE" in proofs("explain", "TRUE-1").output


# ---- interruption ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX's")
@pytest.mark.parametrize("everybody", [False, True], ids=["to the run", "to the whole group, as a terminal does"])
def test_an_interrupted_run_is_partial_and_says_so(tmp_path: Path, everybody: bool) -> None:
    (tmp_path / "EXPECTED.txt").write_text("QUICK-1  prove  integers  all x > 0\n")
    command = [sys.executable, "-m", "proofs", "run", "--claims", "synthetic:INTERRUPTED", "--jobs", "2", "--no-cache"]
    process = subprocess.Popen(
        [*command, "--build", str(tmp_path), "--lists", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # shells ignore it for what runs behind them
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(0.5)
    (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
    rest, errors = process.communicate(timeout=20)
    assert "PROVED" in first and process.returncode == 130, (first, rest, errors)
    assert "INTERRUPTED: this run is partial, and so is its report." in rest.splitlines()
    assert "Traceback" not in errors
    report = last_report(tmp_path)
    assert (report["state"], report["expected"]) == ("partial", None)
    found = {claim["id"]: (claim["verdict"], claim["established"], claim["reason"]) for claim in report["claims"]}
    assert found["QUICK-1"] == ("PROVED", True, None)
    assert found["HANG-1"] == ("UNDECIDED", False, "interrupted before it was finished")
    gaps = {claim["id"]: (claim["gap"], claim["cost"] is None) for claim in last_report(tmp_path)["claims"]}
    assert gaps["HANG-1"] == ("interrupted", True)
    assert found["WAITS-1"][:2] == ("UNDECIDED", False)
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail("worker processes outlive the run")


# ---- a second opinion -----------------------------------------------------------------------------------------------


def test_another_solver_confirms(proofs: Command, tmp_path: Path) -> None:
    proofs("run", registry="ESTABLISHED")
    result = proofs("recheck", "--solver", "cvc5")
    assert result.exit_code == 0, result.output
    assert "5 of 5 answers confirmed by cvc5 (100 %)" in result.output.splitlines()
    content = json.loads((tmp_path / "recheck-cvc5.json").read_text())
    assert content["counts"] == {"confirmed": 5, "open": 0, "contradicted": 0}
    assert {query["claim"] for query in content["queries"]} == {"TRUE-1", "FALSE-1"}
    report = last_report(tmp_path)
    keys = {item["query"] for entry in report["claims"] for item in reports.every_obligation(entry)}
    assert {query["query"] for query in content["queries"]} <= keys and content["source"] == report["source"]
    assert json.loads((tmp_path / "second-opinion.json").read_text()) == content


@pytest.mark.parametrize("claim", ["TRUE-1", "FALSE-1"])
def test_a_forged_answer_is_contradicted(proofs: Command, tmp_path: Path, claim: str) -> None:
    proofs("run", registry="ESTABLISHED")
    report = last_report(tmp_path)
    forged = next(
        item
        for entry in report["claims"]
        if entry["id"] == claim
        for item in reports.every_obligation(entry)
        if item["name"] == "goal" and item["aim"] == "goal"
    )
    forged["answer"] = {"sat": "unsat", "unsat": "sat"}[forged["answer"]]
    (tmp_path / "report.json").write_text(json.dumps(report))
    result = proofs("recheck", "--solver", "cvc5")
    assert result.exit_code == 1
    line = f"CONTRADICTED  {claim}  goal: {forged['answer']}, cvc5 says "
    assert any(shown.startswith(line) and shown.endswith(forged["file"]) for shown in result.output.splitlines())
    assert json.loads((tmp_path / "recheck-cvc5.json").read_text())["counts"]["contradicted"] == 1


def test_a_forged_script_is_contradicted(proofs: Command, tmp_path: Path) -> None:
    proofs("run", registry="ESTABLISHED")
    path = tmp_path / "smt2" / "TRUE-1" / "002-goal.smt2"
    path.write_text(path.read_text().replace("(not", "(and"))
    assert proofs("recheck").exit_code == 1


def test_a_missing_script_is_left_open(proofs: Command, tmp_path: Path) -> None:
    proofs("run", "TRUE-1", registry="ESTABLISHED")
    (tmp_path / "smt2" / "TRUE-1" / "002-goal.smt2").unlink()
    result = proofs("recheck")
    assert "1 of 3 answers open by cvc5 (33 %)" in result.output.splitlines()
    assert json.loads((tmp_path / "recheck-cvc5.json").read_text())["counts"]["open"] == 1


def test_nothing_to_ask_confirms_nothing(proofs: Command) -> None:
    proofs("run", "TRIED-1", registry="VERDICTS")
    result = proofs("recheck")
    assert result.exit_code == 1 and "0 of 0 answers confirmed by cvc5" in result.output
    assert proofs("recheck", "--solver", "z3").exit_code == 1


def test_an_unknown_solver_is_an_error(proofs: Command) -> None:
    proofs("run", "TRUE-1", registry="ESTABLISHED")
    result = proofs("recheck", "--solver", "oracle")
    assert result.exit_code == 2, result.output
