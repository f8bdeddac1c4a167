"""Run a kernel: the threads of a block go on by turns, from one barrier or exchange to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from proofs.cuda import operations
from proofs.cuda.control import Control
from proofs.cuda.faults import Divergence, Fault, Unwritten
from proofs.cuda.memory import Local, Memory, Region
from proofs.cuda.ptx import Instruction, Kernel, Pair, PtxError, Register
from proofs.cuda.thread import Block, Launch, Thread, Wait
from proofs.cuda.values import Float, Value, as_bits, logic

WARP = 32
Size = int | tuple[int, ...]
Arrived = dict[int, tuple[Thread, Wait]]


def launch(
    kernel: Kernel,
    memory: Memory,
    grid: Size,
    block: Size,
    arguments: Sequence[Any],
    shared: int = 0,
    blocks: Iterable[int] | None = None,
    threads: Sequence[int] | None = None,
) -> None:
    """Run a kernel on a memory: all blocks one after the other, or those with these numbers.

    ``threads`` are the numbers of those that run in each block, by default all: then none may wait for others.

    Parameters: arguments, one for each parameter: a `Region` for a pointer, an ``int``, a `Float`; shared, the bytes of dynamic
    shared memory.
    Raises: Fault, or PtxError for what the interpreter does not know.
    """
    if len(arguments) != len(kernel.parameters):
        raise ValueError(f"kernel {kernel.name} takes {len(kernel.parameters)} arguments, got {len(arguments)}")
    parameters = {
        parameter.name: _argument(kernel, parameter.type, value)
        for parameter, value in zip(kernel.parameters, arguments, strict=True)
    }
    sizes = _three(grid), _three(block)
    constants = {
        variable.name: memory.constants(variable.name, variable.data or b"")
        for variable in kernel.variables
        if variable.space in ("const", "global")
    }
    run = Launch(kernel, Control(kernel), memory.theory, memory, parameters, constants, *sizes)
    count = sizes[0][0] * sizes[0][1] * sizes[0][2]
    for number in range(count) if blocks is None else blocks:
        _Block(run, number, shared, threads).go()
    memory.end_launch()


def _argument(kernel: Kernel, kind: str, value: Any) -> Value:
    if isinstance(value, Region):
        value = value.base
    if isinstance(value, Float) is not kind.startswith("f"):
        raise TypeError(f"kernel {kernel.name}: a parameter of type {kind} cannot be {value!r}")
    return value


def _three(size: Size) -> tuple[int, int, int]:
    several = (size,) if isinstance(size, int) else size
    x, y, z = (*several, 1, 1)[:3]
    return x, y, z


def _index(number: int, size: tuple[int, int, int]) -> tuple[int, int, int]:
    return number % size[0], number // size[0] % size[1], number // (size[0] * size[1])


class _Block:
    """A block and its threads."""

    def __init__(self, run: Launch, number: int, dynamic: int, chosen: Sequence[int] | None) -> None:
        shared, places = Local(), {}
        for variable in run.kernel.variables:
            if variable.space == "shared":
                size = dynamic if variable.size is None else variable.size
                places[variable.name] = shared.add(variable.name, size, variable.align).base
        self._block = Block(run, _index(number, run.grid), number, shared, places)
        self._chosen = chosen
        self._size = run.block[0] * run.block[1] * run.block[2]
        self._threads = [Thread(self._block, k, _index(k, run.block)) for k in range(self._size)]
        for variable in run.kernel.variables:
            if variable.space == "local":
                for thread in self._threads:
                    region = thread.local.add(variable.name, variable.size or 0, variable.align, watched=False)
                    thread.places[variable.name] = region.base

    def go(self) -> None:
        """Run all threads to their ends."""
        arrived: Arrived = {}
        ready = self._threads if self._chosen is None else [self._threads[k] for k in self._chosen]
        while ready:
            for thread in ready:
                arrived[thread.number] = (thread, thread.run())
            ready = self._released(arrived)

    def _released(self, arrived: Arrived) -> list[Thread]:
        """The threads that can go on, now that all wait or have ended."""
        waiting = {k: pair for k, pair in arrived.items() if not pair[0].ended}
        released: list[Thread] = []
        for first in range(0, self._size, WARP):
            released += self._exchanged({k: waiting[k] for k in range(first, first + WARP) if k in waiting})
        if self._chosen is not None and waiting:
            raise ValueError(f"threads of kernel {self._block.launch.kernel.name} wait for others: all must run")
        if released or not waiting:
            return released
        return self._through_barrier(waiting, arrived)

    def _through_barrier(self, waiting: Arrived, arrived: Arrived) -> list[Thread]:
        positions = {wait.position for _, wait in waiting.values()}
        thread, wait = next(iter(waiting.values()))
        assert wait.instruction is not None
        for other, its in waiting.values():
            assert its.instruction is not None
            if not _is_block_barrier(its.instruction):
                raise Divergence(
                    f"waits for lanes that do not come: {_others(arrived, other)}", other.place(its.instruction)
                )
        if len(positions) > 1:
            other, its = next(pair for pair in waiting.values() if pair[1].position != wait.position)
            assert its.instruction is not None
            raise Divergence(
                f"thread {other.number} meets another barrier, in PTX line {its.instruction.line}",
                thread.place(wait.instruction),
            )
        ended = next((thread for thread, _ in arrived.values() if thread.ended), None)
        if ended is not None:
            raise Divergence(f"thread {ended.number} has ended and meets no barrier", thread.place(wait.instruction))
        combined = self._reduced(waiting, wait.instruction)
        for thread, _ in waiting.values():
            if combined is not None:
                assert isinstance(wait.instruction.operands[0], Register)
                thread.registers[wait.instruction.operands[0].name] = combined
            thread.barriers += 1
            thread.position += 1
        return [thread for thread, _ in waiting.values()]

    def _reduced(self, waiting: Arrived, instruction: Instruction) -> Value:
        """What ``__syncthreads_and``, ``_or`` and ``_count`` make of the predicates."""
        opcode = instruction.opcode
        if "red" not in opcode:
            return None
        predicates = [thread.predicate(_register(instruction.operands[-1])) for thread, _ in waiting.values()]
        if "popc" in opcode:
            return sum(
                thread.block.launch.theory.decide(each) if not isinstance(each, bool) else each
                for (thread, _), each in zip(waiting.values(), predicates, strict=True)
            )
        word = next(word for word in opcode if word in ("and", "or"))
        return _folded(word, predicates)

    def _exchanged(self, lanes: Arrived) -> list[Thread]:
        """The threads of a warp whose exchange is complete, its results in their registers."""
        groups: dict[tuple[int, int], Arrived] = {}
        for number, (thread, wait) in lanes.items():
            assert wait.instruction is not None
            if not _is_block_barrier(wait.instruction):
                mask = thread.value(wait.instruction.operands[-1])
                if not isinstance(mask, int):
                    raise operations.unknown(wait.instruction)
                groups.setdefault((wait.position, mask & 0xFFFFFFFF), {})[number] = (thread, wait)
        released: list[Thread] = []
        for (_, mask), group in groups.items():
            first = next(iter(group)) // WARP * WARP
            members = [first + lane for lane in range(WARP) if mask >> lane & 1 and first + lane < self._size]
            for thread, wait in group.values():
                if thread.number not in members:
                    assert wait.instruction is not None
                    raise Divergence(
                        f"the mask {mask:#010x} leaves out the lane itself", thread.place(wait.instruction)
                    )
            if all(self._threads[member].ended or member in group for member in members):
                self._exchange(group, first)
                released += [thread for thread, _ in group.values()]
        return released

    def _exchange(self, group: Arrived, first: int) -> None:
        """A shuffle, a vote or a barrier of lanes that have all come."""
        _, wait = next(iter(group.values()))
        instruction = wait.instruction
        assert instruction is not None
        results: dict[int, tuple[Value, Any]] = {}
        for number, (thread, _) in group.items():
            try:
                results[number] = _result(instruction, thread, group, first)
            except Fault as fault:
                raise fault.at(thread.place(instruction)) from None
        for number, (thread, _) in group.items():
            target = instruction.operands[0]
            value, flag = results[number]
            if isinstance(target, Pair):
                thread.registers[target.first.name], thread.registers[target.second.name] = value, flag
            elif value is not None:
                thread.registers[_register(target).name] = value
            else:
                thread.warp_barriers += 1
            thread.position += 1


def _result(instruction: Instruction, thread: Thread, group: Arrived, first: int) -> tuple[Value, Any]:
    """What a lane gets."""
    opcode, operands = instruction.opcode, instruction.operands
    if opcode[:3] == ("bar", "warp", "sync"):
        return None, None
    if opcode[:2] == ("vote", "sync"):
        return _vote(opcode[2], instruction, group, first), None
    if opcode[:2] == ("shfl", "sync") and opcode[3] == "b32":
        distance, clamp = (as_bits(thread.block.launch.theory, thread.value(each), 32) for each in operands[2:4])
        source, inside = _lane(opcode[2], thread.number - first, distance, clamp)
        if first + source not in group:
            raise Unwritten(f"reads lane {source}, which takes no part")
        return group[first + source][0].value(operands[1]), inside
    raise operations.unknown(instruction)


def _lane(mode: str, lane: int, distance: Any, clamp: Any) -> tuple[int, bool]:
    """From which lane a shuffle reads, and whether that lies inside of the segment."""
    distance, limit, segment = distance & 31, clamp & 31, clamp >> 8 & 31
    most, least = (lane & segment) | (limit & ~segment & 31), lane & segment
    source, inside = {
        "up": (lane - distance, lane - distance >= most),
        "down": (lane + distance, lane + distance <= most),
        "bfly": (lane ^ distance, lane ^ distance <= most),
        "idx": (least | (distance & ~segment & 31), (least | (distance & ~segment & 31)) <= most),
    }[mode]
    return (source, True) if inside else (lane, False)


def _vote(mode: str, instruction: Instruction, group: Arrived, first: int) -> Value:
    predicates = {number: thread.predicate(_register(instruction.operands[1])) for number, (thread, _) in group.items()}
    if mode == "ballot":
        decide = next(iter(group.values()))[0].block.launch.theory.decide
        return sum(
            1 << number - first
            for number, each in predicates.items()
            if (each if isinstance(each, bool) else decide(each))
        )
    if mode not in ("any", "all"):
        raise operations.unknown(instruction)
    return _folded({"any": "or", "all": "and"}[mode], list(predicates.values()))


def _folded(word: str, predicates: list[Any]) -> Any:
    result = predicates[0]
    for each in predicates[1:]:
        result = logic(word, result, each)
    return result


def _is_block_barrier(instruction: Instruction) -> bool:
    """A barrier of the whole block; one of some threads, or with a name, is not known."""
    opcode = instruction.opcode
    if opcode[0] not in ("bar", "barrier") or "warp" in opcode:
        return False
    known = set(opcode) <= {"bar", "barrier", "sync", "red", "and", "or", "popc", "pred", "u32", "aligned", "cta"}
    names = [operand for operand in instruction.operands if getattr(operand, "bits", None) is not None]
    if not known or len(names) != 1 or names[0].bits != 0:  # type: ignore[union-attr]
        raise operations.unknown(instruction)
    return True


def _register(operand: Any) -> Register:
    if not isinstance(operand, Register):
        raise PtxError(f"a register is wanted, got {operand}")
    return operand


def _others(arrived: Mapping[int, tuple[Thread, Wait]], thread: Thread) -> str:
    """What the other lanes of a warp do instead."""
    lines = []
    for number, (_, wait) in arrived.items():
        if number // WARP == thread.number // WARP and number != thread.number:
            where = "has ended" if wait.instruction is None else f"waits in PTX line {wait.instruction.line}"
            lines.append(f"thread {number} {where}")
    return "; ".join(lines[:2])
