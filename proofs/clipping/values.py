"""Clipping by value, bit by bit."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from proofs.prover.describe import prove, twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Arrays
from reference.clipping import clip_by_value, clip_elements, scale_toward_zero
from reference.contracts import bare

FLOATS = (np.float16, np.float32, np.float64)
SIZES = (1, 2)


def _to_nearest(x: Any, unit: Any, dtype: Any) -> Any:
    return (x * unit).astype(dtype)


def _one_less(x: Any, unit: Any, dtype: Any) -> Any:
    return np.nextafter(bare(scale_toward_zero)(x, unit, dtype), dtype.type(0))


def _forgets_negative(grad: Any, limit: Any) -> Any:
    return np.where(grad <= limit, grad, np.copysign(limit, grad))


def _all_or_nothing(grad: Any, limit: Any) -> Any:
    return grad if np.all(np.abs(grad) <= limit) else np.copysign(limit, grad)


def _without_sign(grad: Any, limit: Any) -> Any:
    return np.where(np.abs(grad) <= limit, grad, limit)


def _zeroed(grad: Any, limit: Any) -> Any:
    return np.where(np.abs(grad) <= limit, grad, limit - limit)


def value_run(dtype: Any, size: int) -> Run:
    """clip_by_value on a list with one array of this size; every array is clipped by itself."""
    grads = Arrays((Array(dtype, (size,)),))
    return Run(
        clip_by_value, {"grads": grads, "max_value": Array(np.float64)}, IEEE(), uses={scale_toward_zero: "contract"}
    )


def each_run(dtype: Any) -> Iterator[tuple[str, Run]]:
    """The run on every size."""
    return ((f"{size}: ", value_run(dtype, size)) for size in SIZES)


for dtype in FLOATS:
    name = np.dtype(dtype).name
    single, pair = (value_run(dtype, size) for size in SIZES)
    negative = twin("negative", "compares without abs", single, "CLIP-40", {clip_elements: _forgets_negative})
    nearest = twin("to nearest", "rounds max_value to nearest", single, "CLIP-40", {scale_toward_zero: _to_nearest})
    whole = twin(
        "all or nothing", "replaces all if one is too large", pair, "CLIP-41", {clip_elements: _all_or_nothing}
    )
    sign = twin("without sign", "forgets the sign", single, "CLIP-42", {clip_elements: _without_sign})
    less = twin("one float less", "takes the limit one float lower", single, "CLIP-43", {scale_toward_zero: _one_less})
    zeroed = twin("zeroed", "makes zeros of what is too large", pair, "CLIP-44", {clip_elements: _zeroed})
    prove(
        "CLIP-40",
        clip_by_value,
        variant=name,
        theory=f"IEEE({name})",
        bound="n <= 2, all finite g, all max_value > 0",
        runs=functools.partial(each_run, dtype),
        twins=[negative, *([nearest] if dtype != np.float64 else [])],
        rests_on=[f"CLIP-6.{name}"],
        also={"CLIP-41": [whole], "CLIP-42": [sign], "CLIP-43": [less], "CLIP-44": [zeroed]},
    )
