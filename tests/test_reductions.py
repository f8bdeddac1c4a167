"""Sums against exact arithmetic, and the same bits in every order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import DTYPES, arrays, finite_floats

from reference.contracts import level
from reference.reductions import (
    BLOCK,
    add,
    fold,
    fold_exponents,
    largest_magnitude,
    power_of_two_at_most,
    reproducible_sum,
    scale_by,
    sum_of_squares,
    tree_sum,
)

SUM_ERROR = Fraction(1, 1 << 50)
TINY = Fraction(1, 1 << 1075)


def fraction(x: Any) -> Fraction:
    return Fraction(float(x))


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_power_of_two_at_most(x: float) -> None:
    found = fraction(power_of_two_at_most(np.float64(x)))
    assert found <= Fraction(x) < 2 * found
    numerator, denominator = found.as_integer_ratio()
    assert numerator & (numerator - 1) == 0
    assert denominator & (denominator - 1) == 0


@pytest.mark.parametrize("x", [0.0, -1.0, np.inf, np.nan])
def test_power_of_two_at_most_refuses(x: float) -> None:
    with pytest.raises(ValueError, match=rf"^x must be finite and positive, got {x}$"):
        power_of_two_at_most(np.float64(x))


@given(arrays())
def test_largest_magnitude(data: list[Any]) -> None:
    assert fraction(largest_magnitude(data)) == oracle.powered_norm(data, np.inf)


@given(st.sampled_from(DTYPES).flatmap(lambda dtype: st.tuples(st.just(dtype), st.lists(finite_floats(dtype)))))
def test_tree_sum_adds_in_its_written_order(drawn: tuple[Any, list[float]]) -> None:
    dtype, values = drawn
    x = np.array(values, dtype) / dtype(1 + len(values))  # no overflow
    found = tree_sum(x)
    assert found.dtype == dtype
    assert fraction(found) == oracle.tree_total(x, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 33])
def test_tree_sum_at_every_shape_of_tree(dtype: Any, size: int) -> None:
    x = np.random.default_rng(size).standard_normal(size).astype(dtype)
    assert fraction(tree_sum(x)) == oracle.tree_total(x, dtype)


def test_tree_sum_takes_the_c_order_of_any_layout() -> None:
    x = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    for view in (np.asfortranarray(x), x.T.copy().T, np.repeat(x, 2, axis=1)[:, ::2]):
        assert oracle.same_bits(tree_sum(view), tree_sum(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [3, 1000, 4097])
def test_tree_sum_keeps_its_error_bound(dtype: Any, size: int) -> None:
    x = np.random.default_rng(1).standard_normal(size).astype(dtype)
    depth = (size - 1).bit_length()
    bound = (1 + fraction(np.finfo(dtype).eps) / 2) ** depth - 1
    assert abs(fraction(tree_sum(x)) - oracle.total([x])) <= bound * oracle.total_of_magnitudes([x])


def test_tree_sum_lets_infinities_and_nan_through() -> None:
    assert tree_sum(np.array([1.0, np.inf, 2.0])) == np.inf
    assert np.isnan(tree_sum(np.array([1.0, np.nan])))


@given(st.integers(-400, 400), st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=8))
def test_fold_splits_without_error(exponent: int, fractions: list[float]) -> None:
    x = np.ldexp(np.array(fractions), exponent)
    high, low = fold(x, exponent)
    for whole, coarse, rest in zip(x, high, low, strict=True):
        assert fraction(coarse) + fraction(rest) == fraction(whole)
        assert abs(fraction(rest)) <= Fraction(2) ** (exponent - 53)
        assert (fraction(coarse) / Fraction(2) ** (exponent - 52)).denominator == 1


def test_fold_refuses_what_is_too_large_for_its_grid() -> None:
    fold(np.array([-4.0]), 3)
    with pytest.raises(ValueError, match=r"^x must lie within ±2\*\*2$"):
        fold(np.array([np.nextafter(4.0, 5.0)]), 3)


@pytest.mark.parametrize("exponent", [-401, 401])
def test_fold_refuses_grids_near_the_ends_of_the_range(exponent: int) -> None:
    with pytest.raises(ValueError, match=rf"^exponent must lie within ±400, got {exponent}$"):
        fold(np.array([0.0]), exponent)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 1000, 1 << 20, 1 << 40])
def test_fold_exponents_leave_room_for_every_exact_sum(count: int) -> None:
    bound = 2
    rest = bound
    for exponent in fold_exponents(count, bound):
        assert exponent >= rest + 1  # a term fits its grid
        assert count * Fraction(2) ** rest <= Fraction(2) ** exponent  # all pieces together: 53 bits of the grid's unit
        rest = exponent - 53
    assert count * Fraction(2) ** rest <= Fraction(2) ** (bound - 62)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_add_is_exact_only_if_it_is(a: float, b: float) -> None:
    with np.errstate(over="ignore"):
        value, exact = add(np.float64(a), np.float64(b))
    assert not exact or fraction(value) == Fraction(a) + Fraction(b)
    with np.errstate(over="ignore"):
        assert add(np.float64(a), np.float64(0)) == (a, True)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-1074, 1023))
def test_scale_by_is_exact_only_if_it_is(x: float, exponent: int) -> None:
    value, exact = scale_by(np.float64(x), np.ldexp(np.float64(1), exponent))
    true = Fraction(x) * Fraction(2) ** exponent
    assert bool(exact) == (bool(np.isfinite(value)) and fraction(value) == true)


@given(arrays())
def test_reproducible_sum_is_near_the_exact_sum(data: list[Any]) -> None:
    value, exact = reproducible_sum(data)
    if np.isfinite(value):
        error = abs(fraction(value) - oracle.total(data))
        assert error <= SUM_ERROR * oracle.total_of_magnitudes(data) + TINY
        assert not exact or error == 0
    else:
        assert not exact
        assert oracle.total_of_magnitudes(data) > fraction(np.finfo(np.float64).max) * (1 - SUM_ERROR)


@given(arrays())
def test_sum_of_squares_is_near_the_exact_sum(data: list[Any]) -> None:
    value, exact, unit = sum_of_squares(data)
    true = oracle.powered_norm(data)
    found = fraction(value) * fraction(unit) ** 2
    assert abs(found - true) <= SUM_ERROR * true
    assert not exact or found == true


@pytest.mark.parametrize("small", [2.0**-500, 2.0**-600, 5e-324])
@pytest.mark.parametrize("function", [reproducible_sum, sum_of_squares])
def test_what_vanishes_beside_the_largest_makes_a_sum_inexact(function: Callable[..., Any], small: float) -> None:
    assert function([np.array([2.0**600, 0.0])]).exact
    assert not function([np.array([2.0**600, small])]).exact


@pytest.mark.parametrize("dtype", DTYPES)
def test_short_sums_are_known_to_be_exact(dtype: Any) -> None:
    data = [np.array([3], dtype), np.array([[4, 12]], dtype)]
    assert reproducible_sum(data) == (19, True)
    value, exact, unit = sum_of_squares(data)
    assert (value * unit * unit, bool(exact)) == (169, True)


@pytest.mark.parametrize("function", [reproducible_sum, sum_of_squares])
@pytest.mark.parametrize("data", [[np.zeros(0)], [np.zeros(0), np.zeros((2, 0))], [np.array([0.0, -0.0])]])
def test_the_sum_of_nothing_is_an_exact_zero(function: Callable[..., Any], data: list[Any]) -> None:
    assert function(data).value == 0
    assert function(data).exact


def regroupings(data: list[Any], rng: np.random.Generator) -> list[list[Any]]:
    """The same elements in other orders and other arrays."""
    flat = np.concatenate([np.ravel(array) for array in data])
    shuffled = rng.permutation(flat)
    cuts = np.sort(rng.integers(0, flat.size + 1, 3))
    return [list(reversed(data)), [flat], [flat[::-1]], [shuffled], np.split(shuffled, cuts), [*data, flat[:0]]]


def assert_order_never_matters(data: Sequence[Any], rng: np.random.Generator) -> None:
    for function in (reproducible_sum, sum_of_squares):
        expected = np.array([float(part) for part in function(data)])
        for other in regroupings(list(data), rng):
            assert np.array([float(part) for part in function(other)]).tobytes() == expected.tobytes()


@given(arrays(), st.integers(0, 1 << 32))
def test_neither_order_nor_grouping_changes_a_bit(data: list[Any], seed: int) -> None:
    assert_order_never_matters(data, np.random.default_rng(seed))


@pytest.mark.parametrize("dtype", DTYPES)
def test_neither_order_nor_grouping_changes_a_bit_beyond_a_block(dtype: Any) -> None:
    rng = np.random.default_rng(5)
    wide = rng.standard_normal(2 * BLOCK + 3) * np.exp(rng.uniform(-8, 8, 2 * BLOCK + 3))
    with level("preconditions"):  # the clauses' fractions would take minutes
        assert_order_never_matters([wide[:7].astype(dtype), wide[7:].astype(dtype)], rng)


def test_a_large_sum_of_squares_is_near_the_exact_one() -> None:
    x = np.random.default_rng(6).standard_normal(BLOCK + 1).astype(np.float32)
    with level("preconditions"):
        value, _, unit = sum_of_squares([x])
    true = oracle.powered_norm([x])
    assert abs(fraction(value) * fraction(unit) ** 2 - true) <= SUM_ERROR * true


def test_squares_neither_overflow_nor_underflow() -> None:
    for x in (np.float16(300), np.float32(1e19), np.float64(1e200), np.float32(1e-30), np.float64(5e-324)):
        value, _, unit = sum_of_squares([np.array([x, x])])
        true = 2 * fraction(x) ** 2
        assert abs(fraction(value) * fraction(unit) ** 2 - true) <= SUM_ERROR * true


def test_inputs_are_not_written_into() -> None:
    x = np.array([3.0, -4.0, 1e-300])
    before = x.copy()
    for result in (tree_sum(x), reproducible_sum([x]), sum_of_squares([x])):
        assert result is not None
        assert oracle.same_bits(x, before)


@pytest.mark.parametrize("function", [reproducible_sum, sum_of_squares])
@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (np.ones(2), TypeError, "arrays must be a list or tuple of arrays, got ndarray"),
        ((), ValueError, "arrays must hold at least one array, got an empty tuple"),
        ([np.ones(2), 1.0], TypeError, "arrays[1] must be an array of float16, float32 or float64, got float"),
        ([np.ones(1), np.array([1.0, np.inf])], ValueError, "arrays[1][1] must be finite, got inf"),
    ],
)
def test_bad_arguments_are_named(function: Callable[..., Any], data: Any, error: type, message: str) -> None:
    with pytest.raises(error) as caught:
        function(data)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("x", "found"), [([1.0], "list"), (np.arange(3), "dtype int64"), (np.ones(1, complex), "dtype complex128")]
)
def test_tree_sum_names_a_bad_argument(x: Any, found: str) -> None:
    with pytest.raises(TypeError) as caught:
        tree_sum(x)
    assert str(caught.value) == f"x must be an array of float16, float32 or float64, got {found}"


def test_a_third_fold_counts() -> None:
    terms = np.zeros(BLOCK + 2)
    terms[:3] = 1, -1, 2.0**-80
    with level("preconditions"):
        assert len(fold_exponents(terms.size, 1)) == 3
        assert reproducible_sum([terms]) == (2.0**-80, True)
