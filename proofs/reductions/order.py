"""The order-independent sums keep every bit when their terms are permuted or regrouped.

Exchanges of neighbours generate all permutations of one array, and cutting one array gives every list. So what holds for
these holds for any two lists of the same elements: by way of the one array of the first, and that of the second.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.same_calls import Determined, terms
from proofs.prover.symbolic_run import Run, Use
from proofs.reductions.lists import FLOATS, WHOLE, bound_quotients
from proofs.reductions.one_by_one import ALONE, ALONE_CLAIMS
from proofs.reductions.pieces import COMPLETE, NUMBER, PIECE_CLAIMS, PIECES
from proofs.reductions.squares import bound_squares
from proofs.reductions.sums import FAR_FROM_OVERFLOW, bound_scaled_sum, bound_terms
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Fixed, lists_up_to, random_floats
from proofs.symbolic.rounded import Rounded
from reference.contracts import ensure, require
from reference.exactness import is_power_of_two
from reference.reductions import (
    ScaledSquares,
    Sum,
    add,
    fold,
    fold_exponents,
    folded_sum,
    reproducible_sum,
    scale_by,
    sum_of_squares,
)
from reference.validation import are_finite, finite_error, float_array_error, is_float_array

Groups = tuple[tuple[int, ...], ...]

MOST_ELEMENTS = 4
BOUNDS = (1, 2)  # exponents of the terms of the folded sums: of quotients, and of their squares


class Twice(NamedTuple):
    """The result for the elements of one array, and for the same elements in another order or in several arrays."""

    once: Any
    again: Any


class Repeated(NamedTuple):
    """The result for the elements of one array, and for the same elements in each of some groupings."""

    once: Any
    again: list[Any]


def grouped(x: Any, groups: Groups) -> list[Any]:
    """The elements of x in these groups."""
    return [x[list(group)] for group in groups]


def exchanges(count: int) -> list[Groups]:
    """Every exchange of neighbours in one array."""
    return [((*range(i), i + 1, i, *range(i + 2, count)),) for i in range(count - 1)]


def cuts(count: int) -> list[Groups]:
    """Every list of up to 3 arrays into which one array can be cut."""
    shapes = ([member.shape[0] for member in arrays.members] for arrays in lists_up_to(np.float64))
    return [_cut(sizes) for sizes in shapes if len(sizes) > 1 and sum(sizes) == count]


def _cut(sizes: Sequence[int]) -> Groups:
    ends = itertools.accumulate(sizes)
    return tuple(tuple(range(end - size, end)) for end, size in zip(ends, sizes, strict=True))


def each_grouping(run: Callable[[int, Groups], Run]) -> Iterator[tuple[str, Run]]:
    """The run for up to 4 elements and all that generates their permutations and regroupings."""
    for count in range(2, MOST_ELEMENTS + 1):
        for groups in exchanges(count) + cuts(count):
            yield f"{groups}: ", run(count, groups)


def each_count(run: Callable[[int, tuple[Groups, ...]], Run]) -> Iterator[tuple[str, Run]]:
    """The run for up to 4 elements with all that generates their permutations and regroupings at once."""
    return ((f"{count}: ", run(count, (*exchanges(count), *cuts(count)))) for count in range(2, MOST_ELEMENTS + 1))


def everywhere(holds: Callable[[Any], Any], results: Sequence[Any]) -> Any:
    """Whether something holds for each of some results."""
    return functools.reduce(np.logical_and, [holds(result) for result in results])


def in_any_order(claim: str) -> Determined:
    """Of a list of arrays, its dtype and the elements, in whatever order and arrays, determine the result."""
    return Determined(_elements, claim)


def _elements(arguments: dict[str, Any]) -> list[tuple[str, int]]:
    """The elements of a list by the numbers that the solver gave to their terms."""
    return sorted((array.dtype.name, term.get_id()) for array in arguments["arrays"] for term in terms(array))


# ---- the folded sum -------------------------------------------------------------------------------------------------


@require(
    lambda x, bound: _are_about_within([x], bound), lambda bound: ValueError(f"x must lie within about ±2**{bound}")
)
@ensure(
    "RED-40",
    lambda result: (result.once.value == result.again.value) & (result.once.exact == result.again.exact),
)
def sum_twice(x: Any, groups: Groups, bound: int) -> Twice:
    """The folded sum of x, and of the same elements in these groups.

    Claims
        RED-40  prove  Rounded(float64)  n <= 4, |x| <= 1.05 · 2**bound, bound = 1 and 2, every permutation, up to 4 blocks
                no bit of value or exact changes
    """
    return Twice(folded_sum([x], x.size, bound), folded_sum(grouped(x, groups), x.size, bound))


def _are_about_within(blocks: Sequence[Any], bound: int) -> Any:
    """The rounding model bounds a rounded square by a little more than the square of the bound."""
    each = (np.all(np.abs(block) <= 1.05 * 2.0**bound) for block in blocks)
    return functools.reduce(np.logical_and, each)


def _terms_of_sum(arguments: dict[str, Any]) -> tuple[list[int], int, int]:
    """The terms of a folded sum by the numbers that the solver gave them, their count and their bound."""
    numbers = sorted(term.get_id() for block in arguments["blocks"] for term in terms(block))
    return numbers, arguments["count"], arguments["bound"]


def _are_claimed(blocks: Sequence[Any], count: int, bound: int) -> Any:
    """Whether RED-40 speaks of these terms."""
    among = count == sum(block.size for block in blocks) <= MOST_ELEMENTS and bound in BOUNDS
    return np.logical_and(np.bool_(among), _are_about_within(blocks, bound))


IN_ANY_ORDER = Determined(_terms_of_sum, "RED-40", where=_are_claimed)


def _in_order(x: Any, groups: Groups, bound: int) -> Twice:
    return Twice(_running(x), _running(x[[i for group in groups for i in group]]))


def _running(x: Any) -> Sum:
    total = x.dtype.type(0)
    for term in x:
        total = total + term
    return Sum(total, np.bool_(False))


def uneven_terms(count: int, groups: Groups, bound: int, generator: random.Random) -> dict[str, Any]:
    """Terms below 2 on no common grid that float64 could hold the sum on."""
    return {
        "x": np.array([generator.uniform(-2, 2) / generator.randint(3, 99) for _ in range(count)]),
        "groups": groups,
        "bound": bound,
    }


def twice_run(count: int, groups: Groups, bound: int = 1) -> Run:
    """sum_twice on ``count`` terms in these groups."""
    return Run(
        sum_twice,
        {"x": Array(np.float64, (count,)), "groups": Fixed(groups), "bound": Fixed(bound)},
        Rounded(),
        uses={fold: "contract", add: "both"},
        leaving_out=COMPLETE,
        elementwise=ALONE,
        draw=functools.partial(uneven_terms, count, groups, bound),
        examples=[{"x": np.array([1.0, 0.5, -1.5, 0.25][:count]), "groups": groups, "bound": bound}],
    )


def _each_grouping() -> Iterator[tuple[str, Run]]:
    singles = tuple((i,) for i in range(MOST_ELEMENTS))
    for bound in BOUNDS:
        for label, run in each_grouping(functools.partial(twice_run, bound=bound)):
            yield f"2**{bound}, {label}", run
        yield f"2**{bound}, {singles}: ", twice_run(MOST_ELEMENTS, singles, bound)


prove(
    "RED-40",
    sum_twice,
    theory="Rounded(float64)",
    bound="n <= 4, |x| <= 1.05 · 2**bound, bound = 1 and 2, every permutation, up to 4 blocks",
    runs=_each_grouping,
    statement="permuting or regrouping the terms of a folded sum changes no bit of value or exact",
    rests_on=(*PIECE_CLAIMS, *ALONE_CLAIMS),
    assumes=["ROUNDING"],
    twins=[
        sampled_twin(
            "in order", "adds in the order of the list", twice_run(3, ((2, 0, 1),)), "RED-40", {sum_twice: _in_order}
        )
    ],
)


# ---- the unit -------------------------------------------------------------------------------------------------------


@require(lambda a: is_power_of_two(a), lambda a: ValueError(f"a must be a power of two, got {a}"))
@require(lambda b: is_power_of_two(b), lambda b: ValueError(f"b must be a power of two, got {b}"))
@require(lambda x, a: (a <= x) & (x / 2 < a), lambda x, a: ValueError(f"{a} is not the power of two at most {x}"))
@require(lambda x, b: (b <= x) & (x / 2 < b), lambda x, b: ValueError(f"{b} is not the power of two at most {x}"))
@ensure("RED-41", lambda result, a: result == a)
def other_unit(x: Any, a: Any, b: Any) -> Any:
    """Of two units that fit the largest magnitude x, the other one.

    Claims
        RED-41  prove  IEEE(float64)  all finite x > 0  only one power of two is a list's unit
    """
    return b


unit_run = Run(other_unit, {"x": NUMBER, "a": NUMBER, "b": NUMBER}, IEEE())
prove(
    "RED-41",
    other_unit,
    theory="IEEE(float64)",
    bound="all finite x > 0",
    runs=lambda: [("", unit_run)],
    statement="only one power of two is a list's unit, so permuting or regrouping the list does not change it",
    twins=[twin("half", "takes half the unit", unit_run, "RED-41", {other_unit: lambda x, a, b: b / 2})],
)

# ---- whole lists ----------------------------------------------------------------------------------------------------


@require(lambda x: is_float_array(x), lambda x: float_array_error("x", x))
@require(lambda x: are_finite([x]), lambda x: finite_error("x", [x]))
@ensure(
    "RED-42",
    lambda result: everywhere(
        lambda again: (
            (result.once.value == again.value) & (result.once.exact == again.exact) & (result.once.unit == again.unit)
        ),
        result.again,
    ),
)
def squares_repeated(x: Any, groupings: Sequence[Groups]) -> Repeated:
    """The sum of squares of x as one array, and of the same elements in each of these groupings.

    Exchanges of neighbours generate all permutations, and cuts of one array all groupings, so the law holds for any two lists.

    Claims
        RED-42  prove  Rounded(float16, float32, float64)  n <= 4, lists of up to 3
                permuting or regrouping a list changes neither value nor exact nor unit of its sum of squares
    """
    return Repeated(sum_of_squares([x]), [sum_of_squares(grouped(x, groups)) for groups in groupings])


@require(lambda x: is_float_array(x), lambda x: float_array_error("x", x))
@require(lambda x: are_finite([x]), lambda x: finite_error("x", [x]))
@ensure(
    "RED-43",
    lambda result: everywhere(
        lambda again: (result.once.value == again.value) & (result.once.exact == again.exact), result.again
    ),
)
def list_sum_repeated(x: Any, groupings: Sequence[Groups]) -> Repeated:
    """The sum of x as one array, and of the same elements in each of these groupings; see `squares_repeated`.

    Claims
        RED-43  prove  Rounded(float16, float32, float64)  n <= 4, lists of up to 3; of float64 |x| <= 2**1020
                permuting or regrouping a list changes neither value nor exact of its sum
    """
    return Repeated(reproducible_sum([x]), [reproducible_sum(grouped(x, groups)) for groups in groupings])


def list_run(function: Any, summed: Use, hooks: Any, dtype: Any, count: int, groupings: tuple[Groups, ...]) -> Run:
    """One of these functions on ``count`` elements in these groupings; all folded sums are known by the first."""
    return Run(
        function,
        {"x": Array(dtype, (count,)), "groupings": Fixed(groupings)},
        Rounded(),
        uses={**PIECES, folded_sum: summed},
        leaving_out=COMPLETE,
        elementwise=ALONE,
        determined={folded_sum: IN_ANY_ORDER},
        domain=_far_from_overflow if function is list_sum_repeated and dtype == np.float64 else None,
        before=hooks,
        draw=functools.partial(uneven_elements, dtype, count, groupings),
        examples=[{"x": np.array(WHOLE[count], dtype), "groupings": groupings}],
    )


def _far_from_overflow(x: Any) -> Any:
    return np.all(np.abs(x) <= FAR_FROM_OVERFLOW)


def uneven_elements(dtype: Any, count: int, groupings: tuple[Groups, ...], generator: random.Random) -> dict[str, Any]:
    """Elements of different sizes, whose sums float64 does not hold."""
    return {"x": np.array(random_floats(generator, np.dtype(dtype), count), dtype), "groupings": groupings}


def squares_in_order(arrays: Any) -> ScaledSquares:
    """A planted bug: the squares added up in the order of the list."""
    total = np.float64(0)
    for array in arrays:
        for element in np.ravel(array).astype(np.float64):
            total = total + element * element
    return ScaledSquares(total, np.bool_(False), np.float64(1))


def squares_of_norms(arrays: Any) -> ScaledSquares:
    """A planted bug: the norm of the arrays' norms in their dtype, as PyTorch takes it."""
    norms = [np.sqrt(np.sum(np.square(array), dtype=array.dtype)) for array in arrays]
    norm = np.sqrt(np.sum(np.square(np.stack(norms)), dtype=norms[0].dtype)).astype(np.float64)
    return ScaledSquares(norm * norm, np.bool_(False), np.float64(1))


