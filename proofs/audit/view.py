"""What the page shows of the document: the same facts, counted, grouped and linked. Nothing is decided here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from proofs.audit.document import Caveat, Cell, Claim, Document, Query, Share, Theory
from proofs.audit.document import Part as Evidence
from proofs.audit.words import BOUND_MEANINGS, EXPECTED_ANSWERS, WORDS, base, bound_kind

LISTED = 30  # queries of one group that the page names one by one; report.json has them all
DEEPEST = 3
MOST_NODES = 24  # of a chain; what more there is stands with the claims themselves
PLACE = re.compile(r"^.*\bpath \d+(?:\.\d+)*: ")


def anchor(kind: str, name: str) -> str:
    """The id in the page of a thing of this kind. What an id cannot hold becomes a dash."""
    return f"{kind}-{re.sub(r'[^A-Za-z0-9._-]', '-', name)}"


class Group(NamedTuple):
    """Queries of a claim that ask the same thing on several paths, of one solver, with one answer."""

    name: str
    aim: str
    solver: str
    answer: str
    as_hoped: bool
    seconds: float
    cached: int
    second: list[tuple[str, int]]
    number: int
    queries: list[Query]

    @property
    def more(self) -> int:
        """How many queries are not named one by one."""
        return self.number - len(self.queries)


class Node(NamedTuple):
    """A claim in a chain of claims. ``more`` says that it rests on others, too: they stand further up, or are not shown."""

    id: str
    claim: Claim | None
    more: bool
    below: list[Node]


class Part(NamedTuple):
    """A row's claims about the code of one column."""

    column: str
    cell: Cell | None
    claims: list[Claim]


class RowView(NamedTuple):
    """A row with its cells by column and its claims in parts."""

    name: str
    cells: Mapping[str, Cell]
    parts: list[Part]
    claims: list[Claim]


class Kind(NamedTuple):
    """How many claims have a bound of one kind."""

    name: str
    meaning: str
    claims: int


@dataclass(frozen=True)
class View:
    """The document with what can be counted and found in it."""

    document: Document
    claims: Mapping[str, Claim]
    standings: Mapping[str, list[Claim]]
    rows: list[RowView]
    bounds: list[Kind]
    by_function: Mapping[str, list[Claim]]
    by_theory: Mapping[str, list[Claim]]
    entries: Mapping[str, str]

    @property
    def holding(self) -> int:
        """Claims that are as they should be."""
        return sum(len(self.standings[word.key]) for word in WORDS if word.holds)

    @property
    def statements(self) -> int:
        """Claims that say that something is true."""
        return sum(claim["verb"] != "refute" for claim in self.claims.values())

    @property
    def proven(self) -> int:
        """Statements that are proved or exhausted."""
        return len(self.standings["proved"]) + len(self.standings["exhausted"])

    @property
    def open(self) -> list[Claim]:
        """Claims that are not as they should be."""
        return [claim for word in WORDS if not word.holds for claim in self.standings[word.key]]

    @property
    def by_status(self) -> dict[str, list[Evidence]]:
        """Kinds of evidence by how far they go."""
        found: dict[str, list[Evidence]] = {}
        for part in self.document["parts"]:
            found.setdefault(part["status"], []).append(part)
        return found

    @property
    def theories(self) -> dict[str, Theory]:
        """Theories by name."""
        return {theory["name"]: theory for theory in self.document["theories"]}

    @property
    def assumptions(self) -> set[str]:
        """The names of all assumptions."""
        return {assumption["id"] for assumption in self.document["assumptions"]}

    @property
    def caveats(self) -> dict[str, Caveat]:
        """Caveats by code."""
        return {caveat["code"]: caveat for caveat in self.document["caveats"]}

    def with_bound(self, kind: str) -> list[Claim]:
        """Claims with a bound of this kind."""
        return [claim for claim in self.claims.values() if bound_kind(claim["bound"], claim["verb"]) == kind]

    def answers(self, claim: Claim) -> dict[str, list[tuple[str, str | None]]]:
        """The entries that a claim answers, by contract, each with where it stands."""
        found: dict[str, list[tuple[str, str | None]]] = {}
        for name in claim["contracts"]:
            contract, _, key = name.partition(": ")
            found.setdefault(contract, []).append((key, self.entries.get(name)))
        return found

    def is_deep(self, claim: Claim) -> bool:
        """Whether what a claim rests on rests on something."""
        return any(self.claims[name]["rests_on"] for name in claim["rests_on"] if name in self.claims)

    def chain(self, claim: Claim) -> list[Node]:
        """What a claim rests on, as a tree in which every claim stands once, as high as it can."""
        seen = {claim["id"]}

        def nodes(names: list[str], depth: int) -> list[Node]:
            new = [name for name in dict.fromkeys(names) if name not in seen]
            seen.update(new)
            found = []
            for name in new:
                rests_on = self.claims[name]["rests_on"] if name in self.claims else []
                below = nodes(rests_on, depth + 1) if depth < DEEPEST and len(seen) < MOST_NODES else []
                found.append(Node(name, self.claims.get(name), len(below) < len(set(rests_on)), below))
            return found

        return nodes(claim["rests_on"], 1)


