"""How far any later step can go: m² stays below a multiple of v, by induction from step to step.

Kingma & Ba bound every |Δθ| by lr (1 - β₁) / √(1 - β₂) or lr. That is false: see `proofs.adam.refuted`.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Array
from proofs.symbolic.real import Real
from reference.adam import Moments, change, denominator, first_moment, second_moment
from reference.contracts import ensure, require

NUMBER = Array(np.float64)
ONE = Array(np.float64, (1,))


def next_ratio(ratio: Any, beta1: Any, beta2: Any) -> Any:
    """C' = β₁² / β₂ · C + (1 - β₁)² / (1 - β₂): what m² / v is at most, a step later. It stays bounded for β₁² < β₂."""
    return beta1 * beta1 / beta2 * ratio + (1 - beta1) * (1 - beta1) / (1 - beta2)


def _are_betas(beta1: Any, beta2: Any) -> Any:
    return (beta1 >= 0) & (beta1 < 1) & (beta2 > 0) & (beta2 < 1)


@require(lambda beta1, beta2: _are_betas(beta1, beta2), lambda: ValueError("betas must lie in [0, 1), beta2 above 0"))
@require(
    lambda exp_avg, exp_avg_sq, ratio: np.all((exp_avg_sq >= 0) & (exp_avg * exp_avg <= ratio * exp_avg_sq)),
    lambda ratio: ValueError(f"m² must be at most {ratio} v"),
)
@require(lambda ratio: ratio >= 0, lambda ratio: ValueError(f"ratio must not be negative, got {ratio}"))
@ensure(
    "ADAM-60",
    lambda result, ratio, beta1, beta2: np.all(
        result.exp_avg * result.exp_avg <= next_ratio(ratio, beta1, beta2) * result.exp_avg_sq
    ),
)
def next_moments(exp_avg: Any, exp_avg_sq: Any, grad: Any, ratio: Any, beta1: Any, beta2: Any) -> Moments:
    """The moments of a step later; before the first, m² <= 0 · v.

    Claims
        ADAM-60  prove  Real  elementwise, all β₁ in [0, 1), β₂ in (0, 1), inductive
                 m² <= C v makes m'² <= C' v' with C' = β₁² / β₂ C + (1 - β₁)² / (1 - β₂)
    """
    return Moments(first_moment(exp_avg, grad, beta1), second_moment(exp_avg_sq, grad, beta2), None)


@require(lambda beta1, beta2: _are_betas(beta1, beta2), lambda: ValueError("betas must lie in [0, 1), beta2 above 0"))
@require(lambda beta1, beta2: beta1 * beta1 < beta2, lambda: ValueError("β₁² must be below β₂"))
@require(
    lambda ratio, beta1, beta2: ratio <= most_ratio(beta1, beta2), lambda ratio: ValueError(f"{ratio} is too large")
)
@ensure("ADAM-62", lambda result, beta1, beta2: result <= most_ratio(beta1, beta2))
def ratio_in_range(ratio: Any, beta1: Any, beta2: Any) -> Any:
    """The multiple of the next step.

    Claims
        ADAM-62  prove  Real  β₁ in [0, 1), β₁² < β₂ < 1, inductive
                 C stays at most (1 - β₁)² / ((1 - β₂) (1 - β₁² / β₂)): 52.9 for the default β
    """
    return next_ratio(ratio, beta1, beta2)


def most_ratio(beta1: Any, beta2: Any) -> Any:
    """What `next_ratio` leaves where it is."""
    return (1 - beta1) * (1 - beta1) / ((1 - beta2) * (1 - beta1 * beta1 / beta2))


