"""Whole steps of Lion, from any state and with every option, bit by bit."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from proofs.lion.planted import planted
from proofs.optimizer.laws import planting
from proofs.optimizer.whole import first_states, planted_in, step_run, whole_steps
from proofs.prover.symbolic_run import Run
from reference.lion import LionState, lion_state, lion_step


def _runs(dtype: Any) -> dict[str, Run]:
    run = functools.partial(step_run, lion_step, LionState, dtype, ("exp_avg",), lr=None, betas=(0.9, 0.99))
    return {"plain": run(weight_decay=0.0, maximize=False), "whole": run(weight_decay=None, maximize=True)}


BUGS = {
    "uphill": "plain",
    "no sign": "plain",
    "update kept": "plain",
    "decay last": "whole",
    "coupled decay": "whole",
    "maximize forgotten": "whole",
}
whole_steps("LION-3", lion_step, _runs, planted_in(planting(lion_step, planted, tries=200), "LION-3", BUGS))
first_states("LION-4", lion_state, lambda param: LionState(0, np.ones(param.shape, np.float32)))
