"""Two reports: what became stronger, weaker, slower, new or lost, and what nobody can tell."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import audited
import pytest
from typer.testing import CliRunner

from proofs.__main__ import app
from proofs.audit.compare import Change, Slower, as_json, compare, fails, lines, load

Json = dict[str, Any]
Edit = Callable[[Json], Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Json:
    """A report of the synthetic registry, with some of everything in it."""
    build = audited.build(tmp_path_factory.mktemp("build"))
    report: Json = json.loads(json.dumps(audited.document(build, root=tmp_path_factory.mktemp("root"))))
    function = {"row": "adam", "function": "adam_step", "dtype": "float32", "inputs": 4, "elements": 9, "most_ulps": 0}
    function |= {"bound": 0, "ulps": None, "holds": True, "error": None}
    parity = {
        "where": "gpu",
        "device": "GPU 9000",
        "when": "2030",
        "age_days": 1,
        "stale": [],
        "details": {},
        "versions": {},
    }
    answers = [{"key": "equations.x", "status": "answered"}, {"key": "equations.y", "status": "open"}]
    mutants = {"row": "adam", "mutants": 10, "refuted": 8, "noticed": 1, "explained": 1, "survivors": [], "stale": 0}
    tests = {"passed": 9, "failed": 1, "skipped": 0, "seconds": 1.0, "files": [], "failures": ["a::b"], "reasons": []}
    opinion = {"solver": "cvc5", "confirmed": 2, "open": 1, "contradicted": 0, "not_asked": 0}
    report |= {"gpu": [{**parity, "functions": [function]}], "contracts": [{"name": "c", "answers": answers}]}
    report |= {"mutation": [mutants], "tests": tests, "second_opinion": opinion}
    for part in report["parts"]:
        part["status"] = "complete"
    return report


def claim(report: Json, name: str = "PROVED-1") -> Json:
    return next(each for each in report["claims"] if each["id"] == name)


def found(old: Json, *edits: Edit, slower: Slower | None = None) -> list[Change]:
    new = copy.deepcopy(old)
    for edit in edits:
        edit(new)
    return compare(old, new, slower)  # type: ignore[arg-type]


def changes(found: list[Change]) -> list[tuple[str, str, str]]:
    return [(change.kind, change.about, change.name) for change in found]


def set_in(name: str, **parts: Any) -> Edit:
    return lambda report: claim(report, name).update(parts)


def test_a_report_does_not_differ_from_itself(made: Json) -> None:
    assert found(made) == [] and not fails([])


EDITS: dict[str, tuple[Edit, str]] = {
    "refuted": (set_in("PROVED-1", standing="refuted"), "weaker"),
    "undecided": (set_in("TRIED-1", standing="undecided"), "weaker"),
    "vacuous": (set_in("PROVED-1", standing="vacuous"), "weaker"),
    "not run": (set_in("PROVED-1", standing="not run"), "lost"),
    "proved at last": (set_in("UNSURE-1", standing="proved"), "stronger"),
    "no more refuted": (set_in("FALSE-1", standing="undecided"), "stronger"),
    "gone": (lambda report: report["claims"].remove(claim(report)), "lost"),
    "another statement": (set_in("PROVED-1", statement="x > 1"), "changed"),
    "another clause": (set_in("PROVED-1", clause="lambda result: True"), "changed"),
    "one more precondition": (set_in("PROVED-1", preconditions=["lambda x: x > 3"]), "changed"),
    "false by now": (set_in("PROVED-1", verb="refute", standing="kept false"), "weaker"),
    "true by now": (set_in("KEPT-1", verb="prove", standing="proved"), "stronger"),
    "tried instead of proven": (set_in("PROVED-1", verb="exhaust", standing="exhausted"), "changed"),
    "of reals only": (set_in("PROVED-1", theory="Real"), "weaker"),
    "of another format": (set_in("PROVED-1", theory="bfloat16"), "changed"),
    "other words": (set_in("PROVED-1", bound="all positive x"), "changed"),
    "one more assumption": (set_in("PROVED-1", assumes=["AXIOM-1"]), "weaker"),
    "without its bug": (set_in("PROVED-1", twins=[]), "weaker"),
}


@pytest.mark.parametrize(("edit", "kind"), EDITS.values(), ids=EDITS)
def test_a_claim_that_changes_is_weaker_or_stronger(made: Json, edit: Edit, kind: str) -> None:
    (change,) = found(made, edit)
    assert (change.kind, change.about) == (kind, "claim")
    assert fails([change]) is (kind != "stronger")


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("n <= 4, all finite", "n <= 8, all finite", "stronger"),
        ("n <= 8, all finite", "n <= 4, all finite", "weaker"),
        ("p = 2, n <= 4, lists of up to 3", "p = 2, any n, lists of up to 3", "stronger"),
        ("p = 2, any n <= 2**40, inductive", "p = 2, n <= 4", "weaker"),
        ("elementwise, finite", "n <= 4, finite", "weaker"),
        ("n <= 4, all finite", "n <= 8, all positive", "changed"),
        ("n <= 4, |x| <= 2**13", "n <= 4, |x| <= 2**12", "changed"),
        ("steps < 40", "steps < 50", "changed"),
    ],
)
def test_bounds_are_ordered_by_their_elements_if_the_rest_is_the_same(
    made: Json, old: str, new: str, kind: str
) -> None:
    before = copy.deepcopy(made)
    claim(before)["bound"] = old
    assert [change.kind for change in found(before, set_in("PROVED-1", bound=new))] == [kind]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("Real", "Rounded(float32)", "stronger"),
        ("Rounded(float32)", "IEEE(float32)", "stronger"),
        ("IEEE(float32)", "Dual", "weaker"),
        ("IEEE(float32)", "IEEE(float64)", "changed"),
        ("IEEE(float32)", "unheard of", "weaker"),
    ],
)
def test_theories_are_ordered_by_what_they_say_of_the_bits(made: Json, old: str, new: str, kind: str) -> None:
    before = copy.deepcopy(made)
    claim(before)["theory"] = old
    assert [change.kind for change in found(before, set_in("PROVED-1", theory=new))] == [kind]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (10.0, 31.0, ["slower"]),
        (31.0, 10.0, ["faster"]),
        (0.1, 9.0, []),  # ninety times as long, but no more than seconds
        (100.0, 150.0, []),  # much longer, but not twice
        (None, 100.0, []),
        (100.0, None, []),
    ],
)
def test_slower_is_by_a_factor_and_by_seconds(
    made: Json, old: float | None, new: float | None, kind: list[str]
) -> None:
    before = copy.deepcopy(made)
    claim(before)["seconds"] = old
    changed = found(before, set_in("PROVED-1", seconds=new))
    assert [change.kind for change in changed] == kind and not fails(changed)


def test_the_limits_of_slower_can_be_set(made: Json) -> None:
    before = copy.deepcopy(made)
    claim(before)["seconds"] = 1.0
    edit = set_in("PROVED-1", seconds=1.5)
    assert found(before, edit) == []
    assert [change.kind for change in found(before, edit, slower=Slower(1.2, 0.1))] == ["slower"]


def part(name: str, **parts: Any) -> Edit:
    return lambda report: next(each for each in report["parts"] if each["name"] == name).update(parts)


FURTHER: dict[str, tuple[Edit, list[tuple[str, str, str]]]] = {
    "a test fails": (lambda report: report["tests"]["failures"].append("c::d"), [("weaker", "test", "c::d")]),
    "a test passes": (lambda report: report["tests"]["failures"].clear(), [("stronger", "test", "a::b")]),
    "fewer tests": (lambda report: report["tests"].update(passed=8), [("weaker", "tests", "all")]),
    "more tests": (lambda report: report["tests"].update(passed=10), [("stronger", "tests", "all")]),
    "no tests": (part("tests", status="not run"), [("lost", "evidence", "tests")]),
    "stale evidence": (part("gpu", status="stale"), [("weaker", "evidence", "gpu")]),
    "a kernel differs": (
        lambda report: report["gpu"][0]["functions"][0].update(holds=False),
        [("weaker", "gpu", "GPU 9000: adam.adam_step float32")],
    ),
    "a looser bound": (
        lambda report: report["gpu"][0]["functions"][0].update(bound=2),
        [("weaker", "gpu", "GPU 9000: adam.adam_step float32")],
    ),
    "no GPU": (lambda report: report["gpu"].clear(), [("lost", "gpu", "GPU 9000: adam.adam_step float32")]),
    "a mutant survives": (
        lambda report: report["mutation"][0].update(refuted=7, survivors=["m"]),
        [("weaker", "mutants", "adam"), ("weaker", "mutants", "adam")],
    ),
    "stale mutants": (lambda report: report["mutation"][0].update(stale=3), [("weaker", "mutants", "adam")]),
    "an entry is open": (
        lambda report: report["contracts"][0]["answers"][0].update(status="open"),
        [("weaker", "contract", "c equations.x")],
    ),
    "an entry is answered": (
        lambda report: report["contracts"][0]["answers"][1].update(status="answered"),
        [("stronger", "contract", "c equations.y")],
    ),
    "an entry is gone": (
        lambda report: report["contracts"][0]["answers"].pop(),
        [("lost", "contract", "c equations.y")],
    ),
    "a contradiction": (
        lambda report: report["second_opinion"].update(contradicted=1),
        [("weaker", "second opinion", "cvc5")],
    ),
}


@pytest.mark.parametrize(("edit", "expected"), FURTHER.values(), ids=FURTHER)
def test_tests_kernels_mutants_contracts_and_opinions_are_compared(made: Json, edit: Edit, expected: Any) -> None:
    changed = found(made, edit)
    assert changes(changed) == expected
    assert fails(changed) is (expected[0][0] != "stronger")


def test_what_is_new_is_no_failure_and_the_worst_comes_first(made: Json) -> None:
    def more(report: Json) -> None:
        report["claims"].insert(0, {**claim(report), "id": "NEW-1"})

    assert changes(found(made, more)) == [("new", "claim", "NEW-1")]
    changed = found(made, more, set_in("UNSURE-1", standing="proved"), set_in("PROVED-1", standing="refuted"))
    assert [change.kind for change in changed] == ["weaker", "stronger", "new"]
    assert [change.kind for change in compare({**made, "claims": []}, made)] == ["new"] * 7  # type: ignore[arg-type]


def test_people_and_programs_are_told_the_same(made: Json) -> None:
    changed = found(made, set_in("PROVED-1", standing="refuted", reason=None))
    text = [line for line, _ in lines(made, made, changed)]  # type: ignore[arg-type]
    assert text[2] == "weaker    claim PROVED-1: was proved, is refuted"
    assert text[-1] == "Something is weaker, lost, or changed."
    content = as_json(made, made, changed)  # type: ignore[arg-type]
    assert content["fails"] is True
    assert content["changes"] == [
        {"kind": "weaker", "about": "claim", "name": "PROVED-1", "text": "was proved, is refuted"}
    ]


# ---- the command ----------------------------------------------------------------------------------------------------


def audit(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


@pytest.fixture
def files(made: Json, tmp_path: Path) -> tuple[Path, Path]:
    new = copy.deepcopy(made)
    set_in("PROVED-1", standing="undecided", reason="goal: timeout after 60 s")(new)
    paths = (tmp_path / "old.json", tmp_path / "audit" / "report.json")
    paths[1].parent.mkdir()
    for path, content in zip(paths, (made, new), strict=True):
        path.write_text(json.dumps(content))
    return paths


def test_the_exit_code_says_whether_something_is_weaker(files: tuple[Path, Path]) -> None:
    old, new = files
    worse = audit("--compare", old, new)
    assert worse.exit_code == 1
    assert "weaker    claim PROVED-1: was proved, is undecided: goal: timeout after 60 s" in worse.output
    better = audit("--compare", new, old)
    assert better.exit_code == 0 and "Nothing is weaker or lost." in better.output


def test_the_newer_report_is_that_of_the_build_folder(files: tuple[Path, Path]) -> None:
    old, new = files
    result = audit("--compare", old, "--build", new.parent.parent, "--json")
    assert result.exit_code == 1
    assert [change["name"] for change in json.loads(result.output)["changes"]] == ["PROVED-1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is no JSON"),
        ("[]", "is no report of the format proofgrad-audit/1"),
        ('{"format": "proofgrad-audit/0"}', "but of 'proofgrad-audit/0'"),
    ],
)
def test_what_is_no_report_is_refused(files: tuple[Path, Path], text: str | None, message: str) -> None:
    other = files[0].with_name("other.json")
    if text is not None:
        other.write_text(text)
    result = audit("--compare", other, files[1])
    assert result.exit_code == 2 and message in result.stderr and str(other) in result.stderr
    with pytest.raises(ValueError, match=r"other\.json"):
        load(other)


def test_a_second_report_needs_a_first() -> None:
    assert audit("new.json").exit_code == 2
    assert audit("--json").exit_code == 2
