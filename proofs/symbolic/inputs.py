"""Arguments of a function under proof: symbolic when it is proven, concrete when a model is replayed."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.formats import FORMATS, Format, format_of, is_float
from proofs.symbolic.theory import Theory


@dataclass(frozen=True)
class Array:
    """An array of a dtype and shape with arbitrary elements; shape () is a scalar. Random ones lie ``within`` a range."""

    dtype: Any
    shape: tuple[int, ...] = ()
    within: tuple[float, float] | None = None

    def names(self, name: str) -> list[str]:
        """The solver's names of the elements, in C order."""
        if not self.shape:
            return [name]
        return ["_".join((name, *map(str, index))) for index in np.ndindex(self.shape)]

    def symbolic(self, name: str, theory: Theory) -> SymbolicArray:
        """The array as variables of a theory."""
        dtype = np.dtype(self.dtype)
        terms = np.empty(len(self.names(name)), dtype=object)
        for i, element in enumerate(self.names(name)):
            terms[i] = theory.variable(element, dtype)
        return SymbolicArray(terms.reshape(self.shape), dtype, theory)

    def concrete(self, name: str, values: Mapping[str, Any]) -> Any:
        """The array with these elements; one that the model leaves open is zero."""
        dtype = np.dtype(self.dtype)
        flat = np.array([_float_of(values.get(element, 0)) for element in self.names(name)]).astype(dtype)
        return flat.reshape(self.shape) if self.shape else dtype.type(flat[0])

    def random(self, generator: random.Random) -> Any:
        """Elements whose exponents and mantissas are drawn over the whole format, near one another now and then."""
        dtype = np.dtype(self.dtype)
        count = int(np.prod(self.shape, dtype=int))
        if dtype == np.bool_:
            return np.array([generator.random() < 0.5 for _ in range(count)]).reshape(self.shape)[()]
        numbers = (
            [generator.uniform(*self.within) for _ in range(count)]
            if self.within
            else random_floats(generator, dtype, count)
        )
        flat = np.array(numbers, dtype=dtype)
        return flat.reshape(self.shape) if self.shape else dtype.type(flat[0])


@dataclass(frozen=True)
class Arrays:
    """A list of arrays."""

    members: tuple[Array, ...]

    def names(self, name: str) -> list[str]:
        return [element for k, member in enumerate(self.members) for element in member.names(f"{name}{k}")]

    def symbolic(self, name: str, theory: Theory) -> list[SymbolicArray]:
        return [member.symbolic(f"{name}{k}", theory) for k, member in enumerate(self.members)]

    def concrete(self, name: str, values: Mapping[str, Any]) -> list[Any]:
        return [member.concrete(f"{name}{k}", values) for k, member in enumerate(self.members)]

    def random(self, generator: random.Random) -> list[Any]:
        return [member.random(generator) for member in self.members]


@dataclass(frozen=True)
class Fixed:
    """An argument that is what it is: a dtype, an exponent, a flag."""

    value: Any

    def names(self, name: str) -> list[str]:
        return []

    def symbolic(self, name: str, theory: Theory) -> Any:
        return self.value

    def concrete(self, name: str, values: Mapping[str, Any]) -> Any:
        return self.value

    def random(self, generator: random.Random) -> Any:
        return self.value


@dataclass(frozen=True)
class Integer:
    """A Python int as a 32-bit integer; the preconditions must keep it far from the ends."""

    def names(self, name: str) -> list[str]:
        return [name]

    def symbolic(self, name: str, theory: Theory) -> SymbolicArray:
        return SymbolicArray(theory.variable(name, np.dtype(np.int32)), np.dtype(np.int32), theory)

    def concrete(self, name: str, values: Mapping[str, Any]) -> int:
        bits = int(values.get(name, 0))
        return bits - (1 << 32) if bits >> 31 else bits

    def random(self, generator: random.Random) -> int:
        return generator.randint(-1000, 1000)


@dataclass(frozen=True)
class Record:
    """A named tuple of numbers, such as a sum and its flag."""

    kind: Any
    members: tuple[Array, ...]

    def names(self, name: str) -> list[str]:
        return [element for field, member in self._fields(name) for element in member.names(field)]

    def symbolic(self, name: str, theory: Theory) -> Any:
        return self.kind(*(member.symbolic(field, theory) for field, member in self._fields(name)))

    def concrete(self, name: str, values: Mapping[str, Any]) -> Any:
        return self.kind(*(member.concrete(field, values) for field, member in self._fields(name)))

    def random(self, generator: random.Random) -> Any:
        return self.kind(*(member.random(generator) for member in self.members))

    def _fields(self, name: str) -> list[tuple[str, Array]]:
        return [(f"{name}.{field}", member) for field, member in zip(self.kind._fields, self.members, strict=True)]


Input = Array | Arrays | Fixed | Integer | Record


def lists_up_to(dtype: Any, elements: int = 4, members: int = 3) -> list[Arrays]:
    """Every list of at most ``members`` non-empty vectors with ``elements`` elements in all."""
    return [
        Arrays(tuple(Array(dtype, (size,)) for size in sizes))
        for count in range(1, members + 1)
        for total in range(count, elements + 1)
        for sizes in _compositions(total, count)
    ]


