"""The interpreter of PTX on NumPy's numbers: kernels give its bits, every fault is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kernel_runs import (
    ARCHITECTURES,
    FLOATS,
    ROUNDINGS,
    SIZES,
    compiled,
    descend,
    floats,
    kernels,
    rounded,
    run_functions,
    same,
)

from accelerated import cuda
from proofs.cuda import faults
from proofs.cuda.arrays import contents, place
from proofs.cuda.machine import launch
from proofs.cuda.memory import Memory
from proofs.cuda.ptx import PtxError
from proofs.cuda.values import Concrete

try:
    cuda.toolkit_version()
except cuda.Unavailable as missing:
    pytest.skip(f"not run: {missing}", allow_module_level=True)

# Kernels on NumPy's numbers.


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("n", SIZES)
def test_an_elementwise_kernel_gives_numpys_bits(n: int, architecture: str) -> None:
    p, g, lr = floats(n), floats(n, 1), np.float32(0.1)
    with np.errstate(all="ignore"):
        expected = p - lr * g
    assert same(descend(p, g, lr, theory=Concrete(), architecture=architecture), expected)
    assert same(descend(p, g, lr, theory=Concrete(), architecture=architecture, vectors=False, shift=1), expected)


def tree(x: Any) -> Any:
    """Neighbours added first."""
    while len(x) > 1:
        x = x[0::2] + x[1::2]
    return x[0]


def by_halves(x: Any) -> Any:
    while len(x) > 1:
        x = x[: len(x) // 2] + x[len(x) // 2 :]
    return x[0]


def padded(x: Any, size: int) -> Any:
    return np.concatenate((x, np.zeros(size - len(x))))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("block", [32, 64, 256])
def test_a_reduction_adds_in_its_own_order(block: int, architecture: str) -> None:
    for n in (0, 1, block - 1, block, block + 1):
        x = np.random.default_rng(n).standard_normal(n)
        blocks = n // block + 1
        for name, order, shared in (("total", tree, 0), ("total_by_halves", by_halves, 8 * block)):
            memory = Memory(Concrete())
            sums = memory.array("sums", blocks, np.dtype(np.float64))
            launch(
                kernels("total", architecture)[name], memory, blocks, block, [place(memory, "x", x), sums, n], shared
            )
            expected = [order(padded(x[k * block : (k + 1) * block], block)) for k in range(blocks)]
            if name == "total":  # 32 warps are added, those that are not there being 0
                expected = [
                    tree(
                        padded(
                            np.array([tree(w) for w in padded(x[k * block : (k + 1) * block], block).reshape(-1, 32)]),
                            32,
                        )
                    )
                    for k in range(blocks)
                ]
            assert same(contents(sums, np.dtype(np.float64), memory.theory), np.array(expected))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("name", "source", "target", "expected"), ROUNDINGS)
def test_formats_are_converted_as_numpy_does(
    name: str, source: Any, target: Any, expected: Callable[[Any], Any], architecture: str
) -> None:
    with np.errstate(all="ignore"):
        for seed in range(5):
            x = floats(64, seed).astype(source)
            assert same(rounded(name, x, target, Concrete(), architecture), expected(x))


INTEGERS = """
extern "C" __global__ void integers(const long long* x, long long* y, int n) {
    const long long a = x[0], b = x[1];
    const int c = (int)a, d = (int)b;
    const unsigned int e = (unsigned int)a, f = (unsigned int)b;
    long long results[] = {
        a + b, a - b, a * b, b ? a / b : 0, b ? a % b : 0, a << (b & 63), a >> (b & 63), a & b, a | b, a ^ b, ~a, -a,
        a < b, a > b, a == b, min(a, b), max(a, b), llabs(a), c + d, c * d, (long long)c * d, e >> (f & 31),
        d ? c / d : 0, f ? e % f : 0, (short)c, (unsigned char)d, __popc(e), __clz(c), __brev(e), __mulhi(c, d),
        __umulhi(e, f), __byte_perm(e, f, 0x5214), (c >> 5) & 63, __ffs(c), __popcll(a), __clzll(a),
        (unsigned long long)a > (unsigned long long)b, (long long)((unsigned long long)a >> 7), c < d ? c : d, abs(c)};
    for (int k = 0; k < n; ++k) y[k] = results[k];
}
"""


def as_c(x: int, width: int, sign: bool = True) -> int:
    x &= (1 << width) - 1
    return x - (1 << width) if sign and x >> (width - 1) else x


def expected_integers(a: int, b: int) -> list[int]:
    """What C says, in Python."""

    def quotient(x: int, y: int) -> int:
        return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1) if y else 0

    c, d, e, f = as_c(a, 32), as_c(b, 32), as_c(a, 32, False), as_c(b, 32, False)
    ua, ub = as_c(a, 64, False), as_c(b, 64, False)
    data = e | f << 32
    permuted = sum((data >> 8 * choice & 255) << 8 * k for k, choice in enumerate((4, 1, 2, 5)))
    return [
        a + b, a - b, a * b, quotient(a, b), a - quotient(a, b) * b if b else 0, a << (b & 63), a >> (b & 63),
        a & b, a | b, a ^ b, ~a, -a, a < b, a > b, a == b, min(a, b), max(a, b), abs(a), as_c(c + d, 32),
        as_c(c * d, 32), c * d, e >> (f & 31), as_c(quotient(c, d), 32), e % f if f else 0, as_c(c, 16), as_c(d, 8, False),
        e.bit_count(), 32 - e.bit_length(), as_c(int(f"{e:032b}"[::-1], 2), 32, False), c * d >> 32, as_c(e * f >> 32, 32, False),
        as_c(permuted, 32, False), c >> 5 & 63, (e & -e).bit_length(), ua.bit_count(), 64 - ua.bit_length(), ua > ub, ua >> 7,
        min(c, d), as_c(abs(c), 32),
    ]  # fmt: skip


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_integer_arithmetic_is_that_of_c(architecture: str) -> None:
    kernel = compiled(INTEGERS, architecture)["integers"]
    generator = np.random.default_rng(0)
    pairs = [(0, 0), (1, -1), (-7, 2), (7, -2), (2**62, 3), (-(2**63) + 1, 5), (-(2**31), 2**31 - 1)]
    pairs += [tuple(map(int, generator.integers(-(2**b), 2**b, 2))) for b in (3, 8, 20, 31, 40, 62) for _ in range(5)]
    for a, b in pairs:
        expected = np.array([as_c(int(each), 64) for each in expected_integers(a, b)], np.int64)
        memory = Memory(Concrete())
        y = memory.array("y", len(expected), np.dtype(np.uint64))
        x = np.array([as_c(a, 64, False), as_c(b, 64, False)], np.uint64)
        launch(kernel, memory, 1, 1, [place(memory, "x", x), y, len(expected)])
        found = contents(y, np.dtype(np.uint64), memory.theory).view(np.int64)
        assert found.tolist() == expected.tolist(), (a, b)


def expected_floats(a: Any, b: Any) -> list[Any]:
    with np.errstate(all="ignore"):
        most = b if np.isnan(a) else a if np.isnan(b) else max((a, b), key=lambda x: (x, not np.signbit(x)))
        least = b if np.isnan(a) else a if np.isnan(b) else min((a, b), key=lambda x: (x, not np.signbit(x)))
        return [
            most, least, abs(a), -a, np.copysign(a, b), np.rint(a), np.floor(a), np.trunc(a), np.ceil(a), np.sqrt(a), a / b,
            np.float32(1) / a, a if a < b else b, a <= b, a == b, a != b, a > b, not a >= b, np.isnan(a), np.isinf(a),
            np.isfinite(a) and b > 0,
        ]  # fmt: skip


def as_int(x: float) -> int:
    return 0 if np.isnan(x) else int(max(-(2**31), min(2**31 - 1, x)))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_floating_point_instructions_give_numpys_bits(architecture: str) -> None:
    kernel = compiled(FLOATS, architecture)["functions"]
    for seed in range(60):
        x = floats(2, seed)
        a, b = x
        expected = np.array(expected_floats(a, b), np.float32)
        y, z, w = run_functions(kernel, x, Concrete(), len(expected))
        assert same(y, expected), x
        with np.errstate(all="ignore"):
            product = np.float64(a) * np.float64(b)
            wide = np.array([product, np.float32(product / 3), np.sqrt(product), np.float64(len(expected)) / 7])
        assert same(z, wide)
        whole = [as_int(np.trunc(a)), as_int(np.rint(a)), as_int(np.trunc(product)), -int(np.signbit(a))]
        assert contents(w, np.dtype(np.uint32), Concrete()).view(np.int32).tolist() == whole


VOTES = """
extern "C" __global__ void votes(const int* x, int* y) {
    const int t = threadIdx.x, p = x[t];
    const unsigned int all = __ballot_sync(0xffffffffu, p);
    const int some = __any_sync(0xffffffffu, p > 5), every = __all_sync(0xffffffffu, p >= 0);
    const int count = __syncthreads_count(p != 0), any = __syncthreads_or(p == 9);
    const int up = __shfl_up_sync(0xffffffffu, p, 2), first = __shfl_sync(0xffffffffu, p, 3, 8);
    __syncwarp();
    y[t] = (all % 1000) + some * 1000 + every * 2000 + any * 4000 + count * 10000 + up * 1000000 + first * 10000000;
}
"""


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_votes_and_exchanges_of_a_warp(architecture: str) -> None:
    x = np.random.default_rng(2).integers(0, 10, 64).astype(np.uint32) * (np.arange(64) % 3 > 0).astype(np.uint32)
    memory = Memory(Concrete())
    y = memory.array("y", 64, np.dtype(np.uint32))
    launch(compiled(VOTES, architecture)["votes"], memory, 1, 64, [place(memory, "x", x), y])
    expected = []
    for t in range(64):
        warp, lane = x[t // 32 * 32 : t // 32 * 32 + 32].astype(int), t % 32
        ballot = sum(1 << k for k in range(32) if warp[k])
        up, first = warp[lane - 2] if lane >= 2 else warp[lane], warp[lane // 8 * 8 + 3]
        flags = int((warp > 5).any()) * 1000 + 2000 + int((x == 9).any()) * 4000
        expected.append(ballot % 1000 + flags + int((x != 0).sum()) * 10000 + int(up) * 1000000 + int(first) * 10000000)
    assert contents(y, np.dtype(np.uint32), memory.theory).tolist() == [each % 2**32 for each in expected]


COUNTS = """
extern "C" __global__ void counts(const int* x, int* y) {
    __shared__ int of_block[4];
    if (threadIdx.x < 4) of_block[threadIdx.x] = 0;
    __syncthreads();
    atomicAdd(&of_block[x[blockIdx.x * blockDim.x + threadIdx.x] & 3], 1);
    __syncthreads();
    if (threadIdx.x < 4) atomicAdd(&y[threadIdx.x], of_block[threadIdx.x]);
}
"""


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_integers_are_counted_by_all_threads_at_once(architecture: str) -> None:
    x = np.random.default_rng(5).integers(0, 100, 128).astype(np.uint32)
    memory = Memory(Concrete())
    y = memory.array("y", 4, np.dtype(np.uint32), [0] * 4)
    launch(compiled(COUNTS, architecture)["counts"], memory, 2, 64, [place(memory, "x", x), y])
    assert contents(y, np.dtype(np.uint32), memory.theory).tolist() == np.bincount(x & 3, minlength=4).tolist()


def test_counting_without_a_barrier_before_is_a_race() -> None:
    code = COUNTS.replace("of_block[threadIdx.x] = 0;\n    __syncthreads();", "of_block[threadIdx.x] = 0;")
    memory = Memory(Concrete())
    y = memory.array("y", 4, np.dtype(np.uint32), [0] * 4)
    x = np.zeros(128, np.uint32) + 1
    with pytest.raises(faults.Fault, match=r"race|nobody has written"):
        launch(compiled(code)["counts"], memory, 2, 64, [place(memory, "x", x), y])


# Faults.


FAULTS = {
    "out_of_bounds": (faults.OutOfBounds, r"thread 64.*writes 4 bytes at byte 256 of x, which has 256"),
    "before_the_start": (faults.OutOfBounds, r"thread 0.*writes 4 bytes at byte -4 of x"),
    "misaligned": (faults.Misaligned, r"16 bytes at an address that is 4 bytes past a multiple of 16"),
    "misaligned_shared": (faults.Misaligned, r"16 bytes at an address that is 4 bytes past a multiple of 16"),
    "writes_a_constant": (faults.Race, r"thread 0, .*writes element 0 of x, which was read as a constant \(\.nc\)"),
    "reads_unwritten_shared": (
        faults.Unwritten,
        r"thread 63.*reads element 63 of \w*part\w*, which nobody has written",
    ),
    "writes_its_input": (faults.ReadOnly, r"writes element 0 of y, which it must only read"),
    "missing_barrier": (faults.Fault, r"thread 0.*(?:nobody has written|race)"),
    "same_place": (
        faults.Race,
        r"thread 1, .*race: element 0 of .*written with no barrier after thread 0 of block 0 wrote it",
    ),
    "races_in_global_memory": (faults.Race, r"thread 1, .*race: element 0 of x is written"),
    "barrier_for_some": (faults.Divergence, r"thread 40 has ended and meets no barrier"),
    "ends_before_the_barrier": (faults.Divergence, r"thread 63 has ended and meets no barrier"),
    "lanes_that_do_not_come": (faults.Divergence, r"waits for lanes that do not come: thread \d+ waits in PTX line"),
    "reads_a_lane_that_has_ended": (faults.Unwritten, r"thread 0, .*reads lane 1, which takes no part"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_found_and_says_where(name: str) -> None:
    kind, message = FAULTS[name]
    memory = Memory(Concrete())
    x = memory.array("x", 64, np.dtype(np.float32), list(map(int, range(64))))
    y = x if name == "writes_a_constant" else place(memory, "y", floats(64))
    threads = 65 if name == "out_of_bounds" else 64
    with pytest.raises(
        kind, match=rf"^kernel {name}, block 0, thread \d+, PTX line \d+ \(faults\.cu:\d+\): .*"
    ) as raised:
        launch(kernels("faults")[name], memory, 1, threads, [x, y, 64])
    assert raised.match(message)


def test_no_kernel_without_a_test_of_its_fault() -> None:
    assert set(kernels("faults")) == set(FAULTS)


def test_a_race_is_seen_where_the_values_happen_to_be_there() -> None:
    """Threads run in the order of their numbers here: the first has written before the others read."""
    body = "__shared__ float first; if (threadIdx.x == 0) first = y[0]; x[threadIdx.x] = first;"
    kernel = compiled(f'extern "C" __global__ void f(float* x, const float* y) {{ {body} }}')["f"]
    memory = Memory(Concrete())
    arguments = [memory.array("x", 64, np.dtype(np.float32)), place(memory, "y", floats(1))]
    with pytest.raises(faults.Race, match=r"thread 1, .*is read with no barrier after thread 0 of block 0 wrote it"):
        launch(kernel, memory, 1, 64, arguments)


def test_a_barrier_of_the_warp_orders_its_lanes_and_no_others() -> None:
    body = "__shared__ float first; if (threadIdx.x == 0) first = y[0]; __syncwarp(); x[threadIdx.x] = first;"
    kernel = compiled(f'extern "C" __global__ void f(float* x, const float* y) {{ {body} }}')["f"]
    for threads in (32, 64):
        memory = Memory(Concrete())
        arguments = [memory.array("x", 64, np.dtype(np.float32)), place(memory, "y", floats(1))]
        if threads == 32:
            launch(kernel, memory, 1, threads, arguments)
        else:
            with pytest.raises(faults.Race, match=r"thread 32, "):
                launch(kernel, memory, 1, threads, arguments)


@pytest.mark.parametrize(
    ("flags", "kind", "message"),
    [
        (["--fmad=true"], faults.Contraction, "fma.rn.f32 rounds a product and a sum once"),
        (["--fmad=false", "--ftz=true"], faults.FlushToZero, "takes subnormals for zero"),
        (["--fmad=false", "--prec-div=false"], faults.Approximate, "is an approximation"),
        (["--fmad=false", "--prec-sqrt=false"], faults.Approximate, "is an approximation"),
    ],
)
def test_what_other_flags_allow_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, flags: Any, kind: Any, message: str
) -> None:
    monkeypatch.setattr(cuda, "FLAGS", tuple(flags))
    code = 'extern "C" __global__ void f(const float* x, float* y) { y[0] = x[0] * x[1] + x[2] / sqrtf(x[3]); }'
    for architecture in ARCHITECTURES:
        memory = Memory(Concrete())
        arguments = [place(memory, "x", floats(4)), memory.array("y", 1, np.dtype(np.float32))]
        with pytest.raises(kind, match=message):
            launch(compiled(code, architecture)["f"], memory, 1, 1, arguments)


@pytest.mark.parametrize(
    "body",
    [
        "y[0] = __expf(x[0]);",
        "y[0] = __fmaf_rn(x[0], x[1], x[2]);",
        "y[0] = __fadd_rz(x[0], x[1]);",
        "y[0] = __frsqrt_rn(x[0]);",
    ],
)
def test_intrinsics_that_are_not_ieee_arithmetic_are_faults(body: str) -> None:
    kernel = compiled(f'extern "C" __global__ void f(const float* x, float* y) {{ {body} }}')["f"]
    memory = Memory(Concrete())
    with pytest.raises(faults.Fault):
        launch(kernel, memory, 1, 1, [place(memory, "x", floats(4)), memory.array("y", 1, np.dtype(np.float32))])


@pytest.mark.parametrize(
    "body",
    [
        "atomicAdd(y, x[0]);",
        "y[0] = clock();",
        "y[0] = atomicAdd((int*)y + 1, 2);",
        'asm volatile("nanosleep.u32 3;");',
    ],
)
def test_an_instruction_that_is_not_known_is_named_with_its_line(body: str) -> None:
    kernel = compiled(f'extern "C" __global__ void f(const float* x, float* y) {{ {body} }}')["f"]
    memory = Memory(Concrete())
    arguments = [place(memory, "x", floats(4)), memory.array("y", 1, np.dtype(np.float32), [0])]
    with pytest.raises((PtxError, faults.Fault), match=r"PTX line \d+"):
        launch(kernel, memory, 1, 1, arguments)
