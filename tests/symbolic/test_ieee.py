"""Fidelity of the theory IEEE: on constants, NumPy's operations give NumPy's bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import z3
from constants import (
    FLOATS,
    FLOATS_AND_BFLOAT16,
    INTEGERS,
    THEORY,
    concrete,
    constant,
    from_bits,
    meanings,
    pairs,
    patterns,
    same,
    special,
    symbolically,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.symbolic.formats import BFLOAT16
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.paths import Path, on
from proofs.symbolic.theory import Unsupported

UNARY = [
    np.positive,
    np.negative,
    np.absolute,
    np.fabs,
    np.sqrt,
    np.square,
    np.rint,
    np.floor,
    np.isfinite,
    np.isnan,
    np.isinf,
]
BINARY = [
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.equal,
    np.not_equal,
    np.nextafter,
]
EXTREMES = [np.maximum, np.minimum]
OF_SIGNS = [np.signbit, np.copysign]
PARTS = [np.frexp, np.ldexp]
INTEGER_OPERATIONS = [
    np.add,
    np.subtract,
    np.multiply,
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.left_shift,
    np.right_shift,
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
]
LOGICAL = [
    np.logical_and,
    np.logical_or,
    np.logical_xor,
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.equal,
    np.not_equal,
]

some = settings(max_examples=40)


def name_of(value: Any) -> str:
    return getattr(value, "__name__", str(value))


def numpy_says(function: Any, *arguments: Any) -> Any:
    with np.errstate(all="ignore"):
        return function(*arguments)


def agrees(function: Any, *arguments: Any) -> bool:
    """Whether the symbolic run gives NumPy's bits, or NumPy's bits are among those that the theory leaves open."""
    expected = numpy_says(function, *arguments)
    found = symbolically(function, *(constant(argument) for argument in arguments))
    if isinstance(expected, tuple):
        return all(same(concrete(part), wanted) for part, wanted in zip(found, expected, strict=True))
    return same(concrete(found), expected)


def test_every_operation_of_the_theory_is_tested_here() -> None:
    tested = {function.__name__ for function in (*UNARY, *BINARY, *EXTREMES, *OF_SIGNS, *PARTS)}
    assert {name.removeprefix("do_") for name in dir(IEEE) if name.startswith("do_")} <= tested


@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
@pytest.mark.parametrize("function", UNARY, ids=name_of)
def test_unary_operations(function: Any, dtype: Any) -> None:
    if function is np.fabs and dtype == BFLOAT16:
        pytest.skip("ml_dtypes has no loop of fabs for bfloat16")

    @some
    @given(patterns(dtype, 6))
    def check(bits: list[int]) -> None:
        assert agrees(function, from_bits(bits, dtype))

    check()
    assert agrees(function, special(dtype))


@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
@pytest.mark.parametrize("function", BINARY, ids=name_of)
def test_binary_operations(function: Any, dtype: Any) -> None:
    @some
    @given(pairs(dtype))
    def check(pair: tuple[Any, Any]) -> None:
        assert agrees(function, *pair)

    check()
    assert agrees(function, special(dtype)[:, None], special(dtype)[None, :])


@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
@pytest.mark.parametrize("function", EXTREMES, ids=name_of)
def test_extremes_of_all_but_two_zeros(function: Any, dtype: Any) -> None:
    @some
    @given(pairs(dtype))
    def check(pair: tuple[Any, Any]) -> None:
        x, y = pair
        with np.errstate(invalid="ignore"):
            differ = (x != 0) | (y != 0) | (np.signbit(x) == np.signbit(y))
        assert agrees(function, x[differ], y[differ])

    check()


@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
@pytest.mark.parametrize("function", EXTREMES, ids=name_of)
def test_the_extreme_of_two_zeros_may_be_either(function: Any, dtype: Any) -> None:
    zero = dtype.type(0)
    found = list(meanings(symbolically(function, constant(zero), constant(-zero))))
    assert len(found) == 2
    assert any(same(value, zero) for value in found) and any(same(value, -zero) for value in found)


@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
@pytest.mark.parametrize("function", OF_SIGNS, ids=name_of)
def test_signs_of_all_but_nan(function: Any, dtype: Any) -> None:
    @some
    @given(pairs(dtype))
    def check(pair: tuple[Any, Any]) -> None:
        x, y = pair
        with np.errstate(invalid="ignore"):
            known = ~np.isnan(y)
        assert agrees(function, *((x[known], y[known]) if function is np.copysign else (y[known],)))

    check()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_sign_of_nan_is_left_open(dtype: Any) -> None:
    nan = constant(dtype.type(np.nan))
    with pytest.raises(AssertionError, match="not decided"):
        concrete(symbolically(np.signbit, nan))
    with pytest.raises(AssertionError, match="not decided"):
        concrete(symbolically(np.copysign, constant(dtype.type(1)), nan))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_frexp(dtype: Any) -> None:
    @given(patterns(dtype, 6))
    def check(bits: list[int]) -> None:
        assert agrees(np.frexp, from_bits(bits, dtype))

    check()
    assert agrees(np.frexp, special(dtype))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("integer", [np.dtype(np.int32), np.dtype(np.int64)], ids=str)
def test_ldexp_of_one_gives_every_power_of_two(dtype: Any, integer: Any) -> None:
    exponents = np.array([*range(-1100, 1101), np.iinfo(np.int32).min, np.iinfo(np.int32).max], integer)
    assert agrees(np.ldexp, dtype.type(1), exponents)


def test_ldexp_of_another_mantissa_is_refused() -> None:
    with pytest.raises(Unsupported, match="ldexp of another mantissa than 1"):
        symbolically(np.ldexp, constant(np.float64(3)), constant(np.int32(1)))


@pytest.mark.parametrize("dtype", [np.dtype(np.int32), np.dtype(np.int64)], ids=str)
def test_two_to_an_integer(dtype: Any) -> None:
    exponents = np.arange(-1080, 1025, dtype=dtype)
    assert same(concrete(symbolically(lambda k: 2.0**k, constant(exponents))), numpy_says(lambda k: 2.0**k, exponents))


@pytest.mark.parametrize("base", [2, 3.0, np.float32(2)], ids=repr)
def test_other_powers_are_refused(base: Any) -> None:
    with pytest.raises(Unsupported, match=r"only 2\.0"):
        symbolically(lambda k: base**k, constant(np.arange(3, dtype=np.int32)))


@pytest.mark.parametrize("target", FLOATS_AND_BFLOAT16, ids=str)
@pytest.mark.parametrize("source", FLOATS_AND_BFLOAT16, ids=str)
def test_casts_between_floats(source: Any, target: Any) -> None:
    def cast(x: Any) -> Any:
        return x.astype(target)

    @some
    @given(patterns(source, 6))
    def check(bits: list[int]) -> None:
        assert agrees(cast, from_bits(bits, source))

    check()
    assert agrees(cast, special(source))
    assert agrees(cast, halfway(source, target))


def halfway(source: Any, target: Any) -> Any:
    """Values at, just below and just above the middle between two floats of the target, as far as the source has them."""
    one = special(target)[6:8].astype(np.float64)
    middle = one.mean().astype(source)
    values = [np.nextafter(middle, source.type(0)), middle, np.nextafter(middle, source.type(2))]
    return np.array([*values, *(-value for value in values)], dtype=source)


@pytest.mark.parametrize("target", FLOATS_AND_BFLOAT16, ids=str)
@pytest.mark.parametrize("source", INTEGERS, ids=str)
def test_casts_from_integers_to_floats(source: Any, target: Any) -> None:
    info = np.iinfo(source)

    @some
    @given(st.lists(st.integers(int(info.min), int(info.max)), min_size=4, max_size=4))
    def check(values: list[int]) -> None:
        assert agrees(lambda x: x.astype(target), np.array(values, dtype=source))

    check()
    near_ties = [k for k in ((1 << 24) + (1 << 16) + 1, (1 << 62) + (1 << 38) + 1) if k <= info.max]
    assert agrees(lambda x: x.astype(target), np.array([info.min, 0, 1, info.max, *near_ties], dtype=source))


@pytest.mark.parametrize("target", INTEGERS, ids=str)
@pytest.mark.parametrize("source", INTEGERS, ids=str)
def test_casts_between_integers_wrap_around(source: Any, target: Any) -> None:
    info = np.iinfo(source)
    values = np.array([info.min, info.min + 1, 0, 1, 5, info.max - 1, info.max], dtype=source)
    assert agrees(lambda x: x.astype(target), values)


@pytest.mark.parametrize("target", FLOATS_AND_BFLOAT16, ids=str)
def test_casts_from_truth_values(target: Any) -> None:
    assert agrees(lambda x: x.astype(target), np.array([True, False]))


@some
@given(st.lists(st.floats(-(2.0**31) - 1, 2.0**31, exclude_min=True, exclude_max=True), min_size=4, max_size=4))
def test_a_cast_from_float64_to_int32_truncates(values: list[float]) -> None:
    assert agrees(lambda x: x.astype(np.int32), np.array(values))


@pytest.mark.parametrize("value", [2.0**31, -(2.0**31) - 1, np.inf, np.nan])
def test_a_cast_to_int32_owes_that_the_number_fits(value: float) -> None:
    with on(Path()) as path:
        constant(np.float64(value)).astype(np.int32)
        (duty,) = (condition for _, condition in path.routine)
    assert z3.is_false(z3.simplify(duty))


@pytest.mark.parametrize("target", [np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.bool_)], ids=str)
def test_casts_from_floats_to_anything_else_are_refused(target: Any) -> None:
    with pytest.raises(Unsupported, match="cast from float32"):
        constant(np.float32(1)).astype(target)


@pytest.mark.parametrize("function", LOGICAL, ids=name_of)
def test_logic(function: Any) -> None:
    truth = np.array([True, False])
    assert agrees(function, truth[:, None], truth[None, :])


@pytest.mark.parametrize("function", [np.logical_not, np.invert], ids=name_of)
def test_negation(function: Any) -> None:
    assert agrees(function, np.array([True, False]))


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("function", INTEGER_OPERATIONS, ids=name_of)
def test_integers_wrap_around(function: Any, dtype: Any) -> None:
    info = np.iinfo(dtype)
    values = np.array([info.min, info.min + 1, 0, 1, 2, 7, 8, 31, 63, info.max - 1, info.max], dtype=dtype)
    assert agrees(function, values[:, None], values[None, :])


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("function", [np.negative, np.invert], ids=name_of)
def test_unary_operations_on_integers(function: Any, dtype: Any) -> None:
    info = np.iinfo(dtype)
    assert agrees(function, np.array([info.min, 0, 1, info.max], dtype=dtype))


@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
def test_a_constant_keeps_its_bits(dtype: Any) -> None:
    assert same(concrete(constant(special(dtype))), special(dtype))
    assert THEORY.name == "IEEE"
