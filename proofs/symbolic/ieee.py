"""The theory of bit-precise IEEE 754 floats and of fixed-width integers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.symbolic.formats import BFLOAT16, WIDER, Format, format_of, integer_width, is_float
from proofs.symbolic.paths import current
from proofs.symbolic.theory import DType, Term, Theory

NEAREST = z3.RNE()
UP, DOWN, TOWARD_ZERO = z3.RTP(), z3.RTN(), z3.RTZ()
BOOL, FLOAT16, FLOAT32, FLOAT64 = (np.dtype(kind) for kind in (np.bool_, np.float16, np.float32, np.float64))
INT32 = np.dtype(np.int32)


class IEEE(Theory):
    """Floats as NumPy has them: round to nearest even, subnormals, infinities, NaN, signed zeros."""

    name = "IEEE"

    def variable(self, name: str, dtype: DType) -> Term:
        if dtype == np.bool_:
            return z3.Bool(name)
        if is_float(dtype):
            return z3.FP(name, format_of(dtype).sort)
        return z3.BitVec(name, integer_width(dtype))

    def constant(self, value: Any, dtype: DType) -> Term:
        if dtype == np.bool_:
            return z3.BoolVal(bool(value))
        if is_float(dtype):
            form = format_of(dtype)
            bits = int.from_bytes(np.asarray(value, dtype=dtype).tobytes(), "little")
            return z3.simplify(z3.fpBVToFP(z3.BitVecVal(bits, form.width), form.sort))
        return z3.BitVecVal(int(value), integer_width(dtype))

    def apply(self, operation: str, terms: tuple[Term, ...], dtype: DType) -> Term:
        if dtype.kind in "iu":
            return _integer(self, operation, terms, dtype)
        return super().apply(operation, terms, dtype)

    def cast(self, term: Term, source: DType, target: DType) -> Term:
        if source == target:
            return term
        if target == BFLOAT16 and source not in (BOOL, FLOAT32):  # ml_dtypes rounds twice
            return self.cast(self.cast(term, source, FLOAT32), FLOAT32, target)
        if is_float(source) and is_float(target):
            return z3.fpFPToFP(NEAREST, term, format_of(target).sort)
        if source == np.bool_ and is_float(target):
            return z3.If(term, self.constant(1, target), self.constant(0, target))
        if is_float(target) and source.kind in "iu":
            convert = z3.fpSignedToFP if source.kind == "i" else z3.fpUnsignedToFP
            return convert(NEAREST, term, format_of(target).sort)
        if source.kind in "iu" and target.kind in "iu":
            return _resize(term, integer_width(target), signed=source.kind == "i")
        if (source, target) == (FLOAT64, INT32):
            least, above = (self.constant(bound, FLOAT64) for bound in (-(2.0**31) - 1, 2.0**31))
            current().require(z3.And(z3.fpLT(least, term), z3.fpLT(term, above)))  # else processors differ
            return z3.fpToSBV(TOWARD_ZERO, term, z3.BitVecSort(32))
        raise self.cannot(f"cast from {source}", target)

    def where(self, condition: z3.BoolRef, left: Term, right: Term) -> Term:
        return z3.If(condition, left, right)

    def exact(self, term: Term, dtype: DType) -> Term:
        return Point(term, format_of(dtype))

    # The floating operations: loop dtype in, loop dtype out.
    def do_add(self, a: Term, b: Term, dtype: DType) -> Term:
        return z3.fpAdd(NEAREST, a, b)

    def do_subtract(self, a: Term, b: Term, dtype: DType) -> Term:
        return z3.fpSub(NEAREST, a, b)

    def do_multiply(self, a: Term, b: Term, dtype: DType) -> Term:
        return z3.fpMul(NEAREST, a, b)

    def do_divide(self, a: Term, b: Term, dtype: DType) -> Term:
        return z3.fpDiv(NEAREST, a, b)

    def do_sqrt(self, a: Term, dtype: DType) -> Term:
        return z3.fpSqrt(NEAREST, a)

    def do_square(self, a: Term, dtype: DType) -> Term:
        return z3.fpMul(NEAREST, a, a)

    def do_negative(self, a: Term, dtype: DType) -> Term:
        return z3.fpNeg(a)

    def do_absolute(self, a: Term, dtype: DType) -> Term:
        return z3.fpAbs(a)

    def do_rint(self, a: Term, dtype: DType) -> Term:
        return z3.fpRoundToIntegral(NEAREST, a)

    def do_floor(self, a: Term, dtype: DType) -> Term:
        return z3.fpRoundToIntegral(DOWN, a)

    def do_maximum(self, a: Term, b: Term, dtype: DType) -> Term:
        return _extreme(a, b, z3.fpGT(a, b))

    def do_minimum(self, a: Term, b: Term, dtype: DType) -> Term:
        return _extreme(a, b, z3.fpLT(a, b))

    def do_less(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return z3.fpLT(a, b)

    def do_less_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return z3.fpLEQ(a, b)

    def do_greater(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return z3.fpGT(a, b)

    def do_greater_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return z3.fpGEQ(a, b)

    def do_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return z3.fpEQ(a, b)

    def do_not_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return z3.Not(z3.fpEQ(a, b))

    def do_isfinite(self, a: Term, dtype: DType) -> z3.BoolRef:
        return z3.Not(z3.Or(z3.fpIsNaN(a), z3.fpIsInf(a)))

    def do_isnan(self, a: Term, dtype: DType) -> z3.BoolRef:
        return z3.fpIsNaN(a)

    def do_isinf(self, a: Term, dtype: DType) -> z3.BoolRef:
        return z3.fpIsInf(a)

    def do_signbit(self, a: Term, dtype: DType) -> z3.BoolRef:
        sign = z3.Extract(format_of(dtype).width - 1, format_of(dtype).width - 1, bits_of(a, format_of(dtype)))
        return z3.If(z3.fpIsNaN(a), sign == 1, z3.fpIsNegative(a))

    def do_copysign(self, a: Term, b: Term, dtype: DType) -> Term:
        return z3.If(self.do_signbit(b, dtype), z3.fpNeg(z3.fpAbs(a)), z3.fpAbs(a))

    def do_nextafter(self, a: Term, b: Term, dtype: DType) -> Term:
        form = format_of(dtype)
        bits = bits_of(a, form)
        grow = z3.fpIsNegative(a) == z3.fpLT(b, a)
        moved = z3.fpBVToFP(z3.If(grow, bits + 1, bits - 1), form.sort)
        least = z3.fpBVToFP(z3.BitVecVal(1, form.width), form.sort)
        from_zero = z3.If(z3.fpIsNegative(b), z3.fpNeg(least), least)
        unordered = z3.Or(z3.fpIsNaN(a), z3.fpIsNaN(b))
        equal = a if dtype == FLOAT16 else b  # tells two zeros apart; NumPy has its own code for float16
        return z3.If(
            unordered, z3.fpNaN(form.sort), z3.If(z3.fpEQ(a, b), equal, z3.If(z3.fpIsZero(a), from_zero, moved))
        )

    def do_frexp(self, a: Term, dtype: DType) -> tuple[Term, Term]:
        """Mantissa in [1/2, 1) and int32 exponent; a subnormal is normalised by an exact product first."""
        form = format_of(dtype)
        lift = z3.FPVal(2.0**form.precision, form.sort)
        normal = z3.If(z3.fpIsSubnormal(a), z3.fpMul(NEAREST, a, lift), a)
        bits = bits_of(normal, form)
        fraction_bits = form.precision - 1
        sign, fraction = z3.Extract(form.width - 1, form.width - 1, bits), z3.Extract(fraction_bits - 1, 0, bits)
        exponent_field = z3.Extract(form.width - 2, fraction_bits, bits)
        half = z3.fpBVToFP(z3.Concat(sign, z3.BitVecVal(form.bias - 1, form.exponent_bits), fraction), form.sort)
        shift = z3.If(z3.fpIsSubnormal(a), z3.BitVecVal(form.precision, 32), z3.BitVecVal(0, 32))
        exponent = z3.ZeroExt(32 - form.exponent_bits, exponent_field) - (form.bias - 1) - shift
        special = z3.Or(z3.fpIsZero(a), z3.fpIsInf(a), z3.fpIsNaN(a))
        return z3.If(special, a, half), z3.If(special, z3.BitVecVal(0, 32), exponent)

    def do_ldexp(self, a: Term, exponent: Term, dtype: DType) -> Term:
        """2**exponent; other mantissas than 1 are outside the dialect."""
        form = format_of(dtype)
        if not z3.eq(z3.simplify(a), self.constant(1, dtype)):
            raise self.cannot("ldexp of another mantissa than 1", dtype)
        wide = z3.SignExt(form.width, exponent)
        width = wide.size()
        fraction_bits = form.precision - 1
        normal = z3.Extract(form.width - 1, 0, wide + form.bias) << fraction_bits
        subnormal = z3.BitVecVal(1, form.width) << z3.Extract(form.width - 1, 0, wide - form.least_exponent)
        infinite = z3.BitVecVal(((1 << form.exponent_bits) - 1) << fraction_bits, form.width)
        bits = z3.If(
            wide > z3.BitVecVal(form.bias, width),
            infinite,
            z3.If(
                wide >= z3.BitVecVal(1 - form.bias, width),
                normal,
                z3.If(wide >= z3.BitVecVal(form.least_exponent, width), subnormal, z3.BitVecVal(0, form.width)),
            ),
        )
        return z3.fpBVToFP(bits, form.sort)


def _extreme(a: Term, b: Term, first_wins: z3.BoolRef) -> Term:
    """np.maximum and np.minimum: NaN wins; which of two zeros comes out is not specified."""
    either = z3.Bool(current().fresh("either_zero"))
    first = z3.Or(z3.fpIsNaN(a), z3.And(z3.Not(z3.fpIsNaN(b)), z3.Or(first_wins, z3.And(z3.fpEQ(a, b), either))))
    return z3.If(first, a, b)


def bits_of(term: Term, form: Format) -> z3.BitVecRef:
    """The bit pattern of a float: a fresh bit vector tied to it, for SMT-LIB has no function for it (a NaN has many)."""
    value = z3.simplify(term)
    if z3.is_fp_value(value) and not value.isNaN():
        return z3.simplify(z3.fpToIEEEBV(value))
    path = current()
    key = ("bits", term.get_id())
    if key not in path.memory:
        bits = z3.BitVec(path.fresh("bits"), form.width)
        path.assume(z3.fpBVToFP(bits, form.sort) == term)
        path.memory[key] = (bits, term)
    return path.memory[key][0]


def _resize(term: z3.BitVecRef, width: int, signed: bool) -> z3.BitVecRef:
    more = width - term.size()
    if more <= 0:
        return z3.Extract(width - 1, 0, term)
    return z3.SignExt(more, term) if signed else z3.ZeroExt(more, term)


def _integer(theory: Theory, operation: str, terms: tuple[Term, ...], dtype: DType) -> Term:
    """Integers wrap around, as NumPy's do."""
    signed = dtype.kind == "i"
    match operation, terms:
        case "add", (a, b):
            return a + b
        case "subtract", (a, b):
            return a - b
        case "multiply", (a, b):
            return a * b
        case "negative", (a,):
            return -a
        case "bitwise_and", (a, b):
            return a & b
        case "bitwise_or", (a, b):
            return a | b
        case "bitwise_xor", (a, b):
            return a ^ b
        case "invert", (a,):
            return ~a
        case "left_shift", (a, b):
            return a << b
        case "right_shift", (a, b):
            return a >> b if signed else z3.LShR(a, b)
        case "equal", (a, b):
            return a == b
        case "not_equal", (a, b):
            return a != b
        case "less", (a, b):
            return a < b if signed else z3.ULT(a, b)
        case "less_equal", (a, b):
            return a <= b if signed else z3.ULE(a, b)
        case "greater", (a, b):
            return a > b if signed else z3.UGT(a, b)
        case "greater_equal", (a, b):
            return a >= b if signed else z3.UGE(a, b)
    raise theory.cannot(operation, dtype)


