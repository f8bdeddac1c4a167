"""How a claim about kernels is stated: its runs, the bugs that must be found, and who is asked."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from proofs.cuda.bugs import Bug
from proofs.cuda.runs import Labelled, hunt
from proofs.prover.claims import CLAIMS, Aim, Claim, Exhaustion, Obligation, Twin
from proofs.prover.obligations import obligations
from proofs.symbolic.formats import BFLOAT16

TRIES = 3
Runs = Callable[[Bug | None], Labelled]  # of the shipped source, or of one with a bug
MOST_WITNESSES = {"z3": 2}  # by solver: it takes long for them


def prove_runs(
    name: str,
    clause: str,
    runs: Runs,
    bugs: Iterable[Bug],
    *,
    of_bug: Runs | None = None,
    lemmas: Callable[[], Iterable[Obligation]] | None = None,
    solver: str = "bitwuzla",
    tries: int = TRIES,
    witnesses: int | None = None,
    rests_on: Sequence[str] = (),
    **stated: Any,
) -> Claim:
    """Register that runs of kernels keep a clause.

    ``of_bug`` are the runs that a bug is looked for with, by default all; each is found among ``tries`` times as many drawn
    arguments, or by a solver. ``witnesses`` are asked for of so many runs, by default of all. ``stated`` is what `Claim` says
    besides: function, statement, theory, bound, location.
    """

    def build() -> Iterator[Obligation]:
        yield from lemmas() if lemmas is not None else ()
        most = MOST_WITNESSES.get(solver) if witnesses is None else witnesses
        yield from _asked_once(runs(None), solver, rests_on, most)

    return CLAIMS.register(
        Claim(
            id=name,
            row="cuda",
            verb="prove",
            build=build,
            hunt=functools.partial(hunt, lambda: runs(None), clause, TRIES),
            rests_on=tuple(rests_on),
            twins=tuple(_twin(clause, of_bug or runs, bug, tries) for bug in bugs),
            clause=clause,
            **stated,
        )
    )


def _asked_once(runs: Labelled, solver: str, rests_on: Sequence[str], most: int | None) -> Iterator[Obligation]:
    """The obligations of runs: what several ask alike, of another size say, is asked once."""
    seen: set[str] = set()
    for number, (label, run) in enumerate(runs):
        for obligation in obligations(run, label, rests_on=rests_on, witnesses=most is None or number < most):
            if obligation.aim is not Aim.WITNESS and not obligation.clause:
                if obligation.query.smt2 in seen:
                    continue
                seen.add(obligation.query.smt2)
            yield asked_of(solver, obligation)


def _twin(clause: str, runs: Runs, bug: Bug, tries: int) -> Twin:
    def build() -> Iterator[Obligation]:
        label, run = next(iter(runs(bug)))
        yield from obligations(run, label, f"twin:{bug.name}")

    def exhaust() -> Exhaustion:
        return hunt(lambda: runs(bug), clause, tries)

    return Twin(bug.name, bug.why, build=build if bug.solved else None, exhaust=None if bug.solved else exhaust)


def solver_for(dtype: Any) -> str:
    """Who knows a format: Bitwuzla has no bfloat16."""
    return "z3" if np.dtype(dtype) == BFLOAT16 else "bitwuzla"


def asked_of(solver: str, obligation: Obligation) -> Obligation:
    """The obligation, its question put to this solver."""
    return dataclasses.replace(obligation, query=dataclasses.replace(obligation.query, solver=solver))
