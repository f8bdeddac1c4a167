"""What the contracts of optimizers say: what a step asks of its arguments, what it gives, and how far rounding takes it.

These are statements, not steps of the computation: none of them runs unless contracts are checked or proven.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from fractions import Fraction
from typing import Any, ParamSpec, TypeVar

import numpy as np

from reference.contracts import bare, require
from reference.exactness import exact, same_bits
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


def is_list_of_groups(params: Any) -> bool:
    """Whether this is a non-empty list or tuple; what it holds is checked group by group."""
    return isinstance(params, list | tuple) and len(params) > 0


def groups_error(params: Any) -> Exception:
    """Says what is given instead of parameters."""
    if isinstance(params, list | tuple):
        return ValueError(f"params must hold at least one array or group, got an empty {type(params).__name__}")
    return TypeError(f"params must be a list of arrays or of dicts with 'params', got {type(params).__name__}")


# ---- what it gives ----------------------------------------------------------------------------------------------------


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


def is_step(result: Any, param: Any, before: Any, theta: Any, *parts: Any) -> Any:
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


# ---- how far rounding takes it ----------------------------------------------------------------------------------------


def unit_of(dtype: Any) -> Fraction:
    """u: rounding to nearest changes a normal number by at most u times itself."""
    return Fraction(float(np.finfo(dtype).eps)) / 2


def least_of(dtype: Any) -> Fraction:
    """The least subnormal."""
    return Fraction(float(np.finfo(dtype).smallest_subnormal))


def largest_of(dtype: Any) -> Fraction:
    """The largest finite number."""
    return Fraction(float(np.finfo(dtype).max))


def exact_where(there: Any, *arrays: Any) -> list[Any]:
    """The exact values; what is not spoken of counts as 0."""
    if np.all(there):
        return [exact(array) for array in arrays]
    return [exact(np.where(there, array, array.dtype.type(0))) for array in arrays]


def is_near(result: Any, true: Any, slack: Any) -> Any:
    """Where a result is finite and not farther than ``slack`` from an exact value."""
    (found,) = exact_where(np.isfinite(result), result)
    return np.isfinite(result) & (found - true <= slack) & (true - found <= slack)
