r"""What each claim says as a law in mathematical notation, and whether the clause is still the one that it was read from.

``laws/<row>.toml`` holds a row's laws in LaTeX by the part of the claims' ids before the dot: float16, float32 and
float64 share a law, for theory and bound stand beside it. A name of the code is set ``\mathtt{max\_norm}``; all other symbols are
declared under ``[symbols]``. Lines end with ``\\``.

With each law is kept a hash of the clause from which it was read. When the clause changes, a test asks to read the law again:

    python -m proofs.audit.laws                  which laws are older than their clauses
    python -m proofs.audit.laws RED-4            a law, and what it was read from
    python -m proofs.audit.laws --accept RED-4   the law was read again and says what the clause says
"""

from __future__ import annotations

import argparse
import ast
import functools
import hashlib
import importlib
import inspect
import re
import sys
import textwrap
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from latex2mathml.converter import convert

from reference import contracts

FOLDER = Path(__file__).resolve().parent / "laws"
SYMBOLS = "symbols"  # the table of a file that is no law

# ---- laws ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Law:
    """What the claims of a family say. ``symbols`` are those that occur in it, each with its meaning.

    ``words`` read it for somebody who is new to this, where the claims' statement does not; ``clause`` is the hash of what it
    was read from.
    """

    family: str
    latex: str
    words: str = ""
    clause: str = ""
    symbols: Mapping[str, str] = field(default_factory=dict)


def family_of(claim_id: str) -> str:
    """What the ids of a claim's variants have in common: CLIP-1 of CLIP-1.float32."""
    return claim_id.partition(".")[0]


def law(claim_id: str) -> Law | None:
    """The law of a claim, or of a family; ``None`` if none is written down."""
    return laws().get(family_of(claim_id))


@functools.cache
def laws() -> Mapping[str, Law]:
    """All laws by family."""
    found: dict[str, Law] = {}
    for content in files().values():
        declared = content.get(SYMBOLS, {})
        for family, entry in content.items():
            if family in found:
                raise ValueError(f"{family} has a law in two files: there must be one")
            if family != SYMBOLS:
                found[family] = _law(family, entry, declared)
    return found


def files() -> dict[Path, dict[str, dict[str, str]]]:
    """What each file of laws holds."""
    return {path: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}


def _law(family: str, entry: Mapping[str, str], declared: Mapping[str, str]) -> Law:
    latex = entry["law"].strip()
    used = symbols_in(latex)
    meanings = {symbol: meaning for symbol, meaning in declared.items() if symbol in used}
    return Law(family, latex, entry.get("words", "").strip(), entry.get("clause", ""), meanings)


# ---- symbols ------------------------------------------------------------------------------------------------------------

NAME = re.compile(r"\\mathtt\{((?:[^{}\\]|\\_)+)\}")
OPERATOR = re.compile(r"\\(?:operatorname|mathbb)\{[^{}]*\}")
WORDS = re.compile(r"\\(?:text|operatorname|mathrm|mathbb)\{[^{}]*\}|\\(?:begin|end)\{[a-z]+\}")
ACCENTED = re.compile(r"\\(?:tilde|hat|bar) ?(?:\\[a-z]+|[A-Za-z])")
SPACE = re.compile(r"\\[,;!\\ ]|\\q?quad\b")
COMMAND = re.compile(r"\\[A-Za-z]+")
NOTATION = {  # what everybody reads without a word
    *COMMAND.findall(r"\le \ge \ne \in \sum \max \min \sqrt \frac \cdot \pm \int \log \ln \sin \cos \tanh \dots"),
    *COMMAND.findall(
        r"\Rightarrow \Leftrightarrow \left \right \lvert \rvert \lVert \rVert \lceil \rceil \lfloor \rfloor"
    ),
}


def names_in(latex: str) -> set[str]:
    """The names of the code that a law uses."""
    return {name.replace(r"\_", "_") for name in NAME.findall(latex)}


