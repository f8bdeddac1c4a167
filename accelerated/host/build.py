"""Compile kernels for the processor, and keep what was compiled.

A build is found by a hash of source, headers, runtime, flags and of all that the compiler says of itself and of the processor. It
appears in the cache whole, in one step, so several processes may build at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from accelerated import caches
from accelerated.sources import Signature, Source, SourceError, without_comments

HERE = Path(__file__).resolve().parent
COMPILERS = ("g++", "clang++", "c++")
FLAGS = (
    "-std=c++17",
    "-fPIC",
    "-pthread",
    "-ffp-contract=off",  # nothing is contracted to a fused multiply-add
    "-fno-math-errno",  # no value depends on either: they only let loops be vectorized
    "-fno-trapping-math",
    "-fno-strict-aliasing",  # kernels read arrays through vector types
    "-fvisibility=hidden",
)
OPTIMIZED = ("-O3", "-march=native")  # the second, where the compiler knows it
WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wno-unknown-pragmas",
    "-Wno-unused-parameter",
    "-Wno-unused-variable",
    "-Wno-unused-function",
)
WATCHED = ("-O1", "-g", "-fno-omit-frame-pointer")
SANITIZERS = ("thread", "address", "undefined")

_SHARED = re.compile(
    r"(?P<extern>\bextern\s+)?\b__shared__\s+(?:alignas\(\d+\)\s*|__align__\(\d+\)\s*)?"
    r"(?P<type>[\w:<>, ]+?)\s+(?P<name>\w+)\s*(?P<sizes>(?:\[[^\]]*\])*)\s*;"
)


class NoCompiler(RuntimeError):
    """There is no C++ compiler; the message says what to install."""


class CompileError(RuntimeError):
    """The compiler refused a source; the message has its errors, by file and line."""


def library(source: Source, sanitizer: str | None = None) -> Path:
    """The shared library with the kernels of a source, compiled unless it is in the cache.

    Parameters: sanitizer, ``thread``, ``address``, ``undefined`` or none.
    Raises: NoCompiler, CompileError, SourceError for a ``__shared__`` variable that cannot be read.
    """
    compiler, flags = _compiler(), _flags(sanitizer)
    texts = _texts(source)
    key = _digest([texts, _runtime_texts(), flags, _identity(compiler, flags)])
    stem = f"{Path(source.name).stem}-{sanitizer or 'plain'}-{key}"
    path = cache_folder() / f"{stem}.so"
    if path.is_file():
        return path
    runtime = _runtime(compiler, sanitizer)
    with tempfile.TemporaryDirectory(prefix="proofgrad-build-") as name:
        folder = Path(name)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
        command = [
            compiler,
            *flags,
            *WARNINGS,
            *_linking(),
            f"-I{folder}",
            f"-I{HERE}",
            f"-ffile-prefix-map={folder}/=",
        ]
        _compile(source.name, [*command, str(folder / "kernels.cpp"), str(runtime)], path, folder)
    return path


def cache_folder() -> Path:
    """Where builds are kept."""
    return caches.folder("host")


def runtime_of(sanitizer: str) -> Path | None:
    """The library of a sanitizer that has to be loaded before all others, if it is one."""
    if sanitizer == "undefined":
        return None
    short = {"thread": "tsan", "address": "asan"}[sanitizer]
    for name in (f"lib{short}.so", f"libclang_rt.{short}-{os.uname().machine}.so", f"libclang_rt.{short}.so"):
        found = Path(_output([_compiler(), f"-print-file-name={name}"]).strip())
        if found.is_absolute() and found.is_file():
            return found.resolve()
    raise NoCompiler(f"{_compiler()} has no library for -fsanitize={sanitizer}: install lib{short}")


def launcher_of(kernel: str) -> str:
    """The name of the function that runs a kernel's threads."""
    return f"proofgrad_run_{kernel}"


def macros() -> str:
    """All that the compiler says of itself and of the processor, as lines ``#define name value``."""
    compiler = _compiler()
    return _identity(compiler, _flags(None))


def _compiler() -> str:
    """The C++ compiler: ``$CXX``, or the first of the usual names.

    Raises: NoCompiler.
    """
    if os.name != "posix":
        raise NoCompiler("kernels run on the processor on Linux and macOS only; elsewhere they need a GPU")
    chosen = os.environ.get("CXX")
    names = (chosen,) if chosen else COMPILERS
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        raise NoCompiler(
            f"running kernels on the processor needs a C++ compiler, and there is no {' or '.join(names)}: install one "
            "(Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install), "
            "or name one in the environment variable CXX"
        )
    return found


