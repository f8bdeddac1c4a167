"""What is done in worker processes: build obligations, ask a solver, replay models, try every input.

Obligations hold closures and are never sent between processes: whoever needs one builds it again from the claim's id.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import z3

from proofs.prover.cache import Cache, key_of
from proofs.prover.claims import (
    Aim,
    Claim,
    Confirmation,
    Exhaustion,
    Model,
    Obligation,
    Query,
    Replay,
    Twin,
    registry_at,
)
from proofs.prover.evidence import Answer, Asked
from proofs.prover.files import write_atomically
from proofs.prover.pool import described
from proofs.prover.solvers import QUICK_SOLVERS, Solved, solve, solve_quickly, version
from reference import contracts

LEAST_LIMIT = 1.0  # seconds: whoever allows less wants to see a time out
HOPED_FOR = {Aim.GOAL: {Answer.UNSAT}, Aim.WITNESS: {Answer.SAT}, Aim.REFUTE: {Answer.SAT, Answer.UNSAT}}
EXPECTED_ANSWER = {Aim.GOAL: "unsat", Aim.WITNESS: "sat", Aim.REFUTE: "sat"}


@dataclass(frozen=True)
class Place:
    """Where a worker finds a claim (or one of its twins, by group), and where it leaves things."""

    source: str
    claim: str
    group: str
    build: Path
    cache: Path | None
    timeout: float | None
    planted: tuple[str, str] | None = None  # a claim and its twin whose bug stands in the place of the shipped code

    @property
    def owner(self) -> Claim | Twin:
        """The claim itself, or the twin."""
        claim = registry_at(self.source)[self.claim]
        return next(twin for twin in claim.twins if twin.group == self.group) if self.group else claim

    @property
    def folder(self) -> Path:
        """The folder of the SMT-LIB files."""
        folder = self.build / "smt2" / slug(self.claim)
        return folder / slug(self.group) if self.group else folder


def first_suffices(claim: Claim, group: str) -> bool:
    """Whether one confirmed counterexample settles a group, so that the rest need not be asked."""
    return bool(group) or claim.verb == "refute"


def build(place: Place) -> list[Asked]:
    """Build the obligations, write their files, and answer from the cache what it knows, with a replay."""
    claim = registry_at(place.source)[place.claim]
    plant(place)
    cache = Cache(place.cache)
    settled: set[str] = set()
    every: list[Asked] = []
    quick = _Quick(cache)
    for number, obligation in enumerate(_obligations(place), 1):
        asked = _asked(place, number, obligation)
        known = None if asked.group in settled else cache.get(asked.key)
        cached = known is not None
        if known is None and asked.group not in settled:
            known = quick.answer(asked)
        if known is not None:
            asked = answered(asked, known, cached)
            if asked.answer is Answer.SAT and obligation.replay is not None:
                asked = replayed(asked, _replay(obligation, known.model))
        if asked.refutes and first_suffices(claim, asked.group):
            settled.add(asked.group)
        every.append(asked)
    _sweep(place.folder, {Path(asked.file).name for asked in every})
    return every


class _Quick:
    """Answers small questions, of which there are thousands, at once: they are not worth processes of their own."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._context = z3.Context()
        self._given_up: set[str] = set()

    def answer(self, asked: Asked) -> Solved | None:
        """The expected answer, if it is soon found; from a hunt for counterexamples, any."""
        patient = asked.query.timeout >= LEAST_LIMIT and asked.query.solver in QUICK_SOLVERS
        if not patient or asked.key in self._given_up:
            return None
        started = time.monotonic()
        try:
            solved = solve_quickly(asked.query, self._context)
        except Exception:  # it is asked again, and then says what is wrong
            solved = Solved(Answer.ERROR)
        if solved.answer not in HOPED_FOR[asked.aim]:
            self._given_up.add(asked.key)
            return None
        solved = replace(solved, seconds=round(time.monotonic() - started, 3))
        self._cache.put(asked.key, solved)
        return solved


def ask(query: Query, cache: Path | None) -> Solved:
    """Answer one query and keep the answer."""
    started = time.monotonic()
    solved = replace(solve(query), seconds=round(time.monotonic() - started, 3))
    Cache(cache).put(key_of(query), solved)
    return solved


def replay(place: Place, models: Mapping[int, tuple[str, Model]]) -> dict[int, Replay | str]:
    """Replay models of obligations given by position; the key makes sure that it is still the same query."""
    plant(place)
    found: dict[int, Replay | str] = {}
    for index, obligation in enumerate(_obligations(place)):
        if index in models:
            key, model = models[index]
            same = key_of(obligation.query) == key
            found[index] = _replay(obligation, model) if same else "PROVER FAULT: it was built differently this time"
        if len(found) == len(models):
            break
    return found


