"""Functions for the tests of CrossHair: worker processes import them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from proofs.crosshair.check import Question, ask, judged
from proofs.crosshair.kinds import Arrays
from proofs.crosshair.store import confirmation, key_of
from proofs.prover.claims import Claim, Confirmation, Registry, Twin
from reference.contracts import ensure, require


@ensure("T-1", lambda result, limit: np.all(np.abs(result) <= limit))
def naive_clip(grad: np.ndarray, limit: np.float64) -> Any:
    """The textbook formula."""
    norm = np.sqrt(np.sum(grad * grad))
    return grad if norm <= limit else grad * (limit / norm)


def one_finite_element(grad: Any, limit: Any) -> Any:
    """Keeps the search short."""
    return grad.size == 1 and np.all(np.isfinite(grad)) and limit > 0


@ensure("T-2", lambda result, n: result > n)
@ensure("T-3", lambda result, n: result != 1_000_004)
def successor(n: int) -> int:
    """One more: T-2 holds, T-3 does not."""
    return n + 1


def predecessor(n: int) -> int:
    """A bug in its place."""
    return n - 1


@require(lambda n: n > n, lambda n: ValueError(str(n)))
@ensure("T-4", lambda result: result)
def never_called(n: int) -> bool:
    """No argument is accepted."""
    return True


@require(lambda n: n.real_size, lambda n: ValueError(str(n)))
@ensure("T-5", lambda result: result)
def broken_precondition(n: int) -> bool:
    """Its precondition raises."""
    return True


@ensure("T-6", lambda result, x: np.logical_not(x > 0) | (result > 0) | (x < 1e-150))
def magnitude(x: np.float64) -> Any:
    """True, but the square root makes x concrete: no number of paths covers all floats."""
    return np.sqrt(x * x)


@ensure("T-7", lambda result: np.logical_not(np.any(result < -3)))
def outside_the_dialect(x: np.ndarray) -> Any:
    """Uses what symbolic arrays do not know."""
    return np.tanh(x)


@ensure("T-8", lambda result: result)
def has_another_size(x: np.ndarray, size: int) -> bool:
    """Whether x has not that many elements."""
    return x.size != size


@ensure("T-9", lambda result: result)
def is_short(x: np.ndarray) -> bool:
    """Whether x has 1 to 4 elements."""
    return 1 <= x.size <= 4


@ensure("T-10", lambda result: result)
def is_short_list(xs: Arrays) -> bool:
    """Whether there are 1 to 3 arrays of 1 to 4 elements."""
    return 1 <= len(xs) <= 3 and all(1 <= x.size <= 4 for x in xs)


def equals(number: int) -> Callable[[int], bool]:
    """Whether a size is this one."""
    return lambda size: size == number


QUESTIONS: Mapping[str, Question] = {
    "naive": Question(naive_clip, "T-1", domain=one_finite_element),
    "successor": Question(successor, "T-2"),
    "successor wrong": Question(successor, "T-3"),
    "predecessor": Question(successor, "T-2", body=predecessor),
    "unmeetable": Question(never_called, "T-4"),
    "broken precondition": Question(broken_precondition, "T-5"),
    "magnitude": Question(magnitude, "T-6"),
    "outside": Question(outside_the_dialect, "T-7"),
    "short": Question(is_short, "T-9"),
    "short list": Question(is_short_list, "T-10"),
    **{f"size {size}": Question(has_another_size, "T-8", domain=equals(size)) for size in range(6)},
}


def asked(name: str, limit: float) -> Confirmation:
    """Ask CrossHair one of these questions."""
    question = QUESTIONS[name]
    return judged(question, ask(question, limit))


def remembered(name: str, limit: float, folder: Path) -> Confirmation:
    """Ask it unless the answer is known."""
    return confirmation(QUESTIONS[name], limit, None, folder)


def key(name: str) -> str:
    """The cache's key."""
    return key_of(QUESTIONS[name])


def _claim(name: str, question: str, twin: str, example: Mapping[str, Any]) -> Claim:
    return Claim(
        name,
        "tests",
        question,
        question,
        "prove",
        "CrossHair",
        "all",
        confirm=functools.partial(confirmation, QUESTIONS[question], 3.0, example),
        twins=(Twin("twin", "a bug", confirm=functools.partial(confirmation, QUESTIONS[twin], 3.0, None)),),
    )


REGISTRY = Registry(
    [
        _claim("TRUE", "successor", "predecessor", {"n": 1}),
        _claim("FALSE", "successor wrong", "predecessor", {"n": 1}),
        _claim("OPEN", "magnitude", "predecessor", {"x": np.float64(1)}),
        _claim("VACUOUS", "unmeetable", "predecessor", {"n": 1}),
        _claim("TOOTHLESS", "successor", "successor", {"n": 1}),
    ]
)
