"""The first step moves no parameter by more than lr: in exact numbers, and what is left of that in floating point."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from proofs.adam.powers import some_power
from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Array
from proofs.symbolic.real import Real
from reference.adam import Elements, Moments, algorithm_1, bias_correction, denominator, moved
from reference.contracts import bare, ensure, require
from reference.elementary import pow  # noqa: A004
from reference.hyperparameters import average_error, is_average

NUMBER = Array(np.float64)


@require(lambda beta1: is_average(beta1), lambda beta1: average_error("beta1", beta1))
@require(lambda beta2: is_average(beta2), lambda beta2: average_error("beta2", beta2))
@require(lambda lr: lr >= 0, lambda lr: ValueError(f"lr must not be negative, got {lr}"))
@require(lambda eps: eps > 0, lambda eps: ValueError(f"eps must be positive, got {eps}"))
@ensure("ADAM-50", lambda result, lr: np.all(np.abs(result.theta) <= lr))
@ensure("ADAM-51", lambda result, lr, grad, eps: np.all(result.theta * (np.abs(grad) + eps) == -lr * grad))
def first_step_from_zero(grad: Any, lr: Any, beta1: Any, beta2: Any, eps: Any) -> Elements:
    """The first step of a parameter that is 0.

    Claims
        ADAM-50  prove  Real  elementwise, all g, lr >= 0, β in [0, 1), ε > 0  |Δθ| <= lr
        ADAM-51  prove  Real  elementwise, all g, lr >= 0, β in [0, 1), ε > 0  Δθ = -lr g / (|g| + ε)
    """
    zero = np.zeros(grad.shape, grad.dtype)
    rates = algorithm_1(lr, (beta1, beta2), eps, 1)
    return moved(zero, grad, Moments(zero, zero, None), (beta1, beta2), rates)


def _only_the_first(beta: Any, step: int) -> Any:
    return bare(bias_correction)(beta, step) if beta < 0.95 else np.float64(1)


def _epsilon_inside(exp_avg_sq: Any, root: Any, eps: Any) -> Any:
    return np.sqrt(exp_avg_sq / (root * root) + eps)


def _plain(generator: random.Random) -> dict[str, Any]:
    """The usual settings and a gradient that is not small."""
    numbers = {"lr": 1.0, "beta1": 0.9, "beta2": 0.999, "eps": 0.5}
    return {"grad": np.array([generator.uniform(1, 9)]), **{name: np.float64(x) for name, x in numbers.items()}}


exact = Run(
    first_step_from_zero,
    {"grad": Array(np.float64, (1,)), **dict.fromkeys(("lr", "beta1", "beta2", "eps"), NUMBER)},
    Real(),
    replaced={pow: some_power},
)
usual = exact.drawing(_plain)
prove(
    "ADAM-51",
    first_step_from_zero,
    theory="Real",
    bound="elementwise, all g, lr >= 0, β in [0, 1), ε > 0",
    runs=lambda: [("", exact)],
    twins=[sampled_twin("epsilon inside", "adds ε below the root", usual, "ADAM-51", {denominator: _epsilon_inside})],
    also={
        "ADAM-50": [
            sampled_twin("uncorrected", "corrects m and not v", usual, "ADAM-50", {bias_correction: _only_the_first})
        ]
    },
)
