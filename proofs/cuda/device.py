"""A device in the prover: the shipped steps of `accelerated` with the interpreter of PTX in the place of a GPU.

What leads to a launch is the shipped code itself: which arrays a kernel gets (``work``), its numbers (``numbers``), the tables of
`accelerated.launch`, the PTX that NVRTC makes of the shipped source. Arrays and numbers are symbolic, or NumPy's when a model
is replayed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from accelerated import cuda, launch
from accelerated.sources import Source
from accelerated.steps import Member, Optimizer, rounded
from proofs.cuda.arrays import contents, place, scalar
from proofs.cuda.faults import Unwritten
from proofs.cuda.machine import launch as interpret
from proofs.cuda.memory import ALIGNMENT, GLOBAL_BITS, Memory, Region
from proofs.cuda.ptx import Kernel, parse
from proofs.cuda.values import Concrete
from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.theory import Theory
from reference.contracts import bare

ARCHITECTURE = "sm_90"
FIRST = 1 << 56  # addresses beyond those of the process
_KERNELS: dict[tuple[str, ...], dict[str, Kernel]] = {}


def kernels_of(
    source: Source, architecture: str = ARCHITECTURE, flags: Sequence[str] = cuda.FLAGS
) -> dict[str, Kernel]:
    """The kernels of a source as NVRTC compiles them; PTX comes from the cache of `accelerated.cuda` if it is there."""
    key = (source.digest, architecture, *flags)
    if key not in _KERNELS:
        _KERNELS[key] = parse(cuda.kept_ptx(source, architecture, flags))
    return _KERNELS[key]


@dataclass(frozen=True)
class Window:
    """Some elements of arrays that are too large to be looked at as a whole, and the blocks and threads that work on them."""

    count: int
    blocks: tuple[int, ...]
    threads: tuple[int, ...]
    indices: tuple[int, ...] = ()


class DeviceArray:
    """An array that the shipped code takes for one of CuPy: its values, and where it lies."""

    def __init__(self, values: Any, address: int, window: Window | None = None) -> None:
        self.values = values
        self.address = address
        self.window = window
        self.dtype = values.dtype
        self.shape: tuple[int, ...]
        self.size: int
        self.shape, self.size = (values.shape, values.size) if window is None else ((window.count,), window.count)
        self.data = SimpleNamespace(ptr=address)
        self.flags = SimpleNamespace(c_contiguous=True, aligned=True)

    def reshape(self, *shape: Any) -> DeviceArray:
        """The same elements at the same place."""
        return DeviceArray(self.values.reshape(*shape), self.address, self.window)


@dataclass(frozen=True)
class OnDevice:
    """A step of an optimizer, its kernel interpreted: called like the reference's step.

    ``shift`` elements lie between an address that is a multiple of 256 and each array that is read. With a ``window``, the
    arrays given are the elements in it; the step must then be the one ``in_place``, for nothing so large is allocated. The
    parameter is the last of as many as there are ``rows`` in one launch, the others having the same numbers.
    """

    optimizer: Optimizer
    source: Source
    threads: int = launch.THREADS
    shift: int = 0
    architecture: str = ARCHITECTURE
    flags: tuple[str, ...] = cuda.FLAGS
    window: Window | None = None
    rows: int = 1
    in_place: bool = False

    def __call__(self, *args: Any, **given: Any) -> Any:
        """The step.

        Raises: Fault, PtxError; Unavailable and CompileError of `accelerated.cuda`.
        """
        result, regions, theory = self._stepped(*args, **given)
        return _after(result, regions, theory, self.window)

    def writes(self, *args: Any, **given: Any) -> frozenset[int]:
        """The elements of a parameter that the threads of the window write."""
        result, regions, _ = self._stepped(*args, **given)
        return frozenset(regions[launch.address_of(result.param)].written)

    def _stepped(self, *args: Any, **given: Any) -> tuple[Any, dict[int, Region], Theory]:
        bound = inspect.signature(bare(self.optimizer.step)).bind(*args, **given)
        bound.apply_defaults()
        member, settings = Member(*bound.args), bound.kwargs
        theory = member.param.theory if isinstance(member.param, SymbolicArray) else Concrete()
        with _uncached():
            works = [self.optimizer.work(self._moved(member, row), settings, self.in_place) for row in range(self.rows)]
            dtype = next(array for array in works[0].row if array is not None).dtype
            numbers = self.optimizer.numbers(settings, dtype)
        memory, results = Memory(theory), [work.result() for work in works]
        written = {launch.address_of(array) for array in _arrays(tuple(results))}
        regions: dict[int, Region] = {}
        for row, work in enumerate(works):
            for k, array in enumerate(work.row):
                address = launch.address_of(array)
                if address and address not in regions:
                    regions[address] = _region(memory, array, f"array {k} of row {row}", address in written)
        shares = [share for work in works for share in work.share]
        placed = [place(memory, "shares", rounded(shares, dtype))] if shares else []
        arguments = [*placed, *(scalar(theory, number) for number in numbers)]
        self._launch(memory, member, [work.row for work in works], arguments)
        return results[-1], regions, theory

    def _launch(self, memory: Memory, member: Member, rows: Sequence[Any], arguments: Sequence[Any]) -> None:
        """As `accelerated.launch.run_on_many` does it."""
        window = self.window
        lengths = [member.param.size if window is None else window.count] * len(rows)
        chunks, table = launch.chunks_of(tuple(lengths)), launch.table_of(rows, lengths)
        tables = {"block_array": chunks.block_array, "block_start": chunks.block_start, "table": table}
        name = "_".join(dict.fromkeys([self.optimizer.prefix, str(member.param.dtype), str(member.grad.dtype)]))
        kernel = kernels_of(self.source, self.architecture, self.flags)[name]
        placed = [place(memory, name, array) for name, array in tables.items()]
        blocks, threads = (None, None) if window is None else (window.blocks, window.threads)
        grid = int(chunks.block_array.size)
        interpret(kernel, memory, grid, self.threads, [*placed, *arguments], blocks=blocks, threads=threads)

    def _moved(self, member: Member, row: int) -> Member:
        """The member, its arrays on the device."""
        state = {field.name: getattr(member.state, field.name) for field in dataclasses.fields(member.state)}
        names = [name for name, value in state.items() if hasattr(value, "dtype")]
        arrays = [member.param, member.grad, *(state[name] for name in names)]
        placed = [
            DeviceArray(array, FIRST + (k << GLOBAL_BITS) + ALIGNMENT + self.shift * array.dtype.itemsize, self.window)
            for k, array in enumerate(arrays, row * len(arrays))
        ]
        moved = dict(zip(names, placed[2:], strict=True))
        return Member(placed[0], placed[1], dataclasses.replace(member.state, **moved))


@contextlib.contextmanager
def _uncached() -> Iterator[None]:
    """Without the cache before the rates of Adam: symbolic numbers have no hash."""
    adam = importlib.import_module("accelerated.adam")
    rates = adam._rates
    with mock.patch.object(adam, "_rates", getattr(rates, "__wrapped__", rates)):
        yield


def _region(memory: Memory, array: Any, name: str, is_written: bool) -> Region:
    """An array that is read has its values; one that is only written has none before."""
    address = launch.address_of(array)
    if not isinstance(array, DeviceArray):
        return memory.array(name, array.size, array.dtype, address=address)
    if array.window is None:
        return place(memory, name, array.values, writable=is_written, address=address)
    values = place(Memory(memory.theory), name, array.values).first
    assert values is not None
    if not array.window.indices:  # whatever is read is the first value
        return memory.array(name, array.size, array.dtype, lambda _: values(0), writable=is_written, address=address)
    positions = {index: k for k, index in enumerate(array.window.indices)}

    def first(index: int) -> Any:
        return values(positions[index]) if index in positions else None

    return memory.array(name, array.size, array.dtype, first, writable=is_written, address=address)


def _arrays(value: Any) -> Iterator[Any]:
    """All arrays of a result."""
    if isinstance(value, DeviceArray | np.ndarray):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _arrays(part)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _arrays(getattr(value, field.name))


def _after(value: Any, regions: dict[int, Region], theory: Theory, window: Window | None) -> Any:
    """The result, its arrays being what the kernel has written."""
    if isinstance(value, DeviceArray | np.ndarray):
        address = launch.address_of(value)
        if isinstance(value, DeviceArray) and address not in regions:  # no kernel has to do with it
            return value.values
        region = regions[address]
        if window is None:
            return contents(region, value.dtype, theory).reshape(value.shape)
        missing = [index for index in window.indices if index not in region.written]
        if missing:
            raise Unwritten(f"no thread writes element {missing[0]} of {region.name}")
        return contents(region, value.dtype, theory, window.indices)
    if isinstance(value, tuple):
        return type(value)(*(_after(part, regions, theory, window) for part in value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        parts = {name: _after(getattr(value, name), regions, theory, window) for name in names}
        return dataclasses.replace(value, **parts)
    return value
