"""The house is in order: rows and columns, docstrings and claims, the README's commands, what the reference imports."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main

import reference
from proofs.__main__ import app
from proofs.prover.catalogue import CLAIMS
from proofs.prover.claims import ROWS
from reference import contracts

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = ("reference", "accelerated", "proofs", "proofgrad", "tests", "benchmarks")
SOURCES = (".py", ".cu", ".cuh", ".cpp", ".h")
MOST_LINES = 460
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Clauses that stand in the reference and that nothing proves yet. A claim that is proven must leave this list.
NOT_YET: set[str] = set()


class Stated(NamedTuple):
    """One line of a Claims block: where it stands, and what it says."""

    function: str
    id: str
    verb: str
    theory: str

    @property
    def claims(self) -> dict[str, str]:
        """The ids of the claims that this line announces, each with its theory: one for each format."""
        name, _, formats = self.theory.rstrip(")").partition("(")
        several = formats.split(", ") if formats else []
        if len(several) < 2:
            return {self.id: self.theory}
        return {f"{self.id}.{each}": f"{name}({each})" for each in several}


def files(*folders: str, ending: tuple[str, ...]) -> list[Path]:
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*")))
    return [path for path in found if path.suffix in ending and "__pycache__" not in path.parts]


def modules() -> list[str]:
    return [module.name for module in pkgutil.walk_packages(reference.__path__, "reference.")]


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every function of the reference, and of other modules that claims are about, by its full name."""
    for name in sorted({*modules(), *(claim.function.rpartition(".")[0] for claim in CLAIMS)}):
        for value in vars(importlib.import_module(name)).values():
            if callable(value) and getattr(value, "__module__", None) == name and hasattr(value, "__qualname__"):
                yield f"{name}.{value.__qualname__}", value


def stated() -> list[Stated]:
    """All lines of all Claims blocks."""
    line = re.compile(r"^ +([A-Z]+-\d+)  +(prove|exhaust|refute)  +([^ (]+(?:\([^)]*\))?)", re.MULTILINE)
    blocks = ((name, (value.__doc__ or "").partition("\n    Claims\n")[2]) for name, value in functions())
    return [Stated(name, *found) for name, block in blocks for found in line.findall(block)]


def base(claim: str) -> str:
    return claim.partition(".")[0]


STATED = stated()
CLAUSES = [(name, clause.claim) for name, value in functions() for clause in contracts.postconditions(value)]


# Rows and columns.


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(("column", "prefix"), [("reference", ""), ("proofs", ""), ("tests", "test_")])
def test_every_row_stands_in_every_column_under_its_name(row: str, column: str, prefix: str) -> None:
    place = ROOT / column / f"{prefix}{row}"
    assert place.with_suffix(".py").is_file() or place.is_dir() or (ROOT / column / row).is_dir()


@pytest.mark.parametrize("module", modules())
def test_every_module_of_the_reference_has_its_tests(module: str) -> None:
    assert (ROOT / "tests" / f"test_{module.split('.')[1]}.py").is_file()


@pytest.mark.parametrize("source", sorted((ROOT / "accelerated").glob("*.cu")), ids=lambda source: source.stem)
def test_kernels_stand_beside_a_reference_and_have_functions_and_tests(source: Path) -> None:
    assert (ROOT / "reference" / f"{source.stem}.py").is_file() or (ROOT / "reference" / source.stem).is_dir()
    assert source.with_suffix(".py").is_file()
    assert (ROOT / "tests" / f"test_accelerated_{source.stem}.py").is_file()


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_claims_about_its_own_functions(row: str) -> None:
    places = {claim.function.rpartition(".")[0] for claim in CLAIMS if claim.row == row}
    assert any(place.startswith("reference.") for place in places)
    assert all(re.match(rf"(reference|proofs)\.{row}(\.|$)", place) for place in places), places


@pytest.mark.parametrize("column", COLUMNS)
def test_no_source_file_is_too_long(column: str) -> None:
    found = {path.relative_to(ROOT).as_posix(): lines_of(path) for path in files(column, ending=SOURCES)}
    assert found
    assert {path: lines for path, lines in found.items() if lines > MOST_LINES} == {}


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


# Docstrings, clauses and claims.


