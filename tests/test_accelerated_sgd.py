"""The kernels of SGD give the bits of the reference: any floats, any size, layout and order of threads; in place and in lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from host_calls import ORDERS
from hypothesis import given
from hypothesis import strategies as st
from kernel_steps import (
    CASES,
    LAYOUTS,
    PAIRS,
    SIZES,
    Case,
    assert_same_step,
    copied,
    laid_out,
    quietly,
    relaid,
    written,
)
from steps import gradients, start

from accelerated import host
from accelerated.sgd import SGD, SGDState, sgd_state, sgd_step, sgd_step_, sgd_steps, sgd_steps_
from reference import sgd as reference

OPTIONS: list[dict[str, Any]] = [
    {},
    {"lr": 0.01, "weight_decay": 0.1},
    {"lr": 0.01, "maximize": True},
    {"lr": 0.01, "momentum": 0.9},
    {"lr": 0.01, "momentum": 0.9, "dampening": 0.3},
    {"lr": 0.01, "momentum": 0.5, "nesterov": True, "weight_decay": 0.2, "maximize": True},
]
EXTREME: list[dict[str, Any]] = [
    {"lr": 1e39},  # beyond float32
    {
        "lr": 1e-60,
        "weight_decay": 1e-60,
    },  # 0 in float32, but no decay of 0: g + 0 θ is not g where g is -0 or θ infinite
    {"lr": 0, "momentum": 1 - 2**-53, "dampening": 1 - 2**-53},
    {"lr": np.float32(0.1), "momentum": np.float16(0.5), "weight_decay": 3},
]


def state_of(case: Case, begun: bool) -> SGDState:
    return SGDState(3 if begun else 0, case.array(3) if begun else None, case.master())


@given(CASES, st.sampled_from([*OPTIONS, *EXTREME]), st.booleans(), st.sampled_from([1, 32, 256]))
def test_every_bit_is_that_of_the_reference(case: Case, options: dict[str, Any], begun: bool, threads: int) -> None:
    param, grad, state = case.param(), case.grad(), state_of(case, begun)
    with host.running(case.seed, threads=threads):
        found = quietly(sgd_step, param, grad, state, **options)
    assert_same_step(found, quietly(reference.sgd_step, param, grad, state, **options))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_size_in_every_order(pair: Any, size: int) -> None:
    case = Case(size, *pair, size)
    param, grad, state = case.param(), case.grad(), state_of(case, True)
    wanted = quietly(reference.sgd_step, param, grad, state, **OPTIONS[-1])
    for order in ORDERS:
        for threads in (1, 64, 256):
            with host.running(order, threads=threads):
                assert_same_step(quietly(sgd_step, param, grad, state, **OPTIONS[-1]), wanted)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_layout(pair: Any, layout: str) -> None:
    case = Case(38, *pair, 5)
    param, grad, state = (
        laid_out(case.param(), layout),
        laid_out(case.grad(), layout),
        relaid(state_of(case, True), layout),
    )
    kept = param.copy(), grad.copy(), copied(state)
    found = quietly(sgd_step, param, grad, state, **OPTIONS[3])
    assert_same_step(found, quietly(reference.sgd_step, *kept, **OPTIONS[3]))
    assert not any(np.shares_memory(array, param) or np.shares_memory(array, grad) for array in written(found))
    if layout == "read-only":
        with pytest.raises(ValueError, match="param must be writeable for a step in place, got a read-only array"):
            sgd_step_(param, grad, state, **OPTIONS[3])
        return
    in_place = quietly(sgd_step_, param, grad, state, **OPTIONS[3])
    assert_same_step(in_place, found)
    assert in_place.param is param
    assert in_place.state.momentum_buffer is state.momentum_buffer
    assert in_place.state.master is state.master


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (3, 1, 2), (0, 4)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    param = np.ones(shape, np.float32)
    found = sgd_step(param, param, sgd_state(param), lr=0.5, momentum=0.5)
    assert_same_step(found, reference.sgd_step(param, param, sgd_state(param), lr=0.5, momentum=0.5))


def test_a_scalar_is_an_array_that_cannot_be_written_over() -> None:
    one = np.float32(1)
    found = sgd_step(one, one, sgd_state(one), lr=0.5)
    assert (found.param.shape, float(found.param)) == ((), 0.5)
    with pytest.raises(TypeError, match="param must be an array for a step in place, got a scalar of float32"):
        sgd_step_(one, one, sgd_state(one))


@pytest.mark.parametrize("in_place", [False, True])
def test_lists_of_many_small_parameters_of_all_dtypes(in_place: bool) -> None:
    rng = np.random.default_rng(3)
    cases = [Case(int(rng.integers(0, 40)), *PAIRS[k % len(PAIRS)], k) for k in range(120)]
    cases += [Case(size, *PAIRS[0], size) for size in (5000, 4096, 12289)]
    params, grads = [case.param() for case in cases], [case.grad() for case in cases]
    states = [state_of(case, begun=k % 3 > 0) for k, case in enumerate(cases)]
    wanted = [
        quietly(reference.sgd_step, param.copy(), grad, copied(state), **OPTIONS[-1])
        for param, grad, state in zip(params, grads, states, strict=True)
    ]
    with host.running(9):
        found = quietly(sgd_steps_ if in_place else sgd_steps, params, grads, states, **OPTIONS[-1])
    for own, other in zip(found, wanted, strict=True):
        assert_same_step(own, other)
    assert all((own.param is param) == in_place for own, param in zip(found, params, strict=True))


def test_an_empty_list_is_a_list() -> None:
    assert sgd_steps([], [], []) == []


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_the_optimizer_makes_the_same_steps(dtype: Any, options: dict[str, Any]) -> None:
    param = start(dtype)
    ours, theirs = SGD([param], **options), reference.SGD([param], **options)
    for grad in gradients(dtype, 20):
        assert np.array_equal(ours.step([grad])[0], theirs.step([grad])[0])
    assert ours.state_dict()["state"][0]["step"] == 20


# Errors.

PARAM = np.ones(4, np.float32)
STATE = sgd_state(PARAM)


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (([1.0], PARAM, STATE), {}),
        ((PARAM.astype(np.int32), PARAM, STATE), {}),
        ((PARAM, PARAM[:2], STATE), {}),
        ((PARAM, PARAM.astype(np.float64), STATE), {}),
        ((PARAM, PARAM, None), {}),
        ((PARAM, PARAM, SGDState(-1)), {}),
        ((PARAM, PARAM, SGDState(0, PARAM[:1])), {}),
        ((PARAM.astype(np.float16), PARAM, SGDState(0, None, 2 * PARAM)), {}),
        ((PARAM, PARAM, STATE), {"lr": -1}),
        ((PARAM, PARAM, STATE), {"momentum": 1.0}),
        ((PARAM, PARAM, STATE), {"nesterov": True}),
        ((PARAM, PARAM, STATE), {"maximize": 1}),
    ],
)
def test_errors_are_those_of_the_reference(arguments: Any, settings: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as wanted:
        reference.sgd_step(*arguments, **settings)
    for step in (sgd_step, sgd_step_):
        with pytest.raises(wanted.type) as found:
            step(*arguments, **settings)
        assert str(found.value) == str(wanted.value)
    good = (PARAM.copy(), PARAM, STATE)
    name = "" if settings else "params[1]: "
    for steps in (sgd_steps, sgd_steps_):
        with pytest.raises(wanted.type) as found:
            steps(*map(list, zip(good, arguments, strict=True)), **settings)
        assert str(found.value) == name + str(wanted.value)


def test_a_setting_of_no_name_is_refused() -> None:
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'beta'"):
        sgd_step(PARAM, PARAM, STATE, beta=0.5)
    with pytest.raises(TypeError, match="missing a required argument: 'state'"):
        sgd_step(PARAM, PARAM)


@pytest.mark.parametrize(
    ("lists", "error", "message"),
    [
        ((PARAM, [PARAM], [STATE]), TypeError, "params must be a list, got ndarray"),
        (([PARAM], [], [STATE]), ValueError, "grads must have the length of params, 1, got 0"),
        (([PARAM], [PARAM], [STATE, STATE]), ValueError, "states must have the length of params, 1, got 2"),
    ],
)
def test_lists_that_do_not_fit_are_named(lists: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sgd_steps(*lists)


def test_memory_that_is_shared_is_refused_in_place() -> None:
    room = np.ones(16, np.float32)
    one, other = sgd_state(room[:8]), sgd_state(room[:8])
    message = "a step in place needs arrays of their own, but {} and {} overlap in memory"
    with pytest.raises(ValueError, match=message.format(r"params\[0\]: param", r"params\[1\]: param")):
        sgd_steps_([room[:8], room[7:15]], [np.ones(8, np.float32)] * 2, [one, other])
    with pytest.raises(ValueError, match=message.format("param", "grad")):
        sgd_step_(room[:8], room[:8], one)
    halves = sgd_steps_([room[::2], room[1::2]], [np.ones(8, np.float32)] * 2, [one, other], lr=0.5)
    assert np.all(room == 0.5)  # every other element is an array of its own
    assert [each.state.step for each in halves] == [1, 1]


def test_the_functions_say_what_they_are() -> None:
    assert [each.__name__ for each in (sgd_step, sgd_steps, sgd_step_, sgd_steps_)] == [
        *("sgd_step", "sgd_steps", "sgd_step_", "sgd_steps_"),
    ]
    assert "reference.sgd.sgd_step" in (sgd_step.__doc__ or "")
    assert "written over" in (sgd_steps_.__doc__ or "")


def watched_steps(pairs: Any, options: dict[str, Any]) -> Any:
    """A few steps of parameters of these dtypes, with blocks of 32 threads."""
    cases = [Case(size, *pair, size) for pair in pairs for size in (1, 37, 4099)]
    members = [
        [case.param() for case in cases],
        [case.grad() for case in cases],
        [state_of(case, True) for case in cases],
    ]
    with host.running(5, threads=32):
        return quietly(sgd_steps, *members, **options)


@pytest.mark.parametrize("sanitizer", host.SANITIZERS)
def test_sanitizers_find_nothing(sanitizer: str) -> None:
    report = host.sanitized(sanitizer, watched_steps, PAIRS, OPTIONS[-1])
    assert report.findings == ()
    for found, wanted in zip(report.result, watched_steps(PAIRS, OPTIONS[-1]), strict=True):
        assert_same_step(found, wanted)
