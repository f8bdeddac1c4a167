"""Optimizers as a whole: groups, gradients that are missing, saving and loading, and that nothing is ever half done."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import oracle
import pytest
from steps import gradients, start

from proofs.optimizer.lists import arrays_of
from reference.adam_classes import Adam, AdamW
from reference.lion import Lion
from reference.optimizer import Optimizer, as_groups, master_copy
from reference.optimizer.clauses import exact_where, is_near, largest_of, least_of, unit_of
from reference.rmsprop import RMSprop
from reference.sgd import SGD

BFLOAT16 = ml_dtypes.bfloat16
KINDS: dict[str, Callable[..., Optimizer]] = {
    "SGD": lambda params, **settings: SGD(params, **{"momentum": 0.9, "weight_decay": 0.1, **settings}),
    "RMSprop": lambda params, **settings: RMSprop(params, **{"momentum": 0.9, "centered": True, **settings}),
    "Lion": lambda params, **settings: Lion(params, **{"weight_decay": 0.1, **settings}),
    "Adam": lambda params, **settings: Adam(params, **{"amsgrad": True, "weight_decay": 0.1, **settings}),
    "AdamW": lambda params, **settings: AdamW(params, **settings),
}
SHAPES = [(4,), (2, 3), (), (5,)]
DTYPES = [np.float32, np.float16, np.float64, BFLOAT16]
each_kind = pytest.mark.parametrize("kind", KINDS)


def params_of_all_dtypes() -> list[Any]:
    return [
        start(np.float64, int(np.prod(shape))).reshape(shape).astype(dtype)
        for shape, dtype in zip(SHAPES, DTYPES, strict=True)
    ]


def grads_of_all_dtypes(count: int, seed: int = 0) -> list[list[Any]]:
    streams = [
        gradients(dtype, count, int(np.prod(shape)), seed + k)
        for k, (shape, dtype) in enumerate(zip(SHAPES, DTYPES, strict=True))
    ]
    return [
        [grad.reshape(shape) for grad, shape in zip(row, SHAPES, strict=True)] for row in zip(*streams, strict=True)
    ]


def everything(optimizer: Optimizer) -> list[Any]:
    return [*optimizer.params, *(array for state in optimizer.states for array in arrays_of(state))]


def same(one: Optimizer, other: Optimizer) -> bool:
    counts = [state.step for state in one.states] == [state.step for state in other.states]
    return counts and all(oracle.same_bits(a, b) for a, b in zip(everything(one), everything(other), strict=True))


# Groups and lists.


@each_kind
def test_a_step_of_a_list_is_the_list_of_the_steps(kind: str) -> None:
    params = params_of_all_dtypes()
    together, alone = KINDS[kind](params), [KINDS[kind]([param]) for param in params]
    for grads in grads_of_all_dtypes(10):
        found = together.step(grads)
        single = [each.step([grad])[0] for each, grad in zip(alone, grads, strict=True)]
        assert all(oracle.same_bits(a, b) for a, b in zip(found, single, strict=True))


@each_kind
def test_neither_order_nor_grouping_changes_a_bit(kind: str) -> None:
    params, steps = params_of_all_dtypes(), grads_of_all_dtypes(10)
    order = [2, 0, 3, 1]
    plain = KINDS[kind](params)
    shuffled = KINDS[kind]([{"params": [params[order[0]]]}, {"params": [params[i] for i in order[1:]]}])
    for grads in steps:
        plain.step(grads)
        shuffled.step([grads[i] for i in order])
    assert all(oracle.same_bits(shuffled.params[place], plain.params[i]) for place, i in enumerate(order))


@each_kind
def test_settings_of_a_group_are_its_own(kind: str) -> None:
    params = [np.ones(2), np.ones(2)]
    optimizer = KINDS[kind]([{"params": params[:1], "lr": 0.5}, {"params": params[1:]}], lr=0.25)
    optimizer.step(params)
    for param, lr in zip(optimizer.params, (0.5, 0.25), strict=True):
        assert oracle.same_bits(param, KINDS[kind]([np.ones(2)], lr=lr).step([np.ones(2)])[0])
    assert [group["params"] for group in optimizer.param_groups] == [[0], [1]]
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.25]


def test_settings_may_change_between_steps() -> None:
    optimizer = SGD([np.zeros(1)], lr=1.0)
    optimizer.step([np.ones(1)])
    optimizer.param_groups[0]["lr"] = 0.5
    assert optimizer.step([np.ones(1)])[0][0] == -1.5
    optimizer.param_groups[0]["lr"] = -1.0
    with pytest.raises(ValueError, match=r"params\[0\]: lr must be finite and at least 0"):
        optimizer.step([np.ones(1)])
    assert optimizer.params[0][0] == -1.5


@each_kind
def test_a_missing_gradient_leaves_everything_alone(kind: str) -> None:
    optimizer = KINDS[kind](params_of_all_dtypes())
    first, second = grads_of_all_dtypes(2)
    optimizer.step(first)
    before, states = optimizer.params, optimizer.states
    optimizer.step([second[0], None, None, second[3]])
    assert [state.step for state in optimizer.states] == [2, 1, 1, 2]
    for index in (1, 2):
        assert optimizer.params[index] is before[index]
        assert optimizer.states[index] is states[index]


@each_kind
def test_a_parameter_that_joins_later_begins_its_own_count(kind: str) -> None:
    optimizer = KINDS[kind]([np.ones(2)])
    optimizer.step([np.ones(2)])
    optimizer.add_param_group({"params": [np.ones(3)], "lr": 0.25})
    optimizer.step([np.ones(2), np.ones(3)])
    assert [state.step for state in optimizer.states] == [2, 1]
    assert oracle.same_bits(optimizer.params[1], KINDS[kind]([np.ones(3)], lr=0.25).step([np.ones(3)])[0])


@each_kind
def test_arrays_of_the_caller_stay_as_they_are(kind: str) -> None:
    params, (grads, more) = params_of_all_dtypes(), grads_of_all_dtypes(2)
    kept = copy.deepcopy((params, grads))
    optimizer = KINDS[kind](params)
    first = optimizer.step(grads)
    snapshot = copy.deepcopy(first)
    for array in (*params, *grads):
        array[...] = 7  # what the caller does with them is no longer ours
    optimizer.step(more)
    assert all(oracle.same_bits(a, b) for a, b in zip(first, snapshot, strict=True))
    other = KINDS[kind](kept[0])
    other.step(kept[1])
    other.step(more)
    assert same(optimizer, other)


# Saving and loading.


@each_kind
@pytest.mark.parametrize("through", ["itself", "pickle"])
def test_to_save_load_and_go_on_is_never_to_have_stopped(kind: str, through: str) -> None:
    optimizer = KINDS[kind](params_of_all_dtypes())
    steps = grads_of_all_dtypes(12)
    for grads in steps[:6]:
        optimizer.step([grads[0], None if random.Random(len(grads)).random() < 0.5 else grads[1], *grads[2:]])
    saved = (optimizer.params, optimizer.state_dict())
    params, state = pickle.loads(pickle.dumps(saved)) if through == "pickle" else saved
    resumed = KINDS[kind](params, lr=0.75)
    resumed.load_state_dict(state)
    for grads in steps[6:]:
        optimizer.step(grads)
        resumed.step(grads)
    assert same(optimizer, resumed)
    assert optimizer.param_groups == resumed.param_groups


@each_kind
def test_what_was_saved_is_a_snapshot(kind: str) -> None:
    optimizer = KINDS[kind]([np.ones(2)])
    optimizer.step([np.ones(2)])
    saved = optimizer.state_dict()
    kept = copy.deepcopy(saved)
    optimizer.step([np.ones(2)])
    optimizer.param_groups[0]["lr"] = 0.0
    assert repr(saved) == repr(kept)
    resumed = KINDS[kind]([np.ones(2)])
    resumed.load_state_dict(saved)
    for array in saved["state"][0].values():
        if isinstance(array, np.ndarray):
            array[...] = 7
    saved["param_groups"][0]["lr"] = 7
    assert repr(resumed.state_dict()) == repr(kept)


def test_the_form_is_that_of_torch() -> None:
    optimizer = SGD([{"params": [np.ones(1), np.ones(2)]}, {"params": [np.ones(3)], "lr": 0.5}], momentum=0.9)
    optimizer.step([np.ones(1), None, np.ones(3)])
    saved = optimizer.state_dict()
    assert list(saved) == ["state", "param_groups"]
    assert [group["params"] for group in saved["param_groups"]] == [[0, 1], [2]]
    assert list(saved["state"]) == [0, 1, 2]
    assert all(list(state) == ["step", "momentum_buffer", "master"] for state in saved["state"].values())
    assert saved["state"][1] == {"step": 0, "momentum_buffer": None, "master": None}


def changed(saved: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    other = copy.deepcopy(saved)
    change(other)
    return other


LOADING: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda d: d.pop("state"), "state_dict lacks the key 'state'"),
    (lambda d: d.update(extra=1), "state_dict has the unexpected key 'extra'"),
    (lambda d: d["state"].pop(1), "state lacks the key 1"),
    (lambda d: d["state"].update({2: d["state"][1]}), "state has the unexpected key 2"),
    (lambda d: d["state"].update({0: []}), r"state\[0\] must be a dict, got list"),
    (lambda d: d["state"][0].pop("master"), r"state\[0\] lacks the key 'master'"),
    (lambda d: d["state"][0].update(exp_avg=1), r"state\[0\] has the unexpected key 'exp_avg'"),
    (lambda d: d["state"][0].update(step=-1), r"state\[0\]: state.step must be at least 0"),
    (lambda d: d["state"][0].update(step=2.0), r"state\[0\]: state.step must be a Python int, got float"),
    (
        lambda d: d["state"][0].update(momentum_buffer=np.ones(3, np.float32)),
        r"state\[0\]: .*buffer must have the shape",
    ),
    (lambda d: d["state"][0].update(momentum_buffer=np.ones(2)), r"state\[0\]: .*buffer must have the dtype float32"),
    (lambda d: d["state"][1].update(master=None), r"state\[1\]: state.master must be an array, got NoneType"),
    (
        lambda d: d["state"][1].update(master=np.full(2, 9, np.float32)),
        r"state\[1\]: param must be state.master rounded",
    ),
    (lambda d: d.update(param_groups={}), "param_groups must be a list of dicts, got dict"),
    (lambda d: d["param_groups"].append({}), "param_groups must hold 1 groups, got 2"),
    (lambda d: d["param_groups"][0].pop("lr"), r"param_groups\[0\] lacks the key 'lr'"),
    (lambda d: d["param_groups"][0].update(betas=1), r"param_groups\[0\] has the unexpected key 'betas'"),
    (lambda d: d["param_groups"][0].update(params=[0]), r"param_groups\[0\]\['params'\] must be \[0, 1\], got \[0\]"),
    (lambda d: d["param_groups"][0].update(lr=-1), r"state\[0\]: lr must be finite and at least 0"),
    (lambda d: d["param_groups"][0].update(nesterov=True, dampening=0.5), r"state\[0\]: nesterov needs"),
]


@pytest.mark.parametrize(("change", "message"), LOADING)
def test_what_does_not_fit_is_named_and_nothing_is_loaded(
    change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    params = [np.ones(2, np.float32), np.ones(2, np.float16)]
    optimizer = SGD(params, lr=0.5, momentum=0.5)
    saved = optimizer.state_dict()
    optimizer.step(params)
    before = repr((optimizer.params, optimizer.state_dict()))
    with pytest.raises((TypeError, ValueError), match=message):
        optimizer.load_state_dict(changed(optimizer.state_dict(), change))
    assert repr((optimizer.params, optimizer.state_dict())) == before
    with pytest.raises(ValueError, match=r"state\[1\]: param must be state.master rounded to float16"):
        optimizer.load_state_dict(saved)  # of other parameters
    assert repr((optimizer.params, optimizer.state_dict())) == before
    with pytest.raises(TypeError, match="state_dict must be a dict, got NoneType"):
        optimizer.load_state_dict(None)  # type: ignore[arg-type]


# Errors.


@each_kind
def test_a_bad_gradient_changes_nothing(kind: str) -> None:
    optimizer = KINDS[kind](params_of_all_dtypes())
    good, also = grads_of_all_dtypes(2)
    optimizer.step(good)
    before = [array.copy() for array in everything(optimizer)]
    for bad, message in (
        (np.ones(3, np.float32), r"params\[3\]: grad must have the shape of param, \(5,\), got \(3,\)"),
        (np.ones(5, np.float64), r"params\[3\]: grad must have the dtype bfloat16 or float32, got float64"),
        ([1.0] * 5, r"params\[3\]: grad must be an array, got list"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            optimizer.step([*also[:3], bad])
        assert all(oracle.same_bits(a, b) for a, b in zip(everything(optimizer), before, strict=True))
        assert [state.step for state in optimizer.states] == [1] * 4


def test_gradients_must_be_as_many_as_parameters() -> None:
    optimizer = SGD([np.ones(1), np.ones(1)])
    with pytest.raises(ValueError, match="grads must hold 2 gradients, one or None for each parameter, got 1"):
        optimizer.step([None])
    with pytest.raises(TypeError, match="grads must be a list with a gradient or None for each parameter, got ndarray"):
        optimizer.step(np.ones((2, 1)))  # type: ignore[arg-type]


@each_kind
def test_an_optimizer_without_parameters_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="params must hold at least one array or group, got an empty list"):
        KINDS[kind]([])
    with pytest.raises(TypeError, match="params must be a list of arrays or of dicts with 'params', got ndarray"):
        as_groups(np.ones(3))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([np.ones(1), 1.0], r"param_groups\[0\]\['params'\]\[1\] must be an array of .*, got float"),
        ([np.ones(1, np.int32)], r"param_groups\[0\]\['params'\]\[0\] must be an array of .*got dtype int32"),
        ([{"lr": 1.0}], r"param_groups\[0\] lacks 'params'"),
        ([{"params": np.ones(1)}], r"param_groups\[0\]\['params'\] must be a list of arrays, got ndarray"),
        ([{"params": [np.ones(1)]}, {"params": []}], r"param_groups\[1\]\['params'\] must hold at least one array"),
        ([{"params": [np.ones(1)], "beta": 1}], r"param_groups\[0\] has the unexpected key 'beta'; known are 'lr', "),
        ([{"params": [np.ones(1)], "lr": -1}], r"param_groups\[0\]\['params'\]\[0\]: lr must be finite and at least 0"),
        (
            [{"params": [np.ones(1)]}, np.ones(1)],
            r"param_groups\[0\]\['params'\]\[0\] must be an array of .*, got dict",
        ),
    ],
)
def test_bad_groups_are_named(params: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        SGD(params)


def test_a_bad_group_is_not_added() -> None:
    optimizer = SGD([np.ones(1)])
    for group, message in (
        ({"params": [np.ones(1)], "lr": np.nan}, r"param_groups\[1\]\['params'\]\[0\]: lr must be finite"),
        ({"params": [np.ones(1), None]}, r"param_groups\[1\]\['params'\]\[1\] must be an array"),
        ([np.ones(1)], r"param_groups\[1\] must be a dict with 'params', got list"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            optimizer.add_param_group(group)  # type: ignore[arg-type]
    assert (len(optimizer.params), len(optimizer.param_groups), len(optimizer.states)) == (1, 1, 1)


def test_groups_that_were_tampered_with_are_noticed() -> None:
    optimizer = SGD([np.ones(1)])
    optimizer.param_groups[0]["momentun"] = 0.9
    with pytest.raises(ValueError, match=r"param_groups\[0\] has the unexpected key 'momentun'"):
        optimizer.step([np.ones(1)])


@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16])
def test_a_master_copy_rounds_back(dtype: Any) -> None:
    param = np.array([0.1, -0.0, np.nan, np.inf, 6e-8], dtype)
    master = master_copy(param)
    assert master.dtype == np.float32
    assert np.array_equal(master.astype(dtype), param, equal_nan=True)
    assert master_copy(param.astype(np.float32)) is None


# What clauses about rounding are made of.


def test_units_and_least_numbers_are_those_of_the_format() -> None:
    assert unit_of(np.dtype(np.float16)) == Fraction(1, 1 << 11)
    assert unit_of(np.dtype(np.float32)) == Fraction(1, 1 << 24)
    assert least_of(np.dtype(np.float32)) == Fraction(1, 1 << 149)
    assert least_of(np.dtype(np.float64)) == Fraction(1, 1 << 1074)
    assert largest_of(np.dtype(np.float16)) == 65504


def test_what_is_near_is_finite_and_within_the_slack() -> None:
    found = np.array([1.0, 1.25, 0.75, 1.5, np.inf, np.nan])
    assert list(is_near(found, Fraction(1), Fraction(1, 4))) == [True, True, True, False, False, False]


def test_what_is_not_there_counts_as_0() -> None:
    x = np.array([np.nan, 0.5])
    assert list(exact_where(np.isfinite(x), x)[0]) == [0, Fraction(1, 2)]
    assert list(exact_where(np.array([True, True]), np.array([0.1, 2]))[0]) == [Fraction(0.1), 2]
