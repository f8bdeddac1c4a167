"""Call a function whose kernels are watched by a sanitizer, in a process of its own, and hear what it found."""

from __future__ import annotations

import ctypes
import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerated.host.build import SANITIZERS, NoCompiler, runtime_of
from accelerated.host.kernels import SANITIZER

OPTIONS = {
    "TSAN_OPTIONS": "ignore_noninstrumented_modules=1:exitcode=0:history_size=4",
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "print_stacktrace=0",
}
FINDING = re.compile(
    r"(?:WARNING: ThreadSanitizer|ERROR: AddressSanitizer|runtime error): ([^\n]*?)(?: \(pid=\d+\))?$", re.MULTILINE
)
CHILD = (sys.executable, "-c", "import sys; from accelerated.host import sanitizers; sanitizers.child(sys.argv[1:])")
NO_RANDOM_ADDRESSES = 0x0040000  # ThreadSanitizer cannot live with every place that Linux may choose


@dataclass(frozen=True)
class Report:
    """What a sanitizer found: one line for each finding, its whole text, and what the function returned, if it came so far."""

    sanitizer: str
    findings: tuple[str, ...]
    text: str
    result: Any = None


def sanitized(
    sanitizer: str, function: Callable[..., Any], *arguments: Any, seconds: float = 120.0, **settings: Any
) -> Report:
    """Call an importable function in a process in which all kernels on the processor are watched.

    Parameters: sanitizer, ``thread`` (races between the threads of a block, and between blocks), ``address`` (accesses outside
    arrays and shared memory) or ``undefined`` (misalignment, integer overflow and the like); function, found again by its
    name, with arguments that can be pickled; seconds, after which it is stopped.
    Raises: what the function raises; NoCompiler without the sanitizer's library; RuntimeError if the process failed otherwise.
    """
    if sanitizer not in SANITIZERS:
        raise ValueError(f"sanitizer must be one of {', '.join(SANITIZERS)}, got {sanitizer!r}")
    if sys.platform != "linux":
        raise NoCompiler("kernels are watched by sanitizers on Linux only")
    preloaded = runtime_of(sanitizer)
    with tempfile.TemporaryDirectory(prefix="proofgrad-sanitized-") as name:
        call, outcome = Path(name, "call"), Path(name, "outcome")
        call.write_bytes(pickle.dumps((function, arguments, settings)))
        command = [*CHILD, str(call), str(outcome), str(preloaded or "")]
        environment = {**os.environ, **OPTIONS, SANITIZER: sanitizer, "OPENBLAS_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=seconds, errors="replace"
        )
        findings = tuple(FINDING.findall(done.stderr))
        if not outcome.is_file():
            if findings:
                return Report(sanitizer, findings, done.stderr)
            raise RuntimeError(f"the process under -fsanitize={sanitizer} failed:\n{done.stderr.strip()}")
        succeeded, value = pickle.loads(outcome.read_bytes())
    if not succeeded:
        raise value
    return Report(sanitizer, findings, done.stderr, value)


def child(arguments: Sequence[str]) -> None:
    """Begin again with the sanitizer's library loaded first, then make the call."""
    call, outcome, preloaded = arguments
    if preloaded and os.environ.get("LD_PRELOAD") != preloaded:
        ctypes.CDLL(None).personality(NO_RANDOM_ADDRESSES)
        os.execve(sys.executable, [*CHILD, *arguments], {**os.environ, "LD_PRELOAD": preloaded})
    os.environ.pop("LD_PRELOAD", None)  # compilers that are begun from here are not watched
    function, given, settings = pickle.loads(Path(call).read_bytes())
    result: tuple[bool, Any]
    try:
        result = (True, function(*given, **settings))
    except Exception as error:  # whatever it raises is raised again by the caller
        result = (False, error)
    Path(outcome).write_bytes(pickle.dumps(result))
