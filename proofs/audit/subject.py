"""What was checked, and where: commit, changed files, versions, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from proofs.audit.document import Machine, Subject


def subject(root: Path, sources: str, versions: dict[str, str | None]) -> Subject:
    """The tree as it is, and the versions that were used."""
    commit, _, committed = (_git(root, "log", "-1", "--format=%H %cI") or "").partition(" ")
    status = _git(root, "status", "--porcelain", "--no-renames", "-z")
    changed = None if status is None else sorted(entry[3:] for entry in status.split("\0") if entry.strip())
    return {
        "commit": commit or None,
        "committed": committed or None,
        "changed": changed,
        "sources": sources,
        "versions": dict(sorted(versions.items())),
        "machine": machine(),
    }


def machine() -> Machine:
    """The machine of this process."""
    return {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()}


def _processor() -> str:
    """The processor's name, where Linux tells it; else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())


def _git(root: Path, *arguments: str) -> str | None:
    """What git says of a tree that is a repository; ``None`` without git or without one."""
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip("\n")
