"""The predicates of Adam's contracts tell right from wrong, at the very edge of what they allow."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from reference.adam import AdamState, first_moment, second_moment
from reference.adam_clauses import (
    has_sign,
    is_bounded_mean,
    is_maximum,
    is_mean,
    is_mean_square,
    is_written_out,
    most_mean_square,
)
from reference.optimizer.steps import Stepped

BETA = np.float64(0.5)


def one(x: float, dtype: Any = np.float32) -> Any:
    return np.array([x], dtype)


def moved(x: Any, steps: int) -> Any:
    for _ in range(abs(steps)):
        x = np.nextafter(x, x.dtype.type(np.inf if steps > 0 else -np.inf))
    return x


def test_a_mean_may_be_off_by_three_units() -> None:
    result = first_moment(one(1), one(1), BETA)
    assert result == 1
    for steps, right in (
        (0, True),
        (1, True),
        (2, False),
        (-3, True),
        (-4, False),
    ):  # below 1, floats lie twice as near
        assert is_mean(moved(result, steps), one(1), one(1), BETA).all() == right


def test_a_mean_may_exceed_both_by_four_units() -> None:
    for steps, right in ((0, True), (2, True), (3, False), (-9, True)):
        assert is_bounded_mean(moved(one(1), steps), one(1), one(-1)).all() == right


def test_a_mean_square_may_be_off_by_four_units() -> None:
    result = second_moment(one(1), one(1), BETA)
    assert result == 1
    for steps, right in ((0, True), (2, True), (3, False), (-4, True), (-5, False)):
        assert is_mean_square(moved(result, steps), one(1), one(1), BETA).all() == right


@pytest.mark.parametrize("wrong", [np.inf, np.nan])
def test_what_mathematics_keeps_finite_must_be_finite(wrong: float) -> None:
    large = one(1e18)
    assert not is_mean(one(wrong), one(1), one(1), BETA).any()
    assert not is_mean_square(one(wrong), large, large, BETA).any()
    assert not is_bounded_mean(one(wrong), one(1), one(1)).any()


def test_nothing_is_said_of_what_is_not_finite_or_too_large() -> None:
    huge = one(float(np.finfo(np.float32).max))
    assert is_mean(one(np.inf), huge, huge, BETA).all()
    assert is_bounded_mean(one(np.inf), huge, huge).all()
    assert is_mean_square(one(np.inf), huge, huge, BETA).all()
    for value in (np.nan, np.inf):
        assert is_mean(one(value), one(value), one(1), BETA).all()
        assert is_mean_square(one(value), one(1), one(value), BETA).all()
        assert is_bounded_mean(one(value), one(1), one(value)).all()
    mixed = np.array([np.inf, 1], np.float64), np.array([1e300, 1])
    assert is_mean_square(np.array([np.inf, 1]), *mixed, BETA).all()
    assert not is_mean_square(np.array([np.inf, 2]), *mixed, BETA).all()


def test_the_largest_mean_square_leaves_room_for_rounding() -> None:
    most = most_mean_square(np.dtype(np.float32))
    assert Fraction(float(np.finfo(np.float32).max)) * (1 - Fraction(1, 1 << 19)) < most < np.finfo(np.float32).max


def test_a_maximum_is_one_of_both() -> None:
    x, y = np.array([1.0, 2, np.nan, 0.0]), np.array([3.0, 1, 1, -0.0])
    assert is_maximum(np.maximum(x, y), x, y).all()
    assert list(is_maximum(x, x, y)) == [False, True, True, True]
    assert list(is_maximum(y, x, y)) == [True, False, True, True]
    assert not is_maximum(np.array([4.0]), np.array([1.0]), np.array([3.0])).any()


def test_a_change_has_the_sign_of_its_moment() -> None:
    m, d = np.array([1.0, -1, 0, 1, -1, 1]), np.array([1.0, 1, 1, 1, 1, -1])
    assert list(has_sign(np.array([1.0, -1, 0, -1, 1, -1]), m, d, np.float64(1))) == [
        True,
        True,
        True,
        False,
        False,
        True,
    ]
    assert not has_sign(np.array([1.0]), np.array([0.0]), np.array([1.0]), np.float64(1)).any()


def test_a_step_is_held_to_every_bit() -> None:
    param, zeros = np.array([-0.0, np.nan]), np.zeros(2)
    given = (param, zeros, AdamState(0, zeros, zeros))
    settings = (1e-3, (0.9, 0.999), 1e-8, 0.0)
    kept = Stepped(param, AdamState(1, zeros, zeros))
    assert is_written_out(kept, given, settings, amsgrad=False)
    assert not is_written_out(kept._replace(param=np.array([0.0, np.nan])), given, settings, amsgrad=False)
    assert not is_written_out(kept._replace(param=np.array([-0.0, 0])), given, settings, amsgrad=False)
    assert not is_written_out(kept._replace(param=param.astype(np.float32)), given, settings, amsgrad=False)
    assert not is_written_out(kept._replace(param=param[:1]), given, settings, amsgrad=False)
    assert not is_written_out(Stepped(param, AdamState(1, zeros, zeros, None, zeros)), given, settings, amsgrad=False)
