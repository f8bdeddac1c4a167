"""What an answer of CrossHair depends on: the code that it followed, wherever that code comes from."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from fractions import Fraction
from importlib.metadata import version
from types import CodeType, FunctionType, ModuleType
from typing import Any

from reference import contracts

THEIRS = {
    *sys.stdlib_module_names,
    "numpy",
    "icontract",
    "crosshair",
    "z3",
}  # not followed: their versions stand for them
TOOLS = ("crosshair-tool", "z3-solver", "numpy", "icontract")
PLAIN = (int, float, complex, str, bytes, bool, type(None), Fraction)


def fingerprint(*values: Any) -> list[str]:
    """Lines that differ wherever the byte code, the constants or the clauses that these values reach do, or the tools."""
    tools = [f"{name} {version(name)}" for name in TOOLS]
    return [sys.version, *tools, *_Walk().lines(values)]


class _Walk:
    """Visits functions, constants and classes once each, in the order in which the code names them."""

    def __init__(self) -> None:
        self._seen: dict[int, Any] = {}

    def lines(self, value: Any) -> Iterator[str]:
        if isinstance(value, PLAIN):
            yield f"{type(value).__name__} {value!r}"
        elif isinstance(value, ModuleType):
            yield f"module {value.__name__}"
        elif id(value) in self._seen:
            yield f"seen {list(self._seen).index(id(value))}"
        else:
            self._seen[id(value)] = value
            yield from self._parts(value)

    def _parts(self, value: Any) -> Iterator[str]:
        if isinstance(value, list | tuple):
            yield f"{type(value).__name__} of {len(value)}"
            for item in value:
                yield from self.lines(item)
        elif isinstance(value, dict):
            yield from self._parts(list(value.items()))
        elif callable(value) and hasattr(value, "__bare__"):
            yield "contracted"
            for clause in (*contracts.preconditions(value), *contracts.postconditions(value)):
                yield from self.lines((clause.claim, clause.condition, clause.error))
            yield from self.lines(contracts.bare(value))
        elif isinstance(value, FunctionType):
            yield from self._function(value)
        elif isinstance(value, type) and _is_followed(value.__module__):
            yield f"class {value.__qualname__}"
            for name, member in vars(value).items():
                if not name.startswith("__") or isinstance(member, FunctionType):
                    yield from self.lines((name, _function_of(member)))
        else:
            yield f"{type(value).__qualname__} {getattr(value, '__module__', '')} {getattr(value, '__qualname__', '')}"

    def _function(self, function: FunctionType) -> Iterator[str]:
        yield f"function {function.__module__} {function.__qualname__}"
        if not _is_followed(function.__module__):
            return
        yield from self.lines((function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            yield from self.lines(cell.cell_contents)
        for code in _codes(function.__code__):
            yield f"code {code.co_code.hex()} {code.co_varnames} {code.co_names} {code.co_freevars}"
            yield from (f"constant {_constant(item)}" for item in code.co_consts if not isinstance(item, CodeType))
            for name in sorted(_global_names(code) & set(function.__globals__)):
                yield name
                yield from self.lines(function.__globals__[name])
            yield from self._reached(function, code)

    def _reached(self, function: FunctionType, code: CodeType) -> Iterator[str]:
        """What the code takes from modules of ours: ``module.name``."""
        for name in sorted(_global_names(code)):
            module = function.__globals__.get(name)
            if isinstance(module, ModuleType) and _is_followed(module.__name__):
                for attribute in code.co_names:
                    if hasattr(module, attribute):
                        yield from self.lines((attribute, getattr(module, attribute)))


def _is_followed(module: str | None) -> bool:
    return (module or "builtins").partition(".")[0] not in THEIRS


def _constant(value: Any) -> str:
    return f"frozenset {sorted(map(repr, value))}" if isinstance(value, frozenset) else repr(value)


def _function_of(member: Any) -> Any:
    return member.fget if isinstance(member, property) else getattr(member, "__func__", member)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _global_names(code: CodeType) -> set[str]:
    return {item.argval for item in dis.get_instructions(code) if item.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
