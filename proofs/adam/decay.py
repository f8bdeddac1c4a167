"""Weight decay: Adam's is part of the gradient, AdamW's touches the parameter alone."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from proofs.optimizer.laws import Both
from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Input
from reference.adam import AdamState, Moments, adam_step, adamw_step
from reference.contracts import bare, ensure
from reference.exactness import same_bits
from reference.hyperparameters import has_master, working_dtype
from reference.optimizer.steps import Stepped

NUMBER = Array(np.float64)
STEP = 3  # so many were made before


def state_of(param: Any, moments: Moments) -> AdamState:
    """A state in mid-run; the master copy of a parameter of 16 bits is the parameter itself."""
    master = param.astype(working_dtype(param.dtype)) if has_master(param.dtype) else None
    return AdamState(STEP, *moments, master)


def _same_state(one: AdamState, other: AdamState) -> Any:
    return (
        same_bits(one.exp_avg, other.exp_avg) & same_bits(one.exp_avg_sq, other.exp_avg_sq) & (one.step == other.step)
    )


@ensure("ADAM-30", lambda result: _same_state(result.one.state, result.other.state))
def adamw_with_two_decays(
    param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, lr: Any, decay: Any, other: Any
) -> Both:
    """The same step of AdamW with two decays.

    Claims
        ADAM-30  prove  IEEE(float16, float32, float64)  elementwise, from any state  the moments do not depend on λ
    """
    state = state_of(param, Moments(exp_avg, exp_avg_sq, None))
    return Both(*(adamw_step(param, grad, state, lr=lr, weight_decay=each) for each in (decay, other)))


@ensure(
    "ADAM-31",
    lambda result: same_bits(result.one.param, result.other.param) & _same_state(result.one.state, result.other.state),
)
def adam_with_decay_and_without(
    param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, lr: Any, weight_decay: Any
) -> Both:
    """A step of Adam with a decay, and one without on the gradient of the loss plus ½ λ θ².

    Claims
        ADAM-31  prove  IEEE(float16, float32, float64)  elementwise, from any state, λ > 0
                 Adam(λ) on g is Adam(0) on g + λ θ, in every bit of parameter and state
    """
    state = state_of(param, Moments(exp_avg, exp_avg_sq, None))
    theta = param if state.master is None else state.master
    regularised = grad.astype(theta.dtype) + weight_decay.astype(theta.dtype) * theta
    return Both(
        adam_step(param, grad, state, lr=lr, weight_decay=weight_decay), adam_step(param, regularised, state, lr=lr)
    )


def _adam_for_adamw(param: Any, grad: Any, state: AdamState, **settings: Any) -> Stepped:
    return bare(adam_step)(param, grad, state, **settings)


def _adamw_for_adam(param: Any, grad: Any, state: AdamState, **settings: Any) -> Stepped:
    return bare(adamw_step)(param, grad, state, **{"weight_decay": 0.0, **settings})


def _are_settings(*numbers: Any) -> Any:
    return functools.reduce(np.logical_and, [(x >= 0) & np.isfinite(x) for x in numbers])


for dtype in (np.float16, np.float32, np.float64):
    name = np.dtype(dtype).name
    one, moment = Array(dtype, (1,)), Array(working_dtype(np.dtype(dtype)), (1,))
    inputs: dict[str, Input] = {"param": one, "grad": one, "exp_avg": moment, "exp_avg_sq": moment, "lr": NUMBER}
    with_two = Run(
        adamw_with_two_decays,
        {**inputs, "decay": NUMBER, "other": NUMBER},
        IEEE(),
        domain=lambda lr, decay, other: _are_settings(lr, decay, other),
    )
    prove(
        "ADAM-30",
        adamw_with_two_decays,
        variant=name,
        theory=f"IEEE({name})",
        bound="elementwise, from any state",
        runs=functools.partial(list, [("", with_two)]),
        twins=[sampled_twin("coupled", "is Adam", with_two, "ADAM-30", {adamw_step: _adam_for_adamw})],
    )
    with_and_without = Run(
        adam_with_decay_and_without,
        {**inputs, "weight_decay": NUMBER},
        IEEE(),
        domain=lambda lr, weight_decay: _are_settings(lr, weight_decay) & (weight_decay > 0),
    )
    prove(
        "ADAM-31",
        adam_with_decay_and_without,
        variant=name,
        theory=f"IEEE({name})",
        bound="elementwise, from any state, λ > 0",
        runs=functools.partial(list, [("", with_and_without)]),
        twins=[sampled_twin("decoupled", "is AdamW", with_and_without, "ADAM-31", {adam_step: _adamw_for_adam})],
    )
