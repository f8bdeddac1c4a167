"""What optimizers ask of their hyperparameters, gradients and states, and the errors that say what is wrong.

As in `reference.validation`, a condition is a clause of a contract, so provers run it too; the maker of an error runs on
concrete data, after its condition failed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any, ParamSpec, Protocol, TypeVar

import numpy as np

from reference.contracts import require
from reference.validation import ELEMENTARY_NAMES, as_float64, is_elementary

P = ParamSpec("P")
R = TypeVar("R")

MOST_STEPS = 2**53  # beyond, float64 does not tell two steps apart
Shape = tuple[int, ...]
Parts = Mapping[str, tuple[Any, bool]]


def is_real(x: Any) -> bool:
    """Whether x is a Python number or a real NumPy scalar that float64 can hold, infinities and NaN included."""
    if isinstance(x, int | float):
        return not isinstance(x, bool) and (isinstance(x, float) or abs(x) <= sys.float_info.max)
    is_array = isinstance(getattr(x, "dtype", None), np.dtype) and x.shape == ()
    return is_array and x.dtype.kind in "fiu" and x.dtype.itemsize <= 8


def real_error(name: str, x: Any) -> Exception:
    """Says what the argument ``name`` is instead of a number."""
    if isinstance(x, int) and not isinstance(x, bool):
        return ValueError(f"{name} must be a number that float64 can hold, got an int of {x.bit_length()} bits")
    found = f"{x.dtype} of shape {x.shape}" if hasattr(x, "dtype") and hasattr(x, "shape") else type(x).__name__
    return TypeError(f"{name} must be a Python number or a real NumPy scalar of at most 64 bits, got {found}")


def is_not_negative(x: Any) -> Any:
    """Whether x is a finite number from 0 on: a learning rate, a weight decay, a momentum."""
    return is_real(x) and (x >= 0) & np.isfinite(x)


def not_negative_error(name: str, x: Any) -> Exception:
    """Says what the argument ``name`` is instead of a finite number from 0 on."""
    return ValueError(f"{name} must be finite and at least 0, got {x}") if is_real(x) else real_error(name, x)


def is_average(x: Any) -> Any:
    """Whether x is a number in [0, 1): the share of the past in a moving average."""
    return is_real(x) and (x >= 0) & (x < 1)


def average_error(name: str, x: Any) -> Exception:
    """Says what the argument ``name`` is instead of a number in [0, 1)."""
    return ValueError(f"{name} must be at least 0 and less than 1, got {x}") if is_real(x) else real_error(name, x)


def are_averages(pair: Any) -> Any:
    """Whether this is a pair of numbers in [0, 1)."""
    return isinstance(pair, list | tuple) and len(pair) == 2 and is_average(pair[0]) & is_average(pair[1])


def averages_error(name: str, pair: Any) -> Exception:
    """Says which of the two numbers is wrong, or that they are no pair."""
    if not isinstance(pair, list | tuple):
        return TypeError(f"{name} must be a pair of numbers, got {type(pair).__name__}")
    if len(pair) != 2:
        return ValueError(f"{name} must be a pair of numbers, got {len(pair)}")
    place = 0 if not is_average(pair[0]) else 1
    return average_error(f"{name}[{place}]", pair[place])


def is_divisor(x: Any, dtype: Any) -> Any:
    """Whether x, added to what may be 0, makes a divisor in this dtype: finite and at least the least normal number."""
    return is_real(x) and (x >= float(np.finfo(dtype).smallest_normal)) & (x <= float(np.finfo(dtype).max))


def divisor_error(name: str, x: Any, dtype: Any) -> Exception:
    """Says what the argument ``name`` is instead of a number that keeps a divisor from 0."""
    least = float(np.finfo(dtype).smallest_normal)
    wanted = f"finite and at least {least:.3g}, the least normal {dtype}, for squares that underflow are divided by it"
    return ValueError(f"{name} must be {wanted}, got {x}") if is_real(x) else real_error(name, x)


def is_flag(x: Any) -> bool:
    """Whether x is True or False."""
    return isinstance(x, bool | np.bool_)


def flag_error(name: str, x: Any) -> TypeError:
    """Says what the argument ``name`` is instead of True or False."""
    return TypeError(f"{name} must be True or False, got {type(x).__name__}")


def is_count(x: Any) -> bool:
    """Whether x is a Python int that may count steps."""
    return isinstance(x, int) and not isinstance(x, bool) and 0 <= x < MOST_STEPS


def count_error(name: str, x: Any) -> Exception:
    """Says what the argument ``name`` is instead of a count of steps."""
    if not isinstance(x, int) or isinstance(x, bool):
        return TypeError(f"{name} must be a Python int, got {type(x).__name__}")
    return ValueError(f"{name} must be at least 0 and less than 2**53, got {x}")


def is_between(x: Any, least: Any, most: Any) -> Any:
    """Whether x is a number from least to most, both included; NaN is not."""
    return is_real(x) and (as_float64(least) <= as_float64(x)) & (as_float64(x) <= as_float64(most))


def between_error(name: str, x: Any, least: Any, most: Any) -> Exception:
    """Says what the argument ``name`` is instead of a number within its bounds."""
    return ValueError(f"{name} must be from {least} to {most}, got {x}") if is_real(x) else real_error(name, x)


def is_whole(x: Any, least: int = 1) -> Any:
    """Whether x is a Python int or an int64 scalar, at least ``least`` and less than 2**53: a number of steps."""
    is_int = isinstance(x, int) and not isinstance(x, bool)
    is_int64 = isinstance(getattr(x, "dtype", None), np.dtype) and x.shape == () and x.dtype == np.int64
    return (is_int or is_int64) and (x >= least) & (x < MOST_STEPS)


def whole_error(name: str, x: Any, least: int = 1) -> Exception:
    """Says what the argument ``name`` is instead of a number of steps."""
    if not isinstance(x, int | np.int64) or isinstance(x, bool):
        return TypeError(f"{name} must be a Python int, got {type(x).__name__}")
    return ValueError(f"{name} must be at least {least} and less than 2**53, got {x}")


def are_milestones(steps: Any) -> bool:
    """Whether this is a list of numbers of steps, each at least 1 and larger than the one before."""
    return isinstance(steps, list | tuple) and _first_unordered(steps) is None


def milestones_error(steps: Any) -> Exception:
    """Says which milestone is no number of steps, or not larger than the one before."""
    if not isinstance(steps, list | tuple):
        return TypeError(f"milestones must be a list or tuple of ints, got {type(steps).__name__}")
    k = _first_unordered(steps) or 0
    if not is_whole(steps[k]):
        return whole_error(f"milestones[{k}]", steps[k])
    return ValueError(f"milestones[{k}] must be greater than milestones[{k - 1}] = {steps[k - 1]}, got {steps[k]}")


def _first_unordered(steps: Sequence[Any]) -> int | None:
    return next((k for k, x in enumerate(steps) if not is_whole(x) or (k and x <= steps[k - 1])), None)


class Contract(Protocol):
    """What `require` gives: a function keeps its type under it."""

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """The function, under the contract."""


def number(name: str, least: float = 0, most: float = sys.float_info.max) -> Contract:
    """The contract that the argument ``name`` is a number from least to most."""
    return require(
        _about(name, lambda x: is_between(x, least, most)), _about(name, lambda x: between_error(name, x, least, most))
    )


def whole(name: str, least: int = 1) -> Contract:
    """The contract that the argument ``name`` is a number of steps, at least ``least``."""
    return require(_about(name, lambda x: is_whole(x, least)), _about(name, lambda x: whole_error(name, x, least)))


def choice(name: str, choices: Collection[str]) -> Contract:
    """The contract that the argument ``name`` is one of some words."""
    wanted = ", ".join(choices)
    return require(
        _about(name, lambda x: isinstance(x, str) and x in choices),
        _about(name, lambda x: ValueError(f"{name} must be one of {wanted}, got {x!r}")),
    )


def not_negative(name: str) -> Contract:
    """The contract that the argument ``name`` is a finite number from 0 on."""
    return require(_about(name, lambda x: is_not_negative(x)), _about(name, lambda x: not_negative_error(name, x)))


def average(name: str) -> Contract:
    """The contract that the argument ``name`` is a number in [0, 1)."""
    return require(_about(name, lambda x: is_average(x)), _about(name, lambda x: average_error(name, x)))


def averages(name: str) -> Contract:
    """The contract that the argument ``name`` is a pair of numbers in [0, 1)."""
    return require(_about(name, lambda x: are_averages(x)), _about(name, lambda x: averages_error(name, x)))


def flag(name: str) -> Contract:
    """The contract that the argument ``name`` is True or False."""
    return require(_about(name, lambda x: is_flag(x)), _about(name, lambda x: flag_error(name, x)))


def _about(name: str, check: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function of the argument ``name``: clauses take arguments by their names."""

    def clause(**arguments: Any) -> Any:
        return check(arguments[name])

    clause.__signature__ = Signature([Parameter(name, Parameter.KEYWORD_ONLY)])  # type: ignore[attr-defined]
    clause.__wrapped__ = check  # type: ignore[attr-defined]
    return clause


