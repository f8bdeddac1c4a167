"""Adam and AdamW against 40 digits, exact fractions and torch; its laws, its errors, and the bugs that others have had."""

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
from family import ADAM_OPTIONS
from hypothesis import given
from hypothesis import strategies as st
from strategies import DTYPES, array, finite_floats

from reference.adam import (
    AdamState,
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
from reference.optimizer.steps import Stepped

BFLOAT16 = ml_dtypes.bfloat16
STEPS: dict[str, Callable[..., Stepped]] = {"adam": adam_step, "adamw": adamw_step, "epsilon hat": epsilon_hat_step}
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


# Against 40 digits, and against others.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decoupled", [False, True], ids=["adam", "adamw"])
@pytest.mark.parametrize("options", ADAM_OPTIONS, ids=named)
def test_two_hundred_steps_stay_within_their_derived_error(
    options: dict[str, Any], decoupled: bool, dtype: Any
) -> None:
    settings = Settings(**options, decoupled=decoupled)
    step = adamw_step if decoupled else adam_step
    given_options = {"weight_decay": 0.0, **options}
    for kind in KINDS if options in ({}, {"amsgrad": True}) else ["mixed scales"]:
        param, grads = np.array([1.5, 0], dtype), gradients(kind, dtype, 200, size=2)
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
@pytest.mark.parametrize("options", ADAM_OPTIONS, ids=named)
def test_torch_stays_within_the_same_error(options: dict[str, Any], decoupled: bool) -> None:
    torch = pytest.importorskip("torch", reason="the extra interop is not installed")
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    settings = Settings(**options, decoupled=decoupled)
    for dtype, scale in itertools.product((np.float32, np.float64), KINDS[:3]):
        start, grads = np.array([1.5, 0], dtype), gradients(scale, dtype, 200, size=2)
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
    param, grads = np.array([1, -2, 3, 4], dtype), [grad.astype(dtype) for grad in gradients("plain", np.float32, 5)]
    one, other = (run(adamw_step, param, grads, weight_decay=decay).state for decay in (0.0, 0.5))
    assert oracle.same_bits(one.exp_avg, other.exp_avg)
    assert oracle.same_bits(one.exp_avg_sq, other.exp_avg_sq)


@pytest.mark.parametrize("dtype", [*DTYPES, BFLOAT16])
def test_adam_with_decay_is_adam_on_the_regularised_gradient(dtype: Any) -> None:
    param, (grad,) = np.array([1, -2, 3, 4], dtype), gradients("plain", np.float32, 1)
    state = adam_state(param)
    theta = param if state.master is None else state.master
    one = adam_step(param, grad.astype(dtype), state, weight_decay=0.5)
    other = adam_step(param, grad.astype(dtype).astype(theta.dtype) + theta.dtype.type(0.5) * theta, state)
    assert oracle.same_bits(one.param, other.param)
    assert oracle.same_bits(one.state.exp_avg, other.state.exp_avg)
    assert oracle.same_bits(one.state.exp_avg_sq, other.state.exp_avg_sq)


def test_the_decays_differ() -> None:
    param, grads = np.array([1.0, -2, 3, 4]), gradients("plain", np.float64, 3)
    one, other = (run(step, param, grads, weight_decay=0.5).param for step in (adam_step, adamw_step))
    assert np.abs(one - other).max() > 1e-4


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_epsilon_hat_is_epsilon_times_the_root_of_the_correction(weight_decay: float) -> None:
    param, grads, eps = np.array([1.0, -2, 3, 4]), gradients("plain", np.float64, 9), 0.01
    one = other = Stepped(param, adam_state(param))
    for t, grad in enumerate(grads, 1):
        hat = eps * np.sqrt(1 - 0.999**t)
        one = adam_step(one.param, grad, one.state, eps=eps, weight_decay=weight_decay)
        other = epsilon_hat_step(other.param, grad, other.state, eps=hat, weight_decay=weight_decay)
    assert np.allclose(one.param, other.param, rtol=1e-13, atol=0)
    same = epsilon_hat_step(param, grads[0], adam_state(param), eps=1e-3).param
    assert not np.allclose(same, adam_step(param, grads[0], adam_state(param), eps=1e-3).param, rtol=1e-6)


def test_epsilon_hat_counts_thirty_times_at_the_first_step() -> None:
    grad = np.array([1e-8])
    one, other = (step(np.zeros(1), grad, adam_state(grad)).param[0] for step in (adam_step, epsilon_hat_step))
    assert one == pytest.approx(-0.5e-3)
    assert other == pytest.approx(-1e-3 / (1 + 1 / np.sqrt(1 - 0.999)))


def test_the_largest_second_moment_stays() -> None:
    param, grads = np.zeros(2), [np.array([3.0, 1]), np.array([0.01, 0.1]), np.array([0.0, 9])]
    state, before = adam_state(param, amsgrad=True), np.zeros(2)
    for grad in grads:
        param, state = adam_step(param, grad, state, amsgrad=True)
        assert np.all(state.max_exp_avg_sq >= before)
        assert np.all(state.max_exp_avg_sq >= state.exp_avg_sq)
        before = state.max_exp_avg_sq
    assert state.max_exp_avg_sq[0] > state.exp_avg_sq[0]
    assert state.max_exp_avg_sq[0] == pytest.approx((1 - 0.999) * 9)  # not divided by a correction


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.999])
def test_bias_corrections_one_by_one_are_those_at_once(beta: float) -> None:
    steps = [*range(1, 200), 355, 356, 40_000]
    with level("none"):
        together = bias_correction(np.float64(beta), np.array(steps))
        assert [bias_correction(np.float64(beta), step) for step in steps] == list(together)
    exact = [1 - Fraction(beta) ** step for step in steps[:60]]
    assert all(abs(Fraction(float(c)) - x) <= Fraction(1, 1 << 52) for c, x in zip(together, exact, strict=False))


