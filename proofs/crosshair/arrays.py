"""NumPy functions on CrossHair's symbolic numbers: an array is a Python list of them.

CrossHair knows nothing of NumPy: a real array would make its symbolic values concrete. `ProtocolArray` stands in for
``ndarray`` by NEP 13 and NEP 18 and hands every operation, element by element, to Python, which CrossHair follows. Its
numbers are float64 and booleans, its shapes ``()`` and ``(n,)``. Whatever it does not know raises an error that names it.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

FLOAT = np.dtype(np.float64)
BOOL = np.dtype(np.bool_)


class NotUnderstood(TypeError):
    """A NumPy operation that symbolic arrays for CrossHair do not know."""


class ProtocolArray(np.lib.mixins.NDArrayOperatorsMixin):
    """A float64 or boolean array of one dimension, or a scalar, over Python numbers that may be symbolic."""

    def __init__(
        self, values: Sequence[Any], dtype: np.dtype[Any] = FLOAT, shape: tuple[int, ...] | None = None
    ) -> None:
        self.values = list(values)
        self.dtype = dtype
        self.shape = (len(self.values),) if shape is None else shape

    @property
    def size(self) -> int:
        """The number of elements."""
        return len(self.values)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def astype(self, dtype: Any) -> ProtocolArray:
        """The array itself: no other format is known."""
        if np.dtype(dtype) != self.dtype:
            raise NotUnderstood(f"astype from {self.dtype} to {np.dtype(dtype)} is not understood")
        return self

    def ravel(self) -> ProtocolArray:
        """The array in one dimension."""
        return ProtocolArray(self.values, self.dtype)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar has no length")
        return self.shape[0]

    def __getitem__(self, index: Any) -> ProtocolArray:
        if not self.shape or not isinstance(index, int):
            raise NotUnderstood(f"the index {index!r} of an array of shape {self.shape} is not understood")
        return ProtocolArray([self.values[index]], self.dtype, ())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"an array of {self.size} elements is neither true nor false")
        return bool(self.values[0])

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> ProtocolArray:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        known = UFUNCS.get(name)
        if known is None or options:
            details = f" with {', '.join(options)}" if options else ""
            raise NotUnderstood(f"numpy.{name}{details} is not understood")
        function, dtype = known
        return _elementwise(function, inputs, dtype)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        known = FUNCTIONS.get(function.__name__)
        if known is None or kwargs:
            details = f" with {', '.join(kwargs)}" if kwargs else ""
            raise NotUnderstood(f"numpy.{function.__name__}{details} is not understood")
        return known(*args)

    def __repr__(self) -> str:
        return f"ProtocolArray of {self.dtype}, shape {self.shape}"  # to show symbolic values would fix them

    def __ch_deep_realize__(self, memo: dict[int, Any]) -> Any:
        """CrossHair asks for what stands in a counterexample: a plain NumPy array or scalar."""
        from crosshair import deep_realize

        values = np.array([deep_realize(value, memo) for value in self.values], dtype=self.dtype)
        return values if self.shape else values[0]

    def _escape(self, *_: Any, **__: Any) -> Any:
        raise NotUnderstood("a symbolic array would become concrete here")

    __array__ = __float__ = __int__ = __index__ = __complex__ = _escape


def _elementwise(function: Callable[..., Any], inputs: Sequence[Any], dtype: np.dtype[Any] | None) -> ProtocolArray:
    """One Python function on all elements, scalars repeated; without ``dtype`` that of the first input."""
    arrays = [_as_array(value) for value in inputs]
    shape = next((array.shape for array in arrays if array.shape), ())
    columns = []
    for array in arrays:
        if array.shape not in ((), shape):
            raise ValueError(f"shapes {array.shape} and {shape} do not fit together")
        columns.append(array.values if array.shape else array.values * (shape[0] if shape else 1))
    return ProtocolArray([function(*row) for row in zip(*columns, strict=True)], dtype or arrays[0].dtype, shape)


def _as_array(value: Any) -> ProtocolArray:
    if isinstance(value, ProtocolArray):
        return value
    if isinstance(value, np.ndarray | np.generic):
        if value.ndim > 1 or value.dtype not in (FLOAT, BOOL):
            raise NotUnderstood(f"an array of {value.dtype} and shape {value.shape} is not understood")
        return ProtocolArray(value.ravel().tolist(), value.dtype, value.shape)
    if isinstance(value, bool):
        return ProtocolArray([value], BOOL, ())
    if isinstance(value, int | float):
        return ProtocolArray([float(value)], FLOAT, ())
    raise NotUnderstood(f"{type(value).__name__} among symbolic arrays is not understood")


def _divide(x: Any, y: Any) -> Any:
    """Division as NumPy has it: by zero it gives an infinity or NaN."""
    if y != 0:
        return x / y
    return math.nan if x == 0 or math.isnan(x) else math.copysign(math.inf, x) * math.copysign(1.0, y)


def _sqrt(x: Any) -> Any:
    """CrossHair makes x concrete here: such a path can refute a clause but never confirm it."""
    return math.nan if x < 0 else math.sqrt(x)


def _absolute(x: Any) -> Any:
    return math.copysign(x, 1.0)


def _signbit(x: Any) -> Any:
    return math.copysign(1.0, x) < 0


def _minimum(x: Any, y: Any) -> Any:
    return x if x < y or math.isnan(x) else y


def _maximum(x: Any, y: Any) -> Any:
    return x if x > y or math.isnan(x) else y


def _and(x: Any, y: Any) -> Any:
    return bool(x) and bool(y)


def _or(x: Any, y: Any) -> Any:
    return bool(x) or bool(y)


def _where(condition: Any, x: Any, y: Any) -> ProtocolArray:
    return _elementwise(lambda c, a, b: a if c else b, (condition, x, y), _as_array(x).dtype)


def _all(x: Any) -> ProtocolArray:
    return ProtocolArray([all(_as_array(x).values)], BOOL, ())


def _any(x: Any) -> ProtocolArray:
    return ProtocolArray([any(_as_array(x).values)], BOOL, ())


def _sum(x: Any) -> ProtocolArray:
    """In NumPy's order for fewer than 8 elements: one after the other."""
    return ProtocolArray([functools.reduce(operator.add, _as_array(x).values)], FLOAT, ())


