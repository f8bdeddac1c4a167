"""The traceability table: every way in which an entry of a contract can fail to be answered."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from proofs.contracts.table import FOLDER, OPEN, ROOT, build, entries, lines, load

SEED = "training-loop-v1"
CLIP = "reference.clipping.clip_by_global_norm"
EQUATION = "equations.gradient_norm"
POSTCONDITION = "equations.gradient_norm.postconditions[0]"
LATER = "equations.loss_decrease.postconditions[0]"


def shipped(name: str) -> Any:
    return load((FOLDER / name).read_text(encoding="utf-8"))


CONTRACT = shipped(f"{SEED}.yaml")
ANSWERS = shipped(f"answers/{SEED}.yaml")
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.name != OPEN)
WAITING = shipped(OPEN)


def claim(name: str, verdict: str = "PROVED", reason: str | None = None, **others: Any) -> dict[str, Any]:
    """A claim as a report has it."""
    verb = others.get("verb", "prove")
    established = {"prove": "PROVED", "exhaust": "EXHAUSTED", "refute": "REFUTED"}[verb] == verdict
    found = {"id": name, "verb": verb, "verdict": verdict, "reason": reason, "established": established, "rests_on": []}
    return {**found, **others}


def report(*claims: dict[str, Any], **others: Any) -> dict[str, Any]:
    """A complete run of everything; claims that answers name are proven if nothing else is said."""
    answers = [answer for contract in NAMES for answer in shipped(f"answers/{contract}.yaml").values()]
    named = {name for answer in answers for name in answer.get("claims", ())}
    found = {name: claim(name) for name in sorted(named)} | {item["id"]: item for item in claims}
    return {"state": "complete", "selection": None, "claims": list(found.values()), **others}


class Copy:
    """A copy of the shipped contract, answers and open entries, to be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contract = copy.deepcopy(CONTRACT)
        self.answers = copy.deepcopy(ANSWERS)
        self.waiting = copy.deepcopy(WAITING)

    def build(self, found: dict[str, Any] | None = None, root: Path = ROOT) -> dict[str, Any]:
        (self.folder / "answers").mkdir(exist_ok=True)
        for name, document in (
            (f"{SEED}.yaml", self.contract),
            (f"answers/{SEED}.yaml", self.answers),
            (OPEN, self.waiting),
        ):
            text = document if isinstance(document, str) else yaml.safe_dump(document, allow_unicode=True)
            (self.folder / name).write_text(text, encoding="utf-8")
        return build(found or report(), self.folder, root)


