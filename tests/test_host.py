"""The host runtime: all that kernels may use, in any order of threads; deadlocks, sanitizers, the cache, a missing compiler."""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import host_calls
import ml_dtypes
import numpy as np
import oracle
import pytest
from host_calls import ORDERS, abilities, call, faults
from hypothesis import given
from hypothesis import strategies as st

from accelerated import host
from accelerated.host import build
from accelerated.sources import SourceError, source

FLOATS32 = st.integers(0, 2**32 - 1).map(lambda bits: np.uint32(bits).view(np.float32))


def floats(size: int, dtype: Any = np.float32, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


# What kernels may use.


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_element_is_computed_once(order: host.Order, workers: int) -> None:
    for size, threads in itertools.product((1, 31, 32, 33, 1000), (1, 32, 256)):
        x, y = floats(size), np.full(size + 1, 7, np.float32)
        blocks = -(-size // threads)
        call(abilities(), "scaled", (blocks,), (threads,), [x, y, size, 3.0], order=order, workers=workers)
        assert oracle.same_bits(y[:-1], x * np.float32(3))
        assert y[-1] == 7


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kernel", ["block_sums", "block_sums_in_levels"])
@pytest.mark.parametrize("threads", [32, 64, 256, 1024])
def test_reductions_follow_their_tree_in_any_order(kernel: str, threads: int, order: host.Order) -> None:
    x, sums = floats(5 * threads, np.float64), np.zeros(5)
    call(abilities(), kernel, (5,), (threads,), [x, sums], order=order, shared=8 * threads)
    level = x.reshape(5, threads)
    if kernel == "block_sums":  # within warps of 32, then over 32 warps, some of which are 0
        level = halved(level.reshape(5, -1, 32))
        level = np.concatenate([level, np.zeros((5, 32 - level.shape[1]))], axis=1)
    assert oracle.same_bits(sums, halved(level))


def halved(level: Any) -> Any:
    while level.shape[-1] > 1:
        half = level.shape[-1] // 2
        level = level[..., :half] + level[..., half:]
    return level[..., 0]


@pytest.mark.parametrize("order", ORDERS)
def test_blocks_of_two_dimensions_share_tiles(order: host.Order) -> None:
    x, y = np.arange(32, dtype=np.int32), np.zeros(32, np.int32)
    call(abilities(), "transposed", (1,), (8, 4), [x, y], order=order)
    assert np.array_equal(y.reshape(8, 4), x.reshape(4, 8).T)


@pytest.mark.parametrize("order", ORDERS)
def test_warps_exchange_as_cuda_says(order: host.Order) -> None:
    x = np.arange(32, dtype=np.int32) * 3 - 20
    _, y = call(abilities(), "warp_intrinsics", (1,), (32,), [x, np.zeros(7 * 32, np.int32)], order=order)
    lane = np.arange(32)
    assert np.array_equal(y[:32], np.full(32, x[5]))
    assert np.array_equal(y[32:64], x[np.where(lane >= 3, lane - 3, lane)])
    assert np.array_equal(y[64:96], x[np.where(lane % 8 < 5, lane + 3, lane) % 32])
    other = lane ^ 9
    assert np.array_equal(y[96:128], x[np.where(other // 16 <= lane // 16, other, lane)])
    votes = sum(1 << int(i) for i in lane[x > 0])
    assert np.array_equal(y[128:160].view(np.uint32), np.full(32, votes, np.uint32))
    assert np.array_equal(y[160:192], np.full(32, 1))
    low, high = x[(lane[:16] + 1) % 16], x[lane[16:] ^ 1]
    assert np.array_equal(y[192:], np.concatenate([low, high]))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("workers", [1, 4])
def test_atomics_lose_nothing(order: host.Order, workers: int) -> None:
    x = np.random.default_rng(1).integers(-1000, 1000, 64 * 128).astype(np.int32)
    total, most, least = np.zeros(1, np.int64), np.full(1, -(2**31), np.int32), np.full(1, 2**31 - 1, np.int32)
    bits, swaps = np.zeros(1, np.uint32), np.zeros(2, np.int32)
    given_arrays = [x, total, most, least, bits, swaps]
    call(abilities(), "atomics", (64,), (128,), given_arrays, order=order, workers=workers)
    assert (total[0], most[0], least[0]) == (x.sum(dtype=np.int64), x.max(), x.min())
    assert bits[0] == np.bitwise_or.reduce(np.left_shift(np.uint32(1), (x & 31).astype(np.uint32)))
    assert list(swaps) == [1, 1]


def test_vector_types_have_the_alignment_of_cuda() -> None:
    x, y, w = floats(128), np.zeros(128, np.float32), np.zeros(8, np.int32)
    call(abilities(), "in_packs", (1,), (32,), [x, y, w])
    assert oracle.same_bits(x, y)
    assert list(w) == [8, 16, 16, 8, 16, 16, 12, 32]


@pytest.mark.parametrize("order", ORDERS)
def test_threads_know_where_they_are(order: host.Order) -> None:
    grid, block = (3, 2, 2), (4, 3, 2)
    (y,) = call(abilities(), "places", grid, block, [np.full(12 * 24 * 6, -1, np.int32)], order=order)
    wanted = [[*reversed(b), *reversed(t)] for b in np.ndindex(*reversed(grid)) for t in np.ndindex(*reversed(block))]
    assert np.array_equal(y.reshape(-1, 6), wanted)


def visits(order: host.Order) -> list[int]:
    seen, _ = call(
        abilities(),
        "order_of_threads",
        (4,),
        (64,),
        [np.zeros(256, np.int32), np.zeros(1, np.int32)],
        order=order,
        workers=1,
    )
    return [int(each) for each in seen]


def test_the_order_of_threads_and_blocks_is_chosen() -> None:
    assert visits("ascending") == list(range(256))
    assert visits("descending") == list(range(255, -1, -1))
    shuffled = [visits(seed) for seed in range(20)]
    assert all(sorted(each) == list(range(256)) for each in shuffled)
    assert len({tuple(each) for each in shuffled}) == 20
    assert visits(7) == visits(7)
    assert len({each[0] // 64 for each in shuffled}) == 4  # each block comes first some time
    assert len({each[0] % 64 for each in shuffled}) > 10  # and many threads of it


def test_the_order_can_be_set_for_a_block_of_code() -> None:
    with host.running("descending", workers=1):
        seen, _ = call(abilities(), "order_of_threads", (1,), (8,), [np.zeros(8, np.int32), np.zeros(1, np.int32)])
    assert list(seen) == list(range(7, -1, -1))


# Arithmetic.


def test_formats_round_as_numpy_does() -> None:
    every = np.arange(2**16, dtype=np.uint16)
    ties = [every.view(np.float16).astype(np.float32), every.view(ml_dtypes.bfloat16).astype(np.float32)]
    with np.errstate(all="ignore"):
        between = [(each[:-1].astype(np.float64) + each[1:].astype(np.float64)).astype(np.float32) / 2 for each in ties]
    random = np.random.default_rng(2).integers(0, 2**32, 100_000, np.uint32).view(np.float32)
    near = [np.nextafter(each, np.float32(sign * np.inf)) for each in between for sign in (1, -1)]
    x = np.concatenate(
        [*ties, *between, *near, random, np.array([np.inf, -np.inf, np.nan, 65519.996, 65520, 3.4e38], np.float32)]
    )
    half, brain = np.zeros(x.size, np.float16), np.zeros(x.size, ml_dtypes.bfloat16)
    from_half, from_brain = np.zeros_like(x), np.zeros_like(x)
    call(abilities(), "roundings", (1,), (32,), [x, half, brain, from_half, from_brain, x.size])
    with np.errstate(all="ignore"):
        for dtype, narrow, wide in ((np.float16, half, from_half), (ml_dtypes.bfloat16, brain, from_brain)):
            assert_same(narrow, x.astype(dtype))
            assert_same(wide, x.astype(dtype).astype(np.float32))


def assert_same(found: Any, wanted: Any) -> None:
    """The same bits; a NaN is a NaN."""
    nan = np.isnan(wanted)
    assert np.array_equal(np.isnan(found), nan)
    unsigned = {2: np.uint16, 4: np.uint32, 8: np.uint64}[wanted.dtype.itemsize]
    assert np.array_equal(found.view(unsigned)[~nan], wanted.view(unsigned)[~nan])


@given(st.lists(st.tuples(FLOATS32, FLOATS32, FLOATS32), min_size=1, max_size=50))
def test_arithmetic_is_that_of_numpy(rows: list[Any]) -> None:
    x, y, z = (np.array(column, np.float32) for column in zip(*rows, strict=True))
    sums, quotients, roots = (np.zeros_like(x) for _ in range(3))
    call(abilities(), "arithmetic", (1,), (8,), [x, y, z, sums, quotients, roots, x.size])
    with np.errstate(all="ignore"):
        for found, wanted in ((sums, x * y + z), (quotients, x / y), (roots, np.sqrt(x))):
            assert_same(found, wanted)


def test_nothing_is_contracted_and_subnormals_are_kept() -> None:
    x = np.array([1 + 2**-12, 2**-100, 2**-149], np.float32)
    y = np.array([1 + 2**-12, 2**-40, 0.5], np.float32)
    z = np.array([-(1 + 2**-11), 0, 0], np.float32)
    sums, quotients, roots = (np.zeros_like(x) for _ in range(3))
    call(abilities(), "arithmetic", (1,), (1,), [x, y, z, sums, quotients, roots, 3])
    assert sums[0] == 0  # 2⁻²⁴ if it were fused
    assert sums[1] == np.float32(2**-140)  # 0 if it were flushed
    assert roots[2] == np.sqrt(np.float32(2**-149)) > 0


def test_a_caller_that_flushes_subnormals_changes_nothing() -> None:
    machine = ctypes.CDLL(None)
    environment = ctypes.create_string_buffer(64)
    if not sys.platform.startswith("linux") or os.uname().machine != "x86_64":
        pytest.skip("not run: sets the control register of x86-64")
    machine.fegetenv(environment)
    flushing = bytearray(environment.raw)
    flushing[28:32] = (int.from_bytes(flushing[28:32], "little") | 0x8040).to_bytes(4, "little")  # FTZ and DAZ of MXCSR
    x, y, z = (np.array([value], np.float32) for value in (2**-100, 2**-40, 0))
    sums, quotients, roots = (np.zeros_like(x) for _ in range(3))
    kernel, given_arrays = host.load(abilities()).get_function("arithmetic"), [x, y, z, sums, quotients, roots, 1]
    try:
        machine.fesetenv(ctypes.create_string_buffer(bytes(flushing), 64))
        kernel((1,), (1,), given_arrays)
        kept = ctypes.create_string_buffer(64)
        machine.fegetenv(kept)
    finally:
        machine.fesetenv(environment)
    assert sums.view(np.uint32)[0] == 2**9  # 2⁻¹⁴⁰
    assert int.from_bytes(kept.raw[28:32], "little") & 0x8040 == 0x8040  # as the caller had it


# Faults that the runtime itself finds.

X, Y = floats(64), np.zeros(64, np.float32)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("kernel", "grid", "block", "message"),
    [
        (
            "barrier_after_return",
            2,
            (32,),
            r"block \([01], 0, 0\): thread \(0, 0, 0\) waits at __syncthreads in line 23 of host_faults\.cu, "
            r"but thread \(3, 0, 0\) has left the kernel",
        ),
        (
            "two_barriers",
            1,
            (32,),
            r"block \(0, 0, 0\): thread \(0, 0, 0\) waits at __syncthreads in line 33 of host_faults\.cu, "
            r"but thread \(1, 0, 0\) waits at __syncthreads in line 31 of host_faults\.cu",
        ),
        (
            "lonely_thread",
            2,
            (2, 4),
            r"block \(1, 0, 0\): thread \(1, 2, 0\) waits at __syncthreads in line 41 of host_faults\.cu, "
            r"but thread \(0, 0, 0\) has left the kernel",
        ),
        (
            "absent_lane",
            1,
            (64,),
            r"thread \(0, 0, 0\) waits at __shfl_down_sync with mask 0xffffffff in line 49 of host_faults\.cu, "
            r"but thread \(9, 0, 0\) has left the kernel",
        ),
        (
            "not_in_mask",
            1,
            (32,),
            r"thread \(2, 0, 0\) is not in the mask that it gives to __shfl_sync in line 56 of host_faults\.cu",
        ),
        (
            "source_not_in_mask",
            1,
            (32,),
            r"thread \(5, 0, 0\) asks for lane 20, which is not in the mask that it gives to __shfl_sync in line 62",
        ),
        (
            "lanes_that_are_not_there",
            1,
            (40,),
            r"thread \(\d+, 0, 0\) names lanes that its warp of 8 threads does not have in the mask of __shfl_down_sync",
        ),
        (
            "barrier_against_shuffle",
            1,
            (32,),
            r"thread \(0, 0, 0\) waits at __syncthreads in line 74 of host_faults\.cu, "
            r"but thread \(16, 0, 0\) waits at __shfl_xor_sync with mask 0xffffffff in line 75",
        ),
    ],
)
def test_threads_that_wait_in_vain_are_named(
    kernel: str, grid: int, block: Any, message: str, order: host.Order
) -> None:
    with pytest.raises(host.KernelError, match=f"kernel {kernel}, .*{message}"):
        call(faults(), kernel, (grid,), block, [X, Y], order=order)
    call(faults(), "with_barrier", (1,), (64,), [X, Y], order=order)  # the next launch is none the worse
    assert oracle.same_bits(Y, np.roll(X, -1))


def test_a_missing_barrier_shows_in_another_order() -> None:
    results = []
    for order in ORDERS:
        y = np.zeros(64, np.float32)
        call(faults(), "missing_barrier", (1,), (64,), [X, y], order=order)
        results.append(y)
    assert all(np.isnan(each).any() for each in results)  # poison, read before it was written


def test_uninitialised_shared_memory_is_poison() -> None:
    for _ in range(2):  # the second block gets memory that the first wrote into
        y = np.zeros(32, np.float32)
        call(faults(), "uninitialised", (3,), (32,), [X, y], workers=1)
        assert list(np.flatnonzero(np.isnan(y))) == [7]
    y = np.zeros(64)
    call(abilities(), "block_sums_in_levels", (1,), (64,), [np.ones(64), y], shared=8 * 64)
    assert y[0] == 64


# Faults that sanitizers find.


def watched(sanitizer: str, kernel: str, *arguments: Any, grid: int = 1, block: int = 32) -> host.Report:
    return host.sanitized(sanitizer, call, faults(), kernel, (grid,), (block,), arguments)


def test_a_missing_barrier_is_a_race() -> None:
    report = watched("thread", "missing_barrier", X, Y)
    assert "data race" in report.findings
    assert re.search(r"missing_barrier.*host_faults\.cu:[78]", report.text)
    assert watched("thread", "with_barrier", X, Y).findings == ()


def test_blocks_that_write_the_same_element_race() -> None:
    assert "data race" in watched("thread", "blocks_that_race", X, Y, grid=4).findings


@pytest.mark.parametrize("kernel", ["block_sums", "block_sums_in_levels"])
def test_what_is_right_has_no_race(kernel: str) -> None:
    given_arrays = [floats(256, np.float64), np.zeros(4)]
    report = host.sanitized("thread", call, abilities(), kernel, (4,), (64,), given_arrays, shared=8 * 64, order=3)
    assert report.findings == ()
    assert oracle.same_bits(report.result[1], call(abilities(), kernel, (4,), (64,), given_arrays, shared=8 * 64)[1])


def test_atomics_have_no_race() -> None:
    arrays = [np.arange(64, dtype=np.int32), np.zeros(1, np.int64), *(np.zeros(1, np.int32) for _ in range(2))]
    arrays += [np.zeros(1, np.uint32), np.zeros(2, np.int32)]
    report = host.sanitized("thread", call, abilities(), "atomics", (2,), (32,), arrays)
    assert report.findings == ()
    assert report.result[1][0] == 63 * 32


def test_an_element_too_many_is_found() -> None:
    big, small = (
        np.ones(4096 + 1, np.float32),
        np.zeros(4096, np.float32),
    )  # of a size that NumPy does not keep in stock
    report = host.sanitized("address", call, faults(), "off_by_one", (1,), (1024,), [big, small, 4096])
    assert report.findings == ()  # 1024 threads stay inside
    short = np.zeros(1023, np.float32)
    report = host.sanitized("address", call, faults(), "off_by_one", (1,), (1024,), [big, short, 1023])
    assert any(each.startswith("heap-buffer-overflow") for each in report.findings)
    assert re.search(r"off_by_one.*host_faults\.cu", report.text)


def test_an_element_too_many_of_shared_memory_is_found() -> None:
    assert any(
        each.startswith("heap-buffer-overflow") for each in watched("address", "off_by_one_in_shared", X, Y).findings
    )
    assert watched("address", "with_barrier", X, Y).findings == ()


def test_misaligned_packs_are_found() -> None:
    x, y = np.zeros(64, np.float32), np.zeros(64, np.float32)
    report = watched("undefined", "misaligned", x, y, block=8)
    assert any("misaligned address" in each and "16 byte alignment" in each for each in report.findings)
    arrays = [x, y, np.zeros(8, np.int32)]
    assert host.sanitized("undefined", call, abilities(), "in_packs", (1,), (16,), arrays).findings == ()


def test_an_index_of_32_bits_is_found() -> None:
    report = watched("undefined", "index_of_32_bits", X, Y, 2**30, grid=3)
    assert any("signed integer overflow" in each for each in report.findings)


def test_errors_come_through_a_sanitized_call() -> None:
    with pytest.raises(host.KernelError, match="kernel two_barriers, block"):
        watched("thread", "two_barriers", X, Y)
    with pytest.raises(LookupError, match="nothing to be found"):
        host.sanitized("undefined", host_calls.failing)
    with pytest.raises(RuntimeError, match="the process under -fsanitize=undefined failed"):
        host.sanitized("undefined", host_calls.stopped)
    with pytest.raises(ValueError, match="sanitizer must be one of thread, address, undefined, got 'memory'"):
        host.sanitized("memory", host_calls.failing)


# Building.


def test_builds_are_found_again_and_depend_on_all_that_they_are_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROOFGRAD_CACHE", str(tmp_path))
    text = 'extern "C" __global__ void one(int* y) { y[0] = 1; }'
    first = build.library(source("one.cu", text))
    written = first.stat().st_mtime_ns
    assert first.parent == tmp_path / "host" == host.cache_folder()
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
    assert not list(tmp_path.rglob(".*"))  # nothing half-written is left


def test_a_changed_header_is_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROOFGRAD_CACHE", str(tmp_path / "cache"))
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
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [each.communicate(timeout=120)[0].strip() for each in running] == ["42"] * 3
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


# Launching.


@pytest.mark.parametrize(
    ("grid", "block", "message"),
    [
        ((0,), (1,), r"kernel scaled: grid must be one to three sizes from 1 to .*got \(0,\)"),
        ((1, 65536), (1,), r"kernel scaled: grid must be .*got \(1, 65536\)"),
        ((1,), (2048,), r"kernel scaled: block must be one to three sizes from 1 to 1024, 1024, 64, got \(2048,\)"),
        ((1,), (64, 32), "kernel scaled: a block has at most 1024 threads, got 2048"),
        ((1, 1, 1, 1), (1,), "kernel scaled: grid must be one to three sizes"),
    ],
)
def test_launches_that_no_gpu_allows_are_refused(grid: Any, block: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(abilities(), "scaled", grid, block, [X, Y, 64, 1.0])


def test_other_mistakes_are_named() -> None:
    with pytest.raises(KeyError, match=r"host_abilities\.cu has no kernel absent; it has scaled, block_sums"):
        host.load(abilities()).get_function("absent")
    with pytest.raises(TypeError, match=r"kernel scaled takes 4 arguments \(x, y, n, a\), got 1"):
        call(abilities(), "scaled", (1,), (1,), [X])
    for order in (-1, "backwards", True):
        with pytest.raises(ValueError, match="order must be 'ascending', 'descending' or a seed from 0 on"):
            call(abilities(), "scaled", (1,), (1,), [X, Y, 1, 1.0], order=order)


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


def test_a_kernel_without_barriers_needs_no_fibers() -> None:
    size = 1 << 20
    x, y = floats(size), np.zeros(size, np.float32)
    kernel = host.load(abilities()).get_function("scaled")

    def seconds() -> float:
        start = time.perf_counter()
        kernel((size // 256,), (256,), [x, y, size, 3.0], workers=1)
        return time.perf_counter() - start

    # A switch of fibers there and back is 10 ns at least; a thread of this kernel, were it one, would need that and its stack.
    assert min(seconds() for _ in range(5)) / size < 20e-9
    assert oracle.same_bits(y, x * np.float32(3))
