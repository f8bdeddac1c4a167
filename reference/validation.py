"""What the reference asks of its arguments, and the errors that say which argument, where, breaks it.

A condition is a clause of a contract, so provers run it too: it asks for ``dtype``, ``shape`` and ``size`` and uses
NumPy functions only. The maker of an error runs on concrete data, after its condition failed.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

FLOATS = tuple(np.dtype(kind) for kind in (np.float16, np.float32, np.float64))
FLOAT_NAMES = "float16, float32 or float64"
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
ELEMENTARY_NAMES = "float16, bfloat16, float32 or float64"


def is_float_array(x: Any) -> bool:
    """Whether x is an array of one of the formats that the reference computes in."""
    return hasattr(x, "shape") and hasattr(x, "dtype") and x.dtype in FLOATS


def float_array_error(name: str, x: Any) -> TypeError:
    """Says what the argument ``name`` is instead of an array of floats."""
    found = f"dtype {x.dtype}" if hasattr(x, "dtype") else type(x).__name__
    return TypeError(f"{name} must be an array of {FLOAT_NAMES}, got {found}")


def are_float_arrays(arrays: Any, most_elements: int) -> bool:
    """Whether this is a non-empty list or tuple of float arrays of one dtype, not too large in all."""
    return (
        isinstance(arrays, list | tuple)
        and len(arrays) > 0
        and all(is_float_array(array) and array.dtype == arrays[0].dtype for array in arrays)
        and _element_count(arrays) <= most_elements
    )


def float_arrays_error(name: str, arrays: Any, most_elements: int) -> Exception:
    """Says what is wrong with the list ``name``, and at which index."""
    if not isinstance(arrays, list | tuple):
        return TypeError(f"{name} must be a list or tuple of arrays, got {type(arrays).__name__}")
    if not arrays:
        return ValueError(f"{name} must hold at least one array, got an empty {type(arrays).__name__}")
    for index, array in enumerate(arrays):
        if not is_float_array(array):
            return float_array_error(f"{name}[{index}]", array)
        if array.dtype != arrays[0].dtype:
            return TypeError(f"{name}[{index}] must have the dtype of {name}[0], {arrays[0].dtype}, got {array.dtype}")
    return ValueError(f"{name} must hold at most {most_elements} elements in all, got {_element_count(arrays)}")


def _element_count(arrays: Sequence[Any]) -> int:
    return sum(array.size for array in arrays)


def are_finite(arrays: Sequence[Any]) -> Any:
    """Whether no element of any array is an infinity or NaN."""
    return functools.reduce(np.logical_and, (np.all(np.isfinite(array)) for array in arrays), np.bool_(True))


def finite_error(name: str, arrays: Sequence[Any]) -> ValueError:
    """Names the first element that is not finite."""
    number, array = next((number, array) for number, array in enumerate(arrays) if not np.all(np.isfinite(array)))
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    subscript = f"[{', '.join(map(str, index))}]" if index else ""
    return ValueError(f"{name}[{number}]{subscript} must be finite, got {array[index]}")


def is_positive(x: Any) -> Any:
    """Whether x is a positive real scalar that float64 can hold, infinity included."""
    return _is_real_scalar(x) and x > 0


def positive_error(name: str, x: Any) -> Exception:
    """Says what the argument ``name`` is instead of a positive number."""
    if _is_real_scalar(x):
        return ValueError(f"{name} must be greater than 0, got {x}")
    if isinstance(x, int) and not isinstance(x, bool):
        return ValueError(f"{name} must be a number that float64 can hold or inf, got an int of {x.bit_length()} bits")
    found = f"{x.dtype} of shape {x.shape}" if hasattr(x, "dtype") and hasattr(x, "shape") else type(x).__name__
    return TypeError(f"{name} must be a Python number or a real NumPy scalar of at most 64 bits, got {found}")


def as_float64(x: Any) -> Any:
    """A real scalar as float64, rounded to nearest."""
    return np.float64(x) if isinstance(x, int | float) else x.astype(np.float64)


def _is_real_scalar(x: Any) -> bool:
    if isinstance(x, int | float):
        return not isinstance(x, bool) and (isinstance(x, float) or abs(x) <= sys.float_info.max)
    is_numpy = isinstance(getattr(x, "dtype", None), np.dtype)
    return is_numpy and x.shape == () and (x.dtype in FLOATS or x.dtype.kind in "iu")


def is_elementary(x: Any) -> bool:
    """Whether x is an array or NumPy scalar of a format that the elementary functions know: bfloat16 is one more."""
    return is_float_array(x) or (hasattr(x, "shape") and hasattr(x, "dtype") and x.dtype == BFLOAT16)


def element_error(name: str, x: Any) -> TypeError:
    """Says what the argument ``name`` is instead of an array or scalar of floats."""
    found = f"dtype {x.dtype}" if hasattr(x, "dtype") else type(x).__name__
    return TypeError(f"{name} must be an array or NumPy scalar of {ELEMENTARY_NAMES}, got {found}")


def are_elementary_pair(x: Any, y: Any) -> bool:
    """Whether both are arrays or NumPy scalars of one format that the elementary functions know."""
    return is_elementary(x) and is_elementary(y) and x.dtype == y.dtype


def element_pair_error(x_name: str, x: Any, y_name: str, y: Any) -> TypeError:
    """Says which of two arguments is wrong, or that their dtypes differ."""
    for name, each in ((x_name, x), (y_name, y)):
        if not is_elementary(each):
            return element_error(name, each)
    return TypeError(f"{y_name} must have the dtype of {x_name}, {x.dtype}, got {y.dtype}")
