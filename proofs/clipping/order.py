"""Clipping does not depend on the order of the gradients, nor on how they are grouped into arrays."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from proofs.clipping.element_cuts import bound_factor
from proofs.clipping.norm_cuts import bound_sum, bound_total
from proofs.clipping.norms import FLOATS, NUMBER, PIECE_CLAIMS, PIECES
from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.same_calls import Elementwise
from proofs.prover.symbolic_run import Run
from proofs.reductions.lists import WHOLE, real
from proofs.reductions.one_by_one import OneByOne, each_size, one_by_one
from proofs.reductions.order import (
    ROTATED,
    SPLIT,
    Groups,
    Repeated,
    each_count,
    everywhere,
    grouped,
    in_any_order,
    squares_in_order,
    squares_of_norms,
    uneven_elements,
)
from proofs.symbolic.inputs import Array, Fixed
from proofs.symbolic.paths import Path
from proofs.symbolic.rounded import Rounded
from reference.clipping import clip_by_global_norm, fits, scale_toward_zero, shrink, shrink_factor
from reference.contracts import bare, ensure, require
from reference.exactness import is_power_of_two, same_bits
from reference.reductions import sum_of_squares
from reference.validation import (
    are_finite,
    finite_error,
    float_array_error,
    is_float_array,
    is_positive,
    positive_error,
)

# ---- one element at a time ------------------------------------------------------------------------------------------


@require(lambda x: np.all(np.isfinite(x)), lambda x: ValueError(f"x must be finite, got {x}"))
@require(lambda unit: is_power_of_two(unit), lambda unit: ValueError(f"unit must be a power of two, got {unit}"))
@ensure("CLIP-12", lambda result: same_bits(result.together, result.alone))
def scale_one_by_one(x: Any, unit: Any, dtype: Any) -> OneByOne:
    """The elements of x scaled together, and each alone.

    Claims
        CLIP-12  prove  IEEE(float16, float32, float64)  n <= 4
                 `scale_toward_zero` gives for an element beside others what it gives for it alone
    """
    return one_by_one(lambda part: [scale_toward_zero(part, unit, dtype)], x)


def _scale_by_the_largest(x: Any, unit: Any, dtype: Any) -> Any:
    """To nearest, unless that takes the largest element away from zero."""
    rounded = (x * unit).astype(dtype)
    largest = np.max(np.abs(rounded.astype(np.float64) / unit)) > np.max(np.abs(x))
    return np.where(largest, bare(scale_toward_zero)(x, unit, dtype), rounded)


for dtype in FLOATS:
    name = np.dtype(dtype).name
    alone_runs = tuple(each_size(scale_one_by_one, np.float64, {"unit": NUMBER, "dtype": Fixed(np.dtype(dtype))}))
    prove(
        "CLIP-12",
        scale_one_by_one,
        variant=name,
        theory=f"IEEE({name})",
        bound="n <= 4",
        runs=functools.partial(list, alone_runs),
        twins=[
            twin(
                "by the largest",
                "looks at the largest element only",
                alone_runs[0][1],
                "CLIP-12",
                {scale_toward_zero: _scale_by_the_largest},
            )
        ],
    )

# ---- whole lists ----------------------------------------------------------------------------------------------------


@require(lambda x: is_float_array(x), lambda x: float_array_error("x", x))
@require(lambda x: are_finite([x]), lambda x: finite_error("x", [x]))
@require(lambda max_norm: is_positive(max_norm), lambda max_norm: positive_error("max_norm", max_norm))
@ensure(
    "CLIP-11",
    lambda result, groupings: everywhere(
        lambda pair: (
            (result.once.norm == pair[0].norm) & same_bits(pair[0].grads, grouped(result.once.grads[0], pair[1]))
        ),
        list(zip(result.again, groupings, strict=True)),
    ),
)
def clip_in_groups(x: Any, max_norm: Any, groupings: Sequence[Groups]) -> Repeated:
    """The gradients x clipped as one array, and the same elements clipped in each of these groupings.

    Exchanges of neighbours generate all permutations, and cuts of one array all groupings, so the law holds for any two lists.

    Claims
        CLIP-11  prove  Rounded(float16, float32, float64)  p = 2, n <= 4, lists of up to 3
                 permuting or regrouping a list changes neither the result of any element nor the norm
    """
    once = clip_by_global_norm([x], max_norm)
    return Repeated(once, [clip_by_global_norm(grouped(x, groups), max_norm) for groups in groupings])


def _bound_sum_once(path: Path, arguments: dict[str, Any]) -> None:
    """The cuts of `bound_sum`; both calls compare the same sum."""
    value = real(arguments["total"].value)
    if ("compared", value.get_id()) not in path.memory:
        path.memory["compared", value.get_id()] = value
        bound_sum(path, arguments)


def order_run(dtype: Any, count: int, groupings: tuple[Groups, ...]) -> Run:
    """clip_in_groups on ``count`` elements in these groupings."""
    name = np.dtype(dtype).name
    return Run(
        clip_in_groups,
        {"x": Array(dtype, (count,)), "max_norm": NUMBER, "groupings": Fixed(groupings)},
        Rounded(),
        uses=PIECES,
        leaving_out=("CLIP-9", "RED-55"),
        elementwise={scale_toward_zero: Elementwise("x", f"CLIP-12.{name}")},
        determined={sum_of_squares: in_any_order(f"RED-42.{name}")},
        before={fits: _bound_sum_once, shrink_factor: bound_total, shrink: bound_factor},
        examples=[
            {"x": np.array(WHOLE[count], dtype), "max_norm": np.float64(limit), "groupings": groupings}
            for limit in (2.0**80, 16, 9.3, 2, 0.3)
        ],
        draw=functools.partial(_uneven_gradients, dtype, count, groupings),
    )


def _uneven_gradients(
    dtype: Any, count: int, groupings: tuple[Groups, ...], generator: random.Random
) -> dict[str, Any]:
    """Gradients of different sizes, and a max_norm below the largest of them."""
    drawn = uneven_elements(dtype, count, groupings, generator)
    largest = float(np.max(np.abs(drawn["x"]))) or 1.0
    return {**drawn, "max_norm": np.float64(largest * generator.uniform(0.1, 1.0) or 1.0)}


def _planted(run: Run, name: str, why: str, bug: Callable[..., Any]) -> Any:
    return sampled_twin(name, why, run, "CLIP-11", {sum_of_squares: bug})


for dtype in FLOATS:
    name = np.dtype(dtype).name
    run = functools.partial(order_run, dtype)
    prove(
        "CLIP-11",
        clip_in_groups,
        variant=name,
        theory=f"Rounded({name})",
        bound="p = 2, n <= 4, lists of up to 3",
        runs=functools.partial(each_count, run),
        rests_on=[*PIECE_CLAIMS, f"CLIP-6.{name}", f"CLIP-12.{name}", f"RED-11.{name}", f"RED-42.{name}"],
        assumes=["ROUNDING"],
        twins=[
            _planted(run(3, ROTATED), "in order", "adds the squares in the order of the list", squares_in_order),
            _planted(run(3, SPLIT), "norm of norms", "takes the norm of the arrays' norms", squares_of_norms),
        ],
    )
