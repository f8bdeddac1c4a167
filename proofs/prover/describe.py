"""Short ways to state a claim: which function, which clause, which theory, which bound."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from proofs.prover.claims import CLAIMS, Claim, Exhaustion, Obligation, Twin
from proofs.prover.obligations import exhaust, obligations, search
from proofs.prover.symbolic_run import Run, clauses_of
from reference import contracts

Runs = Callable[[], Iterable[tuple[str, Run]]]


def prove(
    clause: str,
    function: Callable[..., Any],
    *,
    theory: str,
    bound: str,
    runs: Runs,
    variant: str = "",
    twins: Iterable[Twin] = (),
    also: Mapping[str, Iterable[Twin]] | None = None,
    lemmas: Callable[[], Iterable[Obligation]] | None = None,
    verb: str = "prove",
    statement: str = "",
    assumes: Iterable[str] = (),
    rests_on: Iterable[str] = (),
    timeout: float = 60.0,
) -> Claim:
    """Register the claim that a function keeps one of its clauses, proven by symbolic runs (and lemmas).

    ``also`` are further clauses of the same runs, each with its twins: claims of their own that share the obligations.
    """
    further = dict(also or {})
    rests = tuple(rests_on)

    def build() -> Iterator[Obligation]:
        if lemmas is not None:
            yield from lemmas()
        for label, run in runs():
            yield from obligations(
                dataclasses.replace(run, clauses=(clause, *further)), label, timeout=timeout, rests_on=rests
            )

    def hunt(name: str) -> Exhaustion:
        return search([run for _, run in runs()], name)

    leader = f"{clause}.{variant}" if variant else clause
    claims = [
        CLAIMS.register(
            Claim(
                id=f"{name}.{variant}" if variant else name,
                row=function.__module__.split(".")[1],
                function=f"{function.__module__}.{function.__name__}",
                statement=statement or statement_of(function, name),
                verb=verb,
                theory=theory,
                bound=bound,
                build=build if name == clause else None,
                hunt=functools.partial(hunt, name),
                rests_on=rests,
                assumes=tuple(assumes),
                twins=tuple(planted),
                location=location_of(function, name),
                clause=name,
                built_with="" if name == clause else leader,
            )
        )
        for name, planted in ((clause, twins), *further.items())
    ]
    return claims[0]


def prove_in(
    formats: Iterable[Any],
    clause: str,
    function: Callable[..., Any],
    *,
    theory: str,
    bound: str,
    run: Callable[[Any], Run],
    twins: Callable[[Run], Iterable[Twin]],
    also: Mapping[str, Callable[[Run], Iterable[Twin]]] | None = None,
    assumes: Iterable[str] = (),
) -> None:
    """Register a claim of one run for each of some formats; ``run`` makes it for a format, twins plant bugs into it."""
    for dtype in formats:
        name, made = np.dtype(dtype).name, run(dtype)
        prove(
            clause,
            function,
            variant=name,
            theory=f"{theory}({name})",
            bound=bound,
            assumes=assumes,
            runs=functools.partial(list, [("", made)]),
            twins=twins(made),
            also={further: plant(made) for further, plant in (also or {}).items()},
        )


def exhaustive(
    clause: str,
    function: Callable[..., Any],
    *,
    theory: str,
    bound: str,
    run: Run,
    inputs: Callable[[], Iterable[Mapping[str, Any]]],
    variant: str = "",
    twins: Iterable[Twin] = (),
    statement: str = "",
) -> Claim:
    """Register the claim that a function keeps a clause on every input there is."""
    return CLAIMS.register(
        Claim(
            id=f"{clause}.{variant}" if variant else clause,
            row=function.__module__.split(".")[1],
            function=f"{function.__module__}.{function.__name__}",
            statement=statement or statement_of(function, clause),
            verb="exhaust",
            theory=theory,
            bound=bound,
            exhaust=lambda: exhaust(run, clause, inputs()),
            twins=tuple(twins),
            location=location_of(function, clause),
        )
    )


def twin(name: str, why: str, run: Run, clause: str, replaced: Mapping[Any, Any], timeout: float = 60.0) -> Twin:
    """A planted bug that a solver must refute: other code in the place of a function."""
    broken = dataclasses.replace(run, replaced=replaced, clauses=(clause,), script=None)
    return Twin(
        name, why, build=lambda: obligations(broken, f"{name}: ", f"twin:{name}", timeout), replaced=dict(replaced)
    )


def sampled_twin(name: str, why: str, run: Run, clause: str, replaced: Mapping[Any, Any], tries: int = 20_000) -> Twin:
    """A planted bug that random inputs refute: for theories whose models may be spurious."""
    broken = dataclasses.replace(run, replaced=replaced, clauses=(clause,), script=None)

    def hunt() -> Exhaustion:
        return search([broken], clause, tries)

    return Twin(name, why, exhaust=hunt, replaced=dict(replaced))


def statement_of(function: Callable[..., Any], clause: str) -> str:
    """The claim's line in the Claims block of the docstring: what follows theory and bound."""
    lines = (contracts.bare(function).__doc__ or "").splitlines()
    for number, line in enumerate(lines):
        parts = re.split(r"\s{2,}", line.strip())
        if parts[0] == clause:
            return parts[-1] if len(parts) >= 5 else lines[number + 1].strip()
    raise LookupError(f"the docstring of {function.__name__} lists no claim {clause}")


def location_of(function: Callable[..., Any], clause: str) -> str:
    """File and line of the clause."""
    code = clauses_of(function, (clause,))[0].condition.__code__
    return f"{function.__module__.replace('.', '/')}.py:{code.co_firstlineno}"
