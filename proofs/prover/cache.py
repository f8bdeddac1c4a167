"""Answers of earlier runs, found by what was asked and never by a name.

One JSON file per query; its key covers the text, the solver, the solver's version and the wanted constants. Only sat and
unsat are kept: what a solver could not decide is asked again. A cached sat is replayed by every run.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofs.prover.claims import Query
from proofs.prover.evidence import Answer
from proofs.prover.files import write_atomically
from proofs.prover.solvers import Solved, version


def key_of(query: Query) -> str:
    """What makes two queries the same. The limit is no part of it: sat and unsat do not depend on it."""
    return digest([query.smt2, query.solver, version(query.solver), sorted(query.constants)])


@dataclass(frozen=True)
class Cache:
    """Answers in a folder; no folder means that nothing is kept."""

    folder: Path | None

    def get(self, key: str) -> Solved | None:
        """The answer kept under a key; a missing, damaged or foreign file is no answer."""
        content = self.read(key)
        try:
            return (
                None if content is None else Solved(Answer(content["answer"]), content["model"], "", content["seconds"])
            )
        except (ValueError, KeyError):
            return None

    def put(self, key: str, solved: Solved) -> None:
        """Keep an answer, if it is one."""
        if solved.answer in (Answer.SAT, Answer.UNSAT):
            self.write(key, {"answer": solved.answer.value, "model": solved.model, "seconds": solved.seconds})

    def read(self, key: str) -> dict[str, Any] | None:
        """What is kept under a key, if the file is whole and belongs to it."""
        if self.folder is None:
            return None
        try:
            entry = json.loads(self._path(key).read_text(encoding="utf-8"))
            content = entry["content"]
            if entry["checksum"] != digest(content) or content.pop("key") != key:
                return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return content

    def write(self, key: str, content: dict[str, Any]) -> None:
        """Keep this under a key, with a checksum over both."""
        if self.folder is None:
            return
        content = {"key": key, **content}
        entry = {"checksum": digest(content), "content": content}
        write_atomically(self._path(key), json.dumps(entry, indent=1, sort_keys=True))

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / key[:2] / f"{key}.json"


def digest(value: Any) -> str:
    """A hash of anything that JSON can say."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
