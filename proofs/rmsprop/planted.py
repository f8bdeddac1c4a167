"""Plausible bugs in a step of RMSprop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.adam import first_moment, second_moment
from reference.optimizer.steps import Stepped, stepped, working_copy
from reference.rmsprop import RMSpropState, variance
from reference.sgd import plus
from reference.validation import as_float64


def planted(bug: str) -> Callable[..., Stepped]:
    """A step of RMSprop with one bug, and without any for a name that it does not know."""

    def step(
        param: Any,
        grad: Any,
        state: RMSpropState,
        *,
        lr: Any = 1e-2,
        alpha: Any = 0.99,
        eps: Any = 1e-8,
        weight_decay: Any = 0.0,
        momentum: Any = 0.0,
        centered: bool = False,
        maximize: bool = False,
    ) -> Stepped:
        lr, alpha, eps, decay, momentum = map(as_float64, (lr, alpha, eps, weight_decay, momentum))
        theta = working_copy(param, state.master)
        g = grad.astype(theta.dtype)
        if maximize and bug not in ("maximize late", "maximize forgotten"):
            g = -g
        if decay != 0 and bug != "no decay":
            g = plus(g, theta, decay)
        if maximize and bug == "maximize late":
            g = -g
        square_avg = second_moment(state.square_avg, g, 1 - alpha if bug == "alpha swapped" else alpha)
        if bug == "gradient averaged":
            square_avg = first_moment(state.square_avg, np.abs(g), alpha)
        mean, divided = state.grad_avg, square_avg
        if centered:
            zeros = np.zeros(g.shape, g.dtype)
            old = zeros if mean is None else mean
            mean = first_moment(old, g, alpha)
            divided = variance(square_avg, old if bug == "old mean" else mean)
        if bug == "old average":
            divided = state.square_avg
        root = np.sqrt(divided + eps.astype(g.dtype) if bug == "epsilon inside" else divided)
        u = g / (root if bug in ("epsilon inside", "no epsilon") else root + eps.astype(g.dtype))
        buffer = state.momentum_buffer
        if momentum != 0:
            old = np.zeros(g.shape, g.dtype) if buffer is None else buffer
            share = (1 - momentum).astype(g.dtype) if bug == "damped" else g.dtype.type(1)
            u = buffer = plus(share * u, old, momentum)
        if bug == "twice":
            u = 2 * u
        theta = plus(theta, u, lr if bug == "uphill" else -lr)
        return stepped(param, theta, RMSpropState, state.step + 1, square_avg, mean, buffer)

    return step