def _float_of(value: Any) -> Any:
    """A model's number as a float; what is beyond the floats is infinite."""
    try:
        return float(value) if isinstance(value, Fraction | int) else value
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _compositions(total: int, parts: int) -> list[tuple[int, ...]]:
    if parts == 1:
        return [(total,)]
    return [(first, *rest) for first in range(1, total - parts + 2) for rest in _compositions(total - first, parts - 1)]


def random_floats(generator: random.Random, dtype: Any, count: int) -> list[float]:
    """``count`` finite floats of similar size, sometimes of very different sizes, round or special."""
    form = format_of(dtype)
    centre = generator.randint(form.least_exponent, form.bias)
    spread = generator.choice((0, 1, 4, form.precision, 2 * form.precision))
    return [_random_float(generator, form, centre, spread) for _ in range(count)]


def _random_float(generator: random.Random, form: Any, centre: int, spread: int) -> float:
    exponent = min(form.bias, max(form.least_exponent, centre + generator.randint(-spread, spread)))
    precision = min(form.precision, exponent - form.least_exponent + 1)
    bits = generator.choice((1, 2, precision, precision, precision))
    mantissa = (1 << (precision - 1)) | (
        generator.getrandbits(precision) >> (precision - min(bits, precision)) << max(0, precision - bits - 1)
    )
    mantissa &= (1 << precision) - 1
    sign = generator.choice((1, -1))
    return (
        0.0
        if generator.random() < 0.02
        else float(sign * Fraction(mantissa) * Fraction(2) ** (exponent - precision + 1))
    )


def values_of(model: Mapping[str, str], inputs: Mapping[str, Input]) -> dict[str, Any]:
    """A solver's model as numbers: floats bit for bit, reals as the nearest float."""
    parsed = {name: parse(text) for name, text in model.items()}
    return {name: value for name, value in parsed.items() if value is not None}


def parse(text: str) -> Any:
    """One SMT-LIB value."""
    return _Parser(text).value()


class _Parser:
    """SMT-LIB values: booleans, bit vectors, floats, rationals; algebraic numbers only approximately."""

    def __init__(self, text: str) -> None:
        self.tokens = text.replace("(", " ( ").replace(")", " ) ").split()

    def value(self) -> Any:
        token = self.tokens.pop(0)
        if token != "(":
            return _atom(token)
        head = self.tokens.pop(0)
        items: list[Any] = []
        while self.tokens[0] != ")":
            items.append(self.tokens.pop(0) if head == "_" else self.value())
        self.tokens.pop(0)
        match head, items:
            case "fp", [sign, exponent, fraction]:
                return _float(sign, exponent, fraction)
            case "-", [number]:
                return -number
            case "/", [over, under]:
                return Fraction(over) / Fraction(under)
            case "_", [kind, *sizes]:
                return (
                    _special(kind, *map(int, sizes))
                    if kind in ("+oo", "-oo", "+zero", "-zero", "NaN")
                    else int(kind[2:])
                )
        return None


def _atom(token: str) -> Any:
    if token in ("true", "false"):
        return token == "true"
    if token.startswith("#b"):
        return Bits(token[2:])
    if token.startswith("#x"):
        return Bits("".join(f"{int(digit, 16):04b}" for digit in token[2:]))
    try:
        return Fraction(token.rstrip("?"))
    except ValueError:
        return None


class Bits(str):
    """A bit pattern."""

    def __int__(self) -> int:
        return int(str(self), 2)


def _float(sign: Bits, exponent: Bits, fraction: Bits) -> Any:
    bits = sign + exponent + fraction
    data = int(bits, 2).to_bytes(len(bits) // 8, "little")
    kind = _dtype(len(exponent), len(fraction) + 1)
    return np.frombuffer(data, dtype=kind)[0] if kind is not None else None


def _dtype(exponent_bits: int, precision: int) -> Any:
    """The dtype of a format, if NumPy has it."""
    return next((dtype for dtype, form in FORMATS.items() if form == Format(exponent_bits, precision)), None)


def _special(kind: str, exponent_bits: int, precision: int) -> Any:
    value = {"+oo": np.inf, "-oo": -np.inf, "+zero": 0.0, "-zero": -0.0, "NaN": np.nan}[kind]
    return (_dtype(exponent_bits, precision) or np.dtype(np.float64)).type(value)


def smt_value(term: z3.ExprRef) -> str:
    """A z3 value as SMT-LIB text."""
    return str(term.sexpr())


def show(value: Any) -> str:
    """A value as people read it: decimal and hexadecimal."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(item) for item in value) + "]"
    if is_dataclass(value) and not isinstance(value, type):
        parts = (f"{part.name}={show(getattr(value, part.name))}" for part in fields(value))
        return f"{type(value).__name__}({', '.join(parts)})"
    if hasattr(value, "dtype") and is_float(np.dtype(value.dtype)):
        if np.ndim(value):
            return f"{value.dtype}[" + ", ".join(_show_float(item) for item in np.ravel(value)) + "]"
        return f"{value.dtype} {_show_float(value)}"
    return str(getattr(value, "__name__", repr(value)))


def _show_float(value: Any) -> str:
    return f"{float(value)!r} = {float(value).hex()}"


__all__: Sequence[str] = [
    "Array",
    "Arrays",
    "Bits",
    "Fixed",
    "Input",
    "Integer",
    "Record",
    "lists_up_to",
    "parse",
    "random_floats",
    "show",
    "values_of",
]
