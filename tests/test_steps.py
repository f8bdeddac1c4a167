"""What holds for the step of every optimizer: master copies, what stays as it is, and its clauses for any floats."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import oracle
import pytest
from family import EVERY, FAMILY
from hypothesis import given
from hypothesis import strategies as st
from steps import NARROW, WORKING, gradients, run, start
from strategies import finite_floats

from proofs.optimizer.lists import arrays_of
from reference.contracts import level

every = pytest.mark.parametrize(("name", "options"), EVERY, ids=str)


@every
@pytest.mark.parametrize("dtype", NARROW)
def test_a_narrow_parameter_is_the_image_of_its_float32_run(name: str, options: dict[str, Any], dtype: Any) -> None:
    kind, param, grads = FAMILY[name], start(dtype), list(gradients(dtype, 50))
    wide = param.astype(np.float32)
    narrow = run(kind.step, kind.state(param, options), param, grads, **options)
    with level("preconditions"):  # of the same numbers, every clause is checked on the narrow run
        full = list(run(kind.step, kind.state(wide, options), wide, [x.astype(np.float32) for x in grads], **options))
    for (after, state), (theta, other) in zip(narrow, full, strict=True):
        assert oracle.same_bits(after, theta.astype(dtype))
        assert state.step == other.step
        *parts, master = arrays_of(state)
        assert oracle.same_bits(master, theta)
        assert all(oracle.same_bits(a, b) for a, b in zip(parts, arrays_of(other), strict=True))


@pytest.mark.parametrize("name", FAMILY)
def test_every_finite_bfloat16_rests(name: str) -> None:
    kind, options = FAMILY[name], {"momentum": 0.9} if name == "SGD" else {}
    decay = {"weight_decay": 0.0}
    values = np.arange(1 << 16, dtype=np.uint16).view(ml_dtypes.bfloat16)
    param = values[np.isfinite(values.astype(np.float32))]
    with level("preconditions"):
        after = kind.step(param, np.zeros(param.size, np.float32), kind.state(param, options), **options, **decay)
    assert np.array_equal(after.param, param)
    assert name == "Lion" or oracle.same_bits(after.param, param)  # Lion makes -0 a 0


@pytest.mark.parametrize("name", FAMILY)
@given(st.data())
def test_every_clause_holds_for_any_floats(name: str, data: st.DataObject) -> None:
    kind, dtype = FAMILY[name], data.draw(st.sampled_from([*WORKING, np.float16]))
    vectors = st.lists(finite_floats(dtype), min_size=2, max_size=2).map(lambda values: np.array(values, dtype))
    param, grad = data.draw(vectors), data.draw(vectors)
    options = data.draw(st.sampled_from(kind.options))
    with level("all"):
        first = kind.step(param, grad, kind.state(param, options), **options)
        kind.step(first.param, grad, first.state, **options)


@every
@pytest.mark.parametrize("dtype", [*WORKING, *NARROW])
def test_nothing_is_written_into(name: str, options: dict[str, Any], dtype: Any) -> None:
    kind, param, grad = FAMILY[name], start(dtype), next(gradients(dtype))
    first = kind.step(param, grad, kind.state(param, options), **options)
    given_arrays = [first.param, grad, *arrays_of(first.state)]
    kept = [array.copy() for array in given_arrays]
    kind.step(first.param, grad, first.state, **options)
    assert all(oracle.same_bits(a, b) for a, b in zip(given_arrays, kept, strict=True))


@pytest.mark.parametrize(("name", "options"), [each for each in EVERY if FAMILY[each[0]].planted], ids=str)
def test_a_planted_bug_of_no_name_is_none(name: str, options: dict[str, Any]) -> None:
    kind, param, grads = FAMILY[name], start(np.float32), list(gradients(np.float32, 5))
    assert kind.planted is not None
    ours = run(kind.step, kind.state(param, options), param, grads, **options)
    with np.errstate(all="ignore"):
        theirs = list(run(kind.planted("none"), kind.state(param, options), param, grads, **options))
    assert all(oracle.same_bits(a, b) for (a, _), (b, _) in zip(ours, theirs, strict=True))
