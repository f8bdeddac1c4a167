"""Fidelity of dtypes: what NumPy would choose, Python scalars staying weak, or a refusal; never another dtype."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from constants import FLOATS, FLOATS_AND_BFLOAT16, INTEGERS, concrete, constant, same, symbolically
from hypothesis import given
from hypothesis import strategies as st

from proofs.symbolic.theory import Unsupported

BOOL = np.dtype(np.bool_)
DTYPES = [BOOL, *INTEGERS, *FLOATS_AND_BFLOAT16]
SCALARS = [True, 3, 0.5]
OPERATIONS = [np.add, np.subtract, np.multiply, np.divide, np.maximum, np.copysign, np.nextafter]
COMPARISONS = [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal]
UNARY = [np.positive, np.negative, np.absolute, np.sqrt, np.square, np.rint, np.floor, np.isfinite, np.signbit]
MIXED = [
    (left, right)
    for left, right in itertools.product([*(np.ones(2, dtype) for dtype in DTYPES), *SCALARS], repeat=2)
    if hasattr(left, "dtype") or hasattr(right, "dtype")
]


def answer(call: Callable[[], Any]) -> Any:
    """The dtype of what a call gives, or ``None`` where NumPy has no such operation."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(call()).dtype
    except TypeError:
        return None


def symbolic_dtype(function: Any, *arguments: Any) -> Any:
    """The dtype of the symbolic result; ``Unsupported`` where the theory does not follow, ``None`` where NumPy has nothing."""
    given = [constant(argument) if hasattr(argument, "dtype") else argument for argument in arguments]
    try:
        return symbolically(function, *given).dtype
    except Unsupported:
        return Unsupported
    except TypeError:
        return None


@pytest.mark.parametrize("function", [*OPERATIONS, *COMPARISONS], ids=lambda function: function.__name__)
def test_two_arguments(function: Any) -> None:
    for left, right in MIXED:
        expected = answer(lambda x=left, y=right: function(x, y))
        assert symbolic_dtype(function, left, right) in (expected, Unsupported), (left, right)


@pytest.mark.parametrize("function", UNARY, ids=lambda function: function.__name__)
def test_one_argument(function: Any) -> None:
    for dtype in DTYPES:
        expected = answer(lambda dtype=dtype: function(np.ones(2, dtype)))
        assert symbolic_dtype(function, np.ones(2, dtype)) in (expected, Unsupported), dtype


@pytest.mark.parametrize("function", OPERATIONS[:5], ids=lambda function: function.__name__)
def test_floats_with_floats_integers_and_scalars_are_not_refused(function: Any) -> None:
    partners = [*(np.ones(2, dtype) for dtype in (*FLOATS, *INTEGERS)), *SCALARS[1:]]
    for dtype, partner in itertools.product(FLOATS, partners):
        for pair in ((np.ones(2, dtype), partner), (partner, np.ones(2, dtype))):
            assert symbolic_dtype(function, *pair) is not Unsupported, pair


def where(left: Any, right: Any) -> Any:
    return np.where(np.array([True, False]), left, right)


def joined(function: Any) -> Callable[[Any, Any], Any]:
    return lambda left, right: function([left, right])


@pytest.mark.parametrize(
    "function", [where, joined(np.concatenate), joined(np.stack)], ids=["where", "concatenate", "stack"]
)
def test_functions_that_choose_a_common_dtype(function: Any) -> None:
    for left, right in MIXED:
        if function is not where and not (hasattr(left, "dtype") and hasattr(right, "dtype")):
            continue
        expected = answer(lambda x=left, y=right: function(x, y))
        assert symbolic_dtype(function, left, right) in (expected, Unsupported), (left, right)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@given(number=st.one_of(st.floats(-1e4, 1e4), st.integers(-(10**4), 10**4)))
def test_a_python_number_is_rounded_to_the_dtype_of_the_array(dtype: Any, number: Any) -> None:
    x = np.array([1.1, -0.3, 5e-5], dtype)
    for function in (lambda x: x * number, lambda x: number - x, lambda x: np.where(x > number, x, number)):
        assert same(concrete(symbolically(function, constant(x))), function(x))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_a_symbolic_python_number_stays_weak(dtype: Any) -> None:
    x = np.array([1.1, -0.3], dtype)
    weak = constant(0.1)
    assert same(concrete(symbolically(np.multiply, constant(x), weak)), x * 0.1)
    assert same(concrete(symbolically(lambda x: x + (weak * 3 - 1), constant(x))), x + (0.1 * 3 - 1))
    assert same(concrete(symbolically(where, constant(x), weak)), where(x, 0.1))
    strong = np.float64(0.1)
    assert same(concrete(symbolically(np.multiply, constant(x), constant(strong))), x * strong)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_a_ufunc_told_its_dtype(dtype: Any) -> None:
    x, y = np.array([1.1, -0.3], np.float32), np.array([3, 7], np.float32)
    for function in (np.add, np.divide):
        assert same(
            concrete(symbolically(function, constant(x), constant(y), dtype=dtype)), function(x, y, dtype=dtype)
        )


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda function: function.__name__)
def test_signed_and_unsigned_integers_are_compared_as_numbers_or_not_at_all(comparison: Any) -> None:
    signed, unsigned = np.array([-1, 5], np.int64), np.array([(1 << 64) - 1, 5], np.uint64)
    for pair in ((signed, unsigned), (unsigned, signed)):
        try:
            found = symbolically(comparison, *(constant(side) for side in pair))
        except Unsupported:
            continue
        assert same(concrete(found), comparison(*pair))
