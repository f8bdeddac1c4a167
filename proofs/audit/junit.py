"""The claims as JUnit XML, for tools that show tests: one case a claim, one suite a row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from xml.etree import ElementTree

from proofs.audit.claims import AS_IT_SHOULD_BE
from proofs.audit.document import Claim, Document, Run, Standing

KINDS: dict[Standing, str] = {  # what a standing is among tests; the others have passed
    "refuted": "failure",
    "undecided": "error",
    "vacuous": "error",
    "not run": "skipped",
}
# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(document: Document) -> str:
    """The document's claims as XML, with the time of the report."""
    root = ElementTree.Element("testsuites", {"name": "proofgrad", **_counts(document["claims"])})
    for name in dict.fromkeys(claim["row"] for claim in document["claims"]):
        claims = [claim for claim in document["claims"] if claim["row"] == name]
        made = document["made"].partition("+")[0]  # the format has no room for a zone: this is UTC
        suite = ElementTree.SubElement(root, "testsuite", {"name": clean(name), "timestamp": made, **_counts(claims)})
        for claim in claims:
            _add(suite, claim)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def clean(text: str) -> str:
    """The text without what XML cannot hold, of which the number is written."""
    return _FORBIDDEN.sub(lambda sign: f"\\x{ord(sign[0]):02x}", text)


def _counts(claims: Iterable[Claim]) -> dict[str, str]:
    every = list(claims)
    kinds = Counter(_kind(claim) for claim in every)
    seconds = sum(claim["seconds"] or 0.0 for claim in every)
    return {
        "tests": str(len(every)),
        "failures": str(kinds["failure"]),
        "errors": str(kinds["error"]),
        "skipped": str(kinds["skipped"]),
        "time": f"{seconds:.3f}",
    }


def _kind(claim: Claim) -> str:
    """Passed (empty), failure, error or skipped. What is established but not expected is as it should be only when listed."""
    return "" if claim["standing"] in AS_IT_SHOULD_BE else KINDS[claim["standing"]]


def _add(suite: ElementTree.Element, claim: Claim) -> None:
    attributes = {"name": f"{claim['id']} {claim['statement']}", "classname": claim["function"]}
    if claim["location"] is not None:
        attributes |= {"file": claim["location"]["file"], "line": str(claim["location"]["line"])}
    attributes["time"] = f"{claim['seconds'] or 0.0:.3f}"
    case = ElementTree.SubElement(suite, "testcase", {key: clean(value) for key, value in attributes.items()})
    if kind := _kind(claim):
        message = clean(f"{claim['standing']}: {claim['reason'] or claim['statement']}")
        found = ElementTree.SubElement(case, kind, message=message)
        if kind != "skipped":
            found.set("type", claim["standing"])
            found.text = clean("\n".join(_told(claim)))


def _told(claim: Claim) -> list[str]:
    """The claim and, where there is one, the input that breaks it."""
    lines = [f"{claim['verb']} {claim['theory']}: {claim['bound']}", *([claim["reason"]] if claim["reason"] else [])]
    return [*lines, *(_run(claim["counterexample"]) if claim["counterexample"] else [])]


def _run(run: Run) -> list[str]:
    shown = [f"{kind} {value['name']} = {value['text']}" for kind in ("inputs", "outputs") for value in run[kind]]
    return [*shown, f"breaks {run['clause']}" + (f" ({run['note']})" if run["note"] else "")]
