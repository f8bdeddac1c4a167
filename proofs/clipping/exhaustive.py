"""Clipping a single float16: every number there is with every bound there is.

There are 63,488 finite float16 and 31,744 positive bounds, 2·10**9 pairs: too many for a call each. `clip_by_global_norm` as
it stands works on many pairs of numbers and one bound at once, if only the sum of squares is taken of each number by itself,
as `sum_of_squares` gives it. What it asks with ``if`` must then have one answer for the whole batch, which is checked.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from proofs.clipping.norms import _clip_by_quotient, _fits_if_less, _scale_to_nearest
from proofs.prover.claims import CLAIMS, Claim, Exhaustion, Replay, Twin
from proofs.prover.describe import location_of
from proofs.prover.obligations import judge
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from reference import contracts
from reference.clipping import clip_by_global_norm, fits, scale_toward_zero
from reference.reductions import ScaledSquares, sum_of_squares

Floats = npt.NDArray[np.float16]
Replaced = Mapping[Callable[..., Any], Callable[..., Any]]

CLAUSE = "CLIP-45"
SIGN, INFINITY = 0x8000, 0x7C00  # bit patterns; those of positive floats are in the order of their values
STEPS = 1
MAGNITUDES: Floats = np.arange(INFINITY, dtype=np.uint16).view(np.float16)
NUMBERS: Floats = np.stack([MAGNITUDES, -MAGNITUDES], axis=1).ravel()  # every finite one, by magnitude
FEW: Floats = NUMBERS[:4096]  # enough to find a bug
BOUNDS: Floats = np.arange(1, INFINITY + 1, dtype=np.uint16).view(np.float16)


def is_clipped(result: Floats, number: Floats, max_norm: Any) -> Any:
    """For each number by itself: kept bit for bit within max_norm, else the largest float16 below it, the sign kept."""
    bits, limit = number.view(np.uint16), max_norm.view(np.uint16)
    clipped = np.where(bits & np.uint16(~SIGN & 0xFFFF) <= limit, bits, bits & np.uint16(SIGN) | (limit - np.uint16(1)))
    return result.view(np.uint16) == clipped


@contracts.ensure(CLAUSE, lambda result, number, max_norm: np.all(is_clipped(result, number, max_norm)))
def clip_number(number: Floats, max_norm: Any) -> Any:
    """What clipping makes of an array with one number."""
    return clip_by_global_norm([number], max_norm).grads[0]


RUN = Run(clip_number, {"number": Array(np.float16, (1,)), "max_norm": Array(np.float16)}, IEEE())


class Unanimous(np.ndarray[Any, Any]):
    """Values of many calls at once; an ``if`` about them has an answer only if it is the same for all."""

    def __bool__(self) -> bool:
        values = self.view(np.ndarray)
        if values.all():
            return True
        if values.any():
            raise Divided("an if has different answers in one batch")
        return False


class Divided(Exception):
    """The calls of a batch do not take the same path."""


def each_total(numbers: Floats, replaced: Replaced) -> ScaledSquares:
    """The sum of squares of every number by itself, by one call each."""
    with contracts.interpreted(_interpreter(replaced)):
        totals = [sum_of_squares([numbers[i : i + 1]]) for i in range(numbers.size)]
    return ScaledSquares(*(np.array(column).view(Unanimous) for column in zip(*totals, strict=True)))


def every_pair(replaced: Replaced, numbers: Floats = NUMBERS) -> Exhaustion:
    """Clip every number, in the order of NUMBERS from 0 on, with every bound."""
    totals = each_total(numbers, replaced)
    cases = 0
    for max_norm in BOUNDS:
        inside = 2 * min(int(max_norm.view(np.uint16)) + 1, MAGNITUDES.size)
        for batch in (slice(0, inside), slice(inside, numbers.size)):
            some = numbers[batch]
            cases += some.size
            suspects = _suspects(some, max_norm, ScaledSquares(*(column[batch] for column in totals)), replaced)
            if suspects.size:
                return Exhaustion(cases, _found(suspects, max_norm, replaced))
    return Exhaustion(cases, None)


def _suspects(numbers: Floats, max_norm: Any, totals: ScaledSquares, replaced: Replaced) -> Floats:
    """The numbers of a batch for which the clause fails; all of them if they do not take one path."""
    given = {**replaced, sum_of_squares: lambda arrays: totals}
    if not numbers.size:
        return numbers
    with contracts.interpreted(_interpreter(given)), np.errstate(all="ignore"):
        try:
            result = contracts.bare(clip_number)(numbers, max_norm)
        except Divided:
            return numbers
    right = is_clipped(result, numbers, max_norm)
    return numbers[:0] if right.all() else numbers[~right]


def each_near_pair() -> Iterator[tuple[Floats, Any]]:
    """All numbers within a step of a bound, the sign alternating."""
    for position, max_norm in enumerate(BOUNDS, 1):
        for magnitude in range(max(0, position - STEPS), min(INFINITY, position + STEPS + 1)):
            place = 2 * magnitude + (position // 2 + magnitude) % 2
            yield NUMBERS[place : place + 1], max_norm


def one_by_one(pairs: Iterable[tuple[Floats, Any]], replaced: Replaced) -> Exhaustion:
    """Clip each number by a call of its own, without any of what makes batches possible."""
    cases = 0
    clip, call = contracts.bare(clip_number), _interpreter(replaced)
    with contracts.interpreted(call), np.errstate(all="ignore"):
        for cases, (number, max_norm) in enumerate(pairs, 1):
            if not np.all(is_clipped(clip(number, max_norm), number, max_norm)):
                return Exhaustion(cases, _found(number, max_norm, replaced))
    return Exhaustion(cases, None)


def _found(suspects: Floats, max_norm: Any, replaced: Replaced) -> Replay:
    """The first of some numbers that breaks the clause in a call of its own; a verdict that confirms nothing if none does."""
    run = dataclasses.replace(RUN, replaced=replaced)
    every = (judge(run, {"number": np.array([number]), "max_norm": max_norm}, CLAUSE) for number in suspects)
    verdict = next(every)
    return verdict if verdict.confirmed else next((each for each in every if each.confirmed), verdict)


def _interpreter(replaced: Replaced) -> contracts.Interpreter:
    def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return replaced.get(function, contracts.bare(function))(*args, **kwargs)

    return call


def one_call_a_pair(replaced: Replaced) -> Exhaustion:
    """The numbers near a bound, and a sample of all pairs."""
    return one_by_one(each_near_pair(), replaced)


def claim(
    variant: str,
    bound: str,
    clip: Callable[[Replaced], Exhaustion],
    hunt: Callable[[Replaced], Exhaustion],
    bugs: Iterable[tuple[str, str, Replaced]],
    rests_on: tuple[str, ...] = (),
) -> Claim:
    """Register the clause, to be tried on all pairs of a kind."""
    return CLAIMS.register(
        Claim(
            id=f"{CLAUSE}.{variant}",
            row="clipping",
            function=f"{clip_by_global_norm.__module__}.{clip_by_global_norm.__name__}",
            statement="g itself where |g| <= max_norm, else the largest float16 below max_norm, with g's sign",
            verb="exhaust",
            theory="float16",
            bound=bound,
            exhaust=functools.partial(clip, {}),
            rests_on=rests_on,
            twins=tuple(Twin(name, why, exhaust=functools.partial(hunt, bug), replaced=bug) for name, why, bug in bugs),
            location=location_of(clip_number, CLAUSE),
        )
    )


TO_NEAREST = ("to nearest", "rounds to nearest", {scale_toward_zero: _scale_to_nearest})
STRICT = ("strict", "changes a number that equals max_norm", {fits: _fits_if_less})
QUOTIENT = ("quotient", "g · (max_norm / |g|) in float16", {clip_by_global_norm: _clip_by_quotient})

claim(
    "near",
    f"n = 1, one call a pair: |g| within {STEPS} float of max_norm, signs alternating",
    one_call_a_pair,
    one_call_a_pair,
    [TO_NEAREST, STRICT, QUOTIENT],
)
claim(
    "all",
    "n = 1, every finite g with every max_norm > 0",
    every_pair,
    functools.partial(every_pair, numbers=FEW),
    [TO_NEAREST, STRICT],
    rests_on=(f"{CLAUSE}.near",),
)
