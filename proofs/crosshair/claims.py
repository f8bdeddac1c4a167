"""What CrossHair decides: the integers of the order-independent sum, and which arguments clipping accepts.

It is strong where few paths lead through integers, shapes, types and comparisons. It is not asked about sums, products
and square roots of floats, and what it was asked and could not decide stands in `LIMITS`: none of that is claimed.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from proofs.crosshair.check import Question
from proofs.crosshair.kinds import Described
from proofs.crosshair.store import confirmation
from proofs.prover.claims import CLAIMS, Claim, Twin
from proofs.prover.describe import location_of, statement_of
from reference import contracts
from reference.clipping import clip_by_global_norm, clip_elements
from reference.reductions import KEPT_BITS, MOST_TERMS, PRECISION, fold_exponents
from reference.validation import FLOATS, are_float_arrays

LARGEST = int(np.finfo(np.float64).max)
LIMIT = 60.0  # seconds of processor time for a claim; each takes under 10
BOUND = "count <= 2**40, |bound| <= 300"


class Limit(NamedTuple):
    """A question that CrossHair did not decide, what it said, and what answers it instead."""

    question: str
    said: str
    instead: str


LIMITS = (
    Limit("clip_elements: |out| <= |grad|, n <= 4", "not confirmed in 20 s", "IEEE claims of the row clipping"),
    Limit("validation.are_finite: lists of up to 3 arrays of up to 4", "not confirmed in 20 s", "tests"),
    Limit("the text of an error that shows a symbolic number", "not confirmed in 60 s: to show it fixes it", "tests"),
    Limit(
        "reductions.fold: RED-4 to RED-6, RED-13",
        "no path in 20 s: 2.0**exponent fixes the exponent",
        "RED-4 to RED-13",
    ),
    Limit("clauses about exact values, RED-7 and others", "error: fractions would make floats concrete", "IEEE claims"),
    Limit(
        "power_of_two_at_most, divides_exactly, squares_exactly", "error: numpy.frexp is not understood", "IEEE claims"
    ),
    Limit("clip_by_value as a whole", "error: numpy.nextafter is not understood", "CLIP-31, CLIP-32, IEEE claims"),
    Limit("global_norm, clip_by_global_norm as a whole", "error: numpy.max is not understood", "Rounded claims"),
)


class Bug(NamedTuple):
    """A plausible mistake in a function's place."""

    name: str
    why: str
    body: Callable[..., Any]


def claim(
    function: Callable[..., Any],
    clause: str,
    bug: Bug,
    *,
    row: str,
    bound: str,
    example: Mapping[str, Any],
    shipped: Callable[..., Any] | None = None,
    statement: str = "",
    kinds: Mapping[str, Any] | None = None,
    domain: Callable[..., Any] | None = None,
) -> Claim:
    """Register the claim that a function keeps a clause, decided by CrossHair; ``shipped`` is the function of the reference."""
    question = Question(function, clause, kinds or {}, domain)
    broken = Question(function, clause, kinds or {}, domain, bug.body)
    named = shipped or function
    return CLAIMS.register(
        Claim(
            id=clause,
            row=row,
            function=f"{named.__module__}.{named.__name__}",
            statement=statement or statement_of(function, clause),
            verb="prove",
            theory="CrossHair",
            bound=bound,
            confirm=functools.partial(confirmation, question, LIMIT, example),
            twins=(
                Twin(
                    bug.name,
                    bug.why,
                    confirm=functools.partial(confirmation, broken, LIMIT, None),
                    replaced={function: bug.body},
                ),
            ),
            location=location_of(function, clause),
        )
    )


# ---- the grids of the order-independent sum -------------------------------------------------------------------------


def _grids(level: int, bound: int, kept: int = KEPT_BITS) -> tuple[int, ...]:
    exponents: list[int] = []
    rest = bound
    while bound - kept < rest + level:
        exponents.append(rest + level)
        rest = exponents[-1] - PRECISION
    return tuple(exponents)


def _one_bit_short(count: int, bound: int) -> tuple[int, ...]:
    return _grids(max(2, count.bit_length() - 1), bound)


def _one_fold_short(count: int, bound: int) -> tuple[int, ...]:
    return contracts.bare(fold_exponents)(count, bound)[:-1] or (bound,)


def _no_least_level(count: int, bound: int) -> tuple[int, ...]:
    return _grids((count - 1).bit_length() if count else 0, bound)


def _kept_too_much(count: int, bound: int) -> tuple[int, ...]:
    return _grids(max(2, (count - 1).bit_length()), bound, kept=KEPT_BITS + PRECISION)


def _one_bit_more(count: int, bound: int) -> tuple[int, ...]:
    return _grids(max(2, count.bit_length()), bound)


for _clause, _bug in (
    ("RED-14", Bug("one bit short", "rounds the logarithm of the number of terms down", _one_bit_short)),
    ("RED-15", Bug("one fold short", "leaves out the last fold", _one_fold_short)),
    ("RED-16", Bug("no least level", "a single term gets no room above itself", _no_least_level)),
    ("RED-17", Bug("kept too much", "folds on for another 53 bits", _kept_too_much)),
    ("RED-18", Bug("one bit more", "takes the bits of the number of terms, not of the last index", _one_bit_more)),
):
    claim(fold_exponents, _clause, _bug, row="reductions", bound=BOUND, example={"count": 1 << 20, "bound": 2})