def test_the_step_counts_far() -> None:
    param = np.array([1.0], BFLOAT16)
    state = dataclasses.replace(adam_state(param), step=256)
    assert [
        adam_step(param, param, dataclasses.replace(state, step=step)).state.step for step in (256, 2**24, 2**40)
    ] == [
        257,
        2**24 + 1,
        2**40 + 1,
    ]


# Formats of 16 bits.


@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16])
@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_a_parameter_of_16_bits_is_its_rounded_master_copy(step: Callable[..., Stepped], dtype: Any) -> None:
    param = np.array([1.5, -0.25, 0, 3], np.float32)
    grads = [(grad / 64).astype(dtype) for grad in gradients("mixed scales", np.float32, 50)]
    narrow = run(step, param.astype(dtype), grads)
    wide = run(step, param, [grad.astype(np.float32) for grad in grads])
    assert oracle.same_bits(narrow.state.master, wide.param)
    assert oracle.same_bits(narrow.param, wide.param.astype(dtype))
    assert oracle.same_bits(narrow.state.exp_avg_sq, wide.state.exp_avg_sq)


def test_small_steps_add_up_in_the_master_copy() -> None:
    param = np.ones(1, BFLOAT16)
    after = run(adam_step, param, [np.ones(1, BFLOAT16)] * 20, lr=1e-4)
    assert adam_step(param, param, adam_state(param), lr=1e-4).param == param  # one step is lost in bfloat16
    assert float(after.param[0]) < 1


@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16])
def test_gradients_may_be_float32(dtype: Any) -> None:
    param, grad = np.ones(2, dtype), np.array([1e-20, 3], np.float32)
    assert adam_step(param, grad, adam_state(param)).state.exp_avg[0] > 0


