"""What registers hold: concrete bits, floats of a theory, symbolic bits, and parts and compounds of them.

A float stays a term of its theory as long as only floats are made of it. Integer arithmetic on its bits makes bit vectors, and
bits that are those of a known float again are that float.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.cuda import idioms
from proofs.cuda.faults import Fault
from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.formats import BFLOAT16, format_of
from proofs.symbolic.paths import Path, current
from proofs.symbolic.terms import variables
from proofs.symbolic.theory import DType, Term, Theory

FLOAT16, FLOAT32, FLOAT64 = (np.dtype(kind) for kind in (np.float16, np.float32, np.float64))


class Float(NamedTuple):
    """A term of a theory, and its dtype."""

    term: Term
    dtype: DType

    @property
    def width(self) -> int:
        """Bits."""
        return self.dtype.itemsize * 8


class Piece(NamedTuple):
    """Some of the bits of a float."""

    whole: Float
    low: int
    width: int


class Joined(NamedTuple):
    """Values side by side, the lowest first, each with its bits."""

    parts: tuple[tuple[Any, int], ...]

    @property
    def width(self) -> int:
        """Bits."""
        return sum(width for _, width in self.parts)


Value = Any  # int (the bits), Float, Piece, Joined, z3.BitVecRef; of predicates bool or z3.BoolRef


class Concrete(Theory):
    """NumPy's own numbers: what a counterexample is replayed with."""

    name = "concrete"

    def constant(self, value: Any, dtype: DType) -> Term:
        return dtype.type(value)

    def apply(self, operation: str, terms: tuple[Term, ...], dtype: DType) -> Term:
        with np.errstate(all="ignore"):
            result = getattr(np, operation)(*terms)
        return bool(result) if isinstance(result, np.bool_) else result

    def cast(self, term: Term, source: DType, target: DType) -> Term:
        with np.errstate(all="ignore"):
            return np.asarray(term).astype(target)[()]

    def where(self, condition: Any, left: Term, right: Term) -> Term:
        return left if condition else right


_CONSTANTS: dict[tuple[int, DType, type[Theory]], Term] = {}  # kernels name the same ones again and again


def theory_of(array: Any) -> Theory:
    """The theory of an array's elements."""
    return array.theory if isinstance(array, SymbolicArray) else Concrete()


