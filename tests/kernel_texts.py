"""Small kernels for the tests of what compiles, interprets and proves kernels."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent / "kernels"


@dataclass(frozen=True)
class Text:
    """A CUDA source that stands in a test."""

    name: str
    text: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps([self.text, self.headers]).encode()).hexdigest()

    def with_bug(self, old: str, new: str) -> Text:
        """A copy with a planted bug; what is replaced must be there."""
        assert old in self.text
        return Text(self.name, self.text.replace(old, new), self.headers)


def kernel(name: str) -> Text:
    """A source of the folder kernels."""
    return Text(name, (FOLDER / f"{name}.cu").read_text(encoding="utf-8"))
