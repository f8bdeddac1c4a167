"""Where the two sides of a branch meet again, and whether both can be computed and merged."""

from __future__ import annotations

from proofs.cuda.ptx import Address, Instruction, Kernel, Operand, Pair, Register, Symbol, Vector

EXIT = -1
IMPURE = (
    "st",
    "ld",
    "atom",
    "red",
    "bar",
    "barrier",
    "shfl",
    "vote",
    "ret",
    "exit",
    "call",
    "trap",
    "membar",
    "fence",
    "activemask",
)


class Control:
    """The flow of control of a kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._meeting: dict[int, int | None] = {}

    def occurs_once(self, register: str) -> bool:
        """Whether a register stands in one place of the kernel: where it is written, it is never read."""
        return sum(_names(instruction).count(register) for instruction in self.kernel.body) == 1

    def target(self, instruction: Instruction) -> int:
        """Where a branch goes."""
        label = instruction.operands[0]
        assert isinstance(label, Symbol)
        return self.kernel.labels[label.name]

    def meeting(self, position: int) -> int | None:
        """Where the sides of the branch at a position meet, if all between is arithmetic on registers; else ``None``."""
        if position not in self._meeting:
            self._meeting[position] = self._find(position)
        return self._meeting[position]

    def _successors(self, position: int) -> list[int]:
        if position >= len(self.kernel.body):
            return [EXIT]
        instruction = self.kernel.body[position]
        if instruction.opcode[0] == "bra":
            target = self.target(instruction)
            return [target] if instruction.guard is None else [target, position + 1]
        if instruction.opcode[0] in ("ret", "exit") and instruction.guard is None:
            return [EXIT]
        return [position + 1]

    def _find(self, branch: int) -> int | None:
        """The first position that both sides reach, all paths to it being short, pure and without loops."""
        sides = [self._walk(start) for start in self._successors(branch)]
        common = [position for position in sides[0] if position in sides[1]]
        for candidate in common:
            good: set[int] = {candidate}
            if all(self._all_reach(start, good, frozenset()) for start in self._successors(branch)):
                return candidate
        return None

    def _walk(self, start: int) -> dict[int, None]:
        """The positions that pure code reaches from here, in order of discovery; what is impure ends a walk."""
        seen: dict[int, None] = {}
        pending = [start]
        while pending:
            position = pending.pop(0)
            if position == EXIT or position in seen:
                continue
            seen[position] = None
            if self._is_pure(position):
                pending += self._successors(position)
        return dict.fromkeys(sorted(seen))

    def _all_reach(self, start: int, good: set[int], on_the_way: frozenset[int]) -> bool:
        """Whether every path from here reaches a position that is known to be good, by pure code without loops."""
        if start in good:
            return True
        if start == EXIT or start in on_the_way or not self._is_pure(start):
            return False
        reaches = all(self._all_reach(each, good, on_the_way | {start}) for each in self._successors(start))
        if reaches:
            good.add(start)
        return reaches

    def _is_pure(self, position: int) -> bool:
        return position < len(self.kernel.body) and self.kernel.body[position].opcode[0] not in IMPURE


def _names(instruction: Instruction) -> list[str]:
    """The registers of an instruction, as often as they stand in it."""
    guard = [] if instruction.guard is None else [instruction.guard.name]
    return [*guard, *(name for operand in instruction.operands for name in _registers(operand))]


def _registers(operand: Operand) -> list[str]:
    match operand:
        case Register(name):
            return [name]
        case Address(base):
            return _registers(base)
        case Vector(parts):
            return [name for part in parts for name in _registers(part)]
        case Pair(first, second):
            return [first.name, second.name]
    return []
