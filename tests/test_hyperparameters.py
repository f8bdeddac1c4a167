"""Every error of a bad hyperparameter, gradient or state, word for word, and that nothing is half done."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from reference.adam import AdamState, adam_state, adam_step, adamw_step, epsilon_hat_step
from reference.contracts import level
from reference.hyperparameters import (
    average_error,
    count_error,
    divisor_error,
    flag_error,
    has_master,
    is_average,
    is_count,
    is_divisor,
    is_flag,
    is_not_negative,
    not_negative_error,
    working_dtype,
)

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SCALAR = "must be a Python number or a real NumPy scalar of at most 64 bits"
FORMATS = "must be an array of float16, bfloat16, float32 or float64"
STEPS = (adam_step, adamw_step, epsilon_hat_step)

NO_NUMBERS = [
    (True, TypeError, f"{SCALAR}, got bool"),
    (np.True_, TypeError, f"{SCALAR}, got bool of shape ()"),
    ("1", TypeError, f"{SCALAR}, got str"),
    (None, TypeError, f"{SCALAR}, got NoneType"),
    (1j, TypeError, f"{SCALAR}, got complex"),
    (np.complex64(1), TypeError, f"{SCALAR}, got complex64 of shape ()"),
    (np.ones(1), TypeError, f"{SCALAR}, got float64 of shape (1,)"),
    (10**400, ValueError, "must be a number that float64 can hold, got an int of 1329 bits"),
]
NEGATIVES = [
    (-1e-3, ValueError, "must be finite and at least 0, got -0.001"),
    (np.float32(-1), ValueError, "must be finite and at least 0, got -1.0"),
    (np.nan, ValueError, "must be finite and at least 0, got nan"),
    (np.inf, ValueError, "must be finite and at least 0, got inf"),
]
NO_AVERAGES = [
    (1.0, ValueError, "must be at least 0 and less than 1, got 1.0"),
    (1, ValueError, "must be at least 0 and less than 1, got 1"),
    (-0.1, ValueError, "must be at least 0 and less than 1, got -0.1"),
    (np.nan, ValueError, "must be at least 0 and less than 1, got nan"),
]
LEAST = "must be finite and at least 1.18e-38, the least normal float32, for squares that underflow are divided by it"
NO_DIVISORS = [(value, ValueError, f"{LEAST}, got {value}") for value in (0, 0.0, -1e-8, 1e-39, np.nan, np.inf, 1e39)]

SETTINGS = [
    *(("lr", *case) for case in (*NO_NUMBERS, *NEGATIVES)),
    *(("weight_decay", *case) for case in (*NO_NUMBERS, *NEGATIVES)),
    *(("eps", *case) for case in (*NO_NUMBERS, *NO_DIVISORS)),
]


def raises(kind: type[Exception], message: str) -> Any:
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


def step_with(step: Any, **changed: Any) -> Any:
    """A step whose arguments are right but for those named; afterwards they are what they were."""
    param = np.ones(2, np.float32)
    arguments = {"param": param, "grad": param, "state": adam_state(param), **changed}
    return step(arguments.pop("param"), arguments.pop("grad"), arguments.pop("state"), **arguments)


@pytest.mark.parametrize(("name", "value", "kind", "message"), SETTINGS)
def test_bad_settings_are_named(name: str, value: Any, kind: type[Exception], message: str) -> None:
    for step in STEPS:
        with raises(kind, f"{name} {message}"):
            step_with(step, **{name: value})


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(("value", "kind", "message"), [*NO_NUMBERS, *NO_AVERAGES])
def test_bad_betas_are_named_by_their_place(place: int, value: Any, kind: type[Exception], message: str) -> None:
    betas = (value, 0.999) if place == 0 else (0.9, value)
    for step in STEPS:
        with raises(kind, f"betas[{place}] {message}"):
            step_with(step, betas=betas)


@pytest.mark.parametrize(
    ("betas", "kind", "message"),
    [
        (0.9, TypeError, "betas must be a pair of numbers, got float"),
        (np.array([0.9, 0.999]), TypeError, "betas must be a pair of numbers, got ndarray"),
        ((0.9,), ValueError, "betas must be a pair of numbers, got 1"),
        ((0.9, 0.99, 0.999), ValueError, "betas must be a pair of numbers, got 3"),
    ],
)
def test_betas_must_be_a_pair(betas: Any, kind: type[Exception], message: str) -> None:
    with raises(kind, message):
        step_with(adam_step, betas=betas)


@pytest.mark.parametrize("name", ["amsgrad", "maximize"])
def test_flags_must_be_true_or_false(name: str) -> None:
    with raises(TypeError, f"{name} must be True or False, got int"):
        step_with(adam_step, **{name: 1})


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"param": [1.0]}, TypeError, f"param {FORMATS}, got list"),
        ({"param": np.arange(2)}, TypeError, f"param {FORMATS}, got dtype int64"),
        ({"grad": [1.0, 1.0]}, TypeError, "grad must be an array, got list"),
        ({"grad": None}, TypeError, "grad must be an array, got NoneType"),
        ({"grad": np.ones(3, np.float32)}, ValueError, "grad must have the shape of param, (2,), got (3,)"),
        ({"grad": np.ones((2, 1), np.float32)}, ValueError, "grad must have the shape of param, (2,), got (2, 1)"),
        ({"grad": np.ones(2)}, TypeError, "grad must have the dtype float32, got float64"),
        ({"grad": np.ones(2, int)}, TypeError, "grad must have the dtype float32, got int64"),
    ],
)
def test_bad_arrays_are_named(changed: dict[str, Any], kind: type[Exception], message: str) -> None:
    with raises(kind, message):
        step_with(adam_step, **changed)


def test_a_gradient_of_16_bits_has_its_own_dtype_or_that_of_the_state() -> None:
    param = np.ones(2, BFLOAT16)
    with raises(TypeError, "grad must have the dtype bfloat16 or float32, got float16"):
        adam_step(param, np.ones(2, np.float16), adam_state(param))


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"step": -1}, ValueError, "state.step must be at least 0 and less than 2**53, got -1"),
        ({"step": 2**53}, ValueError, f"state.step must be at least 0 and less than 2**53, got {2**53}"),
        ({"step": 1.0}, TypeError, "state.step must be a Python int, got float"),
        ({"step": True}, TypeError, "state.step must be a Python int, got bool"),
        (
            {"exp_avg": np.zeros(3, np.float32)},
            ValueError,
            "state.exp_avg must have the shape of param, (2,), got (3,)",
        ),
        ({"exp_avg": None}, TypeError, "state.exp_avg must be an array, got NoneType"),
        ({"exp_avg_sq": np.zeros(2)}, TypeError, "state.exp_avg_sq must have the dtype float32, got float64"),
        (
            {"max_exp_avg_sq": np.zeros(2, np.float32)},
            ValueError,
            "state.max_exp_avg_sq must be None for this float32 param and these settings",
        ),
        (
            {"master": np.zeros(2, np.float32)},
            ValueError,
            "state.master must be None for this float32 param and these settings",
        ),
    ],
)
def test_bad_states_are_named(changed: dict[str, Any], kind: type[Exception], message: str) -> None:
    state = dataclasses.replace(adam_state(np.ones(2, np.float32)), **changed)
    for step in STEPS:
        with raises(kind, message):
            step_with(step, state=state)


def test_a_state_is_asked_for() -> None:
    with raises(TypeError, "state must be an AdamState, as adam_state makes it, got dict"):
        step_with(adam_step, state={"step": 0})
    with raises(TypeError, "state.max_exp_avg_sq must be an array, got NoneType"):
        step_with(adam_step, amsgrad=True)
    param = np.ones(2, BFLOAT16)
    zeros = np.zeros(2, np.float32)
    with raises(TypeError, "state.master must be an array, got NoneType"):
        adam_step(param, param, AdamState(0, zeros, zeros))


def test_a_parameter_that_was_set_anew_needs_a_new_state() -> None:
    param = np.ones(2, BFLOAT16)
    state = adam_state(param)
    with raises(
        ValueError, "param must be state.master rounded to bfloat16: a param that was set anew needs a new state"
    ):
        adam_step(param * 2, param, state)
    adam_step(np.array([np.nan, 1], BFLOAT16), param, adam_state(np.array([np.nan, 1], BFLOAT16)))


def test_the_least_epsilon_depends_on_the_dtype_of_the_state() -> None:
    wide = np.ones(2)
    assert adam_step(wide, wide, adam_state(wide), eps=1e-300).state.step == 1
    assert not is_divisor(1e-39, np.dtype(np.float32))
    assert "2.23e-308, the least normal float64" in str(divisor_error("eps", 0, np.dtype(np.float64)))


@pytest.mark.parametrize("value", [0, 0.5, np.float16(0.5), np.float32(0.25), np.float64(0), np.int8(0)])
def test_numbers_of_every_kind_are_taken(value: Any) -> None:
    assert is_not_negative(value)
    assert is_average(value)
    step_with(adamw_step, lr=value, weight_decay=value, betas=(value, value))


def test_counts_and_flags() -> None:
    assert is_count(0)
    assert is_count(2**53 - 1)
    assert not is_count(np.int64(3))
    assert is_flag(np.True_)
    assert not is_flag(0)
    assert str(count_error("step", None)) == "step must be a Python int, got NoneType"
    assert str(flag_error("nesterov", None)) == "nesterov must be True or False, got NoneType"
    assert str(average_error("momentum", 2)) == "momentum must be at least 0 and less than 1, got 2"
    assert str(not_negative_error("momentum", -1)) == "momentum must be finite and at least 0, got -1"


def test_dtypes_of_states() -> None:
    assert [working_dtype(np.dtype(kind)) for kind in (np.float16, BFLOAT16, np.float32, np.float64)] == [
        np.float32,
        np.float32,
        np.float32,
        np.float64,
    ]
    assert [has_master(np.dtype(kind)) for kind in (np.float16, BFLOAT16, np.float32, np.float64)] == [
        True,
        True,
        False,
        False,
    ]


def test_nothing_is_checked_where_contracts_are_off() -> None:
    param = np.ones(2)
    with level("none"):
        assert np.isnan(adam_step(param, np.zeros(2), adam_state(param), eps=0.0).param).all()
