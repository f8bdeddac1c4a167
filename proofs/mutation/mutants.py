"""The mutants of a module: one change at a time to the code of its functions, never to what the contracts say."""

from __future__ import annotations

import ast
import difflib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from proofs.mutation.operators import Change, changes, negated

SILENT_FIELDS = ("annotation", "returns", "decorator_list")
CLAUSE_FIELDS = {"Norm": ("at_most", "surely_within")}  # of a table of the code: only clauses read these
Unit = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@dataclass(frozen=True)
class Mutant:
    """One change to one function or constant, and the module with it in place."""

    id: str
    path: str
    unit: str
    kind: str
    line: int
    before: str
    after: str
    source: str
    diff: str


@dataclass(frozen=True)
class Module:
    """A module's source and its functions, classes and constants by name.

    ``beside`` are those of the modules that use it or that it uses, in its row: of one name there may be several.
    """

    path: str
    source: str
    units: Mapping[str, Unit]
    beside: tuple[tuple[str, Unit], ...] = ()
    _fingerprints: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @staticmethod
    def parse(path: str, source: str, beside: Iterable[str] = ()) -> Module:
        """Read a module; ``path`` is what diffs call it, ``beside`` are the sources of those beside it."""
        others = tuple(unit for other in beside for unit in _units(ast.parse(other)))
        return Module(path, source, dict(_units(ast.parse(source))), others)

    def mutated(self) -> list[str]:
        """The units that run when a public function does; what only contracts use is a statement, not code."""
        roots = [name for name, unit in self._all() if isinstance(unit, ast.FunctionDef) and name[0] != "_"]
        reached = _reachable(roots, self._uses(self._running))
        return [name for name in self.units if name in reached and not isinstance(self.units[name], ast.ClassDef)]

    def concerned(self, name: str) -> set[str]:
        """A unit and all that use it, at first or second hand: whose results a change to it can reach."""
        uses = self._uses(ast.walk)
        return _reachable([name], {other: {user for user in uses if other in uses[user]} for other in uses})

    def fingerprint(self, name: str) -> str:
        """A hash of all code that decides what a change to one unit does: what it concerns, and all that they use."""
        if name not in self._fingerprints:  # many mutants ask for the same
            deciding = _reachable(self.concerned(name), self._uses(ast.walk))
            codes = sorted(f"{other} {_code(unit)}" for other, unit in self._all() if other in deciding)
            self._fingerprints[name] = digest(*codes)
        return self._fingerprints[name]

    def _all(self) -> Iterator[tuple[str, Unit]]:
        """The units of this module and of those beside it."""
        yield from self.units.items()
        yield from self.beside

    def _uses(self, nodes: Callable[[Unit], Iterable[ast.AST]]) -> dict[str, set[str]]:
        """The names that the units of each name use in these of their nodes."""
        uses: dict[str, set[str]] = {}
        for name, unit in self._all():
            uses.setdefault(name, set()).update(_names(nodes(unit)))
        return uses

    def mutants(self) -> Iterator[Mutant]:
        """Every mutant, in the order of the source."""
        seen: Counter[tuple[str, str, str]] = Counter()
        for name in self.mutated():
            for node in self._running(self.units[name]):
                for place, kind, replacement in _changes(node):
                    mutant = self._mutant(name, place, (kind, replacement), seen)
                    if mutant is not None:
                        yield mutant

    def _mutant(self, name: str, place: ast.expr, change: Change, seen: Counter[tuple[str, str, str]]) -> Mutant | None:
        before = ast.get_source_segment(self.source, place) or ""
        after = _text(change[1])
        if ast.dump(ast.parse(after, mode="eval").body) == ast.dump(place):
            return None
        key = (name, change[0], before)
        seen[key] += 1
        place_of = [self.path] if name in dict(self.beside) else []
        source = _replaced(self.source, place, after)
        return Mutant(
            f"{name}-{digest(*place_of, *key, str(seen[key]))[:8]}",
            self.path,
            name,
            change[0],
            place.lineno,
            before,
            after,
            source,
            unified_diff(self.path, self.source, source),
        )

    def _running(self, unit: Unit) -> Iterator[ast.AST]:
        """The nodes of a unit that run, its own first; not contracts, annotations, docstrings and error messages."""
        pending: list[ast.AST] = [unit]
        while pending:
            node = pending.pop()
            yield node
            pending += reversed(list(self._running_parts(node)))

    def _running_parts(self, node: ast.AST) -> Iterator[ast.AST]:
        skipped = self._clause_arguments(node) if isinstance(node, ast.Call) else []
        for name, value in ast.iter_fields(node):
            if name in SILENT_FIELDS:
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.AST) and part not in skipped and not _is_silent(part):
                    yield part

    def _clause_arguments(self, call: ast.Call) -> list[ast.expr]:
        """The arguments of a table's row that only clauses read."""
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        table = self.units.get(name)
        if name not in CLAUSE_FIELDS or not isinstance(table, ast.ClassDef):
            return []
        fields = [
            item.target.id
            for item in table.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        ]
        return [argument for field, argument in zip(fields, call.args, strict=False) if field in CLAUSE_FIELDS[name]]


def digest(*parts: str) -> str:
    """A hash of some texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def module_digest(source: str) -> str:
    """A hash of a module's code: comments, docstrings and layout do not count."""
    return digest(_code(ast.parse(source)))


def unified_diff(path: str, before: str, after: str) -> str:
    """What changed, as a unified diff."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{path}", f"b/{path}", lineterm="", n=1)
    return "\n".join(lines)


def _units(tree: ast.Module) -> Iterator[tuple[str, Unit]]:
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name, node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name, node


def _changes(node: ast.AST) -> Iterator[tuple[ast.expr, str, ast.expr]]:
    if isinstance(node, ast.If | ast.While):
        yield node.test, "condition negated", negated(node.test)
    if isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield test, "condition negated", negated(test)
    if isinstance(node, ast.expr):
        for kind, replacement in changes(node):
            yield node, kind, replacement


def _is_silent(node: ast.AST) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.JoinedStr | ast.Raise)


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def _reachable(roots: Iterable[str], edges: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name in edges and name not in found:
            found.add(name)
            pending += edges[name]
    return found


def _code(node: ast.AST) -> str:
    """A node without its docstrings and positions."""
    copy = ast.parse(ast.unparse(node))
    for part in ast.walk(copy):
        if isinstance(part, ast.FunctionDef | ast.ClassDef | ast.Module):
            part.body = [item for item in part.body if not _is_silent(item) or isinstance(item, ast.Raise)]
    return ast.dump(copy)


def _text(node: ast.expr) -> str:
    """An expression that can stand anywhere."""
    text = ast.unparse(node)
    closed = isinstance(node, ast.Name | ast.Call | ast.Attribute | ast.Subscript)
    return text if closed or (isinstance(node, ast.Constant) and text[0] != "-") else f"({text})"


def _replaced(source: str, node: ast.expr, text: str) -> str:
    """The source with another text in a node's place; columns count bytes."""
    assert node.end_lineno is not None and node.end_col_offset is not None
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    whole = b"".join(lines)
    return (whole[:start] + text.encode() + whole[end:]).decode()
