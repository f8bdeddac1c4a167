"""What kernels do wrong on the processor is found: by the runtime itself, by poison, and by sanitizers."""

from __future__ import annotations

import re
from typing import Any

import host_calls
import numpy as np
import oracle
import pytest
from host_calls import ORDERS, abilities, call, faults, floats

from accelerated import host

X, Y = floats(64), np.zeros(64, np.float32)


# Faults that the runtime itself finds.


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
