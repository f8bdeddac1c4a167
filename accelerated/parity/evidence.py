"""Evidence from GPUs: files that are committed, and whether they speak of these sources."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from accelerated.parity.run import source_hashes

FOLDER = Path("evidence") / "gpu"


class Evidence(NamedTuple):
    """A file of evidence: of which device, from when, what of it is out of date, and whether all that it tried agreed."""

    path: Path
    device: str
    when: str
    stale: tuple[str, ...]
    holds: bool

    def __str__(self) -> str:
        verdict = "the same bits" if self.holds else "DIFFERENCES"
        age = f"STALE: {', '.join(self.stale)} changed since" if self.stale else "about these sources"
        return f"{self.device}, {self.when}: {verdict}; {age} ({self.path})"


def path_for(device: str, folder: Path = FOLDER) -> Path:
    """The file of a device."""
    return folder / f"{re.sub(r'[^a-z0-9]+', '-', device.lower()).strip('-')}.json"


def every(folder: Path = FOLDER) -> list[Evidence]:
    """All evidence in a folder; a file that cannot be read is stale in everything."""
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def _read(path: Path) -> Evidence:
    now = source_hashes()
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        then, functions = found["sources"], found["functions"]
        stale = tuple(name for name, digest in now.items() if then.get(name) != digest)
        holds = bool(functions) and all(each["holds"] for each in functions)
        return Evidence(path, str(found["device"]), str(found["when"]), stale, holds)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Evidence(path, "unreadable file", "never", tuple(now), False)
