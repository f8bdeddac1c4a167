"""Master copies: every parameter of 16 bits is the image of its own."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np

from proofs.prover.claims import Twin
from proofs.prover.describe import exhaustive
from proofs.prover.obligations import exhaust
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from reference.optimizer import master_copy

AT_ONCE = 256


def every_value(dtype: Any) -> Iterator[dict[str, Any]]:
    """All 65,536 numbers of a format of 16 bits, NaN included, in arrays."""
    every = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    return ({"param": every[start : start + AT_ONCE]} for start in range(0, every.size, AT_ONCE))


def _cut_to_8_bits(param: Any) -> Any:
    return (param.astype(np.float32).view(np.uint32) & np.uint32(0xFFFE0000)).view(np.float32)


def _unsigned_zeros(param: Any) -> Any:
    return param.astype(np.float32) + np.float32(0)


for dtype in (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)):
    run = Run(master_copy, {"param": Array(dtype, (AT_ONCE,))}, IEEE())

    def _planted(name: str, why: str, bug: Any, run: Run = run, dtype: Any = dtype) -> Twin:
        broken = Run(run.function, run.inputs, run.theory, replaced={master_copy: bug})
        return Twin(name, why, exhaust=lambda: exhaust(broken, "OPT-1", every_value(dtype)))

    exhaustive(
        "OPT-1",
        master_copy,
        variant=dtype.name,
        theory=f"IEEE({dtype.name})",
        bound=f"elementwise, all 65,536 values, {AT_ONCE} in an array",
        run=run,
        inputs=functools.partial(every_value, dtype),
        twins=[
            _planted("cut", "loses the last bit", _cut_to_8_bits),
            _planted("unsigned zeros", "makes -0 a 0", _unsigned_zeros),
        ],
    )
