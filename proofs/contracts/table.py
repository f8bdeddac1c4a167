"""The traceability table: every entry of every contract, and the clauses, claims and tests that answer it.

A contract says what is demanded, its file in ``answers/`` what answers each entry, and ``OPEN.yaml`` which entries are
still open. The table holds them against the reference's clauses, the tests' names and the verdicts of a report. That a
test is named here says that it exists; whether it passes is for the test run to say.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import jsonschema
import yaml

from reference import contracts as clauses

FOLDER = Path(__file__).resolve().parent  # of the contracts
ROOT = FOLDER.parent.parent  # of the source tree, where tests/ may be
OPEN = "OPEN.yaml"
KINDS = {"preconditions": "precondition", "postconditions": "postcondition", "invariants": "invariant"}
NEEDS = {
    "equation": "claims",
    "precondition": "clauses",
    "postcondition": "claims",
    "invariant": "claims",
    "obligation": "claims",
    "falsification test": "tests",
    "harness": "claims",
}
STATUSES = ("answered", "open", "not run", "unanswered", "broken")
NOT_RUN = ("not run", "interrupted")  # how a report's reason begins where a claim was not run to its end
Json = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One demand of a contract."""

    key: str
    kind: str
    text: str


@dataclass(frozen=True)
class Evidence:
    """What answers are held against.

    ``claims`` are a report's by id; in a run that is not ``whole`` some did not run. ``tests`` are the node ids that
    exist, ``None`` where there is no tests folder.
    """

    claims: Mapping[str, Json]
    whole: bool
    tests: frozenset[str] | None


def build(report: Json, folder: Path = FOLDER, root: Path = ROOT) -> Json:
    """The table for a report: contracts with their entries, failures in plain words, and what could not be checked."""
    failures: list[str] = []
    names = sorted(path.stem for path in folder.glob("*.yaml") if path.name != OPEN)
    waiting = _read(folder, OPEN, "open", failures) or {}
    answers = {
        path.stem: _read(folder, f"answers/{path.name}", "answers", failures) or {}
        for path in sorted((folder / "answers").glob("*.yaml"))
    }
    failures += [] if names else ["there are no contracts"]
    failures += [f"{OPEN} names the contract {name}, which does not exist" for name in waiting if name not in names]
    failures += [f"answers/{name}.yaml belongs to no contract" for name in answers if name not in names]
    named = {test for answered in answers.values() for answer in answered.values() for test in answer.get("tests", ())}
    evidence = Evidence(
        {claim["id"]: claim for claim in report["claims"]},
        report["selection"] is None and report["state"] == "complete",
        _existing_tests(named, root),
    )
    tables = []
    for name in names:
        contract = _read(folder, f"{name}.yaml", "contract", failures)
        rows: list[Json] = []
        if contract is not None:
            rows, troubles = _rows(list(entries(contract)), answers.get(name, {}), waiting.get(name, []), evidence)
            failures += [f"{name}: {trouble}" for trouble in (*_inconsistencies(contract), *troubles)]
        tables.append({"name": name, "source": (contract or {}).get("source"), "entries": rows})
    unchecked = ["there is no tests folder here: whether the tests that contracts name exist was not checked"]
    return {"contracts": tables, "failures": failures, "notes": unchecked if evidence.tests is None else []}


def lines(table: Json) -> list[str]:
    """What every run shows: how many entries are answered, and the open ones with what will answer them."""
    shown = list(table["notes"])
    for contract in table["contracts"]:
        found = contract["entries"]
        counts = Counter(entry["status"] for entry in found)
        others = "".join(f", {counts[status]} {status}" for status in STATUSES[1:] if counts[status])
        shown.append(f"contract {contract['name']}: {counts['answered']} of {len(found)} entries answered{others}")
        waiting: dict[str, list[str]] = {}
        for entry in found:
            if entry["status"] == "open":
                waiting.setdefault(entry["remark"], []).append(entry["key"])
        shown += [f"  open until {until}: {', '.join(keys)}" for until, keys in waiting.items()]
    return shown


