"""PTX as NVRTC writes it: kernels, their parameters and shared arrays, instructions with the source lines they come from.

A line that is not understood is an error that names it; nothing is skipped but what says nothing about values (`.pragma`,
debug sections).
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class PtxError(ValueError):
    """PTX that this interpreter does not know: what, and in which line."""


class Register(NamedTuple):
    """A register by name."""

    name: str
    negated: bool = False


class Immediate(NamedTuple):
    """The bits of a constant."""

    bits: int


class Symbol(NamedTuple):
    """The address of a variable, or a label."""

    name: str


class Address(NamedTuple):
    """A place in memory: a register or variable and an offset in bytes."""

    base: Register | Symbol | Immediate
    offset: int


class Vector(NamedTuple):
    """Several registers at once."""

    parts: tuple[Operand, ...]


class Pair(NamedTuple):
    """Two results, written ``a|b``."""

    first: Register
    second: Register


Operand = Register | Immediate | Symbol | Address | Vector | Pair


@dataclass(frozen=True)
class Instruction:
    """One instruction: ``opcode`` split at its dots, and where it stands in the PTX and in the source."""

    opcode: tuple[str, ...]
    operands: tuple[Operand, ...]
    guard: Register | None
    line: int
    source: str
    text: str


@dataclass(frozen=True)
class Variable:
    """A parameter, or an array in shared, constant or local memory; ``size`` is ``None`` where the launch says it."""

    name: str
    size: int | None
    align: int
    type: str
    space: str
    data: bytes | None = None


@dataclass
class Kernel:
    """A kernel's body; ``labels`` are positions in it, ``widths`` the bits of registers by the stem of their names."""

    name: str
    parameters: list[Variable] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    body: list[Instruction] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)

    def width_of(self, register: str) -> int:
        """The bits of a register."""
        return self.widths.get(register.rstrip("0123456789")) or self.widths[register]


SIZES = {"pred": 1, **{f"{kind}{bits}": bits for kind in "busf" for bits in (8, 16, 32, 64)}}
ENTRY = re.compile(r"(?:\.visible\s+)?\.entry\s+(\w+)\s*\((.*?)\)([^{;]*)\{(.*?)^\}", re.DOTALL | re.MULTILINE)
PARAMETER = re.compile(
    r"\.param\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+(?:\.ptr\s+(?:\.\w+\s+)*(?:\.align\s+\d+\s+)?)?(\w+)(?:\[(\d+)\])?$"
)
REGISTERS = re.compile(r"\.reg\s+\.(\w+)\s+(%?\w+?)(?:<\d+>)?;$")
VARIABLE = re.compile(
    r"(?:\.visible\s+|\.extern\s+|\.weak\s+)?\.(shared|const|global|local)\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+(\w+)"
    r"(?:\[(\d*)\])?(?:\s*=\s*(?:\{(.*)\}|(\S+)))?;$"
)
LOCATION = re.compile(r"\.loc\s+(\d+)\s+(\d+)\s+(\d+)")
FILE = re.compile(r'^\s*\.file\s+(\d+)\s+"([^"]*)"', re.MULTILINE)
INSTRUCTION = re.compile(r"(?:@(!?)(%\w+)\s+)?([a-z][\w.:]*)(?:\s+(.*))?;$")
OPERAND = re.compile(r"\{[^}]*\}|\[[^\]]*\]|[^,\s][^,]*")
SILENT = re.compile(r"\.pragma\b|\.maxntid\b|\.minnctapersm\b|\.reqntid\b")


def parse(text: str) -> dict[str, Kernel]:
    """The kernels of a PTX text by name.

    Raises: PtxError naming a line that is not understood.
    """
    files = {number: path.rpartition("/")[2] for number, path in FILE.findall(text)}
    code = re.sub(r"//[^\n]*", "", text)
    common = list(_module_variables(code))
    kernels = {}
    for match in ENTRY.finditer(code):
        kernel = Kernel(match[1], [_parameter(each) for each in match[2].split(",") if each.strip()], list(common))
        _read_body(kernel, match[4], code.count("\n", 0, match.start(4)) + 1, files)
        kernels[kernel.name] = kernel
    return kernels


def _module_variables(code: str) -> Iterator[Variable]:
    """Variables outside of kernels."""
    outside = ENTRY.sub("", code)
    for statement in re.findall(
        r"^\s*(?:\.visible|\.extern|\.weak|\.const|\.shared|\.global)\b[^;]*;", outside, re.MULTILINE
    ):
        yield _variable(" ".join(statement.split()), 0)


