"""Recorded functions: the same bits in memory that is there, few buffers, and errors for what cannot be recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_steps import any_floats
from oracle import same_bits

from reference.recorded import Place, Runner, planned, record

FLOAT32 = np.dtype(np.float32)


def cubic(x: Any, y: Any) -> list[Any]:
    z = x * y + np.float32(0.5) * x
    return [z * z - y, z]


def chosen(x: Any, y: Any) -> list[Any]:
    return [np.where(x > 0, np.sqrt(x), np.where(y < x, y + 1, -x)), y]


def cast(x: Any, y: Any) -> list[Any]:
    return [(x / y).astype(np.float16).astype(np.float64) * 3, np.maximum(x, y).astype(ml_dtypes.bfloat16)]


def through(x: Any, y: Any) -> list[Any]:
    return [x, None]


def twice(x: Any, y: Any) -> list[Any]:
    z = x - y
    return [z, z]


def old_values(x: Any, y: Any) -> list[Any]:
    new = x + y
    return [new, new * x]  # x is read after its successor was made


FUNCTIONS: list[Callable[..., list[Any]]] = [cubic, chosen, cast, through, twice, old_values]


def run(function: Callable[..., Sequence[Any]], inputs: list[Any], own: list[int | None], size: int) -> list[Any]:
    """The results, in the memory of the inputs that ``own`` names or in memory of their own."""
    recorded = record(function, [x.dtype for x in inputs])
    wanted = function(*inputs)
    outputs = [
        None if x is None else inputs[k] if k is not None else np.empty_like(x)
        for x, k in zip(wanted, own, strict=True)
    ]
    Runner(planned(recorded.recording, tuple(own)), recorded.constants, size).run(inputs, outputs)
    return outputs


@pytest.mark.parametrize("function", FUNCTIONS)
@given(st.integers(0, 2**20), st.integers(1, 40))
def test_every_bit_is_that_of_the_function(function: Callable[..., list[Any]], seed: int, size: int) -> None:
    x, y = any_floats(size, np.float32, seed), any_floats(size, np.float32, seed + 1)
    with np.errstate(all="ignore"):
        wanted = [None if each is None else each.copy() for each in function(x, y)]
        for own in ([None, None], [0, None], [0, 1], [None, 1]):
            fits = all(
                k is None or (each is not None and each.dtype == FLOAT32) for each, k in zip(wanted, own, strict=True)
            )
            if not fits or (function is through and own != [0, None]):
                continue
            found = run(function, [x.copy(), y.copy()], list(own), size)
            for one, other in zip(found, wanted, strict=True):
                assert one is other is None or same_bits(one, other)


def test_results_stand_where_nothing_is_read_any_more() -> None:
    plan = planned(record(cubic, [FLOAT32, FLOAT32]).recording, (0, 1))
    assert [step.target for step in plan.steps].count(Place("destination", 0)) > 1
    assert len(plan.buffers) <= 2
    assert planned(record(lambda x: [np.sqrt(x) / 2 + 1], [FLOAT32]).recording, (0,)).buffers == []


def test_what_no_result_needs_is_not_computed() -> None:
    def idle(x: Any) -> list[Any]:
        np.sqrt(x)
        return [x + 1]

    assert [step.function for step in planned(record(idle, [FLOAT32]).recording, (0,)).steps] == [np.add]


def test_results_may_not_change_places() -> None:
    recording = record(lambda x, y: [y, x], [FLOAT32, FLOAT32]).recording
    with pytest.raises(TypeError, match="an input in whose memory another result is to stand"):
        planned(recording, (0, 1))
    assert len(planned(recording, (None, None)).copies) == 2


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: [x if x > 0 else -x], "must not depend on the elements"),
        (lambda x: [np.add(x, 1, out=x)], "add: only ufuncs with one result, called without options"),
        (lambda x: [np.add.reduce(x)], "add: only ufuncs with one result"),
        (lambda x: list(np.frexp(x)), "frexp: only ufuncs with one result"),
        (lambda x: [np.sum(x)], "sum cannot be recorded"),
        (lambda x: [np.clip(x, 0, 1)], "clip cannot be recorded"),
        (lambda x: [np.asarray(x)], "what is recorded has no elements"),
        (lambda x: [x + np.ones(3, np.float32)], "arrays of one shape and numbers"),
    ],
)
def test_what_cannot_be_recorded_is_an_error(function: Callable[..., list[Any]], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        record(function, [FLOAT32])


def test_one_plan_serves_all_constants() -> None:
    recorded = [record(lambda x, k=k: [x * np.float32(k)], [FLOAT32]) for k in (2, 3)]
    assert planned(recorded[0].recording, (None,)) is planned(recorded[1].recording, (None,))
    for k, each in zip((2, 3), recorded, strict=True):
        out = np.empty(2, np.float32)
        Runner(planned(each.recording, (None,)), each.constants, 2).run([np.ones(2, np.float32)], [out])
        assert list(out) == [k, k]
