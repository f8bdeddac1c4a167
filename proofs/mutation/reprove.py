"""Stage 2: run the prover on a copy of the tree with a mutant in place; a claim that falls has noticed it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("reference", "proofs")
PAST = "ran past its limit"
TOOTHLESS = ("twin ", "rests on ")  # reasons of UNDECIDED that say nothing about the claim's own obligations


@dataclass(frozen=True)
class Settings:
    """How to run the prover. ``query_timeout`` replaces the limit of each query, ``limit`` ends the whole run."""

    query_timeout: float = 20.0
    limit: float = 600.0
    source: str | None = None  # module:attribute of another registry


@dataclass(frozen=True)
class Proofs:
    """The verdicts on the row's claims with a mutant in place: those that fell, with the reason; or that it took too long."""

    fallen: dict[str, tuple[str, str]]
    trouble: str | None
    seconds: float


def reprove(
    root: Path,
    path: str,
    source: str,
    claims: Sequence[str],
    cache: Path,
    settings: Settings,
    folders: Sequence[str] = FOLDERS,
) -> Proofs:
    """Run these claims with other source in the file ``path`` of the tree, of which these folders are copied."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="proofgrad-mutant-") as name:
        copy = Path(name)
        for folder in folders:
            shutil.copytree(root / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / path).write_text(source, encoding="utf-8")
        trouble = _run(copy, claims, cache, settings)
        fallen = _fallen(copy / "build" / "report.json", claims)
    if fallen is None and not trouble.startswith(PAST):
        raise RuntimeError(f"the prover left no report: {trouble}")
    return Proofs(fallen or {}, trouble if fallen is None else None, time.monotonic() - started)


def _run(copy: Path, claims: Sequence[str], cache: Path, settings: Settings) -> str:
    """Run the prover in a process group of its own; what it said last on standard error."""
    command = [sys.executable, "-m", "proofs", "run", *claims, "--jobs", "1", "--build", "build"]
    command += ["--timeout", str(settings.query_timeout)]
    command += ["--claims", settings.source] if settings.source else []
    environment = {
        **os.environ,
        "PROOFGRAD_CACHE": str(cache.resolve()),
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = subprocess.Popen(
        command,
        cwd=copy,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, errors = process.communicate(timeout=settings.limit)
    except subprocess.TimeoutExpired:
        return f"{PAST} of {settings.limit:g} s and was killed"
    finally:
        _end(process)
    return "".join(errors.strip().splitlines()[-1:])


def _end(process: subprocess.Popen[str]) -> None:
    """End the process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _fallen(report: Path, claims: Sequence[str]) -> dict[str, tuple[str, str]] | None:
    """The claims that are no longer established for a reason of their own."""
    try:
        found = json.loads(report.read_text(encoding="utf-8"))["claims"]
    except (OSError, ValueError, KeyError):
        return None
    return {
        claim["id"]: (claim["verdict"], _why(claim))
        for claim in found
        if claim["id"] in claims and not claim["established"] and not (claim["reason"] or "").startswith(TOOTHLESS)
    }


def _why(claim: dict[str, object]) -> str:
    example = claim["counterexample"]
    if isinstance(example, dict):
        return ", ".join(f"{name} = {value}" for name, value in example["inputs"].items())
    return str(claim["reason"] or "")