def symbols_in(latex: str) -> set[str]:
    r"""All else that needs a meaning: letters, Greek and accented ones too, and operators such as ``\operatorname{fl}``."""
    named = NAME.sub(" ", latex)
    accented = set(ACCENTED.findall(named))
    rest = SPACE.sub(" ", ACCENTED.sub(" ", WORDS.sub(" ", named)))
    letters = set(re.findall(r"[A-Za-z]", COMMAND.sub(" ", rest)))
    return set(OPERATOR.findall(named)) | accented | letters | (set(COMMAND.findall(rest)) - NOTATION)


# ---- MathML -------------------------------------------------------------------------------------------------------------

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
LEFT = "text-align:left;padding-left:0"
CODE = "font-family:monospace"
BRACKET = re.compile(r"\\([lr])(vert|Vert|ceil|floor)(?![A-Za-z])")
SIDES = {"l": "left", "r": "right"}
LIKE_OPERATORS = ("…", "±")
PRIMES = ("′", "″")
SIGNS = ("−", "±")


def mathml(latex: str, display: str = "block") -> str:
    """The formula as presentation MathML Core: one ``math`` element, its lines below each other, nothing to be loaded.

    ``display`` is ``block`` or ``inline``, for a symbol among words.
    """
    rows = [_row(line) for line in _lines(latex)]
    whole = ET.Element("math", xmlns=NAMESPACE, display=display)
    if len(rows) == 1:
        whole.append(rows[0])
    else:
        table = ET.SubElement(whole, "mtable", displaystyle="true")
        for row in rows:
            ET.SubElement(ET.SubElement(table, "mtr"), "mtd", style=LEFT).append(row)
    return ET.tostring(whole, encoding="unicode")


def _lines(latex: str) -> list[str]:
    r"""The formula cut at each ``\\`` that stands in no environment."""
    found, depth = [""], 0
    for part in re.split(r"(\\begin\{[a-z]+\}|\\end\{[a-z]+\}|\\\\)", latex):
        depth += part.startswith(r"\begin") - part.startswith(r"\end")
        if part == r"\\" and depth == 0:
            found.append("")
        else:
            found[-1] += part
    return [line.strip() for line in found if line.strip()]


def _row(latex: str) -> ET.Element:
    coded = NAME.sub(lambda match: rf"\text{{«{match[1]}»}}", latex)
    paired = BRACKET.sub(lambda match: rf"\{SIDES[match[1]]}{match[0]}", coded)  # for the converter to pair them
    whole = ET.fromstring(re.sub(r' xmlns="[^"]*"', "", convert(paired, display="block")))
    row = whole.find("mrow")
    if row is None:
        raise ValueError(f"there is no formula in {latex!r}")
    for change in (_correct, _set_prime, _set_signs):
        for element in list(row.iter()):
            change(element)
    return row


def _correct(element: ET.Element) -> None:
    """Say in MathML Core what the converter says in older dialects, and set functions and names of the code as such."""
    text = element.text or ""
    if element.attrib.pop("columnalign", None):
        element.set("style", LEFT)
    if element.tag == "mtext" and text.startswith("«"):
        element.tag = "mi"  # in a row of nothing but mtext, operators would get no space
        element.set("style", CODE)
        element.text = text.strip("«»").replace(r"\_", "_")
    elif element.tag == "mo" and text.isalpha() and text.isascii():
        element.tag = "mi"
    elif element.tag == "mi" and text in LIKE_OPERATORS:
        element.tag = "mo"
    elif element.tag == "msub" and element[0].text == "∑":
        element.tag = "munder"


def _set_signs(row: ET.Element) -> None:
    """A sign that nothing stands before, or another operator, belongs to what follows."""
    before = None
    for element in row:
        opens = before is None or (before.tag == "mo" and before.get("form") != "postfix" and before.text != ")")
        if opens and element.tag == "mo" and element.text in SIGNS:
            element.set("form", "prefix")
        before = element


def _set_prime(element: ET.Element) -> None:
    """Set a prime beside its letter: raised and shrunk once more, as a power, it could hardly be seen."""
    if element.tag not in ("msup", "msubsup"):
        return
    power = element[-1]
    prime = next((part for part in (power, *power[:1]) if part.text in PRIMES), None)
    if prime is None:
        return
    mark = ET.Element("mo", lspace="0em", rspace="0em")
    mark.text = prime.text
    (element if prime is power else power).remove(prime)
    if len(element) == 1:
        element.tag = "mrow"
        element.append(mark)
        return
    letter = ET.Element("mrow")
    letter.extend([element[0], mark])
    element[0] = letter
    element.tag = "msub" if prime is power else element.tag


