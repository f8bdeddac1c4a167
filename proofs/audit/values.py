"""The values of a replay, from the text in which the prover keeps them (`proofs.symbolic.inputs.show`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from proofs.audit.document import Run, Value

_ARRAY = re.compile(r"(b?float\d\w*)\[(.*)\]", re.DOTALL)
_SCALAR = re.compile(r"(b?float\d\w*) (\S+) = (\S+)")
_ELEMENT = re.compile(r"(\S+) = (\S+)")
_RECORD = re.compile(r"[A-Z]\w*\((.+)\)", re.DOTALL)
_FIELD = re.compile(r"[a-z]\w*=.+", re.DOTALL)
_PLAIN = re.compile(r"-?(?:\d+|\d+\.\d+(?:e[+-]?\d+)?|\d+e[+-]?\d+|inf|nan)")
_OPENING, _CLOSING = "([{", ")]}"


def run_of(replay: Mapping[str, Any] | None) -> Run | None:
    """A replay with its values taken apart."""
    if replay is None:
        return None
    return {
        "confirmed": bool(replay["confirmed"]),
        "inputs": list(values(replay["inputs"])),
        "outputs": list(values(replay["outputs"])),
        "clause": replay["clause"],
        "note": replay["note"],
    }


def values(named: Mapping[str, str]) -> Iterator[Value]:
    """Each value by name; the members of a list or a state stand by themselves, as ``grads[0]``, ``state.step``."""
    for name, text in named.items():
        yield from _values(name, text)


def _values(name: str, text: str) -> Iterator[Value]:
    if text.startswith("[") and text.endswith("]") and text != "[]":
        for number, member in enumerate(split(text[1:-1])):
            yield from _values(f"{name}[{number}]", member)
    elif (found := _RECORD.fullmatch(text)) and all(_FIELD.fullmatch(part) for part in split(found[1])):
        for part in split(found[1]):
            field, _, value = part.partition("=")
            yield from _values(f"{name}.{field}", value)
    else:
        yield _value(name, text)


def _value(name: str, text: str) -> Value:
    """One value: an array or a number of a float format, a number of Python's, or text."""
    if found := _ARRAY.fullmatch(text):
        pairs = [_ELEMENT.fullmatch(element) for element in split(found[2])] if found[2] else []
        if all(pairs):
            return _numbers(name, text, found[1], [(pair[1], pair[2]) for pair in pairs if pair])
    if found := _SCALAR.fullmatch(text):
        return _numbers(name, text, found[1], [(found[2], found[3])])
    if _PLAIN.fullmatch(text):
        whole = text.lstrip("-").isdigit()
        hexadecimal = None if whole else [float(text).hex()]
        return {"name": name, "text": text, "dtype": None, "decimal": [text], "hexadecimal": hexadecimal}
    return {"name": name, "text": text, "dtype": None, "decimal": None, "hexadecimal": None}


def _numbers(name: str, text: str, dtype: str, pairs: list[tuple[str, str]]) -> Value:
    decimal, hexadecimal = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return {"name": name, "text": text, "dtype": dtype, "decimal": decimal, "hexadecimal": hexadecimal}


def split(text: str) -> list[str]:
    """The parts between commas that stand in no bracket and no quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote and text[place - 1] != "\\" else quote
        elif sign in "'\"":
            quote = sign
        elif sign in _OPENING:
            depth += 1
        elif sign in _CLOSING:
            depth -= 1
        elif sign == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]
