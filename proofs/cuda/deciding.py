"""The decision on clipping in the prover: the shipped `decision_on`, its launches interpreted.

Which kernels run, in how many blocks and on which numbers, the shipped Python decides. What a launch finds out may be given
instead: any numbers, so that a claim about the launches after it holds whatever they are.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import z3

from accelerated import clipping, cuda, launch, sources
from accelerated.clipping import COLUMNS, FIELDS
from accelerated.sources import Source
from proofs.cuda.arrays import contents, place, scalar
from proofs.cuda.device import FIRST, DeviceArray, kernels_of
from proofs.cuda.machine import launch as interpret
from proofs.cuda.memory import ALIGNMENT, GLOBAL_BITS, Access, Memory, Region
from proofs.cuda.values import Float, Value, theory_of
from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.theory import Theory

DOUBLE = np.dtype(np.float64)
OUTSIDE = Access(-1, -1, 0, 0)  # who writes what is given
Given = Callable[["Device", Sequence[Any]], None]  # in the place of a kernel: it gets the arguments


@dataclass
class Device:
    """What the shipped code takes for the package of its arrays, and for what launches its kernels."""

    memory: Memory
    source: Source
    flags: tuple[str, ...]
    threads: int
    given: Mapping[str, Given]
    regions: dict[int, Region] = field(default_factory=dict)

    def zeros(self, size: int, dtype: Any) -> DeviceArray:
        """A new array of zeros."""
        zero = Float(self.memory.theory.constant(0, np.dtype(dtype)), np.dtype(dtype))
        return self._added(self.memory.array(f"zeros {len(self.regions)}", size, dtype, lambda _: zero), size, dtype)

    def empty(self, size: int, dtype: Any) -> DeviceArray:
        """A new array that nobody has written."""
        return self._added(self.memory.array(f"array {len(self.regions)}", size, dtype), size, dtype)

    def asarray(self, values: Any) -> DeviceArray:
        """A copy that kernels may only read."""
        array = np.asarray(values)
        return self._added(place(self.memory, f"table {len(self.regions)}", array), array.size, array.dtype)

    def gradient(self, values: Any, number: int, shift: int) -> DeviceArray:
        """A gradient, ``shift`` elements after an aligned address."""
        address = FIRST + (number << GLOBAL_BITS) + ALIGNMENT + shift * values.dtype.itemsize
        self.regions[address] = place(self.memory, f"grads[{number}]", values, address=address)
        return DeviceArray(values, address)

    def run(
        self, source: Source, kernel: str, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any]
    ) -> None:
        """Launch a kernel, as `accelerated.launch.run` does, or put down what is given for it."""
        name = kernel if kernel in self.given else kernel.rpartition("_")[0]
        if name in self.given:
            self.given[name](self, arguments)
        elif 0 not in grid:
            known = kernels_of(self.source, flags=self.flags)[kernel]
            interpret(known, self.memory, grid[0], block[0], [self._argument(each) for each in arguments])

    def put(self, array: DeviceArray, index: int, value: Value, width: int) -> None:
        """Write a value of ``width`` bytes at a word of 64 bits before the next launch."""
        region = self.regions[array.address]
        region.write(region.base + 8 * index, width, value, OUTSIDE, self.memory.theory)
        self.memory.end_launch()

    def _argument(self, given: Any) -> Any:
        return self.regions[given.address] if isinstance(given, DeviceArray) else scalar(self.memory.theory, given)

    def _added(self, region: Region, size: int, dtype: Any) -> DeviceArray:
        self.regions[region.base] = region
        return DeviceArray(np.empty(size, dtype), region.base)


@contextlib.contextmanager
def _in_place(device: Device) -> Iterator[None]:
    """The shipped code on this device."""
    with (
        mock.patch.object(clipping, "array_module", return_value=device),
        mock.patch.object(launch, "array_module", return_value=device),
        mock.patch.object(launch, "threads_of", return_value=device.threads),
        mock.patch.object(launch, "run", device.run),
    ):
        yield


def _folding(folds: int | None) -> contextlib.AbstractContextManager[Any]:
    """The shipped code with so many folds, whatever their grids are, as for more elements than are there."""
    if folds is None:
        return contextlib.nullcontext()
    return mock.patch.object(clipping, "_anchors", return_value=[1.0] * folds)


@dataclass(frozen=True)
class Deciding:
    """The shipped decision on gradients.

    ``shift`` as in `Device.gradient`, of each gradient; ``given`` as in `Device`; with ``folds``, ``folds_*`` must be given.
    """

    source: Source = field(default_factory=lambda: sources.read("clipping"))
    flags: tuple[str, ...] = cuda.FLAGS
    threads: int = 8
    shift: int = 0
    given: Mapping[str, Given] = field(default_factory=dict)
    folds: int | None = None

    def __call__(
        self, grads: Sequence[Any], max_norm: Any, norm_type: float, theory: Theory | None = None
    ) -> SimpleNamespace:
        """The fields of the decision, by name."""
        theory = theory or theory_of(grads[0])
        device = Device(Memory(theory), self.source, self.flags, self.threads, self.given)
        placed = [device.gradient(grad, number, self.shift) for number, grad in enumerate(grads)]
        with _in_place(device), _folding(self.folds):
            decision = clipping.decision_on(placed, max_norm, norm_type).array
        return fields_of(device.regions[decision.address], theory)

    def with_given(self, **given: Given) -> Deciding:
        """The same with some launches given."""
        return dataclasses.replace(self, given={**self.given, **given})


def fields_of(region: Region, theory: Theory) -> SimpleNamespace:
    """A decision in memory."""
    found = contents(region, DOUBLE, theory)
    return SimpleNamespace(**{name: found[k] for k, name in enumerate(FIELDS)})


def nothing(device: Device, arguments: Sequence[Any]) -> None:
    """A launch that is left out."""


def found(peak: Any, unit: Any) -> Given:
    """What ``largest_magnitude`` finds."""

    def put(device: Device, arguments: Sequence[Any]) -> None:
        for name, number in (("peak", peak), ("unit", unit)):
            device.put(arguments[-1], FIELDS.index(name), scalar(device.memory.theory, number), 8)

    return put


def folded(totals: Sequence[Any], nothing_dropped: Any) -> Given:
    """What ``folds_*`` leaves of a block: the totals, then zeros, and whether nothing was dropped."""

    def put(device: Device, arguments: Sequence[Any]) -> None:
        for k in range(COLUMNS - 1):
            number = totals[k] if k < len(totals) else np.float64(0)
            device.put(arguments[-1], k, scalar(device.memory.theory, number), 8)
        device.put(arguments[-1], COLUMNS - 1, _flag(nothing_dropped), 4)

    return put


def _flag(truth: Any) -> Value:
    """A truth value as the integer that kernels keep."""
    if isinstance(truth, SymbolicArray):
        return z3.If(truth.elements.item(), z3.BitVecVal(1, 32), z3.BitVecVal(0, 32))
    return int(truth)
