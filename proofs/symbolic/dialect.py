"""The NumPy functions of the dialect, on symbolic arrays. Whatever is not here raises."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import z3

from proofs.symbolic.array import BOOL, SymbolicArray, _elementwise, apply_ufunc, common_theory, lift
from proofs.symbolic.theory import Theory, Unsupported, conjunction, disjunction


def _where(condition: Any, left: Any, right: Any) -> SymbolicArray:
    theory = common_theory((condition, left, right))
    chosen = [lift(theory, value) for value in (left, right)]
    dtype = np.result_type(
        *(_dtype_or_scalar(value, array) for value, array in zip((left, right), chosen, strict=True))
    )
    branches = [
        lift(theory, dtype.type(value)) if array.weak and not isinstance(value, SymbolicArray) else array.astype(dtype)
        for value, array in zip((left, right), chosen, strict=True)
    ]
    mask = lift(theory, condition)
    return SymbolicArray(_elementwise(theory.where, mask.elements, *(b.elements for b in branches)), dtype, theory)


def _dtype_or_scalar(value: Any, array: SymbolicArray) -> Any:
    """What np.result_type needs: weak Python numbers as themselves."""
    if array.weak is not None:
        return value if not isinstance(value, SymbolicArray) else array.weak(0)
    return array.dtype


def _fold_bool(operation: Callable[[Iterable[z3.BoolRef]], z3.BoolRef], array: Any, axis: Any = None) -> SymbolicArray:
    if axis is not None:
        raise Unsupported("np.all and np.any along an axis are outside the dialect")
    if array.dtype != BOOL:
        raise Unsupported("np.all and np.any of anything but truth values are outside the dialect")
    return SymbolicArray(operation(array.elements.ravel()), BOOL, array.theory)


def _all(array: Any, axis: Any = None) -> SymbolicArray:
    return _fold_bool(conjunction, array, axis)


def _any(array: Any, axis: Any = None) -> SymbolicArray:
    return _fold_bool(disjunction, array, axis)


def _reduce(ufunc: np.ufunc, array: Any, axis: Any = None, start: tuple[SymbolicArray, ...] = ()) -> SymbolicArray:
    """Reduction of a flat array from left to right, as NumPy does below 8 elements; beyond, where the order does not matter."""
    flat = array.ravel()
    if axis is not None or flat.size == 0:
        raise Unsupported(f"np.{ufunc.__name__}.reduce along an axis or of nothing is outside the dialect")
    if flat.size >= 8:
        if not array.theory.in_any_order(ufunc.__name__, list(flat.elements)):
            raise Unsupported("NumPy's order of summation beyond 7 elements is outside the dialect")
        return _by_halves(ufunc, [*start, *flat])
    result: SymbolicArray = functools.reduce(lambda a, b: apply_ufunc(array.theory, ufunc, (a, b)), [*start, *flat])
    return result


def _by_halves(ufunc: np.ufunc, parts: list[SymbolicArray]) -> SymbolicArray:
    """The parts reduced in the order of a tree: what stands for many is made of few only now and then."""
    if len(parts) == 1:
        return parts[0]
    halves = (_by_halves(ufunc, some) for some in (parts[: len(parts) // 2], parts[len(parts) // 2 :]))
    result: SymbolicArray = apply_ufunc(parts[0].theory, ufunc, tuple(halves))
    return result


def _sum(array: Any, axis: Any = None) -> SymbolicArray:
    if array.dtype.kind in "iu":
        array = array.astype(np.promote_types(array.dtype, np.dtype(array.dtype.kind + "8")))
    zero = lift(array.theory, array.dtype.type(0))
    if array.size == 0:
        return zero
    if array.dtype == np.float16:
        raise Unsupported("np.sum of float16 accumulates in float32: outside the dialect")
    if array.ndim > 1:
        raise Unsupported(
            "np.sum of several dimensions adds in the order of the memory: outside the dialect, ravel first"
        )
    return _reduce(np.add, array, axis, (zero,))  # not the first element: the sum of negative zeros is positive


def _max(array: Any, axis: Any = None) -> SymbolicArray:
    return _reduce(np.maximum, array, axis)


def _min(array: Any, axis: Any = None) -> SymbolicArray:
    return _reduce(np.minimum, array, axis)


def _joined(function: Callable[..., Any]) -> Callable[..., SymbolicArray]:
    def join(arrays: Any, axis: int = 0) -> SymbolicArray:
        theory = common_theory(arrays)
        parts = [lift(theory, array) for array in arrays]
        dtype = np.result_type(*(part.dtype for part in parts))
        return SymbolicArray(function([part.astype(dtype).elements for part in parts], axis=axis), dtype, theory)

    return join


def _shaped(function: Callable[..., Any]) -> Callable[..., SymbolicArray]:
    """A function that only moves elements."""

    def move(array: Any, *args: Any, **kwargs: Any) -> SymbolicArray:
        return SymbolicArray(function(array.elements, *args, **kwargs), array.dtype, array.theory)

    return move


def matmul(theory: Theory, left: Any, right: Any) -> SymbolicArray:
    """The matrix product, where the order of its additions does not matter: BLAS promises none."""
    if not theory.any_order:
        raise Unsupported("np.matmul is outside the dialect: its order of operations is not written down")
    a, b = (lift(theory, operand) for operand in (left, right))
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[0 if b.ndim == 1 else -2]:
        raise ValueError(f"np.matmul of the shapes {a.shape} and {b.shape}")
    rows = a if a.ndim > 1 else a[None, :]
    columns = b if b.ndim > 1 else b[:, None]
    if not rows.shape[-1]:
        raise Unsupported("np.matmul over nothing is outside the dialect")
    products = rows[..., :, :, None] * columns[..., None, :, :]
    total = functools.reduce(operator.add, [products[..., k, :] for k in range(rows.shape[-1])])
    total = total if b.ndim > 1 else total[..., 0]
    return total if a.ndim > 1 else total[(..., 0, slice(None)) if b.ndim > 1 else (..., 0)]


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.all: _all,
    np.any: _any,
    np.sum: _sum,
    np.max: _max,
    np.min: _min,
    np.amax: _max,
    np.amin: _min,
    np.concatenate: _joined(np.concatenate),
    np.stack: _joined(np.stack),
    np.ravel: _shaped(np.ravel),
    np.reshape: _shaped(np.reshape),
    np.transpose: _shaped(np.transpose),
    np.shape: lambda array: array.shape,
    np.ndim: lambda array: array.ndim,
    np.size: lambda array: array.size,
    np.zeros_like: lambda array: np.zeros(array.shape, array.dtype),
    np.ones_like: lambda array: np.ones(array.shape, array.dtype),
}
