"""Whole steps of RMSprop, from any state and with every option, bit by bit."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from proofs.optimizer.laws import planting
from proofs.optimizer.whole import first_states, planted_in, step_run, whole_steps
from proofs.prover.symbolic_run import Run
from proofs.rmsprop.planted import planted
from reference.rmsprop import RMSpropState, rmsprop_state, rmsprop_step


def _runs(dtype: Any) -> dict[str, Run]:
    run = functools.partial(step_run, rmsprop_step, RMSpropState, dtype)
    plain = {"lr": None, "alpha": None, "eps": None, "weight_decay": 0.0, "momentum": 0.0, "centered": False}
    whole = {**plain, "weight_decay": None, "momentum": None, "centered": True, "maximize": True}
    return {
        "plain": run(("square_avg",), **plain, maximize=False),
        "buffered": run(("square_avg", "grad_avg", "momentum_buffer"), **plain, maximize=True),
        "first": run(("square_avg",), **whole),
        "whole": run(("square_avg", "grad_avg", "momentum_buffer"), **whole),
    }


BUGS = {
    "uphill": "plain",
    "epsilon inside": "plain",
    "old average": "plain",
    "alpha swapped": "plain",
    "maximize late": "whole",
    "old mean": "first",
    "damped": "whole",
    "no decay": "whole",
}
whole_steps("RMS-4", rmsprop_step, _runs, planted_in(planting(rmsprop_step, planted, tries=200), "RMS-4", BUGS))
first_states("RMS-5", rmsprop_state, lambda param: RMSpropState(0, np.ones(param.shape, np.float32)))
