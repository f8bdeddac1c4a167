"""The document says of every claim and every run what it is, and of what is not known that it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import audited
import pytest
from typer.testing import CliRunner, Result

from accelerated.parity.run import source_hashes
from proofs.__main__ import app
from proofs.audit import command
from proofs.audit.collect import Left, is_good
from proofs.audit.document import TESTS_FORMAT, TIMES, Document, without_times
from proofs.audit.found import COMMANDS
from proofs.prover.run import Outcome, Settings
from proofs.prover.session import Session, proving
from proofs.prover.sources import hash_with_tests

NOW = datetime(2030, 1, 2, tzinfo=UTC)
Json = dict[str, Any]


@pytest.fixture
def build(tmp_path: Path) -> Path:
    return audited.build(tmp_path / "build")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree without sources, mutants, evidence and git."""
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def whole_tests(**more: Any) -> Json:
    counts = {"passed": 3, "failed": 0, "skipped": 1}
    return {
        "format": TESTS_FORMAT,
        "when": "2030-01-01T00:00:00+00:00",
        "seconds": 2.0,
        "source": hash_with_tests(),
        **counts,
        "files": [{"file": "tests/test_adam.py", **counts, "seconds": 1.5}],
        "failures": [],
        "reasons": [{"reason": "no GPU", "tests": 1}],
        **more,
    }


def compared(**more: Any) -> Json:
    return {
        "format": 1,
        "when": "2030-01-01T00:00:00+00:00",
        "where": "host",
        "device": "processor",
        "details": {"cores": 2},
        "versions": {"numpy": "2"},
        "sources": source_hashes("host"),
        "functions": [
            {
                "concept": "adam",
                "function": "adam_step",
                "dtype": "float32",
                "inputs": 4,
                "elements": 9,
                "most_ulps": 0,
                "bound": 0,
                "ulps": {"0": 9},
                "worst_input": None,
                "error": None,
                "holds": True,
            }
        ],
        **more,
    }


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def part(document: Document, name: str) -> Any:
    return next(each for each in document["parts"] if each["name"] == name)


# ---- claims ---------------------------------------------------------------------------------------------------------


def test_every_claim_stands_as_what_it_is(build: Path, root: Path) -> None:
    document = audited.document(build, root=root)
    assert {claim["id"]: claim["standing"] for claim in document["claims"]} == audited.STANDINGS
    assert document["summary"]["standings"] == dict.fromkeys(audited.STANDINGS.values(), 1)
    assert document["summary"]["claims"] == {"number": 3, "of": 7}
    assert document["summary"]["planted"] == {"number": 1, "of": 1}
    assert not is_good(document)


def test_a_refuted_claim_has_its_input_and_a_proof_its_witness(build: Path, root: Path) -> None:
    claims = {claim["id"]: claim for claim in audited.document(build, root=root)["claims"]}
    found = claims["FALSE-1"]["counterexample"]
    assert found is not None and found["confirmed"]
    assert [(value["name"], value["decimal"]) for value in found["inputs"]] == [("x", ["1"])]
    assert claims["PROVED-1"]["witness"] is not None and claims["PROVED-1"]["counterexample"] is None
    (twin,) = claims["PROVED-1"]["twins"]
    assert twin["standing"] == "refuted" and twin["counterexample"] is not None
    assert claims["TRIED-1"]["cases"] == 99 and claims["WAITS-1"]["cases"] is None


def test_what_is_not_known_is_none(build: Path, root: Path) -> None:
    document = audited.document(build, root=root)
    waits = next(claim for claim in document["claims"] if claim["id"] == "WAITS-1")
    assert (waits["seconds"], waits["clause"], waits["location"], waits["queries"]) == (None, None, None, [])
    assert document["tests"] is document["parity"] is document["second_opinion"] is None
    assert document["subject"]["commit"] is document["subject"]["changed"] is None
    tests = {row["name"]: row["cells"][3]["tests"] for row in document["rows"]}
    assert set(tests.values()) == {None}


