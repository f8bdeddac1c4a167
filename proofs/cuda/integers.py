"""Integer instructions, on concrete numbers or on bit vectors. Everything wraps around, as the processor does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import z3

from proofs.cuda.values import folded

Bits = Any  # int or z3.BitVecRef


def signed(value: int, width: int) -> int:
    """The bits as a number with sign."""
    return value - (1 << width) if value >> (width - 1) else value


def number(value: int, kind: str, width: int) -> int:
    """The bits as the number that a type reads."""
    return signed(value, width) if kind == "s" else value


def wrapped(value: int, width: int) -> int:
    """The lowest bits."""
    return value & (1 << width) - 1


def apply(operation: str, kind: str, width: int, operands: list[Bits]) -> Bits:
    """An operation on operands of one type, ``kind`` being ``s``, ``u`` or ``b``."""
    if all(isinstance(operand, int) for operand in operands):
        return wrapped(CONCRETE[operation](kind, width, *operands), width)
    terms = [z3.BitVecVal(operand, width) if isinstance(operand, int) else operand for operand in operands]
    return folded(SYMBOLIC[operation](kind, *terms))


def compare(relation: str, kind: str, width: int, a: Bits, b: Bits) -> Any:
    """A comparison of two integers."""
    if isinstance(a, int) and isinstance(b, int):
        x, y = number(a, kind, width), number(b, kind, width)
        return {"eq": x == y, "ne": x != y, "lt": x < y, "le": x <= y, "gt": x > y, "ge": x >= y}[
            ORDER.get(relation, relation)
        ]
    x, y = (z3.BitVecVal(each, width) if isinstance(each, int) else each for each in (a, b))
    relation = ORDER.get(relation, relation)
    if relation in ("eq", "ne"):
        return x == y if relation == "eq" else x != y
    if kind == "s":
        return {"lt": x < y, "le": x <= y, "gt": x > y, "ge": x >= y}[relation]
    return {"lt": z3.ULT, "le": z3.ULE, "gt": z3.UGT, "ge": z3.UGE}[relation](x, y)


def resized(value: Bits, kind: str, source: int, target: int) -> Bits:
    """A value of another width, its sign kept if its type has one."""
    if isinstance(value, int):
        return wrapped(number(value, kind, source), target)
    if target <= source:
        return folded(z3.Extract(target - 1, 0, value)) if target < source else value
    return folded(z3.SignExt(target - source, value) if kind == "s" else z3.ZeroExt(target - source, value))


ORDER = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}


def _divide(kind: str, width: int, a: int, b: int) -> int:
    """The quotient, rounded toward zero; by zero, all ones, as the machine gives it."""
    x, y = number(a, kind, width), number(b, kind, width)
    if y == 0:
        return -1
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def _remainder(kind: str, width: int, a: int, b: int) -> int:
    x, y = number(a, kind, width), number(b, kind, width)
    return x if y == 0 else x - _divide(kind, width, a, b) * y


def _shift_right(kind: str, width: int, a: int, b: int) -> int:
    return number(a, kind, width) >> min(b, width)


def _magnitude(kind: str, width: int, a: int) -> int:
    """The bits whose first 1 ends a number: those of a negative one, inverted."""
    return ~number(a, kind, width) if number(a, kind, width) < 0 else a


def _permute(kind: str, width: int, a: int, b: int, selector: int) -> int:
    """Four bytes of two words; a selector of 8 and more repeats the sign of a byte."""
    source = a | b << 32
    result = 0
    for k in range(4):
        choice = selector >> 4 * k & 15
        byte = source >> 8 * (choice & 7) & 255
        result |= ((255 if byte >> 7 else 0) if choice & 8 else byte) << 8 * k
    return result


def _table(kind: str, width: int, a: int, b: int, c: int, table: int) -> int:
    """Any logical function of three bits: bit 4a + 2b + c of a table."""
    result = 0
    for k in range(width):
        index = (a >> k & 1) << 2 | (b >> k & 1) << 1 | c >> k & 1
        result |= (table >> index & 1) << k
    return result


def _field(kind: str, width: int, a: int, position: int, length: int) -> int:
    """Some bits of a number, with their sign if it has one."""
    position, length = position & 255, length & 255
    if length == 0:
        return 0
    found = number(a, kind, width) >> position & (1 << length) - 1
    return signed(found, length) if kind == "s" and length <= width - position else found


CONCRETE: dict[str, Callable[..., int]] = {
    "add": lambda kind, width, a, b: a + b,
    "sub": lambda kind, width, a, b: a - b,
    "mul": lambda kind, width, a, b: a * b,
    "mad": lambda kind, width, a, b, c: a * b + c,
    "high": lambda kind, width, a, b: number(a, kind, width) * number(b, kind, width) >> width,
    "div": _divide,
    "rem": _remainder,
    "min": lambda kind, width, a, b: min(number(a, kind, width), number(b, kind, width)),
    "max": lambda kind, width, a, b: max(number(a, kind, width), number(b, kind, width)),
    "abs": lambda kind, width, a: abs(signed(a, width)),
    "neg": lambda kind, width, a: -a,
    "not": lambda kind, width, a: ~a,
    "and": lambda kind, width, a, b: a & b,
    "or": lambda kind, width, a, b: a | b,
    "xor": lambda kind, width, a, b: a ^ b,
    "shl": lambda kind, width, a, b: a << min(b, width),
    "shr": _shift_right,
    "popc": lambda kind, width, a: a.bit_count(),
    "clz": lambda kind, width, a: width - a.bit_length(),
    "brev": lambda kind, width, a: int(f"{a:0{width}b}"[::-1], 2),
    "bfe": _field,
    "bfind": lambda kind, width, a: _magnitude(kind, width, a).bit_length() - 1,
    "shiftamt": lambda kind, width, a: (
        width - _magnitude(kind, width, a).bit_length() if _magnitude(kind, width, a) else -1
    ),
    "prmt": _permute,
    "lop3": _table,
}


def _leading_zeros(bits: z3.BitVecRef) -> z3.BitVecRef:
    """How many zeros stand before the first 1."""
    width = bits.size()
    found = z3.BitVecVal(width, width)
    for position in range(width):
        found = z3.If(z3.Extract(position, position, bits) == 1, z3.BitVecVal(width - 1 - position, width), found)
    return found


SYMBOLIC: dict[str, Callable[..., Any]] = {
    "add": lambda kind, a, b: a + b,
    "sub": lambda kind, a, b: a - b,
    "mul": lambda kind, a, b: a * b,
    "mad": lambda kind, a, b, c: a * b + c,
    "min": lambda kind, a, b: z3.If(a < b if kind == "s" else z3.ULT(a, b), a, b),
    "max": lambda kind, a, b: z3.If(a > b if kind == "s" else z3.UGT(a, b), a, b),
    "abs": lambda kind, a: z3.If(a < 0, -a, a),
    "neg": lambda kind, a: -a,
    "not": lambda kind, a: ~a,
    "and": lambda kind, a, b: a & b,
    "or": lambda kind, a, b: a | b,
    "xor": lambda kind, a, b: a ^ b,
    "clz": lambda kind, a: _leading_zeros(a),
    "shl": lambda kind, a, b: a << b,
    "shr": lambda kind, a, b: a >> b if kind == "s" else z3.LShR(a, b),
}
