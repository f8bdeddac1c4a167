"""Adam and AdamW against 60 digits, exact fractions and torch; its laws, its errors, and the bugs that others have had."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import adam_oracle
import ml_dtypes
import numpy as np
import oracle
import pytest
from adam_oracle import Settings
from hypothesis import given
from hypothesis import strategies as st
from strategies import DTYPES, array, finite_floats

from reference.adam import (
    AdamState,
    Stepped,
    adam_state,
    adam_step,
    adamw_step,
    bias_correction,
    epsilon_hat_step,
    first_moment,
    largest_second_moment,
    second_moment,
)
from reference.contracts import ContractViolation, level, postconditions
from reference.elementwise import BLOCK

BFLOAT16 = ml_dtypes.bfloat16
STEPS: dict[str, Callable[..., Stepped]] = {"adam": adam_step, "adamw": adamw_step, "epsilon hat": epsilon_hat_step}
OPTIONS = [
    {},
    {"lr": 0.1},
    {"betas": (0.5, 0.75)},
    {"betas": (0.0, 0.0)},
    {"eps": 1e-3},
    {"weight_decay": 0.1},
    {"amsgrad": True},
    {"maximize": True},
    {"amsgrad": True, "maximize": True, "weight_decay": 0.5, "lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-6},
]
KINDS = ["plain", "zero now and then", "mixed scales", "subnormal", "huge"]


def named(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "default"


def gradients(kind: str, dtype: Any, steps: int, size: int = 4) -> list[Any]:
    """A sequence of gradients, the same on every machine."""
    rng = np.random.default_rng(7)
    grads = [rng.uniform(-2, 2, size) for _ in range(steps)]
    info = np.finfo(dtype)
    if kind == "zero now and then":
        grads = [grad if t % 3 else np.zeros(size) for t, grad in enumerate(grads)]
    if kind == "mixed scales":
        grads = [grad * 10.0 ** ((t + np.arange(size)) % 13 - 6) for t, grad in enumerate(grads)]
    if kind == "subnormal":
        grads = [grad * float(info.smallest_normal) / 8 for grad in grads]
    if kind == "huge":
        grads = [grad * float(np.sqrt(info.max)) / 4 for grad in grads]
    return [grad.astype(dtype) for grad in grads]


def run(step: Callable[..., Stepped], param: Any, grads: list[Any], **settings: Any) -> Stepped:
    """Some steps from the beginning."""
    result = Stepped(param, adam_state(param, amsgrad=settings.get("amsgrad", False)))
    with level("preconditions"):
        for grad in grads:
            result = step(result.param, grad, result.state, **settings)
    return result


def in_another_order(param: Any, grads: list[Any], s: Settings) -> Stepped:
    """Adam with lerp, with (1 - β₂) g² as value · g · g, and with Python's powers, as frameworks compute it."""
    m, v, largest, kind = np.zeros_like(param), np.zeros_like(param), np.zeros_like(param), param.dtype.type
    for t, given_grad in enumerate(grads, 1):
        grad = -given_grad if s.maximize else given_grad
        if s.weight_decay and s.decoupled:
            param = param * kind(1 - s.lr * s.weight_decay)
        elif s.weight_decay:
            grad = grad + kind(s.weight_decay) * param
        m = m + (grad - m) * kind(1 - s.betas[0])
        v = v * kind(s.betas[1]) + kind(1 - s.betas[1]) * grad * grad
        largest = np.maximum(largest, v)
        root = (1 - s.betas[1] ** t) ** 0.5
        divisor = np.sqrt(largest if s.amsgrad else v) / kind(root) + kind(s.eps)
        param = param + kind(-s.lr / (1 - s.betas[0] ** t)) * m / divisor
    return Stepped(param, AdamState(len(grads), m, v, largest if s.amsgrad else None))


def assert_within(got: Stepped, elements: list[adam_oracle.Element], amsgrad: bool) -> None:
    """Parameter and state lie in their balls."""
    assert adam_oracle.within(got.param, [element.theta for element in elements])
    assert adam_oracle.within(got.state.exp_avg, [element.m for element in elements])
    assert adam_oracle.within(got.state.exp_avg_sq, [element.v for element in elements])
    if amsgrad:
        assert adam_oracle.within(got.state.max_exp_avg_sq, [element.largest for element in elements])


# Against 60 digits, and against others.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decoupled", [False, True], ids=["adam", "adamw"])
@pytest.mark.parametrize("options", OPTIONS, ids=named)
def test_two_hundred_steps_stay_within_their_derived_error(options: dict[str, Any], decoupled: bool, dtype: Any) -> None:
    settings = Settings(**options, decoupled=decoupled)
    step = adamw_step if decoupled else adam_step
    given_options = {"weight_decay": 0.0, **options}
    for kind in KINDS:
        if kind == "huge" and options.get("betas") == (0.0, 0.0):
            continue  # nothing is averaged, so g² itself overflows
        param, grads = np.array([1.5, -0.25, 0, 3], dtype), gradients(kind, dtype, 200)
        elements = adam_oracle.run(param, grads, settings)
        assert_within(run(step, param, grads, **given_options), elements, settings.amsgrad)
        with np.errstate(all="ignore"):
            assert_within(in_another_order(param, grads, settings), elements, settings.amsgrad)


