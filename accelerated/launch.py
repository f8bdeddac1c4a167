"""Launch kernels: the one place that decides where they run, in how many blocks, and whether an array may be read in packs.

Kernels run where their arrays are: NumPy's on the processor, CuPy's on the GPU. Elements are counted in 64 bits.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import numpy.typing as npt

from accelerated import host
from accelerated.host.kernels import MOST_BLOCKS
from accelerated.sources import Argument, Source

Array = Any  # NumPy's or CuPy's
THREADS = 256  # of a block on a GPU
THREADS_ON_HOST = 1  # a core reads what follows in memory faster than what the next of 256 threads will read
CHUNK = 4096  # elements of a block; the same number stands in chunks.cuh
PACK = 16  # bytes of the largest access

DTYPES: Mapping[str, Any] = {
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "signed char": np.dtype(np.int8),
    "unsigned char": np.dtype(np.uint8),
    "short": np.dtype(np.int16),
    "unsigned short": np.dtype(np.uint16),
    "int": np.dtype(np.int32),
    "unsigned int": np.dtype(np.uint32),
    "long long": np.dtype(np.int64),
    "unsigned long long": np.dtype(np.uint64),
}


class Chunks(NamedTuple):
    """What each block works on: the number of an array, and the first element of a chunk."""

    block_array: npt.NDArray[np.int32]
    block_start: npt.NDArray[np.int64]


def array_module(array: Any) -> Any:
    """The package that an array is of: NumPy or CuPy."""
    cupy = sys.modules.get("cupy")
    return cupy if cupy is not None and isinstance(array, cupy.ndarray) else np


def run(
    source: Source, kernel: str, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any], *, shared: int = 0
) -> None:
    """Launch a kernel where its arrays are; on the processor it is done when this returns, on the GPU it is enqueued.

    Parameters: arguments, for each of the kernel's a number that it holds exactly, or an array of its dtype, contiguous and
    aligned (``None`` is a null pointer); shared, bytes of dynamic shared memory. A grid of no blocks launches nothing.
    Raises: TypeError or ValueError naming kernel and argument; what the host or the GPU raises.
    """
    signature = source.kernels[kernel]
    if len(arguments) != len(signature.arguments):
        wanted = ", ".join(each.name for each in signature.arguments)
        raise TypeError(f"kernel {kernel} takes {len(signature.arguments)} arguments ({wanted}), got {len(arguments)}")
    if grid[0] > MOST_BLOCKS[0]:
        raise ValueError(f"kernel {kernel} can have at most {MOST_BLOCKS[0]} blocks in a launch, got {grid[0]}")
    modules = {}
    for argument, given in zip(signature.arguments, arguments, strict=True):
        _check(f"kernel {kernel}: {argument.name}", argument, given)
        if argument.is_array and given is not None:
            modules[array_module(given)] = argument.name
    if len(modules) > 1:
        raise TypeError(
            f"kernel {kernel}: {' and '.join(modules.values())} must be arrays of one package, NumPy or CuPy"
        )
    if 0 in grid:
        return
    if np in modules or not modules:
        host.load(source).get_function(kernel)(grid, block, arguments, shared=shared)
        return
    (module,) = modules
    sized = tuple(_sized(argument, given) for argument, given in zip(signature.arguments, arguments, strict=True))
    _on_gpu(source, module.cuda.Device().id).get_function(kernel)(tuple(grid), tuple(block), sized, shared_mem=shared)


def run_on_many(
    source: Source, kernel: str, rows: Sequence[Sequence[Array | None]], numbers: Sequence[Any], shares: Any = None
) -> None:
    """Launch a kernel of the form of `chunks.cuh` once for many arrays.

    Parameters: rows, for each of the arrays that a step reads and writes together the flat arrays of one size, in the order in
    which the kernel's struct has them (``None`` is a null pointer); shares, numbers that each row has for itself;
    numbers, those that all have in common.
    """
    lengths = [next(array.size for array in row if array is not None) for row in rows]
    for k, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        odd = next((array for array in row if array is not None and array.size != length), None)
        if odd is not None:
            raise ValueError(f"kernel {kernel}: row {k} has arrays of {length} and of {odd.size} elements")
    xp = array_module(next((array for row in rows for array in row if array is not None), None))
    chunks = chunks_of(tuple(lengths))
    table = table_of(rows, lengths)
    tables = [xp.asarray(each) for each in (*chunks, table, *([] if shares is None else [shares]))]
    threads = (host.launching().threads or THREADS_ON_HOST) if xp is np else THREADS
    run(source, kernel, (chunks.block_array.size,), (threads,), [*tables, *numbers])


@lru_cache(maxsize=64)
def chunks_of(lengths: tuple[int, ...]) -> Chunks:
    """Cut arrays of these lengths into chunks; an empty array has none."""
    counts = np.array([-(-length // CHUNK) for length in lengths], np.int64)
    numbers = np.repeat(np.arange(len(lengths), dtype=np.int32), counts)
    firsts = np.cumsum(counts) - counts
    starts = (np.arange(numbers.size, dtype=np.int64) - firsts[numbers]) * CHUNK
    return Chunks(numbers, starts)


def table_of(rows: Sequence[Sequence[Array | None]], lengths: Sequence[int]) -> npt.NDArray[np.int64]:
    """Rows of 64-bit words: the number of elements, whether all addresses are multiples of 16, the addresses."""
    addresses = np.array([[address_of(array) for array in row] for row in rows], np.uint64)
    aligned = np.all(addresses % PACK == 0, axis=1)
    return np.column_stack([np.array(lengths, np.int64), aligned.astype(np.int64), addresses.view(np.int64)])


def address_of(array: Array | None) -> int:
    """Where the first element of an array lies; 0 for none."""
    if array is None:
        return 0
    return int(array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else array.data.ptr)


def is_usable(array: Array) -> bool:
    """Whether a kernel can read an array where it is: its elements neighbours, each at a multiple of its size."""
    aligned = array.flags.aligned if isinstance(array, np.ndarray) else True
    return bool(array.flags.c_contiguous and aligned)


def flat(array: Array) -> Array:
    """The elements in C order, one-dimensional: a view if the array is usable as it is, else a copy."""
    return array.reshape(-1) if is_usable(array) else array.copy(order="C").reshape(-1)


def _check(name: str, argument: Argument, given: Any) -> None:
    if argument.is_array:
        if given is not None:
            _check_array(name, argument, given)
        return
    if isinstance(given, np.generic) and given.dtype == DTYPES[argument.element]:
        return
    if isinstance(given, bool | np.bool_) or not isinstance(given, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {type(given).__name__}")
    if argument.element in ("int", "long long"):
        bits = 8 * DTYPES[argument.element].itemsize - 1
        if not isinstance(given, int | np.integer) or not -(2**bits) <= int(given) < 2**bits:
            raise ValueError(f"{name} must be an integer of {bits + 1} bits, got {given}")
        return
    with np.errstate(over="ignore"):
        held = float(DTYPES[argument.element].type(given))
    if held != float(given) and not math.isnan(held):
        raise ValueError(f"{name} must be a {DTYPES[argument.element]}, got {float(given)!r}, which it would round")


def _check_array(name: str, argument: Argument, given: Any) -> None:
    dtype = DTYPES[argument.element]
    if not isinstance(given, array_module(given).ndarray):
        raise TypeError(f"{name} must be an array of {dtype}, got {type(given).__name__}")
    if given.dtype != dtype:
        raise TypeError(f"{name} must have the dtype {dtype}, got {given.dtype} of shape {given.shape}")
    if not is_usable(given):
        raise ValueError(f"{name} must be contiguous and aligned, got {given.dtype} of shape {given.shape}")
    if argument.is_written and isinstance(given, np.ndarray) and not given.flags.writeable:
        raise ValueError(f"{name} is written to, but it is read-only, {given.dtype} of shape {given.shape}")


def _sized(argument: Argument, given: Any) -> Any:
    """An argument as CuPy takes it: a number of its size, a null pointer for no array."""
    if argument.is_array:
        return np.uint64(0) if given is None else given
    return DTYPES[argument.element].type(given)


def _on_gpu(source: Source, device: int) -> Any:
    """The kernels of a source on a GPU."""
    key = (source.digest, device)
    if key not in _on_gpus:
        _on_gpus[key] = importlib.import_module("accelerated.cuda").load(source)
    return _on_gpus[key]


_on_gpus: dict[tuple[str, int], Any] = {}
