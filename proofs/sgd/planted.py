"""Plausible bugs in a step of SGD."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference.hyperparameters import working_dtype
from reference.optimizer.steps import Stepped, stepped, working_copy
from reference.sgd import SGDState, plus
from reference.validation import as_float64


def planted(bug: str) -> Callable[..., Stepped]:
    """A step of SGD with one bug, and without any for a name that it does not know."""

    def step(
        param: Any,
        grad: Any,
        state: SGDState,
        *,
        lr: Any = 1e-3,
        momentum: Any = 0.0,
        dampening: Any = 0.0,
        weight_decay: Any = 0.0,
        nesterov: bool = False,
        maximize: bool = False,
    ) -> Stepped:
        lr, momentum, dampening, decay = map(as_float64, (lr, momentum, dampening, weight_decay))
        theta = working_copy(param, state.master)
        if bug == "from the image":
            theta = param.astype(working_dtype(param.dtype))
        g = grad.astype(theta.dtype)
        if maximize and bug not in ("maximize late", "maximize forgotten"):
            g = -g
        if bug == "decoupled decay":
            theta = theta * (1 - lr * decay).astype(theta.dtype)
        elif decay != 0 and bug != "no decay":
            g = plus(g, theta, decay)
        if maximize and bug == "maximize late":
            g = -g
        u, buffer = g, state.momentum_buffer
        if momentum != 0:
            old = buffer
            if bug == "rate in the buffer":
                g = lr.astype(g.dtype) * g
            fresh = g if bug == "dampening forgotten" else (1 - dampening).astype(g.dtype) * g
            if buffer is None:
                buffer = fresh if bug == "dampened at first" else g
            else:
                buffer = fresh + (buffer if bug == "momentum forgotten" else momentum.astype(g.dtype) * buffer)
            u = buffer
            if nesterov:
                u = plus(g, old if bug == "old buffer" and old is not None else buffer, momentum)
        u = {"unit direction": lambda: u / abs(u), "twice": lambda: 2 * u, "half": lambda: u / 4}.get(bug, lambda: u)()
        if bug == "rate in the buffer" and momentum != 0:
            return stepped(param, theta - u, SGDState, state.step + 1, buffer)
        after = stepped(param, theta + u * lr.astype(u.dtype) if bug == "uphill" else plus(theta, u, -lr), SGDState, 0)
        kept = None if bug == "no master" else after.state.master
        return Stepped(after.param, SGDState(state.step + (bug != "step not counted"), buffer, kept))

    return step
