"""The contracts as data: their form, and what was carried over from their source."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from proofs.contracts.table import FOLDER, OPEN, entries, load, schema_errors

SEED = "training-loop-v1"
SEED_COPY = "PROOFGRAD_SEED_CONTRACT"  # the path of a copy of the source that the contract was carried over from
# Of what was carried over as it is: ids, keys, formulas and numbers.
CARRIED_OVER = "a76012e45209afe74a9ab9ab55f0e875441763867a0d03ae372b406547836e7d"
DESCRIBED = {"description", "property", "rule", "prediction", "test", "if_fails"}
CLIP = "reference.clipping.clip_by_global_norm"
EQUATION = "equations.gradient_norm"


def shipped(name: str) -> Any:
    return load((FOLDER / name).read_text(encoding="utf-8"))


CONTRACT = shipped(f"{SEED}.yaml")
ANSWERS = shipped(f"answers/{SEED}.yaml")
WAITING = shipped(OPEN)


# What was carried over.


def carried_over(contract: Any) -> Any:
    """A contract without its descriptions, of which only the presence stays, and without its source."""
    properties = [obligation["property"] for obligation in contract["proof_obligations"]]

    def formal(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: formal(key, inner) for key, inner in value.items() if key != "source"}
        if name in DESCRIBED:
            return bool(value)
        if name == "obligation":
            return properties.index(value)
        if isinstance(value, list):
            return len(value) if name == "invariants" else [formal("", inner) for inner in value]
        return value

    return formal("", contract)


def test_what_was_carried_over_is_pinned() -> None:
    canonical = json.dumps(carried_over(CONTRACT), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == CARRIED_OVER


def test_the_source_is_pinned_and_agrees() -> None:
    path = os.environ.get(SEED_COPY)
    if path is None:
        pytest.skip(f"no copy of the source: set {SEED_COPY}")
    content = Path(path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == CONTRACT["source"]["sha256"]
    text = content.decode()
    seed = load(text[text.index("metadata:") :])
    assert carried_over(seed) == carried_over(CONTRACT)
    assert [entry.key for entry in entries(seed)] == [entry.key for entry in entries(CONTRACT)]


def test_every_demand_is_an_entry_of_its_own() -> None:
    found = [(entry.key, entry.kind) for entry in entries(CONTRACT)]
    assert len(dict(found)) == len(found) == 21
    assert found[0] == ("equations.loss_decrease", "equation")
    assert found[3] == ("equations.loss_decrease.preconditions[2]", "precondition")
    assert ("equations.gradient_norm.postconditions[0]", "postcondition") in found
    assert ("equations.gradient_norm.invariants[0]", "invariant") in found
    assert ("proof_obligations[2]", "obligation") in found
    assert ("falsification_tests.FALSIFY-TRAIN-003", "falsification test") in found
    assert found[-1] == ("kani_harnesses.train-kani-001", "harness")


# The form.


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads((FOLDER / "schema.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_documents_have_the_form(path: Path) -> None:
    kind = "open" if path.name == OPEN else "answers" if path.parent.name == "answers" else "contract"
    assert schema_errors(load(path.read_text(encoding="utf-8")), kind) == []


WRONG = [
    ("contract", ("colour",), "red", "the document: Additional properties are not allowed ('colour' was unexpected)"),
    ("contract", ("source", "sha256"), "0" * 63, f"source.sha256: '{'0' * 63}' does not match '^[0-9a-f]{{64}}$'"),
    (
        "contract",
        ("metadata", "created"),
        "today",
        r"metadata.created: 'today' does not match '^\\d{4}-\\d{2}-\\d{2}$'",
    ),
    ("contract", ("equations",), {}, "equations: {} should be non-empty"),
    (
        "contract",
        ("equations", "gradient_norm", "postcondition"),
        ["typo"],
        "equations.gradient_norm: Additional properties are not allowed ('postcondition' was unexpected)",
    ),
    (
        "contract",
        ("equations", "gradient_norm", "preconditions", 1),
        7,
        "equations.gradient_norm.preconditions[1]: 7 is not of type 'string'",
    ),
    (
        "contract",
        ("equations", "gradient_norm", "formula"),
        " ",
        r"equations.gradient_norm.formula: ' ' does not match '\\S'",
    ),
    (
        "contract",
        ("proof_obligations", 2, "type"),
        "hope",
        "proof_obligations[2].type: 'hope' is not one of ['bound', 'invariant', 'equivalence']",
    ),
    (
        "contract",
        ("proof_obligations", 2, "tolerance"),
        0,
        "proof_obligations[2].tolerance: 0 is less than or equal to the minimum of 0",
    ),
    ("contract", ("falsification_tests", 0), {"id": "A-1"}, "falsification_tests[0]: 'rule' is a required property"),
    ("contract", ("kani_harnesses", 0, "bound"), "4", "kani_harnesses[0].bound: '4' is not of type 'integer'"),
    (
        "answers",
        ("equations.x.remarks[0]",),
        {"claims": ["A-1"]},
        "the document: 'equations.x.remarks[0]' is not valid",
    ),
    (
        "answers",
        (EQUATION, "clause"),
        {},
        f"{EQUATION}: Additional properties are not allowed ('clause' was unexpected)",
    ),
    ("answers", (EQUATION,), {"remark": "Obvious."}, f"{EQUATION}: {{'remark': 'Obvious.'}} is not valid"),
    ("answers", (EQUATION, "clauses"), {"numpy.sqrt": ["CLIP-1"]}, f"{EQUATION}.clauses: 'numpy.sqrt' does not match"),
    ("answers", (EQUATION, "clauses", CLIP), ["clip-1"], f"{EQUATION}.clauses.{CLIP}[0]: 'clip-1' does not match"),
    ("answers", (EQUATION, "claims"), [], f"{EQUATION}.claims: [] should be non-empty"),
    (
        "answers",
        (EQUATION, "tests"),
        ["tests/test_clipping.py"],
        f"{EQUATION}.tests[0]: 'tests/test_clipping.py' does not",
    ),
    ("open", (SEED, 0, "until"), "", f"{SEED}[0].until: '' does not match"),
    ("open", (SEED, 0, "entries", 0), "loss", f"{SEED}[0].entries[0]: 'loss' is not valid"),
]


@pytest.mark.parametrize(("kind", "place", "value", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_a_wrong_document_is_refused_by_place(kind: str, place: tuple[Any, ...], value: Any, message: str) -> None:
    document = copy.deepcopy({"contract": CONTRACT, "answers": ANSWERS, "open": WAITING}[kind])
    inner = document
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    assert any(error.startswith(message) for error in schema_errors(document, kind)), schema_errors(document, kind)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "the key a stands twice"),
        ("a:\n  b: 1\n  b: 1", "the key b stands twice"),
        ("1: 2", "the key 1 is no string"),
        ("a: [", "expected the node content"),
        ("a: !!python/object:object {}", "could not determine a constructor"),
    ],
)
def test_yaml_that_would_lose_something_is_refused(text: str, message: str) -> None:
    with pytest.raises(yaml.YAMLError, match=message):
        load(text)
