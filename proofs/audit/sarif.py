"""What falls short as SARIF 2.1.0, for tools that put results of analyses beside the code.

A result is a claim that is refuted, undecided, vacuous or was not run; its rule is the standing, its place the clause.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from proofs.audit.claims import AS_IT_SHOULD_BE
from proofs.audit.document import Claim, Document, Location, Standing

Json = dict[str, Any]
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RULES: dict[Standing, tuple[str, str, str]] = {  # name, level, help
    "refuted": (
        "ClaimRefuted",
        "error",
        "An input breaks the clause, and plain NumPy, run on that input, agrees. The code or the clause is wrong. "
        "The result has the input; `python -m proofs explain` tells the claim at length.",
    ),
    "undecided": (
        "ClaimUndecided",
        "error",
        "Neither a proof nor a counterexample was found: a time out, a solver that gave up, a planted bug that was not found, or a "
        "claim that this one rests on and that is not established. Until that is mended, nothing is known.",
    ),
    "vacuous": (
        "ClaimVacuous",
        "error",
        "No input is known to meet the preconditions, or nothing was to be shown: such a proof says nothing.",
    ),
    "not run": (
        "ClaimNotRun",
        "warning",
        "Nothing was asked on these sources. Run `make prove`, then `make audit`.",
    ),
}


def render(document: Document) -> str:
    """The document's shortcomings as JSON."""
    return json.dumps(log(document), indent=1, ensure_ascii=False) + "\n"


def log(document: Document) -> Json:
    """One run of one tool."""
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "Proofgrad", "rules": _rules()}},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the source tree."}}},
                "invocations": [
                    {"executionSuccessful": document["state"] == "complete", "endTimeUtc": _utc(document["made"])}
                ],
                "results": list(_results(document)),
            }
        ],
    }


def _utc(made: str) -> str:
    return made.removesuffix("+00:00") + "Z"


def _rules() -> list[Json]:
    return [
        {
            "id": name,
            "name": name,
            "shortDescription": {"text": f"A claim that is {standing}."},
            "fullDescription": {"text": text},
            "help": {"text": text},
            "defaultConfiguration": {"level": level},
        }
        for standing, (name, level, text) in RULES.items()
    ]


def _results(document: Document) -> Iterator[Json]:
    names = [name for name, _, _ in RULES.values()]
    for claim in document["claims"]:
        if claim["standing"] in AS_IT_SHOULD_BE:
            continue
        name, level, _ = RULES[claim["standing"]]
        yield {
            "ruleId": name,
            "ruleIndex": names.index(name),
            "level": level,
            "message": {"text": _message(claim)},
            "locations": [_location(place)] if (place := _place(claim, document)) else [],
            "partialFingerprints": {"claim/v1": claim["id"]},
        }


def _message(claim: Claim) -> str:
    found = claim["counterexample"]
    shown = "; ".join(f"{value['name']} = {value['text']}" for value in found["inputs"]) if found else ""
    parts = [f"{claim['id']} is {claim['standing']}: {claim['statement']} ({claim['theory']}, {claim['bound']})"]
    parts += [claim["reason"]] if claim["reason"] else []
    return ". ".join([*parts, *([f"It breaks on {shown}"] if shown else [])])


def _place(claim: Claim, document: Document) -> Location | None:
    """The clause's place, else the function's; a function without a file has none."""
    function = document["functions"][claim["function"]]
    if claim["location"] is not None:
        return claim["location"]
    return {"file": function["file"], "line": function["line"]} if function["file"] else None


def _location(place: Location) -> Json:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": place["file"], "uriBaseId": "SRCROOT"},
            "region": {"startLine": place["line"]},
        }
    }