# ---- what laws were read from -------------------------------------------------------------------------------------------


class Reading:
    """The text of a statement: of conditions, and of all that they call in the reference and the proofs.

    A function under a contract of its own is what is spoken of, no part of what is said: of it only the name counts. The
    prover's room and the symbolic one are the language, not the statement.
    """

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._seen: set[object] = set()

    def read(self, value: Any, name: str) -> None:
        """Take in a callable, or a value to which one refers by this name."""
        from proofs.prover.symbolic_run import Run, clauses_of  # loads a solver

        if isinstance(value, Run):
            for clause in clauses_of(value.function, value.clauses):
                self.read(clause.condition, clause.claim)
        elif isinstance(value, functools.partial):
            self.read((value.func, *value.args), name)
        elif isinstance(value, str | int | float | Fraction):
            self._take(f"{name} = {value!r}")
        elif isinstance(value, tuple | list):
            for part in value:
                self.read(part, name)
        elif isinstance(value, dict):
            for key, part in value.items():
                self.read(part, f"{name}[{key}]" if isinstance(key, str | float) else name)
        elif hasattr(value, "__bare__"):
            self._take(name)
        elif isinstance(value, type):
            if _is_statement(value) and self._is_new(value):
                self.read([member for member in vars(value).values() if _is_of(member, value)], name)
        elif callable(value) and isinstance(function := inspect.unwrap(value), FunctionType):
            self._read_function(function, name)

    def _read_function(self, function: FunctionType, known_as: str) -> None:
        if not _is_statement(function) or not self._is_new(function):
            return
        self._take(f"{known_as}: {source_of(function)}")
        for name in sorted(_names(function.__code__) & set(function.__globals__)):
            self.read(function.__globals__[name], name)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self.read(cell.cell_contents, name)

    def _is_new(self, thing: object) -> bool:
        known = thing in self._seen
        self._seen.add(thing)
        return not known

    def _take(self, piece: str) -> None:
        if self._is_new(piece):
            self.pieces.append(piece)


def _is_statement(thing: Any) -> bool:
    room = thing.__module__.split(".")
    return room[0] in ("reference", "proofs") and room[:2] not in (["proofs", "prover"], ["proofs", "symbolic"])


def _is_of(member: object, kind: type) -> bool:
    """Whether a member of a class is a method that stands in its file, not one that NamedTuple or dataclass made."""
    return isinstance(member, FunctionType) and member.__code__.co_filename == sys.modules[kind.__module__].__file__


def _names(code: CodeType) -> set[str]:
    """The names that a function looks up, its inner functions included."""
    inner = [_names(each) for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*inner)


def source_of(function: FunctionType) -> str:
    """The text of a function or lambda without its docstring."""
    if function.__name__ == "<lambda>":
        return _lambda_text(function)
    text = textwrap.dedent(inspect.getsource(function))
    first = ast.parse(text).body[0].body[0]  # type: ignore[attr-defined]
    lines = text.splitlines()
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del lines[first.lineno - 1 : first.end_lineno]
    return "\n".join(lines)


def _lambda_text(function: FunctionType) -> str:
    """Of the lambdas that begin in the same line with the same arguments, the one that holds this code."""
    code = function.__code__
    source, nodes = _lambdas(code.co_filename)
    wanted = [*code.co_varnames[: code.co_argcount]]
    places = [place for place in code.co_positions() if place[0] is not None and place[2]]
    for node in nodes:
        first, last = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
        within = all(first <= (a or 0, b or 0) and (c or 0, d or 0) <= last for a, c, b, d in places)
        if node.lineno == code.co_firstlineno and [each.arg for each in node.args.args] == wanted and within:
            return ast.get_source_segment(source, node) or ""
    raise LookupError(f"{code.co_filename}:{code.co_firstlineno}: the lambda there was not found")


@functools.cache
def _lambdas(path: str) -> tuple[str, list[ast.Lambda]]:
    source = Path(path).read_text(encoding="utf-8")
    return source, [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Lambda)]