@require(
    lambda exp_avg, exp_avg_sq, ratio: np.all((exp_avg_sq >= 0) & (exp_avg * exp_avg <= ratio * exp_avg_sq)),
    lambda ratio: ValueError(f"m² must be at most {ratio} v"),
)
@require(lambda ratio: ratio >= 0, lambda ratio: ValueError(f"ratio must not be negative, got {ratio}"))
@ensure(
    "ADAM-61",
    lambda result, step_size, root, ratio: np.all(result * result <= (step_size * root) * (step_size * root) * ratio),
)
def change_of(exp_avg: Any, exp_avg_sq: Any, ratio: Any, step_size: Any, root: Any, eps: Any) -> Any:
    """What a step subtracts where m² <= C v.

    Claims
        ADAM-61  prove  Real  elementwise, root > 0, ε > 0, step_size >= 0  |Δθ| <= step_size · root · √C
    """
    return change(exp_avg, denominator(exp_avg_sq, root, eps), step_size)


def _weighed_twice(exp_avg_sq: Any, grad: Any, beta: Any) -> Any:
    return beta * exp_avg_sq + ((1 - beta) * grad) * ((1 - beta) * grad)


def _times_root(exp_avg_sq: Any, root: Any, eps: Any) -> Any:
    return np.sqrt(exp_avg_sq) * root + eps


def _with_the_last_forgotten(ratio: Any, beta1: Any, beta2: Any) -> Any:
    return ratio + (1 - beta1) * (1 - beta1) / (1 - beta2)


def _first_moments(generator: random.Random) -> dict[str, Any]:
    """The usual β, before the first step."""
    numbers = {"ratio": np.float64(0), "beta1": np.float64(0.9), "beta2": np.float64(0.999)}
    return {"exp_avg": np.zeros(1), "exp_avg_sq": np.zeros(1), "grad": np.array([generator.uniform(-9, 9)]), **numbers}


def _half_corrected(generator: random.Random) -> dict[str, Any]:
    """m² = v, and a correction that counts."""
    m = np.array([generator.uniform(1, 9)])
    numbers = {"ratio": 1.0, "step_size": 1.0, "root": 0.5, "eps": 1e-8}
    return {"exp_avg": m, "exp_avg_sq": m * m, **{name: np.float64(x) for name, x in numbers.items()}}


def _near_the_limit(generator: random.Random) -> dict[str, Any]:
    """Multiples below the limit for the usual β."""
    return {"ratio": np.float64(generator.uniform(0, 52)), "beta1": np.float64(0.9), "beta2": np.float64(0.999)}


later = Run(
    next_moments,
    {**dict.fromkeys(("exp_avg", "exp_avg_sq", "grad"), ONE), **dict.fromkeys(("ratio", "beta1", "beta2"), NUMBER)},
    Real(),
)
first = later.drawing(_first_moments)
prove(
    "ADAM-60",
    next_moments,
    theory="Real",
    bound="elementwise, all β₁ in [0, 1), β₂ in (0, 1), inductive",
    runs=lambda: [("", later)],
    twins=[sampled_twin("weighed twice", "takes ((1 - β) g)²", first, "ADAM-60", {second_moment: _weighed_twice})],
)
changed = Run(
    change_of,
    {**dict.fromkeys(("exp_avg", "exp_avg_sq"), ONE), **dict.fromkeys(("ratio", "step_size", "root", "eps"), NUMBER)},
    Real(),
    domain=lambda root, eps, step_size: (root > 0) & (eps > 0) & (step_size >= 0),
)
half = changed.drawing(_half_corrected)
prove(
    "ADAM-61",
    change_of,
    theory="Real",
    bound="elementwise, root > 0, ε > 0, step_size >= 0",
    runs=lambda: [("", changed)],
    twins=[sampled_twin("times root", "multiplies √v by the root", half, "ADAM-61", {denominator: _times_root})],
)
ratios = Run(ratio_in_range, dict.fromkeys(("ratio", "beta1", "beta2"), NUMBER), Real())
near = ratios.drawing(_near_the_limit)
prove(
    "ADAM-62",
    ratio_in_range,
    theory="Real",
    bound="β₁ in [0, 1), β₁² < β₂ < 1, inductive",
    runs=lambda: [("", ratios)],
    twins=[sampled_twin("sum", "forgets β₁² / β₂", near, "ADAM-62", {ratio_in_range: _with_the_last_forgotten})],
)
