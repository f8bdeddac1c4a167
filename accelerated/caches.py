"""Where what was compiled is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def folder(kind: str) -> Path:
    """The folder ``kind`` in ``$PROOFGRAD_CACHE``, or in ``proofgrad`` in the user's folder of caches."""
    chosen = os.environ.get("PROOFGRAD_CACHE")
    return (Path(chosen).absolute() if chosen else _users_caches() / "proofgrad") / kind


def _users_caches() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    chosen = os.environ.get("XDG_CACHE_HOME")
    return Path(chosen) if chosen else Path.home() / ".cache"
