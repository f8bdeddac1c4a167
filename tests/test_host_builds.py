"""Builds for the processor: the cache, processes that build at once, what compilers refuse, a missing compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from host_calls import abilities, call

from accelerated import host
from accelerated.host import build
from accelerated.sources import SourceError, source


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without kernels. The runtimes are there: they take longer to compile than all kernels of a test."""
    folder = tmp_path / "cache" / "host"
    folder.mkdir(parents=True)
    for sanitizer in (None, "undefined"):
        shutil.copy2(build._runtime(build._compiler(), sanitizer), folder)
    monkeypatch.setenv("PROOFGRAD_CACHE", str(folder.parent))
    return folder.parent


def test_builds_are_found_again_and_depend_on_all_that_they_are_made_of(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'extern "C" __global__ void one(int* y) { y[0] = 1; }'
    first = build.library(source("one.cu", text))
    written = first.stat().st_mtime_ns
    assert first.parent == cache / "host" == host.cache_folder()
    assert build.library(source("one.cu", text)) == first
    assert first.stat().st_mtime_ns == written
    others = {
        build.library(source("one.cu", text.replace("= 1", "= 2"))),
        build.library(source("one.cu", text), "undefined"),
    }
    monkeypatch.setattr(build, "OPTIMIZED", ("-O0",))
    others.add(build.library(source("one.cu", text)))
    monkeypatch.setattr(build, "_identity", lambda compiler, flags: "another compiler")
    others.add(build.library(source("one.cu", text)))
    assert len(others | {first}) == 5
    assert not list(cache.rglob(".*"))  # nothing half-written is left


@pytest.mark.usefixtures("cache")
def test_a_damaged_build_is_made_again() -> None:
    one = source("one.cu", 'extern "C" __global__ void one(int* y) { y[0] = 5; }')
    path = build.library(one)
    path.write_bytes(b"cut off" + path.read_bytes()[:100])
    (y,) = call(one, "one", (1,), (1,), [np.zeros(1, np.int32)])
    assert y[0] == 5


@pytest.mark.usefixtures("cache")
def test_a_changed_header_is_another_build(tmp_path: Path) -> None:
    results = []
    for value in (1, 2):
        (tmp_path / "value.cuh").write_text(f"constexpr int VALUE = {value};")
        text = '#include "value.cuh"\nextern "C" __global__ void one(int* y) { y[0] = VALUE; }'
        (y,) = call(source("one.cu", text, (tmp_path,)), "one", (1,), (1,), [np.zeros(1, np.int32)])
        results.append(int(y[0]))
    assert results == [1, 2]


BUILD = """
import sys, numpy as np
from accelerated import host
from accelerated.sources import source
y = np.zeros(1, np.int32)
host.load(source("one.cu", sys.argv[1])).get_function("one")((1,), (1,), [y])
print(y[0])
"""


def test_processes_build_the_same_at_once(tmp_path: Path) -> None:
    text = 'extern "C" __global__ void one(int* y) { y[0] = 42; }'
    environment = {**os.environ, "PROOFGRAD_CACHE": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", BUILD, text]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [each.communicate(timeout=120)[0].strip() for each in running] == ["42"] * 2
    assert len(list(tmp_path.rglob("one-*.so"))) == 1


def test_without_a_compiler_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(
        host.NoCompiler, match=r"there is no g\+\+ or clang\+\+ or c\+\+: install one .*apt install g\+\+"
    ):
        build.library(abilities())
    monkeypatch.setenv("CXX", "nowhere++")
    with pytest.raises(host.NoCompiler, match=r"there is no nowhere\+\+.*environment variable CXX"):
        build.library(abilities())


def test_without_a_sanitizer_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_output", lambda command: command[-1].removeprefix("-print-file-name=") + "\n")
    with pytest.raises(host.NoCompiler, match="has no library for -fsanitize=thread: install libtsan"):
        host.sanitized("thread", test_processes_build_the_same_at_once)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(host.NoCompiler, match="kernels are watched by sanitizers on Linux only"):
        host.sanitized("undefined", test_processes_build_the_same_at_once)


def test_a_compiler_that_does_not_know_the_processor_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROOFGRAD_CACHE", str(tmp_path))
    monkeypatch.setattr(build, "_knows", lambda compiler, flag: False)
    assert "-march=native" not in build._flags(None)
    one = source("one.cu", 'extern "C" __global__ void one(int* y) { y[0] = 6; }')
    assert build.library(one).is_file()


def test_what_the_compiler_refuses_is_shown_with_file_and_line() -> None:
    text = '\nextern "C" __global__ void one(int* y)\n{\n    y[0] = unknown;\n}'
    with pytest.raises(
        host.CompileError, match=r"refused broken\.cu:\n(?s:.*)broken\.cu:4:12: error: .unknown. was not declared"
    ):
        build.library(source("broken.cu", text))
    floating = 'extern "C" __global__ void one(float* y) { atomicAdd(y, 1.0f); }'
    with pytest.raises(host.CompileError, match="atomics on floats make results depend on the order of threads"):
        build.library(source("floating.cu", floating))
    shared = 'extern "C" __global__ void one(float* y)\n{\n    __shared__ float a[2], b[2];\n}'
    with pytest.raises(
        SourceError, match=r"shared\.cu, line 3: a shared variable must be declared as __shared__ type name"
    ):
        build.library(source("shared.cu", shared))


def test_the_cache_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PROOFGRAD_CACHE", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert host.cache_folder() == tmp_path / "proofgrad" / "host"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert host.cache_folder() == tmp_path / ".cache" / "proofgrad" / "host"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert host.cache_folder() == tmp_path / "Library" / "Caches" / "proofgrad" / "host"


UCONTEXT = """
import sys
from accelerated.host import build
build.FLAGS = (*build.FLAGS, "-DPROOFGRAD_UCONTEXT")
import numpy as np, host_calls
x, sums = np.arange(256.0), np.zeros(4)
host_calls.call(host_calls.abilities(), "block_sums_in_levels", (4,), (64,), [x, sums], shared=8 * 64, order=1)
assert np.array_equal(sums, x.reshape(4, 64).sum(axis=1)), sums
try:
    host_calls.call(host_calls.faults(), "two_barriers", (1,), (32,), [np.zeros(64, np.float32)] * 2)
except Exception as error:
    print(error)
"""


def test_the_portable_switch_of_fibers_does_the_same() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", UCONTEXT], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "thread (0, 0, 0) waits at __syncthreads" in done.stdout
