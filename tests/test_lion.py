"""Lion beside exact arithmetic, every bit; what bounds it, its settings, its errors."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import oracle
import pytest
from family import LION_OPTIONS
from steps import NARROW, STEPS, WORKING, gradients, run, start

from reference.lion import LionState, lion_state, lion_step, moved


def rounded(x: Fraction, dtype: Any) -> Fraction:
    return Fraction(float(oracle.nearest_float(x, dtype)))


def by_hand(theta: Fraction, grad: Fraction, mean: Fraction, dtype: Any, **settings: Any) -> tuple[Fraction, Fraction]:
    """One step in fractions, each operation rounded to nearest by bisection."""

    def near(x: Fraction) -> Fraction:
        return rounded(x, dtype)

    def average(beta: float) -> Fraction:
        return near(near(near(Fraction(beta)) * mean) + near(near(Fraction(1 - beta)) * grad))

    now, later = settings.get("betas", (0.9, 0.99))
    lr, decay = settings.get("lr", 1e-4), settings.get("weight_decay", 0.0)
    grad = -grad if settings.get("maximize") else grad
    c, shrunk = average(now), near(theta * near(Fraction(1 - lr * decay)))
    sign = (c > 0) - (c < 0)
    return near(shrunk - sign * near(Fraction(lr))), average(later)


@pytest.mark.parametrize("options", LION_OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", WORKING)
def test_every_bit_is_that_of_the_written_order_of_operations(dtype: Any, options: dict[str, Any]) -> None:
    tiny = float(np.finfo(dtype).smallest_subnormal)
    for theta, grad, mean in itertools.product(
        [0.1, -3e7, 0.0, 1e-30], [1.0, -0.3, 0.0, tiny, 1e20], [0.0, -0.9, 1e-9]
    ):
        arrays = [np.array([x], dtype) for x in (theta, grad, mean)]
        after = lion_step(arrays[0], arrays[1], LionState(2, arrays[2]), **options)
        exact = [Fraction(float(array[0])) for array in arrays]
        found = Fraction(float(after.param[0])), Fraction(float(after.state.exp_avg[0]))
        assert found == by_hand(exact[0], exact[1], exact[2], dtype, **options)


@pytest.mark.parametrize("options", LION_OPTIONS, ids=str)
def test_200_steps_by_hand(options: dict[str, Any]) -> None:
    param, grads = start(np.float32, 3), list(gradients(np.float32, STEPS, 3, seed=3))
    theta, mean = [Fraction(float(x)) for x in param], [Fraction(0)] * 3
    for grad, (after, state) in zip(grads, run(lion_step, lion_state(param), param, grads, **options), strict=True):
        pairs = [by_hand(theta[k], Fraction(float(grad[k])), mean[k], np.float32, **options) for k in range(3)]
        theta, mean = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        assert [Fraction(float(x)) for x in after] == theta
        assert [Fraction(float(x)) for x in state.exp_avg] == mean
    assert state.step == STEPS


def test_every_step_has_one_size() -> None:
    param = np.zeros(4)
    after = lion_step(param, np.array([1e-300, -1e300, 0.0, -5e-324]), lion_state(param), lr=0.25)
    assert list(after.param) == [-0.25, 0.25, 0.0, 0.0]  # a tenth of the smallest float is 0, and has no sign


def test_the_step_looks_more_at_this_gradient_than_the_average_will() -> None:
    param, state = np.zeros(1), LionState(0, np.array([1.0]))
    after = lion_step(param, np.array([-10.0]), state, lr=1.0)  # 0.9 - 1 < 0 but 0.99 - 0.1 > 0
    assert after.param[0] == 1
    assert after.state.exp_avg[0] > 0


def test_parameters_stay_within_one_over_the_decay() -> None:
    param, state = np.array([1.5, -2.0]), lion_state(np.zeros(2))
    for grad in gradients(np.float64, 100, 2):
        param, state = lion_step(param, grad, state, lr=0.25, weight_decay=0.5)
        assert np.all(np.abs(param) <= 2 * (1 + 1e-15))


@pytest.mark.parametrize("dtype", [*WORKING, *NARROW])
def test_a_gradient_of_0_leaves_everything_where_it_is(dtype: Any) -> None:
    param = start(dtype)
    for zero in (0.0, -0.0):
        after = lion_step(param, np.full(24, zero, dtype), lion_state(param), lr=0.5)
        assert np.array_equal(after.param, param)
        assert not after.state.exp_avg.any()


def test_nan_goes_through() -> None:
    after = lion_step(np.ones(2), np.array([np.nan, 1.0]), lion_state(np.ones(2)), lr=0.5)
    assert np.isnan(after.param[0])
    assert np.isnan(after.state.exp_avg[0])
    assert after.param[1] == 0.5
    assert np.isnan(moved(np.ones(1), np.array([np.nan]), np.float64(1)))[0]


# Errors.

PARAM = np.ones(2, np.float32)
STATE = lion_state(PARAM)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": -1}, "lr must be finite and at least 0, got -1"),
        ({"betas": 0.9}, "betas must be a pair of numbers, got float"),
        ({"betas": (0.9,)}, "betas must be a pair of numbers, got 1"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\] must be at least 0 and less than 1, got 1.0"),
        ({"weight_decay": np.nan}, "weight_decay must be finite and at least 0, got nan"),
        ({"maximize": 0}, "maximize must be True or False, got int"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        lion_step(PARAM, PARAM, STATE, **settings)


@pytest.mark.parametrize(
    ("grad", "state", "error", "message"),
    [
        (np.ones(3, np.float32), STATE, ValueError, "grad must have the shape of param"),
        (PARAM, None, TypeError, "state must be of the type LionState, as lion_state makes it, got NoneType"),
        (PARAM, LionState(True, PARAM), TypeError, "state.step must be a Python int, got bool"),
        (PARAM, LionState(0, np.ones(2)), TypeError, "state.exp_avg must have the dtype float32, got float64"),
        (PARAM, LionState(0, PARAM, PARAM), ValueError, "state.master must be None"),
    ],
)
def test_bad_arguments_are_named(grad: Any, state: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lion_step(PARAM, grad, state)
