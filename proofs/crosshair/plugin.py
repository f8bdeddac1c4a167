"""The CrossHair plugin: how an array argument of the reference becomes symbolic.

``numpy.ndarray``  an array of 1 to 4 symbolic float64 numbers, infinities and NaN included
``numpy.float64``  a symbolic float64 scalar
``Arrays``         a list of 1 to 3 such arrays
``Described``      a list of 0 to 3 arrays of any size and some dtype, without values: for what asks for these alone
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import crosshair.core_and_libs  # noqa: F401 - on its first import it forgets all registrations made before
import numpy as np
from crosshair import IgnoreAttempt, ResumedTracing, SymbolicFactory, deep_realize, register_type
from crosshair.libimpl.builtinslib import ModelingDirector, PreciseIeeeSymbolicFloat

from proofs.crosshair.arrays import ProtocolArray
from proofs.crosshair.kinds import Arrays, Described

T = TypeVar("T")
MOST_ELEMENTS = 4
MOST_ARRAYS = 3
DTYPES = tuple(np.dtype(kind) for kind in (np.float16, np.float32, np.float64, np.int64, np.bool_))


class Outline:
    """An array of which only dtype and size are known."""

    def __init__(self, dtype: np.dtype[Any], size: int) -> None:
        self.dtype = dtype
        self.size = size

    @property
    def shape(self) -> tuple[int, ...]:
        """One dimension."""
        return (self.size,)

    def __repr__(self) -> str:
        return f"Outline({self.dtype}, {self.size})"

    def __ch_deep_realize__(self, memo: dict[int, Any]) -> Any:
        """In a counterexample: a NumPy array of zeros that needs no memory, whatever its size."""
        return np.broadcast_to(self.dtype.type(0), (deep_realize(self.size, memo),))


def choose(factory: SymbolicFactory, name: str, options: tuple[T, ...]) -> T:
    """One of these, each on a path of its own."""
    number = factory(int, name)
    for index, option in enumerate(options):
        with ResumedTracing():
            chosen = bool(number == index)
        if chosen:
            return option
    raise IgnoreAttempt(f"{name} is none of the {len(options)} choices")


def number(factory: SymbolicFactory, name: str) -> Any:
    """A symbolic float64, bit for bit: CrossHair's other model of floats are the reals, which prove nothing here."""
    factory.space.extra(ModelingDirector).global_representations[float] = PreciseIeeeSymbolicFloat
    return factory(float, name)


def make_scalar(factory: SymbolicFactory) -> ProtocolArray:
    """A symbolic float64 scalar."""
    return ProtocolArray([number(factory, "_value")], shape=())


def make_array(factory: SymbolicFactory, *_: Any, name: str = "") -> ProtocolArray:
    """An array of 1 to 4 symbolic numbers."""
    size = choose(factory, f"{name}_size", tuple(range(1, MOST_ELEMENTS + 1)))
    return ProtocolArray([number(factory, f"{name}_{index}") for index in range(size)])


def make_arrays(factory: SymbolicFactory) -> list[ProtocolArray]:
    """A list of 1 to 3 arrays of 1 to 4 symbolic numbers."""
    count = choose(factory, "_count", tuple(range(1, MOST_ARRAYS + 1)))
    return [make_array(factory, name=f"_array{index}") for index in range(count)]


def make_described(factory: SymbolicFactory) -> list[Outline]:
    """A list of 0 to 3 outlines."""
    count = choose(factory, "_count", tuple(range(MOST_ARRAYS + 1)))
    return [_outline(factory, f"_array{index}") for index in range(count)]


def _outline(factory: SymbolicFactory, name: str) -> Outline:
    size = factory(int, f"{name}_size")
    with ResumedTracing():
        possible = bool(size >= 0)
    if not possible:
        raise IgnoreAttempt("a size is never negative")
    return Outline(choose(factory, f"{name}_dtype", DTYPES), size)


MAKERS: dict[type, Callable[..., Any]] = {
    np.ndarray: make_array,
    np.float64: make_scalar,
    Arrays: make_arrays,
    Described: make_described,
}

for _kind, _maker in MAKERS.items():
    register_type(_kind, _maker)
