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
from accelerated.steps import Member, Optimizer, Settings
from proofs.cuda.arrays import contents, place, scalar
from proofs.cuda.machine import launch as interpret
from proofs.cuda.memory import ALIGNMENT, GLOBAL_BITS, Memory, Region
from proofs.cuda.ptx import Kernel, parse
from proofs.cuda.values import Concrete
from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.theory import Theory
from reference.contracts import bare

ARCHITECTURE = "sm_90"
FIRST = 1 << 56  # addresses beyond those of the process
_KERNELS: dict[tuple[str, str], dict[str, Kernel]] = {}


def kernels_of(source: Source, architecture: str = ARCHITECTURE) -> dict[str, Kernel]:
    """The kernels of a source as NVRTC compiles them, each source once in a process."""
    key = (source.digest, architecture)
    if key not in _KERNELS:
        _KERNELS[key] = parse(cuda.compile_ptx(source, architecture))
    return _KERNELS[key]


class DeviceArray:
    """An array that the shipped code takes for one of CuPy: its values, and where it lies."""

    def __init__(self, values: Any, address: int) -> None:
        self.values = values
        self.address = address
        self.dtype, self.shape, self.size = values.dtype, values.shape, values.size
        self.data = SimpleNamespace(ptr=address)
        self.flags = SimpleNamespace(c_contiguous=True, aligned=True)

    def reshape(self, *shape: Any) -> DeviceArray:
        """The same elements at the same place."""
        return DeviceArray(self.values.reshape(*shape), self.address)


@dataclass(frozen=True)
class OnDevice:
    """A step of an optimizer, its kernel interpreted: called like the reference's step.

    ``shift`` elements lie between an address that is a multiple of 256 and each array that is read.
    """

    optimizer: Optimizer
    source: Source
    threads: int = launch.THREADS
    shift: int = 0
    architecture: str = ARCHITECTURE

    def __call__(self, *args: Any, **given: Any) -> Any:
        """The step.

        Raises: Fault, PtxError; Unavailable and CompileError of `accelerated.cuda`.
        """
        bound = inspect.signature(bare(self.optimizer.step)).bind(*args, **given)
        bound.apply_defaults()
        member, settings = Member(*bound.args), bound.kwargs
        theory = member.param.theory if isinstance(member.param, SymbolicArray) else Concrete()
        moved = self._moved(member)
        with _uncached():
            work = self.optimizer.work(moved, settings, False)
            dtype = next(array for array in work.row if array is not None).dtype
            numbers = self.optimizer.numbers(settings, dtype)
        memory = Memory(theory)
        regions = {
            launch.address_of(array): _region(memory, array, k) for k, array in enumerate(work.row) if array is not None
        }
        self._launch(
            memory, member, work.row, [*_shares(memory, work.share), *(scalar(theory, each) for each in numbers)]
        )
        return _after(work.result(), regions, theory)

    def _launch(self, memory: Memory, member: Member, row: Sequence[Any], arguments: Sequence[Any]) -> None:
        """As `accelerated.launch.run_on_many` does it."""
        lengths = [member.param.size]
        chunks, table = launch.chunks_of(tuple(lengths)), launch.table_of([row], lengths)
        tables = {"block_array": chunks.block_array, "block_start": chunks.block_start, "table": table}
        name = "_".join(dict.fromkeys([self.optimizer.prefix, str(member.param.dtype), str(member.grad.dtype)]))
        kernel = kernels_of(self.source, self.architecture)[name]
        placed = [place(memory, name, array) for name, array in tables.items()]
        if chunks.block_array.size:
            interpret(kernel, memory, int(chunks.block_array.size), self.threads, [*placed, *arguments])

    def _moved(self, member: Member) -> Member:
        """The member, its arrays on the device."""
        state = {field.name: getattr(member.state, field.name) for field in dataclasses.fields(member.state)}
        names = [name for name, value in state.items() if hasattr(value, "dtype")]
        arrays = [member.param, member.grad, *(state[name] for name in names)]
        placed = [
            DeviceArray(array, FIRST + (k << GLOBAL_BITS) + ALIGNMENT + self.shift * array.dtype.itemsize)
            for k, array in enumerate(arrays)
        ]
        return Member(
            placed[0], placed[1], dataclasses.replace(member.state, **dict(zip(names, placed[2:], strict=True)))
        )


@contextlib.contextmanager
def _uncached() -> Iterator[None]:
    """Without the cache before the rates of Adam: symbolic numbers have no hash."""
    adam = importlib.import_module("accelerated.adam")
    rates = adam._rates
    with mock.patch.object(adam, "_rates", getattr(rates, "__wrapped__", rates)):
        yield


def _region(memory: Memory, array: Any, position: int) -> Region:
    """An array that is read has its values; one that is written has none before."""
    name, address = f"array {position} of the row", launch.address_of(array)
    if isinstance(array, DeviceArray):
        return place(memory, name, array.values, address=address)
    return memory.array(name, array.size, array.dtype, address=address)


def _shares(memory: Memory, numbers: Sequence[Any]) -> list[Region]:
    """The numbers that a parameter has for itself, as an array."""
    if not numbers:
        return []
    if any(isinstance(number, SymbolicArray) for number in numbers):
        terms = np.empty(len(numbers), dtype=object)
        dtype = next(number.dtype for number in numbers if isinstance(number, SymbolicArray))
        for k, number in enumerate(numbers):
            is_term = isinstance(number, SymbolicArray)
            terms[k] = number.elements.reshape(()).item() if is_term else memory.theory.constant(number, dtype)
        return [place(memory, "shares", SymbolicArray(terms, dtype, memory.theory))]
    return [place(memory, "shares", np.array(numbers))]


def _after(value: Any, regions: dict[int, Region], theory: Theory) -> Any:
    """The result, its arrays being what the kernel has written."""
    if isinstance(value, DeviceArray | np.ndarray):
        region = regions[launch.address_of(value)]
        found = contents(region, value.dtype, theory)
        return found.reshape(value.shape)
    if isinstance(value, tuple):
        return type(value)(*(_after(part, regions, theory) for part in value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: _after(getattr(value, field.name), regions, theory) for field in dataclasses.fields(value)
        }
        return dataclasses.replace(value, **fields)
    return value
