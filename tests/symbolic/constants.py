"""Symbolic arrays made of constants, and the NumPy values that they simplify to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import z3
from hypothesis import strategies as st

from proofs.symbolic.array import SymbolicArray, lift
from proofs.symbolic.formats import BFLOAT16, format_of, is_float
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.paths import Path, on
from reference import contracts

THEORY = IEEE()
FLOATS = [np.dtype(kind) for kind in (np.float16, np.float32, np.float64)]
FLOATS_AND_BFLOAT16 = [*FLOATS, BFLOAT16]
INTEGERS = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]


def from_bits(patterns: Any, dtype: Any) -> Any:
    """An array of floats with these bit patterns."""
    dtype = np.dtype(dtype)
    return np.asarray(patterns, dtype=f"u{dtype.itemsize}").view(dtype)


def special(dtype: Any) -> Any:
    """Both zeros, infinities, NaNs of both signs, the ends of the subnormal and normal ranges, ones and their neighbours."""
    form = format_of(np.dtype(dtype))
    sign = 1 << (form.width - 1)
    infinity = ((1 << form.exponent_bits) - 1) << (form.precision - 1)
    least_normal = 1 << (form.precision - 1)
    one = form.bias << (form.precision - 1)
    quiet = 1 << (form.precision - 2)
    positive = [
        0,
        1,
        3,
        least_normal - 1,
        least_normal,
        one - 1,
        one,
        one + 1,
        infinity - 1,
        infinity,
        infinity + quiet,
    ]
    return from_bits([bits + flip for flip in (0, sign) for bits in positive], dtype)


def patterns(dtype: Any, size: int) -> st.SearchStrategy[list[int]]:
    """Bit patterns of floats: any, small ones, special ones often; in one draw, for one of each costs more than its test."""
    each = np.dtype(dtype).itemsize + 1
    specials = [int(bits) for bits in special(dtype).view(f"u{each - 1}")]

    def pattern(given: bytes) -> int:
        kind, bits = given[0], int.from_bytes(given[1:], "big")
        if kind % 2:
            return specials[bits % len(specials)]
        return bits >> kind % (8 * each - 8) if kind % 4 else bits

    return st.binary(min_size=size * each, max_size=size * each).map(
        lambda drawn: [pattern(drawn[k : k + each]) for k in range(0, size * each, each)]
    )


def bit_patterns(dtype: Any) -> st.SearchStrategy[int]:
    """The bit pattern of one float."""
    return patterns(dtype, 1).map(lambda found: found[0])


def pairs(dtype: Any, size: int = 6) -> st.SearchStrategy[tuple[Any, Any]]:
    """Two arrays of any floats, the second independent of the first or a few floats away from it."""
    modulus = 1 << np.dtype(dtype).itemsize * 8

    def near(drawn: tuple[list[int], bytes]) -> tuple[list[int], list[int]]:
        left, steps = drawn
        return left, [(bits + step % 7 - 3) % modulus for bits, step in zip(left, steps, strict=True)]

    any_two = st.tuples(patterns(dtype, size), patterns(dtype, size))
    neighbours = st.tuples(patterns(dtype, size), st.binary(min_size=size, max_size=size)).map(near)
    return st.one_of(any_two, neighbours).map(lambda two: (from_bits(two[0], dtype), from_bits(two[1], dtype)))


def constant(value: Any) -> SymbolicArray:
    """A NumPy value or Python scalar as a symbolic array of constants."""
    return lift(THEORY, value)


def symbolically(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """What a function gives on a path of its own; contracted functions run without their contracts."""
    with on(Path()), contracts.interpreted(lambda inner, args, kwargs: contracts.bare(inner)(*args, **kwargs)):
        return function(*arguments, **keywords)


def concrete(array: SymbolicArray) -> Any:
    """The NumPy value of a symbolic array whose terms are all decided."""
    (value,) = meanings(array)
    return value


def meanings(array: SymbolicArray) -> Iterator[Any]:
    """The NumPy values of a symbolic array, one for each choice that its theory leaves open by a fresh truth value."""
    terms = [z3.simplify(term) for term in array.elements.ravel()]
    choices = sorted({name for term in terms for name in _open_choices(term)})
    for answers in itertools.product((True, False), repeat=len(choices)):
        chosen = [(z3.Bool(name), z3.BoolVal(answer)) for name, answer in zip(choices, answers, strict=True)]
        decided = [z3.simplify(z3.substitute(term, *chosen)) for term in terms] if chosen else terms
        numbers = [_number(term, array.dtype) for term in decided]
        yield np.array(numbers, dtype=array.dtype).reshape(array.shape)


def number(term: z3.ExprRef, dtype: Any) -> Any:
    """The NumPy number that a term without variables stands for."""
    return _number(z3.simplify(term), dtype)


def _number(value: z3.ExprRef, dtype: Any) -> Any:
    if dtype == np.bool_:
        assert z3.is_true(value) or z3.is_false(value), f"{value} is not decided"
        return z3.is_true(value)
    if not is_float(dtype):
        assert z3.is_bv_value(value), f"{value} is not decided"
        return dtype.type(value.as_signed_long() if dtype.kind == "i" else value.as_long())
    assert z3.is_fp_value(value), f"{value} is not decided"
    if value.isNaN():
        return dtype.type(np.nan)
    return from_bits(z3.simplify(z3.fpToIEEEBV(value)).as_long(), dtype)[()]


def _open_choices(term: z3.ExprRef) -> Iterator[str]:
    """The names of the truth values in a term that is as simple as it gets."""
    pending, seen = [term], set()
    while pending:
        part = pending.pop()
        if part.get_id() in seen:
            continue
        seen.add(part.get_id())
        if z3.is_const(part) and part.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            assert z3.is_bool(part), f"{part} is not decided"
            yield part.decl().name()
        pending += part.children()


def same(got: Any, expected: Any) -> bool:
    """Whether two NumPy values agree in dtype, shape and every bit, all NaNs being one."""
    got, expected = np.asarray(got), np.asarray(expected)
    if got.dtype != expected.dtype or got.shape != expected.shape:
        return False
    if not is_float(got.dtype):
        return bool(np.array_equal(got, expected))
    unsigned = f"u{got.dtype.itemsize}"
    left, right = (np.ascontiguousarray(x).reshape(-1).view(unsigned) for x in (got, expected))
    with np.errstate(invalid="ignore"):  # ml_dtypes warns of comparing NaN
        both_nan = (np.isnan(got) & np.isnan(expected)).reshape(-1)
    return bool(np.all((left == right) | both_nan))
