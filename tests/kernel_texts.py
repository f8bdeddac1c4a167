"""Small kernels for the tests of what compiles, interprets and proves kernels."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from accelerated import sources
from accelerated.sources import Source

FOLDER = Path(__file__).parent / "kernels"


def text(name: str, code: str, headers: dict[str, str] | None = None) -> Source:
    """A CUDA source that stands in a test, with headers that do."""
    digest = hashlib.sha256(json.dumps([name, code, headers]).encode()).hexdigest()
    return Source(name, code, headers or {}, digest)


def kernel(name: str) -> Source:
    """A source of the folder kernels."""
    return sources.read_file(FOLDER / f"{name}.cu")
