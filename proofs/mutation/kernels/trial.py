"""Try a mutant of a kernel: first against the reference, bit for bit; then watched by sanitizers; then by the claims."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from accelerated import clipping, host, sources
from accelerated.host import build
from accelerated.parity.run import compare, on_host
from accelerated.parity.subjects import Subject, subjects
from accelerated.sources import Source, SourceError
from proofs.mutation.mutants import digest

READ = sources.read
CONCEPTS = ("clipping", "adam", "sgd")
USES = {"clipped_adam": ("clipping", "adam")}  # the sources of a concept that has none of its own name
CALLS = 8  # of each function and dtype
SOON_COMPILED = ("-O0",)  # the same bits: no flag lets the compiler change what a float is
THREADS = (None, 7, 33)  # of a block, in turns: as usual on the processor, fewer and more than a warp
WATCHED_THREADS = 32


@dataclass(frozen=True)
class Noticed:
    """How a mutant was noticed: ``bits``, ``error``, ``refused`` by the compiler, ``watched`` by a sanitizer, or a ``claim``."""

    how: str
    what: str


@dataclass(frozen=True)
class Change:
    """A file of the kernels with other text."""

    file: str
    text: str

    def sources(self) -> dict[str, Source]:
        """The sources of which the file is part, with the change."""
        return {concept: found for concept in CONCEPTS if (found := self._changed(READ(concept))) is not None}

    def _changed(self, source: Source) -> Source | None:
        if self.file == source.name:
            return dataclasses.replace(source, text=self.text, digest=digest(source.digest, self.text))
        if self.file not in source.headers:
            return None
        headers = {**source.headers, self.file: self.text}
        return dataclasses.replace(source, headers=headers, digest=digest(source.digest, self.file, self.text))


def against_reference(change: Change, calls: int = CALLS) -> Noticed | None:
    """The first function of which a call gives other bits with the change, or an error."""
    changed = change.sources()
    build.OPTIMIZED = SOON_COMPILED  # type: ignore[assignment]
    try:
        for source in changed.values():
            build.library(source)
    except (build.CompileError, SourceError) as error:
        return Noticed("refused", str(error).splitlines()[-1][:160] if str(error) else "")
    with _in_place_of(changed):
        for number, subject in enumerate(_subjects(changed)):
            with host.running(order=number, threads=THREADS[number % len(THREADS)]):
                found = compare(subject, on_host(), calls, seed=1)
            if not found.holds:
                what = f"{subject.concept}.{subject.name} {subject.dtype}"
                return Noticed(
                    "error" if found.error else "bits", f"{what}: {found.error}"[:200] if found.error else what
                )
    return None


def watched(change: Change, sanitizer: str) -> Noticed | None:
    """What a sanitizer says of calls with the change. Run by itself: it begins a process of its own."""
    try:
        report = host.sanitized(sanitizer, _calls, change)
    except RuntimeError as error:
        return Noticed("error", f"under -fsanitize={sanitizer}: {str(error).splitlines()[0]}"[:200])
    return Noticed("watched", report.findings[0][:200]) if report.findings else None


def _calls(change: Change) -> None:
    """A few calls of every function that the change can reach, in small blocks, in another order of threads each."""
    changed = change.sources()
    with _in_place_of(changed):
        for number, subject in enumerate(_subjects(changed)):
            with host.running(order=number, threads=WATCHED_THREADS):
                compare(subject, on_host(), 2, seed=2)


@contextlib.contextmanager
def _in_place_of(changed: Mapping[str, Source]) -> Iterator[None]:
    """These sources are what kernels are launched from."""
    kept = sources.read, clipping._SOURCE
    sources.read = lambda concept: changed.get(concept) or READ(concept)  # type: ignore[assignment]
    clipping._SOURCE = lambda: sources.read("clipping")  # type: ignore[assignment]
    try:
        yield
    finally:
        sources.read, clipping._SOURCE = kept


def _subjects(changed: Mapping[str, Source]) -> Iterator[Subject]:
    for subject in subjects():
        if any(concept in changed for concept in USES.get(subject.concept, (subject.concept,))):
            yield subject


@cache
def files() -> dict[str, str]:
    """The files of all kernels, by name."""
    found: dict[str, str] = {}
    for concept in CONCEPTS:
        source = READ(concept)
        found |= {source.name: source.text, **source.headers}
    return dict(sorted(found.items()))


def judges() -> str:
    """A hash of what tries mutants: the functions that are called, their inputs, and how many calls."""
    folder = sources.HERE / "parity"
    texts = [(folder / name).read_text(encoding="utf-8") for name in ("subjects.py", "inputs.py")]
    return digest(*texts, str((CALLS, THREADS)))
