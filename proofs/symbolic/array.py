"""`SymbolicArray`: an array of symbolic numbers that NumPy functions take for an ndarray.

NumPy hands its ufuncs (NEP 13) and functions (NEP 18) over to this class, so the unmodified reference runs on it. dtypes are
those that NumPy would give: every ufunc asks ``ufunc.resolve_dtypes``, Python scalars staying weak. Whatever would leave the
symbolic world without a word (``float(x)``, ``np.asarray(x)``, writing into it) raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.symbolic import predicates
from proofs.symbolic.theory import DType, Theory, Unsupported

OBJECT = np.dtype(object)
BOOL = np.dtype(bool)
COMPARISONS = {
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "equal",
    "not_equal",
    "isfinite",
    "isnan",
    "isinf",
    "signbit",
}
RENAMED = {"true_divide": "divide", "fabs": "absolute", "conjugate": "positive"}


class SymbolicArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of terms of one theory. dtype ``object`` means exact values."""

    __array_priority__ = 1000
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, elements: Any, dtype: DType, theory: Theory, weak: type | None = None) -> None:
        self.elements = elements if isinstance(elements, np.ndarray) else _box(elements)
        self.dtype = np.dtype(dtype)
        self.theory = theory
        self.weak = weak

    # What an ndarray tells of itself.
    @property
    def shape(self) -> tuple[int, ...]:
        return self.elements.shape

    @property
    def ndim(self) -> int:
        return self.elements.ndim

    @property
    def size(self) -> int:
        return self.elements.size

    @property
    def T(self) -> SymbolicArray:  # noqa: N802 (NumPy's name)
        return self._like(self.elements.T)

    def astype(self, dtype: Any, copy: bool = True) -> SymbolicArray:
        """Every element cast."""
        target = np.dtype(dtype)
        return self._map(lambda term: self.theory.cast(term, self.dtype, target), target)

    def ravel(self) -> SymbolicArray:
        return self._like(self.elements.ravel())

    def reshape(self, *shape: Any) -> SymbolicArray:
        return self._like(self.elements.reshape(*shape))

    def copy(self) -> SymbolicArray:
        return self._like(self.elements.copy())

    def item(self) -> SymbolicArray:
        return self._like(self.elements.reshape(()))

    def __getitem__(self, index: Any) -> SymbolicArray:
        if any(isinstance(part, SymbolicArray) for part in (index if isinstance(index, tuple) else (index,))):
            raise Unsupported("indexing by symbolic values is outside the dialect: use np.where")
        return self._like(self.elements[index])

    def __len__(self) -> int:
        return len(self.elements)

    def __iter__(self) -> Iterator[SymbolicArray]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError("the truth value of an array of more than one element is ambiguous: use np.all or np.any")
        term = self.elements.reshape(()).item()
        if self.dtype != BOOL:
            zero = self.theory.constant(0, self.dtype)
            term = self.theory.apply("not_equal", (term, zero), self.dtype)
        return self.theory.decide(term)

    def __repr__(self) -> str:
        return f"SymbolicArray({self.theory.name}, {self.dtype}, shape={self.shape})"

    # What would escape.
    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise _no_values("np.asarray, or another function that reads elements,")

    def __float__(self) -> float:
        raise _no_values("float()")

    def __int__(self) -> int:
        if self.dtype == BOOL:  # as an ``if``: each answer gets a run
            return int(bool(self))
        raise _no_values("int()")

    def __index__(self) -> int:
        raise _no_values("operator.index or an index")

    def __complex__(self) -> complex:
        raise _no_values("complex()")

    def _in_place(self, *args: Any) -> Any:
        raise Unsupported("in-place operations are outside the dialect: reference functions do not write into arrays")

    __setitem__ = __iadd__ = __isub__ = __imul__ = __itruediv__ = __iand__ = __ior__ = __ipow__ = _in_place

    # NumPy's protocols.
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            raise Unsupported(
                f"np.{ufunc.__name__}.{method} is outside the dialect: its order of operations is not written down"
            )
        if kwargs.get("out") is not None:
            raise Unsupported(f"np.{ufunc.__name__} with out= is outside the dialect")
        unknown = set(kwargs) - {"dtype", "out"}
        if unknown:
            raise Unsupported(f"np.{ufunc.__name__} with {', '.join(sorted(unknown))} is outside the dialect")
        return apply_ufunc(self.theory, ufunc, inputs, kwargs.get("dtype"))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from proofs.symbolic.dialect import FUNCTIONS

        handler = FUNCTIONS.get(function)
        if handler is None:
            raise Unsupported(f"np.{function.__name__} is outside the dialect of the reference")
        return handler(*args, **kwargs)

    def __predicate__(self, name: str, args: tuple[Any, ...]) -> Any:
        return predicates.answer(name, args)

    # Helpers.
    def _like(self, elements: Any) -> SymbolicArray:
        return SymbolicArray(_box(elements), self.dtype, self.theory, self.weak)

    def _map(self, function: Any, dtype: DType) -> SymbolicArray:
        return SymbolicArray(_elementwise(function, self.elements), dtype, self.theory)


def _no_values(what: str) -> Unsupported:
    return Unsupported(f"{what} is outside the dialect: a symbolic array has no concrete values")


def _box(elements: Any) -> Any:
    """An object array; a lone term becomes zero-dimensional."""
    if isinstance(elements, np.ndarray):
        return elements
    box = np.empty((), dtype=object)
    box[()] = elements
    return box


def _elementwise(function: Any, *arrays: Any) -> Any:
    """An object array of the function's values, whatever they are."""
    broadcast = np.broadcast_arrays(*arrays)
    result = np.empty(broadcast[0].shape, dtype=object)
    for index in np.ndindex(result.shape):
        result[index] = function(*(array[index] for array in broadcast))
    return result


