"""JUnit XML, SARIF and the bundle of queries say what the document says, whatever stands in its texts."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import audited
import pytest

from proofs.audit import junit, sarif
from proofs.audit.bundle import write_bundle
from proofs.audit.document import Document

WEIRD = "<b>&amp;]]> \"'\x00\x1b[31m\u2028\ud800\ufffe 𝔐 \\ \n\t"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audited.build(tmp_path_factory.mktemp("build"))


@pytest.fixture
def report(folder: Path, tmp_path: Path) -> Document:
    return audited.document(folder, root=tmp_path)


@pytest.fixture
def weird(report: Document) -> Document:
    """The document with a text in it that is hard to write down, in every place that a person may have written."""
    found = copy.deepcopy(report)
    for claim in found["claims"]:
        claim["statement"] = claim["bound"] = WEIRD
        claim["reason"] = WEIRD if claim["reason"] else None
        if claim["counterexample"]:
            claim["counterexample"]["note"] = WEIRD
            claim["counterexample"]["inputs"][0]["text"] = WEIRD
    return found


# ---- JUnit XML ------------------------------------------------------------------------------------------------------

ATTRIBUTES = {  # of the format as Jenkins reads it: those that must be, and those that may be
    "testsuites": ({"name", "tests", "failures", "errors"}, {"skipped", "time"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped"}, {"time", "timestamp"}),
    "testcase": ({"name", "classname", "time"}, {"file", "line"}),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": ({"message"}, set()),
}
INSIDE = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "error", "skipped"},
    **{kind: set() for kind in ("failure", "error", "skipped")},
}


def parsed(document: Document) -> ElementTree.Element:
    return ElementTree.fromstring(junit.render(document).encode("utf-8"))


def test_junit_has_the_structure_that_tools_read(weird: Document) -> None:
    root = parsed(weird)
    assert root.tag == "testsuites"
    for element in root.iter():
        must, may = ATTRIBUTES[element.tag]
        assert must <= set(element.attrib) <= must | may
        assert {child.tag for child in element} <= INSIDE[element.tag]
        if element.tag == "testsuite":
            kinds = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error"}
            for count, place in {**kinds, "skipped": "testcase/skipped"}.items():
                assert int(element.attrib[count]) == len(element.findall(place))
        for name in {"time"} & set(element.attrib):
            assert float(element.attrib[name]) >= 0


def test_junit_says_of_each_claim_what_it_is(report: Document) -> None:
    cases = {case.attrib["name"].split()[0]: [child.tag for child in case] for case in parsed(report).iter("testcase")}
    assert cases == {
        "PROVED-1": [],
        "TRIED-1": [],
        "KEPT-1": [],
        "FALSE-1": ["failure"],
        "UNSURE-1": ["error"],
        "VACUOUS-1": ["error"],
        "WAITS-1": ["skipped"],
    }
    failure = parsed(report).find(".//failure")
    assert failure is not None and failure.text is not None and "inputs x = 1" in failure.text


def test_what_xml_cannot_hold_is_written_as_a_number(weird: Document) -> None:
    text = junit.render(weird)
    assert "\x00" not in text and "\\x00" in text and "\\x1b" in text and "\\xd800" in text
    case = next(parsed(weird).iter("testcase"))
    assert "<b>&amp;]]> \"'" in case.attrib["name"] and "𝔐" in case.attrib["name"]


# ---- SARIF ----------------------------------------------------------------------------------------------------------


def test_sarif_has_what_the_standard_requires(report: Document) -> None:
    log = json.loads(sarif.render(report))
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] and len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"]) == 4
    for rule in driver["rules"]:
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        assert all(rule[part]["text"] for part in ("shortDescription", "fullDescription", "help"))
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False  # this run is partial
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", invocation["endTimeUtc"])
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"] and result["level"] in ("warning", "error")


def test_sarif_has_a_result_for_what_falls_short_alone(report: Document) -> None:
    results = sarif.log(report)["runs"][0]["results"]
    found = {each["partialFingerprints"]["claim/v1"]: each["ruleId"] for each in results}
    assert found == {
        "FALSE-1": "ClaimRefuted",
        "UNSURE-1": "ClaimUndecided",
        "VACUOUS-1": "ClaimVacuous",
        "WAITS-1": "ClaimNotRun",
    }
    assert "It breaks on x = 1" in results[0]["message"]["text"]


def test_sarif_names_the_clause_or_the_function(report: Document) -> None:
    for claim in report["claims"]:
        claim["location"] = {"file": "reference/adam.py", "line": 17} if claim["id"] == "FALSE-1" else None
    report["functions"]["synthetic.f"] |= {"file": "reference/adam.py", "line": 3}
    places = [each["locations"][0]["physicalLocation"] for each in sarif.log(report)["runs"][0]["results"]]
    assert [place["region"]["startLine"] for place in places] == [17, 3, 3, 3]
    bases = set(sarif.log(report)["runs"][0]["originalUriBaseIds"])
    assert all(place["artifactLocation"]["uriBaseId"] in bases for place in places)
    report["functions"]["synthetic.f"] |= {"file": "", "line": 0}
    assert [each["locations"] for each in sarif.log(report)["runs"][0]["results"][1:]] == [[], [], []]


def test_sarif_holds_any_text(weird: Document) -> None:
    text = json.dumps(sarif.log(weird))
    assert json.loads(text)["runs"][0]["results"][0]["message"]["text"].count(WEIRD) >= 2


# ---- the bundle -----------------------------------------------------------------------------------------------------

SOLVER = """\
#!{python}
import sys
text = open(sys.argv[-1]).read()
assert text.rstrip().endswith("(check-sat)"), text
said = "unsat" if ":status unsat" in text else "sat"
print({{"honest": said, "contrary": "sat" if said == "unsat" else "unsat"}}.get("{name}", "unknown"))
"""


@pytest.fixture
def bundle(folder: Path, tmp_path: Path) -> Path:
    content = json.loads((folder / "report.json").read_text())
    write_bundle(content, folder, tmp_path)
    for name in ("honest", "contrary", "unsure"):
        (tmp_path / name).write_text(SOLVER.format(python=sys.executable, name=name))
        (tmp_path / name).chmod(0o755)
    return tmp_path


def recheck(bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(bundle), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    command = [str(bundle / "smt2" / "recheck.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)


def test_equal_queries_are_one_file_with_the_answer_as_its_status(bundle: Path) -> None:
    lines = [line.split("\t") for line in (bundle / "smt2" / "QUERIES.tsv").read_text().splitlines()[1:]]
    assert len(lines) == len({file for file, _, _ in lines}) >= 3
    by_claims = {claims: (bundle / "smt2" / file).read_text() for file, _, claims in lines}
    assert any("FALSE-1" in claims and "PROVED-1" in claims for claims in by_claims)  # they share their witness
    for file, answer, _ in lines:
        text = (bundle / "smt2" / file).read_text()
        assert text.startswith(f"(set-info :status {answer})\n") and ";" not in text
    assert {answer for _, answer, _ in lines} == {"sat", "unsat"}


def test_the_document_names_the_files(folder: Path, tmp_path: Path) -> None:
    content = json.loads((folder / "report.json").read_text())
    files = write_bundle(content, folder, tmp_path)
    claims = audited.document(folder, root=tmp_path, files=files)["claims"]
    queries = [query for claim in claims for query in claim["queries"]]
    assert queries and all(query["file"] and (tmp_path / query["file"]).is_file() for query in queries)


def test_a_second_bundle_drops_what_is_gone(bundle: Path, folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in bundle.rglob("*.smt2")}
    content = json.loads((folder / "report.json").read_text())
    some = {**content, "claims": [claim for claim in content["claims"] if claim["id"] == "UNSURE-1"]}
    write_bundle(some, folder, bundle)
    after = {path: path.stat().st_mtime_ns for path in bundle.rglob("*.smt2")}
    assert 0 < len(after) < len(before) and all(before[path] == stamp for path, stamp in after.items())
    write_bundle(None, folder, bundle)
    assert list(bundle.rglob("*.smt2")) == []


@pytest.mark.parametrize(
    ("solver", "word", "code"), [("honest", "confirmed", 0), ("contrary", "contradicted", 1), ("unsure", "open", 1)]
)
def test_any_solver_can_be_asked_again(bundle: Path, solver: str, word: str, code: int) -> None:
    done = recheck(bundle, solver, "--timeout", "20", "--jobs", "2")
    assert done.returncode == code, done.stdout + done.stderr
    counts = dict(re.findall(r"^\d+ of (\d+) answers (\w+)", done.stdout, re.MULTILINE))
    total = next(iter(counts))
    assert f"{total} of {total} answers {word} by {solver}" in done.stdout
    assert done.stdout.count("CONTRADICTED") == (int(total) if word == "contradicted" else 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-solver"], "there is no solver no-such-solver on PATH"),
        (["honest", "--only", "NO-SUCH-CLAIM"], "there are no such queries"),
        (["honest", "--timeout", "0"], "--timeout must be above 0"),
    ],
)
def test_what_cannot_be_asked_is_said(bundle: Path, arguments: list[str], message: str) -> None:
    done = recheck(bundle, *arguments)
    assert done.returncode == 2 and message in done.stderr


def test_z3_confirms_its_own_answers(bundle: Path) -> None:
    done = recheck(bundle, "z3", "--only", "PROVED-1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of" in done.stdout.splitlines()[-1]