@pytest.fixture
def changed(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def row(table: dict[str, Any], key: str) -> dict[str, Any]:
    return next(entry for contract in table["contracts"] for entry in contract["entries"] if entry["key"] == key)


# The table.


def test_the_shipped_answers_name_what_exists() -> None:
    table = build(report())
    assert table["failures"] == []
    assert table["notes"] == []
    assert [contract["name"] for contract in table["contracts"]] == NAMES
    for contract in table["contracts"]:
        document, answers = (shipped(f"{place}{contract['name']}.yaml") for place in ("", "answers/"))
        assert contract["source"] == document.get("source")
        assert {entry["key"]: entry["status"] for entry in contract["entries"]} == {
            entry.key: "answered" if entry.key in answers else "open" for entry in entries(document)
        }
    assert json.loads(json.dumps(table)) == table


def test_the_row_of_an_answered_entry() -> None:
    assert row(build(report()), POSTCONDITION) == {
        "key": POSTCONDITION,
        "text": "grad_norm <= clip_value",
        "kind": "postcondition",
        "status": "answered",
        "clauses": [f"{CLIP}: CLIP-1"],
        "claims": [{"id": f"CLIP-1.{name}", "verdict": "PROVED"} for name in ("float16", "float32", "float64")],
        "tests": ["tests/test_clipping.py::test_the_exact_norm_of_the_result_is_at_most_max_norm"],
        "remark": "It is the exact norm that is at most clip_value, not only the computed one.",
    }


def test_the_row_of_an_open_entry() -> None:
    assert row(build(report()), LATER) == {
        "key": LATER,
        "text": CONTRACT["equations"]["loss_decrease"]["postconditions"][0],
        "kind": "postcondition",
        "status": "open",
        "clauses": [],
        "claims": [],
        "tests": [],
        "remark": WAITING[SEED][0]["until"],
    }


def test_the_lines_that_every_run_shows(changed: Copy) -> None:
    changed.waiting = {SEED: [{"until": "the moon is full", "entries": [LATER, "proof_obligations[1]"]}]}
    del changed.answers["falsification_tests.FALSIFY-TRAIN-001"]
    assert lines(changed.build(report(claim("CLIP-1.float16", "UNDECIDED", "not run"), selection=["reductions"]))) == [
        f"contract {SEED}: 8 of 21 entries answered, 2 open, 6 not run, 5 unanswered",
        f"  open until the moon is full: {LATER}, proof_obligations[1]",
    ]


# Failures, one each.


def test_an_entry_neither_answered_nor_open(changed: Copy) -> None:
    del changed.answers[POSTCONDITION]
    table = changed.build()
    assert table["failures"] == [f"{SEED}: {POSTCONDITION} is neither answered nor open"]
    assert row(table, POSTCONDITION)["status"] == "unanswered"


def test_a_new_entry_without_an_answer(changed: Copy) -> None:
    changed.contract["equations"]["gradient_norm"]["postconditions"].append("grad_norm >= 0")
    assert changed.build()["failures"] == [
        f"{SEED}: equations.gradient_norm.postconditions[2] is neither answered nor open"
    ]


def test_an_entry_both_answered_and_open(changed: Copy) -> None:
    changed.answers[LATER] = ANSWERS[EQUATION]
    table = changed.build()
    assert table["failures"] == [f"{SEED}: {LATER} is both answered and open"]
    assert row(table, LATER)["status"] == "broken"


def test_an_answer_to_no_entry(changed: Copy) -> None:
    changed.answers["proof_obligations[3]"] = ANSWERS["proof_obligations[0]"]
    assert changed.build()["failures"] == [f"{SEED}: proof_obligations[3] is answered, but is no entry of the contract"]


def test_an_open_entry_that_is_none(changed: Copy) -> None:
    changed.waiting[SEED][0]["entries"].append("kani_harnesses.train-kani-002")
    assert changed.build()["failures"] == [
        f"{SEED}: kani_harnesses.train-kani-002 is open, but is no entry of the contract"
    ]


def test_an_entry_that_is_open_for_two_reasons(changed: Copy) -> None:
    changed.waiting[SEED][1]["entries"].append(LATER)
    assert changed.build()["failures"] == [f"{SEED}: {LATER} is open twice"]


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("claims", ["CLIP-1.float8"], "names the claim CLIP-1.float8, which does not exist"),
        ("clauses", {CLIP: ["CLIP-99"]}, f"names the clause CLIP-99 of {CLIP}, which does not exist"),
        (
            "clauses",
            {CLIP: ["require is_positive(grads)"]},
            f"names the clause require is_positive(grads) of {CLIP}, which does not exist",
        ),
        (
            "clauses",
            {CLIP: ["require is_negative(max_norm)"]},
            f"names the clause require is_negative(max_norm) of {CLIP}, which does not exist",
        ),
        (
            "clauses",
            {"reference.clipping.clip_by_magic": ["CLIP-1"]},
            "names a clause of reference.clipping.clip_by_magic, which does not exist",
        ),
        (
            "clauses",
            {"reference.magic.clip": ["CLIP-1"]},
            "names a clause of reference.magic.clip, which does not exist",
        ),
        (
            "tests",
            ["tests/test_clipping.py::test_nothing"],
            "names the test tests/test_clipping.py::test_nothing, which does not exist",
        ),
        (
            "tests",
            ["tests/test_magic.py::test_it"],
            "names the test tests/test_magic.py::test_it, which does not exist",
        ),
        (
            "tests",
            ["tests/test_clipping.py::approximate_norm"],
            "names the test tests/test_clipping.py::approximate_norm, which does not exist",
        ),
    ],
)
def test_an_answer_that_names_what_does_not_exist(changed: Copy, part: str, value: Any, message: str) -> None:
    changed.answers[POSTCONDITION][part] = value
    table = changed.build()
    assert table["failures"] == [f"{SEED}: {POSTCONDITION} {message}"]
    assert row(table, POSTCONDITION)["status"] == "broken"


