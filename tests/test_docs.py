"""What the documents show is what happens: Python and commands in them run, and the numbers that they quote are today's."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
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
DOCUMENTS = ("README.md", "docs/findings.md", "docs/how-a-proof-works.md")
CONSOLES = ("docs/how-a-proof-works.md",)
ELISION = "…"  # in an output: what differs from run to run, if anything stands there; in a line of its own: any lines


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


# Commands, each with what it prints.


def commands_of(text: str) -> list[tuple[str, str]]:
    """The commands of a document's consoles, each with the output that stands below it."""
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts if part)]


def prints(wanted: str, printed: str) -> bool:
    """Whether this was printed, line by line, but for what is elided and for spaces at the ends of lines."""
    lines = [r"(?:.*\n)*?" if line == ELISION else pattern_of(line) for line in wanted.splitlines()]
    return re.fullmatch("".join(lines), re.sub(r"[ \t]+$", "", printed, flags=re.MULTILINE)) is not None


def pattern_of(line: str) -> str:
    return r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split(ELISION)) + r"\n"


@pytest.mark.parametrize("name", CONSOLES)
def test_the_commands_of_a_document_print_what_it_says(name: str, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PROOFGRAD_CACHE": str(tmp_path / "cache")}
    commands = commands_of(text_of(name))
    assert len(commands) > 1
    for command, wanted in commands:
        settings: dict[str, Any] = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
        done = subprocess.run(["bash", "-c", command], check=False, timeout=300, **settings)
        assert done.returncode == 0, done.stderr
        assert prints(wanted, done.stdout), f"$ {command}\n{done.stdout}\nand the document says\n{wanted}"


def test_commands_and_their_outputs_are_found() -> None:
    text = "```console\n$ one 1\na\n\nb\n$ two\n```\n\n```\n$ three\n```\n"
    assert commands_of(text) == [("one 1", "a\n\nb\n"), ("two", "")]


@pytest.mark.parametrize(
    ("wanted", "printed", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\nb\n", "a  \nb\n", True),
        ("a\nb\n", "a\nb\nc\n", False),
        ("took … s\n", "took 0.25 s\n", True),
        ("took … s, …by it\n", "took 1 s, by it\n", True),
        ("took … s, …by it\n", "took 1 s, cached, by it\n", True),
        ("took … s\n", "took 1 s or\nmore s\n", False),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nd\n", True),
        ("a\n…\nd\n", "a\nb\n", False),
        ("3 (100 %)\n", "3 (10 %)\n", False),
        ("", "a\n", False),
    ],
)
def test_an_output_that_differs_is_noticed(wanted: str, printed: str, same: bool) -> None:
    assert prints(wanted, printed) is same


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