# Size, shape, blocks.


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_every_element_is_computed_by_itself(size: int) -> None:
    rng = np.random.default_rng(1)
    param, grad = (rng.standard_normal(size).astype(np.float32) for _ in range(2))
    with level("preconditions"):
        state = adam_state(param, amsgrad=True)
        whole = adamw_step(param, grad, state, amsgrad=True)
        for i in {0, size // 2, BLOCK - 1, BLOCK, size - 1} & set(range(size)):
            alone = param[i : i + 1]
            one = adamw_step(alone, grad[i : i + 1], adam_state(alone, amsgrad=True), amsgrad=True)
            assert oracle.same_bits(one.param, whole.param[i : i + 1])
            assert oracle.same_bits(one.state.max_exp_avg_sq, whole.state.max_exp_avg_sq[i : i + 1])
    assert whole.param.shape == (size,)


@given(st.data(), st.sampled_from([*DTYPES, BFLOAT16]), st.sampled_from(list(STEPS)))
def test_shapes_and_dtypes_are_kept_and_nothing_is_written_into(data: st.DataObject, dtype: Any, name: str) -> None:
    param = data.draw(array(np.float32, st.floats(-9, 9, width=16))).astype(dtype)
    grad, amsgrad = np.ones(param.shape, dtype), data.draw(st.booleans())
    state = adam_state(param, amsgrad=amsgrad)
    arrays = [
        x for x in (param, grad, *(getattr(state, f.name) for f in dataclasses.fields(state))) if hasattr(x, "dtype")
    ]
    before = [x.copy() for x in arrays]
    after = STEPS[name](param, grad, state, amsgrad=amsgrad)
    assert all(oracle.same_bits(x, y) for x, y in zip(arrays, before, strict=True))
    assert (after.param.shape, after.param.dtype) == (param.shape, param.dtype)
    assert after.state.exp_avg.shape == param.shape
    assert not any(np.shares_memory(x, y) for x in (after.param, after.state.exp_avg_sq) for y in arrays)


def test_going_on_from_a_state_is_the_same_run() -> None:
    param, grads = np.array([1.5, -0.25, 0, 3]), gradients("plain", np.float64, 20)
    whole = run(adamw_step, param, grads)
    half = run(adamw_step, param, grads[:9])
    saved = AdamState(half.state.step, *(None if x is None else x.copy() for x in list(vars(half.state).values())[1:]))
    resumed = Stepped(half.param.copy(), saved)
    for grad in grads[9:]:
        resumed = adamw_step(resumed.param, grad, resumed.state)
    assert oracle.same_bits(whole.param, resumed.param)
    assert oracle.same_bits(whole.state.exp_avg_sq, resumed.state.exp_avg_sq)


# What is not finite, and the ends of the range.


def test_a_gradient_that_is_not_finite_spoils_its_own_element_only() -> None:
    param, grad = np.ones(4, np.float32), np.array([np.nan, np.inf, -np.inf, 1], np.float32)
    after = adam_step(param, grad, adam_state(param))
    assert np.isnan(after.param[:3]).all()
    assert np.isfinite(after.param[3])
    assert oracle.same_bits(after.param[3:], adam_step(param[3:], grad[3:], adam_state(param[3:])).param)


def test_a_square_that_overflows_is_averaged_all_the_same() -> None:
    grad = np.array([2e19], np.float32)  # its square is 4e38, more than float32 holds
    with np.errstate(over="ignore"):
        assert np.isinf(np.float32(0.001) * (grad * grad))
    assert np.isfinite(second_moment(np.zeros(1, np.float32), grad, np.float64(0.999)))
    assert np.abs(adam_step(np.zeros(1, np.float32), grad, adam_state(grad)).param) == pytest.approx(1e-3)


def test_the_corrected_root_does_not_overflow() -> None:
    param, grad = np.zeros(1, np.float32), np.array([3e20], np.float32)
    state = AdamState(0, np.zeros(1, np.float32), np.zeros(1, np.float32))
    with np.errstate(over="ignore"):
        v = second_moment(state.exp_avg_sq, grad, np.float64(0.999))
        assert np.isinf(v / np.float32(0.001))
    assert np.isfinite(adam_step(param, grad, state).param)


# Contracts.


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_a_step_that_is_not_the_one_written_out_is_noticed(step: Callable[..., Stepped]) -> None:
    (clause,) = postconditions(step)
    param = np.array([1.0, 2])
    right = step(param, param, adam_state(param))
    given_arguments = {"param": param, "grad": param, "state": adam_state(param), "lr": 1e-3, "betas": (0.9, 0.999)}
    given_arguments |= {"eps": 1e-8, "amsgrad": False, "maximize": False}
    given_arguments["weight_decay"] = 1e-2 if step is adamw_step else 0.0
    assert clause.condition(result=right, **given_arguments)
    for wrong in (
        right._replace(param=np.nextafter(right.param, 9)),
        right._replace(state=dataclasses.replace(right.state, step=0)),
        right._replace(state=dataclasses.replace(right.state, exp_avg=np.nextafter(right.state.exp_avg, 9))),
        right._replace(state=dataclasses.replace(right.state, max_exp_avg_sq=np.zeros(2))),
    ):
        assert not clause.condition(result=wrong, **given_arguments)


def test_a_broken_clause_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "maximum", np.minimum)
    with pytest.raises(ContractViolation, match="largest_second_moment breaks its clause ADAM-4"):
        largest_second_moment(np.ones(1), np.zeros(1))


def test_an_average_outside_of_zero_to_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"beta must be at least 0 and less than 1, got 1\.0"):
        first_moment(np.ones(1), np.ones(1), np.float64(1))
