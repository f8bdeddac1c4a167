"""Steps in place: the bits of the pure step for every optimizer, wherever they are written; errors before anything is changed."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from family import EVERY, FAMILY
from hypothesis import given
from hypothesis import strategies as st
from kernel_steps import LAYOUTS, PAIRS, Case, assert_same_step, copied, laid_out, quietly, relaid
from steps import gradients, start

from proofs.optimizer.lists import arrays_of
from reference import adam, elementwise, in_place
from reference.adam import AdamState, adam_state, adamw_step
from reference.contracts import ContractViolation, level
from reference.in_place import adam_step_, adamw_step_, sgd_step_
from reference.lion import LionState
from reference.optimizer import Stepped
from reference.rmsprop import RMSpropState
from reference.sgd import SGDState, sgd_state, sgd_step

PARAM = np.ones(6, np.float32)
STEPS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    **{name: (kind.step, getattr(in_place, f"{kind.step.__name__}_")) for name, kind in FAMILY.items()},
    "epsilon hat": (adam.epsilon_hat_step, in_place.epsilon_hat_step_),
}
ALL = [*EVERY, ("epsilon hat", FAMILY["Adam"].options[-1])]


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Steps that are recorded and run in blocks of 7 elements, whatever their size."""
    monkeypatch.setattr(in_place, "FEW", 0)
    monkeypatch.setattr(in_place, "BLOCK", 7)
    return monkeypatch


def begun(name: str, param: Any, options: dict[str, Any]) -> Any:
    return FAMILY["Adam" if name == "epsilon hat" else name].state(param, options)


def arrays(step: Stepped) -> list[Any]:
    return [step.param, *arrays_of(step.state)]


def emptied(step: Stepped) -> Stepped:
    """Arrays like those of a result, with other numbers in them."""
    parts = {name: np.full_like(x, 7) for name, x in vars(step.state).items() if hasattr(x, "dtype")}
    return Stepped(np.full_like(step.param, 7), dataclasses.replace(step.state, **parts))


# The bits of the pure step.


@pytest.mark.parametrize(("name", "options"), ALL, ids=str)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("size", [1, 7, 30])
def test_every_bit_is_that_of_the_pure_step(
    name: str, options: dict[str, Any], pair: Any, size: int, blocks: pytest.MonkeyPatch
) -> None:
    pure, written = STEPS[name]
    param = start(pair[0], size)
    wanted = Stepped(param, begun(name, param, options))
    over, into = Stepped(param.copy(), copied(wanted.state)), Stepped(param.copy(), copied(wanted.state))
    with level("preconditions"):
        for grad in (each.astype(pair[1]) for each in gradients(pair[0], 3, size)):
            wanted = pure(wanted.param, grad, wanted.state, **options)
            given_arrays = arrays(over)
            over = written(over.param, grad, over.state, **options)
            assert all(any(old is new for new in arrays(over)) for old in given_arrays)
            kept, out = [x.copy() for x in arrays(into)], emptied(wanted)
            found = written(into.param, grad, into.state, out=out, **options)
            assert all(own is other for own, other in zip(arrays(found), arrays(out), strict=True))
            assert all(x.tobytes() == y.tobytes() for x, y in zip(arrays(into), kept, strict=True))
            into = found
            assert_same_step(over, wanted)
            assert_same_step(into, wanted)


ANY_STATES: dict[str, Callable[[Case, dict[str, Any]], Any]] = {
    "SGD": lambda case, options: SGDState(3, case.array(3), case.master()),
    "RMSprop": lambda case, options: RMSpropState(3, case.array(3), case.array(4), case.array(5), case.master()),
    "Lion": lambda case, options: LionState(3, case.array(3), case.master()),
}


def any_state(name: str, case: Case, options: dict[str, Any]) -> Any:
    if name in ANY_STATES:
        return ANY_STATES[name](case, options)
    largest = case.array(5) if options.get("amsgrad") else None
    return AdamState(3, case.array(3), case.array(4), largest, case.master())


@given(
    st.builds(
        lambda size, pair, seed: Case(size, *pair, seed), st.integers(0, 40), st.sampled_from(PAIRS), st.integers(0, 99)
    ),
    st.sampled_from(ALL),
    st.integers(1, 3),
    st.sampled_from([1, 5, 64]),
)
def test_any_floats_and_any_state(case: Case, kind: tuple[str, dict[str, Any]], threads: int, block: int) -> None:
    (name, options), (pure, written) = kind, STEPS[kind[0]]
    param, grad, state = case.param(), case.grad(), any_state(name, case, options)
    wanted = quietly(pure, param, grad, state, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_place, "FEW", 0)
        patch.setattr(in_place, "BLOCK", block)
        patch.setattr(elementwise, "THREADS", threads)
        found = quietly(written, param, grad, state, **options)
    assert_same_step(found, wanted)
    assert found.param is param


