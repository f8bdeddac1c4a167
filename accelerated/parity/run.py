"""Call both columns on the same inputs and keep what was found."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from accelerated import cuda, sources
from accelerated.host import build
from accelerated.parity.inputs import seeded
from accelerated.parity.subjects import BFLOAT16, BOUND, Call, Subject, moved
from accelerated.parity.ulps import histogram
from reference.contracts import level

FORMAT = 1  # of the file
CONCEPTS = ("adam", "clipping", "sgd")
VERSIONS = ("numpy", "ml_dtypes", "cupy-cuda12x", "cupy-cuda13x", "cuda-bindings", "nvidia-cuda-nvrtc")
HOST_RUNTIME = ("accelerated/host/*.py", "accelerated/host/*.h", "accelerated/host/*.cpp")
FEW_ULPS = 16  # up to here a histogram counts each distance by itself


class NoGPU(RuntimeError):
    """There is no GPU that CuPy can use; the message says what is missing."""


@dataclass(frozen=True)
class Place:
    """Where kernels run: what it is called, and how arrays come there and back."""

    kind: str  # gpu or host
    device: str
    to: Callable[[Any], Any]
    back: Callable[[Any], Any]
    details: Mapping[str, Any]


@dataclass
class Outcome:
    """What was found about one subject. ``error`` says why it was not compared to the end."""

    subject: Subject
    inputs: int = 0
    elements: int = 0
    most_ulps: int = 0
    ulps: Counter[int] = field(default_factory=Counter)  # how many elements are how far apart
    worst: int | None = None  # the number of the input where the most ulps were found
    error: str = ""

    @property
    def holds(self) -> bool:
        """Whether all inputs were tried, and all results lay within the bound."""
        return not self.error and self.inputs > 0 and self.most_ulps <= BOUND

    def as_json(self) -> dict[str, Any]:
        """The outcome as it stands in the file."""
        subject = self.subject
        return {
            "concept": subject.concept,
            "function": subject.name,
            "dtype": subject.dtype,
            "inputs": self.inputs,
            "elements": self.elements,
            "most_ulps": self.most_ulps,
            "bound": BOUND,
            "ulps": self._histogram(),
            "worst_input": self.worst,
            "error": self.error or None,
            "holds": self.holds,
        }

    def _histogram(self) -> dict[str, int]:
        """How many elements are how far apart; many ulps stand under the largest power of two that they reach."""
        found: Counter[int] = Counter()
        for ulps, count in self.ulps.items():
            found[ulps if ulps <= FEW_ULPS else 1 << (ulps.bit_length() - 1)] += count
        return {str(ulps): count for ulps, count in sorted(found.items())}


def on_host() -> Place:
    """The processor."""
    details = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    return Place("host", "processor", lambda x: x, lambda x: x, details)


def on_gpu() -> Place:
    """The first GPU.

    Raises: NoGPU.
    """
    try:
        cupy = cuda.cupy()
        count = cupy.cuda.runtime.getDeviceCount()
    except cuda.Unavailable as error:
        raise NoGPU(str(error)) from None
    except Exception as error:  # CuPy's own, which cannot be named without it
        raise NoGPU(f"CuPy finds no GPU: {error}") from None
    if not count:
        raise NoGPU("CuPy finds no GPU")
    found = cupy.cuda.runtime.getDeviceProperties(0)
    details = {
        "compute_capability": f"{found['major']}.{found['minor']}",
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "runtime": cupy.cuda.runtime.runtimeGetVersion(),
        "memory": found["totalGlobalMem"],
    }
    return Place("gpu", found["name"].decode(), cupy.asarray, cupy.asnumpy, details)


def compare(subject: Subject, place: Place, inputs: int, seed: int) -> Outcome:
    """Try so many inputs; the first error ends it."""
    outcome = Outcome(subject)
    for number, source in enumerate(seeded(inputs, seed)):
        call = subject.draw(source)
        try:
            apart = _compared(subject, call, place)
        except Exception as error:  # whatever it is, it is a difference
            outcome.error = f"input {number}: {type(error).__name__}: {error}"
            return outcome
        outcome.inputs += 1
        outcome.elements += apart.total()
        outcome.ulps += apart
        ulps = max(apart, default=0)
        if ulps > outcome.most_ulps:
            outcome.most_ulps, outcome.worst = ulps, number
    return outcome


def compare_all(subjects: Iterable[Subject], place: Place, inputs: int, seed: int) -> Iterator[Outcome]:
    """One outcome a subject, as they come."""
    for subject in subjects:
        if place.kind == "gpu" and str(BFLOAT16) in subject.dtype and not _holds_bfloat16(place):
            yield Outcome(subject, error="not run: this CuPy has no bfloat16")
        else:
            yield compare(subject, place, inputs, seed)


def _compared(subject: Subject, call: Call, place: Place) -> Counter[int]:
    """How many elements of two results are how many ulps apart."""
    with level("preconditions"), np.errstate(all="ignore"):
        wanted = subject.reference(*call.arguments, **call.settings)
        found = subject.accelerated(*moved(call.arguments, place.to), **call.settings)
    if len(found) != len(wanted):
        raise ValueError(f"there are {len(found)} results, not {len(wanted)}")
    pairs = [(np.asarray(place.back(own)), np.asarray(other)) for own, other in zip(found, wanted, strict=True)]
    return sum((Counter(histogram(*pair)) for pair in pairs), Counter())


def _holds_bfloat16(place: Place) -> bool:
    try:
        return bool(place.back(place.to(np.ones(1, BFLOAT16))).dtype == BFLOAT16)
    except (TypeError, ValueError):
        return False


def source_hashes(kind: str = "gpu") -> dict[str, str]:
    """What evidence is about: the kernels, what brings arrays to them, the comparison, the reference; and the host's runtime."""
    kernels = {f"{concept}.cu": sources.read(concept).digest for concept in CONCEPTS}
    root = sources.HERE.parent
    patterns = ("accelerated/*.py", "accelerated/parity/*.py", "reference/**/*.py")
    return {**kernels, **{each: _digest(root, each) for each in (*patterns, *(HOST_RUNTIME if kind == "host" else ()))}}


def _digest(root: Path, pattern: str) -> str:
    """A hash over the names and contents of files."""
    digest = hashlib.sha256()
    for path in sorted(root.glob(pattern)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def report(place: Place, outcomes: Iterable[Outcome], inputs: int, seed: int) -> dict[str, Any]:
    """What is written into the file."""
    return {
        "format": FORMAT,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "where": place.kind,
        "device": place.device,
        "details": dict(place.details),
        "versions": {"python": platform.python_version(), **_versions()},
        "flags": list(cuda.FLAGS) if place.kind == "gpu" else [*build.FLAGS, *build.OPTIMIZED],
        "sources": source_hashes(place.kind),
        "inputs": inputs,
        "seed": seed,
        "functions": [outcome.as_json() for outcome in outcomes],
    }


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in VERSIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON in one step: readers see the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