@dataclass(frozen=True)
class Point:
    """The exact value of a float of some format."""

    term: Term
    form: Format

    def in_format(self, form: Format) -> Term:
        """The same value as a term of a format at least as wide."""
        return self.term if form == self.form else z3.fpFPToFP(NEAREST, self.term, form.sort)


@dataclass(frozen=True)
class Total:
    """The exact sum of two floats of one format, rounded only when it is compared, each way toward the safe side."""

    left: Term
    right: Term
    form: Format


class ExactFloats(Theory):
    """Exact values over IEEE floats: products in a format wide enough to hold them, sums compared by directed rounding.

    Every comparison is exact: for a float c, a + b <= c if and only if a + b rounded up is at most c.
    """

    name = "exact values of IEEE floats"

    def constant(self, value: Any, dtype: DType) -> Term:
        fraction = Fraction(value) if not isinstance(value, np.generic) else Fraction(value.item())
        for form in (Format(5, 11), Format(8, 24), Format(11, 53), Format(15, 113)):
            number = z3.simplify(z3.fpRealToFP(NEAREST, z3.Q(fraction.numerator, fraction.denominator), form.sort))
            if not number.isInf() and z3.is_true(
                z3.simplify(z3.fpToReal(number) == z3.Q(fraction.numerator, fraction.denominator))
            ):
                return Point(number, form)
        raise self.cannot(f"the constant {fraction}: no format holds it", None)

    def where(self, condition: z3.BoolRef, left: Term, right: Term) -> Term:
        form = _widest(left, right)
        return Point(z3.If(condition, left.in_format(form), right.in_format(form)), form)

    def do_add(self, a: Term, b: Term, dtype: DType) -> Term:
        if isinstance(a, Total) or isinstance(b, Total):
            raise self.cannot("sums of more than two exact values", None)
        form = _widest(a, b)
        return Total(a.in_format(form), b.in_format(form), form)

    def do_subtract(self, a: Term, b: Term, dtype: DType) -> Term:
        return self.do_add(a, self.do_negative(b, dtype), dtype)

    def do_multiply(self, a: Term, b: Term, dtype: DType) -> Term:
        if isinstance(a, Total) or isinstance(b, Total):
            raise self.cannot("products of exact sums", None)
        form = _widest(a, b)
        if form not in WIDER:
            raise self.cannot("products of exact products: no format holds them", None)
        wide = WIDER[form]
        return Point(z3.fpMul(NEAREST, a.in_format(wide), b.in_format(wide)), wide)

    def do_negative(self, a: Term, dtype: DType) -> Term:
        if isinstance(a, Total):
            return Total(z3.fpNeg(a.left), z3.fpNeg(a.right), a.form)
        return Point(z3.fpNeg(a.term), a.form)

    def do_absolute(self, a: Term, dtype: DType) -> Term:
        if isinstance(a, Total):
            raise self.cannot("magnitudes of exact sums", None)
        return Point(z3.fpAbs(a.term), a.form)

    def do_less_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        low, high = _compared(self, a, b)
        return z3.fpLEQ(low[1], high[0])

    def do_less(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        low, high = _compared(self, a, b)
        return z3.fpLT(low[0], high[1])

    def do_greater_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return self.do_less_equal(b, a, dtype)

    def do_greater(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return self.do_less(b, a, dtype)

    def do_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return z3.And(self.do_less_equal(a, b, dtype), self.do_less_equal(b, a, dtype))

    def do_not_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return z3.Not(self.do_equal(a, b, dtype))


def _widest(*terms: Term) -> Format:
    """The narrowest format that holds the numbers of all: float32 for float16 and bfloat16 together."""
    forms = [term.form for term in terms]
    wide = Format(max(form.exponent_bits for form in forms), max(form.precision for form in forms))
    return wide if wide in forms else Format(8, 24)


def _compared(theory: Theory, a: Term, b: Term) -> tuple[tuple[Term, Term], tuple[Term, Term]]:
    """Both sides as (rounded down, rounded up) in one format; at most one of them a sum, so the comparison is exact."""
    if isinstance(a, Total) and isinstance(b, Total):
        raise theory.cannot("comparisons of two exact sums", None)
    form = _widest(a, b)
    return _both_ways(a, form), _both_ways(b, form)


def _both_ways(term: Term, form: Format) -> tuple[Term, Term]:
    if isinstance(term, Point):
        value = term.in_format(form)
        return value, value
    left, right = Point(term.left, term.form).in_format(form), Point(term.right, term.form).in_format(form)
    return z3.fpAdd(DOWN, left, right), z3.fpAdd(UP, left, right)
