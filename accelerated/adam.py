"""Adam and AdamW as kernels: `reference.adam`, bit for bit, on the processor and on the GPU.

`adam_step`, `epsilon_hat_step`, `adamw_step` and `adam_state` have the names and signatures of the reference. Names that end
with ``steps`` take lists and make all steps in one launch for each pair of dtypes; a trailing underscore, as in torch, means
that parameter and state are written over.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from accelerated import sources
from accelerated.launch import array_module, flat
from accelerated.optimizer import Launched
from accelerated.steps import (
    Member,
    Optimizer,
    Replaced,
    Settings,
    Work,
    rounded,
    same_preconditions,
    steps_of,
    working_copy,
)
from reference import adam as reference
from reference import adam_classes
from reference.adam import AdamState, Rates, algorithm_1, epsilon_hat, next_step
from reference.hyperparameters import has_master, working_dtype
from reference.optimizer import Stepped
from reference.validation import as_float64

__all__ = [
    "Adam",
    "AdamState",
    "AdamW",
    "Stepped",
    "adam_state",
    "adam_step",
    "adam_step_",
    "adam_steps",
    "adam_steps_",
    "adamw_step",
    "adamw_step_",
    "adamw_steps",
    "adamw_steps_",
    "epsilon_hat_step",
    "epsilon_hat_step_",
    "epsilon_hat_steps",
    "epsilon_hat_steps_",
]

Form = Callable[..., Rates]


@same_preconditions(reference.adam_state)
def adam_state(param: Any, *, amsgrad: bool = False) -> AdamState:
    """The state of a parameter before its first step, where the parameter is: `reference.adam.adam_state`."""
    xp, dtype = array_module(param), working_dtype(param.dtype)
    zeros = [xp.zeros(param.shape, dtype) for _ in range(3 if amsgrad else 2)]
    master = param.astype(dtype) if has_master(param.dtype) else None
    return AdamState(0, zeros[0], zeros[1], zeros[2] if amsgrad else None, master)


def _work(form: Form, member: Member, settings: Settings, in_place: bool) -> Work:
    """The row of a parameter, in the order of AdamArrays."""
    param, grad, state = member
    step = next_step(state.step)
    theta = Replaced(working_copy(member), in_place)
    exp_avg, exp_avg_sq = Replaced(state.exp_avg, in_place), Replaced(state.exp_avg_sq, in_place)
    largest = None if state.max_exp_avg_sq is None else Replaced(state.max_exp_avg_sq, in_place)
    image = None if state.master is None else Replaced(param, in_place, is_read=False)
    row = [
        theta.read,
        flat(grad),
        exp_avg.read,
        exp_avg_sq.read,
        None if largest is None else largest.read,
        theta.write,
        exp_avg.write,
        exp_avg_sq.write,
        None if largest is None else largest.write,
        None if image is None else image.write,
    ]

    def result() -> Stepped:
        after = theta.result()
        moments = exp_avg.result(), exp_avg_sq.result(), None if largest is None else largest.result()
        if image is None:
            return Stepped(after, AdamState(step, *moments))
        return Stepped(image.result(), AdamState(step, *moments, after))

    lr, betas, eps, _ = _floats(settings)
    rates = _rates(form, lr, betas, eps, step)
    return Work(row, (rates.step_size, rates.root), result)


def _numbers(decoupled: bool, settings: Settings, dtype: Any) -> Sequence[Any]:
    """The settings in the order of the kernel's arguments, each rounded once."""
    lr, (beta1, beta2), eps, decay = _floats(settings)
    floats = [beta1, 1 - beta1, beta2, 1 - beta2, eps, decay, 1 - lr * decay]
    coupled = not decoupled and decay != 0
    flags = [coupled, decoupled, settings["amsgrad"], settings["maximize"]]
    return [*rounded(floats, dtype), *map(int, flags)]


def _floats(settings: Settings) -> tuple[Any, tuple[Any, Any], Any, Any]:
    """lr, betas, eps and weight_decay in float64."""
    lr, eps, decay = (as_float64(settings[name]) for name in ("lr", "eps", "weight_decay"))
    return lr, (as_float64(settings["betas"][0]), as_float64(settings["betas"][1])), eps, decay


@functools.lru_cache(maxsize=64)
def _rates(form: Form, lr: Any, betas: tuple[Any, Any], eps: Any, step: int) -> Rates:
    """What the members of a list that made the same number of steps share, computed once."""
    return form(lr, betas, eps, step)


def _optimizer(step: Callable[..., Any], form: Form, decoupled: bool) -> Optimizer:
    work = functools.partial(_work, form)
    return Optimizer(step, lambda: sources.read("adam"), "adam", work, functools.partial(_numbers, decoupled))


ADAM = _optimizer(reference.adam_step, algorithm_1, False)
EPSILON_HAT = _optimizer(reference.epsilon_hat_step, epsilon_hat, False)
ADAMW = _optimizer(reference.adamw_step, algorithm_1, True)

adam_step, adam_steps, adam_step_, adam_steps_ = steps_of(ADAM, "adam_step")
epsilon_hat_step, epsilon_hat_steps, epsilon_hat_step_, epsilon_hat_steps_ = steps_of(EPSILON_HAT, "epsilon_hat_step")
adamw_step, adamw_steps, adamw_step_, adamw_steps_ = steps_of(ADAMW, "adamw_step")


class Adam(Launched, adam_classes.Adam):
    """The optimizer of the reference, the steps of a group in one launch."""

    start = staticmethod(adam_state)
    kernels = ADAM


class AdamW(Launched, adam_classes.AdamW):
    """The optimizer of the reference, the steps of a group in one launch."""

    start = staticmethod(adam_state)
    kernels = ADAMW