def view(document: Document) -> View:
    """The document, counted and grouped."""
    claims = document["claims"]
    standings: dict[str, list[Claim]] = {word.key: [] for word in WORDS}
    by_function: dict[str, list[Claim]] = {name: [] for name in document["functions"]}
    by_theory: dict[str, list[Claim]] = {theory["name"]: [] for theory in document["theories"]}
    for claim in claims:
        standings[claim["standing"]].append(claim)
        by_function.setdefault(claim["function"], []).append(claim)
        by_theory.setdefault(base(claim["theory"]), []).append(claim)
    kinds = Counter(bound_kind(claim["bound"], claim["verb"]) for claim in claims)
    return View(
        document,
        {claim["id"]: claim for claim in claims},
        standings,
        _rows(document),
        [Kind(name, meaning, kinds[name]) for name, meaning in BOUND_MEANINGS.items() if kinds[name]],
        by_function,
        by_theory,
        {
            f"{contract['name']}: {answer['key']}": anchor("entry", f"{contract['name']}-{answer['key']}")
            for contract in document["contracts"]
            for answer in contract["answers"]
        },
    )


COLUMNS = ("reference", "accelerated", "proofs", "tests")


def _rows(document: Document) -> list[RowView]:
    """The rows of the document, and after them those that only claims know."""
    known: dict[str, dict[str, Cell]] = {
        row["name"]: {cell["column"]: cell for cell in row["cells"]} for row in document["rows"]
    }
    names = [*known, *dict.fromkeys(claim["row"] for claim in document["claims"] if claim["row"] not in known)]
    found = []
    for name in names:
        cells = known.get(name, {})
        mine = [claim for claim in document["claims"] if claim["row"] == name]
        parts = [
            Part(column, cells.get(column), [claim for claim in mine if claim["column"] == column])
            for column in COLUMNS
        ]
        found.append(RowView(name, cells, parts, mine))
    return found


def counts(claims: Iterable[Claim]) -> dict[str, int]:
    """Claims by standing."""
    return dict(Counter(claim["standing"] for claim in claims))


def holding(standings: Mapping[str, int]) -> Share:
    """How many are as they should be, of all."""
    return Share(number=sum(standings.get(word.key, 0) for word in WORDS if word.holds), of=sum(standings.values()))


def asks(name: str) -> str:
    """What a query asks, without the path on which it does and without the number of the element."""
    return re.sub(r" \d+$", "", PLACE.sub("", name)) or name


def groups(queries: Sequence[Query]) -> list[Group]:
    """Queries in groups, in the order in which they were first asked."""
    found: dict[tuple[str, str, str, str], list[Query]] = {}
    for query in queries:
        found.setdefault((query["aim"], asks(query["name"]), query["solver"], query["answer"]), []).append(query)
    return [
        Group(
            name,
            aim,
            solver,
            answer,
            answer == EXPECTED_ANSWERS[aim],
            sum(query["seconds"] for query in several),
            sum(query["cached"] for query in several),
            sorted(Counter(query["second"] for query in several if query["second"]).items()),
            len(several),
            several[:LISTED],
        )
        for (aim, name, solver, answer), several in found.items()
    ]