def _sum_in_order(arrays: Any) -> Sum:
    return _running(np.concatenate([np.ravel(array) for array in arrays]))


SQUARES = functools.partial(list_run, squares_repeated, "contract", {folded_sum: bound_squares})
SUMS = functools.partial(
    list_run,
    list_sum_repeated,
    "both",
    {fold_exponents: bound_quotients, fold: bound_terms, scale_by: bound_scaled_sum},
)
ROTATED, SPLIT = (((2, 0, 1),),), (((0,), (1, 2)),)

for dtype in FLOATS:
    name = np.dtype(dtype).name
    squares_runs, sums_runs = functools.partial(SQUARES, dtype), functools.partial(SUMS, dtype)
    prove(
        "RED-42",
        squares_repeated,
        variant=name,
        theory=f"Rounded({name})",
        bound="n <= 4, lists of up to 3",
        runs=functools.partial(each_count, squares_runs),
        rests_on=(*PIECE_CLAIMS, *ALONE_CLAIMS, "RED-40"),
        assumes=["ROUNDING"],
        twins=[
            sampled_twin(
                "in order",
                "adds in the order of the list",
                squares_runs(3, ROTATED),
                "RED-42",
                {sum_of_squares: squares_in_order},
            ),
            sampled_twin(
                "norm of norms",
                "takes the norm of the arrays' norms",
                squares_runs(3, SPLIT),
                "RED-42",
                {sum_of_squares: squares_of_norms},
            ),
        ],
    )
    prove(
        "RED-43",
        list_sum_repeated,
        variant=name,
        theory=f"Rounded({name})",
        bound="n <= 4, lists of up to 3" + (", |x| <= 2**1020" if dtype == np.float64 else ""),
        runs=functools.partial(each_count, sums_runs),
        rests_on=(*PIECE_CLAIMS, *ALONE_CLAIMS, "RED-40"),
        assumes=["ROUNDING"],
        twins=[
            sampled_twin(
                "in order",
                "adds in the order of the list, in its dtype",
                sums_runs(3, ROTATED),
                "RED-43",
                {reproducible_sum: _sum_in_order},
            )
        ],
    )
