"""The theory of exact real numbers: is the mathematics right?"""

from __future__ import annotations

import functools
import operator
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.symbolic.formats import is_float
from proofs.symbolic.paths import current
from proofs.symbolic.shadow import square_root
from proofs.symbolic.theory import DType, Term, Theory


def rational(value: Any) -> z3.RatNumRef:
    """A finite number as z3's exact rational."""
    fraction = Fraction(value.item() if isinstance(value, np.generic) else value)
    return z3.Q(fraction.numerator, fraction.denominator)


def magnitude(x: z3.ArithRef) -> z3.ArithRef:
    """|x|"""
    return z3.If(x >= 0, x, -x)


def root(x: z3.ArithRef) -> z3.ArithRef:
    """sqrt by its defining equation; of a negative number, anything."""
    path = current()
    key = ("sqrt", x.get_id())
    if key not in path.memory:
        y = path.variable("sqrt", lambda value: square_root(value(x)))
        path.assume(z3.Implies(x >= 0, y >= 0))
        path.define(z3.Implies(x >= 0, y * y == x))
        path.memory[key] = (y, x)
    return path.memory[key][0]


def quotient(a: z3.ArithRef, b: z3.ArithRef) -> z3.ArithRef:
    """a / b as a · q with q · b = 1: solvers follow products better. Division by zero gives anything."""
    divisor = z3.simplify(b)
    if z3.is_rational_value(divisor) and divisor.as_fraction() != 0:
        return a * rational(1 / divisor.as_fraction())
    path = current()
    key = ("inverse", b.get_id())
    if key not in path.memory:
        inverse = path.variable("inverse", lambda value: None if not (number := value(b)) else 1 / Fraction(number))
        path.assume(z3.Implies(b != 0, inverse * b == 1))
        path.memory[key] = (inverse, b)
    return a * path.memory[key][0]


class Real(Theory):
    """Every float is a real number, nothing rounds; integers are mathematical integers."""

    name = "Real"
    any_order = True

    def variable(self, name: str, dtype: DType) -> Term:
        if dtype == np.bool_:
            return z3.Bool(name)
        return z3.Real(name) if is_float(dtype) else z3.Int(name)

    def constant(self, value: Any, dtype: DType) -> Term:
        if dtype == np.bool_:
            return z3.BoolVal(bool(value))
        return z3.IntVal(int(value)) if dtype.kind in "iu" else rational(value)

    def cast(self, term: Term, source: DType, target: DType) -> Term:
        if source == target or (is_float(source) and is_float(target)):
            return term
        if source.kind in "iu" and target.kind in "iu":
            return term
        if source.kind in "iu" and is_float(target):
            return z3.ToReal(term)
        if source == np.bool_ and is_float(target):
            return z3.If(term, z3.RealVal(1), z3.RealVal(0))
        raise self.cannot(f"cast from {source}", target)

    def where(self, condition: z3.BoolRef, left: Term, right: Term) -> Term:
        return z3.If(condition, left, right)

    def exact(self, term: Term, dtype: DType) -> Term:
        return term

    def do_add(self, a: Term, b: Term, dtype: DType) -> Term:
        return a + b

    def do_subtract(self, a: Term, b: Term, dtype: DType) -> Term:
        return a - b

    def do_multiply(self, a: Term, b: Term, dtype: DType) -> Term:
        return a * b

    def do_divide(self, a: Term, b: Term, dtype: DType) -> Term:
        return quotient(a, b)

    def do_sqrt(self, a: Term, dtype: DType) -> Term:
        return root(a)

    def do_square(self, a: Term, dtype: DType) -> Term:
        return a * a

    def do_power(self, a: Term, b: Term, dtype: DType) -> Term:
        exponent = z3.simplify(b)
        if not z3.is_rational_value(exponent) and not z3.is_int_value(exponent):
            raise self.cannot("powers with a symbolic exponent", dtype)
        count = Fraction(str(exponent))
        if count.denominator != 1 or not 0 <= count <= 8:
            raise self.cannot(f"the power {count}", dtype)
        return functools.reduce(operator.mul, [a] * int(count)) if count else z3.RealVal(1)

    def do_negative(self, a: Term, dtype: DType) -> Term:
        return -a

    def do_absolute(self, a: Term, dtype: DType) -> Term:
        return magnitude(a)

    def do_maximum(self, a: Term, b: Term, dtype: DType) -> Term:
        return z3.If(a >= b, a, b)

    def do_minimum(self, a: Term, b: Term, dtype: DType) -> Term:
        return z3.If(a <= b, a, b)

    def do_less(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a < b

    def do_less_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a <= b

    def do_greater(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a > b

    def do_greater_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a >= b

    def do_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a == b

    def do_not_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a != b

    def do_isfinite(self, a: Term, dtype: DType) -> z3.BoolRef:
        return z3.BoolVal(True)

    def do_isnan(self, a: Term, dtype: DType) -> z3.BoolRef:
        return z3.BoolVal(False)

    def do_isinf(self, a: Term, dtype: DType) -> z3.BoolRef:
        return z3.BoolVal(False)