def exhaust(place: Place) -> Exhaustion:
    """Try every input."""
    assert place.owner.exhaust is not None
    plant(place)
    return place.owner.exhaust()


def hunt(place: Place) -> Exhaustion:
    """Look for an input that breaks a claim's clause."""
    claim = registry_at(place.source)[place.claim]
    assert claim.hunt is not None
    plant(place)
    return claim.hunt()


def plant(place: Place) -> None:
    """Put a twin's bug in the place of the shipped code, in this process."""
    if place.planted is not None:
        name, bug = place.planted
        twin = next(twin for twin in registry_at(place.source)[name].twins if twin.name == bug)
        for function, code in twin.replaced.items():
            function.__bare__ = _in_place_of(function, code)


def _in_place_of(function: Any, code: Callable[..., Any]) -> Callable[..., Any]:
    """The code of a bug; when it asks for the function's own, it gets what was shipped."""
    shipped = contracts.bare(function)

    def planted(*args: Any, **kwargs: Any) -> Any:
        function.__bare__ = shipped
        try:
            return code(*args, **kwargs)
        finally:
            function.__bare__ = planted

    return functools.wraps(shipped)(planted)


def confirm(place: Place) -> Confirmation:
    """Let CrossHair follow every path."""
    assert place.owner.confirm is not None
    plant(place)
    return place.owner.confirm(None if place.planted else place.cache)


def answered(asked: Asked, solved: Solved, cached: bool = False) -> Asked:
    """The obligation with its answer."""
    return replace(
        asked,
        answer=solved.answer,
        model=solved.model if solved.answer is Answer.SAT else None,
        detail=solved.detail,
        seconds=solved.seconds,
        cached=cached,
    )


def replayed(asked: Asked, outcome: Replay | str) -> Asked:
    """The obligation with what the replay said, or why there was none."""
    return replace(asked, trouble=outcome) if isinstance(outcome, str) else replace(asked, replay=outcome)


def slug(text: str) -> str:
    """A file name that reads like the text."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:80] or "unnamed"


def _obligations(place: Place) -> Iterator[Obligation]:
    assert place.owner.build is not None
    obligations: Iterable[Obligation] = place.owner.build()
    for obligation in obligations:
        limit = obligation.query.timeout if place.timeout is None else place.timeout
        yield replace(
            obligation,
            group=place.group or obligation.group,
            query=replace(obligation.query, timeout=limit),
        )


def _asked(place: Place, number: int, obligation: Obligation) -> Asked:
    query = obligation.query
    path = place.folder / f"{number:03d}-{slug(obligation.name)}.smt2"
    asked = Asked(
        name=obligation.name,
        aim=obligation.aim,
        group=obligation.group,
        query=query,
        key=key_of(query),
        file=path.relative_to(place.build).as_posix(),
        replayable=obligation.replay is not None,
        spurious_possible=obligation.spurious_possible,
        clause=obligation.clause,
    )
    _write_script(place, asked)
    return asked


def write_scripts(place: Place, every: Iterable[Asked]) -> None:
    """Write the SMT-LIB files of obligations that were not built in this run, unless they are there already."""
    stamp = place.folder / "KEYS"
    keys = "\n".join(f"{asked.key}  {asked.file}" for asked in every) + "\n"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == keys:
        return
    for asked in every:
        _write_script(place, asked)
    _sweep(place.folder, {Path(asked.file).name for asked in every})
    write_atomically(stamp, keys)


def _write_script(place: Place, asked: Asked) -> None:
    header = (
        f"; claim {place.claim}{f', {asked.group}' if asked.group else ''}\n"
        f"; {' '.join(asked.name.split())}\n"
        f"; expected: {EXPECTED_ANSWER[asked.aim]}, asked of {asked.query.solver} {version(asked.query.solver)}\n"
    )
    write_atomically(place.build / asked.file, f"{header}{asked.query.smt2.rstrip()}\n(check-sat)\n")


def _replay(obligation: Obligation, model: Model) -> Replay | str:
    assert obligation.replay is not None
    try:
        return obligation.replay(model)
    except Exception as error:
        return f"the replay failed: {described(error)}"


def _sweep(folder: Path, keep: set[str]) -> None:
    """Remove the files of obligations that the claim no longer has."""
    (folder / "KEYS").unlink(missing_ok=True)
    for path in folder.glob("*.smt2"):
        if path.name not in keep:
            path.unlink(missing_ok=True)
