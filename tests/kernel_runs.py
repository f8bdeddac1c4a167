"""Kernels of the folder kernels on the interpreter of PTX, and numbers to run them on."""

from __future__ import annotations

import functools
from typing import Any

import ml_dtypes
import numpy as np
from kernel_texts import kernel, text

from accelerated import cuda
from proofs.cuda.arrays import contents, place, scalar
from proofs.cuda.machine import launch
from proofs.cuda.memory import Memory
from proofs.cuda.ptx import Kernel, parse

ARCHITECTURES = ("sm_75", "sm_90", "sm_120")  # the three kinds of PTX that this NVRTC writes
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SIZES = (0, 1, 3, 4, 5, 31, 32, 33, 63, 64, 65, 300)
SPECIAL = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3.4e38, 1.17549435e-38, 65504.0, 65520.0, 6e-8]


@functools.cache
def kernels(name: str, architecture: str = "sm_90") -> dict[str, Kernel]:
    return parse(cuda.compile_ptx(kernel(name), architecture))


def compiled(code: str, architecture: str = "sm_90") -> dict[str, Kernel]:
    return parse(cuda.compile_ptx(text("here", code), architecture))


def same(x: Any, y: Any) -> bool:
    """The same bits, one NaN being as good as another."""
    unsigned = np.dtype(f"u{x.dtype.itemsize}")
    equal = x.view(unsigned) == y.view(unsigned)
    return x.dtype == y.dtype and bool(np.all(equal | (np.isnan(x) & np.isnan(y))))


def floats(n: int, seed: int = 0) -> Any:
    """Bit patterns of float32, special values among them."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, 2**32, n, dtype=np.uint32).view(np.float32)
    chosen = np.array([SPECIAL[k] for k in generator.integers(0, len(SPECIAL), n)], np.float32)
    return np.where(generator.random(n) < 0.5, drawn, chosen).astype(np.float32)


def descend(
    p: Any, g: Any, lr: Any, *, theory: Any, architecture: str = "sm_90", vectors: bool = True, **where: Any
) -> Any:
    memory = Memory(theory)
    arrays = place(memory, "p", p, writable=True, **where), place(memory, "g", g, **where)
    launch(
        kernels("descent", architecture)["descent"], memory, 2, 32, [*arrays, len(p), scalar(theory, lr), int(vectors)]
    )
    return contents(arrays[0], p.dtype, theory)


ROUNDINGS = [
    ("to_bfloat16", np.float32, BFLOAT16, lambda x: x.astype(BFLOAT16)),
    ("branching_to_bfloat16", np.float32, BFLOAT16, lambda x: x.astype(BFLOAT16)),
    ("tripled_bfloat16", BFLOAT16, np.float32, lambda x: np.float32(3) * x.astype(np.float32)),
    ("through_float16", np.float32, np.float32, lambda x: x.astype(np.float16).astype(np.float32)),
]


def rounded(name: str, x: Any, target: Any, theory: Any, architecture: str = "sm_90") -> Any:
    memory = Memory(theory)
    y = memory.array("y", len(x), np.dtype(target))
    launch(kernels("rounding", architecture)[name], memory, 1, 64, [place(memory, "x", x), y, len(x)])
    return contents(y, np.dtype(target), theory)


FLOATS = """
extern "C" __global__ void functions(const float* x, float* y, double* z, int* w, int n) {
    const float a = x[0], b = x[1];
    const float results[] = {
        fmaxf(a, b), fminf(a, b), fabsf(a), -a, copysignf(a, b), rintf(a), floorf(a), truncf(a), ceilf(a), sqrtf(a), a / b,
        1.0f / a, a < b ? a : b, a <= b, a == b, a != b, a > b, !(a >= b), isnan(a), isinf(a), isfinite(a) && b > 0};
    for (int k = 0; k < n; ++k) y[k] = results[k];
    z[0] = (double)a * b; z[1] = (float)(z[0] / 3); z[2] = sqrt(z[0]); z[3] = (double)(long long)n / 7;
    w[0] = (int)a; w[1] = __float2int_rn(a); w[2] = (int)z[0]; w[3] = __float_as_int(a) >> 31;
}
"""


def run_functions(kernel: Kernel, x: Any, theory: Any, n: int) -> tuple[Any, Any, Any]:
    memory = Memory(theory)
    y, z = (
        memory.array(name, size, np.dtype(kind)) for name, size, kind in (("y", n, np.float32), ("z", 4, np.float64))
    )
    w = memory.array("w", 4, np.dtype(np.uint32))
    launch(kernel, memory, 1, 1, [place(memory, "x", x), y, z, w, n])
    return contents(y, np.dtype(np.float32), theory), contents(z, np.dtype(np.float64), theory), w