def test_large_parameters_as_they_are_shipped() -> None:
    size = 2 * in_place.BLOCK + 3
    param, grad = (np.random.default_rng(k).standard_normal(size).astype(np.float32) for k in range(2))
    state = adam_state(param)
    wanted = quietly(adamw_step, param, grad, state)
    found = quietly(adamw_step_, param, grad, state)
    assert found.param is param and found.state.exp_avg is state.exp_avg
    assert_same_step(found, wanted)


@pytest.mark.parametrize("layout", [each for each in LAYOUTS if each != "read-only"])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_layout(pair: Any, layout: str, blocks: pytest.MonkeyPatch) -> None:
    case, options = Case(38, *pair, 5), FAMILY["Adam"].options[-1]
    param, grad, state = case.param(), case.grad(), any_state("Adam", case, options)
    wanted = quietly(adam.adam_step, laid_out(param, layout), laid_out(grad, layout), relaid(state, layout), **options)
    for own_grad in (laid_out(grad, layout), np.ascontiguousarray(laid_out(grad, layout))):
        own, own_state = laid_out(param.copy(), layout), relaid(copied(state), layout)
        found = quietly(adam_step_, own, own_grad, own_state, **options)
        assert found.param is own and found.state.exp_avg is own_state.exp_avg
        assert_same_step(found, wanted)


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (3, 1, 2)])
def test_any_shape(shape: tuple[int, ...], blocks: pytest.MonkeyPatch) -> None:
    param = np.ones(shape, np.float32)
    wanted = adamw_step(param, 2 * np.ones(shape, np.float32), adam_state(param))
    found = quietly(adamw_step_, param, 2 * np.ones(shape, np.float32), adam_state(param))
    assert found.param is param
    assert_same_step(found, wanted)


def test_an_array_may_be_replaced_and_another_written_elsewhere(blocks: pytest.MonkeyPatch) -> None:
    param, grad = start(np.float32), next(gradients(np.float32))
    state = adam_state(param)
    wanted = adamw_step(param, grad, state)
    out = Stepped(param, dataclasses.replace(state, exp_avg=np.empty(24, np.float32)))
    found = quietly(adamw_step_, param, grad, state, out=out)
    assert_same_step(found, wanted)
    assert not state.exp_avg.any() and found.state.exp_avg_sq is state.exp_avg_sq


# Contracts.


def test_with_all_contracts_on_a_broken_clause_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    param, state = PARAM.copy(), adam_state(PARAM, amsgrad=True)
    with level("all"):
        assert_same_step(
            adam_step_(param, PARAM, copied(state), amsgrad=True), adam.adam_step(PARAM, PARAM, state, amsgrad=True)
        )
        param = PARAM.copy()
        monkeypatch.setattr(adam, "change", lambda exp_avg, divisor, step_size: exp_avg)
        with pytest.raises(ContractViolation, match="ADAM-14"):
            adam_step_(param, PARAM, state, amsgrad=True)
    assert np.array_equal(param, PARAM) and not state.exp_avg.any()


def test_signatures_are_those_of_the_pure_steps_with_out() -> None:
    for pure, written in STEPS.values():
        parameters = list(inspect.signature(written).parameters.values())
        assert parameters[:-1] == list(inspect.signature(pure).parameters.values())
        assert (parameters[-1].name, parameters[-1].default) == ("out", None)
        assert written.__name__ == f"{pure.__name__}_" and pure.__name__ in (written.__doc__ or "")


# Errors.


def frozen(array: Any) -> Any:
    found = array.copy()
    found.flags.writeable = False
    return found


STATE = adam_state(PARAM)
ROOM = np.ones(12, np.float32)


def state_with(**parts: Any) -> AdamState:
    return dataclasses.replace(adam_state(PARAM), **parts)


def like(**parts: Any) -> Stepped:
    param = parts.pop("param", np.empty(6, np.float32))
    moments = {name: np.empty(6, np.float32) for name in ("exp_avg", "exp_avg_sq")}
    return Stepped(param, AdamState(0, **{**moments, **parts}))


