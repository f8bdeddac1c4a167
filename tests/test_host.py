"""The host runtime: all that kernels may use, in any order of threads; arithmetic; launches."""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import oracle
import pytest
from host_calls import ORDERS, abilities, call, floats
from hypothesis import given
from hypothesis import strategies as st

from accelerated import host

FLOATS32 = st.integers(0, 2**32 - 1).map(lambda bits: np.uint32(bits).view(np.float32))
X, Y = floats(64), np.zeros(64, np.float32)


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


def test_kernels_may_run_at_once() -> None:
    x = floats(64 * 256, np.float64)
    wanted = halved(x.reshape(64, 256))

    def sums(seed: int) -> Any:
        _, found = call(abilities(), "block_sums_in_levels", (64,), (256,), [x, np.zeros(64)], shared=2048, order=seed)
        return found

    with ThreadPoolExecutor(4) as pool:
        assert all(oracle.same_bits(found, wanted) for found in pool.map(sums, range(16)))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="not run: reads /proc")
def test_launches_leave_no_more_stacks_than_the_largest_needs() -> None:
    x = floats(256, np.float64)

    def mappings() -> int:
        call(abilities(), "block_sums_in_levels", (1,), (256,), [x, np.zeros(1)], shared=2048, workers=1)
        return len(Path("/proc/self/maps").read_text().splitlines())

    before = mappings()
    assert all(mappings() <= before + 64 for _ in range(20))  # each launch has 256 stacks of two mappings


# Arithmetic.


def test_float64_is_rounded_once_to_float16() -> None:
    halves = np.arange(0x7C01, dtype=np.uint16).view(np.float16).astype(np.float64)  # infinity too
    halves[-1] = 65536.0  # where the next one would be
    ties = (halves[:-1] + halves[1:]) / 2
    near = [np.nextafter(ties, way) for way in (0.0, np.inf)]  # a float32 would not tell these from the ties
    drawn = np.frombuffer(np.random.default_rng(0).bytes(80_000), np.float64)
    some = np.concatenate([halves, ties, *near, drawn, [0.0, np.inf, np.nan, 5e-324, 1e-50, 65519.99999999999, 1e300]])
    x = np.concatenate([some, -some])
    half = np.zeros(x.size, np.float16)
    call(abilities(), "rounded_once", (1,), (32,), [x, half, x.size])
    with np.errstate(all="ignore"):
        wanted = x.astype(np.float16)
    assert np.array_equal(np.isnan(half), np.isnan(wanted))
    assert np.array_equal(half.view(np.uint16)[~np.isnan(x)], wanted.view(np.uint16)[~np.isnan(x)])


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
    with pytest.raises(
        KeyError, match=r"host_abilities\.cu has no kernel absent; it has scaled, scaled_together, block_sums"
    ):
        host.load(abilities()).get_function("absent")
    with pytest.raises(TypeError, match=r"kernel scaled takes 4 arguments \(x, y, n, a\), got 1"):
        call(abilities(), "scaled", (1,), (1,), [X])
    for order in (-1, "backwards", True):
        with pytest.raises(ValueError, match="order must be 'ascending', 'descending' or a seed from 0 on"):
            call(abilities(), "scaled", (1,), (1,), [X, Y, 1, 1.0], order=order)


def test_a_kernel_without_barriers_takes_no_turns() -> None:
    size = 1 << 18
    x, y = floats(size), np.zeros(size, np.float32)

    def seconds(kernel: str) -> float:
        start = time.perf_counter()
        call(abilities(), kernel, (size // 256,), (256,), [x, y, size, 3.0], workers=1)
        return time.perf_counter() - start

    taken = [(seconds("scaled"), seconds("scaled_together")) for _ in range(7)]
    alone, together = (min(column) for column in zip(*taken, strict=True))
    assert 2 * alone < together
    assert oracle.same_bits(y, x * np.float32(3))
