"""The texts that claims speak of: clauses and preconditions as they stand in their files, functions, kernels."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

from proofs.audit.document import Function, Location
from proofs.prover.claims import Claim
from proofs.prover.sources import ROOT
from reference import contracts

Node = ast.Lambda | ast.FunctionDef
_KERNEL = r"\bvoid\s+(?:{name}|{stem}_##NAME)\s*\("


class Texts:
    """The sources of one tree, each file read and parsed once."""

    def __init__(self, root: Path = ROOT, claims: Iterable[Claim] = ()) -> None:
        """``claims`` are all there are, for those of them that repeat a clause of another."""
        self.root = root
        self.functions = {claim.id.partition(".")[0]: claim.function for claim in claims}
        self.text = functools.cache(self._text)
        self.lines = functools.cache(lambda path: re.split(r"(?<=\n)", self.text(path)))
        self.nodes = functools.cache(self._nodes)
        self.ensured = functools.cache(self._ensured)
        self.condition_of = functools.cache(self._condition_of)

    def _text(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def _nodes(self, path: str) -> dict[int, list[Node]]:
        """Lambdas and functions by the lines on which they, or a function's decorators, begin."""
        found: dict[int, list[Node]] = {}
        for node in ast.walk(ast.parse(self.text(path))):
            if isinstance(node, ast.FunctionDef):
                for line in {node.lineno, *(decorator.lineno for decorator in node.decorator_list)}:
                    found.setdefault(line, []).append(node)
            elif isinstance(node, ast.Lambda):
                found.setdefault(node.lineno, []).append(node)
        return found

    def relative(self, filename: str) -> str | None:
        """A file by its place in the tree; ``None`` for one outside."""
        path = Path(filename).resolve()
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else None

    # ---- clauses -----------------------------------------------------------------------------------------------------

    def clause(self, claim: Claim) -> str | None:
        """The clause of a claim as it stands in its file: what is given to ``ensure``, and what that refers to."""
        family = claim.id.partition(".")[0]
        bearer = self.bearer(claim)
        clauses = contracts.postconditions(bearer) if bearer is not None else ()
        conditions = [clause.condition for clause in clauses if clause.claim in (family, claim.clause)]
        if not conditions:
            return self._located(claim)
        code = inspect.unwrap(conditions[0]).__code__
        path = self.relative(code.co_filename)
        text = self.condition(conditions[0])
        written = (self.ensured(path).get(family) or self.ensured(path).get(claim.clause)) if path else None
        return f"{written}\n\n{text}" if written and text and _squeezed(written) not in _squeezed(text) else text

    def bearer(self, claim: Claim) -> Callable[..., Any] | None:
        """The function that carries the clause: the claim's own, that of the clause it repeats, or where its location lies."""
        ids = (claim.id.partition(".")[0], claim.clause)
        for name in (claim.function, self.functions.get(claim.clause, "")):
            function = object_of(name)
            if function is not None and any(clause.claim in ids for clause in contracts.postconditions(function)):
                return function
        place = location_of(claim)
        if place is None or not place["file"].endswith(".py"):
            return None
        module = place["file"].removesuffix(".py").replace("/", ".")
        for node in (node for nodes in self.nodes(place["file"]).values() for node in nodes):
            if isinstance(node, ast.FunctionDef):
                first = min((decorator.lineno for decorator in node.decorator_list), default=node.lineno)
                if first <= place["line"] <= (node.end_lineno or node.lineno):
                    found = object_of(f"{module}.{node.name}")
                    return found if callable(found) else None
        return None

    def _located(self, claim: Claim) -> str | None:
        """The clause or function at a claim's place, for one that has no clause of its own id."""
        place = location_of(claim)
        if place is None or not place["file"].endswith(".py"):
            return None
        found: list[Node] = self.nodes(place["file"]).get(place["line"], [])
        found = sorted(found, key=lambda node: isinstance(node, ast.FunctionDef))  # a lambda first
        return self._segment(place["file"], found[0]) if found else None

    def preconditions(self, claim: Claim) -> list[str]:
        """The preconditions of the function that carries the clause, as they stand."""
        bearer = self.bearer(claim) or object_of(claim.function)
        clauses = contracts.preconditions(bearer) if bearer is not None else ()
        return [text for clause in clauses if (text := self.condition(clause.condition)) is not None]

    def condition(self, condition: Callable[..., Any]) -> str | None:
        """A lambda, whole and alone, or a function's definition."""
        code: CodeType | None = getattr(inspect.unwrap(condition), "__code__", None)
        text = None if code is None else self.condition_of(code)
        if code is None or text is None:
            return None
        own, asked = code.co_varnames[: code.co_argcount], tuple(inspect.signature(condition).parameters)
        renamed = [f"{name} is {other}" for name, other in zip(own, asked, strict=False) if name != other]
        return f"{text}  # {', '.join(renamed)}" if renamed and "\n" not in text else text

    def _condition_of(self, code: CodeType) -> str | None:
        path = self.relative(code.co_filename)
        if path is None:
            return None
        candidates = self.nodes(path).get(code.co_firstlineno, [])
        inside: list[Node] = [n for n in candidates if isinstance(n, ast.Lambda) and _covers(n.body, code)]
        chosen = inside or [node for node in candidates if getattr(node, "name", "<lambda>") == code.co_name]
        if not chosen:
            return None
        smallest = min(chosen, key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0))
        return self._segment(path, smallest)

    def _ensured(self, path: str) -> dict[str, str]:
        """What is given to ``ensure`` by id, where that is no lambda but the call of a function that makes one."""
        found: dict[str, str] = {}
        for node in ast.walk(ast.parse(self.text(path))):
            if isinstance(node, ast.Call) and _name(node.func) == "ensure" and len(node.args) == 2:
                first, second = node.args
                if isinstance(first, ast.Constant) and not isinstance(second, ast.Lambda):
                    found[str(first.value)] = self._segment(path, second)
        return found

    def _segment(self, path: str, node: ast.expr | ast.stmt) -> str:
        """The text of a node, its lines moved to the left together; positions are of bytes, lines those of Python."""
        last, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        lines = [line.encode() for line in self.lines(path)[node.lineno - 1 : last]]
        lines[-1] = lines[-1][:end]
        lines[0] = b" " * node.col_offset + lines[0][node.col_offset :]
        return textwrap.dedent(b"".join(lines).decode()).strip()

    # ---- functions ---------------------------------------------------------------------------------------------------

    def function(self, name: str, kernels: str = "") -> Function:
        """A function by its full name, or the kernel of that name; ``kernels`` is the file of those that a function starts."""
        if kernels:
            purpose = (inspect.getdoc(object_of(name)) or "").partition("\n")[0]
            return {"name": name, "file": kernels, "line": 1, "purpose": purpose, "source": self.text(kernels).rstrip()}
        found = object_of(name)
        body = contracts.bare(found) if found is not None else None
        code: CodeType | None = getattr(body, "__code__", None)
        path = self.relative(code.co_filename) if code else None
        if body is None or code is None or path is None:
            return self._kernel(name)
        lines, first = inspect.getsourcelines(body)
        purpose = (inspect.getdoc(body) or "").partition("\n")[0]
        source = textwrap.dedent("".join(lines)).rstrip()
        return {"name": name, "file": path, "line": first, "purpose": purpose, "source": source}

    def _kernel(self, name: str) -> Function:
        """A kernel in CUDA C++, or in the macro that makes it; without any, an entry that says so."""
        kernel = name.rpartition(".")[2]
        for stem in _stems(kernel):
            pattern = re.compile(_KERNEL.format(name=re.escape(kernel), stem=re.escape(stem)))
            for path in sorted((self.root / "accelerated").glob("*.cu*")):
                text = path.read_text(encoding="utf-8")
                if found := pattern.search(text):
                    start = text.rfind("\n", 0, text.rfind("extern", 0, found.start())) + 1
                    source = _dedented_macro(text[start : _end_of_block(text, found.end())])
                    line = text.count("\n", 0, start) + 1
                    where = path.relative_to(self.root).as_posix()
                    return {
                        "name": name,
                        "file": where,
                        "line": line,
                        "purpose": f"The kernel {kernel}.",
                        "source": source,
                    }
        return {"name": name, "file": "", "line": 0, "purpose": "Its source was not found.", "source": ""}


