"""Statements about RMSprop that one would like to be true, each kept with the input that refutes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.optimizer.false_statements import false_statement
from reference.exactness import exact
from reference.rmsprop import rmsprop_state, rmsprop_step


def _has_no_negative_variance(theta: Any, grad: Any, steps: int) -> bool:
    """In the dtype of the averages, as torch computes it."""
    param, state = theta, rmsprop_state(theta)
    for _ in range(steps):
        param, state = rmsprop_step(param, grad, state, centered=True)
        if np.any(state.square_avg - state.grad_avg * state.grad_avg < 0):
            return False
    return True


def _moves_by_lr_at_most(theta: Any, grad: Any, lr: float) -> bool:
    after = rmsprop_step(theta, grad, rmsprop_state(theta), lr=lr).param
    return bool(np.all(np.abs(exact(after) - exact(theta)) <= exact(np.float64(lr))))


ONE = np.array([1.0])
false_statement(
    "RMS-90",
    rmsprop_step,
    "v >= ḡ² as computed, so a centered step has a root to take: not after 1,202 gradients of 0.1",
    _has_no_negative_variance,
    "IEEE(float32)",
    theta=np.array([1], np.float32),
    grad=np.array([0.1], np.float32),
    steps=1300,
)
false_statement(
    "RMS-91",
    rmsprop_step,
    "no step is larger than lr: the first is 10 times as large, for no average is corrected for its start at 0",
    _moves_by_lr_at_most,
    "IEEE(float64)",
    theta=ONE,
    grad=ONE,
    lr=0.01,
)