def entries(contract: Json) -> Iterator[Entry]:
    """Every demand of a contract, by its key."""
    for name, equation in contract["equations"].items():
        yield Entry(f"equations.{name}", "equation", equation["formula"])
        for part, kind in KINDS.items():
            for number, text in enumerate(equation.get(part, ())):
                yield Entry(f"equations.{name}.{part}[{number}]", kind, text)
    for number, obligation in enumerate(contract["proof_obligations"]):
        yield Entry(f"proof_obligations[{number}]", "obligation", obligation["formal"])
    for test in contract["falsification_tests"]:
        yield Entry(f"falsification_tests.{test['id']}", "falsification test", test["prediction"])
    for harness in contract["kani_harnesses"]:
        text = f"{harness['obligation']} (bound {harness['bound']}, {harness['strategy']})"
        yield Entry(f"kani_harnesses.{harness['id']}", "harness", text)


def schema_errors(document: Any, kind: str) -> list[str]:
    """How a document breaks the schema of its kind (contract, answers or open), each with its place."""
    found = sorted(_validator(kind).iter_errors(document), key=lambda error: error.json_path)
    return [f"{_place(error.absolute_path)}: {error.message}" for error in found]


def load(text: str) -> Any:
    """The document in a YAML text; a key that is doubled or no string is an error. A text without content is empty."""
    document = yaml.load(text, Loader=_Loader)  # a SafeLoader
    return {} if document is None else document


class _Loader(yaml.SafeLoader):
    """YAML keeps the last of two equal keys without a word: here that is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep)
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key, (at, _) in zip(keys, node.value, strict=True):
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is no string", at.start_mark)
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key} stands twice", at.start_mark)
        return found


def _read(folder: Path, name: str, kind: str, failures: list[str]) -> Any:
    """A valid document, or ``None`` and the reasons among the failures."""
    try:
        document = load((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        failures.append(f"{name} cannot be read: {' '.join(str(error).split())}")
        return None
    errors = schema_errors(document, kind)
    failures += [f"{name}, {error}" for error in errors]
    return None if errors else document


@functools.cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"})


def _place(path: Iterable[str | int]) -> str:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return steps.lstrip(".") or "the document"


def _inconsistencies(contract: Json) -> Iterator[str]:
    """What a schema cannot see."""
    for key, count in Counter(entry.key for entry in entries(contract)).items():
        if count > 1:
            yield f"{key} stands {count} times in the contract"
    properties = {obligation["property"] for obligation in contract["proof_obligations"]}
    for harness in contract["kani_harnesses"]:
        if harness["obligation"] not in properties:
            yield f"kani_harnesses.{harness['id']} is for {harness['obligation']!r}, which is no obligation's property"


def _rows(
    demands: Sequence[Entry], answers: Mapping[str, Json], groups: Sequence[Json], evidence: Evidence
) -> tuple[list[Json], list[str]]:
    """The rows of one contract's table, and its failures."""
    known = {entry.key for entry in demands}
    waiting = [(key, group["until"]) for group in groups for key in group["entries"]]
    until = dict(waiting)
    troubles = [f"{key} is answered, but is no entry of the contract" for key in answers if key not in known]
    troubles += [f"{key} is open, but is no entry of the contract" for key in until if key not in known]
    troubles += [f"{key} is open twice" for key, count in Counter(key for key, _ in waiting).items() if count > 1]
    rows = []
    for entry in demands:
        row, found = _row(entry, answers.get(entry.key), until.get(entry.key), evidence)
        rows.append(row)
        troubles += [f"{entry.key} {trouble}" for trouble in found]
    return rows, troubles


def _row(entry: Entry, answer: Json | None, until: str | None, evidence: Evidence) -> tuple[Json, list[str]]:
    """One entry's row, and what is wrong with it."""
    given = answer or {}
    named = [(function, clause) for function, ids in given.get("clauses", {}).items() for clause in ids]
    status, troubles = _status(entry, answer, named, until, evidence)
    row = {
        "key": entry.key,
        "text": entry.text,
        "kind": entry.kind,
        "status": status,
        "clauses": [f"{function}: {clause}" for function, clause in named],
        "claims": [
            {"id": name, "verdict": evidence.claims[name]["verdict"] if name in evidence.claims else None}
            for name in given.get("claims", ())
        ],
        "tests": list(given.get("tests", ())),
        "remark": until if answer is None else given.get("remark"),
    }
    return row, troubles


