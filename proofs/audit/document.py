"""The audit document: everything that the report says, as data. ``report.json`` is this, ``report.html`` shows it.

What is not known is ``None``, never 0. Lists are sorted or in the order of the house, so that two documents of one state
differ in times alone. ``schema.json`` says the same for other programs; a test holds the two together.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

FORMAT = "proofgrad-audit/1"
TESTS_FORMAT = 1  # of tests.json, which a whole run of the tests leaves
TIMES = frozenset(
    {"made", "when", "seconds", "age_days"}
)  # whatever has these names may differ between reports of one state

# What a claim's verdict comes to for a reader. Only the first three are as they should be.
Standing = Literal["proved", "exhausted", "kept false", "refuted", "undecided", "vacuous", "not run"]
PartStatus = Literal["complete", "partial", "failed", "stale", "not run"]
Column = Literal["reference", "accelerated", "proofs", "tests"]


def without_times(value: Any) -> Any:
    """A document, or a part of it, without its times: equal for two reports of one state."""
    if isinstance(value, dict):
        return {key: without_times(part) for key, part in value.items() if key not in TIMES}
    return [without_times(part) for part in value] if isinstance(value, list) else value


class Machine(TypedDict):
    """Where the run took place."""

    system: str
    processor: str
    cores: int | None


class Subject(TypedDict):
    """What was checked. ``changed`` are the files that differ from the commit; ``None`` where there is no git."""

    commit: str | None
    committed: str | None
    changed: list[str] | None
    sources: str
    versions: dict[str, str | None]
    machine: Machine


class Part(TypedDict):
    """One kind of evidence and how far it goes. ``command`` makes it; ``sentence`` says in plain words what came out."""

    name: Literal["proofs", "tests", "parity", "gpu", "mutation", "second opinion"]
    status: PartStatus
    when: str | None
    seconds: float | None
    command: str
    sentence: str


class Share(TypedDict):
    """So many of so many."""

    number: int
    of: int


class Summary(TypedDict):
    """The first screen. ``standings`` counts claims by standing, every standing named."""

    claims: Share
    standings: dict[str, int]
    planted: Share
    queries: Share  # answered from the cache, of all
    contracts: Share
    surprises: list[str]


class File(TypedDict):
    """A file of the house."""

    path: str
    lines: int


class Cell(TypedDict):
    """What one row has in one column. ``None`` stands for what is not known or not there yet.

    ``claims`` counts by standing those about this column's code; ``tests`` those that passed, of all that exist.
    """

    column: Column
    files: list[File]
    claims: dict[str, int] | None
    tests: Share | None
    clauses: Share | None  # clauses with a claim, of all


class Row(TypedDict):
    """A concept and its four kinds of evidence, in the order of the columns."""

    name: str
    cells: list[Cell]


class Theory(TypedDict):
    """A kind of numbers: what a proof there means, what it holds for, which solver, how many claims."""

    name: str
    meaning: str
    holds_for: str
    solver: str
    claims: int


class Function(TypedDict):
    """The source of a function that claims speak of, its contract included; of one that starts kernels, theirs.

    A function whose source was not found has no file, and the line 0.
    """

    name: str
    file: str
    line: int
    purpose: str
    source: str


class Location(TypedDict):
    """A place in the sources."""

    file: str
    line: int


class Value(TypedDict):
    """One input or output of a replay. Of numbers, one entry an element: decimal and hexadecimal, ``None`` if neither fits."""

    name: str
    text: str
    dtype: str | None
    decimal: list[str] | None
    hexadecimal: list[str] | None


class Run(TypedDict):
    """What plain NumPy did with an input that a solver, or a search, had found."""

    confirmed: bool
    inputs: list[Value]
    outputs: list[Value]
    clause: str
    note: str


class Query(TypedDict):
    """One question to a solver. ``file`` is beside the report; ``second`` is another solver's opinion."""

    name: str
    aim: Literal["goal", "witness", "refute"]
    answer: str
    detail: str | None
    solver: str
    seconds: float
    cached: bool
    key: str
    file: str | None
    second: Literal["confirmed", "open", "contradicted"] | None


class CrossHair(TypedDict):
    """What CrossHair said."""

    state: str
    message: str