UFUNCS: dict[str, tuple[Callable[..., Any], np.dtype[Any] | None]] = {
    "add": (operator.add, None),
    "subtract": (operator.sub, None),
    "multiply": (operator.mul, None),
    "divide": (_divide, None),
    "negative": (operator.neg, None),
    "absolute": (_absolute, None),
    "sqrt": (_sqrt, None),
    "copysign": (math.copysign, None),
    "minimum": (_minimum, None),
    "maximum": (_maximum, None),
    "less": (operator.lt, BOOL),
    "less_equal": (operator.le, BOOL),
    "greater": (operator.gt, BOOL),
    "greater_equal": (operator.ge, BOOL),
    "equal": (operator.eq, BOOL),
    "not_equal": (operator.ne, BOOL),
    "isfinite": (math.isfinite, BOOL),
    "isnan": (math.isnan, BOOL),
    "signbit": (_signbit, BOOL),
    "logical_and": (_and, BOOL),
    "bitwise_and": (_and, BOOL),
    "logical_or": (_or, BOOL),
    "bitwise_or": (_or, BOOL),
    "logical_not": (operator.not_, BOOL),
    "invert": (operator.not_, BOOL),
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "where": _where,
    "all": _all,
    "any": _any,
    "sum": _sum,
    "ravel": ProtocolArray.ravel,
    "shape": operator.attrgetter("shape"),
    "ndim": operator.attrgetter("ndim"),
}