def test_the_verdict_of_an_unknown_claim_is_null(changed: Copy) -> None:
    changed.answers[POSTCONDITION]["claims"] = ["CLIP-1.float8"]
    assert row(changed.build(), POSTCONDITION)["claims"] == [{"id": "CLIP-1.float8", "verdict": None}]


@pytest.mark.parametrize(
    ("key", "part"),
    [
        (EQUATION, "claims"),
        (EQUATION + ".preconditions[0]", "clauses"),
        ("equations.gradient_norm.invariants[0]", "claims"),
        ("proof_obligations[0]", "claims"),
        ("falsification_tests.FALSIFY-TRAIN-001", "tests"),
        ("kani_harnesses.train-kani-001", "claims"),
    ],
)
def test_an_answer_without_what_its_kind_needs(changed: Copy, key: str, part: str) -> None:
    del changed.answers[key][part]
    table = changed.build()
    (failure,) = table["failures"]
    assert failure == f"{SEED}: {key} is answered without {part}, which every {row(table, key)['kind']} needs"
    assert row(table, key)["status"] == "broken"


def test_a_false_statement_answers_nothing(changed: Copy) -> None:
    changed.answers[POSTCONDITION]["claims"] = ["CLIP-9"]
    table = changed.build(report(claim("CLIP-9", "REFUTED", verb="refute")))
    assert table["failures"] == [f"{SEED}: {POSTCONDITION} names only claims that are kept as false statements"]
    changed.answers[POSTCONDITION]["claims"] = ["CLIP-9", "CLIP-1.float32"]
    assert changed.build(report(claim("CLIP-9", "REFUTED", verb="refute")))["failures"] == []


def test_two_entries_of_one_id(changed: Copy) -> None:
    changed.contract["kani_harnesses"] *= 2
    assert changed.build()["failures"] == [f"{SEED}: kani_harnesses.train-kani-001 stands 2 times in the contract"]


def test_a_harness_for_no_obligation(changed: Copy) -> None:
    changed.contract["kani_harnesses"][0]["obligation"] = "All is well"
    assert changed.build()["failures"] == [
        f"{SEED}: kani_harnesses.train-kani-001 is for 'All is well', which is no obligation's property"
    ]


def test_files_that_belong_to_no_contract(changed: Copy) -> None:
    changed.waiting["adam-v1"] = WAITING[SEED]
    (changed.folder / "answers").mkdir()
    (changed.folder / "answers" / "sgd-v1.yaml").write_text("")
    assert changed.build()["failures"] == [
        f"{OPEN} names the contract adam-v1, which does not exist",
        "answers/sgd-v1.yaml belongs to no contract",
    ]


def test_a_contract_of_the_wrong_form(changed: Copy) -> None:
    del changed.contract["metadata"]
    table = changed.build()
    assert table["failures"] == [f"{SEED}.yaml, the document: 'metadata' is a required property"]
    assert table["contracts"] == [{"name": SEED, "source": None, "entries": []}]


def test_answers_that_cannot_be_read_answer_nothing(changed: Copy) -> None:
    changed.answers = f"{EQUATION}: {{}}\n{EQUATION}: {{}}\n"
    failures = changed.build()["failures"]
    assert failures[0].startswith(f"answers/{SEED}.yaml cannot be read: the key {EQUATION} stands twice")
    assert failures[1:] == [f"{SEED}: {key} is neither answered nor open" for key in ANSWERS]


def test_a_folder_without_contracts(tmp_path: Path) -> None:
    (tmp_path / OPEN).write_text("")
    table = build(report(), tmp_path)
    assert table == {"contracts": [], "failures": ["there are no contracts"], "notes": []}


# The verdicts of a run.


def test_a_claim_that_a_full_run_did_not_establish(changed: Copy) -> None:
    for undecided in (
        claim("CLIP-1.float32", "UNDECIDED", "norm: timeout after 60 s"),
        claim("CLIP-1.float32", "UNDECIDED", "not run"),
    ):
        table = changed.build(report(undecided))
        message = f"names the claim CLIP-1.float32, which is not established (UNDECIDED: {undecided['reason']})"
        assert f"{SEED}: {POSTCONDITION} {message}" in table["failures"]
        assert row(table, POSTCONDITION)["status"] == "broken"
        assert row(table, POSTCONDITION)["claims"][1] == {"id": "CLIP-1.float32", "verdict": "UNDECIDED"}
        assert row(table, EQUATION + ".preconditions[0]")["status"] == "answered"


