"""One thread: its registers, and what it does until it has to wait for others."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from proofs.cuda import integers, operations
from proofs.cuda.control import Control
from proofs.cuda.faults import Fault, Unwritten
from proofs.cuda.memory import LOCAL_TAG, SHARED_TAG, Access, Local, Memory, Region, check_alignment
from proofs.cuda.ptx import Address, Immediate, Instruction, Kernel, Operand, Pair, PtxError, Register, Symbol, Vector
from proofs.cuda.values import Float, Value, as_bits, either, join, logic, split
from proofs.symbolic.theory import Theory

WAITS = {"bar", "barrier", "shfl", "vote"}
MEMORY_WORDS = {
    *(
        "global",
        "shared",
        "local",
        "const",
        "param",
        "volatile",
        "relaxed",
        "weak",
        "nc",
        "ca",
        "cg",
        "cs",
        "cta",
        "gpu",
        "v2",
        "v4",
    ),
    *("L1", "L2", "no_allocate", "evict_first", "evict_last", "lu", "cv", "wb", "wt"),
}
COMBINING = ("add", "min", "max", "and", "or", "xor")  # in any order the same, on integers
MOST_STEPS = 2_000_000


class Wait(NamedTuple):
    """Where a thread waits for others; ``None`` as instruction means that it has ended."""

    position: int
    instruction: Instruction | None


@dataclass
class Launch:
    """What all threads of a launch have in common."""

    kernel: Kernel
    control: Control
    theory: Theory
    memory: Memory
    parameters: dict[str, Value]
    constants: dict[str, Region]
    grid: tuple[int, int, int]
    block: tuple[int, int, int]


@dataclass
class Block:
    """What the threads of a block have in common."""

    launch: Launch
    index: tuple[int, int, int]
    number: int
    shared: Local
    places: dict[str, int]


@dataclass
class Thread:
    """A thread of a block."""

    block: Block
    number: int
    index: tuple[int, int, int]
    position: int = 0
    registers: dict[str, Value] = field(default_factory=dict)
    barriers: int = 0
    warp_barriers: int = 0
    local: Local = field(default_factory=Local)
    places: dict[str, int] = field(default_factory=dict)
    ended: bool = False
    steps: int = 0

    def run(self) -> Wait:
        """Go on until the thread ends or waits."""
        body = self.block.launch.kernel.body
        while self.position < len(body):
            instruction = body[self.position]
            try:
                if instruction.opcode[0] in WAITS and self._is_on(instruction):
                    return Wait(self.position, instruction)
                self._step(instruction)
            except Fault as fault:
                raise fault.at(self.place(instruction)) from None
            self.steps += 1
            if self.steps > MOST_STEPS:
                raise Fault(f"the thread does not end within {MOST_STEPS:,} steps").at(self.place(instruction))
        self.ended = True
        return Wait(self.position, None)

    def place(self, instruction: Instruction) -> str:
        """Where something happens, for people."""
        launch = self.block.launch
        index = ", ".join(map(str, self.index)) if launch.block[1:] != (1, 1) else str(self.number)
        block = ", ".join(map(str, self.block.index)) if launch.grid[1:] != (1, 1) else str(self.block.number)
        source = f" ({instruction.source})" if instruction.source else ""
        return (
            f"kernel {launch.kernel.name}, block {block}, thread {index}, PTX line {instruction.line}{source}: "
            f"{instruction.text}"
        )

    def _is_on(self, instruction: Instruction) -> bool:
        """Whether the guard of an instruction lets it happen; a symbolic guard is decided for the path."""
        return instruction.guard is None or self._decided(self.predicate(instruction.guard))

    def _decided(self, condition: Any) -> bool:
        return condition if isinstance(condition, bool) else self.block.launch.theory.decide(condition)

    def _step(self, instruction: Instruction) -> None:
        root = instruction.opcode[0]
        if root == "bra":
            self._branch(instruction)
            return
        if root in operations.PURE:
            self._compute(instruction)
        elif not self._is_on(instruction):
            pass
        elif root in ("ret", "exit"):
            self.position = len(self.block.launch.kernel.body)
            return
        elif root in ("ld", "ldu"):
            self._load(instruction)
        elif root == "st":
            self._store(instruction)
        elif root in ("red", "atom"):
            self._reduce(instruction)
        elif root not in ("membar", "fence"):  # they order what barriers order already
            raise operations.unknown(instruction)
        self.position += 1

    # Branches.

    def _branch(self, instruction: Instruction) -> None:
        control = self.block.launch.control
        target = control.target(instruction)
        condition = True if instruction.guard is None else self.predicate(instruction.guard)
        if isinstance(condition, bool):
            self.position = target if condition else self.position + 1
            return
        meeting = control.meeting(self.position)
        if meeting is None:
            self.position = target if self._decided(condition) else self.position + 1
        else:
            self._merge(condition, target, meeting)

    def _merge(self, condition: Any, target: int, meeting: int) -> None:
        """Compute both sides of a branch, and choose register by register."""
        before = dict(self.registers)
        sides = []
        for start in (target, self.position + 1):
            self.registers, self.position = dict(before), start
            while self.position != meeting:
                self._step(self.block.launch.kernel.body[self.position])
            sides.append(self.registers)
        taken, passed = sides
        kernel, theory = self.block.launch.kernel, self.block.launch.theory
        self.registers = {
            name: either(theory, condition, value, passed[name], kernel.width_of(name))
            for name, value in taken.items()
            if name in passed
        }

    # Arithmetic.

    def _compute(self, instruction: Instruction) -> None:
        target, sources = instruction.operands[0], instruction.operands[1:]
        guard = True if instruction.guard is None else self.predicate(instruction.guard)
        if guard is False:
            return
        values = [self.value(source) for source in sources]
        kind = instruction.opcode[-1]
        if isinstance(target, Vector):  # mov takes a value apart
            theory = self.block.launch.theory
            width = int(kind.lstrip("busf"))
            results = list(zip(target.parts, split(theory, values[0], width, len(target.parts)), strict=True))
        else:
            result = operations.evaluate(self.block.launch.theory, instruction, values)
            if kind == "pred" and isinstance(result, int):
                result = bool(result)
            results = list(zip(target, result, strict=True)) if isinstance(target, Pair) else [(target, result)]
            if instruction.opcode[0] == "setp" and not isinstance(target, Pair):
                results = [(target, result[0])]
        for register, value in results:
            self._set(register, value, guard)

    def _set(self, register: Operand, value: Value, guard: Any = True) -> None:
        assert isinstance(register, Register)
        if register.name == "_":
            return
        if guard is not True:
            launch = self.block.launch
            old = self.value(Register(register.name))
            value = either(launch.theory, guard, value, old, launch.kernel.width_of(register.name))
        self.registers[register.name] = value

    def predicate(self, register: Register) -> Any:
        """The truth value of a register."""
        value = self.value(Register(register.name))
        return logic("not", value) if register.negated else value

    def value(self, operand: Operand) -> Value:
        """What an operand stands for."""
        match operand:
            case Register(name, negated):
                found = self.registers.get(name)
                if found is None:
                    found = self._special(name)
                return logic("not", found) if negated else found
            case Immediate(bits):
                return bits
            case Vector(parts):
                width = {2: 32, 4: 16}
                total = [(self.value(part), self._width(part) or width[len(parts)]) for part in parts]
                return join(total)
            case Symbol(name):
                return self._variable(name)
        raise PtxError(f"an operand that has no value: {operand}")

    def _width(self, part: Operand) -> int:
        return self.block.launch.kernel.width_of(part.name) if isinstance(part, Register) else 0

    def _special(self, name: str) -> int:
        launch = self.block.launch
        stem, _, axis = name.partition(".")
        table = {"%tid": self.index, "%ctaid": self.block.index, "%ntid": launch.block, "%nctaid": launch.grid}
        if stem in table:
            return table[stem]["xyz".index(axis)]
        if name == "%laneid":
            return self.number % 32
        if name == "WARP_SZ":
            return 32
        raise Unwritten(f"reads the register {name}, which nobody has written")

    def _variable(self, name: str) -> int:
        if name == "WARP_SZ":
            return 32
        for places in (self.places, self.block.places):
            if name in places:
                return places[name]
        if name in self.block.launch.constants:
            return self.block.launch.constants[name].base
        raise PtxError(f"the variable {name} is not known")

    # Memory.

    def _load(self, instruction: Instruction) -> None:
        if "param" in instruction.opcode:
            self._load_parameter(instruction)
            return
        region, address, width, access, parts = self._access(
            instruction, instruction.operands[1], instruction.operands[0]
        )
        check_alignment(address, width * len(parts), "reads")
        theory = self.block.launch.theory
        for k, part in enumerate(parts):
            value = region.read(address + k * width, width, access, theory, "nc" in instruction.opcode)
            self._set(part, self._loaded(value, part, instruction))

    def _loaded(self, value: Value, register: Operand, instruction: Instruction) -> Value:
        """A signed integer fills a register that is wider with its sign; whatever fills it is left as it is."""
        kind, width = instruction.opcode[-1][0], int(instruction.opcode[-1][1:])
        target = self._width(register)
        if kind != "s" or target <= width:
            return value
        return integers.resized(as_bits(self.block.launch.theory, value, width), "s", width, target)

    def _load_parameter(self, instruction: Instruction) -> None:
        source = instruction.operands[1]
        if not (isinstance(source, Address) and isinstance(source.base, Symbol) and source.offset == 0):
            raise operations.unknown(instruction)
        self._set(instruction.operands[0], self.block.launch.parameters[source.base.name])

    def _store(self, instruction: Instruction) -> None:
        region, address, width, access, parts = self._access(
            instruction, instruction.operands[0], instruction.operands[1]
        )
        check_alignment(address, width * len(parts), "writes")
        theory = self.block.launch.theory
        for k, part in enumerate(parts):
            value = self.value(part)
            is_whole = isinstance(value, Float) and value.width == width * 8
            stored = value if is_whole else self._narrowed(value, width * 8)
            region.write(address + k * width, width, stored, access, theory)

    def _reduce(self, instruction: Instruction) -> None:
        """Combine an integer in memory with another, whatever the others do there: no thread sees what was there before.

        ``atom`` gives it back, and with it the order of threads: that is known here only if nobody reads it.
        """
        *words, operation, kind = instruction.opcode
        operands = instruction.operands
        if instruction.opcode[0] == "atom":
            target, *rest = operands
            operands = tuple(rest)
            is_unread = isinstance(target, Register) and self.block.launch.control.occurs_once(target.name)
            if not is_unread and target != Register("_"):
                raise operations.unknown(instruction)
        if operation not in COMBINING or kind[0] not in "bsu" or len(operands) != 2:
            raise operations.unknown(instruction)
        plain = dataclasses.replace(instruction, opcode=(*words, kind))
        region, address, width, access, (part,) = self._access(plain, operands[0], operands[1])
        check_alignment(address, width, "combines")
        theory, access = self.block.launch.theory, access._replace(atomic=True)
        both = region.read(address, width, access, theory), self.value(part)
        bits = [as_bits(theory, value, width * 8) for value in both]
        result = integers.apply(operation, kind[0], width * 8, bits)
        region.write(address, width, result, access, theory)

    def _narrowed(self, value: Value, width: int) -> Value:
        """The bits of a register that are stored; what is no integer is stored as it is, if it has that width."""
        its = getattr(value, "width", None)
        return value if its == width else as_bits(self.block.launch.theory, value, width)

    def _access(
        self, instruction: Instruction, place: Operand, data: Operand
    ) -> tuple[Region, int, int, Access, tuple[Operand, ...]]:
        """The array, the address, the bytes of each value, who it is, and the registers."""
        opcode = instruction.opcode
        kind = opcode[-1]
        parts = data.parts if isinstance(data, Vector) else (data,)
        known = {each for each in opcode[1:-1] if each in MEMORY_WORDS}
        if (
            not isinstance(place, Address)
            or known != set(opcode[1:-1])
            or kind[0] not in "busf"
            or not kind[1:].isdigit()
        ):
            raise operations.unknown(instruction)
        address = as_bits(self.block.launch.theory, self.value(place.base), 64)
        if not isinstance(address, int):
            raise operations.unknown(instruction)
        address += place.offset
        space = next((each for each in ("global", "shared", "local", "const") if each in opcode), None)
        if space is None:
            space = "local" if address & LOCAL_TAG else "shared" if address & SHARED_TAG else "global"
            address &= ~(LOCAL_TAG | SHARED_TAG)
        spaces = {"shared": self.block.shared.at, "local": self.local.at}
        region = spaces.get(space, self.block.launch.memory.at)(address)
        access = Access(self.block.number, self.number, self.barriers, self.warp_barriers)
        return region, address, int(kind[1:]) // 8, access, parts


__all__ = ["Block", "Launch", "Thread", "Wait"]
