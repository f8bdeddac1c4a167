"""The hand-kept lists: which claims must be established, and what may be assumed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from proofs.prover.claims import Claim
from proofs.prover.evidence import Result

LISTS = Path(__file__).resolve().parent.parent  # the folder of EXPECTED.txt and ASSUMPTIONS.txt


@dataclass(frozen=True)
class Expected:
    """One line of EXPECTED.txt."""

    id: str
    verb: str
    theory: str
    bound: str


@dataclass(frozen=True)
class Surprises:
    """How what was established differs from what was expected, in plain words. Any of them fails a full run."""

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    weaker: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        return iter((*self.missing, *self.extra, *self.weaker, *self.assumptions))


def read_expected(path: Path) -> dict[str, Expected]:
    """The expected claims by id; a line that is malformed, doubled or out of order is an error."""
    found: dict[str, Expected] = {}
    last: tuple[tuple[int, int, str], ...] = ()
    for number, columns in _rows(path):
        if len(columns) != 4:
            raise ValueError(f"{path.name}, line {number}: not ID, VERB, THEORY and BOUND, two spaces apart")
        line = Expected(*columns)
        if line.id in found:
            raise ValueError(f"{path.name}, line {number}: {line.id} is listed twice")
        if found and natural(line.id) < last:
            raise ValueError(f"{path.name}, line {number}: {line.id} is out of order")
        found[line.id], last = line, natural(line.id)
    return found


def read_assumptions(path: Path) -> dict[str, str]:
    """The texts of the assumptions by id."""
    found: dict[str, str] = {}
    for number, columns in _rows(path):
        if len(columns) < 2:
            raise ValueError(f"{path.name}, line {number}: not ID and text, two spaces apart")
        if columns[0] in found:
            raise ValueError(f"{path.name}, line {number}: {columns[0]} is listed twice")
        found[columns[0]] = "  ".join(columns[1:])
    return found


def compare(results: Iterable[Result], folder: Path = LISTS) -> Surprises:
    """Hold the results of a full run against both lists."""
    by_id = {result.claim.id: result for result in results}
    expected = read_expected(folder / "EXPECTED.txt")
    assumptions = read_assumptions(folder / "ASSUMPTIONS.txt")
    used = {name for result in by_id.values() for name in result.claim.assumes}
    return Surprises(
        missing=tuple(_missing(name, by_id.get(name)) for name in expected if not _established(by_id.get(name))),
        extra=tuple(f"{name} is not in EXPECTED.txt" for name in by_id if name not in expected),
        weaker=tuple(
            f"{name} {'; '.join(gaps)}"
            for name, line in expected.items()
            if _established(by_id.get(name)) and (gaps := _differences(line, by_id[name].claim))
        ),
        assumptions=(
            *unknown_assumptions((result.claim for result in by_id.values()), assumptions),
            *(f"assumption {name} is used by no claim" for name in assumptions if name not in used),
        ),
    )


def unknown_assumptions(claims: Iterable[Claim], assumptions: Iterable[str]) -> tuple[str, ...]:
    """Complaints about claims that assume what is not listed."""
    known = set(assumptions)
    return tuple(
        f"{claim.id} assumes {name}, which is not in ASSUMPTIONS.txt"
        for claim in claims
        for name in claim.assumes
        if name not in known
    )


def expected_lines(claims: Iterable[Claim]) -> list[str]:
    """These claims as EXPECTED.txt writes them: sorted, in columns."""
    rows = [(c.id, c.verb, c.theory, c.bound) for c in sorted(claims, key=lambda c: natural(c.id))]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    return ["  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3])) for row in rows]


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that puts CLIP-2 before CLIP-10."""
    parts = re.findall(r"\d+|\D+", name)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The numbered lines of a list, split into columns; without a file there are none."""
    if not path.exists():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, re.split(r"\s{2,}", line.strip())


def _established(result: Result | None) -> bool:
    return result is not None and result.established


def _missing(name: str, result: Result | None) -> str:
    if result is None:
        return f"{name} is expected, but no such claim exists"
    reason = f": {result.finding.reason}" if result.finding.reason else ""
    return f"{name} is expected, but {result.finding.verdict.value}{reason}"


def _differences(line: Expected, claim: Claim) -> list[str]:
    pairs = (("verb", line.verb, claim.verb), ("theory", line.theory, claim.theory), ("bound", line.bound, claim.bound))
    return [f"has the {what} {got!r} where {want!r} is expected" for what, want, got in pairs if want != got]
