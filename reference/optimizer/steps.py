"""What the steps of all optimizers share: what they ask, in what they compute, their decays, and what they give.

State and arithmetic are float32, or float64 for float64 parameters; float16 and bfloat16 parameters have a float32 master
copy in their state, of which they are the rounded image. Every function computes each element by itself. Non-finite gradients
are no error: they go through as IEEE 754 says, and claims name the range they speak of.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from reference.contracts import bare, ensure, require
from reference.exactness import same_bits
from reference.hyperparameters import (
    Contract,
    are_in_place,
    average,
    averages,
    count_error,
    divisor_error,
    flag,
    gradient_error,
    has_master,
    image_error,
    is_count,
    is_divisor,
    is_gradient_of,
    is_image,
    is_parameter,
    not_negative,
    parameter_error,
    parts_error,
    working_dtype,
)

P = ParamSpec("P")
R = TypeVar("R")


class Stepped(NamedTuple):
    """A parameter after a step, and its state."""

    param: Any
    state: Any


# ---- what a step asks -------------------------------------------------------------------------------------------------


parameter = require(lambda param: is_parameter(param), lambda param: parameter_error("param", param))
gradient = require(
    lambda grad, param: is_gradient_of(grad, param), lambda grad, param: gradient_error("grad", grad, param)
)


def _divisor(name: str) -> Contract:
    """The contract that eps keeps a divisor of param's working dtype from 0."""
    return require(
        lambda eps, param: is_divisor(eps, working_dtype(param.dtype)),
        lambda eps, param: divisor_error(name, eps, working_dtype(param.dtype)),
    )


SETTINGS: dict[str, Callable[[str], Contract]] = {
    "lr": not_negative,
    "betas": averages,
    "alpha": average,
    "momentum": average,
    "dampening": average,
    "eps": _divisor,
    "weight_decay": not_negative,
    "amsgrad": flag,
    "centered": flag,
    "nesterov": flag,
    "maximize": flag,
}


def admits(function: Callable[P, R]) -> Callable[P, R]:
    """Ask of the settings that a function takes what every optimizer asks of those by these names."""
    named = inspect.signature(bare(function)).parameters
    return _under(function, *(SETTINGS[name](name) for name in named if name in SETTINGS))


def asks(state: Contract) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """What every step asks: a parameter, its gradient, its settings, and a state that meets its own contract."""

    def asking(function: Callable[P, R]) -> Callable[P, R]:
        image = require(
            lambda param, state: is_image(param, state.master), lambda param: image_error("state.master", param)
        )
        return _under(admits(_under(function, state, image)), parameter, gradient)

    return asking


def _under(function: Callable[P, R], *contracts: Contract) -> Callable[P, R]:
    """The function under these contracts, the first of them checked first."""
    return functools.reduce(lambda asking, contract: contract(asking), reversed(contracts), function)


def state_of(kind: type[Any], maker: str) -> Contract:
    """The contract that ``state`` is a state of a kind, which the function ``maker`` makes."""
    wanted = f"of the type {kind.__name__}, as {maker} makes it"
    return require(
        lambda state, param: is_state_of(state, kind, param),
        lambda state, param: state_error(state, kind, param, wanted),
    )


def is_state_of(state: Any, kind: type[Any], param: Any, **there: bool) -> bool:
    """Whether this is a state of a kind, its count a count, its arrays in the parameter's shape and the working dtype.

    An array with the default ``None`` may be missing, unless ``there`` says whether it must be there; a master copy is there
    if and only if the parameter needs one.
    """
    return isinstance(state, kind) and is_count(state.step) and are_in_place(_parts(state, param, there), param)


def state_error(state: Any, kind: type[Any], param: Any, wanted: str, **there: bool) -> Exception:
    """Says what is given instead of such a state; ``wanted`` is what it must be."""
    if not isinstance(state, kind):
        return TypeError(f"state must be {wanted}, got {type(state).__name__}")
    if not is_count(state.step):
        return count_error("state.step", state.step)
    return parts_error("state", _parts(state, param, there), param)


def _parts(state: Any, param: Any, there: dict[str, bool]) -> dict[str, tuple[Any, bool]]:
    """The arrays of a state, each with whether it must be there."""
    decided, parts = {"master": has_master(param.dtype), **there}, {}
    for field in fields(state)[1:]:
        array = getattr(state, field.name)
        parts[field.name] = (array, decided.get(field.name, field.default is MISSING or array is not None))
    return parts


# ---- in what it computes ----------------------------------------------------------------------------------------------


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


# ---- what it gives ----------------------------------------------------------------------------------------------------


def stepped(param: Any, theta: Any, kind: Callable[..., Any], *parts: Any) -> Stepped:
    """The parameter as ``theta``, rounded once to its dtype, and a state of this kind; its last part is the master copy."""
    return Stepped(theta.astype(param.dtype), kind(*parts, theta if has_master(param.dtype) else None))


def is_begun(state: Any, param: Any, *zeros: str) -> Any:
    """Whether a state is one before the first step: no steps, these arrays 0, no others but the master copy of param."""
    begun: Any = state.step == 0
    for field in fields(state)[1:]:
        array = getattr(state, field.name)
        if field.name in zeros:
            begun = begun & (array.dtype == working_dtype(param.dtype)) & np.all((array == 0) & ~np.signbit(array))
        elif field.name != "master":
            begun = begun & (array is None)
    return begun & is_state_of(state, type(state), param) & is_image(param, state.master)


def is_step(result: Stepped, param: Any, before: Any, theta: Any, *parts: Any) -> Any:
    """Whether a step of param gave this working copy and these parts of the state, bit for bit; a NaN is a NaN."""
    after = result.state
    wanted = [*parts, theta if before.master is not None else None]
    found = [getattr(after, field.name) for field in fields(after)[1:]]
    same: Any = (after.step == before.step + 1) & _are_same(result.param, theta.astype(param.dtype))
    for array, part in zip(found, wanted, strict=True):
        same = same & ((array is None) if part is None else (array is not None) and _are_same(array, part))
    return same


def _are_same(x: Any, y: Any) -> Any:
    nan = x.dtype.type(np.nan)
    return same_bits(np.where(np.isnan(x), nan, x), np.where(np.isnan(y), nan, y))