@functools.cache
def contracted() -> Mapping[str, Callable[..., Any]]:
    """The functions of the reference and the proofs that stand under a contract, by the clause of each."""
    importlib.import_module("proofs.prover.catalogue")
    rooms = [module for name, module in sys.modules.items() if name.split(".")[0] in ("reference", "proofs")]
    functions = [value for room in rooms for value in vars(room).values() if hasattr(value, "__bare__")]
    return {clause.claim: function for function in functions for clause in contracts.postconditions(function)}


def claims_of(family: str) -> list[Any]:
    """The claims with this law."""
    from proofs.prover.catalogue import CLAIMS  # loads every proof

    return [claim for claim in CLAIMS if family_of(claim.id) == family]


@functools.cache
def read_from(family: str) -> tuple[str, ...]:
    """What a law is read from: clause and preconditions; where there is no clause, what is proven or refuted instead."""
    claims, reading = claims_of(family), Reading()
    if not claims:
        raise LookupError(f"no claim has the id {family}, with or without a dtype")
    names = [name for name in (claims[0].clause, family) if name in contracted()]
    if names:
        function = contracted()[names[0]]
        for clause in (*contracts.preconditions(function), *contracts.postconditions(function)):
            if clause.claim in ("", names[0]):
                reading.read(clause.condition, clause.claim or "require")
        if function.__module__.startswith("proofs."):  # it says which calls the clause compares
            reading.read(contracts.bare(function), function.__name__)
    else:
        reading.read(claims[0].statement, "statement")
        reading.read(claims[0].build or claims[0].exhaust or claims[0].confirm, "shown")
    return tuple(reading.pieces)


def digest_of(family: str) -> str:
    """The hash of what a law is read from."""
    return hashlib.sha256("\n".join(sorted(map(unformatted, read_from(family)))).encode()).hexdigest()[:12]


def unformatted(text: str) -> str:
    """Code without comments, spaces and trailing commas: without what a formatter changes."""
    return re.sub(r",(?=[)\]}])", "", "".join(re.sub(r"(?m)(^|\s)#.*$", "", text).split()))


def stale() -> list[str]:
    """The laws that were not read since their clause changed."""
    return [family for family, each in laws().items() if each.clause != digest_of(family)]


# ---- the command --------------------------------------------------------------------------------------------------------


def accept(families: Sequence[str]) -> None:
    """Write down that these laws were read beside the clauses as they are now."""
    for path, content in files().items():
        text = path.read_text(encoding="utf-8")
        for family in set(families) & set(content):
            start = text.index(f"[{family}]")
            end = text.find("\n[", start) if "\n[" in text[start:] else len(text)
            lines = [line for line in text[start:end].rstrip().splitlines() if not line.startswith("clause = ")]
            entry = "\n".join([*lines, f'clause = "{digest_of(family)}"']) + "\n"
            text = text[:start] + entry + text[end:]
        path.write_text(text, encoding="utf-8")


def shown(family: str) -> Iterator[str]:
    """A law, and what it was read from."""
    found = law(family)
    yield f"{family}: {found.latex if found else 'no law is written down'}"
    yield from (f"  {symbol}  {meaning}" for symbol, meaning in (found.symbols if found else {}).items())
    yield from (textwrap.indent(piece, "    ") for piece in read_from(family))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 if some law is older than its clause."""
    parser = argparse.ArgumentParser(prog="python -m proofs.audit.laws", description="Laws beside their clauses.")
    parser.add_argument("families", nargs="*", help="show these, such as RED-4; by default, name those that are older")
    parser.add_argument("--accept", action="store_true", help="these laws were read again and say what the clauses say")
    given = parser.parse_args(arguments)
    unknown = [family for family in given.families if family not in laws()]
    if unknown:
        parser.error(f"there is no law of {', '.join(unknown)}")
    if given.accept:
        accept(given.families)
    elif given.families:
        print(*(line for family in given.families for line in shown(family)), sep="\n")
    else:
        old = stale()
        for family in old:
            print(f"{family}: read the law again, for its clause has changed")
        print(f"{len(laws()) - len(old)} of {len(laws())} laws are as new as their clauses")
        return 1 if old else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
