"""Fidelity of the NumPy functions of the dialect, on arrays of every layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from constants import FLOATS, INTEGERS, concrete, constant, from_bits, meanings, patterns, same, symbolically
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.dialect import FUNCTIONS
from proofs.symbolic.theory import Unsupported

LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda x: x,
    "reversed": lambda x: x[::-1],
    "transposed": lambda x: x.T,
    "with gaps": lambda x: x[..., ::2],
    "a column": lambda x: x[..., :1],
    "a row": lambda x: x[-1],
    "ravel": np.ravel,
    "reshaped": lambda x: np.reshape(x, (-1, 1)),
    "np.transpose": np.transpose,
    "with an axis": lambda x: x[None, ...],
}
SHAPES = [(1,), (2,), (3,), (7,), (2, 2), (2, 3), (3, 2), (1, 2, 3)]
some = settings(max_examples=60)


@st.composite
def arrays(draw: st.DrawFn, dtype: Any) -> Any:
    shape = draw(st.sampled_from(SHAPES))
    size = int(np.prod(shape))
    return from_bits(draw(patterns(dtype, size)), dtype).reshape(shape)


layouts = st.sampled_from(list(LAYOUTS.values()))


def test_every_function_of_the_dialect_is_tested_here() -> None:
    tested = {
        np.where,
        np.all,
        np.any,
        np.sum,
        np.max,
        np.min,
        np.amax,
        np.amin,
        np.concatenate,
        np.stack,
        np.ravel,
        np.reshape,
        np.transpose,
        np.shape,
        np.ndim,
        np.size,
        np.zeros_like,
        np.ones_like,
    }
    assert set(FUNCTIONS) == tested


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_layouts(dtype: Any) -> None:
    @some
    @given(arrays(dtype), layouts)
    def check(x: Any, layout: Any) -> None:
        found = layout(constant(x))
        assert same(concrete(found), layout(x))
        for ask in (np.shape, np.ndim, np.size):
            assert ask(found) == ask(layout(x))
        assert (found.shape, found.ndim, found.size, found.dtype) == (
            np.shape(found),
            np.ndim(found),
            np.size(found),
            dtype,
        )

    check()


@st.composite
def vectors(draw: st.DrawFn, dtype: Any) -> Any:
    """Up to 7 elements of one scale, whose sum depends on the order of addition; or any floats at all."""
    size = draw(st.integers(1, 7))
    alike = st.lists(st.integers(-(1 << 30), 1 << 30), min_size=size, max_size=size)
    bits = patterns(dtype, size)
    return draw(
        st.one_of(alike.map(lambda x: (np.array(x) / 7).astype(dtype)), bits.map(lambda x: from_bits(x, dtype)))
    )


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)], ids=str)
def test_sums_of_up_to_seven_elements(dtype: Any) -> None:
    @given(vectors(dtype), st.sampled_from([lambda x: x, lambda x: x[::-1], lambda x: x[::2], lambda x: x[0]]))
    def check(x: Any, layout: Any) -> None:
        with np.errstate(all="ignore"):
            expected = np.sum(layout(x))
        assert same(concrete(symbolically(lambda x: np.sum(layout(x)), constant(x))), expected)

    check()


def test_sums_of_several_dimensions_are_refused_for_they_follow_the_memory() -> None:
    x = np.array([[2.0**-53, 1], [2.0**-53, 0]])
    assert np.sum(x) != np.sum(np.asfortranarray(x))
    with pytest.raises(Unsupported, match="several dimensions"):
        np.sum(constant(x))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_sum_of_negative_zeros_and_of_nothing(dtype: Any) -> None:
    for x in (np.array([-0.0, -0.0], dtype), np.array([-0.0], dtype), np.zeros(0, dtype)):
        if dtype == np.float16 and x.size:
            continue
        assert same(concrete(symbolically(np.sum, constant(x) if x.size else empty(dtype))), np.sum(x))


def empty(dtype: Any) -> SymbolicArray:
    return constant(np.ones(1, dtype))[:0]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_sums_of_integers_are_as_wide_as_numpys(dtype: Any) -> None:
    x = np.array([np.iinfo(dtype).max, 1, 2], dtype)
    for array, symbolic in ((x, constant(x)), (x[:0], empty(dtype))):
        try:
            found = symbolically(np.sum, symbolic)
        except Unsupported:
            continue
        with np.errstate(over="ignore"):
            assert same(concrete(found), np.sum(array))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("function", [np.max, np.min, np.amax, np.amin], ids=["max", "min", "amax", "amin"])
def test_extremes_of_up_to_seven_elements(function: Any, dtype: Any) -> None:
    @some
    @given(arrays(dtype), layouts)
    def check(x: Any, layout: Any) -> None:
        found = meanings(symbolically(lambda x: function(layout(x)), constant(x)))
        assert any(same(value, function(layout(x))) for value in found)

    check()


@given(st.lists(st.booleans(), max_size=4))
def test_all_and_any(values: list[bool]) -> None:
    x = np.array(values, dtype=bool)
    symbolic = constant(x) if values else empty(np.bool_)
    for function in (np.all, np.any):
        assert same(concrete(symbolically(function, symbolic)), function(x))


def test_all_of_numbers_is_refused() -> None:
    for function in (np.all, np.any):
        with pytest.raises(Unsupported, match="truth values"):
            function(constant(np.array([1.0, 0.0])))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_where(dtype: Any) -> None:
    @some
    @given(arrays(dtype), arrays(dtype), st.booleans())
    def check(x: Any, y: Any, flag: bool) -> None:
        with np.errstate(invalid="ignore"):
            conditions = [np.bool_(flag), x > 0]
        for condition in conditions:
            assume(_broadcast(x, y))
            expected = np.where(condition, x, y)
            assert same(concrete(np.where(constant(condition), constant(x), constant(y))), expected)
            assert same(concrete(np.where(condition, constant(x), y)), expected)
            assert same(concrete(np.where(constant(condition), x, y)), expected)

    check()


def _broadcast(x: Any, y: Any) -> bool:
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_concatenate_and_stack(dtype: Any) -> None:
    x, y = np.arange(6, dtype=dtype).reshape(2, 3), -np.arange(6, dtype=dtype).reshape(2, 3)
    for function in (np.concatenate, np.stack):
        for axis in (0, 1, -1):
            expected = function([x, y], axis=axis)
            assert same(concrete(function([constant(x), constant(y)], axis=axis)), expected)
            assert same(concrete(function([x, constant(y)], axis=axis)), expected)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_arrays_like_another(dtype: Any) -> None:
    x = np.full((2, 3), 5, dtype)
    for function in (np.zeros_like, np.ones_like):
        assert same(function(constant(x)), function(x))


def test_methods_of_an_array() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    symbolic = constant(x)
    for method in (
        lambda x: x.ravel(),
        lambda x: x.reshape(3, 2),
        lambda x: x.reshape((6,)),
        lambda x: x.T,
        lambda x: x.copy(),
    ):
        assert same(concrete(method(symbolic)), method(x))
    assert [concrete(row).tolist() for row in symbolic] == x.tolist()
    assert float(concrete(symbolic[1, 2].item())) == x[1, 2].item()
