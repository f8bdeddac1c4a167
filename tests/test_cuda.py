"""Compiling kernels: flags, architectures, cache, errors. What needs a GPU is skipped without one, never passed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_texts import kernel, text

from accelerated import cuda
from accelerated.sources import Source

try:
    cuda.toolkit_version()
except cuda.Unavailable as missing:
    pytest.skip(f"not run: {missing}", allow_module_level=True)

DESCENT = kernel("descent")


def instructions(ptx: str) -> list[str]:
    """The opcodes of a PTX text."""
    return re.findall(r"^\s+(?:@!?%p\d+\s+)?([a-z][\w.]*)(?=\s)", ptx, re.MULTILINE)


# PTX and machine code.


@pytest.mark.parametrize("architecture", cuda.ARCHITECTURES)
def test_every_architecture_has_ptx_and_machine_code(architecture: str, tmp_path: Path) -> None:
    ptx = cuda.compile_ptx(DESCENT, architecture)
    assert f".target {architecture}" in ptx
    assert ".entry descent(" in ptx
    code = cuda.compile_cubin(DESCENT, architecture, tmp_path).read_bytes()
    assert code.startswith(b"\x7fELF")
    assert b"descent" in code


@pytest.mark.parametrize("architecture", cuda.ARCHITECTURES)
def test_arithmetic_is_rounded_as_ieee_754_says(architecture: str) -> None:
    source = text(
        "all",
        'extern "C" __global__ void all(float* x, double* y) {'
        "x[0] = x[1] * x[2] + x[3] / x[4] - sqrtf(x[5]); y[0] = y[1] * y[2] + y[3] / y[4] - sqrt(y[5]); }",
    )
    found = instructions(cuda.compile_ptx(source, architecture))
    floating = {
        each for each in found if re.search(r"\.f(32|64)$", each) and each.split(".")[0] not in ("ld", "st", "mov")
    }
    names = ("add", "mul", "div", "sub", "sqrt")
    assert floating == {f"{name}.rn.{form}" for name in names for form in ("f32", "f64")}
    assert not any(word in each for each in found for word in ("fma", "mad.rn", ".ftz", ".approx"))


def test_these_instructions_come_from_the_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    source = text("one", 'extern "C" __global__ void one(float* x) { x[0] = x[1] * x[2] + x[3] / sqrtf(x[4]); }')
    monkeypatch.setattr(cuda, "FLAGS", ("--use_fast_math",))
    found = instructions(cuda.compile_ptx(source))
    assert any("fma" in each for each in found)
    assert any(".ftz" in each for each in found)
    assert any(".approx" in each for each in found)


def test_an_architecture_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"architecture must be one that this NVRTC knows, sm_75.*, got 'sm_42'"):
        cuda.compile_ptx(DESCENT, "sm_42")


def test_headers_are_found_by_name() -> None:
    source = text(
        "user",
        '#include "plus.cuh"\nextern "C" __global__ void user(float* x) { x[0] = plus(x[0], x[1]); }',
        {"plus.cuh": "__device__ float plus(float a, float b) { return a + b; }"},
    )
    assert ".entry user(" in cuda.compile_ptx(source)


# Compile errors.


def test_an_error_names_file_line_and_kernel() -> None:
    code = '__device__ int fine;\nextern "C" __global__ void broken(float* x)\n{\n    x[0] = y;\n}\n'
    with pytest.raises(cuda.CompileError, match=r'^wrong\.cu, line 4, in kernel broken: identifier "y" is undefined$'):
        cuda.compile_ptx(text("wrong", code))


def test_an_error_outside_of_kernels_names_file_and_line() -> None:
    code = '#include "a.cuh"\nextern "C" __global__ void fine(float* x) { x[0] = 1; }\n'
    with pytest.raises(cuda.CompileError, match=r"^a\.cuh, line 2: "):
        cuda.compile_ptx(text("user", code, {"a.cuh": "\nnonsense;\n"}))


def test_a_missing_header_is_named() -> None:
    with pytest.raises(cuda.CompileError, match=r"none\.cuh"):
        cuda.compile_ptx(text("user", '#include "none.cuh"\n'))


# The cache.


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The architectures for which something was compiled, in order."""
    done: list[str] = []
    compiled = cuda._compiled

    def counted(source: Source, architecture: str, kind: str, flags: Any) -> bytes:
        done.append(architecture)
        return compiled(source, architecture, kind, flags)

    monkeypatch.setattr(cuda, "_compiled", counted)
    return done


