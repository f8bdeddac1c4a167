"""The norm of what clipping returns, in the rounding model."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from proofs.clipping.element_cuts import bound_factor
from proofs.clipping.norm_cuts import bound_sum, bound_total, norm_cuts
from proofs.clipping.tight_cuts import tight_cuts
from proofs.prover.claims import Twin
from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run, Use
from proofs.reductions import each_list, each_vector, example
from proofs.symbolic.inputs import Array, Arrays, Fixed, random_floats
from proofs.symbolic.rounded import Rounded
from reference.clipping import (
    NORMS,
    Clipped,
    Norm,
    clip_by_global_norm,
    fits,
    in_full,
    scale_toward_zero,
    shrink,
    shrink_factor,
)
from reference.contracts import bare, ensure, require
from reference.exactness import same_bits
from reference.reductions import MOST_TERMS, ScaledSquares, power_of_two_at_most, sum_of_squares
from reference.validation import (
    are_finite,
    are_float_arrays,
    finite_error,
    float_arrays_error,
    is_positive,
    positive_error,
)

FLOATS = (np.float16, np.float32, np.float64)
NUMBER = Array(np.float64)
PIECES: dict[Callable[..., Any], Use] = {
    sum_of_squares: "contract",
    power_of_two_at_most: "contract",
    in_full: "contract",
    shrink_factor: "contract",
    scale_toward_zero: "contract",
}
PIECE_CLAIMS = ("CLIP-5", "CLIP-8", "RED-1", "RED-2")


def near_the_norm(dtype: Any, generator: random.Random, norm_type: float = 2.0) -> dict[str, Any]:
    """A few gradients and a max_norm that is often just beside their norm; sometimes all are zero."""
    count = generator.choice((1, 2, 4))
    grads = [
        np.array(
            [0.0] * count if generator.random() < 0.05 else random_floats(generator, np.dtype(dtype), count), dtype
        )
    ]
    wide = grads[0].astype(np.float64)
    largest = float(np.max(np.abs(wide))) or 1.0
    norm = largest * float(np.linalg.norm(wide / largest, norm_type)) or 1.0
    factor = generator.choice(
        (1.0, 1.0, 1 - 2.0**-52, 1 + 2.0**-52, 0.75, generator.random(), 2.0 ** -generator.randint(0, 600))
    )
    max_norm = norm * factor
    return {
        "grads": grads,
        "max_norm": np.float64(max_norm if 0 < max_norm < np.inf else 1.0),
        "norm_type": norm_type,
    }


def clip_run(arrays: Arrays) -> Run:
    """clip_by_global_norm on a list of these shapes."""
    return Run(
        clip_by_global_norm,
        {"grads": arrays, "max_norm": NUMBER, "norm_type": Fixed(2.0)},
        Rounded(),
        uses=PIECES,
        leaving_out=("CLIP-9", "RED-55"),
        before={fits: bound_sum, shrink_factor: bound_total, shrink: bound_factor},
        script=functools.partial(norm_cuts, tight=tight_cuts),
        examples=[
            {"grads": example(arrays), "max_norm": np.float64(limit), "norm_type": 2.0}
            for limit in (2.0**80, 16, 9.3, 2, 0.3)
        ],
        draw=functools.partial(near_the_norm, arrays.members[0].dtype),
    )


def _clip_by_quotient(grads: Any, max_norm: Any, norm_type: float = 2.0) -> Clipped:
    norm = np.sqrt(sum((np.sum(np.square(grad.astype(np.float64))) for grad in grads), np.float64(0)))
    if norm <= max_norm:
        return Clipped(list(grads), norm)
    return Clipped([grad * (max_norm / norm).astype(grad.dtype) for grad in grads], norm)


def _clip_as_torch(grads: Any, max_norm: Any, norm_type: float = 2.0) -> Clipped:
    norms = [np.sqrt(np.sum(np.square(grad.astype(np.float32)))) for grad in grads]
    norm = np.sqrt(sum((np.square(each) for each in norms), np.float32(0)))
    factor = np.minimum(np.float32(max_norm) / (norm + np.float32(1e-6)), np.float32(1))
    return Clipped([grad * factor.astype(grad.dtype) for grad in grads], norm)


def _clip_if_computed_norm_exceeds(grads: Any, max_norm: Any, norm_type: float = 2.0) -> Clipped:
    norm = np.sqrt(sum((np.sum(np.square(grad.astype(np.float64))) for grad in grads), np.float64(0)))
    if norm <= max_norm:
        return Clipped(list(grads), norm)
    return bare(clip_by_global_norm)(grads, max_norm, norm_type)


def _fits_if_less(total: Any, ratio: Any, norm: Norm = NORMS[2.0]) -> Any:
    return bare(fits)(total, ratio, norm) & (total.value < norm.power(ratio))


def _scale_to_nearest(x: Any, unit: Any, dtype: Any) -> Any:
    return (x * unit).astype(dtype)


def _factor_halved(total: Any, limit: Any, norm: Norm = NORMS[2.0]) -> Any:
    return bare(shrink_factor)(total, limit, norm) / 2


def _factor_barely(total: Any, limit: Any, norm: Norm = NORMS[2.0]) -> Any:
    return (limit / norm.root(total)) * (1 - 2.0**-52)


def _float32_sum(arrays: Any) -> ScaledSquares:
    total = np.float32(0)
    for array in arrays:
        total = total + np.sum(np.square(array.astype(np.float32)))
    return ScaledSquares(total.astype(np.float64), np.bool_(False), np.float64(1))


def planted(name: str, why: str, run: Run, clause: str, function: Any, bug: Any) -> Twin:
    """A bug in the place of a function, refuted by random gradients near the bound."""
    return sampled_twin(name, why, run, clause, {function: bug})


for dtype in FLOATS:
    name = np.dtype(dtype).name
    pair = clip_run(Arrays((Array(dtype, (2,)),)))
    textbook = planted("quotient", "g · (max_norm / ‖g‖)", pair, "CLIP-1", clip_by_global_norm, _clip_by_quotient)
    computed = planted(
        "computed norm",
        "decides on the computed norm",
        pair,
        "CLIP-1",
        clip_by_global_norm,
        _clip_if_computed_norm_exceeds,
    )
    torch = planted("torch", "max_norm / (‖g‖ + 1e-6) in float32", pair, "CLIP-1", clip_by_global_norm, _clip_as_torch)
    nearest = planted("to nearest", "rounds to nearest", pair, "CLIP-1", scale_toward_zero, _scale_to_nearest)
    narrow = planted("float32 sum", "adds up the squares in float32", pair, "CLIP-1", sum_of_squares, _float32_sum)
    prove(
        "CLIP-1",
        clip_by_global_norm,
        variant=name,
        theory=f"Rounded({name})",
        bound="p = 2, n <= 4, lists of up to 3",
        runs=functools.partial(each_vector, dtype, clip_run),
        twins=[textbook, computed, torch, narrow, *([nearest] if dtype != np.float64 else [])],
        also={
            "CLIP-2": [planted("strict", "compares strictly at 0", pair, "CLIP-2", fits, _fits_if_less)],
            "CLIP-3": [planted("half", "takes half of the factor", pair, "CLIP-3", shrink_factor, _factor_halved)],
            "CLIP-7": [planted("barely", "a margin too small", pair, "CLIP-7", shrink_factor, _factor_barely)],
        },
        rests_on=[*PIECE_CLAIMS, f"CLIP-4.{name}", f"CLIP-6.{name}", f"CLIP-11.{name}", f"RED-11.{name}"],
        assumes=["ROUNDING"],
        timeout=120,
    )


# ---- clipping again changes nothing ---------------------------------------------------------------------------------


class Twice(NamedTuple):
    """Gradients clipped once and twice."""

    once: list[Any]
    twice: list[Any]


@require(
    lambda grads: are_float_arrays(grads, MOST_TERMS), lambda grads: float_arrays_error("grads", grads, MOST_TERMS)
)
@require(lambda grads: are_finite(grads), lambda grads: finite_error("grads", grads))
@require(lambda max_norm: is_positive(max_norm), lambda max_norm: positive_error("max_norm", max_norm))
@ensure("CLIP-10", lambda result: same_bits(result.twice, result.once))
def clip_twice(grads: Any, max_norm: Any) -> Twice:
    """The gradients clipped once, and the result clipped again.

    Claims
        CLIP-10  prove  Rounded(float16, float32, float64)  any n, by CLIP-2 and CLIP-7  clipping again changes nothing
    """
    once = clip_by_global_norm(grads, max_norm).grads
    return Twice(once, clip_by_global_norm(once, max_norm).grads)


def twice_run(arrays: Arrays) -> Run:
    """clip_twice on a list of these shapes: only the contract of clipping is used."""
    return Run(
        clip_twice,
        {"grads": arrays, "max_norm": NUMBER},
        Rounded(),
        uses={clip_by_global_norm: "contract"},
        leaving_out=("CLIP-1", "CLIP-3"),
        examples=[{"grads": example(arrays), "max_norm": np.float64(2)}],
        draw=lambda generator: {
            name: value
            for name, value in near_the_norm(arrays.members[0].dtype, generator).items()
            if name != "norm_type"
        },
    )


for dtype in FLOATS:
    name = np.dtype(dtype).name
    prove(
        "CLIP-10",
        clip_twice,
        variant=name,
        theory=f"Rounded({name})",
        bound="p = 2, n <= 4, lists of up to 3",
        runs=functools.partial(each_list, dtype, twice_run),
        twins=[
            sampled_twin(
                "carelessly",
                "rounds to nearest (float64: a margin too small)",
                twice_run(Arrays((Array(dtype, (2,)),))),
                "CLIP-10",
                {shrink_factor: _factor_barely} if dtype == np.float64 else {scale_toward_zero: _scale_to_nearest},
            )
        ],
        rests_on=[f"CLIP-2.{name}", f"CLIP-7.{name}"],
        assumes=["ROUNDING"],
    )
