"""What works on arrays one element at a time: an element's result does not depend on what stands beside it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from proofs.prover.describe import prove, twin
from proofs.prover.same_calls import Elementwise
from proofs.prover.symbolic_run import Run
from proofs.reductions.pieces import NUMBER
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Input, Integer
from reference.contracts import ensure, require
from reference.exactness import is_power_of_two, same_bits
from reference.reductions import MOST_EXPONENT, Fold, divides_exactly, fold, squares_exactly

ALONE = {
    fold: Elementwise("x", "RED-44"),
    divides_exactly: Elementwise("x", "RED-45"),
    squares_exactly: Elementwise("x", "RED-45"),
}
ALONE_CLAIMS = ("RED-44", "RED-45")


class OneByOne(NamedTuple):
    """Results for the elements of an array together, and for each alone."""

    together: list[Any]
    alone: list[Any]


def one_by_one(function: Callable[[Any], list[Any]], x: Any) -> OneByOne:
    """A function of the whole array, and of its elements one after another."""
    results = [function(x[k : k + 1]) for k in range(len(x))]
    return OneByOne(function(x), [np.concatenate(parts) for parts in zip(*results, strict=True)])


def each_size(function: Callable[..., Any], dtype: Any, others: Mapping[str, Input]) -> Iterator[tuple[str, Run]]:
    """The run of a function on arrays x of 2 to 4 elements; one element is always alone."""
    return ((f"{size}: ", Run(function, {"x": Array(dtype, (size,)), **others}, IEEE())) for size in range(2, 5))


@require(
    lambda exponent: (exponent >= -MOST_EXPONENT) & (exponent <= MOST_EXPONENT),
    lambda exponent: ValueError(f"exponent must lie within ±{MOST_EXPONENT}, got {exponent}"),
)
@require(
    lambda x, exponent: np.all(np.abs(x) <= 2.0 ** (exponent - 1)),
    lambda x, exponent: ValueError(f"x must lie within ±2**{exponent - 1}"),
)
@ensure("RED-44", lambda result: same_bits(result.together, result.alone))
def fold_one_by_one(x: Any, exponent: int) -> OneByOne:
    """The elements of x folded together, and each alone.

    Claims
        RED-44  prove  IEEE(float64)  n <= 4, |exponent| <= 400  an element is folded beside others as it is alone
    """
    return one_by_one(lambda part: list(fold(part, exponent)), x)


@require(lambda unit: is_power_of_two(unit), lambda unit: ValueError(f"unit must be a power of two, got {unit}"))
@ensure("RED-45", lambda result: same_bits(result.together, result.alone))
def check_one_by_one(x: Any, unit: Any) -> OneByOne:
    """Whether division and squaring are exact, asked of the elements of x together, and of each alone.

    Claims
        RED-45  prove  IEEE(float64)  n <= 4
                `divides_exactly` and `squares_exactly` say of an element beside others what they say of it alone
    """
    return one_by_one(lambda part: [divides_exactly(part, unit), squares_exactly(part, unit)], x)


def _fold_at_the_largest(x: Any, exponent: int) -> Fold:
    anchor = np.max(np.abs(x))
    high = (x + anchor) - anchor
    return Fold(high, x - high)


def _all_or_none(x: Any, unit: Any) -> Any:
    exact = (x / unit) * unit == x
    return exact & np.all(exact)


for clause, function, others, bound, why, piece, bug in (
    (
        "RED-44",
        fold_one_by_one,
        {"exponent": Integer()},
        f"n <= 4, |exponent| <= {MOST_EXPONENT}",
        "takes its anchor from the largest element",
        fold,
        _fold_at_the_largest,
    ),
    ("RED-45", check_one_by_one, {"unit": NUMBER}, "n <= 4", "asks all of a block", divides_exactly, _all_or_none),
):
    runs = tuple(each_size(function, np.float64, others))
    prove(
        clause,
        function,
        theory="IEEE(float64)",
        bound=bound,
        runs=functools.partial(list, runs),
        twins=[twin("by the block", why, runs[0][1], clause, {piece: bug})],
    )
