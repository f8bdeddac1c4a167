"""What a result depends on: the sources and the versions of what runs them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent  # holds reference/, accelerated/ and proofs/
DISTRIBUTIONS = (
    "numpy",
    "ml_dtypes",
    "icontract",
    "z3-solver",
    "bitwuzla",
    "cvc5",
    "crosshair-tool",
    "cuda-bindings",
    "nvidia-cuda-nvrtc",
)


PROVEN = ("accelerated", "proofs", "reference")
TESTED = (
    *PROVEN,
    ".ci",
    "benchmarks",
    "docs",
    "proofgrad",
    "tests",
)  # tests read these folders, and the files beside them
TELLING = ROOT / "proofs" / "audit"  # reads evidence and makes none: no proof may import it


def source_hash() -> str:
    """A hash over every file of what is proven and of the proofs, but not of what only tells of them."""
    return _hash_of(path for folder in PROVEN for path in _files(ROOT / folder) if TELLING not in path.parents)


def hash_with_tests() -> str:
    """A hash over every file that a run of the tests depends on."""
    beside = [path for path in ROOT.iterdir() if path.suffix in (".md", ".toml") or path.name == "Makefile"]
    return _hash_of([*(path for folder in TESTED for path in _files(ROOT / folder)), *sorted(beside)])


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)


def _hash_of(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(ROOT).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def versions() -> dict[str, str | None]:
    """The versions of what a result depends on; null for what is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found
