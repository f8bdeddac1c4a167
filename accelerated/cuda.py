"""Compile the kernels with Proofgrad's own flags, keep the machine code, and load it.

CuPy's own way of compiling flushes subnormals to zero, whatever options it is given; so the machine code is made here, by NVRTC
through `cuda.bindings`, and loaded from a file. PTX and machine code come from one program and one set of flags: nothing is
contracted to a fused multiply-add, division and square root are rounded correctly, subnormals are kept.

`cuda.bindings` and CuPy are imported when they are first needed: without them everything else of the package works.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from accelerated import caches
from accelerated.sources import Source

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
FLAGS = (
    "--std=c++17",
    "--fmad=false",
    "--prec-div=true",
    "--prec-sqrt=true",
    "--ftz=false",
    "--generate-line-info",  # for messages and profilers; changes no instruction
)
DISTRIBUTIONS = ("nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu12", "cuda-bindings")
INSTALL = "pip install 'proofgrad[cuda13]', or 'proofgrad[cuda12]' for a driver of CUDA 12"
LOG_LINE = re.compile(
    r"^(?P<file>[^\s(][^(]*)\((?P<line>\d+)\): (?P<kind>(?:catastrophic )?error)[^:]*: (?P<message>.*)$"
)
KERNEL = re.compile(r"\b__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\(")
Version = tuple[int, int]


class Unavailable(RuntimeError):
    """Something that a GPU, or compiling for one, needs is not there; the message says what to install."""


class CompileError(RuntimeError):
    """NVRTC refused a source; the message has file, line and kernel of each error."""


class _Program(NamedTuple):
    """What NVRTC made of a source."""

    nvrtc: Any
    handle: Any


def compile_ptx(source: Source, architecture: str = "sm_80", flags: Sequence[str] | None = None) -> str:
    """The PTX that NVRTC makes of a source for an architecture, such as ``sm_90``, by default with the flags of all kernels.

    Raises: Unavailable without NVRTC, ValueError for an architecture that it does not know, CompileError.
    """
    virtual = architecture.replace("sm_", "compute_")
    return _compiled(source, virtual, "PTX", FLAGS if flags is None else flags).rstrip(b"\0").decode()


def kept_ptx(source: Source, architecture: str, flags: Sequence[str] | None = None, folder: Path | None = None) -> str:
    """What `compile_ptx` gives, compiled unless it is in the cache, as with `compile_cubin`."""
    chosen = FLAGS if flags is None else flags
    path = _kept(
        source, architecture, "ptx", chosen, folder, lambda: compile_ptx(source, architecture, chosen).encode()
    )
    return path.read_text(encoding="utf-8")


def compile_cubin(source: Source, architecture: str, folder: Path | None = None) -> Path:
    """The file with the machine code for an architecture, compiled unless it is in the cache.

    The cache is ``folder``, by default `cache_folder`. A file is found by a hash of source, flags, architecture and compiler, and
    its name holds the hash of its content: what was damaged is compiled again. Files appear whole, in one step, so
    several processes may compile the same source at once.

    Raises: as `compile_ptx`.
    """
    return _kept(source, architecture, "cubin", FLAGS, folder, lambda: _compiled(source, architecture, "CUBIN", FLAGS))


def _kept(
    source: Source, architecture: str, ending: str, flags: Sequence[str], folder: Path | None, make: Callable[[], bytes]
) -> Path:
    """The file in the cache, made if it is not there or damaged."""
    folder = cache_folder() if folder is None else folder
    stem = f"{Path(source.name).stem}-{architecture}-{_key(source, architecture, flags)}"
    for path in sorted(folder.glob(f"{stem}-*.{ending}")):
        if path.stem.rpartition("-")[2] == _digest(path.read_bytes()):
            return path
        path.unlink(missing_ok=True)
    code = make()
    path = folder / f"{stem}-{_digest(code)}.{ending}"
    _write_in_one_step(path, code)
    return path


def load(source: Source, folder: Path | None = None) -> Any:
    """A module of the kernels of a source, a `cupy.RawModule`, on the current device.

    Raises: Unavailable without CuPy, a GPU or NVRTC, or if the toolkit is newer than the driver; CompileError.
    """
    runtime = cupy().cuda.runtime
    check_driver(toolkit_version(), _version(runtime.driverGetVersion()))
    properties = runtime.getDeviceProperties(runtime.getDevice())
    architecture = architecture_for(properties["major"], properties["minor"])
    return cupy().RawModule(path=str(compile_cubin(source, architecture, folder)))


def architecture_for(major: int, minor: int) -> str:
    """The architecture whose machine code a device of this compute capability runs: of its major version, at most its minor one.

    Raises: Unavailable if there is none.
    """
    known = [divmod(int(name.removeprefix("sm_")), 10) for name in ARCHITECTURES]
    fitting = [pair for pair in known if pair[0] == major and pair[1] <= minor]
    if not fitting:
        raise Unavailable(
            f"the kernels are compiled for {', '.join(ARCHITECTURES)}; "
            f"a device of compute capability {major}.{minor} runs none of these"
        )
    return "sm_{}{}".format(*max(fitting))


def check_driver(toolkit: Version, driver: Version) -> None:
    """Refuse a toolkit whose machine code the driver cannot load.

    Within a major version of CUDA a driver loads the machine code of every toolkit (NVIDIA's minor version compatibility).

    Raises: Unavailable naming both versions.
    """
    if toolkit[0] > driver[0]:
        raise Unavailable(
            f"NVRTC is of CUDA {toolkit[0]}.{toolkit[1]}, but the driver supports CUDA {driver[0]}.{driver[1]} at most: "
            f"install a newer driver, or pip install 'proofgrad[cuda{driver[0]}]'"
        )


def toolkit_version() -> Version:
    """Major and minor version of NVRTC."""
    error, major, minor = _nvrtc().nvrtcVersion()
    _check(_nvrtc(), error)
    return int(major), int(minor)


def compiler() -> str:
    """NVRTC and its binding by version, down to the build where the distribution tells it."""
    found = [f"NVRTC {'.'.join(map(str, toolkit_version()))}"]
    for name in DISTRIBUTIONS:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def cache_folder() -> Path:
    """Where PTX and machine code are kept."""
    return caches.folder("cuda")


def cupy() -> Any:
    """The package CuPy.

    Raises: Unavailable if it is not installed or finds no GPU.
    """
    try:
        module = importlib.import_module("cupy")
    except ImportError as error:
        raise Unavailable(f"running kernels on a GPU needs CuPy: {INSTALL} ({error})") from None
    try:
        count = module.cuda.runtime.getDeviceCount()
    except module.cuda.runtime.CUDARuntimeError as error:
        raise Unavailable(f"CuPy finds no GPU: {error}") from None
    if not count:
        raise Unavailable("CuPy finds no GPU")
    return module


@cache
def _nvrtc() -> Any:
    """The binding of NVRTC, its library loaded."""
    try:
        module = importlib.import_module("cuda.bindings.nvrtc")
        module.nvrtcVersion()
    except (ImportError, RuntimeError, OSError) as error:
        raise Unavailable(f"compiling kernels needs NVRTC and cuda-bindings: {INSTALL} ({error})") from None
    return module


def _compiled(source: Source, architecture: str, kind: str, flags: Sequence[str]) -> bytes:
    """PTX or CUBIN of a source."""
    nvrtc = _nvrtc()
    _check_architecture(nvrtc, architecture)
    headers = [text.encode() for text in source.headers.values()]
    names = [name.encode() for name in source.headers]
    error, handle = nvrtc.nvrtcCreateProgram(
        source.text.encode(), _file_of(source).encode(), len(headers), headers, names
    )
    _check(nvrtc, error)
    try:
        options = [flag.encode() for flag in (*flags, f"--gpu-architecture={architecture}")]
        (error,) = nvrtc.nvrtcCompileProgram(handle, len(options), options)
        if error == nvrtc.nvrtcResult.NVRTC_ERROR_COMPILATION:
            raise CompileError(_explained(source, _log(_Program(nvrtc, handle))))
        _check(nvrtc, error)
        return _output(_Program(nvrtc, handle), kind)
    finally:
        nvrtc.nvrtcDestroyProgram(handle)


def _check_architecture(nvrtc: Any, architecture: str) -> None:
    error, supported = nvrtc.nvrtcGetSupportedArchs()
    _check(nvrtc, error)
    number = re.fullmatch(r"(?:sm|compute)_(\d+)", architecture)
    if number is None or int(number[1]) not in supported:
        known = ", ".join(f"sm_{each}" for each in supported)
        given = architecture.replace("compute_", "sm_")
        raise ValueError(f"architecture must be one that this NVRTC knows, {known}, got {given!r}")


def _output(program: _Program, kind: str) -> bytes:
    error, size = getattr(program.nvrtc, f"nvrtcGet{kind}Size")(program.handle)
    _check(program.nvrtc, error)
    content: bytes = b" " * size
    (error,) = getattr(program.nvrtc, f"nvrtcGet{kind}")(program.handle, content)  # the binding writes into them
    _check(program.nvrtc, error)
    return content


def _log(program: _Program) -> str:
    error, size = program.nvrtc.nvrtcGetProgramLogSize(program.handle)
    _check(program.nvrtc, error)
    text: bytes = b" " * size
    program.nvrtc.nvrtcGetProgramLog(program.handle, text)
    return text.rstrip(b"\0 ").decode(errors="replace")


def _check(nvrtc: Any, error: Any) -> None:
    if error != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise RuntimeError(f"NVRTC failed: {nvrtc.nvrtcGetErrorString(error)[1].decode()}")


def _file_of(source: Source) -> str:
    return source.name if Path(source.name).suffix else f"{source.name}.cu"


def _explained(source: Source, log: str) -> str:
    """The errors of a log, each with file, line and the kernel in which it stands."""
    found = [
        f"{match['file']}, line {match['line']}{_where(source, match['file'], int(match['line']))}: {match['message']}"
        for match in map(LOG_LINE.match, log.splitlines())
        if match is not None
    ]
    return "\n".join(found or [f"{_file_of(source)}: {log}"])


def _where(source: Source, file: str, line: int) -> str:
    if Path(file).name != Path(_file_of(source)).name:
        return ""
    kernel = next((name for name, first, last in _kernels(source.text) if first <= line <= last), None)
    return f", in kernel {kernel}" if kernel else ""


def _kernels(text: str) -> Iterator[tuple[str, int, int]]:
    """The kernels of a source, each with the lines of its signature's begin and its body's end."""
    for match in KERNEL.finditer(text):
        depth = 0
        end = match.end()
        for end in range(match.end(), len(text)):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            if text[end] == "}" and depth == 0:
                break
        yield match[1], text.count("\n", 0, match.start()) + 1, text.count("\n", 0, end) + 1


def _key(source: Source, architecture: str, flags: Sequence[str]) -> str:
    state = json.dumps([source.name, source.digest, list(flags), architecture, compiler()])
    return _digest(state.encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _version(number: int) -> Version:
    """CUDA writes 13.1 as 13010."""
    return number // 1000, number % 1000 // 10


def _write_in_one_step(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:20]}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
