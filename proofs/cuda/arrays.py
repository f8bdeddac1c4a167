"""NumPy and symbolic arrays in the memory of a launch, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from proofs.cuda.memory import Memory, Region
from proofs.cuda.values import Concrete, Float, Value, as_bits, as_float
from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.formats import is_float
from proofs.symbolic.theory import DType, Theory


def place(
    memory: Memory, name: str, array: Any, *, writable: bool = False, shift: int = 0, address: int | None = None
) -> Region:
    """Put the elements of an array into global memory, ``shift`` elements after an aligned address or at a given one."""
    if isinstance(array, SymbolicArray):
        values: list[Value] = [Float(term, array.dtype) for term in array.elements.ravel()]
    elif is_float(array.dtype):
        values = [Float(memory.theory.constant(each, array.dtype), array.dtype) for each in np.ravel(array)]
    else:
        flat = np.ravel(array)
        return memory.array(
            name, flat.size, array.dtype, lambda k: int(flat[k]), writable=writable, shift=shift, address=address
        )
    return memory.array(name, len(values), array.dtype, values, writable=writable, shift=shift, address=address)


def scalar(theory: Theory, value: Any) -> Value:
    """An argument of a kernel: floats are NumPy's or symbolic, whatever else is an integer."""
    if isinstance(value, SymbolicArray):
        return Float(value.elements.reshape(()).item(), value.dtype)
    if isinstance(value, np.generic) and is_float(value.dtype):
        return Float(theory.constant(value, value.dtype), value.dtype)
    return int(value)


def contents(region: Region, dtype: DType, theory: Theory, indices: Iterable[int] | None = None) -> Any:
    """The elements after a launch, all or some: an array of NumPy where they are concrete, else a symbolic one.

    Raises: Unwritten for an element that nobody has written.
    """
    values = [region.element(index, theory) for index in indices or range(region.size // region.item)]
    if not is_float(dtype):
        return np.array([as_bits(theory, value, dtype.itemsize * 8) for value in values], dtype)
    terms = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        terms[index] = as_float(theory, value, dtype)
    return np.array(list(terms), dtype) if isinstance(theory, Concrete) else SymbolicArray(terms, dtype, theory)
