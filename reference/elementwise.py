"""Elementwise functions on arrays of any size, worked on in blocks that stay in the processor's cache.

Every element is computed by itself, so the blocks change no bit: only the intermediate arrays are smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

BLOCK = 1 << 17  # elements: some six float32 arrays of that size stay in the cache, and calls cost little beside them


def in_blocks(function: Callable[..., tuple[Any, ...]], *arrays: Any) -> tuple[Any, ...]:
    """The arrays that an elementwise function of several arrays returns; an array may be ``None``, going in or out.

    Parameters: function, elementwise in arrays of one shape, which returns a tuple; arrays of one shape, the first no
    ``None``. Up to ``BLOCK`` elements it is called once, with the arrays themselves.
    """
    if arrays[0].size <= BLOCK:
        return function(*arrays)
    flat = [None if array is None else np.ravel(array) for array in arrays]
    blocks = _blocks(function, flat)
    start, first = next(blocks)
    whole = [None if part is None else np.empty(arrays[0].size, part.dtype) for part in first]
    _put(whole, start, first)
    for start, parts in blocks:
        _put(whole, start, parts)
    return tuple(None if array is None else np.reshape(array, arrays[0].shape) for array in whole)


def _blocks(function: Callable[..., tuple[Any, ...]], flat: list[Any]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for start in range(0, flat[0].size, BLOCK):
        yield start, function(*(None if array is None else array[start : start + BLOCK] for array in flat))


def _put(whole: list[Any], start: int, parts: tuple[Any, ...]) -> None:
    """Write the parts into the arrays that are being made."""
    for array, part in zip(whole, parts, strict=True):
        if array is not None:
            array[start : start + part.size] = part
