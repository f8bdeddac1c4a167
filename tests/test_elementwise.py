"""Blocks change nothing: every element is computed by itself, and what is no array stays none."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from reference import elementwise
from reference.adam import next_step
from reference.contracts import bare, interpreted
from reference.elementwise import BLOCK, in_blocks


def sum_and_product(x: Any, y: Any) -> tuple[Any, ...]:
    return x + y, None, (x * y).astype(np.float32)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7])
def test_blocks_give_what_the_whole_gives(size: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(size), rng.standard_normal(size)
    total, nothing, product = in_blocks(sum_and_product, x, y)
    assert np.array_equal(total, x + y)
    assert nothing is None
    assert np.array_equal(product, (x * y).astype(np.float32))
    assert product.dtype == np.float32


@pytest.mark.parametrize("block", [1, 2, 3, 5, 6, 7])
def test_shapes_are_kept_whatever_the_layout(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elementwise, "BLOCK", block)
    x = np.arange(6.0).reshape(2, 3)
    for array in (x, x.T, x[:, ::-1], x[::2], np.array(3.0), x.reshape(1, 6, 1)):
        (twice,) = in_blocks(lambda part: (part * 2,), array)
        assert np.array_equal(twice, array * 2)
        assert twice.shape == array.shape


def test_an_argument_may_be_missing() -> None:
    x = np.ones(2 * BLOCK)
    seen = []

    def function(part: Any, other: Any) -> tuple[Any, ...]:
        seen.append((part.size, other))
        return part, other

    result = in_blocks(function, x, None)
    assert sorted(seen) == [(0, None), (BLOCK, None), (BLOCK, None)]  # of nothing, the dtypes are learned
    assert result[1] is None
    assert not np.shares_memory(result[0], x)


@pytest.mark.parametrize("threads", [1, 2, 3, 9])
def test_the_number_of_threads_changes_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elementwise, "BLOCK", 10)
    monkeypatch.setattr(elementwise, "THREADS", threads)
    x = np.random.default_rng(0).standard_normal(75)
    at_work = set()

    def function(part: Any) -> tuple[Any, ...]:
        at_work.add(threading.get_ident())
        return (np.sqrt(np.abs(part)) / 3,)

    (result,) = in_blocks(function, x)
    assert np.array_equal(result, np.sqrt(np.abs(x)) / 3)
    assert len(at_work) <= threads + 1  # the caller's learns the dtypes


def test_threads_know_what_the_caller_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elementwise, "BLOCK", 2)
    monkeypatch.setattr(elementwise, "THREADS", 2)
    with np.errstate(divide="ignore"):
        (result,) = in_blocks(lambda part: (1 / part,), np.zeros(8))
    assert np.isinf(result).all()
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        in_blocks(lambda part: (1 / part,), np.zeros(8))
    with interpreted(lambda function, args, kwargs: bare(function)(*args, **kwargs) + 1):
        (steps,) = in_blocks(lambda part: (part + next_step(1),), np.zeros(8))
    assert np.array_equal(steps, np.full(8, 3.0))
