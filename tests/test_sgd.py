"""SGD beside its textbook form, beside torch and beside exact arithmetic; its settings, its errors, its limits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import balls
import numpy as np
import oracle
import pytest
from family import SGD_OPTIONS
from steps import NARROW, STEPS, WORKING, gradients, run, start, torch_steps

from reference.contracts import level
from reference.sgd import SGDState, sgd_state, sgd_step


def in_balls(param: Any, grads: Any, **settings: Any) -> Iterator[tuple[balls.Ball, balls.Ball | None]]:
    """The recurrence, with a bound on what rounding and fusing can do to it."""
    lr, momentum, decay = settings["lr"], settings.get("momentum", 0.0), settings.get("weight_decay", 0.0)
    theta, buffer = balls.exactly(param, param.dtype), None
    for grad in grads:
        g = balls.exactly(-grad if settings.get("maximize") else grad, param.dtype)
        if decay:
            g = g + theta * decay
        if momentum:
            fresh = g * (1 - settings.get("dampening", 0.0))
            buffer = g if buffer is None else buffer * momentum + fresh
            g = g + buffer * momentum if settings.get("nesterov") else buffer
        theta = theta - g * lr
        yield theta, buffer


@pytest.mark.parametrize("options", SGD_OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", WORKING)
def test_200_steps_are_the_recurrence_within_the_bound_of_its_rounding(dtype: Any, options: dict[str, Any]) -> None:
    param, grads = start(dtype), list(gradients(dtype))
    ours = run(sgd_step, sgd_state(param), param, grads, **options)
    for (after, state), (theta, buffer) in zip(ours, in_balls(param, grads, **options), strict=True):
        assert theta.holds(after)
        assert (buffer is None) == (state.momentum_buffer is None)
        assert buffer is None or buffer.holds(state.momentum_buffer)
    assert state.step == STEPS


@pytest.mark.parametrize("options", SGD_OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", WORKING)
def test_torch_makes_the_same_200_steps_within_that_bound(dtype: Any, options: dict[str, Any]) -> None:
    param, grads = start(dtype), list(gradients(dtype))
    with level("preconditions"):  # another test checks every clause on the same run
        ours = list(run(sgd_step, sgd_state(param), param, grads, **options))
    theirs = torch_steps("SGD", param, grads, **options)
    bounds = in_balls(param, grads, **options)
    for (after, state), (torchs, kept), (theta, buffer) in zip(ours, theirs, bounds, strict=True):
        assert theta.holds(torchs)
        assert np.all(np.abs(torchs - after) <= 2 * theta.radius)
        if buffer is not None:
            assert buffer.holds(kept["momentum_buffer"])
            assert np.all(np.abs(kept["momentum_buffer"] - state.momentum_buffer) <= 2 * buffer.radius)


def rounded(x: Fraction, dtype: Any) -> Fraction:
    return Fraction(float(oracle.nearest_float(x, dtype)))


def by_hand(theta: Fraction, grad: Fraction, buffer: Fraction | None, dtype: Any, **settings: Any) -> list[Fraction]:
    """One step in fractions, each operation rounded to nearest by bisection."""

    def near(x: Fraction) -> Fraction:
        return rounded(x, dtype)

    lr, momentum, decay = (near(Fraction(settings.get(name, 0.0))) for name in ("lr", "momentum", "weight_decay"))
    fresh = near(Fraction(1 - settings.get("dampening", 0.0)))
    g = -grad if settings.get("maximize") else grad
    g = near(g + near(decay * theta)) if decay else g
    if momentum:
        buffer = g if buffer is None else near(near(momentum * buffer) + near(fresh * g))
        g = near(g + near(momentum * buffer)) if settings.get("nesterov") else buffer
    after = near(theta - near(lr * g))
    return [after] if buffer is None else [after, buffer]


@pytest.mark.parametrize("options", SGD_OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", WORKING)
def test_every_bit_is_that_of_the_written_order_of_operations(dtype: Any, options: dict[str, Any]) -> None:
    numbers = [0.1, -3.0, 1e-30, 1e10, float(np.finfo(dtype).smallest_subnormal), 0.0]
    for theta, grad, buffer in itertools.product(numbers, numbers, [None, 0.7, -1e9]):
        param, g = np.array([theta], dtype), np.array([grad], dtype)
        kept = None if buffer is None else np.array([buffer], dtype)
        exact = [None if x is None else Fraction(float(x[0])) for x in (param, g, kept)]
        after = sgd_step(param, g, SGDState(3, kept), **options)
        found = [after.param, *([] if after.state.momentum_buffer is None else [after.state.momentum_buffer])]
        assert [Fraction(float(x[0])) for x in found] == by_hand(*exact, dtype, **options)  # type: ignore[arg-type]


def test_small_steps_of_a_narrow_parameter_add_up() -> None:
    param, grad = np.ones(1, np.float16), np.ones(1, np.float16)
    state = sgd_state(param)
    for _ in range(1000):
        param, state = sgd_step(param, grad, state, lr=1e-4)  # less than half a unit of float16 at 1
    assert param[0] == np.float16(0.9)


# Settings.


@pytest.mark.parametrize("dtype", [*WORKING, *NARROW])
def test_a_gradient_of_0_leaves_everything_where_it_is(dtype: Any) -> None:
    param = start(dtype)
    state = SGDState(
        4, np.zeros(24, sgd_state(param).master.dtype if dtype in NARROW else dtype), sgd_state(param).master
    )
    for zero in (0.0, -0.0):
        after = sgd_step(param, np.full(24, zero, dtype), state, lr=0.5, momentum=0.9)
        assert np.array_equal(after.param, param)
        assert not after.state.momentum_buffer.any()


@pytest.mark.parametrize("dtype", WORKING)
def test_a_rate_of_0_moves_nothing(dtype: Any) -> None:
    param, grad = start(dtype), next(gradients(dtype))
    assert np.array_equal(sgd_step(param, grad, sgd_state(param), lr=0).param, param)


def test_the_first_buffer_is_the_gradient_undampened() -> None:
    param, grad = np.zeros(2, np.float32), np.array([1, -2], np.float32)
    after = sgd_step(param, grad, sgd_state(param), momentum=0.5, dampening=0.75)
    assert np.array_equal(after.state.momentum_buffer, grad)
    again = sgd_step(after.param, grad, after.state, momentum=0.5, dampening=0.75)
    assert np.array_equal(again.state.momentum_buffer, 0.75 * grad)


def test_momentum_may_come_and_go() -> None:
    param, grad = np.zeros(1), np.ones(1)
    plain = sgd_step(param, grad, sgd_state(param), lr=1.0)
    assert plain.state.momentum_buffer is None
    heavy = sgd_step(plain.param, grad, plain.state, lr=1.0, momentum=0.5)
    assert heavy.state.momentum_buffer[0] == 1
    again = sgd_step(heavy.param, 3 * grad, heavy.state, lr=1.0)
    assert (again.state.momentum_buffer[0], again.param[0], again.state.step) == (1, -5, 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_goes_through(bad: float) -> None:
    after = sgd_step(np.ones(2), np.array([bad, 1.0]), sgd_state(np.ones(2)), lr=0.5, momentum=0.5)
    assert not np.isfinite(after.param[0])
    assert after.param[1] == 0.5


# Quadratic losses, in exact arithmetic.


def quadratic(dimensions: int, seed: int) -> tuple[Any, Any, Fraction]:
    """A symmetric matrix of small integers, a point, and a bound on the largest eigenvalue: the largest sum of a row."""
    generator = np.random.default_rng(seed)
    half = generator.integers(-3, 4, (dimensions, dimensions))
    matrix = (half + half.T).astype(np.float64)
    return matrix, generator.integers(-8, 9, dimensions) / 4, Fraction(int(np.max(np.sum(np.abs(matrix), axis=1))))


def loss(matrix: Any, theta: Any) -> Fraction:
    x = [Fraction(float(value)) for value in theta]
    return sum((x[i] * Fraction(float(a)) * x[j] for (i, j), a in np.ndenumerate(matrix)), Fraction(0)) / 2


@pytest.mark.parametrize("seed", range(40))
def test_below_the_limit_no_step_raises_a_quadratic_loss(seed: int) -> None:
    matrix, theta, most = quadratic(1 + seed % 4, seed)
    grad = matrix @ theta
    for share in (Fraction(1, 8), Fraction(1), Fraction(15, 8)):
        lr = float(share / most) if most else 1.0
        after = sgd_step(theta, grad, sgd_state(theta), lr=lr).param
        slack = Fraction(1, 1 << 40) * (
            most + 1
        )  # of the rounding of lr and of the step: the law is about real numbers
        assert loss(matrix, after) <= loss(matrix, theta) + slack


def test_beyond_the_limit_a_step_raises_the_loss() -> None:
    theta = np.array([1.0, 2.0])
    for curvature in (1.0, 4.0):
        matrix = curvature * np.eye(2)
        for share, rises in ((1.75, False), (2.0, False), (2.25, True), (3.0, True)):
            after = sgd_step(theta, matrix @ theta, sgd_state(theta), lr=share / curvature).param
            assert (loss(matrix, after) > loss(matrix, theta)) == rises


def test_with_momentum_the_energy_falls() -> None:
    matrix, theta = np.diag([1.0, 0.25, 0.0]), np.array([1.0, -4.0, 3.0])
    lr, momentum, state = 0.875, 0.5, sgd_state(np.zeros(3))  # lr < 2 (1 - μ) / L
    energy, lowest, rose = loss(matrix, theta), loss(matrix, theta), False
    for _ in range(60):
        theta, state = sgd_step(theta, matrix @ theta, state, lr=lr, momentum=momentum)
        kinetic = sum(Fraction(float(b)) ** 2 for b in state.momentum_buffer)
        after = loss(matrix, theta) + Fraction(lr) * Fraction(momentum) / 2 * kinetic
        assert after <= energy + Fraction(1, 1 << 50)
        rose |= loss(matrix, theta) > lowest
        energy, lowest = after, min(lowest, loss(matrix, theta))
    assert rose  # the loss alone does not always fall
    assert energy < Fraction(1, 1 << 20)


# Errors.

PARAM = np.ones(2, np.float32)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": -1e-3}, "lr must be finite and at least 0, got -0.001"),
        ({"lr": np.nan}, "lr must be finite and at least 0, got nan"),
        ({"lr": np.inf}, "lr must be finite and at least 0, got inf"),
        ({"lr": "1"}, "lr must be a Python number or a real NumPy scalar"),
        ({"momentum": 1.0}, "momentum must be at least 0 and less than 1, got 1.0"),
        ({"momentum": -0.1}, "momentum must be at least 0"),
        ({"dampening": 1.5}, "dampening must be at least 0 and less than 1, got 1.5"),
        ({"weight_decay": -1}, "weight_decay must be finite and at least 0, got -1"),
        ({"nesterov": 1}, "nesterov must be True or False, got int"),
        ({"maximize": None}, "maximize must be True or False, got NoneType"),
        ({"nesterov": True}, "nesterov needs a momentum > 0 and no dampening, got momentum 0.0 and dampening 0.0"),
        ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov needs a momentum > 0 and no dampening"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message.replace("(", r"\(")):
        sgd_step(PARAM, PARAM, sgd_state(PARAM), **settings)


@pytest.mark.parametrize(
    ("param", "grad", "state", "error", "message"),
    [
        ([1.0], PARAM, SGDState(0), TypeError, "param must be an array"),
        (np.ones(2, np.int64), PARAM, SGDState(0), TypeError, "param must be an array of .*got dtype int64"),
        (
            PARAM,
            np.ones(3, np.float32),
            SGDState(0),
            ValueError,
            r"grad must have the shape of param, \(2,\), got \(3,\)",
        ),
        (PARAM, np.ones(2, np.float64), SGDState(0), TypeError, "grad must have the dtype float32, got float64"),
        (PARAM, None, SGDState(0), TypeError, "grad must be an array, got NoneType"),
        (PARAM, PARAM, None, TypeError, "state must be of the type SGDState, as sgd_state makes it, got NoneType"),
        (PARAM, PARAM, SGDState(-1), ValueError, "state.step must be at least 0"),
        (PARAM, PARAM, SGDState(1.0), TypeError, "state.step must be a Python int, got float"),
        (
            PARAM,
            PARAM,
            SGDState(0, np.ones(3, np.float32)),
            ValueError,
            "state.momentum_buffer must have the shape of param",
        ),
        (PARAM, PARAM, SGDState(0, np.ones(2)), TypeError, "state.momentum_buffer must have the dtype float32"),
        (PARAM, PARAM, SGDState(0, None, PARAM), ValueError, "state.master must be None"),
        (PARAM.astype(np.float16), PARAM, SGDState(0), TypeError, "state.master must be an array, got NoneType"),
        (
            PARAM.astype(np.float16),
            PARAM,
            SGDState(0, None, 2 * PARAM),
            ValueError,
            "param must be state.master rounded",
        ),
    ],
)
def test_bad_arguments_are_named(param: Any, grad: Any, state: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sgd_step(param, grad, state)


def test_nothing_is_written_into_and_nothing_is_shared() -> None:
    for dtype in (*WORKING, *NARROW):
        param, grad = start(dtype), next(gradients(dtype))
        kept = param.copy(), grad.copy()
        state = sgd_state(param)
        after = sgd_step(param, grad, state, momentum=0.9)
        sgd_step(after.param, grad, after.state, momentum=0.9)
        assert oracle.same_bits(param, kept[0])
        assert oracle.same_bits(grad, kept[1])
        made = [after.param, after.state.momentum_buffer, after.state.master]
        assert not any(
            np.shares_memory(array, grad) or np.shares_memory(array, param) for array in made if array is not None
        )


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (3, 1, 2)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    param = np.ones(shape, np.float32)
    after = sgd_step(param, param, sgd_state(param), lr=0.5, momentum=0.5)
    assert (after.param.shape, after.param.dtype, after.state.momentum_buffer.shape) == (shape, np.float32, shape)
