"""The house at a glance: what each row has in each column."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import reference
from proofs.audit.claims import STANDINGS
from proofs.audit.document import Cell, Claim, Column, File, Row, Share, Tests
from proofs.prover.claims import ROWS
from reference import contracts

COLUMNS: tuple[Column, ...] = ("reference", "accelerated", "proofs", "tests")
ENDINGS = (".py", ".cu", ".cuh")
FURTHER = {  # files of accelerated/ that are called otherwise than the row that they belong to
    "clipping": ("accelerated/clipped_adam.py", "accelerated/shrinking.cuh", "tests/test_accelerated_clipped_adam.py"),
    "optimizer": ("accelerated/steps.py", "tests/test_steps.py"),
}


def rows(claims: Sequence[Claim], tests: Tests | None, root: Path) -> list[Row]:
    """Every row with its cells; numbers of tests where a run of the tests is known."""
    extra = sorted({claim["row"] for claim in claims} - set(ROWS))
    return [
        {"name": name, "cells": [_cell(name, column, claims, tests, root) for column in COLUMNS]}
        for name in (*ROWS, *extra)
    ]


def row_of_test(file: str) -> str | None:
    """The row that a file of tests is about."""
    for name, files in FURTHER.items():
        if file in files:
            return name
    subject = re.sub(r"^test_(accelerated_|kernel_)?", "", Path(file).stem)
    return next((name for name in ROWS if subject == name or subject.startswith(f"{name}_")), None)


def _cell(name: str, column: Column, claims: Iterable[Claim], tests: Tests | None, root: Path) -> Cell:
    files = _files(name, column, root)
    about = [claim["standing"] for claim in claims if claim["row"] == name and claim["column"] == column]
    return {
        "column": column,
        "files": files,
        "claims": {word: about.count(word) for word in STANDINGS} if about else None,
        "tests": _tests(name, tests) if column == "tests" else None,
        "clauses": _clauses(name, claims) if column == "reference" and files else None,
    }


def _files(name: str, column: Column, root: Path) -> list[File]:
    """A row's files in a column: those of its name, its folder, and what is listed beside."""
    folder = root / column
    if column == "tests":
        found = [path for path in folder.glob("**/*.py") if row_of_test(path.relative_to(root).as_posix()) == name]
    else:
        beside = [path for path in folder.glob(f"{name}*") if path.suffix in ENDINGS and _is_named(path.stem, name)]
        further = [root / file for file in FURTHER.get(name, ()) if file.startswith(f"{column}/")]
        found = [*beside, *(folder / name).glob("*.py"), *(path for path in further if path.is_file())]
    return [
        {"path": path.relative_to(root).as_posix(), "lines": len(path.read_text(encoding="utf-8").splitlines())}
        for path in sorted(found)
    ]


def _is_named(stem: str, name: str) -> bool:
    return stem == name or stem.startswith(f"{name}_")


def _tests(name: str, tests: Tests | None) -> Share | None:
    """How many of a row's tests passed; a test that was skipped did not."""
    if tests is None:
        return None
    about = [file for file in tests["files"] if file["row"] == name]
    total = sum(file["passed"] + file["failed"] + file["skipped"] for file in about)
    return {"number": sum(file["passed"] for file in about), "of": total} if about else None


def _clauses(name: str, claims: Iterable[Claim]) -> Share:
    """How many of the clauses on a row's functions have a claim."""
    families = {claim["family"] for claim in claims}
    written: set[str] = set()
    for module in pkgutil.walk_packages(reference.__path__, "reference."):
        if _is_named(module.name.split(".")[1], name):
            for value in vars(importlib.import_module(module.name)).values():
                if callable(value) and getattr(value, "__module__", "") == module.name:
                    written |= {clause.claim for clause in contracts.postconditions(value)}
    return {"number": len(written & families), "of": len(written)}
