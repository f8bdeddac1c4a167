"""Clipping and Adam in one launch give the bits of clipping, then Adam; where a gradient is not finite, nothing changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from host_calls import ORDERS
from hypothesis import given
from hypothesis import strategies as st
from kernel_steps import BFLOAT16, assert_same_step, copied
from strategies import finite_floats

from accelerated import clipped_adam, host
from accelerated.launch import CHUNK
from reference import adam as reference
from reference.clipping import clip_by_global_norm
from reference.contracts import ContractViolation, level

PAIRS = [
    (np.float32, np.float32),
    (np.float64, np.float64),
    (np.float16, np.float16),
    (np.float16, np.float32),
    (BFLOAT16, np.float32),
]
KINDS = {"clipped_adam_steps": reference.adam_step, "clipped_adamw_steps": reference.adamw_step}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.1},
    {"amsgrad": True, "maximize": True, "weight_decay": 0.5, "eps": 1e-3},
]


def members(pair: Any, sizes: Any, amsgrad: bool, seed: int = 0) -> tuple[list[Any], list[Any], list[Any]]:
    """Parameters, gradients and states after a step."""
    rng = np.random.default_rng(seed)
    params = [rng.standard_normal(size).astype(pair[0]) for size in sizes]
    grads = [rng.standard_normal(size).astype(pair[1]) for size in sizes]
    begun = [reference.adam_state(param, amsgrad=amsgrad) for param in params]
    steps = [
        reference.adam_step(*each, lr=0.1, amsgrad=amsgrad) for each in zip(params, grads[::-1], begun, strict=True)
    ]
    return [each.param for each in steps], grads, [each.state for each in steps]


def wanted(
    kind: str, params: Any, grads: Any, states: Any, max_norm: float, options: Any, norm_type: float = 2.0
) -> Any:
    clipped = clip_by_global_norm(grads, max_norm, norm_type)
    every = zip(params, clipped.grads, states, strict=True)
    return [KINDS[kind](*each, **options) for each in every], clipped.norm


def assert_same(found: Any, steps: Any, norm: Any) -> None:
    assert type(found.norm) is np.float64 and found.norm == norm
    for own, other in zip(found.steps, steps, strict=True):
        assert_same_step(own, other)


@pytest.mark.parametrize("options", OPTIONS, ids=["defaults", "decay", "all"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_bit_is_that_of_clipping_and_then_a_step(pair: Any, kind: str, options: dict[str, Any]) -> None:
    large = CHUNK + 1 if pair == PAIRS[0] and not options else 33
    params, grads, states = members(pair, (5, 0, large, large, 0, 5), options.get("amsgrad", False))
    with level("preconditions"):
        for max_norm, norm_type in ((1.0, 2.0), (1e6, 2.0), (0.1, 1.0), (0.1, np.inf)):
            steps, norm = wanted(kind, params, grads, states, max_norm, options, norm_type)
            for order in ORDERS[:3]:
                with host.running(order, threads=32):
                    function = getattr(clipped_adam, kind)
                    found = function(params, grads, states, max_norm=max_norm, norm_type=norm_type, **options)
                assert_same(found, steps, norm)


@given(st.lists(finite_floats(np.float32), min_size=1, max_size=9), st.floats(1e-300, 1e300), st.sampled_from(PAIRS))
def test_any_gradient_and_bound(values: list[float], max_norm: float, pair: Any) -> None:
    with np.errstate(over="ignore"):
        grad = np.nan_to_num(np.array(values).astype(pair[1]))
    param = np.ones(grad.size, pair[0])
    given = [param], [grad], [reference.adam_state(param)]
    with level("preconditions"):
        found = clipped_adam.clipped_adamw_steps(*given, max_norm=max_norm)
        assert_same(found, *wanted("clipped_adamw_steps", *given, max_norm, {}))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_in_place(pair: Any, kind: str) -> None:
    params, grads, states = members(pair, (3, 40, 3), True)
    kept = [param.copy() for param in params], grads, [copied(state) for state in states]
    options = {"amsgrad": True, "weight_decay": 0.1}
    found = getattr(clipped_adam, f"{kind}_")(params, grads, states, max_norm=0.5, **options)
    assert_same(found, *wanted(kind, *kept, 0.5, options))
    assert all(step.param is param for step, param in zip(found.steps, params, strict=True))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_where_a_gradient_is_not_finite_nothing_changes(pair: Any, bad: float) -> None:
    params, grads, states = members(pair, (3, 40, 3), True)
    grads[1][7] = bad
    kept = [param.copy() for param in params], [copied(state) for state in states]
    for name in ("clipped_adamw_steps", "clipped_adamw_steps_"):
        function = getattr(clipped_adam, name)
        with pytest.raises(ValueError, match=rf"^grads\[1\]\[7\] must be finite, got {bad}$"):
            function(params, grads, states, max_norm=1.0, amsgrad=True)
        found = function(params, grads, states, max_norm=1.0, amsgrad=True, error_if_nonfinite=False)
        assert np.isnan(found.norm)
        for step, param, state in zip(found.steps, *kept, strict=True):
            assert step.state.step == state.step + 1
            for own, other in ((step.param, param), *((getattr(step.state, k), x) for k, x in arrays_of(state))):
                assert own.tobytes() == other.tobytes()
        assert all(own.tobytes() == other.tobytes() for own, other in zip(params, kept[0], strict=True))


def arrays_of(state: Any) -> list[tuple[str, Any]]:
    return [(name, x) for name, x in vars(state).items() if hasattr(x, "dtype")]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_norm": 0.0}, "max_norm must be greater than 0, got 0.0"),
        ({"max_norm": 1.0, "norm_type": 3}, "norm_type must be 1, 2 or inf, got 3"),
        ({"max_norm": 1.0, "lr": -1.0}, "lr must"),
        ({"max_norm": 1.0, "amsgrad": True}, r"params\[0\]: state\.max_exp_avg_sq must"),
    ],
)
def test_errors_name_the_argument_and_change_nothing(settings: dict[str, Any], message: str) -> None:
    params, grads, states = members(PAIRS[0], (3, 3), False)
    kept = [param.copy() for param in params]
    for name in ("clipped_adam_steps", "clipped_adam_steps_"):
        with pytest.raises((TypeError, ValueError), match=message):
            getattr(clipped_adam, name)(params, grads, states, **settings)
    assert all(own.tobytes() == other.tobytes() for own, other in zip(params, kept, strict=True))


def test_gradients_of_two_dtypes_have_no_norm() -> None:
    params = [np.ones(3, np.float32), np.ones(3, np.float64)]
    states = [reference.adam_state(param) for param in params]
    with pytest.raises(TypeError, match=r"grads\[1\] must have the dtype of grads\[0\], float32, got float64"):
        clipped_adam.clipped_adam_steps(params, params, states, max_norm=1.0)


def test_the_bound_is_required() -> None:
    with pytest.raises(TypeError, match="max_norm"):
        clipped_adam.clipped_adam_steps([], [], [])


def test_with_all_contracts_on_the_step_is_held_to_its_clause(monkeypatch: pytest.MonkeyPatch) -> None:
    params, grads, states = members(PAIRS[0], (3,), False)
    with level("all"):
        clipped_adam.clipped_adam_steps(params, grads, states, max_norm=0.1)
        monkeypatch.setattr(clipped_adam.reference, "clip_by_global_norm", lambda grads, *more: Unclipped(grads))
        with pytest.raises(ContractViolation, match="ADAM-14"):
            clipped_adam.clipped_adam_steps(params, grads, states, max_norm=0.1)


class Unclipped:
    def __init__(self, grads: Any) -> None:
        self.grads = grads


def watched() -> Any:
    params, grads, states = members(PAIRS[2], (3, 70, 3), True)
    with host.running(3, threads=32):
        return clipped_adam.clipped_adamw_steps(params, grads, states, max_norm=0.5, amsgrad=True).steps


@pytest.mark.parametrize("sanitizer", host.SANITIZERS)
def test_sanitizers_find_nothing(sanitizer: str) -> None:
    report = host.sanitized(sanitizer, watched)
    assert report.findings == ()
    for own, other in zip(report.result, watched(), strict=True):
        assert_same_step(own, other)