def object_of(name: str) -> Any:
    """What a full name refers to; ``None`` for nothing."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute, None)
    except (ImportError, ValueError):
        return None


def location_of(claim: Claim) -> Location | None:
    """The claim's place as file and line; a place without a line is the file's first."""
    if not claim.location:
        return None
    file, _, line = claim.location.partition(":")
    return {"file": file, "line": int(line or 1)}


def _covers(body: ast.AST, code: CodeType) -> bool:
    """Whether the code's own positions lie in a body; of two lambdas on one line, one does."""
    positions = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
    start = (body.lineno, body.col_offset)  # type: ignore[attr-defined]
    end = (body.end_lineno, body.end_col_offset)  # type: ignore[attr-defined]
    return bool(positions) and all(start <= place <= end for place in positions)


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _stems(kernel: str) -> Iterator[str]:
    """The names before ``_##NAME`` that a macro may have made a kernel's name of, or those of all kernels of a name."""
    words = kernel.split("_")
    return ("_".join(words[:count]) for count in range(len(words), 0, -1))


def _end_of_block(text: str, start: int) -> int:
    """Behind the brace that closes the first block after a place."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if text[place] == "}" and depth == 0:
            return place + 1
    return len(text)


def _dedented_macro(text: str) -> str:
    return textwrap.dedent("\n".join(line.rstrip("\\").rstrip() for line in text.splitlines())).strip()
