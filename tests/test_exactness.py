"""The exact predicates on cases worked out by hand, true and false ones."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from reference.exactness import (
    exact,
    exact_sum,
    exact_sum_of_magnitudes,
    exact_sum_of_squares,
    is_multiple,
    is_power_of_two,
    norm_at_most,
    rounds_toward_zero,
    same_bits,
)

DTYPES = (np.float16, np.float32, np.float64)


def test_exact_is_the_number_that_the_float_stands_for() -> None:
    assert exact(np.float64(0.1)) == Fraction(3602879701896397, 36028797018963968)
    assert exact(np.float32(0.1)) == Fraction(13421773, 134217728)
    assert exact(np.float64(5e-324)) == Fraction(1, 1 << 1074)


def test_exact_keeps_the_shape() -> None:
    found = exact(np.array([[0.5, 2.0], [-1.0, 0.0]]))
    assert found.shape == (2, 2)
    assert found.tolist() == [[Fraction(1, 2), 2], [-1, 0]]
    assert exact(np.zeros((0, 3))).shape == (0, 3)


def test_exact_sums_make_no_rounding_error() -> None:
    arrays = [np.array([1e300, -5e-324]), np.array(-1e300), np.zeros((0,))]
    assert exact_sum(arrays) == -Fraction(1, 1 << 1074)
    assert exact_sum_of_magnitudes(arrays) == 2 * Fraction(1e300) + Fraction(1, 1 << 1074)
    assert exact_sum_of_squares(arrays) == 2 * Fraction(1e300) ** 2 + Fraction(1, 1 << 2148)
    assert exact_sum([]) == exact_sum_of_magnitudes([]) == exact_sum_of_squares([]) == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_norm_at_most_decides_equality_and_the_next_float(dtype: Any) -> None:
    grads = [np.array([3], dtype), np.array([[4]], dtype)]
    assert norm_at_most(grads, 5.0)
    assert not norm_at_most(grads, np.nextafter(5.0, 0.0))
    assert norm_at_most(grads, np.inf)
    assert norm_at_most(grads, 10.0, Fraction(1, 2))
    assert not norm_at_most(grads, 10.0, Fraction(1, 2) - Fraction(1, 1 << 200))


def test_norm_at_most_sees_what_float64_drops() -> None:
    assert not norm_at_most([np.array([1, 2.0**-30], np.float32)], 1.0)
    assert not norm_at_most([np.array([2.0**600, 2.0**-500])], 2.0**600)
    assert norm_at_most([np.array([2.0**600, 0.0])], 2.0**600)
    assert not norm_at_most([np.array([5e-324, 5e-324])], 5e-324)


def test_norm_at_most_can_be_negated_in_a_clause() -> None:
    held, broken = norm_at_most([np.ones(1)], 2.0), norm_at_most([np.ones(1)], 0.5)
    assert not np.logical_not(held)
    assert np.logical_not(broken)


@pytest.mark.parametrize("dtype", DTYPES)
def test_is_power_of_two(dtype: Any) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    assert is_power_of_two(np.array([1, 0.5, 1024, tiny, 4 * tiny], dtype))
    for x in (3, 0, -2, 1 + np.finfo(dtype).eps, 3 * tiny, np.inf, np.nan):
        assert not is_power_of_two(dtype(x))
        assert not is_power_of_two(np.array([1, x], dtype))


def test_is_multiple() -> None:
    assert is_multiple(np.array([0.75, -1.0, 0.0]), -2)
    assert not is_multiple(np.array([0.75, 0.125]), -2)
    assert is_multiple(np.array([8.0, 24.0]), 3)
    assert not is_multiple(np.array([8.0, 12.0]), 3)
    assert is_multiple(np.float64(5e-324), -1074)
    assert not is_multiple(np.float64(5e-324), -1073)


def test_same_bits_tells_signs_dtypes_and_shapes_apart() -> None:
    x = np.array([1.0, -0.0, 5e-324])
    assert same_bits(x, x.copy())
    assert same_bits(x[::2], np.array([1.0, 5e-324]))
    assert not same_bits(x, np.array([1.0, 0.0, 5e-324]))
    assert not same_bits(x, np.array([1.0, -0.0, 1e-323]))
    assert not same_bits(x.astype(np.float32), x)
    assert not same_bits(x.reshape(3, 1), x)


def test_same_bits_compares_lists_of_arrays_of_different_shapes_one_by_one() -> None:
    x = [np.ones(2), np.zeros((1, 3)), np.zeros(0)]
    assert same_bits(x, [array.copy() for array in x])
    assert not same_bits(x, [np.ones(2), -np.zeros((1, 3)), np.zeros(0)])
    assert not same_bits([np.ones(2)], [np.ones(2, np.float32)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_rounds_toward_zero(dtype: Any) -> None:
    below, above = dtype(1), np.nextafter(dtype(1), dtype(2))
    between = np.array([1 + np.finfo(np.float64).eps / 2 if dtype is np.float64 else 1 + 2.0**-40])
    unit = np.float64(1)
    if dtype is not np.float64:
        assert rounds_toward_zero(np.array([below]), between, unit)
        assert rounds_toward_zero(np.array([-below]), -between, unit)
        assert not rounds_toward_zero(np.array([above]), between, unit)
    assert not rounds_toward_zero(np.array([np.nextafter(below, dtype(0))]), between, unit)
    assert not rounds_toward_zero(np.array([-below]), between, unit)
    assert rounds_toward_zero(np.array([below]), np.array([0.25]), np.float64(4))


def test_rounds_toward_zero_at_the_ends_of_the_range() -> None:
    one = np.float64(1)
    assert rounds_toward_zero(np.array([-0.0], np.float32), np.array([-1e-60]), one)
    assert not rounds_toward_zero(np.array([0.0], np.float32), np.array([-1e-60]), one)
    assert rounds_toward_zero(np.array([np.finfo(np.float32).max]), np.array([1e60]), one)
    assert not rounds_toward_zero(np.array([1e38], np.float32), np.array([1e60]), one)


def test_a_predicate_lets_its_arguments_answer() -> None:
    class Symbolic:
        def __predicate__(self, name: str, args: tuple[Any, ...]) -> str:
            return f"{name} of {len(args)}"

    assert exact(Symbolic()) == "exact of 1"
    assert norm_at_most([np.ones(1), Symbolic()], 1.0) == "norm_at_most of 2"
    assert is_multiple(Symbolic(), 3) == "is_multiple of 2"
    assert same_bits([np.ones(1)], [Symbolic()]) == "same_bits of 2"