def test_the_derived_error_is_small() -> None:
    param = np.array([1.5, -0.25, 0, 3])
    elements = adam_oracle.run(param, gradients("plain", np.float64, 200), Settings(weight_decay=0.1))
    assert adam_oracle.widest([element.theta for element in elements]) < 1e-11
    assert adam_oracle.widest([element.v for element in elements]) < 1e-12


@pytest.mark.parametrize("decoupled", [False, True], ids=["adam", "adamw"])
@pytest.mark.parametrize("options", OPTIONS, ids=named)
def test_torch_stays_within_the_same_error(options: dict[str, Any], decoupled: bool) -> None:
    torch = pytest.importorskip("torch", reason="the extra interop is not installed")
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    settings = Settings(**options, decoupled=decoupled)
    for dtype, scale in itertools.product((np.float32, np.float64), KINDS[:3]):
        start, grads = np.array([1.5, -0.25, 0, 3], dtype), gradients(scale, dtype, 200)
        param = torch.nn.Parameter(torch.tensor(start))
        optimizer = kind([param], **{"weight_decay": 0.0, **options}, foreach=False, fused=False)
        for grad in grads:
            param.grad = torch.tensor(grad)
            optimizer.step()
        state = {name: value.detach().numpy() for name, value in optimizer.state[param].items()}
        assert state["step"] == len(grads)
        arrays = (state["exp_avg"], state["exp_avg_sq"], state.get("max_exp_avg_sq"))
        got = Stepped(param.detach().numpy(), AdamState(len(grads), *arrays))
        assert_within(got, adam_oracle.run(start, grads, settings), settings.amsgrad)


def exact_first_step(g: Fraction, lr: Fraction, eps: Fraction) -> Fraction:
    """Δθ = -lr g / (|g| + ε)"""
    return -lr * g / (abs(g) + eps)


@given(finite_floats(np.float32).filter(lambda g: abs(g) <= 2.0**63))
def test_the_first_step_is_lr_times_the_sign(g: float) -> None:
    with level("preconditions"):
        param = np.zeros(1, np.float32)
        delta = Fraction(float(adam_step(param, np.array([g], np.float32), adam_state(param)).param[0]))
    wanted = exact_first_step(Fraction(g), Fraction(1e-3), Fraction(1e-8))
    assert abs(delta) <= Fraction(1e-3) * (1 + Fraction(16, 1 << 24)) + Fraction(1, 1 << 120)
    assert abs(delta - wanted) <= abs(wanted) * Fraction(32, 1 << 24) + Fraction(1, 1 << 100)


# The laws.


@pytest.mark.parametrize("dtype", [*DTYPES, BFLOAT16])
@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_a_gradient_of_zero_moves_nothing(step: Callable[..., Stepped], dtype: Any) -> None:
    param = np.array([0.0, -0.0, 1, -2, 3e-5], np.float32).astype(dtype)
    after = run(step, param, [np.zeros_like(param)] * 3, weight_decay=0.0)
    assert oracle.same_bits(after.param, param)
    assert not after.state.exp_avg.any()
    assert not after.state.exp_avg_sq.any()
    assert after.state.step == 3


@given(st.data(), st.sampled_from(DTYPES))
def test_turning_the_gradient_turns_the_step(data: st.DataObject, dtype: Any) -> None:
    grad = data.draw(array(dtype, finite_floats(dtype)))
    param = np.zeros(grad.shape, dtype)
    with np.errstate(all="ignore"):
        one, other = (adam_step(param, g, adam_state(param)) for g in (grad, -grad))
        maximized = adam_step(param, grad, adam_state(param), maximize=True)
    assert np.array_equal(one.param, -other.param, equal_nan=True)
    assert np.array_equal(other.param, maximized.param, equal_nan=True)
    assert np.array_equal(one.state.exp_avg_sq, other.state.exp_avg_sq)


@pytest.mark.parametrize("dtype", [*DTYPES, BFLOAT16])
def test_the_decay_of_adamw_touches_no_moment(dtype: Any) -> None:
    param, grads = np.array([1, -2, 3, 4], dtype), gradients("plain", np.float32, 5)
    one, other = (run(adamw_step, param, grads, weight_decay=decay).state for decay in (0.0, 0.5))
    assert oracle.same_bits(one.exp_avg, other.exp_avg) == (dtype != np.float64)
    assert np.array_equal(one.exp_avg, other.exp_avg)
    assert np.array_equal(one.exp_avg_sq, other.exp_avg_sq)