@pytest.mark.parametrize("others", [{"selection": ["reductions"]}, {"state": "partial"}])
def test_a_claim_that_did_not_run_is_said_to(others: dict[str, Any]) -> None:
    resting = claim("CLIP-1.float64", "UNDECIDED", "rests on RED-1, which is UNDECIDED", rests_on=["RED-1"])
    for unrun in (
        (claim("CLIP-1.float64", "UNDECIDED", "not run"),),
        (claim("CLIP-1.float64", "UNDECIDED", "interrupted before it was finished"),),
        (resting, claim("RED-1", "UNDECIDED", "not run")),
    ):
        table = build(report(*unrun, **others))
        assert table["failures"] == []
        assert row(table, POSTCONDITION)["status"] == "not run"
        assert row(table, EQUATION + ".preconditions[0]")["status"] == "answered"


@pytest.mark.parametrize("others", [{"selection": ["clipping"]}, {"state": "partial"}])
def test_a_claim_that_ran_and_failed_is_a_failure_in_every_run(others: dict[str, Any]) -> None:
    for failed in (
        claim("CLIP-1.float64", "REFUTED"),
        claim("CLIP-1.float64", "REFUTED", rests_on=["RED-1"]),
        claim("CLIP-1.float64", "UNDECIDED", "norm: unknown"),
    ):
        table = build(report(failed, claim("RED-1", "UNDECIDED", "not run"), **others))
        reason = f": {failed['reason']}" if failed["reason"] else ""
        message = f"names the claim CLIP-1.float64, which is not established ({failed['verdict']}{reason})"
        assert f"{SEED}: {POSTCONDITION} {message}" in table["failures"]
        assert row(table, POSTCONDITION)["status"] == "broken"


def test_an_unanswered_entry_is_a_failure_in_every_run(changed: Copy) -> None:
    del changed.answers[POSTCONDITION]
    assert changed.build(report(selection=["reductions"]))["failures"] != []


# Tests that are named.


def test_without_a_tests_folder_nothing_is_said_about_tests(changed: Copy, tmp_path: Path) -> None:
    changed.answers[POSTCONDITION]["tests"] = ["tests/test_magic.py::test_it"]
    note = "there is no tests folder here: whether the tests that contracts name exist was not checked"
    installed, without_tests = tmp_path / "site-packages", tmp_path / "source"
    (installed / "tests").mkdir(parents=True)  # some other package's
    without_tests.mkdir()
    (without_tests / "pyproject.toml").touch()
    for root in (installed, without_tests):
        table = changed.build(root=root)
        assert table["failures"] == []
        assert table["notes"] == [note]
        assert lines(table)[0] == note


def test_tests_are_found_without_running_their_file(changed: Copy, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(
        "raise RuntimeError\n"
        "def test_one(): ...\n"
        "def helper():\n    def test_inside(): ...\n"
        "class TestGroup:\n    def test_two(self): ...\n    def helper(self): ...\n"
        "class Other:\n    def test_three(self): ...\n"
        "test_four = test_one\n"
    )
    (tmp_path / "tests" / "test_b.py").write_text("def test_one(:\n")
    found = ["test_a.py::test_one", "test_a.py::TestGroup::test_two"]
    absent = [
        "test_a.py::helper",
        "test_a.py::test_inside",
        "test_a.py::TestGroup::helper",
        "test_a.py::Other::test_three",
        "test_a.py::test_four",
        "test_b.py::test_one",
    ]
    for answer in changed.answers.values():
        answer.pop("tests", None)
    changed.answers["falsification_tests.FALSIFY-TRAIN-001"]["tests"] = [f"tests/{name}" for name in (*found, *absent)]
    assert changed.build(root=tmp_path)["failures"] == [
        f"{SEED}: falsification_tests.FALSIFY-TRAIN-001 names the test tests/{name}, which does not exist"
        for name in absent
    ]
