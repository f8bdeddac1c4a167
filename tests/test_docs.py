"""What the documents show is what happens: their Python runs, and the numbers that they quote are today's."""

from __future__ import annotations

import doctest
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from proofs.contracts.table import FOLDER, OPEN
from proofs.prover.catalogue import CLAIMS
from proofs.prover.evidence import Verdict
from proofs.prover.expected import LISTS, read_assumptions

ROOT = Path(__file__).resolve().parent.parent
ESTABLISHED = {
    "prove": "proved",
    "exhaust": "exhausted",
    "refute": "false statements kept with their counterexamples",
}
DOCUMENTS = ("README.md", "docs/findings.md")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def examples_of(text: str) -> str:
    """The Python blocks of a document; all other lines are blank, so that errors name the right one."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            lines.append("")
        else:
            lines.append(line if inside else "")
    return "\n".join(lines) + "\n"


def failures_of(text: str, name: str) -> tuple[int, str]:
    """How many examples a document has, and what goes wrong in them."""
    found = doctest.DocTestParser().get_doctest(examples_of(text), {}, name, name, 0)
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(found, out=said.append)
    return len(found.examples), "".join(said)


def prose(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_examples_of_a_document_run(name: str) -> None:
    count, said = failures_of(text_of(name), name)
    assert count > 0
    assert said == ""


def test_a_wrong_example_is_noticed() -> None:
    count, said = failures_of("```python\n>>> 1 + 1\n3\n```\n\n```\n>>> 1 / 0\n```\n", "wrong")
    assert count == 1
    assert "line 2" in said


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_python_block_is_an_example(name: str) -> None:
    for block in re.findall(r"```python\n(.*?)```", text_of(name), re.DOTALL):
        assert block.startswith(">>> ")


# Totals of a run may be quoted; then they are those of today's claims.


def wrong_totals(text: str) -> list[str]:
    """The quoted last lines of a run that another number of claims or planted bugs would end with."""
    counts = Counter(claim.verb for claim in CLAIMS)
    detail = ", ".join(f"{counts[verb]} {word}" for verb, word in ESTABLISHED.items() if counts[verb])
    twins = sum(len(claim.twins) for claim in CLAIMS)
    right = {
        f"{len(CLAIMS)} of {len(CLAIMS)} expected claims established: {detail}.",
        f"{twins} of {twins} planted bugs refuted by an input that NumPy confirms.",
    }
    quoted = re.findall(r"^.*\d.* (?:expected claims established|planted bugs refuted).*$", text, re.MULTILINE)
    return [line for line in quoted if line not in right]


@pytest.mark.parametrize("name", ["README.md", "SOUNDNESS.md", "CHANGELOG.md"])
def test_quoted_totals_are_those_of_the_claims(name: str) -> None:
    assert wrong_totals(text_of(name)) == []


def test_a_wrong_total_is_noticed() -> None:
    line = "1 of 1 expected claims established: 1 proved."
    assert wrong_totals(f"before\n{line}\nafter\n") == [line]


def test_the_quoted_lines_are_those_of_claims() -> None:
    line = re.compile(r"^([A-Z]+-\S+) +(reference\S+) +(\w+) +(\S+) {2,}(.+?) {2,}PROVED +\d+\.\d\d s$", re.MULTILINE)
    quoted = line.findall(text_of("README.md"))
    assert len(quoted) > 1
    for name, *rest in quoted:
        claim = CLAIMS[name]
        assert rest == [claim.function, claim.verb, claim.theory, claim.bound]


@pytest.mark.parametrize("name", [*DOCUMENTS, "SOUNDNESS.md"])
def test_claims_that_a_document_names_exist(name: str) -> None:
    known = {claim.id for claim in CLAIMS} | {claim.id.partition(".")[0] for claim in CLAIMS}
    named = set(re.findall(r"\b(?:CLIP|RED)-\d+(?:\.float\d+)?", text_of(name)))
    assert named
    assert named - known == set()


def test_twins_that_the_findings_name_exist() -> None:
    planted = {twin.name for claim in CLAIMS for twin in claim.twins}
    found = re.findall(r"\b[Tt]win `([^`]+)`", prose(text_of("docs/findings.md")))
    assert len(found) > 1
    assert set(found) - planted == set()


@pytest.mark.parametrize("theory", sorted({claim.theory.partition("(")[0] for claim in CLAIMS}))
def test_every_theory_in_use_is_explained(theory: str) -> None:
    assert re.search(rf"^\| `{theory}\b", text_of("README.md"), re.MULTILINE)
    assert theory in text_of("SOUNDNESS.md")


@pytest.mark.parametrize("verdict", Verdict, ids=lambda verdict: verdict.value)
def test_every_word_of_evidence_is_explained(verdict: Verdict) -> None:
    assert f"**{verdict.value}**" in text_of("README.md")


def test_every_assumption_is_named() -> None:
    for name in read_assumptions(LISTS / "ASSUMPTIONS.txt"):
        assert f"`{name}`" in text_of("SOUNDNESS.md")


def test_what_is_open_is_said() -> None:
    waiting: dict[str, list[dict[str, Any]]] = yaml.safe_load((FOLDER / OPEN).read_text(encoding="utf-8"))
    listed = prose(text_of("README.md"))
    assert waiting
    for group in (group for groups in waiting.values() for group in groups):
        assert prose(group["until"]) in listed


def test_what_is_said_of_any_number_of_elements_is_claimed() -> None:
    text = prose(text_of("README.md"))
    claims = [claim for claim in CLAIMS if claim.id.startswith("CLIP-20.")]
    assert "any number of elements" not in text or claims
    assert all(name in text for claim in claims for name in claim.assumes if name != "ROUNDING")
