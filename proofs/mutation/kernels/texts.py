"""What a mutant does to the text of a kernel: rules over its tokens, for the plain C++ that `docs/kernels.md` describes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from accelerated.sources import without_comments
from proofs.mutation.mutants import digest, unified_diff

OPERATORS = {
    "+": ("-",),
    "-": ("+",),
    "*": ("/",),
    "/": ("*",),
    "%": ("/",),
    "<": ("<=",),
    "<=": ("<",),
    ">": (">=",),
    ">=": (">",),
    "==": ("!=",),
    "!=": ("==",),
    "&&": ("||",),
    "||": ("&&",),
    "&": ("|",),
    "|": ("&",),
    "<<": (">>",),
    ">>": ("<<",),
    "+=": ("-=", "="),
    "&=": ("=", "|="),
}
REGROUPED = {"++": "+", "+-": "-", "-+": "-", "--": "+", "**": "*", "*/": "/", "/*": "/", "//": "*"}
OPERAND = r"-?[\w.]+(?:->\w+)*(?:\[[^\][]*\])?(?:\.\w+)*"
SILENT = re.compile(
    r'^\s*(?:#(?!\s*define)|template\b|asm\b|struct\b|extern\b|"|PACK_OPERATOR|ADAM\(|CLIPPED_ADAM\(|CLIPPING\(|SGD\()'
)

Edit = tuple[int, int, str, str]  # from, to, the text in its place, the kind of change


@dataclass(frozen=True)
class Mutant:
    """One change to one file of the kernels, and the whole file with it in place."""

    id: str
    file: str
    line: int
    kind: str
    before: str
    after: str
    text: str
    diff: str


def mutants(file: str, text: str) -> Iterator[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    code = _blanked(without_comments(text))
    seen: Counter[str] = Counter()
    edits = sorted({edit for rule in RULES for edit in rule(code)})
    for start, end, after, kind in edits:
        before = text[start:end]
        line = text.count("\n", 0, start) + 1
        changed = text[:start] + after + text[end:]
        what = f"{file} {kind} {text.splitlines()[line - 1].strip()} {before}"
        seen[what] += 1
        yield Mutant(
            f"{file}-{digest(what, after, str(seen[what]))[:8]}",
            file,
            line,
            kind,
            before,
            after,
            changed,
            unified_diff(f"accelerated/{file}", text, changed),
        )


def _blanked(code: str) -> str:
    """The code without what is no code of ours: directives, what only NVRTC or the processor compiles, declarations."""
    lines, skipping = [], False
    for line in code.splitlines(keepends=True):
        if re.match(r"\s*#\s*if", line):
            skipping = True
        silent = skipping or SILENT.match(line) is not None or re.match(r"\s*#\s*define\s+\w+\([^)]*\)\s*\\\s*$", line)
        lines.append(re.sub(r"[^\n]", " ", line) if silent else line)
        if re.match(r"\s*#\s*endif", line):
            skipping = False
    return "".join(lines)


def _operators(code: str) -> Iterator[Edit]:
    for match in re.finditer(r"(?<=\s)(\+=|&=|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>&|])(?=\s)", code):
        for other in OPERATORS.get(match[1], ()):
            yield match.start(), match.end(), other, "operator"


def _swapped(code: str) -> Iterator[Edit]:
    for match in re.finditer(rf"(?<![\w.\])>])({OPERAND}) ([-/]) ({OPERAND})(?![\w.(\[])", code):
        if match[1] != match[3]:
            yield match.start(), match.end(), f"{match[3]} {match[2]} {match[1]}", "operands swapped"
    for match in re.finditer(r"(?<=[ (!=])(\w+)\(([^(),;]+), ([^(),;]+)\)(?=[^\n{]*;)", code):
        if match[1] not in ("if", "for", "while"):
            yield match.start(), match.end(), f"{match[1]}({match[3]}, {match[2]})", "arguments swapped"


def _regrouped(code: str) -> Iterator[Edit]:
    for match in re.finditer(rf"\(({OPERAND}) ([-+*/]) ({OPERAND})\) ([-+*/]) ({OPERAND})", code):
        inner = REGROUPED.get(match[2] + match[4])
        if inner:
            text = f"{match[1]} {match[2]} ({match[3]} {inner} {match[5]})"
            yield match.start(), match.end(), text, "order to the right"


def _signs(code: str) -> Iterator[Edit]:
    for match in re.finditer(r"(?<=[?:=(,] )-(?=[a-z])", code):
        yield match.start(), match.end(), "", "minus dropped"


def _numbers(code: str) -> Iterator[Edit]:
    for match in re.finditer(r"(?<![\w.])(?<!p-)(\d+)(u|ull)?(?![\w.])", code):
        suffix = match[2] or ""
        for change in (1, -1):
            yield match.start(), match.end(), f"{int(match[1]) + change}{suffix}", f"constant {change:+d}"
    for match in re.finditer(r"(?<![\w.])(0x[0-9a-f]+)(u|ull)(?!\w)", code):
        yield match.start(), match.end(), f"{hex(int(match[1], 16) ^ 1)}{match[2]}", "last bit"
    for match in re.finditer(r"(?<![\w.])0x1p(-?\d+)(?!\w)", code):
        for change in (1, -1):
            yield match.start(), match.end(), f"0x1p{int(match[1]) + change}", f"exponent {change:+d}"
    for match in re.finditer(r"(?<![\w.])(\d+\.\d+)(?!\w)", code):
        yield match.start(), match.end(), str(2 * float(match[1]) or 1.0), "constant doubled, 0 to 1"


def _conditions(code: str) -> Iterator[Edit]:
    for match in re.finditer(r"\bif \(", code):
        end = _closing(code, match.end() - 1)
        yield match.end(), end, f"!({code[match.end() : end]})", "condition negated"
    for match in re.finditer(r" \? ", code):
        middle, end = _alternatives(code, match.end())
        if middle:
            one, other = code[match.end() : middle], code[middle + 3 : end]
            yield match.end(), end, f"{other} : {one}", "branches swapped"


def _statements(code: str) -> Iterator[Edit]:
    """Assignments, calls and early ends left out; not declarations."""
    place = r"[\w.]+(?:->\w+)*(?:\[[^\];]*\])*(?:\.\w+)*"
    pattern = rf"(?:(?<=^)|(?<=\s|\)))(?:{place} [-+*/&|]?= [^;{{}}]*|[\w.>-]+(?:<\w+>)?\([^;{{}}]*\)|return|break);"
    for match in re.finditer(pattern, code):
        head = code[code.rfind("\n", 0, match.start()) + 1 : match.start()]
        if not head.strip() or re.search(r"\)\s*$", head):
            yield match.start(), match.end(), ";", "statement dropped"


def _types(code: str) -> Iterator[Edit]:
    for match in re.finditer(r"\((?:double|float|long long|decltype\(wide\))\)(?=[\w(])", code):
        yield match.start(), match.end(), "", "cast dropped"
    for match in re.finditer(r"(?<![\w<(])double(?= \w+ =)", code):
        yield match.start(), match.end(), "float", "double to float"
    for match in re.finditer(r"(?<![\w<])long long(?= \w+ =)", code):
        yield match.start(), match.end(), "int", "64 bits to 32"


RULES: tuple[Callable[[str], Iterable[Edit]], ...] = (
    _operators,
    _swapped,
    _regrouped,
    _signs,
    _numbers,
    _conditions,
    _statements,
    _types,
)


def _closing(code: str, opened: int) -> int:
    """Where the parenthesis at ``opened`` is closed."""
    depth = 0
    for at in range(opened, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if not depth:
            return at
    raise ValueError(f"a parenthesis is never closed: {code[opened : opened + 40]!r}")


def _alternatives(code: str, start: int) -> tuple[int, int]:
    """Where the ``:`` of a conditional expression stands, and where the expression ends; 0 if it is nested."""
    depth, middle = 0, 0
    for at in range(start, len(code)):
        if code[at] in "([{":
            depth += 1
        elif code[at] in ")]}":
            depth -= 1
        if depth < 0 or (not depth and code[at] in ";,"):
            return middle, at
        if not depth and code.startswith(" ? ", at):
            return 0, at
        if not depth and not middle and code.startswith(" : ", at):
            middle = at
    return 0, len(code)
