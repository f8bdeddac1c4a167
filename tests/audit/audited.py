"""A registry with a claim of every standing, and the report of a run of it, made once in a process."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FOLDERS = (str(HERE), str(HERE.parent / "prover"), str(HERE.parent.parent))
sys.path[:0] = [folder for folder in FOLDERS if folder not in sys.path]
os.environ["PYTHONPATH"] = os.pathsep.join((*FOLDERS, *filter(None, [os.environ.get("PYTHONPATH")])))

import synthetic as known  # noqa: E402 - found by the lines above, here and in worker processes

from proofs.audit.collect import Left, collect  # noqa: E402
from proofs.audit.document import Document  # noqa: E402
from proofs.prover.claims import Registry  # noqa: E402
from proofs.prover.run import Settings  # noqa: E402
from proofs.prover.session import proving  # noqa: E402

SOURCE = "audited:REGISTRY"
ROOT = HERE.parent.parent
EXPECTED = """\
FALSE-1    prove   integers  all x > 0
KEPT-1     refute  integers  all x > 0
PROVED-1   prove   integers  all x > 0
TRIED-1    exhaust  integers  all x > 0
UNSURE-1   prove   integers  all x > 0
VACUOUS-1  prove   integers  all x > 0
WAITS-1    prove   integers  all x > 0
"""
REGISTRY = Registry(
    [
        known.true("PROVED-1", twins=(known.refuted_twin(),), statement="x + 1 > 1, <b>&amp; \x00 \u2028"),
        known.claim("TRIED-1", verb="exhaust", exhaust=known.tried(lambda x: x + 1 > 1, range(1, 100))),
        known.false("KEPT-1", verb="refute"),
        known.false("FALSE-1"),
        known.claim("UNSURE-1", known.witness(), known.goal(known.TRUE, solver="unsure")),
        known.claim("VACUOUS-1", known.goal(known.TRUE)),
        known.true("WAITS-1"),
    ]
)
ASKED = ("PROVED-1", "TRIED-1", "KEPT-1", "FALSE-1", "UNSURE-1", "VACUOUS-1")  # all but the last
STANDINGS = {
    "PROVED-1": "proved",
    "TRIED-1": "exhausted",
    "KEPT-1": "kept false",
    "FALSE-1": "refuted",
    "UNSURE-1": "undecided",
    "VACUOUS-1": "vacuous",
    "WAITS-1": "not run",
}


def lists(folder: Path) -> Path:
    """The hand-kept lists of this registry."""
    (folder / "EXPECTED.txt").write_text(EXPECTED)
    return folder


@functools.cache
def _build() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="audited-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    proving(Settings(jobs=2, build=folder, cache=folder / "cache", source=SOURCE), ASKED, lists(folder))
    return folder


def build(folder: Path) -> Path:
    """A build folder with what the run has left, and the lists."""
    shutil.copytree(_build(), folder, dirs_exist_ok=True)
    return folder


def changed(folder: Path, name: str = "report.json", **parts: Any) -> None:
    """Change parts of what a run has left."""
    content = json.loads((folder / name).read_text(encoding="utf-8"))
    (folder / name).write_text(json.dumps({**content, **parts}), encoding="utf-8")


def document(folder: Path, **more: Any) -> Document:
    """The document of a build folder; of mutants and GPUs only what a root that is given has."""
    return collect(Left.in_folder(folder, SOURCE), registry=SOURCE, lists=folder, **more)
