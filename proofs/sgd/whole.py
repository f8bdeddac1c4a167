"""Whole steps of SGD, from any state and with every option, bit by bit."""

from __future__ import annotations

import functools
from typing import Any

from proofs.optimizer.laws import planting
from proofs.optimizer.whole import first_states, planted_in, step_run, whole_steps
from proofs.prover.symbolic_run import Run
from proofs.sgd.planted import planted
from reference.sgd import SGDState, sgd_state, sgd_step


def each_option(dtype: Any) -> dict[str, Run]:
    """All options, with one element."""
    run = functools.partial(step_run, sgd_step, SGDState, dtype)
    plain = {"lr": None, "momentum": 0.0, "dampening": 0.0, "nesterov": False, "maximize": False}
    heavy = {**plain, "momentum": None, "weight_decay": None}
    return {
        "plain": run((), **plain, weight_decay=0.0),
        "plain, buffered": run(("momentum_buffer",), **plain, weight_decay=None),
        "first": run((), **{**heavy, "dampening": None}),
        "heavy": run(("momentum_buffer",), **{**heavy, "dampening": None, "maximize": True}),
        "nesterov": run(("momentum_buffer",), **{**heavy, "nesterov": True}),
    }


BUGS = {
    "uphill": "plain",
    "no decay": "plain, buffered",
    "dampened at first": "first",
    "maximize late": "heavy",
    "rate in the buffer": "heavy",
    "old buffer": "nesterov",
    "step not counted": "plain",
}
whole_steps("SGD-7", sgd_step, each_option, planted_in(planting(sgd_step, planted, tries=200), "SGD-7", BUGS))
first_states("SGD-8", sgd_state, lambda param: SGDState(1, None, None))
