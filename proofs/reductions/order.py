"""The order-independent sum keeps every bit when the terms are permuted or regrouped."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.symbolic_run import Run
from proofs.reductions.lists import real
from proofs.reductions.pieces import NUMBER, PIECE_CLAIMS
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Fixed
from proofs.symbolic.paths import Path
from proofs.symbolic.rounded import Rounded
from reference.contracts import ensure, require
from reference.exactness import is_power_of_two
from reference.reductions import Sum, add, fold, folded_sum

Groups = tuple[tuple[int, ...], ...]


class Twice(NamedTuple):
    """The same terms summed as they stand and in other groups."""

    once: Sum
    again: Sum


@require(lambda x: np.all(np.abs(x) <= 2), lambda x: ValueError(f"x must lie within ±2, got {x}"))
@ensure(
    "RED-40",
    lambda result: (result.once.value == result.again.value) & (result.once.exact == result.again.exact),
)
def sum_twice(x: Any, groups: Groups) -> Twice:
    """The folded sum of x, and of the same elements in these groups.

    Claims
        RED-40  prove  Rounded(float64)  n <= 4, every permutation, up to 4 blocks  no bit of value or exact changes
    """
    return Twice(folded_sum([x], x.size, bound=1), folded_sum([x[list(group)] for group in groups], x.size, bound=1))


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


def _in_order(x: Any, groups: Groups) -> Twice:
    return Twice(_running(x), _running(x[[i for group in groups for i in group]]))


def _running(x: Any) -> Sum:
    total = np.float64(0)
    for term in x:
        total = total + term
    return Sum(total, np.bool_(False))


def uneven_terms(count: int, groups: Groups, generator: random.Random) -> dict[str, Any]:
    """Terms below 2 on no common grid that float64 could hold the sum on."""
    return {
        "x": np.array([generator.uniform(-2, 2) / generator.randint(3, 99) for _ in range(count)]),
        "groups": groups,
    }


def groupings(count: int) -> list[Groups]:
    """Every exchange of neighbours, for they generate all permutations, and ways to cut the terms into blocks."""
    swaps: list[Groups] = [((*range(i), i + 1, i, *range(i + 2, count)),) for i in range(count - 1)]
    cuts: list[Groups] = [
        tuple(tuple(range(i, min(i + size, count))) for i in range(0, count, size)) for size in range(1, count)
    ]
    return swaps + cuts


def same_calls(path: Path, arguments: dict[str, Any], result: Twice) -> None:
    """The totals agree, so `add`, which depends on nothing else, gives the same."""
    calls = [call for call in path.calls if call.function == "add"]
    half = len(calls) // 2
    for first, second in zip(calls[:half], calls[half:], strict=True):
        path.prove(
            "the totals agree",
            z3.And(*[real(first.arguments[name]) == real(second.arguments[name]) for name in ("a", "b")]),
        )
        path.assume(real(first.result.value) == real(second.result.value))
        path.assume(first.result.exact.elements.item() == second.result.exact.elements.item())


def twice_run(count: int, groups: Groups) -> Run:
    """sum_twice on ``count`` terms in these groups."""
    return Run(
        sum_twice,
        {"x": Array(np.float64, (count,)), "groups": Fixed(groups)},
        Rounded(),
        uses={fold: "both", add: "both"},
        script=same_calls,
        draw=functools.partial(uneven_terms, count, groups),
        examples=[{"x": np.array([1.0, 0.5, -1.5, 0.25][:count]), "groups": groups}],
    )


def _each_grouping() -> Iterator[tuple[str, Run]]:
    for count in range(2, 5):
        for groups in groupings(count):
            yield f"{groups}: ", twice_run(count, groups)


prove(
    "RED-40",
    sum_twice,
    theory="Rounded(float64)",
    bound="n <= 4, every permutation, up to 4 blocks",
    runs=_each_grouping,
    statement="permuting or regrouping the terms of a folded sum changes no bit of value or exact",
    rests_on=PIECE_CLAIMS,
    assumes=["ROUNDING"],
    twins=[
        sampled_twin(
            "in order", "adds in the order of the list", twice_run(3, ((2, 0, 1),)), "RED-40", {sum_twice: _in_order}
        )
    ],
)
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
