"""Fidelity of the reference: its functions, run symbolically on constants, give the bits of the NumPy run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from constants import (
    FLOATS,
    FLOATS_AND_BFLOAT16,
    bit_patterns,
    concrete,
    constant,
    from_bits,
    pairs,
    patterns,
    same,
    special,
    symbolically,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import contracts, elementary
from reference.clipping import scale_toward_zero, shrink
from reference.reductions import (
    add,
    divides_exactly,
    fold,
    power_of_two_at_most,
    scale_by,
    squares_exactly,
    tree_sum,
)

FLOAT64 = np.dtype(np.float64)
some = settings(max_examples=50)
powers_of_two = st.integers(-1074, 1023).map(lambda exponent: np.ldexp(np.float64(1), exponent))


def agrees(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether the symbolic run gives what NumPy gives, bit for bit, in every part of the result."""
    with np.errstate(all="ignore"), contracts.level("none"):
        expected = function(*arguments)
    lifted = [
        constant(argument) if isinstance(argument, np.ndarray | np.generic) else argument for argument in arguments
    ]
    with np.errstate(all="ignore"):
        found = symbolically(function, *lifted)
    if isinstance(expected, tuple):
        return all(same(concrete(got), wanted) for got, wanted in zip(found, expected, strict=True))
    return same(concrete(found) if hasattr(found, "theory") else found, expected)


@given(bit_patterns(FLOAT64))
def test_power_of_two_at_most(pattern: int) -> None:
    assert agrees(power_of_two_at_most, from_bits(pattern, FLOAT64)[()])


def test_power_of_two_at_most_at_the_ends_of_the_range() -> None:
    for x in special(FLOAT64):
        assert agrees(power_of_two_at_most, x)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=6), st.integers(-400, 400))
def test_fold(values: list[float], exponent: int) -> None:
    x = np.array(values) * 2.0 ** (exponent - 1)
    assert agrees(fold, x, exponent)
    symbolic_exponent = symbolically(fold, constant(x), constant(np.int32(exponent)))
    for got, wanted in zip(symbolic_exponent, fold(x, exponent), strict=True):
        assert same(concrete(got), wanted)


@some
@given(pairs(FLOAT64))
def test_add(pair: tuple[Any, Any]) -> None:
    assert agrees(add, *pair)


@pytest.mark.parametrize(
    "function", [scale_by, divides_exactly, squares_exactly], ids=lambda function: function.__name__
)
def test_functions_of_a_power_of_two(function: Any) -> None:
    @some
    @given(patterns(FLOAT64, 4), powers_of_two)
    def check(bits: list[int], unit: Any) -> None:
        assert agrees(function, from_bits(bits, FLOAT64), unit)

    check()
    for unit in (np.float64(5e-324), np.float64(1), np.ldexp(np.float64(1), 1023)):
        assert agrees(function, special(FLOAT64), unit)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_tree_sum(dtype: Any) -> None:
    @some
    @given(st.integers(1, 9).flatmap(lambda size: patterns(dtype, size)), st.booleans())
    def check(bits: list[int], in_a_column: bool) -> None:
        x = from_bits(bits, dtype)
        assert agrees(tree_sum, x[:, None] if in_a_column else x)

    check()
    assert agrees(tree_sum, np.arange(6, dtype=dtype).reshape(2, 3).T)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_tree_sum_of_nothing(dtype: Any) -> None:
    assert same(symbolically(tree_sum, constant(np.ones(2, dtype))[:0]), tree_sum(np.zeros(0, dtype)))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_scale_toward_zero(dtype: Any) -> None:
    @some
    @given(patterns(FLOAT64, 4), powers_of_two)
    def check(bits: list[int], unit: Any) -> None:
        assert agrees(scale_toward_zero, from_bits(bits, FLOAT64), unit, dtype)

    check()
    for unit in (np.float64(5e-324), np.float64(1), np.ldexp(np.float64(1), 1023)):
        assert agrees(scale_toward_zero, special(FLOAT64), unit, dtype)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_shrink(dtype: Any) -> None:
    @some
    @given(
        patterns(dtype, 4),
        powers_of_two,
        st.floats(0, 4),
        powers_of_two,
        st.booleans(),
    )
    def check(bits: list[int], unit: Any, factor: float, limit_unit: Any, near: bool) -> None:
        units = (unit, np.float64(factor), unit if near else limit_unit)
        assert agrees(shrink, from_bits(bits, dtype), *units)

    check()
    assert agrees(shrink, special(dtype), np.float64(1), np.float64(1 - 2.0**-48), np.float64(1))


@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
@pytest.mark.parametrize("name", [name for name in elementary.__all__ if name != "pow"])
def test_elementary_functions(name: str, dtype: Any) -> None:
    function = getattr(elementary, name)
    with np.errstate(over="ignore"):
        ordinary = np.array([0.3, -0.71, 5.0, -33.0, 700.0, -740.0, 1e4, 3e7]).astype(dtype)
    few = 4 if dtype == FLOAT64 and name in ("sin", "cos") else 1  # large arguments take many operations
    assert agrees(function, np.concatenate([special(dtype), ordinary])[::few])


@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
def test_pow(dtype: Any) -> None:
    x = np.array([0.3, -7.25, 30.0, np.inf, -0.0, 1e-5, np.nan, 5.0, -2.0]).astype(dtype)
    y = np.array([2.0, 3.0, 0.5, -1.0, -3.0, 1.5, 0.0, -2.5, np.inf]).astype(dtype)
    assert agrees(elementary.pow, x, y)
