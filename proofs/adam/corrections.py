"""Bias corrections: in (0, 1] and growing with the step, for all β in `Real`, and bit by bit for the β that people use."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from proofs.prover.claims import CLAIMS, Claim, Exhaustion, Twin
from proofs.prover.describe import location_of, prove, statement_of, twin
from proofs.prover.obligations import judge
from proofs.prover.symbolic_run import Run
from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Fixed
from proofs.symbolic.paths import Path, current
from proofs.symbolic.real import Real
from reference import contracts
from reference.adam import bias_correction
from reference.contracts import bare, ensure, require
from reference.elementary import pow  # noqa: A004
from reference.hyperparameters import average_error, is_average

USUAL = (0.9, 0.95, 0.98, 0.99, 0.999)
MOST_STEPS = 40_000  # 1 - 0.999**t is 1 long before
Replaced = Mapping[Callable[..., Any], Callable[..., Any]]
NUMBER = Array(np.float64)


class InTurn(NamedTuple):
    """The bias corrections of a step and of the next."""

    now: Any
    then: Any


def take_power(path: Path, arguments: dict[str, Any]) -> None:
    """On this path, βᵗ is the argument ``power``."""
    path.memory["power"] = arguments["power"]


def power_of(x: Any, y: Any) -> Any:
    """What is assumed of powers in Real: x**t is ``power`` at the given step, and x times that at the next."""
    if not isinstance(x, SymbolicArray):
        return bare(pow)(x, y)
    power = current().memory["power"]
    return power if y == 1 else x * power


@require(lambda beta: is_average(beta), lambda beta: average_error("beta", beta))
@require(lambda power: is_average(power), lambda power: average_error("power", power))
@ensure("ADAM-10", lambda result: (1 / result.now >= 1 / result.then) & (1 / result.then >= 1))
@ensure("ADAM-11", lambda result: _are_in_order(result))
@ensure("ADAM-12", lambda result: _are_in_order(result))
def corrections_in_turn(beta: Any, power: Any, step: int) -> InTurn:
    """The corrections of a step with βᵗ = power, which `Real` takes from there, and of the next.

    The conclusion holds for β¹ = β, and contains 0 <= βᵗ⁺¹ < 1, which is what is asked of the next step.

    Claims
        ADAM-10  prove  Real  all β in [0, 1), inductive  1 / (1 - βᵗ) >= 1, and it does not grow with t
        ADAM-11  prove  Real  all β in [0, 1), inductive  0 < 1 - βᵗ <= 1 - βᵗ⁺¹ <= 1
        ADAM-12  exhaust  IEEE(float64)  β = 0.9, 0.95, 0.98, 0.99, 0.999, t <= 40,000  0 < 1 - βᵗ <= 1 - βᵗ⁺¹ <= 1
    """
    return InTurn(bias_correction(beta, step), bias_correction(beta, step + 1))


def _are_in_order(result: InTurn) -> Any:
    return (result.now > 0) & (result.then >= result.now) & (result.then <= 1)


def _of_the_last_step(beta: Any, step: int) -> Any:
    return 1 - pow(beta, np.float64(step)) / beta


def _of_beta(beta: Any, step: int) -> Any:
    return 2 - pow(beta, np.float64(step)) - beta


in_turn = Run(
    corrections_in_turn,
    {"beta": NUMBER, "power": NUMBER, "step": Fixed(1)},
    Real(),
    replaced={pow: power_of},
    before={corrections_in_turn: take_power},
    examples=[{"beta": np.float64(0.5), "power": np.float64(0.5), "step": 1}],
)
prove(
    "ADAM-10",
    corrections_in_turn,
    theory="Real",
    bound="all β in [0, 1), inductive",
    assumes=["POWER"],
    runs=lambda: [("", in_turn)],
    twins=[twin("step 0", "counts from 0", in_turn, "ADAM-10", {pow: power_of, bias_correction: _of_the_last_step})],
    also={
        "ADAM-11": [
            twin("too large", "adds 1 - β", in_turn, "ADAM-11", {pow: power_of, bias_correction: _of_beta}),
        ]
    },
)


# ---- every step until nothing changes any more ---------------------------------------------------------------------


def every_step(function: Callable[..., Any], clause: str, replaced: Replaced, **others: Any) -> Exhaustion:
    """Run a function for the usual β and all steps at once, and again, alone, for those on which its clause fails."""
    cases = 0
    (condition,) = (each.condition for each in contracts.postconditions(function) if each.claim == clause)
    steps = np.arange(1, MOST_STEPS + 1)
    for beta in map(np.float64, USUAL):
        cases += steps.size
        with contracts.interpreted(functools.partial(_call, replaced)), np.errstate(all="ignore"):
            kept = condition(result=_call(replaced, function, (), {"beta": beta, "step": steps, **others}))
        for step in steps[~kept]:
            run = Run(function, {}, IEEE(), replaced=replaced)
            verdict = judge(run, {"beta": beta, "step": int(step), **others}, clause)
            if verdict.confirmed:
                return Exhaustion(cases, verdict)
    return Exhaustion(cases, None)


def _call(replaced: Replaced, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return replaced.get(function, bare(function))(*args, **kwargs)


def _from_zero(beta: Any, step: Any) -> Any:
    return 1 - pow(beta, np.float64(step) - 1)


def _without_the_power(beta: Any, step: Any) -> Any:
    return 1 - beta * step


def exhausted(clause: str, function: Callable[..., Any], bugs: Iterable[tuple[str, str, Any]], **others: Any) -> None:
    """Register a clause that is tried for all usual β and steps."""
    CLAIMS.register(
        Claim(
            id=clause,
            row="adam",
            function=f"{function.__module__}.{function.__name__}",
            statement=statement_of(function, clause),
            verb="exhaust",
            theory="IEEE(float64)",
            bound="β = 0.9, 0.95, 0.98, 0.99, 0.999, t <= 40,000",
            exhaust=functools.partial(every_step, function, clause, {}, **others),
            twins=tuple(
                Twin(
                    name, why, exhaust=functools.partial(every_step, function, clause, {bias_correction: bug}, **others)
                )
                for name, why, bug in bugs
            ),
            location=location_of(function, clause),
        )
    )


exhausted("ADAM-5", bias_correction, [("product", "takes βt for βᵗ", _without_the_power)])
exhausted(
    "ADAM-12",
    corrections_in_turn,
    [("step 0", "counts from 0", _from_zero)],
    power=np.float64(0),
)
