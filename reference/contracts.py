"""Contracts: every clause is written once and read by users, tests and provers alike.

``require`` and ``ensure`` are icontract's decorators behind one switch. How much is checked at run time is the *level*:

==================  ===========================================================================================
``none``            nothing
``preconditions``   the ``require`` clauses of the function that the caller called (the default): calls between
                    reference functions are proven to meet theirs, so they are not checked again
``all``             every clause of every call, postconditions in exact arithmetic: for tests, slow
==================  ===========================================================================================

The environment variable ``PROOFGRAD_CONTRACTS`` sets the level at import, `set_level` and `level` later.
The provers read the same clauses through `interpreted`, which hands every call to them instead of running it.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, TypeVar, get_args

import icontract

P = ParamSpec("P")
R = TypeVar("R")

Level = Literal["none", "preconditions", "all"]
Interpreter = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


class ContractViolation(AssertionError):
    """A postcondition that does not hold: a defect of Proofgrad, never of its caller."""


@dataclass(frozen=True)
class Clause:
    """One condition of a contract: a claim's id (or ``""`` for a precondition) and the condition itself."""

    claim: str
    condition: Callable[..., Any]
    error: Callable[..., Exception] | None = None


def _checked_level(name: str) -> Level:
    if name not in get_args(Level):
        raise ValueError(f"contracts level must be one of {', '.join(get_args(Level))}, got {name!r}")
    return name  # type: ignore[return-value]


_level: Level = _checked_level(os.environ.get("PROOFGRAD_CONTRACTS", "preconditions"))
_interpreter: ContextVar[Interpreter | None] = ContextVar("interpreter", default=None)
_nested: ContextVar[bool] = ContextVar("nested", default=False)


def get_level() -> Level:
    """The level in force."""
    return _level


def set_level(name: str) -> None:
    """Check this much from now on: ``none``, ``preconditions`` or ``all``."""
    global _level
    _level = _checked_level(name)


@contextlib.contextmanager
def level(name: str) -> Iterator[None]:
    """Check this much inside the ``with`` block."""
    before = _level
    set_level(name)
    try:
        yield
    finally:
        set_level(before)


@contextlib.contextmanager
def interpreted(interpreter: Interpreter | None) -> Iterator[None]:
    """Hand every call to ``interpreter(function, args, kwargs)`` inside the block; ``None`` runs them as usual again."""
    token = _interpreter.set(interpreter)
    try:
        yield
    finally:
        _interpreter.reset(token)


def require(
    condition: Callable[..., Any], error: Callable[..., Exception]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A precondition; ``error`` makes the exception from the arguments that it names."""
    return lambda function: _contracted(function, before=Clause("", condition, error))


def ensure(claim: str, condition: Callable[..., Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A postcondition over ``result`` and the arguments, known by the id of its claim."""
    return lambda function: _contracted(function, after=Clause(claim, condition))


def bare(function: Callable[P, R]) -> Callable[P, R]:
    """The function without its contract."""
    return getattr(function, "__bare__", function)


def preconditions(function: Callable[..., Any]) -> tuple[Clause, ...]:
    """The ``require`` clauses of a function, in the order in which they stand and are checked."""
    return getattr(function, "__preconditions_written__", ())


def postconditions(function: Callable[..., Any]) -> tuple[Clause, ...]:
    """The ``ensure`` clauses of a function, in the order in which they stand."""
    return getattr(function, "__postconditions_written__", ())


def _contracted(function: Callable[P, R], before: Clause | None = None, after: Clause | None = None) -> Callable[P, R]:
    """Put one more clause on top of those that the function has."""
    body = bare(function)
    requires = ((before,) if before else ()) + preconditions(function)
    ensures = ((after,) if after else ()) + postconditions(function)

    guarded = _checker(body, requires, ())
    checked = _checker(body, requires, ensures)

    @functools.wraps(body)
    def contracted(*args: P.args, **kwargs: P.kwargs) -> R:
        interpreter = _interpreter.get()
        if interpreter is not None:
            return interpreter(contracted, args, kwargs)  # type: ignore[no-any-return]
        if _level == "none" or (_level == "preconditions" and _nested.get()):
            return body(*args, **kwargs)
        if _level == "all":
            return checked(*args, **kwargs)
        token = _nested.set(True)
        try:
            return guarded(*args, **kwargs)
        finally:
            _nested.reset(token)

    contracted.__wrapped__ = checked  # where icontract and CrossHair look for clauses
    contracted.__bare__ = body  # type: ignore[attr-defined]
    contracted.__preconditions_written__ = requires  # type: ignore[attr-defined]
    contracted.__postconditions_written__ = ensures  # type: ignore[attr-defined]
    return contracted


def _checker(body: Callable[P, R], requires: tuple[Clause, ...], ensures: tuple[Clause, ...]) -> Callable[P, R]:
    """The function that checks these clauses; icontract adds to a checker in place, so each is made afresh."""
    checker = body
    for clause in requires:
        checker = icontract.require(clause.condition, error=clause.error)(checker)
    for clause in ensures:
        checker = icontract.ensure(clause.condition, clause.claim, error=_violation(body, clause))(checker)
    return checker


def _violation(function: Callable[..., Any], clause: Clause) -> Callable[..., ContractViolation]:
    def error() -> ContractViolation:
        return ContractViolation(f"{function.__module__}.{function.__qualname__} breaks its clause {clause.claim}")

    return error