def _parameter(text: str) -> Variable:
    match = PARAMETER.match(" ".join(text.split()))
    if match is None:
        raise PtxError(f"a parameter that is not understood: {text.strip()!r}")
    align, kind, name, count = match.groups()
    size = SIZES[kind] // 8 * int(count or 1)
    return Variable(name, size, int(align or size), kind, "param")


def _variable(text: str, line: int) -> Variable:
    match = VARIABLE.match(text)
    if match is None:
        raise PtxError(f"PTX line {line}: a variable that is not understood: {text!r}")
    space, align, kind, name, count, several, one = match.groups()
    width = SIZES[kind] // 8
    size = None if count == "" else width * int(count or 1)
    values = [several, one] if several or one else []
    data = b"".join(
        _initial(item.strip()).to_bytes(width, "little", signed=item.strip().startswith("-"))
        for part in values
        if part
        for item in part.split(",")
    )
    return Variable(name, size, int(align or width), kind, space, data.ljust(size or 0, b"\0") if values else None)


def _initial(item: str) -> int:
    """An initial value: an integer, or the bits of a float, as ``0d`` and ``0f`` give them."""
    return int(item[2:], 16) if item[:2].lower() in ("0d", "0f") else int(item, 0)


def _read_body(kernel: Kernel, body: str, first_line: int, files: dict[str, str]) -> None:
    source = ""
    for line, statement in _statements(body, first_line):
        if location := LOCATION.match(statement):
            source = f"{files.get(location[1], location[1])}:{location[2]}" if location[2] != "0" else source
        elif registers := REGISTERS.match(statement):
            if kernel.widths.setdefault(registers[2], SIZES[registers[1]]) != SIZES[registers[1]]:
                raise PtxError(f"PTX line {line}: {registers[2]} is declared twice, with different sizes")
        elif statement.endswith(":"):
            kernel.labels[statement[:-1]] = len(kernel.body)
        elif re.match(r"\.(shared|local)\b", statement):
            kernel.variables.append(_variable(statement, line))
        elif not SILENT.match(statement):
            kernel.body.append(_instruction(statement, line, source, kernel.widths))


def _statements(body: str, first_line: int) -> Iterator[tuple[int, str]]:
    """Directives, labels and instructions, each with its line."""
    for number, text in enumerate(body.split("\n"), first_line):
        line = text.strip()
        while line:
            if label := re.match(r"(\$?\w+:)\s*", line):
                yield number, label[1]
                line = line[label.end() :]
            elif line.startswith(".loc"):
                yield number, line
                break
            elif line[0] in "{}":  # an inner scope: its registers have names that no others have
                line = line[1:].strip()
            else:
                statement, semicolon, line = line.partition(";")
                if not semicolon:
                    raise PtxError(f"PTX line {number} is not understood: {text.strip()!r}")
                yield number, f"{' '.join(statement.split())};"
                line = line.strip()


def _instruction(text: str, line: int, source: str, registers: Container[str]) -> Instruction:
    match = INSTRUCTION.match(text)
    if match is None:
        raise PtxError(f"PTX line {line} is not understood: {text!r}")
    negated, guard, opcode, rest = match.groups()
    operands = tuple(_operand(part.strip(), line, registers) for part in OPERAND.findall(rest or ""))
    return Instruction(
        tuple(opcode.replace("::", ".").split(".")),
        operands,
        Register(guard, bool(negated)) if guard else None,
        line,
        source,
        text.rstrip(";"),
    )


def _operand(text: str, line: int, registers: Container[str]) -> Operand:
    if text.startswith("{"):
        return Vector(tuple(_operand(part.strip(), line, registers) for part in text[1:-1].split(",")))
    if text.startswith("["):
        match = re.match(r"\[([\w%$.]+)\s*(?:\+\s*(-?\d+))?\]$", text)
        if match is None:
            raise PtxError(f"PTX line {line}: an address that is not understood: {text!r}")
        base = _operand(match[1], line, registers)
        assert isinstance(base, Register | Symbol | Immediate)
        return Address(base, int(match[2] or 0))
    if "|" in text:
        first, second = (_operand(part, line, registers) for part in text.split("|"))
        assert isinstance(first, Register) and isinstance(second, Register)
        return Pair(first, second)
    if text.startswith(("%", "!%")):
        return Register(text.lstrip("!"), text.startswith("!"))
    if text == "_" or text in registers:
        return Register(text)
    if re.match(r"0[fd][0-9A-Fa-f]+$", text):
        return Immediate(int(text[2:], 16))
    if re.match(r"-?(0x[0-9A-Fa-f]+|\d+)U?$", text):
        return Immediate(int(text.rstrip("U"), 0))
    if re.match(r"\$?\w+$", text):
        return Symbol(text)
    raise PtxError(f"PTX line {line}: an operand that is not understood: {text!r}")
