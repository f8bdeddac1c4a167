"""Whole steps, from any state and with every option: the bits of Algorithm 1 written out as one sequence of operations."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from proofs.optimizer.whole import FLOATS, NUMBER, step_run, whole_steps
from proofs.prover.claims import Twin
from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Fixed, Input
from reference.adam import (
    AdamState,
    adam_state,
    adam_step,
    adamw_step,
    change,
    denominator,
    epsilon_hat_step,
    first_moment,
    second_moment,
)
from reference.contracts import bare

MOMENTS = {False: ("exp_avg", "exp_avg_sq"), True: ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")}  # by AMSGrad


def each_option(step: Callable[..., Any], dtype: Any) -> dict[str, Run]:
    """One element from any state, with each option, λ > 0 or none."""
    run = functools.partial(step_run, step, AdamState, dtype, betas=(0.9, 0.999))
    settings = dict.fromkeys(("lr", "eps", "weight_decay"), NUMBER)
    return {
        f"amsgrad {amsgrad}, maximize {maximize}": run(MOMENTS[amsgrad], amsgrad=amsgrad, maximize=maximize, **settings)
        for amsgrad, maximize in itertools.product((False, True), repeat=2)
    }


def _lerp(exp_avg: Any, grad: Any, beta: Any) -> Any:
    return exp_avg + (1 - beta).astype(exp_avg.dtype) * (grad - exp_avg)


def _square_first(exp_avg_sq: Any, grad: Any, beta: Any) -> Any:
    kept, new = beta.astype(exp_avg_sq.dtype), (1 - beta).astype(exp_avg_sq.dtype)
    return kept * exp_avg_sq + new * (grad * grad)


def _root_of_quotient(exp_avg_sq: Any, root: Any, eps: Any) -> Any:
    corrected = exp_avg_sq / (root * root).astype(exp_avg_sq.dtype)
    return np.sqrt(corrected) + eps.astype(exp_avg_sq.dtype)


def _product_first(exp_avg: Any, divisor: Any, step_size: Any) -> Any:
    return step_size.astype(exp_avg.dtype) * exp_avg / divisor


BUGS = (
    ("lerp", "averages as m + (1 - β)(g - m)", first_moment, _lerp),
    ("square first", "takes (1 - β) (g²)", second_moment, _square_first),
    ("root of quotient", "takes √(v / (1 - β₂ᵗ))", denominator, _root_of_quotient),
    ("product first", "takes (step_size m) / divisor", change, _product_first),
)


def _planted(clause: str, step: Callable[..., Any], runs: Mapping[str, Run]) -> list[Twin]:
    """The bugs, but for one in a root that the step has not."""
    plain = next(iter(runs.values()))
    here = [bug for bug in BUGS if step is not epsilon_hat_step or bug[2] is not denominator]
    return [sampled_twin(bug, why, plain, clause, {piece: other}) for bug, why, piece, other in here]


for clause, step in (("ADAM-14", adam_step), ("ADAM-15", adamw_step), ("ADAM-16", epsilon_hat_step)):
    whole_steps(
        clause,
        step,
        functools.partial(each_option, step),
        functools.partial(_planted, clause, step),
        "elementwise, any state, default β, all options",
    )


def _ones(param: Any, *, amsgrad: bool = False) -> AdamState:
    state = bare(adam_state)(param, amsgrad=amsgrad)
    return AdamState(0, state.exp_avg, np.ones_like(state.exp_avg_sq), state.max_exp_avg_sq, state.master)


def each_state(dtype: Any) -> Iterator[tuple[str, Run]]:
    """One and two elements, with AMSGrad and without."""
    for size, amsgrad in itertools.product((1, 2), (False, True)):
        inputs: dict[str, Input] = {"param": Array(dtype, (size,)), "amsgrad": Fixed(amsgrad)}
        yield f"n = {size}, amsgrad {amsgrad}: ", Run(adam_state, inputs, IEEE())


for dtype in FLOATS:
    name = np.dtype(dtype).name
    runs = tuple(each_state(dtype))
    prove(
        "ADAM-17",
        adam_state,
        variant=name,
        theory=f"IEEE({name})",
        bound="n <= 2",
        runs=functools.partial(list, runs),
        twins=[sampled_twin("ones", "starts v at 1", runs[0][1], "ADAM-17", {adam_state: _ones})],
    )
