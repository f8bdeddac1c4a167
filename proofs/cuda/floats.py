"""Floating-point instructions as operations of a theory; whatever does not round to nearest even is a fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import z3

from proofs.cuda.faults import Approximate, Contraction, FlushToZero
from proofs.cuda.integers import number, wrapped
from proofs.cuda.values import FLOAT16, FLOAT32, FLOAT64, Concrete, Float, Value, as_bits, as_float, known, logic
from proofs.symbolic.formats import BFLOAT16, format_of
from proofs.symbolic.ieee import DOWN, NEAREST, TOWARD_ZERO, UP
from proofs.symbolic.theory import DType, Term, Theory

DTYPES = {"f16": FLOAT16, "bf16": BFLOAT16, "f32": FLOAT32, "f64": FLOAT64}
NAMES = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "sqrt": "sqrt",
    "neg": "negative",
    "abs": "absolute",
}
ROUNDED = ("add", "sub", "mul", "div", "sqrt", "rcp")
CONTRACTABLE = ("add", "sub", "mul")
OTHER_ROUNDINGS = {"rz", "rm", "rp"}
APPROXIMATE = ("ex2", "lg2", "sin", "cos", "tanh", "rsqrt")
INTEGRAL = {"rni": (NEAREST, "rint"), "rzi": (TOWARD_ZERO, "trunc"), "rmi": (DOWN, "floor"), "rpi": (UP, "ceil")}


def check(opcode: tuple[str, ...]) -> None:
    """Refuse what is not IEEE 754 arithmetic, rounded to nearest even."""
    root, words, text = opcode[0], set(opcode[1:]), ".".join(opcode)
    if root in ("fma", "mad") and opcode[-1] in DTYPES:
        raise Contraction(f"{text} rounds a product and a sum once")
    if "ftz" in words:
        raise FlushToZero(f"{text} takes subnormals for zero")
    if root in APPROXIMATE or words & {"approx", "full"}:
        raise Approximate(f"{text} is an approximation")
    if root in ROUNDED and words & OTHER_ROUNDINGS:
        raise Approximate(f"{text} does not round to nearest even")
    if root in CONTRACTABLE and opcode[-1] in DTYPES and "rn" not in words:
        raise Contraction(f"{text} may be contracted: it lacks .rn")


def apply(theory: Theory, root: str, dtype: DType, operands: list[Value]) -> Value:
    """An operation on numbers of one dtype."""
    terms = [as_float(theory, operand, dtype) for operand in operands]
    if root == "rcp":
        terms = [theory.constant(1, dtype), *terms]
        root = "div"
    if root in ("min", "max"):
        return Float(_extreme(theory, root, dtype, *terms), dtype)
    if root == "copysign":  # the sign of the first, the magnitude of the second
        return Float(theory.apply("copysign", (terms[1], terms[0]), dtype), dtype)
    return Float(theory.apply(NAMES[root], tuple(terms), dtype), dtype)


def _extreme(theory: Theory, root: str, dtype: DType, a: Term, b: Term) -> Term:
    """PTX: a number wins over NaN, and +0 is greater than -0."""
    relation, zero_wins = ("less", True) if root == "min" else ("greater", False)
    nan = [theory.apply("isnan", (each,), dtype) for each in (a, b)]
    equal = theory.apply("equal", (a, b), dtype)
    negative = theory.apply("signbit", (a,), dtype) if isinstance(theory, Concrete) else z3.fpIsNegative(a)
    first_of_equals = negative if zero_wins else logic("not", known(negative))
    beats = logic(
        "or", known(theory.apply(relation, (a, b), dtype)), logic("and", known(equal), known(first_of_equals))
    )
    takes_first = logic("or", known(nan[1]), beats)
    return _where(theory, logic("and", logic("not", known(nan[0])), takes_first), a, b)


def _where(theory: Theory, condition: Any, left: Term, right: Term) -> Term:
    if isinstance(condition, bool):
        return left if condition else right
    return theory.where(condition, left, right)


def compare(theory: Theory, relation: str, dtype: DType, a: Value, b: Value) -> Any:
    """A comparison; those that end with u hold for NaN too."""
    x, y = as_float(theory, a, dtype), as_float(theory, b, dtype)
    if relation in ("nan", "num"):
        unordered = _is_unordered(theory, dtype, x, y)
        return unordered if relation == "nan" else logic("not", unordered)
    base = relation[:2]
    names = {"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
    found = known(theory.apply(names[base], (x, y), dtype))
    if len(relation) == 3:
        return logic("or", _is_unordered(theory, dtype, x, y), found)
    return logic("and", logic("not", _is_unordered(theory, dtype, x, y)), found) if base == "ne" else found


def _is_unordered(theory: Theory, dtype: DType, x: Term, y: Term) -> Any:
    """Whether one of two numbers is NaN."""
    return logic("or", *(known(theory.apply("isnan", (each,), dtype)) for each in (x, y)))


def test(theory: Theory, kind: str, dtype: DType, a: Value) -> Any:
    """``testp``: what kind of number it is."""
    x = as_float(theory, a, dtype)
    names = {"finite": "isfinite", "infinite": "isinf", "notanumber": "isnan"}
    if kind == "number":
        return logic("not", known(theory.apply("isnan", (x,), dtype)))
    return known(theory.apply(names[kind], (x,), dtype))


def convert(theory: Theory, words: set[str], target: str, source: str, value: Value) -> Value:
    """``cvt`` where one side is a float at least. ``words`` are its roundings."""
    if target in DTYPES and source in DTYPES:
        return _between_floats(theory, words, DTYPES[target], DTYPES[source], value)
    if target in DTYPES:
        return _from_integer(theory, words, DTYPES[target], source[0], int(source[1:]), value)
    return _to_integer(theory, words, target[0], int(target[1:]), DTYPES[source], value)


def _between_floats(theory: Theory, words: set[str], target: DType, source: DType, value: Value) -> Value:
    term = as_float(theory, value, source)
    integral = words & set(INTEGRAL)
    if integral and target == source:
        mode, name = INTEGRAL[integral.pop()]
        if isinstance(theory, Concrete):
            return Float(theory.apply(name, (term,), target), target)
        return Float(z3.fpRoundToIntegral(mode, term), target)
    if integral or words & OTHER_ROUNDINGS or (target.itemsize < source.itemsize and "rn" not in words):
        raise Approximate(f"a conversion from {source} to {target} that does not round to nearest even")
    return Float(theory.cast(term, source, target), target)


def _from_integer(theory: Theory, words: set[str], target: DType, kind: str, width: int, value: Value) -> Value:
    if "rn" not in words:
        raise Approximate(f"a conversion from an integer to {target} that does not round to nearest even")
    bits = as_bits(theory, value, width)
    if isinstance(bits, int):
        whole = np.dtype(f"{'int' if kind == 's' else 'uint'}{width}").type(number(bits, kind, width))
        return Float(theory.constant(whole.astype(target), target), target)
    make = z3.fpSignedToFP if kind == "s" else z3.fpUnsignedToFP
    return Float(make(NEAREST, bits, format_of(target).sort), target)


def _to_integer(theory: Theory, words: set[str], kind: str, width: int, source: DType, value: Value) -> Value:
    """Out of range, the nearest integer of the type; NaN is 0."""
    mode, name = INTEGRAL[next(iter(words & set(INTEGRAL)))]
    term = as_float(theory, value, source)
    least, most = (-(1 << width - 1), (1 << width - 1) - 1) if kind == "s" else (0, (1 << width) - 1)
    if isinstance(theory, Concrete):
        rounded = float(getattr(np, name)(np.float64(term)))
        whole = 0 if np.isnan(rounded) else most if rounded > most else least if rounded < least else int(rounded)
        return wrapped(whole, width)
    rounded = z3.fpRoundToIntegral(mode, term)
    low, high = (theory.constant(float(bound), source) for bound in (least, most + 1))
    inside = (z3.fpToSBV if kind == "s" else z3.fpToUBV)(mode, term, z3.BitVecSort(width))
    below, above = z3.fpLT(rounded, low), z3.fpGEQ(rounded, high)
    return z3.If(
        z3.fpIsNaN(term),
        z3.BitVecVal(0, width),
        z3.If(above, z3.BitVecVal(most, width), z3.If(below, z3.BitVecVal(least, width), inside)),
    )


__all__ = ["DTYPES", "apply", "check", "compare", "convert", "test"]
