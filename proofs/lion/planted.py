"""Plausible bugs in a step of Lion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference.adam import first_moment
from reference.lion import LionState, moved
from reference.optimizer.steps import Stepped, stepped, working_copy
from reference.sgd import plus
from reference.validation import as_float64


def planted(bug: str) -> Callable[..., Stepped]:
    """A step of Lion with one bug, and without any for a name that it does not know."""

    def step(
        param: Any,
        grad: Any,
        state: LionState,
        *,
        lr: Any = 1e-4,
        betas: tuple[Any, Any] = (0.9, 0.99),
        weight_decay: Any = 0.0,
        maximize: bool = False,
    ) -> Stepped:
        lr, decay, now, later = map(as_float64, (lr, weight_decay, *betas))
        if bug == "betas swapped":
            now, later = later, now
        theta = working_copy(param, state.master)
        g = grad.astype(theta.dtype)
        if maximize and bug != "maximize forgotten":
            g = -g
        if bug == "coupled decay" and decay != 0:
            g = plus(g, theta, decay)
        exp_avg = first_moment(state.exp_avg, g, later)
        mean = exp_avg if bug == "of the average" else first_moment(state.exp_avg, g, now)
        towards = g if bug == "sign of the gradient" else mean
        if bug == "decay without rate":
            theta = theta * (1 - decay).astype(theta.dtype)
        elif bug not in ("coupled decay", "decay last"):
            theta = theta * (1 - lr * decay).astype(theta.dtype)
        if bug == "no sign":
            theta = theta - lr.astype(g.dtype) * towards
        else:
            theta = moved(theta, -towards if bug == "uphill" else towards, lr)
        if bug == "decay last":
            theta = theta * (1 - lr * decay).astype(theta.dtype)
        if bug == "update kept":
            exp_avg = first_moment(state.exp_avg, g, now)
        return stepped(param, theta, LionState, state.step + 1, exp_avg)

    return step
