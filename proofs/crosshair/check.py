"""Ask CrossHair whether a function keeps one of its clauses, on every path.

CrossHair runs the shipped function itself on symbolic arguments; the clauses are the very objects that stand on it. Only
"confirmed over all paths" counts: "not confirmed", preconditions that nothing meets, and errors are shown as such. What
CrossHair offers as a counterexample is run again in plain NumPy before it counts.

Importing CrossHair switches icontract's checks off for the whole process: run this in a process of its own.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from proofs.prover.claims import Confirmation, Replay, State
from proofs.prover.symbolic_run import call_with, clauses_of
from proofs.symbolic.inputs import show
from reference import contracts

PATH_TIMEOUT = 20.0  # seconds for one path: CrossHair's own default is the root of the limit
MOST_SHOWN = 16  # elements
STATES: Mapping[str, State] = {
    "confirmed": "CONFIRMED",
    "cannot_confirm": "NOT_CONFIRMED",
    "pre_unsat": "UNMET_PRECONDITION",
}


@dataclass(frozen=True)
class Question:
    """Which clause of which function, and for which arguments.

    ``kinds`` are the types of the arguments where the function's own annotations do not say enough; ``domain`` is one
    more precondition; ``body`` is a planted bug that runs in the function's place.
    """

    function: Callable[..., Any]
    clause: str
    kinds: Mapping[str, Any] = field(default_factory=dict)
    domain: Callable[..., Any] | None = None
    body: Callable[..., Any] | None = None

    @property
    def runs(self) -> Callable[..., Any]:
        """What is run: the function without its contract, or the planted bug."""
        return self.body or contracts.bare(self.function)

    @property
    def preconditions(self) -> list[Callable[..., Any]]:
        """The conditions on the arguments."""
        own = [clause.condition for clause in contracts.preconditions(self.function)]
        return own if self.domain is None else [*own, self.domain]

    @property
    def promise(self) -> Callable[..., Any]:
        """The condition on the result."""
        return clauses_of(self.function, (self.clause,))[0].condition

    def signature(self) -> inspect.Signature:
        """The function's arguments and their types."""
        bare = contracts.bare(self.function)
        hints = typing.get_type_hints(bare)
        parameters = [
            parameter.replace(annotation=self.kinds.get(name, hints.get(name, parameter.annotation)))
            for name, parameter in inspect.signature(bare).parameters.items()
        ]
        return inspect.Signature(parameters)


@dataclass(frozen=True)
class Said:
    """CrossHair's own word, and the arguments that it offers as a counterexample."""

    word: str
    message: str
    arguments: Mapping[str, Any] | None = None


def confirm(
    function: Callable[..., Any],
    clause_id: str,
    *,
    per_condition_timeout: float,
    kinds: Mapping[str, Any] | None = None,
    domain: Callable[..., Any] | None = None,
    body: Callable[..., Any] | None = None,
) -> Confirmation:
    """What CrossHair finds out about one clause of a function within so many seconds of processor time."""
    question = Question(function, clause_id, kinds or {}, domain, body)
    return judged(question, ask(question, per_condition_timeout))


