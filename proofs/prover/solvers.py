"""Ask a solver one question, in SMT-LIB text, and bring its model back as text."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from proofs.prover.claims import Query
from proofs.prover.evidence import Answer

QUICK = 1_500_000  # z3 resource units: deterministic, about half a second
QUICK_SECONDS = 1.0  # for Bitwuzla, which counts no resources
QUICK_SOLVERS = ("z3", "bitwuzla")  # that keep their limits well enough for a process that others need
DISTRIBUTIONS = {"z3": "z3-solver", "bitwuzla": "bitwuzla", "cvc5": "cvc5"}


@dataclass(frozen=True)
class Solved:
    """A solver's answer: a model of the wanted constants if sat, a detail if it gave up."""

    answer: Answer
    model: dict[str, str] = field(default_factory=dict)
    detail: str = ""
    seconds: float = 0.0


@functools.cache
def version(solver: str) -> str:
    """The version of a solver; an unknown solver is an error."""
    if solver not in DISTRIBUTIONS:
        raise ValueError(f"there is no solver called {solver}: only {', '.join(DISTRIBUTIONS)}")
    return importlib.metadata.version(DISTRIBUTIONS[solver])


def solve(query: Query) -> Solved:
    """Answer a query in this process. The solver's own limit is soft: a hard one is up to the caller."""
    version(query.solver)
    return _SOLVERS[query.solver](query)


def solve_quickly(query: Query, context: Any) -> Solved:
    """Answer a small question, or give up soon; z3 in a context that others used before: making one takes longer."""
    if query.solver == "z3":
        return _z3(query, context, QUICK)
    return _SOLVERS[query.solver](replace(query, timeout=min(query.timeout, QUICK_SECONDS)))


def _z3(query: Query, context: Any = None, resources: int = 0) -> Solved:
    import z3

    solver = z3.SimpleSolver(ctx=context or z3.Context())  # the core: tactics give up on products that it decides
    solver.set("rlimit", resources)
    solver.set("timeout", _milliseconds(query))
    solver.from_string(query.smt2)
    answer = solver.check()
    if answer == z3.unsat:
        return Solved(Answer.UNSAT)
    if answer == z3.unknown:
        reason = solver.reason_unknown()
        return Solved(Answer.TIMEOUT) if reason in ("timeout", "canceled") else Solved(Answer.UNKNOWN, {}, reason)
    model = solver.model()
    values = {declared.name(): model[declared] for declared in model.decls() if declared.name() in query.constants}
    return Solved(Answer.SAT, {name: " ".join(value.sexpr().split()) for name, value in sorted(values.items())})


def _bitwuzla(query: Query) -> Solved:
    import bitwuzla

    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_MODELS, True)
    options.set(bitwuzla.Option.TIME_LIMIT_PER, _milliseconds(query))
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    parser.parse(query.smt2, True, False)
    solver = parser.bitwuzla()
    answer = solver.check_sat()
    if answer == bitwuzla.Result.UNSAT:
        return Solved(Answer.UNSAT)
    if answer != bitwuzla.Result.SAT:
        return Solved(Answer.TIMEOUT)  # Bitwuzla decides its theories: it gives up at a limit only
    declared = {str(term.symbol()).strip("|"): term for term in parser.get_declared_funs()}
    wanted = sorted(set(query.constants) & set(declared))
    return Solved(Answer.SAT, {name: str(solver.get_value(declared[name])) for name in wanted})


def _cvc5(query: Query) -> Solved:
    """A second opinion only: no models."""
    import cvc5

    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("tlimit-per", str(_milliseconds(query)))
    if "(set-logic" not in query.smt2:
        solver.setLogic("ALL")
    symbols = cvc5.SymbolManager(solver)
    parser = cvc5.InputParser(solver, symbols)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, query.smt2, "query")
    while not (command := parser.nextCommand()).isNull():
        complaint = str(command.invoke(solver, symbols)).strip()
        if complaint.startswith("(error"):
            return Solved(Answer.ERROR, {}, complaint)
    answer = solver.checkSat()
    if answer.isUnsat():
        return Solved(Answer.UNSAT)
    if answer.isSat():
        return Solved(Answer.SAT)
    reason = str(answer.getUnknownExplanation())
    return Solved(Answer.TIMEOUT) if "TIMEOUT" in reason.upper() else Solved(Answer.UNKNOWN, {}, reason)


_SOLVERS: dict[str, Callable[[Query], Solved]] = {"z3": _z3, "bitwuzla": _bitwuzla, "cvc5": _cvc5}


def _milliseconds(query: Query) -> int:
    return max(1, round(query.timeout * 1000))
