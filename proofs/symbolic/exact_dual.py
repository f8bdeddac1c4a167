"""Dual numbers over fractions: the same NumPy code, run on one point and exactly.

NumPy runs a function on object arrays of these numbers and gives its values and derivatives without rounding. Nothing is
shared with the solvers' dual numbers but the definition of a derivative: this is how a counterexample to a gradient is
checked. What fractions cannot follow (irrational roots, points without a derivative, comparisons of equals) raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from proofs.symbolic.formats import is_float
from proofs.symbolic.shadow import square_root

FLOAT64 = np.dtype(np.float64)
OBJECT = np.dtype(object)
TESTS = {np.isfinite: True, np.isnan: False, np.isinf: False}


class NoDerivative(ArithmeticError):
    """A point where no derivative is known."""


class Irrational(ArithmeticError):
    """A root that no fraction is."""


def _with_a_number(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operator on a number and whatever is one; arrays know better what to do with a number."""
    return lambda self, other: NotImplemented if isinstance(other, np.ndarray) else method(self, exact(other))


@dataclass(frozen=True, eq=False)
class ExactDual:
    """A fraction and its tangent; ``None`` marks a constant. NumPy's scalar attributes are those of a float64."""

    value: Fraction
    tangent: Fraction | None = None

    dtype = FLOAT64
    shape = ()
    ndim = 0
    size = 1

    @property
    def slope(self) -> Fraction:
        """The tangent; a constant's is 0."""
        return self.tangent or Fraction(0)

    def astype(self, dtype: Any, copy: bool = True) -> ExactDual:
        if not is_float(np.dtype(dtype)):
            raise TypeError(f"exact numbers have no cast to {dtype}")
        return self

    def sqrt(self) -> ExactDual:
        """What np.sqrt calls."""
        if self.value < 0 or (self.value == 0 and self.tangent is not None):
            raise NoDerivative(f"sqrt at {self.value}")
        root = square_root(self.value)
        if root is None:
            raise Irrational(f"the square root of {self.value} is no fraction")
        return _of(root, lambda: self.slope / (2 * root), self)

    @_with_a_number
    def __add__(self, other: ExactDual) -> ExactDual:
        return _of(self.value + other.value, lambda: self.slope + other.slope, self, other)

    @_with_a_number
    def __sub__(self, other: ExactDual) -> ExactDual:
        return _of(self.value - other.value, lambda: self.slope - other.slope, self, other)

    @_with_a_number
    def __mul__(self, other: ExactDual) -> ExactDual:
        return _of(self.value * other.value, lambda: self.slope * other.value + self.value * other.slope, self, other)

    @_with_a_number
    def __truediv__(self, other: ExactDual) -> ExactDual:
        over, under = self.value, other.value  # a divisor of zero raises, as everything that fractions cannot follow
        return _of(over / under, lambda: (self.slope * under - over * other.slope) / (under * under), self, other)

    def __pow__(self, count: int) -> ExactDual:
        if not isinstance(count, int) or count < 0:
            raise TypeError("of powers, only those by whole numbers from 0 on are exact")
        return _of(
            self.value**count, lambda: count * self.value ** (count - 1) * self.slope if count else Fraction(0), self
        )

    def __neg__(self) -> ExactDual:
        return _of(-self.value, lambda: -self.slope, self)

    def __pos__(self) -> ExactDual:
        return self

    def __abs__(self) -> ExactDual:
        return -self if self < 0 else self

    __radd__ = __add__
    __rmul__ = __mul__

    @_with_a_number
    def __rsub__(self, other: ExactDual) -> ExactDual:
        return other - self

    @_with_a_number
    def __rtruediv__(self, other: ExactDual) -> ExactDual:
        return other / self

    @_with_a_number
    def __lt__(self, other: ExactDual) -> bool:
        return self._order(other) < 0

    @_with_a_number
    def __le__(self, other: ExactDual) -> bool:
        return self._order(other) <= 0

    @_with_a_number
    def __gt__(self, other: ExactDual) -> bool:
        return self._order(other) > 0

    @_with_a_number
    def __ge__(self, other: ExactDual) -> bool:
        return self._order(other) >= 0

    @_with_a_number
    def __eq__(self, other: ExactDual) -> bool:
        return self._order(other) == 0

    @_with_a_number
    def __ne__(self, other: ExactDual) -> bool:
        return self._order(other) != 0

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return self != 0

    def _order(self, other: ExactDual) -> Fraction:
        """The difference, whose sign is what a comparison wants; moving equals may become less or greater."""
        if self.value == other.value and (self.tangent is not None or other.tangent is not None):
            raise NoDerivative(f"a comparison of equals, {self.value}")
        return self.value - other.value


class ExactArray(np.ndarray):
    """An object array of exact numbers that says it is one of float64."""

    @property
    def dtype(self) -> Any:
        """float64 in the place of object."""
        stored = super().dtype
        return FLOAT64 if stored == OBJECT else stored

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        return self if is_float(np.dtype(dtype)) else super().astype(dtype, *args, **kwargs)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc in TESTS:
            return np.full(np.shape(inputs[0]), TESTS[ufunc])
        if kwargs.get("dtype") is not None and is_float(np.dtype(kwargs["dtype"])):
            del kwargs["dtype"]
        plain = (value.view(np.ndarray) if isinstance(value, ExactArray) else value for value in inputs)
        return _dressed(getattr(ufunc, method)(*plain, **kwargs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _dressed(super().__array_function__(function, types, args, kwargs))


def exact(value: Any) -> ExactDual:
    """A number without rounding; a finite float is the fraction that it is."""
    if isinstance(value, ExactDual):
        return value
    return ExactDual(Fraction(value.item() if isinstance(value, np.generic) else value))


def exact_array(values: list[Fraction], slopes: list[Fraction] | None, shape: tuple[int, ...]) -> Any:
    """An array (shape () is a scalar) of these numbers: constants if there are no slopes."""
    elements = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        elements[i] = ExactDual(value, None if slopes is None else slopes[i])
    return elements.reshape(shape).view(ExactArray) if shape else elements[0]


def numbers(value: Any) -> Iterator[ExactDual]:
    """All numbers of an array, a scalar, or a nested list of them, in order."""
    if isinstance(value, list | tuple):
        for part in value:
            yield from numbers(part)
    elif isinstance(value, np.ndarray):
        yield from (exact(item) for item in value.view(np.ndarray).ravel())
    else:
        yield exact(value)


def _of(value: Fraction, slope: Callable[[], Fraction], *operands: ExactDual) -> ExactDual:
    """A result; of constants it is one."""
    return ExactDual(value, None if all(operand.tangent is None for operand in operands) else slope())


def _dressed(result: Any) -> Any:
    return result.view(ExactArray) if isinstance(result, np.ndarray) and result.dtype == OBJECT else result
