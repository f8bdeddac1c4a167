"""Evidence of earlier runs on the very same sources and versions: nothing is built, asked or tried again.

One compressed file per part of a claim, found by a hash over every source file and version. Only complete evidence is
kept; a damaged file is no evidence.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import zlib
from dataclasses import replace
from pathlib import Path

from proofs.prover.evidence import Answer, Part
from proofs.prover.files import write_bytes_atomically
from proofs.prover.sources import source_hash, versions

DIGEST = 32  # bytes of SHA-256 before the content


class Kept:
    """Evidence in a folder; no folder means that nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder / "evidence" if folder is not None else None
        self._state = json.dumps([source_hash(), versions()], sort_keys=True)

    def get(self, claim: str, group: str, timeout: float | None) -> Part | None:
        """The evidence of this part, if a run on these sources left it."""
        if self._folder is None:
            return None
        try:
            data = self._path(claim, group, timeout).read_bytes()
            if hashlib.sha256(data[DIGEST:]).digest() != data[:DIGEST]:
                return None
            part = pickle.loads(zlib.decompress(data[DIGEST:]))
        except (OSError, zlib.error, pickle.PickleError, AttributeError, EOFError):
            return None
        if not isinstance(part, Part):
            return None
        asked = tuple(replace(item, cached=True) for item in part.asked)
        said = part.confirmation and replace(part.confirmation, seconds=0.0, cached=True)
        return replace(part, asked=asked, confirmation=said, seconds=0.0)

    def put(self, claim: str, group: str, timeout: float | None, part: Part) -> None:
        """Keep evidence that nothing could be added to."""
        if self._folder is None or not _is_complete(part):
            return
        data = zlib.compress(pickle.dumps(part), level=1)
        write_bytes_atomically(self._path(claim, group, timeout), hashlib.sha256(data).digest() + data)

    def _path(self, claim: str, group: str, timeout: float | None) -> Path:
        assert self._folder is not None
        key = hashlib.sha256(json.dumps([self._state, claim, group, timeout]).encode()).hexdigest()
        return self._folder / f"{key}.part"


def _is_complete(part: Part) -> bool:
    answered = all(
        item.answer is Answer.UNSAT
        or item.answer is Answer.SKIPPED
        or (item.answer is Answer.SAT and (item.replay is not None or not item.replayable))
        for item in part.asked
    )
    decided = part.confirmation is None or part.confirmation.state in ("CONFIRMED", "REFUTED")
    return answered and decided and not part.trouble and bool(part.asked or part.exhaustion or part.confirmation)
