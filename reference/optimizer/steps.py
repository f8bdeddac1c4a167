"""What the steps of all optimizers share: in what they compute, their decays, and what they give.

State and arithmetic are float32, or float64 for float64 parameters; float16 and bfloat16 parameters have a float32 master
copy in their state, of which they are the rounded image. Every function computes each element by itself. Non-finite gradients
are no error: they go through as IEEE 754 says, and claims name the range they speak of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from reference.contracts import ensure
from reference.hyperparameters import has_master, working_dtype
from reference.optimizer.clauses import parameter


class Stepped(NamedTuple):
    """A parameter after a step, and its state."""

    param: Any
    state: Any


@parameter
@ensure("OPT-1", lambda result, param: _rounds_to(result, param))
def master_copy(param: Any) -> Any:
    """What a state keeps of a float16 or bfloat16 parameter, to be stepped in its place: its float32; of others, ``None``.

    Claims
        OPT-1  exhaust  IEEE(float16, bfloat16)  elementwise, every value
               rounded to the parameter's dtype, it is the parameter
    """
    return param.astype(working_dtype(param.dtype)) if has_master(param.dtype) else None


def _rounds_to(master: Any, param: Any) -> Any:
    if master is None:
        return not has_master(param.dtype)
    image = master.astype(param.dtype)
    same = (image == param) & (np.signbit(image) == np.signbit(param))
    return np.all(same | (np.isnan(image) & np.isnan(param)))


def working_copy(param: Any, master: Any) -> Any:
    """What a step computes with: the master copy where there is one."""
    return param if master is None else master


def uphill(grad: Any, maximize: bool) -> Any:
    """The gradient of what is minimized: -g where the function is to be maximized."""
    return -grad if maximize else grad


def coupled_decay(theta: Any, grad: Any, weight_decay: Any) -> Any:
    """The gradient of the loss plus ½ λ θ², that is g + λ θ. Without decay, g itself."""
    return grad + weight_decay.astype(theta.dtype) * theta if weight_decay != 0 else grad


def decoupled_decay(theta: Any, lr: Any, weight_decay: Any) -> Any:
    """θ (1 - lr λ), the factor computed in float64 and rounded once. No average of gradients knows anything of it."""
    return theta * (1 - lr * weight_decay).astype(theta.dtype)


def stepped(param: Any, theta: Any, kind: Callable[..., Any], *parts: Any) -> Stepped:
    """The parameter as ``theta``, rounded once to its dtype, and a state of this kind; its last part is the master copy."""
    return Stepped(theta.astype(param.dtype), kind(*parts, theta if has_master(param.dtype) else None))