def float_of_bits(theory: Theory, bits: Value, dtype: DType) -> Term:
    """The number whose bits these are."""
    width = dtype.itemsize * 8
    if isinstance(bits, int):
        key = (bits & (1 << width) - 1, dtype, type(theory))
        if key not in _CONSTANTS:
            _CONSTANTS[key] = theory.constant(np.frombuffer(key[0].to_bytes(width // 8, "little"), dtype)[0], dtype)
        return _CONSTANTS[key]
    if isinstance(theory, Concrete):
        raise Fault(f"symbolic bits in a concrete run: {bits}")
    same = current().memory.get(("float of bits", bits.get_id()))
    if same is not None and same.dtype == dtype:
        return same.term
    cast = idioms.widened(bits, dtype) if width == 32 else idioms.rounded(bits, dtype) if dtype == BFLOAT16 else None
    return z3.fpBVToFP(bits, format_of(dtype).sort) if cast is None else cast


def bits_of_float(theory: Theory, number: Float) -> int | z3.BitVecRef:
    """The bits of a number; those of a NaN are any.

    They are a variable; `tied` says of what number, wherever it is left in the end.
    """
    if isinstance(theory, Concrete):
        return int.from_bytes(np.asarray(number.term, number.dtype).tobytes(), "little")
    simple = z3.simplify(number.term)
    if z3.is_fp_value(simple) and not simple.isNaN():
        return int(z3.simplify(z3.fpToIEEEBV(simple)).as_long())
    path = current()
    key = ("bits in a kernel", number.term.get_id())
    if key not in path.memory:
        bits = z3.BitVec(path.fresh("bits"), number.width)
        path.memory[key] = (bits, number)
        path.memory[("float of bits", bits.get_id())] = number
    found: z3.BitVecRef = path.memory[key][0]
    return found


def tied(path: Path, among: Iterable[z3.ExprRef]) -> list[z3.BoolRef]:
    """What the bits that are left in these terms are bits of."""
    known = [value for key, value in path.memory.items() if key[0] == "bits in a kernel"]
    untied = {bits.get_id(): (bits, number) for bits, number in known}
    facts: list[z3.BoolRef] = []
    pending = list(among)
    while pending:
        for identity in variables(pending.pop()):
            if identity in untied:
                bits, number = untied.pop(identity)
                facts.append(z3.fpBVToFP(bits, format_of(number.dtype).sort) == number.term)
                pending.append(number.term)
    return facts


def as_float(theory: Theory, value: Value, dtype: DType) -> Term:
    """A value read as a float."""
    if isinstance(value, Float) and value.dtype == dtype:
        return value.term
    return float_of_bits(theory, as_bits(theory, value, dtype.itemsize * 8), dtype)


def as_bits(theory: Theory, value: Value, width: int) -> int | z3.BitVecRef:
    """A value read as an integer of so many bits, the upper ones left out."""
    if isinstance(value, int):
        return value & (1 << width) - 1
    match value:
        case Float():
            found = bits_of_float(theory, value)
        case Piece(whole, low, size):
            found = _extract(bits_of_float(theory, whole), low, size)
        case Joined(parts):
            found = _concat([(as_bits(theory, part, size), size) for part, size in parts])
        case _:
            found = value
    if isinstance(found, int):
        return found & (1 << width) - 1
    if found.size() == width:
        return found
    return folded(z3.ZeroExt(width - found.size(), found) if found.size() < width else z3.Extract(width - 1, 0, found))


def folded(bits: z3.BitVecRef) -> int | z3.BitVecRef:
    """The bits in their simplest form; a number if they are one."""
    simple = z3.simplify(bits)
    return int(simple.as_long()) if z3.is_bv_value(simple) else simple


def _extract(bits: int | z3.BitVecRef, low: int, width: int) -> int | z3.BitVecRef:
    if isinstance(bits, int):
        return bits >> low & (1 << width) - 1
    return folded(z3.Extract(low + width - 1, low, bits))


def _concat(parts: list[tuple[int | z3.BitVecRef, int]]) -> int | z3.BitVecRef:
    if all(isinstance(part, int) for part, _ in parts):
        total = position = 0
        for part, width in parts:
            total |= int(part) << position
            position += width
        return total
    terms = [z3.BitVecVal(part, width) if isinstance(part, int) else part for part, width in parts]
    return folded(z3.Concat(*reversed(terms)))


def split(theory: Theory, value: Value, width: int, pieces: int) -> list[Value]:
    """A value as pieces of equal size, the lowest first."""
    size = width // pieces
    return [part_of(theory, value, width, k * size, size) for k in range(pieces)]


def part_of(theory: Theory, value: Value, width: int, low: int, size: int) -> Value:
    """``size`` bits of a value of ``width`` bits, from the bit ``low`` on."""
    if size == width:
        return value
    match value:
        case Float():
            return Piece(value, low, size)
        case Piece(whole, start, _):
            return Piece(whole, start + low, size)
        case Joined(parts):
            position = 0
            for part, its in parts:
                if position <= low and low + size <= position + its:
                    return part_of(theory, part, its, low - position, size)
                position += its
    return _extract(as_bits(theory, value, width), low, size)


def join(parts: list[tuple[Value, int]]) -> Value:
    """Values side by side, the lowest first; the pieces of a float are that float again."""
    if len(parts) == 1:
        return parts[0][0]
    if all(isinstance(value, int) for value, _ in parts):
        return _concat(parts)
    first = parts[0][0]
    if isinstance(first, Piece):
        position = 0
        for value, width in parts:
            if not isinstance(value, Piece) or value.whole is not first.whole:
                break
            if (value.low, value.width) != (position, width):
                break
            position += width
        else:
            if position == first.whole.width:
                return first.whole
    return Joined(tuple(parts))


def either(theory: Theory, condition: Any, left: Value, right: Value, width: int) -> Value:
    """``left`` where the condition holds, else ``right``."""
    if isinstance(condition, bool):
        return left if condition else right
    if left is right:
        return left
    if isinstance(left, bool | z3.BoolRef):
        return choose(condition, left, right)
    if isinstance(left, int) and isinstance(right, int) and left == right:
        return left
    floats = [value for value in (left, right) if isinstance(value, Float)]
    if (
        floats
        and all(isinstance(value, Float | int) for value in (left, right))
        and len({each.dtype for each in floats}) == 1
    ):
        dtype = floats[0].dtype
        return Float(theory.where(condition, *(as_float(theory, value, dtype) for value in (left, right))), dtype)
    terms = [as_bits(theory, value, width) for value in (left, right)]
    return folded(z3.If(condition, *(z3.BitVecVal(term, width) if isinstance(term, int) else term for term in terms)))


def choose(condition: z3.BoolRef, left: Any, right: Any) -> Any:
    """The same for truth values."""
    return known(z3.If(condition, _bool(left), _bool(right)))


def known(condition: Any) -> Any:
    """A truth value; a Python ``bool`` if it is one."""
    if isinstance(condition, z3.BoolRef):
        simple = z3.simplify(condition)
        return z3.is_true(simple) if z3.is_true(simple) or z3.is_false(simple) else condition
    return bool(condition)


def logic(operation: str, *values: Any) -> Any:
    """``and``, ``or``, ``xor`` and ``not`` of truth values."""
    if all(isinstance(value, bool) for value in values):
        return {
            "and": lambda: values[0] and values[1],
            "or": lambda: values[0] or values[1],
            "xor": lambda: values[0] != values[1],
            "not": lambda: not values[0],
        }[operation]()
    terms = [_bool(value) for value in values]
    return known({"and": z3.And, "or": z3.Or, "xor": z3.Xor, "not": z3.Not}[operation](*terms))


def _bool(value: Any) -> z3.BoolRef:
    return z3.BoolVal(value) if isinstance(value, bool) else value
