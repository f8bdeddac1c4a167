"""The norm of what clipping returns for p = 1 and p = inf, in the rounding model."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from proofs.clipping.element_cuts import bound_factor
from proofs.clipping.linear_cuts import bound_mass, bound_value, linear_cuts
from proofs.clipping.norms import NUMBER, near_the_norm, planted
from proofs.prover.describe import prove
from proofs.prover.symbolic_run import Run, Use
from proofs.reductions import each_vector, example
from proofs.reductions.lists import FLOATS
from proofs.symbolic.inputs import Array, Arrays, Fixed
from proofs.symbolic.rounded import Rounded
from reference.clipping import (
    NORMS,
    Clipped,
    Norm,
    PowerSum,
    clip_by_global_norm,
    fits,
    in_full,
    maximum,
    scale_toward_zero,
    shrink,
    shrink_factor,
    sum_of_magnitudes,
)
from reference.contracts import bare
from reference.reductions import power_of_two_at_most

PIECES: dict[Callable[..., Any], Use] = {
    sum_of_magnitudes: "contract",
    maximum: "contract",
    power_of_two_at_most: "contract",
    in_full: "contract",
    shrink_factor: "contract",
    scale_toward_zero: "contract",
}
PIECE_CLAIMS = ("CLIP-5.linear", "CLIP-8.linear", "RED-1", "RED-2")
VARIANTS = {1.0: "p1", np.inf: "inf"}  # of a claim's id


def uneven(arrays: Arrays) -> list[Any]:
    """A list with these shapes whose elements float64 cannot add up exactly, if the dtype can hold such."""
    tiny = 2.0**-60 if arrays.members[0].dtype != np.float16 else 2.0**-24
    grads = [np.full(member.shape, tiny, member.dtype) for member in arrays.members]
    grads[0][0] = 1
    return grads


def beside_the_norm(dtype: Any, norm_type: float, generator: random.Random) -> dict[str, Any]:
    """The same as `near_the_norm`, max_norm now and then one float lower: not a rounded product of the norm."""
    drawn = near_the_norm(dtype, generator, norm_type)
    lower = np.nextafter(drawn["max_norm"], 0)
    return {**drawn, "max_norm": lower} if lower > 0 and generator.random() < 0.5 else drawn


def clip_run(norm_type: float, arrays: Arrays) -> Run:
    """clip_by_global_norm on a list of these shapes."""
    return Run(
        clip_by_global_norm,
        {"grads": arrays, "max_norm": NUMBER, "norm_type": Fixed(norm_type)},
        Rounded(),
        uses=PIECES,
        leaving_out=("CLIP-9",),
        before={fits: bound_mass, shrink_factor: bound_value, shrink: bound_factor},
        script=linear_cuts,
        examples=[
            {"grads": example(arrays), "max_norm": np.float64(limit), "norm_type": norm_type}
            for limit in (2.0**80, 32, 17.3, 2, 0.3)
        ]
        + [{"grads": uneven(arrays), "max_norm": np.float64(limit), "norm_type": norm_type} for limit in (2, 0.3)],
        draw=functools.partial(beside_the_norm, arrays.members[0].dtype, norm_type),
    )


def _clip_by_quotient(grads: Any, max_norm: Any, norm_type: float = 2.0) -> Clipped:
    norm = np.linalg.norm(np.concatenate([grad.astype(np.float64) for grad in grads]), norm_type)
    if norm <= max_norm:
        return Clipped(list(grads), norm)
    return Clipped([grad * (max_norm / norm).astype(grad.dtype) for grad in grads], norm)


def _largest_alone(arrays: Any) -> PowerSum:
    return bare(maximum)(arrays)


def _largest_signed(arrays: Any) -> PowerSum:
    return bare(maximum)([np.maximum(array, array.dtype.type(0)) for array in arrays])


def _fits_if_less(total: Any, ratio: Any, norm: Norm = NORMS[2.0]) -> Any:
    return bare(fits)(total, ratio, norm) & (total.value < ratio)


def _fits_with_margin(total: Any, ratio: Any, norm: Norm = NORMS[2.0]) -> Any:
    return bare(fits)(total._replace(exact=np.bool_(False)), ratio, norm)


def _to_nearest(x: Any, unit: Any, dtype: Any) -> Any:
    return (x * unit).astype(dtype)


def _factor_halved(total: Any, limit: Any, norm: Norm = NORMS[2.0]) -> Any:
    return bare(shrink_factor)(total, limit, norm) / 2


def _factor_without_margin(total: Any, limit: Any, norm: Norm = NORMS[2.0]) -> Any:
    return limit / total


for norm_type, variant in VARIANTS.items():
    for dtype in FLOATS:
        name = np.dtype(dtype).name
        run = functools.partial(clip_run, norm_type)
        pair = run(Arrays((Array(dtype, (2,)),)))
        bug = functools.partial(planted, run=pair, clause="CLIP-1")
        summed = (
            bug("largest", "takes the largest for the sum", function=sum_of_magnitudes, bug=_largest_alone)
            if norm_type == 1
            else bug("signed", "takes the largest, not the largest magnitude", function=maximum, bug=_largest_signed)
        )
        margin = planted("margin", "compares a maximum with a margin", pair, "CLIP-2", fits, _fits_with_margin)
        nearest = bug("to nearest", "rounds to nearest", function=scale_toward_zero, bug=_to_nearest)
        textbook = bug("quotient", "g · (max_norm / ‖g‖)", function=clip_by_global_norm, bug=_clip_by_quotient)
        prove(
            "CLIP-1",
            clip_by_global_norm,
            variant=f"{name}-{variant}",
            theory=f"Rounded({name})",
            bound=f"p = {norm_type:g}, n <= 4, one array",
            runs=functools.partial(each_vector, dtype, run),
            twins=[summed, textbook, *([nearest] if dtype != np.float64 else [])],
            also={
                "CLIP-2": [
                    planted("strict", "compares strictly at 0", pair, "CLIP-2", fits, _fits_if_less),
                    *([margin] if norm_type == np.inf else []),
                ],
                "CLIP-3": [planted("half", "takes half of the factor", pair, "CLIP-3", shrink_factor, _factor_halved)],
                "CLIP-7": [planted("no margin", "no margin", pair, "CLIP-7", shrink_factor, _factor_without_margin)],
            },
            rests_on=[
                *PIECE_CLAIMS,
                f"CLIP-4.{name}",
                f"CLIP-6.{name}",
                f"CLIP-15.{name}" if norm_type == 1 else f"CLIP-14.{name}",
            ],
            assumes=["ROUNDING"],
            timeout=120,
        )
