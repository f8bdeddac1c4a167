"""What a result depends on: the sources and the versions of what runs them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
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


def source_hash() -> str:
    """A hash over every file of what is proven and of the proofs."""
    digest = hashlib.sha256()
    for folder in ("accelerated", "proofs", "reference"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
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