class Twin(TypedDict):
    """A planted bug, and the input that found it."""

    name: str
    why: str
    standing: Literal["refuted", "not refuted"]
    reason: str | None
    counterexample: Run | None
    crosshair: CrossHair | None
    queries: list[Query]


class Claim(TypedDict):
    """One claim as an argument, from law to second opinion.

    ``seconds`` are those that it took when it was really done, in whatever run that was (`Result.cost`): not those of a run
    that found everything in the cache.
    """

    id: str
    family: str
    row: str
    column: Literal["reference", "accelerated", "proofs"]
    function: str  # key of ``functions``
    statement: str
    law: str | None  # LaTeX
    clause: str | None  # the source of the clause
    preconditions: list[str]  # their sources
    location: Location | None
    verb: Literal["prove", "exhaust", "refute"]
    theory: str
    bound: str
    standing: Standing
    verdict: str
    established: bool
    expected: bool | None
    reason: str | None
    rests_on: list[str]
    needed_by: list[str]
    assumes: list[str]
    caveats: list[str]
    contracts: list[str]  # "adam-v1: equations.adam_moments"
    solvers: list[str]
    seconds: float | None
    cases: int | None
    crosshair: CrossHair | None
    queries: list[Query]
    witness: Run | None
    counterexample: Run | None
    twins: list[Twin]


class Answer(TypedDict):
    """An entry of a contract and what answers it."""

    key: str
    kind: str
    text: str
    status: str
    clauses: list[str]
    claims: list[str]
    tests: list[str]
    note: str | None


class Contract(TypedDict):
    """A contract and its entries."""

    name: str
    answers: list[Answer]


class Assumption(TypedDict):
    """What no solver has checked, and the claims that need it."""

    id: str
    text: str
    claims: list[str]


class Trusted(TypedDict):
    """Something that must be right for the report to be."""

    name: str
    text: str


class Caveat(TypedDict):
    """A short code, what it warns of, and the claims that carry it."""

    code: str
    title: str
    text: str
    claims: list[str]


class TestFile(TypedDict):
    """What became of the tests of one file."""

    file: str
    row: str | None
    passed: int
    failed: int
    skipped: int
    seconds: float


class Skipped(TypedDict):
    """Why tests were skipped, and how many."""

    reason: str
    tests: int


class Tests(TypedDict):
    """A run of the tests."""

    passed: int
    failed: int
    skipped: int
    seconds: float
    files: list[TestFile]
    failures: list[str]
    reasons: list[Skipped]


class Compared(TypedDict):
    """A function of ``accelerated`` beside the reference's, and how many elements were how many ulps apart."""

    row: str
    function: str
    dtype: str
    inputs: int
    elements: int
    most_ulps: int | None
    bound: int
    ulps: dict[str, int] | None  # histogram: ulps -> elements, if it was counted; above 16 by powers of two
    holds: bool
    error: str | None


class Parity(TypedDict):
    """Kernels beside the reference on one device. ``stale`` says why it is, empty if it is not."""

    where: Literal["host", "gpu"]
    device: str
    when: str
    age_days: int | None
    stale: list[str]
    details: dict[str, str | int | float | None]
    versions: dict[str, str | None]
    functions: list[Compared]


class Mutation(TypedDict):
    """A row's mutants. ``stale`` is how many results are about other code; ``None`` if that was not looked at."""

    row: str
    mutants: int
    refuted: int
    noticed: int  # a claim became undecided
    explained: int
    survivors: list[str]
    stale: int | None


class SecondOpinion(TypedDict):
    """Another solver on the same queries."""

    solver: str
    confirmed: int
    open: int
    contradicted: int
    not_asked: int


class Document(TypedDict):
    """The whole report. ``absent`` says in plain words what was not run or is not known."""

    format: str
    state: Literal["complete", "partial"]
    absent: list[str]
    made: str
    subject: Subject
    summary: Summary
    parts: list[Part]
    rows: list[Row]
    theories: list[Theory]
    claims: list[Claim]
    functions: dict[str, Function]
    contracts: list[Contract]
    assumptions: list[Assumption]
    trusted: list[Trusted]
    caveats: list[Caveat]
    tests: Tests | None
    parity: Parity | None
    gpu: list[Parity]
    mutation: list[Mutation]
    second_opinion: SecondOpinion | None