def _flags(sanitizer: str | None) -> tuple[str, ...]:
    if sanitizer is None:
        return (*FLAGS, *(flag for flag in OPTIMIZED if flag != "-march=native" or _knows(_compiler(), flag)))
    if sanitizer not in SANITIZERS:
        raise ValueError(f"sanitizer must be one of {', '.join(SANITIZERS)}, got {sanitizer!r}")
    return (*FLAGS, *WATCHED, f"-fsanitize={sanitizer}")


def _linking() -> tuple[str, ...]:
    return ("-dynamiclib", "-undefined", "dynamic_lookup") if sys.platform == "darwin" else ("-shared",)


@cache
def _knows(compiler: str, flag: str) -> bool:
    command = [compiler, flag, "-E", "-x", "c++", os.devnull]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@cache
def _identity(compiler: str, flags: tuple[str, ...]) -> str:
    """All macros that a compiler defines: they hold its version and what the processor can do."""
    return _output([compiler, *flags, "-dM", "-E", "-x", "c++", os.devnull])


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompileError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    return done.stdout


def _runtime(compiler: str, sanitizer: str | None) -> Path:
    """The runtime, compiled. It is not watched itself: it tells the sanitizer what CUDA threads do."""
    told = (f"-DPROOFGRAD_SANITIZE_{sanitizer.upper()}",) if sanitizer else ()
    flags = (*FLAGS, "-O2", "-Wall", "-Wextra", *told)
    key = _digest([_runtime_texts(), flags, _identity(compiler, flags)])
    path = cache_folder() / f"runtime-{sanitizer or 'plain'}-{key}.o"
    if not path.is_file():
        _compile("runtime.cpp", [compiler, *flags, "-c", str(HERE / "runtime.cpp")], path, HERE)
    return path


@cache
def _runtime_texts() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*.[hc]*"))}


def _compile(name: str, command: list[str], path: Path, folder: Path) -> None:
    """Compile to a file that appears in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:24]}.", suffix=path.suffix)
    os.close(handle)
    try:
        done = subprocess.run([*command, "-o", part], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CompileError(f"{command[0]} refused {name}:\n{done.stderr.replace(f'{folder}/', '').strip()}")
        os.chmod(part, 0o755)
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)


def _texts(source: Source) -> dict[str, str]:
    """The files to compile: the headers, and the kernels with a launcher for each."""
    headers = {name: _rewritten(name, text) for name, text in source.headers.items()}
    launchers = "\n".join(map(_launcher, source.kernels.values()))
    kernels = f'#include "runtime.h"\n#line 1 "{source.name}"\n{_rewritten(source.name, source.text)}\n{launchers}\n'
    return {**headers, "kernels.cpp": kernels}


def _rewritten(name: str, text: str) -> str:
    """The text with its shared variables found where the runtime keeps them, each line at its place."""

    def variable(match: re.Match[str]) -> str:
        lines = "\n" * match[0].count("\n")
        if not match["extern"]:
            return f"auto& {match['name']} = proofgrad::shared<{match['type']}{match['sizes']}>([] {{}});{lines}"
        pointer = f"{match['type']}* const {match['name']}"
        return f"{pointer} = static_cast<{match['type']}*>(proofgrad::shared_memory(nullptr, 0));{lines}"

    code = _SHARED.sub(variable, without_comments(text))
    left = re.search(r"\b__shared__\b[^;]*", code)
    if left:
        line = code.count("\n", 0, left.start()) + 1
        raise SourceError(
            f"{name}, line {line}: a shared variable must be declared as __shared__ type name[size]; "
            f"got {' '.join(left[0].split())}"
        )
    return code


def _launcher(kernel: Signature) -> str:
    """A function that unpacks the arguments and runs one thread of a kernel after the other."""
    types = [f"{argument.element}{'*' if argument.is_array else ''}" for argument in kernel.arguments]
    unpacked = "".join(f"    {kind} a{i} = *({kind}*)given[{i}];\n" for i, kind in enumerate(types))
    given = ", ".join(f"a{i}" for i in range(len(types)))
    return (
        f'extern "C" __attribute__((visibility("default"))) void {launcher_of(kernel.name)}(void* const* given)\n{{\n'
        f"{unpacked}    (void)given;\n    do {kernel.name}({given}); while (proofgrad::next_thread());\n}}\n"
    )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
