"""The schema and the types of the document say the same, and a report is what they say."""

from __future__ import annotations

import copy
import json
import typing
from pathlib import Path
from typing import Any

import audited
import jsonschema
import pytest

from proofs.audit import document as module
from proofs.audit.document import Document

SCHEMA = json.loads((audited.ROOT / "proofs" / "audit" / "schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
TYPES = {name: value for name, value in vars(module).items() if typing.is_typeddict(value)}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Document:
    build = audited.build(tmp_path_factory.mktemp("build"))
    root = tmp_path_factory.mktemp("root")
    return json.loads(json.dumps(audited.document(build, root=root)))


def described(hint: Any) -> Any:
    """What a schema says of a type, without its descriptions and narrower limits."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if typing.is_typeddict(hint):
        return f"#/$defs/{hint.__name__}"
    if origin is typing.Literal:
        return sorted(inner)
    if origin is list:
        return ["array", described(inner[0])]
    if origin is dict:
        return ["object", described(inner[1])]
    return {described(part) if typing.is_typeddict(part) else str(described(part)) for part in inner} or SIMPLE[hint]


def said(schema: Any) -> Any:
    """The same of a schema."""
    if "$ref" in schema:
        return schema["$ref"]
    if "enum" in schema:
        return sorted(schema["enum"])
    if "const" in schema:
        return "string"
    if "anyOf" in schema:
        return {
            part if isinstance(part := said(each), str) and part[0] == "#" else str(part) for each in schema["anyOf"]
        }
    if schema["type"] == "array":
        return ["array", said(schema["items"])]
    if schema["type"] == "object":
        return ["object", said(schema["additionalProperties"])]
    return set(schema["type"]) if isinstance(schema["type"], list) else schema["type"]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", TYPES)
def test_schema_and_type_have_the_same_members(name: str) -> None:
    schema = SCHEMA if name == "Document" else SCHEMA["$defs"][name]
    hints = typing.get_type_hints(TYPES[name])
    extras = typing.get_type_hints(TYPES[name], include_extras=True)
    required = [key for key in hints if typing.get_origin(extras[key]) is not typing.NotRequired]
    assert list(schema["properties"]) == list(hints) and schema["required"] == required
    assert schema["additionalProperties"] is False
    assert {key: said(schema["properties"][key]) for key in hints} == {
        key: described(hint) for key, hint in hints.items()
    }


def test_everything_in_the_schema_is_described() -> None:
    assert set(SCHEMA["$defs"]) == set(TYPES) - {"Document"}
    every = [SCHEMA, *SCHEMA["$defs"].values()]
    assert all(each["title"] and each["description"] for each in every)
    assert all(member["description"].endswith(".") for each in every for member in each["properties"].values())


def test_a_report_is_valid(report: Document) -> None:
    assert [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(report)] == []


BREACHES: dict[str, Any] = {
    "a member less": lambda report: report.pop("absent"),
    "a member more": lambda report: report["claims"][0].update(colour="green"),
    "another standing": lambda report: report["claims"][0].update(standing="fine"),
    "0 for what is not known": lambda report: report.update(tests=0),
    "negative seconds": lambda report: report["claims"][0].update(seconds=-1.0),
    "another format": lambda report: report.update(format="proofgrad-audit/0"),
}


@pytest.mark.parametrize("breach", BREACHES.values(), ids=BREACHES)
def test_what_is_no_report_is_not_valid(report: Document, breach: Any) -> None:
    broken = copy.deepcopy(report)
    breach(broken)
    assert not VALIDATOR.is_valid(broken)


def test_the_schema_is_installed_with_the_package() -> None:
    import tomllib

    data = tomllib.loads((audited.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "*.json" in data["tool"]["setuptools"]["package-data"]["*"]
    assert Path(module.__file__).with_name("schema.json").is_file()