def test_a_statement_that_nobody_expects_is_not_kept_false(build: Path, root: Path) -> None:
    text = audited.EXPECTED.replace("KEPT-1     refute", "KEPT-1     prove ")
    (build / "EXPECTED.txt").write_text(text)
    claims = {claim["id"]: claim for claim in audited.document(build, root=root)["claims"]}
    assert claims["KEPT-1"]["standing"] == "refuted" and claims["KEPT-1"]["expected"] is False


def test_a_run_from_what_is_kept_tells_what_it_cost_when_it_was_done(tmp_path: Path) -> None:
    settings = Settings(jobs=2, build=tmp_path, cache=tmp_path / "cache", source=audited.SOURCE)
    first, second = (proving(settings, ["PROVED-1"], audited.lists(tmp_path)) for _ in range(2))
    costs = [session.outcome.results[0].cost for session in (first, second)]
    queries = [sum(item.seconds for item in session.outcome.results[0].asked) for session in (first, second)]
    assert queries[0] == queries[1] and costs[1] >= queries[1] > 0
    assert second.outcome.results[-1].cost is None


# ---- runs -----------------------------------------------------------------------------------------------------------


def test_a_run_of_some_claims_is_partial(build: Path, root: Path) -> None:
    document = audited.document(build, root=root)
    assert document["state"] == "partial" and part(document, "proofs")["status"] == "partial"
    assert "PROVED-1" in part(document, "proofs")["sentence"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"source": "0" * 64}, "the sources have changed"),
        ({"versions": {"python": "2.7"}}, "other versions: "),
        ({"registry": "other:CLAIMS"}, "about the claims of other:CLAIMS"),
    ],
    ids=["sources", "versions", "registry"],
)
def test_of_a_run_on_other_sources_nothing_is_taken(build: Path, root: Path, change: Json, why: str) -> None:
    audited.changed(build, **change)
    document = audited.document(build, root=root)
    assert part(document, "proofs")["status"] == "stale" and why in part(document, "proofs")["sentence"]
    assert {claim["standing"] for claim in document["claims"]} == {"not run"}
    assert all(why in str(claim["reason"]) for claim in document["claims"])
    assert any(line.startswith("proofs: ") and why in line for line in document["absent"])


@pytest.mark.parametrize("name", ["report", "tests", "parity", "second-opinion"])
@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 0, "schema": 0}', "\x00"])
def test_a_file_that_is_none_of_ours_is_said_to_be_unreadable(build: Path, root: Path, name: str, text: str) -> None:
    (build / f"{name}.json").write_text(text)
    document = audited.document(build, root=root)
    found = part(document, {"report": "proofs", "second-opinion": "second opinion"}.get(name, name))
    assert found["status"] == "not run"
    assert f"{name}.json" in found["sentence"] and COMMANDS[found["name"]] in found["sentence"]


def test_whole_runs_on_these_sources_are_taken(build: Path, root: Path) -> None:
    write(build / "tests.json", whole_tests())
    write(build / "parity.json", compared())
    audited.changed(build, selection=None)
    document = audited.document(build, root=root, now=NOW)
    assert [part(document, name)["status"] for name in ("proofs", "tests", "parity")] == [
        "failed",
        "complete",
        "complete",
    ]
    assert document["state"] == "complete" and not is_good(document)
    assert document["tests"] is not None and document["tests"]["files"][0]["row"] == "adam"
    adam = next(row for row in document["rows"] if row["name"] == "adam")
    assert adam["cells"][3]["tests"] == {"number": 3, "of": 4}
    assert document["parity"] is not None and document["parity"]["functions"][0]["ulps"] == {"0": 9}