def working_dtype(dtype: Any) -> Any:
    """The dtype of an optimizer's state and arithmetic: float64 for float64, float32 for all others."""
    return np.dtype(np.float64) if dtype == np.float64 else np.dtype(np.float32)


def is_parameter(x: Any) -> bool:
    """Whether x is an array of a format that parameters may have."""
    return is_elementary(x)


def parameter_error(name: str, x: Any) -> TypeError:
    """Says what the argument ``name`` is instead of an array of floats."""
    found = f"dtype {x.dtype}" if hasattr(x, "dtype") else type(x).__name__
    return TypeError(f"{name} must be an array of {ELEMENTARY_NAMES}, got {found}")


def fits(x: Any, shape: Shape, *dtypes: Any) -> bool:
    """Whether x is an array of this shape and of one of these dtypes."""
    return hasattr(x, "shape") and hasattr(x, "dtype") and x.shape == shape and x.dtype in dtypes


def fit_error(name: str, x: Any, shape: Shape, *dtypes: Any) -> Exception:
    """Says what the array ``name`` is instead of one of this shape and of one of these dtypes."""
    if not (hasattr(x, "shape") and hasattr(x, "dtype")):
        return TypeError(f"{name} must be an array, got {type(x).__name__}")
    if x.shape != shape:
        return ValueError(f"{name} must have the shape of param, {shape}, got {x.shape}")
    wanted = " or ".join(dict.fromkeys(str(dtype) for dtype in dtypes))
    return TypeError(f"{name} must have the dtype {wanted}, got {x.dtype}")


