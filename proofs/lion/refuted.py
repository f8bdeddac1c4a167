"""Statements about Lion that one would like to be true, each kept with the input that refutes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.optimizer.false_statements import false_statement
from reference.exactness import exact
from reference.lion import lion_state, lion_step


def _moves_by_lr_at_most(theta: Any, grad: Any, lr: float) -> bool:
    after = lion_step(theta, grad, lion_state(theta), lr=lr).param
    return bool(np.all(np.abs(exact(after) - exact(theta)) <= exact(np.float64(lr))))


def _stays_within(theta: Any, grad: Any, lr: float, decay: float) -> bool:
    after = lion_step(theta, grad, lion_state(theta), lr=lr, weight_decay=decay).param
    bound = 1 / exact(np.float64(decay))
    return bool(np.all((np.abs(exact(after)) <= bound) | (np.abs(exact(theta)) > bound)))


false_statement(
    "LION-90",
    lion_step,
    "no element moves by more than lr: rounding to nearest may take it half a unit further",
    _moves_by_lr_at_most,
    "IEEE(float32)",
    theta=np.array([2.0**24], np.float32),
    grad=np.array([1], np.float32),
    lr=1.5,
)
false_statement(
    "LION-91",
    lion_step,
    "where |θ| <= 1 / λ once, it stays so in floats too: by a unit in the last place it does not",
    _stays_within,
    "IEEE(float32)",
    theta=np.array([1.6666666], np.float32),
    grad=np.array([-1], np.float32),
    lr=0.3,
    decay=0.6,
)