def _status(
    entry: Entry, answer: Json | None, named: Iterable[tuple[str, str]], until: str | None, evidence: Evidence
) -> tuple[str, list[str]]:
    if answer is None:
        return ("unanswered", ["is neither answered nor open"]) if until is None else ("open", [])
    claims = answer.get("claims", ())
    troubles = ["is both answered and open"] if until is not None else []
    need = NEEDS[entry.kind]
    if need not in answer:
        troubles.append(f"is answered without {need}, which every {entry.kind} needs")
    troubles += [trouble for function, clause in named if (trouble := _clause_trouble(function, clause))]
    troubles += [trouble for claim in claims if (trouble := _claim_trouble(claim, evidence))]
    verbs = {evidence.claims[claim]["verb"] for claim in claims if claim in evidence.claims}
    if verbs == {"refute"}:
        troubles.append("names only claims that are kept as false statements")
    if evidence.tests is not None:
        missing = [test for test in answer.get("tests", ()) if test not in evidence.tests]
        troubles += [f"names the test {test}, which does not exist" for test in missing]
    if troubles:
        return "broken", troubles
    return ("answered" if all(evidence.claims[claim]["established"] for claim in claims) else "not run"), []


def _claim_trouble(name: str, evidence: Evidence) -> str:
    """Why a claim does not answer; empty if it does, or if it was not run in a run of some claims only."""
    claim = evidence.claims.get(name)
    if claim is None:
        return f"names the claim {name}, which does not exist"
    if claim["established"] or (not evidence.whole and _not_run(claim, evidence.claims)):
        return ""
    reason = f": {claim['reason']}" if claim["reason"] else ""
    return f"names the claim {name}, which is not established ({claim['verdict']}{reason})"


def _not_run(claim: Json, claims: Mapping[str, Json]) -> bool:
    """Whether a claim is undecided because it, or what it rests on, did not run to its end."""
    if claim["verdict"] != "UNDECIDED":
        return False
    rests = [claims[rest] for rest in claim["rests_on"] if rest in claims]
    return (claim["reason"] or "").startswith(NOT_RUN) or any(_not_run(rest, claims) for rest in rests)


def _clause_trouble(name: str, clause: str) -> str:
    """Why there is no such clause; empty if there is."""
    module, _, attribute = name.rpartition(".")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        return f"names a clause of {name}, which does not exist"
    ids = {found.claim for found in clauses.postconditions(function)}
    written = re.fullmatch(r"require (\w+)\((.*)\)", clause)
    if clause in ids or (written and _is_required(function, written[1], written[2].split(", "))):
        return ""
    return f"names the clause {clause} of {name}, which does not exist"


def _is_required(function: Callable[..., Any], predicate: str, arguments: list[str]) -> bool:
    """Whether a precondition asks this predicate about these arguments."""
    return any(
        predicate in inspect.unwrap(found.condition).__code__.co_names
        and [*inspect.signature(found.condition).parameters] == arguments
        for found in clauses.preconditions(function)
    )


def _existing_tests(named: Iterable[str], root: Path) -> frozenset[str] | None:
    """The node ids of all tests in the files that these node ids name, read without running them."""
    if not ((root / "pyproject.toml").is_file() and (root / "tests").is_dir()):
        return None
    files = {node.partition("::")[0] for node in named}
    return frozenset(node for file in files if (root / file).is_file() for node in _tests_in(root, file))


def _tests_in(root: Path, file: str) -> Iterator[str]:
    """The node ids of the functions and methods that pytest takes for tests."""
    try:
        body = ast.parse((root / file).read_text(encoding="utf-8")).body
    except (SyntaxError, ValueError):
        return  # a file that Python cannot read has no tests
    for node in body:
        if _is_test(node):
            yield f"{file}::{node.name}"
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from (f"{file}::{node.name}::{inner.name}" for inner in node.body if _is_test(inner))


def _is_test(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test")