# ---- elements and arguments of clipping -----------------------------------------------------------------------------


def _forgets_negative(grad: Any, limit: Any) -> Any:
    return np.where(grad <= limit, grad, np.copysign(limit, grad))


def _all_or_nothing(grad: Any, limit: Any) -> Any:
    return grad if np.all(np.abs(grad) <= limit) else np.copysign(limit, grad)


for _clause, _bug in (
    ("CLIP-31", Bug("forgets the negative", "compares without the absolute value", _forgets_negative)),
    ("CLIP-32", Bug("all or nothing", "replaces every element as soon as one is too large", _all_or_nothing)),
):
    claim(
        clip_elements,
        _clause,
        _bug,
        row="clipping",
        bound="float64, n <= 4",
        example={"grad": np.array([0.5, -3.0]), "limit": np.float64(1)},
        kinds={"grad": np.ndarray, "limit": np.float64},
    )


def _clause_about(argument: str) -> contracts.Clause:
    """The clause of `clip_by_global_norm` about one argument alone; of two, the first."""
    clauses = contracts.preconditions(clip_by_global_norm)
    return next(each for each in clauses if list(inspect.signature(each.condition).parameters) == [argument])


def _wrong_dtypes(grads: Any) -> list[int]:
    return [k for k, grad in enumerate(grads) if grad.dtype not in FLOATS or grad.dtype != grads[0].dtype]


def _not_too_large(grads: Any) -> Any:
    return sum(grad.size for grad in grads) <= MOST_TERMS


@contracts.ensure(
    "CLIP-33",
    lambda result, grads: result == (len(grads) > 0 and not _wrong_dtypes(grads) and _not_too_large(grads)),
)
def accepts_arrays(grads: Described) -> bool:
    """Whether a list of arrays of these dtypes and sizes is accepted."""
    return bool(_clause_about("grads").condition(grads))


def _first_dtype_alone(grads: Any) -> bool:
    return are_float_arrays(grads[:1], MOST_TERMS) and _not_too_large(grads)


claim(
    accepts_arrays,
    "CLIP-33",
    Bug("first dtype alone", "does not compare the other dtypes with the first", _first_dtype_alone),
    row="clipping",
    bound="lists of up to 3 arrays, all sizes",
    example={"grads": [np.ones(3, np.float32), np.ones(2, np.float32)]},
    shipped=clip_by_global_norm,
    statement="arrays are accepted exactly if there is one, all have the same float dtype, and 2**40 elements at most",
)


def _right_refusal(result: Exception | None, grads: Any) -> bool:
    wrong = _wrong_dtypes(grads)
    if wrong:
        return isinstance(result, TypeError) and str(result).startswith(f"grads[{wrong[0]}] must ")
    return result is None if grads else isinstance(result, ValueError)


@contracts.ensure("CLIP-34", lambda result, grads: _right_refusal(result, grads))
def refusal_of_arrays(grads: Described) -> Exception | None:
    """The error for a list of arrays of these dtypes."""
    clause = _clause_about("grads")
    assert clause.error is not None
    return None if clause.condition(grads) else clause.error(grads)


def _blames_last(grads: Any) -> Exception | None:
    wrong = _wrong_dtypes(grads)
    return TypeError(f"grads[{wrong[-1]}] must be a float array") if wrong else refusal_of_arrays(grads)


claim(
    refusal_of_arrays,
    "CLIP-34",
    Bug("blames the last", "names the last array at fault instead of the first", _blames_last),
    row="clipping",
    bound="lists of up to 3 arrays, all sizes",
    example={"grads": [np.ones(3, np.float32), np.ones(2, np.float16)]},
    shipped=clip_by_global_norm,
    statement="TypeError names the first array of a wrong dtype; an empty list is a ValueError",
    domain=_not_too_large,
)


@contracts.ensure("CLIP-35", lambda result, max_norm: result == (max_norm > 0))
def accepts_number(max_norm: np.float64) -> Any:
    """Whether a float64 is accepted as a bound."""
    return _clause_about("max_norm").condition(max_norm)


def _not_negative(max_norm: Any) -> Any:
    return np.logical_not(max_norm < 0)


claim(
    accepts_number,
    "CLIP-35",
    Bug("not negative", "lets 0 and NaN through", _not_negative),
    row="clipping",
    bound="all float64",
    example={"max_norm": np.float64("nan")},
    shipped=clip_by_global_norm,
    statement="a float64 is accepted as max_norm exactly if it is greater than 0: neither 0 nor NaN",
)


@contracts.ensure("CLIP-36", lambda result, max_norm: result == (0 < max_norm <= LARGEST))
def accepts_whole_number(max_norm: int) -> Any:
    """Whether a Python int is accepted as a bound."""
    return _clause_about("max_norm").condition(max_norm)


def _any_positive(max_norm: int) -> bool:
    return max_norm > 0


claim(
    accepts_whole_number,
    "CLIP-36",
    Bug("any positive", "accepts integers that float64 cannot hold", _any_positive),
    row="clipping",
    bound="all integers",
    example={"max_norm": 5},
    shipped=clip_by_global_norm,
    statement="an int is accepted as max_norm exactly if it is positive and at most the largest float64",
)