def test_docstrings_and_clauses_are_found() -> None:
    assert "CLIP-1" in {clause for _, clause in CLAUSES}
    (line,) = (line for line in STATED if line.id == "CLIP-6")
    assert line.claims == {f"CLIP-6.{each}": f"IEEE({each})" for each in ("float16", "float32", "float64")}


@pytest.mark.parametrize("line", STATED, ids=lambda line: line.id)
def test_what_a_docstring_claims_is_registered(line: Stated) -> None:
    if line.id in NOT_YET:
        return
    for name, theory in line.claims.items():
        assert name in CLAIMS, f"{line.function} lists {name}, which is no claim"
        assert (CLAIMS[name].function, CLAIMS[name].verb, CLAIMS[name].theory) == (line.function, line.verb, theory)


@pytest.mark.parametrize(("function", "clause"), CLAUSES)
def test_every_clause_stands_in_its_docstring_and_is_claimed(function: str, clause: str) -> None:
    assert clause in {line.id for line in STATED if line.function == function}
    claimed = any(base(claim.id) == clause and claim.function == function for claim in CLAIMS)
    assert claimed is not (clause in NOT_YET), f"{clause} must be claimed or stand in NOT_YET, not both"


def test_what_waits_is_a_clause() -> None:
    assert {clause for _, clause in CLAUSES} >= NOT_YET


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_about_a_clause_is_listed_by_its_function(claim: Any) -> None:
    clauses = {clause for name, clause in CLAUSES if name == claim.function}
    if base(claim.id) in clauses:
        assert any(claim.id in line.claims or base(claim.id) == line.id for line in STATED)
    else:
        assert base(claim.id) not in {clause for _, clause in CLAUSES}, "a clause of another function"


# What the README promises, and how the project is checked.


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_the_commands_of_the_readme_exist() -> None:
    named = set(re.findall(r"\bmake ([a-z]+)\b(?= *(?:[`\n#]|[A-Z]+=| {2}))", README))
    assert {"prove", "test", "lint", "mutate"} <= named
    assert named <= targets()
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    words = re.findall(r"python -m proofs ([a-z|]+)", README)
    assert {word for each in words for word in each.split("|")} == set(commands)
    for module in re.findall(r"python -m ([a-z_.]+)", README):
        assert importlib.util.find_spec(module) is not None


def test_style_types_and_layers_are_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert {"D", "E", "F", "I"} <= set(settings["ruff"]["lint"]["select"])
    assert settings["mypy"]["strict"]
    assert {"reference", "accelerated", "proofs", "proofgrad"} <= set(settings["mypy"]["packages"])
    layers = next(each for each in settings["importlinter"]["contracts"] if each["type"] == "layers")
    assert layers["layers"] == ["proofgrad", "proofs", "accelerated", "reference"]


def test_nothing_mentions_where_it_was_built() -> None:
    absolute = re.compile(r"(?<![\w.])/(?:work|root|home|tmp|mnt|Users|workspace)/\w")
    endings = (*SOURCES, ".md", ".txt", ".toml", ".yaml", ".yml", ".json", "")
    texts = [path for path in files(*COLUMNS, "docs", ".ci", ending=endings) if path.is_file()]
    texts += [path for path in ROOT.iterdir() if path.is_file() and path.suffix in endings and path.name != ".git"]
    assert len(texts) > len(COLUMNS)
    found = {path.relative_to(ROOT).as_posix() for path in texts if absolute.search(path.read_text(encoding="utf-8"))}
    assert found == set()


IMPORTS = """
import sys
import icontract, ml_dtypes, numpy
before = {name.partition(".")[0] for name in sys.modules}
import importlib
for name in sys.argv[1:]:
    importlib.import_module(name)
after = {name.partition(".")[0] for name in sys.modules}
print(*sorted(after - before - set(sys.stdlib_module_names)))
"""


def test_the_reference_imports_nothing_but_numpy_icontract_and_ml_dtypes() -> None:
    command = [sys.executable, "-c", IMPORTS, *modules()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["reference"]


def test_no_module_of_the_reference_imports_inside_a_function() -> None:
    for path in files("reference", ending=(".py",)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        late = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert all(node in tree.body for node in late), path.name
