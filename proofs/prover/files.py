"""Files that are never seen half-written."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, so that readers and other runs see the old text or the new one."""
    write_bytes_atomically(path, text.encode())


def write_bytes_atomically(path: Path, data: bytes) -> None:
    """The same for bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(
        f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}"
    )  # those of tempfile are their owner's alone
    try:
        with part.open("xb") as stream:
            stream.write(data)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
