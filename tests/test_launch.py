"""Launches: where kernels run, how arrays are cut into chunks, what is aligned, and which arguments are refused."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np
import oracle
import pytest
from host_calls import KERNELS, abilities, floats
from hypothesis import given
from hypothesis import strategies as st

from accelerated import host, launch, sources
from accelerated.launch import CHUNK, chunks_of, flat, is_usable, run, run_on_many, table_of

X, Y = floats(64), np.zeros(64, np.float32)


def test_the_processor_runs_what_numpy_holds() -> None:
    y = np.zeros(64, np.float32)
    run(abilities(), "scaled", (2,), (32,), [X, y, 64, 2.0])
    assert oracle.same_bits(y, 2 * X)
    run(abilities(), "scaled", (0,), (32,), [X, y, 64, 3.0])  # no blocks, nothing to do
    assert oracle.same_bits(y, 2 * X)


def test_arguments_of_every_type_arrive() -> None:
    y, data = np.zeros(6, np.int64), np.array([1, 250], np.uint8)
    run(abilities(), "arguments", (1,), (1,), [y, None, 2**62, -(2**31), 0.25, 0.125, data])
    assert list(y) == [2**62, -(2**31), 1, 1, 250, 1]
    scalars = [np.int64(-5), np.int32(7), np.float32(0.5), np.float64(2)]
    run(abilities(), "arguments", (1,), (1,), [y, X, *scalars, data])
    assert list(y) == [-5, 7, 2, 16, 250, 0]
    run(abilities(), "arguments", (1,), (1,), [y, X, 1, 2, np.nan, np.inf, data])  # are numbers, too


READ_ONLY = np.zeros(4, np.float32)
READ_ONLY.flags.writeable = False
MISPLACED = np.zeros(65 * 4 + 1, np.uint8)[1:257].view(np.float32)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ([X, Y, 64], TypeError, r"kernel scaled takes 4 arguments \(x, y, n, a\), got 3"),
        ([X.astype(np.float64), Y, 64, 1.0], TypeError, r"x must have the dtype float32, got float64 of shape \(64,\)"),
        ([X, [0.0], 64, 1.0], TypeError, "y must be an array of float32, got list"),
        ([X[::2], Y, 64, 1.0], ValueError, r"x must be contiguous and aligned, got float32 of shape \(32,\)"),
        ([MISPLACED, Y, 64, 1.0], ValueError, r"x must be contiguous and aligned, got float32 of shape \(64,\)"),
        ([X, READ_ONLY, 4, 1.0], ValueError, r"y is written to, but it is read-only, float32 of shape \(4,\)"),
        ([X, Y, 64.0, 1.0], ValueError, "n must be an integer of 64 bits, got 64.0"),
        ([X, Y, 2**63, 1.0], ValueError, "n must be an integer of 64 bits, got 9223372036854775808"),
        ([X, Y, True, 1.0], TypeError, "n must be a number, got bool"),
        ([X, Y, 64, "1"], TypeError, "a must be a number, got str"),
        ([X, Y, 64, 0.1], ValueError, "a must be a float32, got 0.1, which it would round"),
        ([X, Y, 64, 1e39], ValueError, r"a must be a float32, got 1e\+39, which it would round"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments: list[Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"kernel scaled.*{message}" if "takes" not in message else message):
        run(abilities(), "scaled", (1,), (1,), arguments)


def test_more_blocks_than_a_launch_can_have_are_refused() -> None:
    with pytest.raises(
        ValueError, match="kernel scaled can have at most 2147483647 blocks in a launch, got 2147483648"
    ):
        run(abilities(), "scaled", (2**31,), (1,), [X, Y, 64, 1.0])


# Chunks and tables.


@given(st.lists(st.integers(0, 5 * CHUNK), max_size=20))
def test_every_element_is_in_one_chunk(lengths: list[int]) -> None:
    blocks, starts = chunks_of(tuple(lengths))
    assert (blocks.dtype, starts.dtype) == (np.int32, np.int64)
    covered = [np.zeros(length, np.int64) for length in lengths]
    for number, start in zip(blocks, starts, strict=True):
        assert start % CHUNK == 0
        covered[number][start : start + CHUNK] += 1
    assert all(np.all(each == 1) for each in covered)
    assert blocks.size == sum(-(-length // CHUNK) for length in lengths)


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_the_last_chunk_is_what_is_left(length: int) -> None:
    assert list(chunks_of((length,)).block_start) == list(range(0, length, CHUNK))


def test_elements_are_counted_in_64_bits() -> None:
    length = 3 * 2**32 + 5
    _, starts = chunks_of((7, length))
    assert starts[-1] == 3 * 2**32
    assert np.all(np.diff(starts[1:]) == CHUNK)


def test_the_kernels_know_the_same_chunk() -> None:
    assert f"constexpr int CHUNK = {CHUNK};" in sources.read("adam").headers["chunks.cuh"]


def test_a_row_says_whether_all_its_arrays_are_aligned() -> None:
    room = np.zeros(40, np.float32)
    first = room[-launch.address_of(room) % 16 // 4 :]
    rows = [[first[:8], None, first[8:16]], [first[:8], first[1:9], None], [first[:0], None, None]]
    table = table_of(rows, [8, 8, 0])
    assert table.dtype == np.int64
    start = launch.address_of(first)
    assert [list(row) for row in table] == [
        [8, 1, start, 0, start + 32],
        [8, 0, start, start + 4, 0],
        [0, 1, start, 0, 0],
    ]


def test_a_flat_array_is_a_view_where_it_can_be() -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.shares_memory(flat(x), x)
    for other in (x.T, x[:, ::2], x[::-1]):
        assert not np.shares_memory(flat(other), x)
        assert np.array_equal(flat(other), other.ravel())
    assert not is_usable(MISPLACED)
    assert is_usable(flat(MISPLACED))
    assert flat(np.float32(3) + np.zeros(())).shape == (1,)
    brain = np.zeros((2, 3), ml_dtypes.bfloat16)
    assert np.shares_memory(flat(brain), brain)


@pytest.mark.parametrize("threads", [None, 1, 32, 256])
def test_many_arrays_are_worked_on_in_one_launch(threads: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    launches = []
    monkeypatch.setattr(launch, "run", lambda *args, **how: (launches.append(args[1:4]), run(*args, **how)))
    sizes = [5, 0, CHUNK + 3, 64]
    params, grads = [floats(size, seed=1) for size in sizes], [floats(size, seed=2) for size in sizes]
    after = [np.zeros_like(param) for param in params]
    rows = [[param, grad, None, new, None, None] for param, grad, new in zip(params, grads, after, strict=True)]
    with host.running(threads=threads):
        run_on_many(sources.read("sgd"), "sgd_float32", rows, [-0.5, 0.0, 1.0, 0.0, 0, 0, 0])
    assert launches == [("sgd_float32", (4,), (threads or launch.THREADS_ON_HOST,))]
    for param, grad, new in zip(params, grads, after, strict=True):
        assert oracle.same_bits(new, param - np.float32(0.5) * grad)


def test_arrays_of_two_sizes_in_a_row_are_refused() -> None:
    rows = [[X, X, None, Y, None, None], [X, X[:3], None, Y, None, None]]
    with pytest.raises(ValueError, match="kernel sgd_float32: row 1 has arrays of 64 and of 3 elements"):
        run_on_many(sources.read("sgd"), "sgd_float32", rows, [-0.5, 0.0, 1.0, 0.0, 0, 0, 0])


# The GPU, as far as it can be told without one.


class FakeArray:
    """An array of another package."""

    def __init__(self, dtype: Any) -> None:
        self.dtype, self.shape = np.dtype(dtype), (4,)
        self.flags = type("Flags", (), {"c_contiguous": True})


class FakeKernel:
    calls: list[Any]

    def __init__(self, calls: list[Any]) -> None:
        self.calls = calls

    def get_function(self, name: str) -> Any:
        return lambda *args, **how: self.calls.append((name, args, how))


def fake_packages(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """CuPy and accelerated.cuda, which only note what they are asked."""
    calls: list[Any] = []
    cupy, cuda = ModuleType("cupy"), ModuleType("accelerated.cuda")
    cupy.ndarray = FakeArray  # type: ignore[attr-defined]
    cupy.cuda = type("Cuda", (), {"Device": type("Device", (), {"id": 0})})  # type: ignore[attr-defined]
    cuda.load = lambda source: FakeKernel(calls)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "accelerated.cuda", cuda)
    monkeypatch.setattr(launch, "_on_gpus", {})
    return calls


def test_a_gpu_gets_what_cupy_holds_with_sized_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fake_packages(monkeypatch)
    x, y = FakeArray(np.float32), FakeArray(np.float32)
    run(abilities(), "scaled", [2], [32], [x, y, 64, 2.0], shared=8)
    ((name, (grid, block, given_arguments), how),) = calls
    assert (name, grid, block, how) == ("scaled", (2,), (32,), {"shared_mem": 8})
    assert given_arguments[:2] == (x, y)
    assert [type(each) for each in given_arguments[2:]] == [np.int64, np.float32]
    with pytest.raises(TypeError, match="kernel scaled: x and y must be arrays of one package, NumPy or CuPy"):
        run(abilities(), "scaled", [2], [32], [x, Y, 64, 2.0])
    data = FakeArray(np.uint8)
    run(abilities(), "arguments", [1], [1], [FakeArray(np.int64), None, 0, 0, 0.0, 0.0, data])
    assert [type(each) for each in calls[-1][1][2][1:6]] == [np.uint64, np.int64, np.int32, np.float32, np.float64]


def test_kernels_run_on_a_gpu() -> None:
    cupy = pytest.importorskip("cupy", reason="not run: CuPy is not installed")
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError:
        pytest.skip("not run: there is no GPU")
    source = sources.read_file(KERNELS / "host_abilities.cu")
    x, y = cupy.asarray(X), cupy.zeros(64, np.float32)
    run(source, "scaled", (2,), (32,), [x, y, 64, 2.0])
    assert oracle.same_bits(cupy.asnumpy(y), 2 * X)
