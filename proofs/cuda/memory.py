"""Memory of a launch: arrays with bounds, what was written in them, and who touched them between barriers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from proofs.cuda.faults import Misaligned, OutOfBounds, Race, ReadOnly, Unwritten
from proofs.cuda.values import Value, join, part_of
from proofs.symbolic.theory import DType, Theory

GLOBAL_BITS, SHARED_BITS = 40, 20  # each array has an address space of its own of so many bits
ALIGNMENT = 256  # as cudaMalloc gives it
SHARED_TAG = 1 << 60  # what makes a shared address generic
LOCAL_TAG = 1 << 61
SIZES = (1, 2, 4, 8)


class Access(NamedTuple):
    """Who touches memory, how many barriers of the block and of the warp came before, and whether it is atomic."""

    block: int
    thread: int
    barriers: int
    warp_barriers: int
    atomic: bool = False

    def is_ordered_with(self, other: Access) -> bool:
        """Whether one of the two is known to come first, or the machine sees to it that they do not meet."""
        if self.atomic and other.atomic:
            return True
        if self.block != other.block:
            return False
        if self.thread == other.thread or self.barriers != other.barriers:
            return True
        return self.thread // 32 == other.thread // 32 and self.warp_barriers != other.warp_barriers


@dataclass
class Region:
    """An array in memory.

    ``first`` gives the elements that are there before the launch; where it gives ``None``, the memory is unwritten.
    ``written`` are the elements that a kernel has written.
    """

    name: str
    size: int
    item: int
    first: Callable[[int], Value] | None = None
    writable: bool = True
    base: int = 0
    watched: bool = True
    grain: int = 1
    written: set[int] = field(default_factory=set)
    cells: dict[int, tuple[int, Value]] = field(default_factory=dict)
    _written_by: dict[int, Access] = field(default_factory=dict)
    _read_by: dict[int, list[Access]] = field(default_factory=dict)
    _constant: set[int] = field(default_factory=set)

    def read(self, address: int, width: int, access: Access, theory: Theory, constant: bool = False) -> Value:
        """The value of ``width`` bytes; ``constant`` if the instruction relies on it that no thread writes there."""
        offset = self._offset(address, width, "reads")
        self._note_read(offset, width, access)
        if constant:
            self._note_constant(offset, width)
        cell = self._cell(offset)
        if cell is not None and cell[0] == offset and cell[1] == width:
            return cell[2]
        parts: list[tuple[Value, int]] = []
        position = offset
        while position < offset + width:
            cell = self._cell(position)
            if cell is None:
                raise Unwritten(f"reads {self._place(position)}, which nobody has written")
            start, its, value = cell
            size = min(start + its, offset + width) - position
            parts.append((part_of(theory, value, its * 8, (position - start) * 8, size * 8), size * 8))
            position += size
        return join(parts)

    def write(self, address: int, width: int, value: Value, access: Access, theory: Theory) -> None:
        """Put a value of ``width`` bytes."""
        offset = self._offset(address, width, "writes")
        if not self.writable:
            raise ReadOnly(f"writes {self._place(offset)}, which it must only read")
        self._note_write(offset, width, access)
        elements = range(offset // self.item, (offset + width - 1) // self.item + 1)
        if not self._constant.isdisjoint(elements):
            raise Race(f"writes {self._place(offset)}, which was read as a constant (.nc)")
        self.written.update(elements)
        self._put(offset, width, value, theory)

    def _put(self, offset: int, width: int, value: Value, theory: Theory) -> None:
        position = offset
        while position < offset + width:
            cell = self._cell(position)
            if cell is None:
                position += 1
                continue
            start, its, old = cell
            if start < offset:
                self.cells[start] = (offset - start, part_of(theory, old, its * 8, 0, (offset - start) * 8))
            else:
                self.cells.pop(start, None)
            end = offset + width
            if start + its > end:
                rest = start + its - end
                self.cells[end] = (rest, part_of(theory, old, its * 8, (end - start) * 8, rest * 8))
            position = start + its
        self.cells[offset] = (width, value)

    def _cell(self, offset: int) -> tuple[int, int, Value] | None:
        """The cell that covers a byte: its start, bytes and value. Accesses are aligned, so cells are."""
        for size in SIZES:
            start = offset - offset % size
            found = self.cells.get(start)
            if found is not None and start + found[0] > offset:
                return start, *found
        if self.first is None:
            return None
        start = offset - offset % self.item
        value = self.first(start // self.item)
        if value is None:
            return None
        self.cells[start] = (self.item, value)
        return start, self.item, value

    def element(self, index: int, theory: Theory) -> Value:
        """An element after the launch; unwritten memory is an error."""
        return self.read(self.base + index * self.item, self.item, Access(-1, -1, 0, 0), theory)

    def distance(self, address: int) -> int:
        """How far an address is from the array."""
        return max(self.base - address, address - self.base - self.size + 1, 0)

    def forget_accesses(self) -> None:
        """A launch is over: what comes later is ordered after it."""
        self._written_by.clear()
        self._read_by.clear()
        self._constant.clear()

    def _offset(self, address: int, width: int, what: str) -> int:
        offset = address - self.base
        if offset < 0 or offset + width > self.size:
            raise OutOfBounds(f"{what} {width} bytes at byte {offset} of {self.name}, which has {self.size}")
        return offset

    def _place(self, offset: int) -> str:
        return f"element {offset // self.item} of {self.name}"

    def _note_read(self, offset: int, width: int, access: Access) -> None:
        if not (self.watched and self.writable) or access.thread < 0:
            return
        for grain in self._grains(offset, width):
            writer = self._written_by.get(grain)
            if writer is not None and not writer.is_ordered_with(access):
                raise Race(self._raced(offset, "read", writer, "wrote"))
            self._read_by.setdefault(grain, []).append(access)

    def _note_constant(self, offset: int, width: int) -> None:
        elements = range(offset // self.item, (offset + width - 1) // self.item + 1)
        if any(grain in self._written_by for grain in self._grains(offset, width)):
            raise Race(f"reads {self._place(offset)} as a constant (.nc), which the kernel has written")
        self._constant.update(elements)

    def _note_write(self, offset: int, width: int, access: Access) -> None:
        if not self.watched:
            return
        for grain in self._grains(offset, width):
            writer = self._written_by.get(grain)
            if writer is not None and not writer.is_ordered_with(access):
                raise Race(self._raced(offset, "written", writer, "wrote"))
            for reader in self._read_by.pop(grain, ()):
                if not reader.is_ordered_with(access):
                    raise Race(self._raced(offset, "written", reader, "read"))
            self._written_by[grain] = access

    def _grains(self, offset: int, width: int) -> Iterator[int]:
        """What is watched in common: whole elements in global memory, bytes in shared memory."""
        return iter(range(offset // self.grain, (offset + width - 1) // self.grain + 1))

    def _raced(self, offset: int, verb: str, other: Access, did: str) -> str:
        block = "" if other.block < 0 else f" of block {other.block}"
        return f"race: {self._place(offset)} is {verb} with no barrier after thread {other.thread}{block} {did} it"


class Memory:
    """All arrays that a launch can reach."""

    def __init__(self, theory: Theory) -> None:
        self.theory = theory
        self._global: list[Region] = []
        self._last: Region | None = None

    def array(
        self,
        name: str,
        count: int,
        dtype: DType,
        first: Callable[[int], Value] | Sequence[Value] | None = None,
        *,
        writable: bool = True,
        shift: int = 0,
        address: int | None = None,
    ) -> Region:
        """A new array in global memory, ``shift`` elements after an aligned address, or at a given one."""
        item = np.dtype(dtype).itemsize
        give: Callable[[int], Value] | None = first if callable(first) or first is None else first.__getitem__
        base = (len(self._global) + 1 << GLOBAL_BITS) + ALIGNMENT + shift * item if address is None else address
        region = Region(name, count * item, item, give, writable, base, grain=item)
        self._global.append(region)
        return region

    def constants(self, name: str, data: bytes) -> Region:
        """An array of constants."""
        return self.array(name, len(data), np.dtype(np.uint8), list(data), writable=False)

    def at(self, address: int) -> Region:
        """The array that holds an address, else the nearest."""
        last = self._last
        if last is not None and last.base <= address < last.base + last.size:
            return last
        if not self._global:
            raise OutOfBounds(f"the address {address:#x} is in no array")
        self._last = min(self._global, key=lambda region: region.distance(address))
        return self._last

    def end_launch(self) -> None:
        """What the next launch does comes after all that this one did."""
        for region in self._global:
            region.forget_accesses()


@dataclass
class Local:
    """Arrays that only a block (shared) or a thread (local) reaches, by name."""

    regions: list[Region] = field(default_factory=list)

    def add(self, name: str, size: int, align: int, watched: bool = True) -> Region:
        """A new array, unwritten, at a multiple of ``align`` and of nothing more."""
        base = (len(self.regions) + 1 << SHARED_BITS) + align
        self.regions.append(Region(name, size, align, base=base, watched=watched))
        return self.regions[-1]

    def at(self, address: int) -> Region:
        """The array in whose address space an address lies."""
        index = (address >> SHARED_BITS) - 1
        if not 0 <= index < len(self.regions):
            raise OutOfBounds(f"the address {address:#x} is in no array of the kernel")
        return self.regions[index]


def check_alignment(address: int, size: int, what: str) -> None:
    """An access of ``size`` bytes stands at a multiple of it."""
    if address % size:
        raise Misaligned(f"{what} {size} bytes at an address that is {address % size} bytes past a multiple of {size}")


__all__: Sequence[Any] = ["Access", "Local", "Memory", "Region", "check_alignment"]
