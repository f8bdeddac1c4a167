"""RMSprop beside its textbook form and beside torch; its variance, its settings, its errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import balls
import numpy as np
import pytest
from family import RMSPROP_OPTIONS
from steps import NARROW, STEPS, WORKING, gradients, run, start, torch_steps

from reference.contracts import level
from reference.rmsprop import RMSpropState, denominator, rmsprop_state, rmsprop_step, variance

Balls = tuple[balls.Ball, balls.Ball, balls.Ball | None, balls.Ball | None]


def in_balls(param: Any, grads: Any, **settings: Any) -> Iterator[Balls]:
    """The recurrence, with a bound on what rounding and fusing can do to it."""
    alpha, momentum, decay = (
        settings.get("alpha", 0.99),
        settings.get("momentum", 0.0),
        settings.get("weight_decay", 0.0),
    )
    zero = balls.exactly(np.zeros(param.shape), param.dtype)
    theta, square, mean, buffer = balls.exactly(param, param.dtype), zero, zero, zero
    for grad in grads:
        g = balls.exactly(-grad if settings.get("maximize") else grad, param.dtype)
        if decay:
            g = g + theta * decay
        square = square * alpha + g * (1 - alpha) * g
        mean = mean * alpha + g * (1 - alpha)
        spread = square - mean * mean if settings.get("centered") else square
        u = g / (spread.sqrt() + settings.get("eps", 1e-8))
        if momentum:
            u = buffer = buffer * momentum + u
        theta = theta - u * settings.get("lr", 1e-2)
        yield theta, square, mean if settings.get("centered") else None, buffer if momentum else None


@pytest.mark.parametrize("options", RMSPROP_OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", WORKING)
def test_200_steps_are_the_recurrence_within_the_bound_of_its_rounding(dtype: Any, options: dict[str, Any]) -> None:
    param, grads = start(dtype), list(gradients(dtype))
    ours = run(rmsprop_step, rmsprop_state(param), param, grads, **options)
    for (after, state), (theta, square, mean, buffer) in zip(ours, in_balls(param, grads, **options), strict=True):
        assert theta.holds(after)
        assert np.all(np.isfinite(after))
        assert square.holds(state.square_avg)
        for ball, array in ((mean, state.grad_avg), (buffer, state.momentum_buffer)):
            assert (ball is None) == (array is None)
            assert ball is None or ball.holds(array)
    assert state.step == STEPS


@pytest.mark.parametrize("options", RMSPROP_OPTIONS, ids=str)
def test_the_bound_is_narrow(options: dict[str, Any]) -> None:
    param, grads = start(np.float64), list(gradients(np.float64))
    theta = [each[0] for each in in_balls(param, grads, **options)][-1]
    moved = np.abs(theta.centre - param) + np.abs(param)
    assert np.max(theta.radius / moved) < 1e-9


@pytest.mark.parametrize("options", RMSPROP_OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", WORKING)
def test_torch_makes_the_same_200_steps_within_that_bound(dtype: Any, options: dict[str, Any]) -> None:
    param, grads = start(dtype), list(gradients(dtype))
    with level("preconditions"):  # another test checks every clause on the same run
        ours = list(run(rmsprop_step, rmsprop_state(param), param, grads, **options))
    theirs = torch_steps("RMSprop", param, grads, **options)
    bounds = in_balls(param, grads, **options)
    for (after, state), (torchs, kept), (theta, square, _, buffer) in zip(ours, theirs, bounds, strict=True):
        assert theta.holds(torchs)
        assert np.all(np.abs(torchs - after) <= 2 * theta.radius)
        assert square.holds(kept["square_avg"])
        if buffer is not None:
            assert np.all(np.abs(kept["momentum_buffer"] - state.momentum_buffer) <= 2 * buffer.radius)


# What others get wrong.


def test_a_steady_gradient_has_a_negative_variance_in_floats_and_makes_no_nan() -> None:
    grad, param = np.array([0.1], np.float32), np.ones(1, np.float32)
    state, lowest = rmsprop_state(param), 0.0
    for _ in range(1300):
        param, state = rmsprop_step(param, grad, state, centered=True)
        lowest = min(lowest, float(state.square_avg[0] - state.grad_avg[0] * state.grad_avg[0]))
        assert np.isfinite(param[0])
    assert lowest < 0
    assert variance(state.square_avg, state.grad_avg)[0] >= 0


def test_a_nan_is_no_variance_of_0() -> None:
    with np.errstate(invalid="ignore"):
        assert np.isnan(variance(np.array([np.nan]), np.array([1.0])))[0]
        assert np.isnan(variance(np.array([np.inf]), np.array([np.inf])))[0]


def test_epsilon_stands_outside_the_root() -> None:
    assert denominator(np.array([4.0]), np.float64(1.0))[0] == 3


def test_the_first_step_is_ten_times_the_rate() -> None:
    after = rmsprop_step(np.zeros(1), np.array([123.0]), rmsprop_state(np.zeros(1)), lr=0.01, eps=1e-100)
    assert abs(after.param[0] + 0.1) < 1e-11


@pytest.mark.parametrize("grad", [0.0, 5e-324, 1e-200, 1.0, 1e150])
def test_no_step_without_momentum_is_larger_than_the_rate_over_the_root(grad: float) -> None:
    param, state = np.zeros(1), rmsprop_state(np.zeros(1))
    for scale in (1.0, 0.0, -3.0, 1e-9, 100.0):
        after = rmsprop_step(param, np.array([grad * scale]), state, lr=0.5, alpha=0.75, eps=1e-30)
        assert abs(after.param[0] - param[0]) <= 1.0 * (1 + 1e-14)
        param, state = after


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("dtype", [*WORKING, *NARROW])
def test_a_gradient_of_0_leaves_everything_where_it_is(dtype: Any, centered: bool) -> None:
    param = start(dtype)
    after = rmsprop_step(param, np.zeros(24, dtype), rmsprop_state(param), centered=centered, momentum=0.9)
    assert np.array_equal(after.param, param)
    assert not after.state.square_avg.any()
    assert not after.state.momentum_buffer.any()


def test_centering_and_momentum_may_come_and_go() -> None:
    param, grad = np.zeros(1), np.ones(1)
    plain = rmsprop_step(param, grad, rmsprop_state(param))
    assert (plain.state.grad_avg, plain.state.momentum_buffer) == (None, None)
    both = rmsprop_step(plain.param, grad, plain.state, centered=True, momentum=0.5, alpha=0.75)
    assert both.state.grad_avg[0] == 0.25
    again = rmsprop_step(both.param, grad, both.state)
    assert again.state.grad_avg is both.state.grad_avg
    assert again.state.momentum_buffer is both.state.momentum_buffer


# Errors.

PARAM = np.ones(2, np.float32)
STATE = rmsprop_state(PARAM)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": -1}, "lr must be finite and at least 0, got -1"),
        ({"alpha": 1.0}, "alpha must be at least 0 and less than 1, got 1.0"),
        ({"alpha": np.nan}, "alpha must be at least 0 and less than 1, got nan"),
        ({"eps": 0.0}, "eps must be finite and at least"),
        ({"eps": -1e-8}, "eps must be finite and at least"),
        ({"eps": 1e39}, "eps must be finite and at least"),
        ({"weight_decay": np.inf}, "weight_decay must be finite and at least 0, got inf"),
        ({"momentum": 1}, "momentum must be at least 0 and less than 1, got 1"),
        ({"centered": 1}, "centered must be True or False, got int"),
        ({"maximize": "no"}, "maximize must be True or False, got str"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        rmsprop_step(PARAM, PARAM, STATE, **settings)


@pytest.mark.parametrize(
    ("grad", "state", "error", "message"),
    [
        (np.ones(3, np.float32), STATE, ValueError, "grad must have the shape of param"),
        (PARAM, None, TypeError, "state must be of the type RMSpropState, as rmsprop_state makes it, got NoneType"),
        (PARAM, RMSpropState(-1, PARAM), ValueError, "state.step must be at least 0"),
        (PARAM, RMSpropState(0, None), TypeError, "state.square_avg must be an array, got NoneType"),
        (PARAM, RMSpropState(0, PARAM, np.ones(2)), TypeError, "state.grad_avg must have the dtype float32"),
        (
            PARAM,
            RMSpropState(0, PARAM, None, np.ones(1, np.float32)),
            ValueError,
            "state.momentum_buffer must have the shape",
        ),
        (PARAM, RMSpropState(0, PARAM, None, None, PARAM), ValueError, "state.master must be None"),
    ],
)
def test_bad_arguments_are_named(grad: Any, state: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        rmsprop_step(PARAM, grad, state)
