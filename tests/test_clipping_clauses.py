"""The predicates of the contracts of clipping tell right from wrong, at the very edge of what they allow."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from reference.clipping import NORMS, PowerSum, maximum, sum_of_magnitudes
from reference.clipping_clauses import (
    LEAST_SHRUNK,
    MOST_SHRUNK,
    everywhere,
    is_decided,
    is_full,
    is_largest,
    is_largest_of,
    is_maximum,
    is_norm,
    is_same,
    is_shrink_factor,
    is_sum_of_magnitudes,
    maximum_at_most,
    sum_at_most,
    tight,
    within,
)

LISTS = [[np.array([3.0, -4.0]), np.zeros(0)], [np.array(-0.75, np.float32)], [np.zeros(2, np.float16)], [np.zeros(0)]]
P_NORMS = (1.0, 2.0, np.inf)


def changed(total: PowerSum, **parts: Any) -> PowerSum:
    return total._replace(**{name: np.float64(value) for name, value in parts.items()})


@pytest.mark.parametrize("bound", [7.0, np.float32(7), 7])
def test_a_sum_is_at_most_what_it_equals(bound: Any) -> None:
    assert sum_at_most(LISTS[0], bound, Fraction(1))
    assert not sum_at_most(LISTS[0], bound, 1 - Fraction(1, 1 << 200))


@pytest.mark.parametrize("bound", [4.0, np.float32(4), 4])
def test_a_maximum_is_at_most_what_it_equals(bound: Any) -> None:
    assert maximum_at_most(LISTS[0], bound, Fraction(1))
    assert not maximum_at_most(LISTS[0], bound, 1 - Fraction(1, 1 << 200))


def test_everything_is_at_most_infinity_and_nothing_at_most_any_bound() -> None:
    for at_most in (sum_at_most, maximum_at_most):
        assert at_most(LISTS[0], np.inf, Fraction(1, 2))
        assert at_most([np.zeros(0)], 5e-324, Fraction(1, 2))


@pytest.mark.parametrize("arrays", LISTS)
def test_the_largest_magnitude_is_exact_or_wrong(arrays: list[Any]) -> None:
    right = maximum(arrays)
    assert is_maximum(right, arrays)
    assert not is_maximum(changed(right, value=np.nextafter(right.value, 9)), arrays)
    assert not is_maximum(changed(right, unit=2 * right.unit), arrays) or not right.value
    assert not is_maximum(changed(right, unit=right.unit / 2, value=2 * right.value), arrays) or not right.value
    assert not is_maximum(right._replace(exact=np.bool_(False)), arrays)


def test_a_sum_of_magnitudes_may_be_off_by_its_error_unless_it_says_it_is_exact() -> None:
    arrays = LISTS[0]
    right = sum_of_magnitudes(arrays)
    assert (right.value, right.unit, bool(right.exact)) == (1.75, 4.0, True)
    inexact = right._replace(exact=np.bool_(False))
    most = 1.75 * 2.0**-50
    for error, holds in ((0.0, True), (2.0**-50, True), (-(2.0**-50), True), (2 * most, False), (-2 * most, False)):
        assert is_sum_of_magnitudes(changed(inexact, value=1.75 + error), arrays) is np.bool_(holds)
        assert is_sum_of_magnitudes(changed(right, value=1.75 + error), arrays) is np.bool_(error == 0)
    assert not is_sum_of_magnitudes(changed(right, unit=8.0, value=0.875), arrays)


@pytest.mark.parametrize("p", P_NORMS)
def test_a_norm_may_be_off_by_its_error(p: float) -> None:
    value, unit = np.float64(1), np.float64(2)
    for result, holds in ((2.0, True), (2 + 2.0**-51, True), (2 + 2.0**-49, False), (2 - 2.0**-49, False)):
        assert bool(is_full(np.float64(result), value, unit, NORMS[p])) is holds
    assert is_full(np.float64(np.inf), value, unit, NORMS[p])
    assert is_full(np.float64(5e-324), value, np.float64(2.0**-1040), NORMS[p])


@pytest.mark.parametrize(("p", "right"), [(1.0, 7.0), (2.0, 5.0)])
def test_a_whole_norm_may_be_off_by_twice_that(p: float, right: float) -> None:
    def holds(error: float, grads: list[Any] = LISTS[0]) -> bool:
        return bool(is_norm(np.float64(right * (1 + error)), grads, NORMS[p]))

    assert holds(0.0)
    assert holds(2.0**-51)
    assert not holds(2.0**-49)
    assert not holds(-(2.0**-49))
    assert is_norm(np.float64(np.inf), LISTS[0], NORMS[p])
    assert is_norm(np.float64(0), [np.array([5e-324])], NORMS[p])


@pytest.mark.parametrize("arrays", LISTS)
def test_the_largest_of_all_is_that_very_float(arrays: list[Any]) -> None:
    largest = np.float64(max((float(np.max(np.abs(array))) for array in arrays if array.size), default=0.0))
    assert is_largest_of(largest, arrays)
    assert not is_largest_of(np.nextafter(largest, 9), arrays)
    assert not is_largest_of(np.nextafter(largest, -9), arrays)


@pytest.mark.parametrize("p", P_NORMS)
def test_exact_sums_are_decided_exactly(p: float) -> None:
    norm, ratio = NORMS[p], np.float64(1.25)
    total = PowerSum(norm.power(ratio), np.bool_(True), np.float64(1))
    assert is_decided(np.bool_(True), total, ratio, norm)
    assert not is_decided(np.bool_(False), total, ratio, norm)
    assert is_decided(np.bool_(False), total._replace(exact=np.bool_(False)), ratio, norm)
    long = np.float64(1.25 + 2.0**-50)
    assert bool(is_decided(np.bool_(False), total, long, norm)) is (p == 2)


@pytest.mark.parametrize("p", P_NORMS)
def test_a_factor_lies_within_its_margins(p: float) -> None:
    norm, total, limit = NORMS[p], np.float64(1), np.float64(1)
    for factor, holds in (
        (float(MOST_SHRUNK), True),
        (float(LEAST_SHRUNK), True),
        (float(MOST_SHRUNK) + 2.0**-53, False),
        (float(LEAST_SHRUNK) - 2.0**-53, False),
        (-float(MOST_SHRUNK), False),
    ):
        assert bool(is_shrink_factor(np.float64(factor), total, limit, norm)) is holds


def test_what_is_tight_depends_on_the_dtype() -> None:
    assert tight(np.float16) < 1 - Fraction(1, 1 << 10) < tight(np.float32) < tight(np.float64) < LEAST_SHRUNK**2


def test_clauses_by_element() -> None:
    one, next_one = np.array([1, -1], np.float32), np.nextafter(np.array([1, -1], np.float32), np.float32(0))
    assert everywhere(within, [one], [1.0])
    assert not everywhere(within, [one], [float(next_one[0])])
    assert everywhere(is_same, [one, np.zeros(0)], [one, np.zeros(0)])
    assert not is_same(np.array([0.0]), np.array([-0.0])).any()
    assert not np.any(is_same(one, one.astype(np.float64)))
    assert is_largest(one, 2 * one, 1.0).all()
    assert not is_largest(next_one, 2 * one, 1.0).any()
    assert not is_largest(one, 2 * one, float(next_one[0])).any()
