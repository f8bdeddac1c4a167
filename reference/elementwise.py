"""Elementwise functions on arrays of any size, worked on in blocks that stay in the processor's cache, by several threads.

Every element is computed by itself, so neither blocks nor threads change a bit: only the intermediate arrays are smaller.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import numpy as np

BLOCK = 1 << 18  # elements: some six float32 arrays of that size stay in the cache, and calls cost little beside them
THREADS = min(
    4, os.cpu_count() or 1
)  # more would wait for one another: Python runs one at a time between NumPy's loops


def in_blocks(function: Callable[..., tuple[Any, ...]], *arrays: Any) -> tuple[Any, ...]:
    """The arrays that an elementwise function of several arrays returns; an array may be ``None``, going in or out.

    Parameters: function, elementwise in arrays of one shape, which returns a tuple; arrays of one shape, the first no
    ``None``. Up to ``BLOCK`` elements it is called once, with the arrays themselves.
    """
    if arrays[0].size <= BLOCK:
        return function(*arrays)
    flat = [None if array is None else np.ravel(array) for array in arrays]
    nothing = function(*_cut(flat, slice(0)))
    whole = [None if part is None else np.empty(arrays[0].size, part.dtype) for part in nothing]

    def fill(starts: Sequence[int]) -> None:
        for start in starts:
            block = slice(start, start + BLOCK)
            for array, part in zip(whole, function(*_cut(flat, block)), strict=True):
                if array is not None:
                    array[block] = part

    _shared(fill, range(0, arrays[0].size, BLOCK))
    return tuple(None if array is None else np.reshape(array, arrays[0].shape) for array in whole)


def _cut(flat: Sequence[Any], block: slice) -> Iterator[Any]:
    return (None if array is None else array[block] for array in flat)


def _shared(work: Callable[[Sequence[int]], None], starts: Sequence[int]) -> None:
    """Do the work for these starts, several threads taking turns, each in the context of the caller."""
    threads = min(THREADS, len(starts))
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(copy_context().run, work, starts[first::threads]) for first in range(threads)]
        for share in running:
            share.result()
