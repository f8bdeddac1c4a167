"""The first step moves no parameter by more than lr: in exact numbers, and what is left of that in floating point."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import z3

from proofs.adam.powers import some_power
from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Array
from proofs.symbolic.paths import Path
from proofs.symbolic.real import Real
from reference.adam import Elements, Moments, Rates, algorithm_1, denominator, first_moment, moved
from reference.contracts import ensure, require
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


exact = Run(
    first_step_from_zero,
    {"grad": Array(np.float64, (1,)), **dict.fromkeys(("lr", "beta1", "beta2", "eps"), NUMBER)},
    Real(),
    replaced={pow: some_power},
)
prove(
    "ADAM-51",
    first_step_from_zero,
    theory="Real",
    bound="elementwise, all g, lr >= 0, β in [0, 1), ε > 0",
    runs=lambda: [("", exact)],
    also={"ADAM-50": []},
)
