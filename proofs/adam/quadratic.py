"""What the first step of Adam does to a quadratic loss ½ θᵀ H θ."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.adam.powers import some_power
from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.array import truth
from proofs.symbolic.inputs import Array
from proofs.symbolic.paths import Path
from proofs.symbolic.real import Real, magnitude, rational
from proofs.symbolic.terms import sum_of
from reference.adam import Moments, algorithm_1, bias_correction, moved
from reference.contracts import bare, ensure, require
from reference.elementary import pow  # noqa: A004
from reference.hyperparameters import average_error, is_average

NUMBER = Array(np.float64)


class Descent(NamedTuple):
    """The loss before and after a step, what the step adds to θ, and Δᵀ H Δ."""

    before: Any
    after: Any
    delta: Any
    curved: Any


def loss_of(hessian: Any, theta: Any) -> Any:
    """½ θᵀ H θ"""
    return np.sum(theta * (hessian @ theta)) * 0.5


def _does_not_climb(result: Descent, lr: Any, eps: Any, curvature: Any) -> Any:
    bounded = result.curved <= curvature * np.sum(result.delta * result.delta)
    return np.logical_not(bounded & (lr * curvature <= 2 * eps)) | (result.after <= result.before)


@require(lambda beta1: is_average(beta1), lambda beta1: average_error("beta1", beta1))
@require(lambda beta2: is_average(beta2), lambda beta2: average_error("beta2", beta2))
@ensure(
    "ADAM-70",
    lambda result, lr, eps, curvature: _does_not_climb(result, lr, eps, curvature),
)
def first_step_on_a_quadratic(
    half: Any, theta: Any, lr: Any, beta1: Any, beta2: Any, eps: Any, curvature: Any
) -> Descent:
    """The first step of Adam on the loss ½ θᵀ H θ, H = half + halfᵀ, whose gradient is H θ.

    Claims
        ADAM-70  prove  Real  n <= 4, lr > 0, Δᵀ H Δ <= L ‖Δ‖², lr L <= 2 ε  the loss does not grow
    """
    hessian = half + half.T
    zeros = np.zeros(theta.shape, theta.dtype)
    moments = Moments(zeros, zeros, None)
    betas = (beta1, beta2)
    after = moved(theta, hessian @ theta, moments, betas, algorithm_1(lr, betas, eps, 1)).theta
    delta = after - theta
    return Descent(loss_of(hessian, theta), loss_of(hessian, after), delta, np.sum(delta * (hessian @ delta)))


def _term(array: Any) -> z3.ArithRef:
    return array.elements.reshape(()).item()


def cut_descent(path: Path, arguments: dict[str, Any], result: Descent) -> None:
    """First each element by itself; then the losses as polynomials; then their sums."""
    half, theta, lr, eps = arguments["half"], arguments["theta"], _term(arguments["lr"]), _term(arguments["eps"])
    grads = list((half + half.T) @ theta)
    moves = [_term(move) for move in result.delta]
    gradients = [_term(g) for g in grads]
    positive = path.prove("the rates", z3.And(lr > 0, eps > 0))
    known = list(path.facts)
    down = []
    for g, move in zip(gradients, moves, strict=True):
        own = path.facts_without(*(other for other in gradients if not z3.eq(other, g)), among=known)
        law = path.prove("an element", move * (magnitude(g) + eps) == -lr * g, using=own, forgetting=[g])
        down.append(
            path.prove(
                "it goes down", lr * (move * g) <= -(eps * (move * move)), using=[law, positive], forgetting=[g, move]
            )
        )
    before, after, curved = _term(result.before), _term(result.after), _term(result.curved)
    length = _term(np.sum(result.delta * result.delta))
    slope = sum_of([move * g for move, g in zip(moves, gradients, strict=True)])
    gains = [lr * (move * g) for move, g in zip(moves, gradients, strict=True)]
    costs = [eps * (move * move) for move in moves]
    summed = path.prove("all go down", sum_of(gains) <= -sum_of(costs), using=down, forgetting=[*gains, *costs])
    split = [
        path.prove("the slope", lr * slope == sum_of(gains), using=[], forgetting=[*gradients, *moves]),
        path.prove("the length", eps * length == sum_of(costs), using=[], forgetting=moves),
    ]
    changes = [_term(each) for each in path.last("change").result]
    facts = [
        positive,
        path.prove("the losses", after - before == slope + curved * rational(0.5), using=[], forgetting=changes),
        path.prove(
            "downhill",
            lr * slope <= -(eps * length),
            using=[summed, *split],
            forgetting=[lr * slope, eps * length, *gains, *costs],
        ),
        path.prove("a length", length >= 0, using=[], forgetting=moves),
    ]
    goal = truth(_does_not_climb(result, arguments["lr"], arguments["eps"], arguments["curvature"]))
    path.prove("the step goes down", goal, using=facts, forgetting=[slope, curved, after, before, length])


def _numbers() -> dict[str, Any]:
    """Settings with rational roots; lr L is as large as it may be."""
    numbers = {"lr": 1.0, "beta1": 0.5, "beta2": 0.75, "eps": 0.5, "curvature": 1.0}
    return {name: np.float64(x) for name, x in numbers.items()}


def descent_run(size: int) -> Run:
    """The step on a quadratic of some parameters."""
    return Run(
        first_step_on_a_quadratic,
        {
            "half": Array(np.float64, (size, size)),
            "theta": Array(np.float64, (size,)),
            **dict.fromkeys(("lr", "beta1", "beta2", "eps", "curvature"), NUMBER),
        },
        Real(),
        replaced={pow: some_power},
        domain=lambda lr, eps: (lr > 0) & (eps > 0),
        script=cut_descent,
        examples=[{"half": np.eye(size) / 2, "theta": np.ones(size), **_numbers()}],
    )


def _squared(beta: Any, step: int) -> Any:
    return bare(bias_correction)(beta, step) ** 2


def _steep(generator: random.Random) -> dict[str, Any]:
    """A parameter near its minimum, and the largest lr that is allowed."""
    return {"half": np.array([[0.5]]), "theta": np.array([generator.uniform(0.001, 0.1)]), **_numbers()}


prove(
    "ADAM-70",
    first_step_on_a_quadratic,
    theory="Real",
    bound="n <= 4, lr > 0, Δᵀ H Δ <= L ‖Δ‖², lr L <= 2 ε",
    runs=lambda: [(f"n = {size}: ", descent_run(size)) for size in range(1, 5)],
    twins=[
        sampled_twin(
            "twice",
            "corrects twice",
            descent_run(1).drawing(_steep),
            "ADAM-70",
            {bias_correction: _squared},
        )
    ],
)
