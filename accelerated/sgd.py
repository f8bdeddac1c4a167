"""Stochastic gradient descent as kernels: `reference.sgd`, bit for bit, on the processor and on the GPU.

`sgd_step` has the name and signature of the reference. `sgd_steps` takes lists and makes all steps in one launch for each pair
of dtypes; a trailing underscore, as in torch, means that parameter and state are written over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from accelerated import sources
from accelerated.launch import flat
from accelerated.optimizer import Launched
from accelerated.steps import Member, Optimizer, Replaced, Settings, Work, rounded, steps_of, working_copy
from reference import sgd as reference
from reference.optimizer import Stepped
from reference.sgd import SGDState, sgd_state
from reference.validation import as_float64

__all__ = ["SGD", "SGDState", "sgd_state", "sgd_step", "sgd_step_", "sgd_steps", "sgd_steps_"]


def _work(member: Member, settings: Settings, in_place: bool) -> Work:
    """The row of a parameter, in the order of SGDArrays."""
    param, grad, state = member
    theta = Replaced(working_copy(member), in_place)
    image = None if state.master is None else Replaced(param, in_place, is_read=False)
    buffer, kept = None, state.momentum_buffer
    if as_float64(settings["momentum"]) != 0:
        buffer = Replaced(kept, in_place) if kept is not None else _first_buffer(member)
    row = [
        theta.read,
        flat(grad),
        None if buffer is None else buffer.read,
        theta.write,
        None if buffer is None else buffer.write,
        None if image is None else image.write,
    ]

    def result() -> Stepped:
        after, after_buffer = theta.result(), kept if buffer is None else buffer.result()
        if image is None:
            return Stepped(after, SGDState(state.step + 1, after_buffer))
        return Stepped(image.result(), SGDState(state.step + 1, after_buffer, after))

    return Work(row, (), result)


def _first_buffer(member: Member) -> Replaced:
    """A buffer that is made, not read: the first one is the gradient."""
    return Replaced(working_copy(member), False, is_read=False)


def _numbers(settings: Settings, dtype: Any) -> Sequence[Any]:
    """The settings in the order of the kernel's arguments, each rounded once."""
    names = ("lr", "momentum", "dampening", "weight_decay")
    lr, momentum, dampening, decay = (as_float64(settings[name]) for name in names)
    floats = rounded((-lr, momentum, 1 - dampening, decay), dtype)
    return [*floats, int(decay != 0), int(settings["nesterov"]), int(settings["maximize"])]


_SGD = Optimizer(reference.sgd_step, lambda: sources.read("sgd"), "sgd", _work, _numbers)
sgd_step, sgd_steps, sgd_step_, sgd_steps_ = steps_of(_SGD, "sgd_step")


class SGD(Launched, reference.SGD):
    """The optimizer of the reference, the steps of a group in one launch."""

    kernels = _SGD