def test_tests_of_other_sources_are_stale(build: Path, root: Path) -> None:
    write(build / "tests.json", whole_tests(source="another"))
    document = audited.document(build, root=root)
    assert part(document, "tests")["status"] == "stale"
    assert {row["cells"][3]["tests"] for row in document["rows"]} == {None}  # type: ignore[comparison-overlap]


def test_failed_tests_and_differing_kernels_are_failures(build: Path, root: Path) -> None:
    write(build / "tests.json", whole_tests(failed=1, failures=["tests/test_adam.py::test_x"]))
    write(build / "parity.json", compared(functions=[{**compared()["functions"][0], "holds": False, "most_ulps": 3}]))
    document = audited.document(build, root=root)
    assert [part(document, name)["status"] for name in ("tests", "parity")] == ["failed", "failed"]
    assert "1 failed" in part(document, "tests")["sentence"]
    assert part(document, "parity")["sentence"].startswith("0 of 1 kernel functions")


@pytest.mark.parametrize("state", ["fresh", "stale", "unreadable"])
def test_evidence_from_a_gpu_is_about_these_sources_or_stale(build: Path, root: Path, state: str) -> None:
    sources = source_hashes() | ({"adam.cu": "another"} if state == "stale" else {})
    content = compared(where="gpu", device="GPU 9000", sources=sources)
    write(root / "evidence" / "gpu" / "gpu-9000.json", content if state != "unreadable" else {"device": "?"})
    document = audited.document(build, root=root, now=NOW)
    assert part(document, "gpu")["status"] == {"fresh": "complete", "stale": "stale", "unreadable": "not run"}[state]
    if state == "unreadable":
        assert document["gpu"] == [] and any("gpu-9000.json" in line for line in document["absent"])
    else:
        (found,) = document["gpu"]
        assert (found["stale"], found["age_days"]) == (["adam.cu"] if state == "stale" else [], 1)


def test_a_second_opinion_stands_beside_its_query(build: Path, root: Path) -> None:
    report = json.loads((build / "report.json").read_text())
    keys = [item["query"] for claim in report["claims"] if claim["id"] == "PROVED-1" for item in claim["obligations"]]
    opinions = [{"query": key, "opinion": word} for key, word in zip(keys, ("confirmed", "contradicted"), strict=True)]
    said = {"solver": "cvc5", "when": "2030-01-01", "seconds": 1.0, "source": report["source"], "queries": opinions}
    write(build / "second-opinion.json", said)
    document = audited.document(build, root=root)
    claim = next(claim for claim in document["claims"] if claim["id"] == "PROVED-1")
    assert [query["second"] for query in claim["queries"]] == ["confirmed", "contradicted"]
    assert "CONTRADICTED" in claim["caveats"] and part(document, "second opinion")["status"] == "failed"
    opinion = document["second_opinion"]
    assert opinion is not None and opinion["contradicted"] >= 1 and opinion["not_asked"] >= 1


# ---- the same again -------------------------------------------------------------------------------------------------


def test_two_reports_of_one_state_differ_in_times_alone(build: Path, root: Path) -> None:
    write(build / "tests.json", whole_tests())
    write(build / "parity.json", compared())
    first, second = (audited.document(build, root=root, now=NOW + timedelta(days=days)) for days in (0, 3))
    assert first != second
    assert json.dumps(without_times(first)) == json.dumps(without_times(second))


def test_times_are_named_once_and_nothing_else_is_left_out() -> None:
    assert {"made", "when", "seconds", "age_days"} == TIMES
    assert without_times({"when": 1, "parts": [{"seconds": 2, "name": "x"}]}) == {"parts": [{"name": "x"}]}


# ---- the command ----------------------------------------------------------------------------------------------------

Command = Callable[..., Result]


