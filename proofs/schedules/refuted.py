"""Statements about schedules that one would like to be true in floats, each kept with the input that refutes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from proofs.prover.claims import CLAIMS, Claim, Exhaustion, Replay
from proofs.symbolic.inputs import show
from reference.schedules import cosine, exponential, linear
from reference.schedules.weights import cycle, interpolate


def false_statement(
    name: str, statement: str, function: Callable[..., Any], wished: Callable[..., Any], *arguments: Any
) -> Claim:
    """Register the statement that a function gives what one wishes, broken on these arguments."""

    def run() -> Exhaustion:
        result, wish = function(*arguments), wished(*arguments)
        outputs = {"result": show(result), "wished": show(wish)}
        broken = bool(result != wish)
        return Exhaustion(
            1, Replay(broken, {"arguments": show(list(arguments))}, outputs, statement) if broken else None
        )

    return CLAIMS.register(
        Claim(
            id=name,
            row="schedules",
            function=f"{function.__module__}.{function.__name__}",
            statement=statement,
            verb="refute",
            theory="IEEE(float64)",
            bound="one input",
            exhaust=run,
        )
    )


def _multiplied(step: int, lr: float, gamma: float) -> float:
    return lr if step == 0 else _multiplied(step - 1, lr, gamma) * gamma


def _from_last_cosine(step: int, lr: float, steps: int) -> float:
    if step == 0:
        return lr
    ratio = (1 + math.cos(math.pi * step / steps)) / (1 + math.cos(math.pi * (step - 1) / steps))
    return _from_last_cosine(step - 1, lr, steps) * ratio


def _from_last_line(step: int, lr: float, start: float, end: float, steps: int) -> float:
    if step == 0:
        return lr * start
    return _from_last_line(step - 1, lr, start, end, steps) * (
        1 + (end - start) / (steps * start + (step - 1) * (end - start))
    )


def _convex(a: float, b: float, weight: float) -> float:
    return a * (1 - weight) + b * weight


def _straight(a: float, b: float, weight: float) -> float:
    return a + weight * (b - a)


def _by_logarithm(step: int, first: int, factor: int) -> tuple[int, int]:
    number = int(math.log(step / first * (factor - 1) + 1, factor))
    return step - first * (factor**number - 1) // (factor - 1), first * factor**number


false_statement(
    "SCHED-90",
    "gamma**step is the rate multiplied by gamma step times (pytorch#40971)",
    exponential,
    _multiplied,
    3,
    0.1,
    0.9,
)
false_statement(
    "SCHED-91", "the cosine is what its recursion gives (pytorch#40971)", cosine, _from_last_cosine, 3, 1.0, 5
)
false_statement(
    "SCHED-92", "the line is what its recursion gives (pytorch#40971)", linear, _from_last_line, 3, 0.1, 1 / 3, 1.0, 5
)
false_statement(
    "SCHED-93",
    "a (1 - weight) + b weight, rounded, lies between a and b, as `interpolate` does",
    interpolate,
    _convex,
    0.1,
    0.1,
    0.2,
)
false_statement(
    "SCHED-94", "a + (b - a), rounded, is b, as `interpolate` gives at weight 1", interpolate, _straight, 0.4, 0.1, 1.0
)
false_statement(
    "SCHED-95",
    "the floor of a logarithm in floats finds the cycle: a restart is missed",
    cycle,
    _by_logarithm,
    121,
    1,
    3,
)
