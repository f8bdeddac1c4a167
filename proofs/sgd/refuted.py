"""Statements about SGD that one would like to be true, each kept with the input that refutes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.optimizer.false_statements import false_statement
from reference.exactness import same_bits
from reference.sgd import SGDState, sgd_step


def _square_loss_does_not_rise(theta: Any, buffer: Any, lr: float, momentum: float) -> bool:
    """Of ½ θ², whose gradient at θ is θ and whose L is 1."""
    after = sgd_step(theta, theta, SGDState(7, buffer), lr=lr, momentum=momentum).param
    return bool(after[0] ** 2 <= theta[0] ** 2)


def _is_within_the_series(theta: Any, grad: Any, momentum: float, dampening: float) -> bool:
    buffer = sgd_step(theta, grad, SGDState(0), momentum=momentum, dampening=dampening).state.momentum_buffer
    return bool(abs(buffer[0]) <= abs(grad[0]) * (1 - dampening) / (1 - momentum))


def _keeps_bits(theta: Any, grad: Any) -> bool:
    return bool(same_bits(sgd_step(theta, grad, SGDState(0), lr=0.0).param, theta))


ONE = np.array([1.0])
false_statement(
    "SGD-90",
    sgd_step,
    "a step along the gradient of ½ L θ² raises it for no lr < 3 / L: from 2 / L on it does",
    _square_loss_does_not_rise,
    "IEEE(float64)",
    theta=ONE,
    buffer=None,
    lr=2.5,
    momentum=0.0,
)
false_statement(
    "SGD-91",
    sgd_step,
    "with momentum and a small enough lr, no step raises the loss: at the minimum, what is left in the buffer does",
    _square_loss_does_not_rise,
    "IEEE(float64)",
    theta=np.array([0.0]),
    buffer=ONE,
    lr=2.0**-20,
    momentum=0.5,
)
false_statement(
    "SGD-92",
    sgd_step,
    "|b| <= G (1 - τ) / (1 - μ), the sum of the geometric series: the first gradient is not dampened",
    _is_within_the_series,
    "IEEE(float64)",
    theta=ONE,
    grad=ONE,
    momentum=0.5,
    dampening=0.75,
)
false_statement(
    "SGD-93",
    sgd_step,
    "lr = 0 changes no bit: -0 becomes 0 where the gradient is negative",
    _keeps_bits,
    "IEEE(float32)",
    theta=np.array([-0.0], np.float32),
    grad=np.array([-1.0], np.float32),
)