@pytest.fixture
def audit(build: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line on a build folder of the synthetic registry and an empty tree."""
    monkeypatch.setenv("PROOFGRAD_CACHE", str(build / "cache"))
    collect = command.collect
    monkeypatch.setattr(command, "collect", lambda *given, **more: collect(*given, **more, root=root))

    def call(*arguments: str) -> Result:
        options = ["--build", str(build), "--claims", audited.SOURCE, "--lists", str(build), "--jobs", "2"]
        return CliRunner().invoke(app, ["audit", *arguments, *options])

    return call


def report(build: Path) -> Any:
    return json.loads((build / "audit" / "report.json").read_text(encoding="utf-8"))


def test_nothing_is_run_on_demand(audit: Command, build: Path) -> None:
    result = audit("--no-run")
    assert result.exit_code == 1, result.output
    assert "This report is partial." in result.output
    assert report(build)["state"] == "partial" and part(report(build), "tests")["status"] == "not run"
    assert not (build / "tests.json").exists()


def test_what_is_missing_is_run_and_what_is_there_is_not(
    audit: Command, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    def call(arguments: list[str], folder: Path) -> None:
        assert folder == build
        called.append(arguments[2])
        if arguments[2] == "pytest":
            write(build / "tests.json", whole_tests())

    monkeypatch.setattr(command, "_call", call)
    monkeypatch.setattr(command, "proving", lambda *_: pytest.fail("the prover was run"))
    write(build / "parity.json", compared())
    audited.changed(build, selection=None)
    result = audit()
    assert called == ["pytest"], result.output
    assert "tests: there is no tests.json" in result.output
    assert result.exit_code == 1 and report(build)["state"] == "complete"
    assert "refuted: FALSE-1" in result.output


def test_all_as_expected_is_success(audit: Command, build: Path) -> None:
    write(build / "tests.json", whole_tests())
    write(build / "parity.json", compared())
    (build / "EXPECTED.txt").write_text(
        "\n".join(line for line in audited.EXPECTED.splitlines() if "KEPT" in line) + "\n"
    )
    content = json.loads((build / "report.json").read_text())
    kept = {"verdict": "REFUTED", "verb": "refute", "established": True, "gap": None}
    audited.changed(build, selection=None, claims=[{**claim, **kept} for claim in content["claims"]])
    result = audit("--no-run")
    assert result.exit_code == 0, result.output
    assert "all is as it should be" in result.output


def test_ctrl_c_leaves_a_report_that_says_so(audit: Command, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_call", interrupted)
    audited.changed(build, selection=None)
    result = audit()
    assert result.exit_code == 130, result.output
    assert report(build)["state"] == "partial"
    assert "interrupted: tests did not run to the end" in report(build)["absent"]
    assert part(report(build), "parity")["status"] == "not run"


def test_ctrl_c_during_the_proofs_leaves_what_they_found(
    audit: Command, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended_early(settings: Settings, selection: Any, lists: Path) -> Session:
        audited.changed(build, state="partial", selection=None)
        outcome = Outcome((), (), frozenset(), False, NOW, 1.0)
        return Session(outcome, None, False, {})

    monkeypatch.setattr(command, "proving", ended_early)
    monkeypatch.setattr(command, "_call", lambda *_: pytest.fail("something was run after Ctrl-C"))
    result = audit()
    assert result.exit_code == 130, result.output
    assert part(report(build), "proofs")["status"] == "partial"
    assert part(report(build), "proofs")["sentence"].startswith(
        "the last run of the prover was interrupted; so far: 3 of 7"
    )
    assert "interrupted: proofs did not run to the end" in report(build)["absent"]
    standings = {claim["id"]: claim["standing"] for claim in report(build)["claims"]}
    assert standings == audited.STANDINGS


def test_a_part_can_be_skipped(audit: Command, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_call", lambda *_: pytest.fail("something was run"))
    audited.changed(build, selection=None)
    assert audit("--skip", "tests", "--skip", "parity").exit_code == 1
    assert audit("--skip", "everything").exit_code == 2


def test_the_folder_is_read_as_it_is(build: Path) -> None:
    left = Left.in_folder(build, audited.SOURCE)
    assert left.proofs.status == "partial" and not left.whole