def test_what_is_in_the_cache_is_not_compiled_again(tmp_path: Path, compilations: list[str]) -> None:
    first = cuda.compile_cubin(DESCENT, "sm_90", tmp_path)
    assert cuda.compile_cubin(DESCENT, "sm_90", tmp_path) == first
    assert compilations == ["sm_90"]
    assert list(tmp_path.iterdir()) == [first]


@pytest.mark.parametrize(
    "damage", [lambda code: code[:-1], lambda code: b"", lambda code: code[:100] + b"x" + code[101:]]
)
def test_a_damaged_entry_is_compiled_again(tmp_path: Path, compilations: list[str], damage: Any) -> None:
    path = cuda.compile_cubin(DESCENT, "sm_90", tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert cuda.compile_cubin(DESCENT, "sm_90", tmp_path).read_bytes() == whole
    assert len(compilations) == 2


def test_other_texts_headers_flags_and_architectures_are_other_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [
        cuda.compile_cubin(DESCENT, "sm_90", tmp_path),
        cuda.compile_cubin(DESCENT, "sm_80", tmp_path),
        cuda.compile_cubin(text("descent", DESCENT.text + "\n"), "sm_90", tmp_path),
        cuda.compile_cubin(text("descent", DESCENT.text, {"unused.cuh": ""}), "sm_90", tmp_path),
    ]
    monkeypatch.setattr(cuda, "FLAGS", cuda.FLAGS[:-1])
    paths.append(cuda.compile_cubin(DESCENT, "sm_90", tmp_path))
    assert len(set(paths)) == len(paths)


def test_ptx_is_kept_in_the_same_way(tmp_path: Path, compilations: list[str]) -> None:
    first = cuda.kept_ptx(DESCENT, "sm_90", folder=tmp_path)
    assert cuda.kept_ptx(DESCENT, "sm_90", folder=tmp_path) == first == cuda.compile_ptx(DESCENT, "sm_90")
    assert cuda.kept_ptx(DESCENT, "sm_90", ("--ftz=true",), tmp_path) != first
    assert compilations == ["compute_90"] * 3
    (path, *_) = sorted(tmp_path.glob("*.ptx"), key=lambda path: path.stat().st_mtime)
    path.write_text("nothing", encoding="utf-8")
    assert cuda.kept_ptx(DESCENT, "sm_90", folder=tmp_path) == first


def test_two_processes_at_once_leave_one_whole_entry(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from accelerated import cuda; from kernel_texts import kernel\n"
        "print(cuda.compile_cubin(kernel('descent'), 'sm_90', Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    here = Path(__file__).parent
    running = [subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    paths = {process.communicate(timeout=120)[0].strip() for process in running}
    assert [process.returncode for process in running] == [0, 0]
    assert paths == {str(path) for path in tmp_path.iterdir()}
    assert len(paths) == 1


def test_the_cache_stands_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROOFGRAD_CACHE", str(tmp_path))
    assert cuda.cache_folder() == tmp_path / "cuda"
    monkeypatch.delenv("PROOFGRAD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cuda.cache_folder() == tmp_path / "proofgrad" / "cuda"


# What is not there, or does not fit.


@pytest.fixture
def without_nvrtc(monkeypatch: pytest.MonkeyPatch) -> Any:
    cuda._nvrtc.cache_clear()
    monkeypatch.setitem(sys.modules, "cuda.bindings.nvrtc", None)
    yield
    cuda._nvrtc.cache_clear()


@pytest.mark.usefixtures("without_nvrtc")
def test_without_nvrtc_the_message_says_what_to_install() -> None:
    with pytest.raises(cuda.Unavailable, match=r"needs NVRTC and cuda-bindings: pip install 'proofgrad\[cuda13\]'"):
        cuda.compile_ptx(DESCENT)


def test_without_cupy_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(cuda.Unavailable, match=r"needs CuPy: pip install 'proofgrad\[cuda13\]'"):
        cuda.load(DESCENT)


def test_a_toolkit_newer_than_the_driver_is_refused_by_name() -> None:
    expected = (
        r"^NVRTC is of CUDA 13\.0, but the driver supports CUDA 12\.4 at most: "
        r"install a newer driver, or pip install 'proofgrad\[cuda12\]'$"
    )
    with pytest.raises(cuda.Unavailable, match=expected):
        cuda.check_driver((13, 0), (12, 4))


@pytest.mark.parametrize(("toolkit", "driver"), [((13, 0), (13, 0)), ((13, 2), (13, 0)), ((12, 9), (13, 0))])
def test_a_toolkit_of_the_drivers_major_version_or_older_is_taken(toolkit: Any, driver: Any) -> None:
    cuda.check_driver(toolkit, driver)


class FakeCupy:
    """As much of CuPy as loading asks, for a driver and a device that a test chooses."""

    class RawModule:
        """A module that knows where it was loaded from."""

        def __init__(self, path: str) -> None:
            self.path = path

    def __init__(self, driver: int, capability: tuple[int, int] = (9, 0)) -> None:
        self.cuda = self
        self.runtime = self
        self.driverGetVersion = lambda: driver
        self.getDevice = lambda: 0
        self.getDeviceCount = lambda: 1
        self.getDeviceProperties = lambda device: dict(zip(("major", "minor"), capability, strict=True))
        self.CUDARuntimeError = RuntimeError


def test_loading_asks_the_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cupy", FakeCupy(12_040))  # type: ignore[misc]
    monkeypatch.setattr(cuda, "toolkit_version", lambda: (13, 0))
    with pytest.raises(cuda.Unavailable, match=r"the driver supports CUDA 12\.4 at most"):
        cuda.load(DESCENT, tmp_path)


def test_machine_code_for_the_device_is_loaded_by_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cupy", FakeCupy(99_000, (8, 7)))  # type: ignore[misc]
    module = cuda.load(DESCENT, tmp_path)
    assert module.path == str(cuda.compile_cubin(DESCENT, "sm_86", tmp_path))


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ((7, 5), "sm_75"),
        ((8, 0), "sm_80"),
        ((8, 7), "sm_86"),
        ((8, 9), "sm_89"),
        ((10, 3), "sm_100"),
        ((12, 1), "sm_120"),
    ],
)
def test_a_device_runs_machine_code_of_its_major_version(capability: tuple[int, int], expected: str) -> None:
    assert cuda.architecture_for(*capability) == expected


@pytest.mark.parametrize("capability", [(7, 0), (11, 0), (13, 0)])
def test_a_device_for_which_nothing_is_compiled_is_refused(capability: tuple[int, int]) -> None:
    with pytest.raises(cuda.Unavailable, match=rf"compute capability {capability[0]}\.{capability[1]} runs none"):
        cuda.architecture_for(*capability)


# On a GPU.


@pytest.fixture
def cupy() -> Any:
    try:
        return cuda.cupy()
    except cuda.Unavailable as error:
        pytest.skip(f"not run: {error}")


def test_a_gpu_gives_numpys_bits(cupy: Any, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for n in (0, 1, 3, 4, 5, 255, 256, 257, 1025):
        p, g = (generator.integers(0, 2**32, n, dtype=np.uint32).view(np.float32) for _ in range(2))
        lr = np.float32(0.1)
        on_device, gradient = cupy.asarray(p), cupy.asarray(g)
        function = cuda.load(DESCENT, tmp_path).get_function("descent")
        function((2,), (256,), (on_device, gradient, np.int64(n), lr, np.int32(1)))
        with np.errstate(all="ignore"):
            expected = p - lr * g
        found = cupy.asnumpy(on_device)
        same = (found.view(np.uint32) == expected.view(np.uint32)) | (np.isnan(found) & np.isnan(expected))
        assert same.all()


def test_ptx_of_the_program_that_makes_machine_code_is_the_ptx_that_is_proven() -> None:
    """NVRTC gives the PTX of a program for a real architecture, too."""
    for architecture in ("sm_75", "sm_90", "sm_120"):
        beside_machine_code = cuda._compiled(DESCENT, architecture, "PTX", cuda.FLAGS).rstrip(b"\0").decode()
        assert beside_machine_code == cuda.compile_ptx(DESCENT, architecture)