@pytest.mark.parametrize("few", [0, 100])
@pytest.mark.parametrize(
    ("arguments", "out", "error", "message"),
    [
        (
            (frozen(PARAM), PARAM, STATE),
            None,
            ValueError,
            "param must be writeable, for it is written over, got a read-only",
        ),
        (
            (PARAM, PARAM.copy(), state_with(exp_avg=frozen(PARAM))),
            None,
            ValueError,
            r"state\.exp_avg must be writeable",
        ),
        (
            (np.float32(1), np.float32(1), AdamState(0, np.float32(0), np.float32(0))),
            None,
            TypeError,
            "param must be an array.*scalar of float32",
        ),
        ((ROOM[:6], ROOM[:6], STATE), None, ValueError, "memory of its own, but param and grad overlap"),
        ((ROOM[:6], ROOM[3:9], STATE), None, ValueError, "memory of its own, but param and grad overlap"),
        (
            (PARAM, PARAM.copy(), state_with(exp_avg=ROOM[:6], exp_avg_sq=ROOM[1:7])),
            None,
            ValueError,
            r"state\.exp_avg and state\.exp_avg_sq overlap",
        ),
        (
            (PARAM, PARAM.copy(), STATE),
            PARAM,
            TypeError,
            "out must be a Stepped, a pair of param and state, got ndarray",
        ),
        (
            (PARAM, PARAM.copy(), STATE),
            Stepped(PARAM, sgd_state(PARAM)),
            TypeError,
            r"out\.state must be of the type AdamState, got SGDState",
        ),
        (
            (PARAM, PARAM.copy(), STATE),
            like(param=None),
            TypeError,
            r"out\.param must be an array, for it is written over, got NoneType",
        ),
        ((PARAM, PARAM.copy(), STATE), like(param=[0.0] * 6), TypeError, r"out\.param must be an array.*got list"),
        (
            (PARAM, PARAM.copy(), STATE),
            like(param=np.empty(6)),
            TypeError,
            r"out\.param must have the dtype float32, got float64",
        ),
        (
            (PARAM, PARAM.copy(), STATE),
            like(exp_avg=np.empty((2, 3), np.float32)),
            ValueError,
            r"out\.state\.exp_avg must have the shape of param, \(6,\), got \(2, 3\)",
        ),
        (
            (PARAM, PARAM.copy(), STATE),
            like(exp_avg_sq=frozen(PARAM)),
            ValueError,
            r"out\.state\.exp_avg_sq must be writeable",
        ),
        (
            (PARAM, PARAM.copy(), STATE),
            like(master=np.empty(6, np.float32)),
            ValueError,
            r"out\.state\.master must be None, for the step gives no such array",
        ),
        ((ROOM[:6], PARAM, STATE), like(param=ROOM[1:7]), ValueError, r"out\.param and param overlap"),
        (
            (PARAM, PARAM.copy(), state_with(exp_avg=ROOM[:6])),
            like(param=ROOM[:6]),
            ValueError,
            r"out\.param and state\.exp_avg overlap",
        ),
        (
            (PARAM, PARAM.copy(), STATE),
            like(exp_avg=ROOM[:6], exp_avg_sq=ROOM[5:11]),
            ValueError,
            r"out\.state\.exp_avg and out\.state\.exp_avg_sq overlap",
        ),
        ((PARAM, PARAM[:3], STATE), None, ValueError, "grad must have the shape of param"),
    ],
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_what_cannot_be_written_into_is_named_and_nothing_changes(
    arguments: Any, out: Any, error: type[Exception], message: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_place, "FEW", few)
    kept = ROOM.copy(), PARAM.copy()
    for name in ("preconditions", "all"):
        with level(name), pytest.raises(error, match=message):
            adamw_step_(*arguments, out=out)
    assert np.array_equal(ROOM, kept[0]) and np.array_equal(PARAM, kept[1]) and not STATE.exp_avg.any()


def test_settings_are_checked_as_by_the_pure_step() -> None:
    with pytest.raises(ValueError, match="lr must be finite and at least 0, got -1"):
        sgd_step_(PARAM.copy(), PARAM, sgd_state(PARAM), lr=-1)
    with pytest.raises(TypeError, match="momentun"):
        sgd_step_(PARAM.copy(), PARAM, sgd_state(PARAM), momentun=0.5)


def test_interleaved_arrays_are_arrays_of_their_own() -> None:
    room = np.ones(12, np.float32)
    found = sgd_step_(room[::2], room[1::2], sgd_state(room[::2]), lr=0.5)
    assert_same_step(found, sgd_step(np.ones(6, np.float32), np.ones(6, np.float32), sgd_state(PARAM), lr=0.5))
    assert list(room) == [0.5, 1] * 6
