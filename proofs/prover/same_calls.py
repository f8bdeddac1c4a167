"""Functions of the reference are pure: a call with the arguments of an earlier one returns what that returned.

So the very same terms stand for both results. Arguments are the same if they are made of the same terms, or if a quick
check shows their terms equal, which then is a duty of the path. Where that is open, it is a fact that equal arguments have
equal results. Equal means: in IEEE the same bits, in the theories of reals the same number, where no sign of a zero is seen;
and whatever is no symbolic array (an exponent, a dtype) must be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.paths import Call, Path
from proofs.symbolic.theory import conjunction

PLAIN = (bool, int, str, bytes, Fraction, np.dtype, type(None))
Function = Callable[..., Any]


class Elementwise(NamedTuple):
    """The array argument whose elements a function treats one by one, and the claim that says so."""

    argument: str
    claim: str


class Determined(NamedTuple):
    """What of its arguments determines the result of a function, the claim that says so, and where it does."""

    key: Callable[[dict[str, Any]], Any]
    claim: str
    where: Callable[..., Any] | None = None


def remember(path: Path, function: Function, call: Call) -> Call:
    """Keep a call for calls with the same arguments."""
    _calls(path, function).append(call)
    return call


def same_call(path: Path, function: Function, arguments: dict[str, Any]) -> Call | None:
    """An earlier call whose arguments are shown equal to these; those made of the same terms need no check."""
    likely = [(equations(call.arguments, arguments), call) for call in _calls(path, function)]
    possible = [(equal, call) for equal, call in likely if equal is not None]
    for equal, call in sorted(possible, key=lambda pair: len(pair[0])):
        if not equal or path.shown_by_now(conjunction(equal)):
            return call
    return None


def assume_same_for_the_same(path: Path, function: Function, call: Call) -> None:
    """Where it is open whether the arguments of earlier calls are equal to these: if they are, so are the results."""
    for earlier in _calls(path, function):
        equal, same = equations(earlier.arguments, call.arguments), equations(earlier.result, call.result)
        if equal and same:
            path.assume(z3.Implies(conjunction(equal), conjunction(same)))


def very_same_call(path: Path, function: Function, arguments: dict[str, Any]) -> Call | None:
    """An earlier call whose arguments are made of the same terms."""
    return next((call for call in _calls(path, function) if equations(call.arguments, arguments) == []), None)


def call_of_key(path: Path, function: Function, arguments: dict[str, Any], known: Determined) -> Call | None:
    """An earlier call whose arguments agree with these in what determines the result."""
    key = known.key(arguments)
    return next((call for call in _calls(path, function) if known.key(call.arguments) == key), None)


def _calls(path: Path, function: Function) -> list[Call]:
    calls: list[Call] = path.memory.setdefault(("calls", function), [])
    return calls


def equations(one: Any, other: Any) -> list[z3.BoolRef] | None:
    """What must hold for two arguments to be the same; ``None`` if they cannot be, or if that is not known."""
    if type(one) is not type(other):
        return None
    if isinstance(one, SymbolicArray):
        if (one.dtype, one.shape, one.weak) != (other.dtype, other.shape, other.weak):
            return None
        return [a == b for a, b in zip(terms(one), terms(other), strict=True) if not z3.eq(a, b)]
    if isinstance(one, dict):
        return _all_equations(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple):
        return _all_equations(one, other)
    return [] if _is_the_same(one, other) else None


def _all_equations(some: Sequence[Any], others: Sequence[Any]) -> list[z3.BoolRef] | None:
    if len(some) != len(others):
        return None
    found = []
    for one, other in zip(some, others, strict=True):
        part = equations(one, other)
        if part is None:
            return None
        found += part
    return found


def _is_the_same(one: Any, other: Any) -> bool:
    """Whether two concrete values of one type are the same, zeros with their signs."""
    if isinstance(one, np.ndarray | np.generic):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, float):
        return one.hex() == other.hex()
    return one is other or (isinstance(one, PLAIN) and bool(one == other))


def terms(array: SymbolicArray) -> Iterator[z3.ExprRef]:
    """The elements of a symbolic array as terms of the solver."""
    return (getattr(term, "real", term) for term in array.elements.ravel())


def joined(parts: Sequence[Any]) -> Any:
    """The results of one-element arrays as the result of the whole array."""
    first = parts[0]
    if isinstance(first, tuple):
        members = [joined(part) for part in zip(*parts, strict=True)]
        return type(first)(*members) if hasattr(first, "_fields") else tuple(members)
    return np.concatenate(parts)
