"""The theory of dual numbers: a real value and its derivative along a line through the inputs.

A number is a function of the float inputs x; moving along x + t·ẋ, its tangent is its derivative by t at t = 0. A variable
``x`` has the tangent ``x.dot``, constants have none, and each operation follows one rule of the table `TANGENTS`. Comparisons
and decisions look at values only.

Where an operation has no derivative (|x| at 0, the larger of two equals, sqrt at 0, x / 0, the border between the sides of
a ``where``), its rule would still give some number. So each number says where it is continuous and where its tangent is its
derivative, and `tangents`, the only way to read one, leaves these conditions as duties: what is read at a point without
a derivative is never part of a proof. They are duties rather than unknown values, because a solver then proves them first, and
what follows has no cases. They are gathered on the number, not left at once, because NumPy computes both sides
of a ``where``, of which only the chosen one must have a derivative. An ``if`` leaves its duty at once.
The conditions suffice; a function may have a derivative where they do not hold (x·|x| at 0): then nothing is proven.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import z3

from proofs.symbolic.array import COMPARISONS, SymbolicArray
from proofs.symbolic.formats import is_float
from proofs.symbolic.paths import current
from proofs.symbolic.real import Real, quotient
from proofs.symbolic.theory import DType, Term, Theory, Unsupported, conjunction, disjunction

REAL = Real()
TRUE = z3.BoolVal(True)
ZERO = z3.RealVal(0)
HALF = z3.Q(1, 2)


@dataclass(frozen=True, eq=False)
class Number:
    """A value and its tangent, which is the derivative where ``differentiable`` holds; ``still`` if no input moves it."""

    value: z3.ArithRef
    tangent: z3.ArithRef = ZERO
    continuous: z3.BoolRef = TRUE
    differentiable: z3.BoolRef = TRUE
    still: bool = False


Rule = Callable[..., z3.ArithRef]
Condition = Callable[..., z3.BoolRef]

# The tangent of the result, from the result's value and the operands.
TANGENTS: dict[str, Rule] = {
    "add": lambda y, a, b: a.tangent + b.tangent,
    "subtract": lambda y, a, b: a.tangent - b.tangent,
    "multiply": lambda y, a, b: a.tangent * b.value + a.value * b.tangent,
    "divide": lambda y, a, b: quotient(a.tangent - y * b.tangent, b.value),
    "sqrt": lambda y, a: quotient(a.tangent, y) * HALF,
    "square": lambda y, a: 2 * a.value * a.tangent,
    "power": lambda y, a, b: _power_tangent(a, b),
    "negative": lambda y, a: -a.tangent,
    "absolute": lambda y, a: z3.If(a.value >= 0, a.tangent, -a.tangent),
    "maximum": lambda y, a, b: z3.If(a.value >= b.value, a.tangent, b.tangent),
    "minimum": lambda y, a, b: z3.If(a.value <= b.value, a.tangent, b.tangent),
}
# Where an operation is not smooth: inside its domain, and at its kinks (which are continuous).
DOMAINS: dict[str, Condition] = {
    "divide": lambda a, b: b.value != 0,
    "sqrt": lambda a: a.value > 0,
}
KINKS: dict[str, Condition] = {
    "absolute": lambda a: z3.Or(a.value != 0, a.tangent == 0),
    "maximum": lambda a, b: z3.Or(a.value != b.value, a.tangent == b.tangent),
    "minimum": lambda a, b: z3.Or(a.value != b.value, a.tangent == b.tangent),
}


class Dual(Theory):
    """Every float is a real number with a tangent, nothing rounds; integers and truth values are as in `Real`."""

    name = "Dual"
    any_order = True

    def variable(self, name: str, dtype: DType) -> Term:
        if not is_float(dtype):
            return REAL.variable(name, dtype)
        if "!" in name:
            raise self.cannot("a contract in the place of a function, which says nothing of its derivative,", dtype)
        return Number(z3.Real(name), z3.Real(tangent_name(name)))

    def constant(self, value: Any, dtype: DType) -> Term:
        return _still(REAL.constant(value, dtype), dtype)

    def cast(self, term: Term, source: DType, target: DType) -> Term:
        if is_float(source) and is_float(target):
            return term
        if source == np.bool_ and is_float(target):
            return self.where(term, self.constant(1, target), self.constant(0, target))
        if is_float(source):
            raise self.cannot(f"cast from {source}", target)
        return _still(REAL.cast(term, source, target), target)

    def apply(self, operation: str, terms: tuple[Term, ...], dtype: DType) -> Term:
        if not is_float(dtype):
            return REAL.apply(operation, terms, dtype)
        if operation in COMPARISONS:
            return _compared(operation, terms, dtype)
        if operation not in TANGENTS:
            raise self.cannot(operation, dtype)
        value = REAL.apply(operation, tuple(term.value for term in terms), dtype)
        domain = DOMAINS[operation](*terms) if operation in DOMAINS else TRUE
        kink = KINKS[operation](*terms) if operation in KINKS else TRUE
        still = all(term.still for term in terms)
        return Number(
            value,
            ZERO if still else TANGENTS[operation](value, *terms),
            _every(*(term.continuous for term in terms), domain),
            _every(*(term.differentiable for term in terms), domain, TRUE if still else kink),
            still,
        )

    def where(self, condition: z3.BoolRef, left: Term, right: Term) -> Term:
        """At the border, the sides must agree: in value to be continuous, in tangent too to have a derivative."""
        if not isinstance(left, Number):
            return REAL.where(condition, left, right)
        inside = stable(condition)
        joined = _every(left.continuous, right.continuous, left.value == right.value)
        smooth = _every(left.differentiable, right.differentiable, joined, left.tangent == right.tangent)
        return Number(
            z3.If(condition, left.value, right.value),
            z3.If(condition, left.tangent, right.tangent),
            _either(inside, _chosen(condition, left.continuous, right.continuous), joined),
            _either(inside, _chosen(condition, left.differentiable, right.differentiable), smooth),
            left.still and right.still and z3.is_true(inside),
        )

    def decide(self, condition: z3.BoolRef) -> bool:
        """Which way an ``if`` goes must be the same nearby."""
        _demand("the branch is the same nearby", [stable(condition)])
        return current().decide(condition)


DUAL = Dual()


def tangent_name(name: str) -> str:
    """The solver's name of a variable's tangent: no argument of a Python function can be called so."""
    return f"{name}.dot"


def primal(array: SymbolicArray) -> SymbolicArray:
    """The values without their tangents."""
    return _mapped(array, REAL, lambda term: term.value if isinstance(term, Number) else term)


def held_still(array: SymbolicArray) -> SymbolicArray:
    """An array of real numbers as constants: nothing is differentiated by them."""
    return _mapped(array, DUAL, lambda term: _still(term, array.dtype))


def tangents(arrays: list[SymbolicArray]) -> list[Any]:
    """The derivatives of all elements along the line, as terms; that they are derivatives is a duty of the path."""
    numbers = [number for array in arrays for number in array.elements.ravel()]
    _demand("there is a derivative", [number.differentiable for number in numbers])
    return [number.tangent for number in numbers]


def stable(condition: z3.BoolRef) -> z3.BoolRef:
    """Where a truth value is the same nearby: where no comparison in it is of equals, or of what jumps."""
    memory = current().memory
    found: list[z3.BoolRef] = []
    for part in _parts(condition, lambda term: ("stable", term.get_id()) not in memory):
        if ("stable", part.get_id()) in memory:
            found.append(memory["stable", part.get_id()][0])
        elif any(z3.is_real(child) for child in part.children()):
            raise Unsupported("a condition on numbers of which the theory Dual does not know when it changes")
    return _every(*found)


def _still(term: Term, dtype: DType) -> Term:
    return Number(term, still=True) if is_float(dtype) else term


def _mapped(array: SymbolicArray, theory: Theory, change: Callable[[Term], Term]) -> SymbolicArray:
    elements = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        elements[index] = change(array.elements[index])
    return SymbolicArray(elements, array.dtype, theory)


def _compared(operation: str, terms: tuple[Number, ...], dtype: DType) -> z3.BoolRef:
    """A comparison of values; the path remembers where it stays as it is."""
    values = [term.value for term in terms]
    answer = REAL.apply(operation, tuple(values), dtype)
    if len(terms) < 2:
        return answer  # of infinities and NaN, which are no real numbers
    memory, key = current().memory, ("stable", answer.get_id())
    apart = TRUE if all(term.still for term in terms) else values[0] != values[1]
    earlier = memory[key][0] if key in memory else TRUE
    memory[key] = (_every(earlier, *(term.continuous for term in terms), apart), answer)
    return answer


def _power_tangent(base: Number, exponent: Number) -> z3.ArithRef:
    """k·a^(k-1)·ȧ; that the exponent is a whole number from 0 on, `Real` has checked."""
    count = z3.simplify(exponent.value).as_fraction()
    return functools.reduce(operator.mul, [base.value] * (int(count) - 1), int(count) * base.tangent)


def _demand(name: str, conditions: list[z3.BoolRef]) -> None:
    """Each part of the conditions that is not plain becomes a cut of the path."""
    path = current()
    known = path.memory.setdefault("demanded", {})
    for part in (part for condition in conditions for part in _parts(condition, z3.is_and)):
        if part.get_id() not in known and not z3.is_true(z3.simplify(part)):
            known[part.get_id()] = part
            path.prove(f"{name}: {len(known)}", part)


def _parts(condition: z3.BoolRef, opened: Callable[[z3.BoolRef], bool]) -> Iterator[z3.BoolRef]:
    """The parts of a truth value that are not opened, or not made of truth values, from left to right."""
    pending, seen = [condition], set()
    while pending:
        part = pending.pop()
        if part.get_id() in seen:
            continue
        seen.add(part.get_id())
        if part.children() and opened(part) and all(z3.is_bool(child) for child in part.children()):
            pending += reversed(part.children())
        else:
            yield part


def _every(*conditions: z3.BoolRef) -> z3.BoolRef:
    """All of them, without those that are plainly true or said before."""
    needed = {condition.get_id(): condition for condition in conditions if not z3.is_true(condition)}
    return conjunction(needed.values())


def _either(inside: z3.BoolRef, there: z3.BoolRef, border: z3.BoolRef) -> z3.BoolRef:
    return there if z3.is_true(inside) else disjunction([_every(inside, there), border])


def _chosen(condition: z3.BoolRef, left: z3.BoolRef, right: z3.BoolRef) -> z3.BoolRef:
    return left if z3.eq(left, right) else z3.If(condition, left, right)
