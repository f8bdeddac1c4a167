"""Both forms of Adam: ε added after the bias correction, as here and in Algorithm 1, or before it, as ε̂."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np

from proofs.adam.powers import RESTS_ON, some_power
from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Array, Fixed
from proofs.symbolic.real import Real
from reference.adam import Elements, Moments, algorithm_1, bias_correction, epsilon_hat, moved
from reference.contracts import ensure, require
from reference.elementary import pow  # noqa: A004
from reference.hyperparameters import average_error, is_average

NUMBER = Array(np.float64)
ONE = Array(np.float64, (1,))


class Forms(NamedTuple):
    """One step in two forms."""

    one: Elements
    other: Elements


@require(lambda beta1: is_average(beta1), lambda beta1: average_error("beta1", beta1))
@require(lambda beta2: is_average(beta2), lambda beta2: average_error("beta2", beta2))
@ensure("ADAM-40", lambda result: np.all(result.one.theta == result.other.theta))
def both_forms(
    theta: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, lr: Any, beta1: Any, beta2: Any, eps: Any, step: int
) -> Forms:
    """Algorithm 1 with ε, and the other form with ε̂ = ε √(1 - β₂ᵗ).

    Claims
        ADAM-40  prove  Real  elementwise, from any state, t = 1 and any t > 1  both give the same parameter
    """
    betas, moments = (beta1, beta2), Moments(exp_avg, exp_avg_sq, None)
    hat = eps * np.sqrt(bias_correction(beta2, step))
    return Forms(
        moved(theta, grad, moments, betas, algorithm_1(lr, betas, eps, step)),
        moved(theta, grad, moments, betas, epsilon_hat(lr, betas, hat, step)),
    )


def _with_one_epsilon(
    theta: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, lr: Any, beta1: Any, beta2: Any, eps: Any, step: int
) -> Forms:
    betas, moments = (beta1, beta2), Moments(exp_avg, exp_avg_sq, None)
    first, hat = algorithm_1(lr, betas, eps, step), epsilon_hat(lr, betas, eps, step)
    return Forms(moved(theta, grad, moments, betas, first), moved(theta, grad, moments, betas, hat))


def _in_the_middle(generator: random.Random) -> dict[str, Any]:
    """A small gradient, so that ε counts."""
    arrays = {name: np.array([generator.uniform(0.1, 1)]) for name in ("theta", "grad", "exp_avg", "exp_avg_sq")}
    numbers = {name: np.float64(generator.uniform(0.1, 0.9)) for name in ("lr", "beta1", "beta2", "eps")}
    return {**arrays, **numbers, "step": 2}


def forms_run(step: int) -> Run:
    """Both forms at one step."""
    return Run(
        both_forms,
        {
            **dict.fromkeys(("theta", "grad", "exp_avg", "exp_avg_sq"), ONE),
            **dict.fromkeys(("lr", "beta1", "beta2", "eps"), NUMBER),
            "step": Fixed(step),
        },
        Real(),
        replaced={pow: some_power},
        domain=lambda exp_avg_sq, eps: np.all(exp_avg_sq >= 0) & (eps > 0),
    )


prove(
    "ADAM-40",
    both_forms,
    theory="Real",
    bound="elementwise, from any state, t = 1 and any t > 1",
    assumes=["POWER"],
    rests_on=RESTS_ON,
    runs=lambda: [(f"t = {step}: ", forms_run(step)) for step in (1, 2)],
    twins=[
        sampled_twin(
            "one epsilon",
            "takes ε for ε̂",
            forms_run(2).drawing(_in_the_middle),
            "ADAM-40",
            {both_forms: _with_one_epsilon},
        )
    ],
)
