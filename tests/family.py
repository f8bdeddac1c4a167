"""The steps of all optimizers, with the options under which tests run them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import proofs.lion.planted
import proofs.rmsprop.planted
import proofs.sgd.planted
from reference.adam import adam_state, adam_step, adamw_step
from reference.lion import lion_state, lion_step
from reference.rmsprop import rmsprop_state, rmsprop_step
from reference.sgd import sgd_state, sgd_step

SGD_OPTIONS: list[dict[str, Any]] = [
    {"lr": 0.01},
    {"lr": 0.01, "weight_decay": 0.1},
    {"lr": 0.01, "maximize": True, "weight_decay": 0.1},
    {"lr": 0.01, "momentum": 0.9},
    {"lr": 0.01, "momentum": 0.9, "dampening": 0.3},
    {"lr": 0.01, "momentum": 0.9, "nesterov": True},
    {"lr": 0.01, "momentum": 0.5, "nesterov": True, "weight_decay": 0.2, "maximize": True},
    {"lr": 0.3, "momentum": 0.99, "dampening": 0.9, "weight_decay": 0.01},
]
RMSPROP_OPTIONS: list[dict[str, Any]] = [
    {},
    {"lr": 0.1, "alpha": 0.5, "eps": 1e-3},
    {"weight_decay": 0.1, "eps": 0.5},
    {"weight_decay": 0.1, "eps": 0.5, "maximize": True},
    {"momentum": 0.9},
    {"centered": True, "eps": 0.5},
    {"centered": True, "momentum": 0.5, "weight_decay": 0.2, "eps": 0.5, "maximize": True},
]
LION_OPTIONS: list[dict[str, Any]] = [
    {},
    {"lr": 0.1, "betas": (0.5, 0.75)},
    {"lr": 0.01, "weight_decay": 0.3},
    {"lr": 0.01, "weight_decay": 0.3, "maximize": True, "betas": (0.95, 0.98)},
    {"betas": (0.0, 0.0)},
]
ADAM_OPTIONS: list[dict[str, Any]] = [
    {},
    {"lr": 0.1},
    {"betas": (0.5, 0.75)},
    {"betas": (0.0, 0.0)},
    {"eps": 1e-3},
    {"weight_decay": 0.1},
    {"amsgrad": True},
    {"maximize": True},
    {"amsgrad": True, "maximize": True, "weight_decay": 0.5, "lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-6},
]


@dataclass(frozen=True)
class Kind:
    """An optimizer's step, its state before the first one, and steps with a planted bug where there are such."""

    step: Callable[..., Any]
    start: Callable[..., Any]
    options: list[dict[str, Any]]
    planted: Callable[[str], Callable[..., Any]] | None = None

    def state(self, param: Any, options: dict[str, Any]) -> Any:
        """The state of a parameter that is to be stepped with these options."""
        amsgrad = {name: value for name, value in options.items() if name == "amsgrad"}
        return self.start(param, **amsgrad)


FAMILY = {
    "SGD": Kind(sgd_step, sgd_state, SGD_OPTIONS, proofs.sgd.planted.planted),
    "RMSprop": Kind(rmsprop_step, rmsprop_state, RMSPROP_OPTIONS, proofs.rmsprop.planted.planted),
    "Lion": Kind(lion_step, lion_state, LION_OPTIONS, proofs.lion.planted.planted),
    "Adam": Kind(adam_step, adam_state, ADAM_OPTIONS),
    "AdamW": Kind(adamw_step, adam_state, ADAM_OPTIONS),
}
EVERY = [(name, options) for name, kind in FAMILY.items() for options in kind.options]
