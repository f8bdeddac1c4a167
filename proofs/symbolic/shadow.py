"""The run of real numbers behind a symbolic run: what each fresh variable is for one concrete input.

Where a theory brings in a variable (a rounded result, a quotient, what a contract stands for), it leaves the recipe by
which NumPy computes it. Following all recipes from a concrete input gives the values of the actual run; that they meet
every fact of a path shows that the facts do not contradict one another, or NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import z3

Value = Fraction | bool
Values = Callable[[z3.ExprRef], Value | None]
Recipe = Callable[[Values], Value | None]


def follow(
    recipes: list[tuple[z3.ExprRef, Recipe]],
    facts: list[z3.BoolRef],
    inputs: Mapping[str, Value],
    flags: Mapping[int, bool] | None = None,
) -> list[z3.BoolRef] | None:
    """Equations that give every variable its value in the run on these inputs; ``None`` if a fact does not hold there.

    ``flags`` says what some Boolean variables are instead: a contract may leave open what a function says of its result.
    """
    known: list[tuple[z3.ExprRef, z3.ExprRef]] = []
    model = z3.Model()

    def learn(variable: z3.ExprRef, value: Value) -> None:
        known.append((variable, _term(value)))
        model.update_value(*known[-1])

    def value_of(term: z3.ExprRef) -> Value | None:
        return _value(model.eval(term))

    for name, value in inputs.items():
        learn(_constant(name, value), value)
    for variable, recipe in recipes:
        given = (flags or {}).get(variable.get_id())
        found = recipe(value_of) if given is None else given
        if found is not None:
            learn(variable, found)
    if any(value_of(fact) is False for fact in facts):
        return None
    return [variable == value for variable, value in known]


def flags_of(facts: list[z3.BoolRef]) -> dict[int, bool]:
    """The Boolean variables that stand, or whose negations stand, among some facts."""
    literals = [(fact.arg(0), False) if z3.is_not(fact) else (fact, True) for fact in facts]
    return {flag.get_id(): value for flag, value in literals if z3.is_const(flag)}


def square_root(x: Value | None) -> Fraction | None:
    """The root of a number that has a rational one."""
    if x is None or x < 0:
        return None
    number = Fraction(x)
    over, under = math.isqrt(number.numerator), math.isqrt(number.denominator)
    return Fraction(over, under) if (over * over, under * under) == (number.numerator, number.denominator) else None


def number(value: Any) -> Value | None:
    """A NumPy scalar as an exact number."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return Fraction(float(value)) if np.isfinite(value) else None


def _constant(name: str, value: Value) -> z3.ExprRef:
    return z3.Bool(name) if isinstance(value, bool) else z3.Real(name)


def _term(value: Value) -> z3.ExprRef:
    return z3.BoolVal(value) if isinstance(value, bool) else z3.Q(value.numerator, value.denominator)


def _value(term: z3.ExprRef) -> Value | None:
    if z3.is_true(term) or z3.is_false(term):
        return z3.is_true(term)
    return Fraction(term.as_fraction()) if z3.is_rational_value(term) else None
