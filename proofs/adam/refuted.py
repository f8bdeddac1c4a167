"""Statements about Adam that one would like to be true, each kept with the input that refutes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from proofs.prover.claims import CLAIMS, Claim, Exhaustion, Replay
from proofs.symbolic.inputs import show
from reference.adam import (
    AdamState,
    Moments,
    adam_state,
    adam_step,
    adamw_step,
    algorithm_1,
    bias_correction,
    epsilon_hat_step,
    first_moment,
    moved,
)
from reference.exactness import same_bits

BETAS = (np.float64(0.9), np.float64(0.999))


def false_statement(
    name: str,
    function: Callable[..., Any],
    statement: str,
    run: Callable[..., tuple[bool, Any]],
    inputs: Mapping[str, Any],
    theory: str = "IEEE(float32)",
    bound: str = "one input",
) -> Claim:
    """Register a statement that the shipped function breaks; ``run`` says whether it holds, and what came out."""

    def refuted() -> Exhaustion:
        holds, result = run(**inputs)
        shown = {key: show(value) for key, value in inputs.items()}
        return Exhaustion(1, None if holds else Replay(True, shown, {"result": show(result)}, statement))

    return CLAIMS.register(
        Claim(
            id=name,
            row="adam",
            function=f"{function.__module__}.{function.__name__}",
            statement=statement,
            verb="refute",
            theory=theory,
            bound=bound,
            exhaust=refuted,
        )
    )


def _mean_is_between(exp_avg: Any, grad: Any, beta: Any) -> tuple[bool, Any]:
    result = first_moment(exp_avg, grad, beta)
    return bool(np.abs(result)[0] <= max(abs(exp_avg[0]), abs(grad[0]))), result


def _first_step(grad: Any, lr: Any, eps: Any) -> Any:
    """The first step of a parameter that is 0, all in the gradient's dtype."""
    zero = np.zeros(grad.shape, grad.dtype)
    return moved(zero, grad, Moments(zero, zero, None), BETAS, algorithm_1(lr, BETAS, eps, 1)).theta


def _first_step_is_below(grad: Any, lr: Any, eps: Any) -> tuple[bool, Any]:
    result = _first_step(grad, lr, eps)
    return bool(np.all(np.abs(result.astype(np.float64)) <= lr)), result


def _later_step_is_below(lr: Any, steps: int) -> tuple[bool, Any]:
    """Gradients (β₁ / β₂)ᵏ, k steps before the last; zero gradients before them left nothing but their count."""
    state, param = AdamState(10**6, np.zeros(1), np.zeros(1)), np.zeros(1)
    for k in range(steps, -1, -1):
        before = param
        param, state = adam_step(before, (BETAS[0] / BETAS[1]) ** np.array([float(k)]), state, lr=lr, betas=BETAS)
    result = np.abs(param - before) / lr
    return bool(np.all(result <= (1 - BETAS[0]) / np.sqrt(1 - BETAS[1]))), result


def _decays_are_one(param: Any, grad: Any, weight_decay: Any) -> tuple[bool, Any]:
    state = adam_state(param)
    one, other = (step(param, grad, state, weight_decay=weight_decay).param for step in (adam_step, adamw_step))
    return bool(same_bits(one, other)), [one, other]


def _forms_are_one(param: Any, grad: Any, eps: Any) -> tuple[bool, Any]:
    state = adam_state(param)
    one, other = (step(param, grad, state, eps=eps).param for step in (adam_step, epsilon_hat_step))
    return bool(np.allclose(one, other)), [one, other]


def _loss_falls(param: Any, lr: Any) -> tuple[bool, Any]:
    """The loss ½ θ², whose gradient is θ."""
    result = adam_step(param, param, adam_state(param), lr=lr).param
    return bool(np.all(result * result <= param * param)), result


def _is_always_corrected(beta: Any, step: int) -> tuple[bool, Any]:
    result = bias_correction(beta, step)
    return bool(result < 1), result


false_statement(
    "ADAM-90",
    first_moment,
    "|m'| <= max(|m|, |g|): 7 and 7 average to more than 7, for β and 1 - β rounded add up to more than 1 (ADAM-1)",
    _mean_is_between,
    {"exp_avg": np.array([7], np.float32), "grad": np.array([7], np.float32), "beta": np.float64(0.99)},
)
false_statement(
    "ADAM-91",
    moved,
    "|Δθ| <= lr at the first step in float32: off by an ulp (ADAM-54)",
    _first_step_is_below,
    {"grad": np.array([163], np.float32), "lr": np.float64(1), "eps": np.float64(1e-8)},
)
false_statement(
    "ADAM-92",
    moved,
    "|Δθ| <= lr with moments in float16: (1 - β₂) g² underflows to 0, ε = 1e-4 alone divides, and the step is 54.5 lr",
    _first_step_is_below,
    {"grad": np.array([0.00545], np.float16), "lr": np.float64(1), "eps": np.float64(1e-4)},
    theory="IEEE(float16)",
)
false_statement(
    "ADAM-93",
    adam_step,
    "|Δθ| <= lr (1 - β₁) / √(1 - β₂), the paper's bound (section 2.1): 7.27 lr against 3.16 lr (ADAM-61, ADAM-62)",
    _later_step_is_below,
    {"lr": np.float64(1), "steps": 200},
    theory="IEEE(float64)",
    bound="201 gradients (β₁ / β₂)ᵏ",
)
false_statement(
    "ADAM-94",
    adamw_step,
    "AdamW's decay is that of Adam: a decay in the gradient is divided by √v like all of it",
    _decays_are_one,
    {
        "param": np.array([1, 2, 3, 4], np.float32),
        "grad": np.array([1, 1, 1, 1], np.float32),
        "weight_decay": np.float64(0.25),
    },
    bound="n = 4",
)
false_statement(
    "ADAM-95",
    epsilon_hat_step,
    "ε and ε̂ are one, to 1e-5 relatively: at the first step ε̂ counts 31.6 times (ADAM-40)",
    _forms_are_one,
    {"param": np.zeros(1), "grad": np.array([1e-8]), "eps": np.float64(1e-8)},
    theory="IEEE(float64)",
)
false_statement(
    "ADAM-96",
    adam_step,
    "the first step raises no loss ½ θ² for lr < 2 / L: it moves by lr however small the gradient is (ADAM-70)",
    _loss_falls,
    {"param": np.array([1e-4]), "lr": np.float64(1e-3)},
    theory="IEEE(float64)",
)
false_statement(
    "ADAM-97",
    bias_correction,
    "1 - βᵗ < 1: from t = 356 on, 0.9ᵗ is lost beside 1 (ADAM-5)",
    _is_always_corrected,
    {"beta": np.float64(0.9), "step": 356},
    theory="IEEE(float64)",
)