def ask(question: Question, per_condition_timeout: float) -> Said:
    """Let CrossHair follow the function's paths."""
    from crosshair.condition_parser import POSTCONDITION, PRECONDITION, ConditionExpr, Conditions
    from crosshair.core import ConditionCheckable
    from crosshair.core_and_libs import run_checkables
    from crosshair.fnutil import FunctionInfo
    from crosshair.options import DEFAULT_OPTIONS, AnalysisKind, AnalysisOptionSet

    import proofs.crosshair.plugin  # noqa: F401 - registers the arrays, unless the entry point has done so

    found: list[Mapping[str, Any]] = []
    trouble: list[str] = []

    def described(arguments: inspect.BoundArguments, result: object, _: object) -> tuple[str, str]:
        found.append(dict(arguments.arguments))
        return ", ".join(f"{name} = {shown(value)}" for name, value in arguments.arguments.items()), shown(result)

    def met(clause: Callable[..., Any], values: Mapping[str, Any]) -> bool:
        """CrossHair takes a precondition that raises for one that is not met, and would pass over the path."""
        try:
            return _holds(clause, values)
        except Exception as error:
            trouble.append(f"a precondition raised {type(error).__name__}: {error}")
            raise

    def condition(kind: Any, clause: Callable[..., Any], evaluate: Callable[..., bool]) -> Any:
        code = clause.__code__
        return ConditionExpr(kind, functools.partial(evaluate, clause), code.co_filename, code.co_firstlineno, "")

    conditions = Conditions(
        fn=question.runs,
        src_fn=question.runs,
        pre=[condition(PRECONDITION, clause, met) for clause in question.preconditions],
        post=[condition(POSTCONDITION, question.promise, _holds)],
        raises=frozenset(),
        sig=question.signature(),
        mutable_args=None,
        fn_syntax_messages=[],
        counterexample_description_maker=described,
    )
    limits = AnalysisOptionSet(
        # CrossHair would take the clauses of inner functions for granted: this kind of contract none of them has.
        analysis_kind=(AnalysisKind.PEP316,),
        per_condition_timeout=per_condition_timeout,
        per_path_timeout=min(per_condition_timeout, PATH_TIMEOUT),
    )
    checkable = ConditionCheckable(FunctionInfo.from_fn(question.runs), DEFAULT_OPTIONS.overlay(limits), conditions)
    with contracts.level("none"):
        messages = run_checkables([checkable])
    if trouble:
        return Said("error", trouble[0])
    words = [message.state.value for message in messages]
    text = "; ".join(" ".join(message.message.split()) for message in messages) or "nothing was said"
    return Said(words[0] if len(words) == 1 else f"{len(words)} words", text, found[-1] if found else None)


def judged(question: Question, said: Said, seconds: float = 0.0, cached: bool = False) -> Confirmation:
    """CrossHair's word as evidence: an offered counterexample counts if plain NumPy breaks the clause on it."""
    if said.arguments is None:
        return Confirmation(STATES.get(said.word, "ERROR"), said.message, seconds=seconds, cached=cached)
    found = replay(question, said.arguments)
    return Confirmation("REFUTED" if found.confirmed else "ERROR", said.message, found, seconds=seconds, cached=cached)


def replay(question: Question, arguments: Mapping[str, Any]) -> Replay:
    """Run plain NumPy: confirmed means that the preconditions are met and the clause is broken."""
    inputs = {name: shown(value) for name, value in arguments.items()}
    with contracts.level("none"), np.errstate(all="ignore"):
        if not all(_holds(clause, arguments) for clause in question.preconditions):
            return Replay(False, inputs, {}, question.clause, "the preconditions are not met")
        try:
            result = question.runs(**arguments)
        except Exception as error:
            return Replay(True, inputs, {"raised": f"{type(error).__name__}: {error}"}, question.clause)
        broken = not _holds(question.promise, {**arguments, "__return__": result})
    return Replay(broken, inputs, {"result": shown(result)}, question.clause)


def witness(question: Question, example: Mapping[str, Any]) -> Replay:
    """Run plain NumPy on an example: confirmed means that the preconditions are met and the clause is kept."""
    found = replay(question, example)
    kept = not found.confirmed and not found.note
    return Replay(kept, found.inputs, found.outputs, found.clause, found.note)


def shown(value: Any) -> str:
    """A value as people read it; of a long array the dtype and shape only."""
    if isinstance(value, list):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    long = getattr(value, "size", 0) > MOST_SHOWN
    return f"{value.dtype} array of shape {value.shape}" if long else show(value)


def _holds(clause: Callable[..., Any], values: Mapping[str, Any]) -> bool:
    return bool(call_with(clause, {**values, "result": values.get("__return__")}))
