"""The sources of kernels: a `.cu` file with the headers that it includes, and the signatures of the kernels in it.

A kernel is declared `extern "C" __global__ void name(…)`, by itself or by a macro that is invoked once for each dtype; its
arguments are pointers, `long long`, `int`, `float` and `double`. Headers are included by `#include "name.cuh"` and stand beside
the source or in this package; nothing is included from elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SCALARS = ("long long", "int", "float", "double")
ELEMENTS = (
    *("float16", "bfloat16", "float", "double"),
    *("signed char", "unsigned char", "short", "unsigned short"),
    *("int", "unsigned int", "long long", "unsigned long long"),
)

_KERNEL = re.compile(
    r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(?P<name>\w+)\s*\((?P<arguments>[^()]*)\)'
)
_COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*")', re.DOTALL)
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*(?P<place>[^\s]+)", re.MULTILINE)
_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\(([^)]*)\)((?:\\\n|[^\n])*)", re.MULTILINE)


class SourceError(ValueError):
    """A source that is not as sources of kernels have to be; the message has file and line."""


class Argument(NamedTuple):
    """An argument of a kernel: its name, the type of the number or of an array's elements, and what is done with an array."""

    name: str
    element: str
    is_array: bool
    is_written: bool


class Signature(NamedTuple):
    """A kernel's name and arguments."""

    name: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Source:
    """CUDA C++ with its headers, by the names under which it includes them, and a hash of all that."""

    name: str
    text: str
    headers: dict[str, str]
    digest: str

    @cached_property
    def kernels(self) -> dict[str, Signature]:
        """The kernels by name.

        Raises: SourceError for a kernel that is declared in another way or has an argument of another type.
        """
        return {kernel.name: kernel for kernel in _kernels(self.name, self.text)}


@cache
def read(concept: str) -> Source:
    """The source of a concept's kernels, such as ``adam``.

    Raises: SourceError if there is none.
    """
    path = HERE / f"{concept}.cu"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in HERE.glob("*.cu")))
        raise SourceError(f"there are no kernels of {concept!r}; there are those of {known}")
    return read_file(path)


def read_file(path: Path) -> Source:
    """The source in a file, its headers looked for beside it and in this package.

    Raises: SourceError for a header that is not there, or that is included in angle brackets.
    """
    text = path.read_text(encoding="utf-8")
    return source(path.name, text, folders=(path.resolve().parent, HERE))


def source(name: str, text: str, folders: tuple[Path, ...] = (HERE,)) -> Source:
    """The source of this text, as `read_file` makes it."""
    headers: dict[str, str] = {}
    _collect(name, text, folders, headers)
    ordered = dict(sorted(headers.items()))
    digest = hashlib.sha256(json.dumps([name, text, list(ordered.items())]).encode()).hexdigest()
    return Source(name, text, ordered, digest)


def without_comments(text: str) -> str:
    """The text with its comments blank, every line at its place."""

    def blank(match: re.Match[str]) -> str:
        return match[1] or re.sub(r"[^\n]", " ", match[0])

    return _COMMENT.sub(blank, text)


def _collect(name: str, text: str, folders: tuple[Path, ...], headers: dict[str, str]) -> None:
    """Add the headers that a text includes, and those that they include."""
    code = without_comments(text)
    for match in _INCLUDE.finditer(code):
        place, header = match["place"], match["place"].strip('"')
        at = f"{name}, line {_line(code, match.start('place'))}"
        if place != f'"{header}"':
            raise SourceError(f'{at}: only headers of kernels can be included, as #include "name.cuh", got {place}')
        if header in headers:
            continue
        found = next((folder / header for folder in folders if (folder / header).is_file()), None)
        if found is None:
            raise SourceError(f"{at}: there is no header {header} in {' or '.join(map(str, folders))}")
        headers[header] = found.read_text(encoding="utf-8")
        _collect(header, headers[header], folders, headers)


def _kernels(name: str, text: str) -> Iterator[Signature]:
    code = _expanded(without_comments(text))
    seen: set[str] = set()
    starts = {match.start(): match for match in _KERNEL.finditer(code)}
    inside = [range(start, match.end()) for start, match in starts.items()]
    for match in re.finditer(r"\b__global__\b", code):
        if not any(match.start() in each for each in inside):
            raise SourceError(
                f'{name}: a kernel must be declared as extern "C" __global__ void name(arguments), '
                f"got {' '.join(code[match.start() : match.start() + 60].split())} …"
            )
    for match in starts.values():
        if match["name"] in seen:
            raise SourceError(f"{name}: kernel {match['name']} is defined twice")
        seen.add(match["name"])
        yield Signature(match["name"], tuple(_arguments(f"{name}: kernel {match['name']}", match["arguments"])))


def _expanded(code: str) -> str:
    """The code with the macros that make kernels carried out."""
    makers = {name: (names, body) for name, names, body in _MACRO.findall(code) if "__global__" in body}
    code = _MACRO.sub(lambda match: "" if match[1] in makers else match[0], code)
    for name, (names, body) in makers.items():
        parameters = [each.strip() for each in names.split(",")]
        code = re.sub(
            rf"^[ \t]*{name}\(([^()]*)\)",
            lambda match, parameters=parameters, body=body: _substituted(body, parameters, match[1].split(",")),  # type: ignore[misc]
            code,
            flags=re.MULTILINE,
        )
    return code


def _substituted(body: str, parameters: list[str], values: list[str]) -> str:
    given = dict(zip(parameters, (value.strip() for value in values), strict=True))
    text = re.sub(r"\b\w+\b", lambda match: given.get(match[0], match[0]), body.replace("##", "\0"))
    return re.sub(r"\s*\0\s*", "", text).replace("\\\n", "\n")


def _arguments(kernel: str, text: str) -> Iterator[Argument]:
    for number, declared in enumerate(text.split(",") if text.strip() else []):
        words = " ".join(declared.replace("__restrict__", " ").replace("*", " * ").split())
        match = re.fullmatch(r"(?P<const>const )?(?P<type>[\w ]+?)(?P<stars> \*)? (?P<name>\w+)", words)
        known = (ELEMENTS if match["stars"] else SCALARS) if match else ()
        if match is None or match["type"] not in known:
            raise SourceError(
                f"{kernel}: argument {number} must be a number ({', '.join(SCALARS)}) or a pointer to numbers "
                f"({', '.join(ELEMENTS)}), got {' '.join(declared.split())}"
            )
        yield Argument(match["name"], match["type"], bool(match["stars"]), bool(match["stars"]) and not match["const"])


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
