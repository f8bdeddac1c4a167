"""What is known about the mutants of a row: kept in a file that is committed, each entry with the hashes it rests on."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from proofs.mutation.mutants import Module, Mutant, digest, module_digest
from proofs.prover.files import write_atomically

Json = dict[str, Any]
INFRASTRUCTURE = ("proofs.prover", "proofs.symbolic", "proofs.mutation")
NO_CODE = ("__init__.py", "clauses.py")  # of a row that is a folder: exports, and what only contracts say
JUDGES = {"optimizer": ("sgd", "rmsprop", "lion", "adam")}  # rows that use another, and state what comes of it


@dataclass(frozen=True)
class Row:
    """A row of the reference and where what belongs to it lies."""

    name: str
    root: Path
    folder: Path  # holds results/ and explained/

    @property
    def module(self) -> str:
        return f"reference.{self.name}"

    def files(self) -> list[Path]:
        """The row's files of code in the reference: one, or those of its folder."""
        place = self.root / "reference" / self.name
        alone = place.with_suffix(".py")
        return [alone] if alone.is_file() else sorted(path for path in place.glob("*.py") if path.name not in NO_CODE)

    def modules(self) -> list[Module]:
        """The row's sources, each beside the others and those of its judges."""
        paths = [*self.files(), *(path for judge in self._judges() for path in judge.files())]
        texts = {path: path.read_text(encoding="utf-8") for path in paths}
        return [
            Module.parse(
                path.relative_to(self.root).as_posix(),
                texts[path],
                [text for other, text in texts.items() if other != path],
            )
            for path in self.files()
        ]

    def beside(self, path: str) -> list[str]:
        """The modules that a change in this file can reach and that judge it: the rest of the row, and the row's judges."""
        package = [self.module] if len(self.files()) > 1 else []
        files = [file for row in (self, *self._judges()) for file in row.files()]
        names = [name_of(file.relative_to(self.root).as_posix()) for file in files]
        return [*package, *(name for name in names if name != name_of(path))]

    def _judges(self) -> list[Row]:
        return [Row(name, self.root, self.folder) for name in JUDGES.get(self.name, ())]

    def has_claims(self) -> bool:
        """Whether there are proofs to run."""
        return _file(self.root, f"proofs.{self.name}") is not None


@dataclass(frozen=True)
class Keys:
    """Hashes of what the results of one row's mutants rest on."""

    inputs: str  # of stage 1: the rest of the reference and the samples
    claims: str  # of stage 2: the rest of the reference and the proofs of the row
    modules: tuple[Module, ...]

    @staticmethod
    def of(row: Row) -> Keys:
        """The hashes of the tree as it is."""
        judges = JUDGES.get(row.name, ())
        starts = (row.module, *(f"reference.{judge}" for judge in judges))
        imported = set().union(*(_imported(row.root, start, "reference") for start in starts))
        reference = _digest_of(row.root, imported - {name_of(module.path) for module in row.modules()})
        samples = ("samples", "samples.numbers", *(f"samples.{name}" for name in (row.name, *judges)))
        search = _digest_of(row.root, [f"proofs.mutation.{name}" for name in (*samples, "refute")])
        proofs = _digest_of(row.root, _imported(row.root, f"proofs.{row.name}", "proofs"))
        return Keys(digest(reference, search), digest(reference, proofs), tuple(row.modules()))

    def mutants(self) -> list[Mutant]:
        """Every mutant of the row."""
        return [mutant for module in self.modules for mutant in module.mutants()]

    def module_of(self, mutant: Mutant) -> Module:
        """The module that a mutant changes."""
        return next(module for module in self.modules if module.path == mutant.path)

    def stage_1(self, mutant: Mutant) -> str:
        """What decides whether an input refutes a mutant."""
        return self._key(mutant, self.inputs)

    def stage_2(self, mutant: Mutant) -> str:
        """What decides whether the claims notice a mutant."""
        return self._key(mutant, self.claims)

    def _key(self, mutant: Mutant, surroundings: str) -> str:
        return digest(self.module_of(mutant).fingerprint(mutant.unit), mutant.kind, mutant.after, surroundings)[:16]


class Store:
    """The results of one row: stage 1 and stage 2 of each mutant, written after every change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, Json] = {}
        if path.exists():
            self.entries = json.loads(path.read_text(encoding="utf-8"))["mutants"]

    def get(self, mutant: Mutant, stage: str, key: str) -> Json | None:
        """A result that still holds."""
        found = self.entries.get(mutant.id, {}).get(stage)
        return found if found is not None and found["key"] == key else None

    def put(self, mutant: Mutant, stage: str, result: Json) -> None:
        """Keep a result."""
        entry = self.entries.setdefault(mutant.id, {})
        entry |= {
            "unit": mutant.unit,
            "kind": mutant.kind,
            "change": f"{mutant.before} -> {mutant.after}",
            stage: result,
        }
        self._write()

    def keep_only(self, mutants: Iterable[Mutant]) -> None:
        """Forget mutants that the source no longer has."""
        known = {mutant.id for mutant in mutants}
        if gone := set(self.entries) - known:
            self.entries = {name: entry for name, entry in self.entries.items() if name not in gone}
            self._write()

    def _write(self) -> None:
        content = {"schema": 1, "mutants": dict(sorted(self.entries.items()))}
        write_atomically(self.path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def store_of(row: Row) -> Store:
    """The committed results of a row."""
    return Store(row.folder / "results" / f"{row.name}.json")


def explanations_of(row: Row) -> dict[str, str]:
    """Why mutants survive, by id; an entry without a reason is an error."""
    path = row.folder / "explained" / f"{row.name}.yaml"
    found = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}
    if not isinstance(found, Mapping) or not all(isinstance(why, str) and why.strip() for why in found.values()):
        raise ValueError(f"{path} must map ids of mutants to reasons")
    return {str(name): why for name, why in found.items()}


def _imported(root: Path, start: str, package: str) -> set[str]:
    """A module and those of its package that it imports, at first or second hand; not the provers' own."""
    found: set[str] = set()
    pending = [start]
    while pending:
        name = pending.pop()
        path = _file(root, name)
        if path is None or name in found or name.startswith(INFRASTRUCTURE):
            continue
        found.add(name)
        pending += [other for other in _imports(path) if other.partition(".")[0] == package]
    return found


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def name_of(path: str) -> str:
    """The module in a file of the tree."""
    return path.removesuffix(".py").replace("/", ".")


def _file(root: Path, module: str) -> Path | None:
    stem = root.joinpath(*module.split("."))
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)


def _digest_of(root: Path, modules: Iterable[str]) -> str:
    texts = []
    for name in sorted(modules):
        path = _file(root, name)
        texts.append(f"{name} {module_digest(path.read_text(encoding='utf-8')) if path else 'missing'}")
    return digest(*texts)