def lift(theory: Theory, value: Any, dtype: DType | None = None) -> SymbolicArray:
    """A concrete value as constants; Python scalars stay weak."""
    if isinstance(value, SymbolicArray):
        return value
    if isinstance(value, bool | int | float) and not isinstance(value, np.generic):
        weak = type(value)
        known = np.dtype(bool) if weak is bool else dtype or np.dtype(np.float64 if weak is float else np.int64)
        return SymbolicArray(_box(theory.constant(value, known)), known, theory, None if weak is bool else weak)
    if isinstance(value, Fraction):
        return SymbolicArray(_box(theory.constant(value, OBJECT)), OBJECT, theory)
    array = np.asarray(value)
    return SymbolicArray(_elementwise(lambda item: theory.constant(item, array.dtype), array), array.dtype, theory)


def common_theory(values: Any) -> Theory:
    """The theory of the arguments; exact values win, for everything else can be made exact."""
    theories = [value.theory for value in values if isinstance(value, SymbolicArray)]
    exact = [value.theory for value in values if isinstance(value, SymbolicArray) and value.dtype == OBJECT]
    return (exact or theories)[0]


def apply_ufunc(theory: Theory, ufunc: np.ufunc, inputs: tuple[Any, ...], dtype: Any = None) -> Any:
    """A ufunc on symbolic and concrete arguments, with NumPy's own choice of dtypes."""
    operation = RENAMED.get(ufunc.__name__, ufunc.__name__)
    theory = common_theory(inputs)
    if any(isinstance(value, SymbolicArray) and value.dtype == OBJECT for value in inputs):
        return _apply_exact(theory, operation, inputs)
    if operation == "power":
        return _power_of_two(theory, *inputs)
    if operation == "matmul":
        from proofs.symbolic.dialect import matmul

        return matmul(theory, *inputs)
    arrays = [lift(theory, value) for value in inputs]
    signature = tuple(array.weak or array.dtype for array in arrays) + (None,) * ufunc.nout
    if dtype is not None:
        target = np.dtype(dtype)
        loop = ufunc.resolve_dtypes((target,) * len(arrays) + (None,) * ufunc.nout)
    else:
        loop = ufunc.resolve_dtypes(signature)
    if operation != "ldexp" and len(set(loop[: len(arrays)])) > 1:
        raise Unsupported(
            f"np.{ufunc.__name__} on {' and '.join(map(str, loop[: len(arrays)]))} is outside the dialect"
        )
    operands = [
        _to_loop(theory, value, array, wanted) for value, array, wanted in zip(inputs, arrays, loop, strict=False)
    ]
    outputs = loop[len(arrays) :]

    def element(*terms: Any) -> Any:
        return terms[0] if operation == "positive" else theory.apply(operation, terms, loop[0])

    result = _elementwise(element, *(operand.elements for operand in operands))
    weak = float if all(array.weak for array in arrays) and outputs[0] == np.float64 else None
    if ufunc.nout == 1:
        return SymbolicArray(result, outputs[0], theory, weak)
    return tuple(
        SymbolicArray(_elementwise(lambda pair, k=k: pair[k], result), output, theory)
        for k, output in enumerate(outputs)
    )


def _power_of_two(theory: Theory, base: Any, exponent: Any) -> Any:
    """2.0 ** k for an integer k is ldexp(1.0, k); other powers are outside the dialect."""
    if (
        not isinstance(base, float)  # an int to an int is an int
        or base != 2
        or not isinstance(exponent, SymbolicArray)
        or exponent.dtype.kind != "i"
    ):
        raise Unsupported("of powers of floats, only 2.0 ** k with a symbolic integer k is in the dialect")
    return apply_ufunc(theory, np.ldexp, (np.float64(1), exponent))


def _to_loop(theory: Theory, value: Any, array: SymbolicArray, wanted: DType) -> SymbolicArray:
    """An operand in the loop's dtype; a weak Python number is converted from its own value, once."""
    if array.weak is not None and not isinstance(value, SymbolicArray):
        return lift(theory, wanted.type(value))
    return array if array.dtype == wanted else array.astype(wanted)


def _apply_exact(theory: Theory, operation: str, inputs: tuple[Any, ...]) -> SymbolicArray:
    """An operation on exact values: no dtypes, no rounding."""
    terms = [
        value.elements if isinstance(value, SymbolicArray) else _exact_constants(theory, value) for value in inputs
    ]
    if operation == "power":
        result = _elementwise(lambda base: _power(theory, base, inputs[1]), terms[0])
    else:
        result = _elementwise(lambda *parts: theory.apply(operation, parts, OBJECT), *terms)
    return SymbolicArray(result, BOOL if operation in COMPARISONS else OBJECT, theory)


def _exact_constants(theory: Theory, value: Any) -> Any:
    return _elementwise(lambda item: theory.constant(item, OBJECT), np.asarray(value, dtype=object))


def _power(theory: Theory, base: Any, exponent: Any) -> Any:
    if not isinstance(exponent, int) or exponent < 1:
        raise Unsupported("of powers of exact values, only those by Python integers from 1 on are in the dialect")
    result = base
    for _ in range(exponent - 1):
        result = theory.apply("multiply", (result, base), OBJECT)
    return result


def truth(value: Any) -> z3.BoolRef:
    """The truth value of a clause as a term."""
    if isinstance(value, SymbolicArray):
        if value.size != 1 or value.dtype != BOOL:
            raise Unsupported("a clause must come to one truth value: use np.all")
        return value.elements.reshape(()).item()
    return z3.BoolVal(bool(value))
