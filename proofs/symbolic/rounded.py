"""The theory of rounded reals: what holds for every rounding of a format.

The result of an operation is its exact value plus an error e with |e| <= u·|exact value|, plus half the smallest subnormal
where underflow is possible. Three facts about binary formats take errors away again:

* a number is a multiple of its *grid*, a power of two; + and - keep the finer grid of both, and a multiple of 2**g of
  magnitude at most 2**(g + precision) is a float, so such a sum is exact;
* a product has at most as many *significant bits* as its factors together; when these fit into the format, it is exact;
* scaling by a power of two is exact unless it underflows.

All this presupposes that nothing overflows: every operation leaves a range duty on its path.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.symbolic.formats import Format, format_of, is_float
from proofs.symbolic.paths import current
from proofs.symbolic.real import Real, magnitude, rational, root
from proofs.symbolic.shadow import Value
from proofs.symbolic.theory import DType, Term, Theory

FLOAT64 = Format(11, 53)
SCALES = (0, 16, 128, 1023)  # a symbolic power of two is compared with 2**these, to bound the grid of what it scales


@dataclass(frozen=True)
class Number:
    """A float as a real term, of at most ``bits`` significant bits, a multiple of 2**``grid``."""

    real: z3.ArithRef
    bits: int
    grid: int


class Rounded(Theory):
    """Floats of any rounding that keeps the error bound of round-to-nearest."""

    name = "Rounded"

    def variable(self, name: str, dtype: DType) -> Term:
        if dtype == np.bool_:
            return z3.Bool(name)
        if not is_float(dtype):
            raise self.cannot("integers", dtype)
        form = format_of(dtype)
        real = z3.Real(name)
        if form != FLOAT64:  # nothing here needs the limit of float64, a number of 309 digits
            limit = rational(form.largest)
            current().assume(z3.And(-limit <= real, real <= limit))
        return Number(real, form.precision, form.least_exponent)

    def constant(self, value: Any, dtype: DType) -> Term:
        if dtype == np.bool_:
            return z3.BoolVal(bool(value))
        if not is_float(dtype):
            return z3.IntVal(int(value))
        number = Fraction(float(np.asarray(value, dtype=dtype)))
        return Number(rational(number), *_shape(number, format_of(dtype)))

    def cast(self, term: Term, source: DType, target: DType) -> Term:
        if source == target:
            return term
        if source == np.bool_ and is_float(target):
            return self.where(term, self.constant(1, target), self.constant(0, target))
        if not (is_float(source) and is_float(target)):
            raise self.cannot(f"cast from {source}", target)
        form = format_of(target)
        if term.bits <= form.precision and _grid(term) >= form.least_exponent:
            if format_of(source).largest > form.largest:
                _stay_in(term.real, form)
            return term
        return _round("cast", (term,), term.real, form, term.bits, _grid(term))

    def where(self, condition: z3.BoolRef, left: Term, right: Term) -> Term:
        if not isinstance(left, Number):
            return z3.If(condition, left, right)
        if z3.eq(left.real, right.real):
            return left
        return Number(
            z3.If(condition, left.real, right.real), max(left.bits, right.bits), min(_grid(left), _grid(right))
        )

    def exact(self, term: Term, dtype: DType) -> Term:
        return term.real

    def do_add(self, a: Term, b: Term, dtype: DType) -> Term:
        if _is(a, 0):
            return b
        if _is(b, 0):
            return a
        return _sum("add", a, b, a.real + b.real, format_of(dtype))

    def do_subtract(self, a: Term, b: Term, dtype: DType) -> Term:
        if _is(b, 0):
            return a
        return _sum("subtract", a, b, a.real - b.real, format_of(dtype))

    def do_multiply(self, a: Term, b: Term, dtype: DType) -> Term:
        form = format_of(dtype)
        if _is_power_of_two(b):
            return _scale(a, b, a.real * b.real, form, up=True)
        if _is_power_of_two(a):
            return _scale(b, a, a.real * b.real, form, up=True)
        return _round("multiply", (a, b), a.real * b.real, form, a.bits + b.bits, _grid(a) + _grid(b))

    def do_divide(self, a: Term, b: Term, dtype: DType) -> Term:
        form = format_of(dtype)
        exact = _quotient(a.real, b.real)
        if _is_power_of_two(b):
            return _scale(a, b, exact, form, up=False)
        return _round("divide", (a, b), exact, form)

    def do_square(self, a: Term, dtype: DType) -> Term:
        return _round("multiply", (a, a), a.real * a.real, format_of(dtype), 2 * a.bits, 2 * _grid(a))

    def do_sqrt(self, a: Term, dtype: DType) -> Term:
        return _round("sqrt", (a,), root(a.real), format_of(dtype), underflows=False)

    def do_negative(self, a: Term, dtype: DType) -> Term:
        return Number(-a.real, a.bits, _grid(a))

    def do_absolute(self, a: Term, dtype: DType) -> Term:
        return Number(magnitude(a.real), a.bits, _grid(a))

    def do_maximum(self, a: Term, b: Term, dtype: DType) -> Term:
        return self.where(a.real >= b.real, a, b)

    def do_minimum(self, a: Term, b: Term, dtype: DType) -> Term:
        return self.where(a.real <= b.real, a, b)

    def do_less(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a.real < b.real

    def do_less_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a.real <= b.real

    def do_greater(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a.real > b.real

    def do_greater_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a.real >= b.real

    def do_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a.real == b.real

    def do_not_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return a.real != b.real

    def do_isfinite(self, a: Term, dtype: DType) -> z3.BoolRef:
        return z3.BoolVal(True)  # by the range duties

    def do_isnan(self, a: Term, dtype: DType) -> z3.BoolRef:
        return z3.BoolVal(False)


class ExactReals(Real):
    """Exact values over rounded reals: nothing rounds."""

    name = "exact values"


def _shape(number: Fraction, form: Format) -> tuple[int, int]:
    """Significant bits and grid of a constant."""
    if number == 0:
        return 0, form.least_exponent + 2 * form.bias
    grid = (number.numerator & -number.numerator).bit_length() - 1 - (number.denominator.bit_length() - 1)
    odd = abs(number) / Fraction(2) ** grid
    return int(odd).bit_length(), grid


def _grid(number: Number) -> int:
    """The coarsest grid known for a number."""
    return max(number.grid, current().grids.get(number.real.get_id(), number.grid))


def _is(number: Number, value: int) -> bool:
    return z3.is_rational_value(number.real) and bool(number.real.as_fraction() == value)


def _is_power_of_two(number: Number) -> bool:
    if z3.is_rational_value(number.real):
        return number.bits == 1 and bool(number.real.as_fraction() > 0)
    return number.real.get_id() in current().powers_of_two


def _stay_in(exact: z3.ArithRef, form: Format) -> None:
    limit = rational(form.largest)
    current().stay(z3.And(-limit <= exact, exact <= limit))


def _round(
    operation: str,
    arguments: tuple[Number, ...],
    exact: z3.ArithRef,
    form: Format,
    bits: int | None = None,
    grid: int | None = None,
    underflows: bool = True,
) -> Number:
    """The rounded value of ``exact``, which has at most ``bits`` bits and is a multiple of 2**``grid``, where known."""
    path = current()
    key = (
        (operation, form, *sorted(argument.real.get_id() for argument in arguments))
        if operation in ("add", "multiply")
        else (operation, form, *(argument.real.get_id() for argument in arguments))
    )
    if key in path.memory:
        return path.memory[key][0]
    _stay_in(exact, form)
    on_grid = grid is not None and grid >= form.least_exponent
    if grid is not None and on_grid and bits is not None and bits <= form.precision:
        result = Number(exact, bits, grid)
    else:
        rounded = path.variable(operation, lambda value: _nearest(value(exact), form))
        slack = rational(form.unit_roundoff) * magnitude(exact)
        if underflows and not on_grid:
            slack = slack + rational(Fraction(2) ** (form.least_exponent - 1))
        path.assume(z3.And(rounded - exact <= slack, exact - rounded <= slack))
        path.assume(z3.And(z3.Implies(exact >= 0, rounded >= 0), z3.Implies(exact <= 0, rounded <= 0)))
        result = Number(
            rounded, form.precision, max(form.least_exponent, grid if grid is not None else form.least_exponent)
        )
    path.memory[key] = (result, arguments)
    return result


def _quotient(a: z3.ArithRef, b: z3.ArithRef) -> z3.ArithRef:
    """The exact quotient as a variable of its own: what follows speaks of it without knowing of the division."""
    divisor = z3.simplify(b)
    if z3.is_rational_value(divisor) and divisor.as_fraction() != 0:
        return a * rational(1 / divisor.as_fraction())
    path = current()
    key = ("quotient", a.get_id(), b.get_id())
    if key not in path.memory:
        exact = path.variable("quotient", lambda value: _divided(value(a), value(b)))
        path.define(z3.Implies(b != 0, exact * b == a))
        path.memory[key] = (exact, a, b)
    return path.memory[key][0]


def _nearest(x: Value | None, form: Format) -> Value | None:
    return None if x is None else form.nearest(Fraction(x))


def _divided(a: Value | None, b: Value | None) -> Value | None:
    return Fraction(a) / Fraction(b) if a is not None and b else None


def _sum(operation: str, a: Number, b: Number, exact: z3.ArithRef, form: Format) -> Number:
    """A sum is a multiple of the finer grid of both sides; it is exact if that grid reaches far enough."""
    grid = min(_grid(a), _grid(b))
    reach = rational(Fraction(2) ** (grid + form.precision))
    if current().shown(z3.And(-reach <= exact, exact <= reach)):
        _stay_in(exact, form)
        return Number(exact, form.precision, grid)
    return _round(operation, (a, b), exact, form, grid=grid)


def _scale(number: Number, unit: Number, exact: z3.ArithRef, form: Format, up: bool) -> Number:
    """Times (``up``) or divided by a power of two: exact, but for underflow."""
    path = current()
    key = ("scale", form, up, number.real.get_id(), unit.real.get_id())
    if key in path.memory:
        return path.memory[key][0]
    for scale in _scales_at_least(unit, up):
        bound = rational(Fraction(2) ** (-scale if up else scale))
        grid = _grid(number) - scale
        within = unit.real >= bound if up else unit.real <= bound
        if grid >= form.least_exponent and path.shown(within):
            _stay_in(exact, form)
            path.memory[key] = (Number(exact, number.bits, grid), number, unit)
            return path.memory[key][0]
    if not (up and z3.is_rational_value(unit.real) and unit.real.as_fraction() <= 1):  # shrinking cannot overflow
        _stay_in(exact, form)
    rounded = path.variable("scaled", lambda value: _nearest(value(exact), form))
    slack = rational(Fraction(2) ** (form.least_exponent - 1))
    path.assume(z3.And(rounded - exact <= slack, exact - rounded <= slack))
    path.assume(z3.And(z3.Implies(exact >= 0, rounded >= 0), z3.Implies(exact <= 0, rounded <= 0)))
    normal = z3.Or(exact >= rational(form.least_normal), exact <= rational(-form.least_normal))
    path.assume(z3.Implies(normal, rounded == exact))
    result = Number(rounded, number.bits, form.least_exponent)
    path.memory[key] = (result, number, unit)
    return result


def _scales_at_least(unit: Number, up: bool) -> tuple[int, ...]:
    """How many bits the scaling may move a number down, candidates in increasing order."""
    if z3.is_rational_value(unit.real):
        return (-unit.grid if up else unit.grid,)
    return SCALES


def lies_in_range(real: z3.ArithRef, form: Format) -> z3.BoolRef:
    """The fact that an input of a format lies in its range; for float64 it is said only where it is needed."""
    fact = z3.And(real >= rational(-form.largest), real <= rational(form.largest))
    current().assume(fact)
    return fact


def exact_quotient(a: z3.ArithRef, b: z3.ArithRef) -> z3.ArithRef:
    """The variable that stands for a / b, which must have been divided on this path."""
    return current().memory["quotient", a.get_id(), b.get_id()][0]