def is_gradient_of(grad: Any, param: Any) -> bool:
    """Whether grad has param's shape, and its dtype or that of the state."""
    return fits(grad, param.shape, param.dtype, working_dtype(param.dtype))


def gradient_error(name: str, grad: Any, param: Any) -> Exception:
    """Says what the argument ``name`` is instead of a gradient of param."""
    return fit_error(name, grad, param.shape, param.dtype, working_dtype(param.dtype))


def is_image(param: Any, master: Any) -> Any:
    """Whether param is what its master copy rounds to, if there is one; NaN stands for NaN."""
    if master is None:
        return True
    with np.errstate(over="ignore"):
        image = master.astype(param.dtype)
    return np.all((image == param) | (np.isnan(image) & np.isnan(param)))


def image_error(name: str, param: Any) -> ValueError:
    """Says that a parameter and its master copy have parted."""
    return ValueError(f"param must be {name} rounded to {param.dtype}: a param that was set anew needs a new state")


def are_in_place(parts: Parts, param: Any) -> bool:
    """Whether the arrays of a state, each with whether it must be there, fit the parameter: its shape, the working dtype."""
    return _misplaced(parts, param) is None


def parts_error(name: str, parts: Parts, param: Any) -> Exception:
    """Says which array of the state ``name`` is missing, there for nothing, or of another shape or dtype."""
    part = _misplaced(parts, param) or ""
    array, wanted = parts[part]
    if not wanted:
        return ValueError(f"{name}.{part} must be None for this {param.dtype} param and these settings")
    return fit_error(f"{name}.{part}", array, param.shape, working_dtype(param.dtype))


def _misplaced(parts: Parts, param: Any) -> str | None:
    dtype = working_dtype(param.dtype)
    for part, (array, wanted) in parts.items():
        if not (fits(array, param.shape, dtype) if wanted else array is None):
            return part
    return None


def has_master(dtype: Any) -> bool:
    """Whether parameters of this dtype are rounded from a master copy in the state."""
    return bool(working_dtype(dtype) != dtype)
