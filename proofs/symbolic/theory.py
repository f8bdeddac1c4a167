"""What a theory of numbers has to answer for `SymbolicArray`."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterable
from types import FrameType
from typing import Any

import numpy as np
import z3

from proofs.symbolic.paths import current

Term = Any
DType = np.dtype[Any]
MACHINERY = ("proofs.symbolic", "numpy", "reference.exactness")


class Unsupported(TypeError):
    """An operation outside the dialect, or one that this theory cannot follow: what it is, and which line called it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} ({_calling_line(sys._getframe(1))})")


def _calling_line(frame: FrameType) -> str:
    """The innermost line outside NumPy and the symbolic machinery: file, number and text."""
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(MACHINERY):
        frame = frame.f_back
    path, number = frame.f_code.co_filename, frame.f_lineno
    return f"{path.rpartition('/')[2]}:{number}: {linecache.getline(path, number).strip()}"


class Theory:
    """Numbers of one kind. Terms are opaque to everybody else; truth values are z3 terms in every theory.

    An operation takes terms of one dtype (the loop dtype that NumPy would choose) and gives a term of it; a method that a
    theory does not override raises `Unsupported` with the operation's name.
    """

    name = "theory"
    any_order = False  # whether sums are the same in every order of their terms

    def variable(self, name: str, dtype: DType) -> Term:
        """An arbitrary number of this dtype."""
        raise self.cannot("variables", dtype)

    def constant(self, value: Any, dtype: DType) -> Term:
        """The number that NumPy would hold for ``value``."""
        raise self.cannot("constants", dtype)

    def apply(self, operation: str, terms: tuple[Term, ...], dtype: DType) -> Term:
        """``operation`` (a NumPy name, such as ``add``) on terms of one dtype."""
        if dtype == np.bool_:
            return do_boolean(operation, terms)
        method = getattr(self, f"do_{operation}", None)
        if method is None:
            raise self.cannot(operation, dtype)
        return method(*terms, dtype)

    def cast(self, term: Term, source: DType, target: DType) -> Term:
        """A term of another dtype, as ``astype`` makes it."""
        raise self.cannot(f"cast from {source}", target)

    def where(self, condition: z3.BoolRef, left: Term, right: Term) -> Term:
        """``left`` where the condition holds, else ``right``."""
        raise self.cannot("where", None)

    def decide(self, condition: z3.BoolRef) -> bool:
        """The answer of this run to a Python ``if``."""
        return current().decide(condition)

    def in_any_order(self, operation: str, terms: list[Term]) -> bool:
        """Whether an operation reduces these terms to the same in every order."""
        return self.any_order

    def exact(self, term: Term, dtype: DType) -> Term:
        """The real number that a float term stands for, as a term of the theory of exact values."""
        raise self.cannot("exact", dtype)

    def cannot(self, what: str, dtype: DType | None) -> Unsupported:
        """The error for what this theory does not follow."""
        return Unsupported(
            f"the theory {self.name} does not follow {what}" + (f" on {dtype}" if dtype is not None else "")
        )


def conjunction(terms: Iterable[z3.BoolRef]) -> z3.BoolRef:
    """All of them; SMT-LIB has no ``and`` of fewer than two."""
    several = list(terms)
    return several[0] if len(several) == 1 else z3.And(*several) if several else z3.BoolVal(True)


def disjunction(terms: Iterable[z3.BoolRef]) -> z3.BoolRef:
    """Any of them."""
    several = list(terms)
    return several[0] if len(several) == 1 else z3.Or(*several) if several else z3.BoolVal(False)


def do_boolean(operation: str, terms: tuple[z3.BoolRef, ...]) -> z3.BoolRef:
    """Logic on truth values: the same in every theory."""
    match operation:
        case "logical_and" | "bitwise_and":
            return z3.And(*terms)
        case "logical_or" | "bitwise_or":
            return z3.Or(*terms)
        case "logical_not" | "invert":
            return z3.Not(*terms)
        case "equal":
            return terms[0] == terms[1]
        case "not_equal" | "logical_xor" | "bitwise_xor":
            return terms[0] != terms[1]
    raise Unsupported(f"{operation} is not a logical operation of the dialect")
