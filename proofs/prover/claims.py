"""Claims and obligations: what is stated, and what a solver is asked."""

from __future__ import annotations

import enum
import graphlib
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

ROWS = ("reductions", "clipping", "elementary", "optimizer", "sgd", "adam", "rmsprop", "lion", "schedules")
VERBS = ("prove", "exhaust", "refute")
Model = Mapping[str, str]
State = Literal["CONFIRMED", "NOT_CONFIRMED", "REFUTED", "UNMET_PRECONDITION", "ERROR"]


class Aim(enum.Enum):
    """What an obligation's query should answer."""

    GOAL = "goal"  # unsat
    WITNESS = "witness"  # sat, and the model must replay
    REFUTE = "refute"  # sat, and the replay must break the clause


@dataclass(frozen=True)
class Query:
    """A complete SMT-LIB script without ``(check-sat)``: hypotheses and the negated goal."""

    smt2: str
    solver: str
    timeout: float = 60.0
    constants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Replay:
    """What plain NumPy said about a model.

    ``confirmed`` means: the clause is broken (GOAL, REFUTE); preconditions and clause hold (WITNESS).
    """

    confirmed: bool
    inputs: dict[str, str]
    outputs: dict[str, str]
    clause: str
    note: str = ""


@dataclass(frozen=True)
class Obligation:
    """One query, and how its model is replayed; without a ``clause`` it serves all that are built with it."""

    name: str
    aim: Aim
    query: Query
    replay: Callable[[Model], Replay] | None = None
    spurious_possible: bool = False
    group: str = ""
    clause: str = ""


@dataclass(frozen=True)
class Exhaustion:
    """The result of trying every input."""

    cases: int
    counterexample: Replay | None


@dataclass(frozen=True)
class Confirmation:
    """What CrossHair said about a clause. Only ``CONFIRMED`` is proof, only ``REFUTED`` a counterexample that replayed.

    ``witness`` is an input that meets the preconditions and keeps the clause.
    """

    state: State
    message: str
    counterexample: Replay | None = None
    witness: Replay | None = None
    seconds: float = 0.0
    cached: bool = False


Build = Callable[[], Iterable[Obligation]]
Exhaust = Callable[[], Exhaustion]
Confirm = Callable[[Path | None], Confirmation]  # given the folder of the cache, if there is one


@dataclass(frozen=True)
class Twin:
    """A plausible bug that the claim's clause must refute; ``replaced`` maps functions to the code that stands for them."""

    name: str
    why: str
    build: Build | None = None
    exhaust: Exhaust | None = None
    confirm: Confirm | None = None
    replaced: Mapping[Any, Any] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The group of the obligations that belong to this twin."""
        return f"twin:{self.name}"


@dataclass(frozen=True)
class Claim:
    """A statement about one function, in one theory, up to one bound.

    ``hunt`` looks for counterexamples among drawn inputs once a proof has failed. A claim about one more ``clause`` of a
    run is ``built_with`` the claim that runs it: they share obligations.
    """

    id: str
    row: str
    function: str
    statement: str
    verb: str
    theory: str
    bound: str
    build: Build | None = None
    exhaust: Exhaust | None = None
    confirm: Confirm | None = None
    hunt: Exhaust | None = None
    rests_on: tuple[str, ...] = ()
    assumes: tuple[str, ...] = ()
    twins: tuple[Twin, ...] = ()
    location: str = ""
    clause: str = ""
    built_with: str = ""

    def __post_init__(self) -> None:
        if self.verb not in VERBS:
            raise ValueError(f"claim {self.id}: the verb {self.verb!r} is none of {', '.join(VERBS)}")
        proof = self.build or self.confirm or self.built_with
        needed = {"prove": proof, "exhaust": self.exhaust, "refute": proof or self.exhaust}[self.verb]
        if needed is None:
            raise ValueError(f"claim {self.id} has nothing to {self.verb} with")
        if len({twin.name for twin in self.twins}) < len(self.twins):
            raise ValueError(f"claim {self.id} has two twins of one name")


class Registry:
    """Claims in the order in which they were registered."""

    def __init__(self, claims: Iterable[Claim] = ()) -> None:
        self._claims: dict[str, Claim] = {}
        for claim in claims:
            self.register(claim)

    def register(self, claim: Claim) -> Claim:
        """Add a claim; its id must be new."""
        if claim.id in self._claims:
            raise ValueError(f"claim {claim.id} is registered twice")
        self._claims[claim.id] = claim
        return claim

    def load(self, rows: Iterable[str] | None = None) -> None:
        """Import the proofs of these rows, by default of all."""
        for row in ROWS if rows is None else rows:
            importlib.import_module(f"proofs.{row}")

    def check(self) -> None:
        """Refuse claims that rest on unknown or refuted ones, or on themselves by a detour."""
        for claim in self:
            for rest in claim.rests_on:
                if rest not in self._claims:
                    raise ValueError(f"claim {claim.id} rests on {rest}, which does not exist")
                if self[rest].verb == "refute":
                    raise ValueError(f"claim {claim.id} rests on {rest}, which is kept as a false statement")
        try:
            graphlib.TopologicalSorter({claim.id: claim.rests_on for claim in self}).prepare()
        except graphlib.CycleError as error:
            raise ValueError(f"claims rest on each other in a circle: {' -> '.join(error.args[1])}") from None

    def select(self, words: Sequence[str]) -> list[Claim]:
        """The claims of these rows and ids, with all that they rest on; all claims if there are no words."""
        known = {claim.row for claim in self} | set(self._claims)
        unknown = [word for word in words if word not in known]
        if unknown:
            raise LookupError(f"no row or claim is called {', '.join(unknown)}")
        wanted = {claim.id for claim in self if not words or claim.id in words or claim.row in words}
        pending = list(wanted)
        while pending:
            claim = self[pending.pop()]
            rests = {*claim.rests_on, *filter(None, (claim.built_with,))} - wanted
            wanted |= rests
            pending += rests
        return [claim for claim in self if claim.id in wanted]

    def __iter__(self) -> Iterator[Claim]:
        return iter(self._claims.values())

    def __getitem__(self, name: str) -> Claim:
        return self._claims[name]

    def __contains__(self, name: object) -> bool:
        return name in self._claims

    def __len__(self) -> int:
        return len(self._claims)


CLAIMS = Registry()
register = CLAIMS.register


def registry_at(source: str) -> Registry:
    """The registry that ``module:attribute`` names: how another process finds the same claims."""
    module, _, attribute = source.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if not isinstance(found, Registry):
        raise TypeError(f"{source} is no registry of claims")
    return found
