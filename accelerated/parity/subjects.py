"""The functions that are compared: how an input of each is drawn, and what the two columns make of it.

A subject calls one function of the reference and its twin here. It draws its input on the processor; ``moved`` takes it to where
the kernels run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from accelerated import adam, clipped_adam, clipping, sgd
from accelerated.parity.inputs import Inputs
from reference import adam as adam_reference
from reference import clipping as clipping_reference
from reference import sgd as sgd_reference
from reference.adam import AdamState
from reference.hyperparameters import has_master, working_dtype
from reference.sgd import SGDState

NORMS = (1.0, 2.0, np.inf)
BOUND = 0  # ulps: the same bits
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))
PAIRS = (  # of parameters and gradients
    *((dtype, dtype) for dtype in (*FLOATS, BFLOAT16)),
    (np.dtype(np.float16), np.dtype(np.float32)),
    (BFLOAT16, np.dtype(np.float32)),
)
Arrays = list[Any]


class Call(NamedTuple):
    """The arguments of a call; arrays, states and lists of them first."""

    arguments: tuple[Any, ...]
    settings: dict[str, Any]


class Subject(NamedTuple):
    """A function in both columns, for one choice of dtypes; both give the arrays of their result."""

    concept: str
    name: str
    dtype: str
    draw: Callable[[Inputs], Call]
    reference: Callable[..., Arrays]
    accelerated: Callable[..., Arrays]


def moved(value: Any, to: Callable[[Any], Any]) -> Any:
    """A value with its arrays moved; NumPy scalars stay."""
    if isinstance(value, list | tuple):
        return type(value)(moved(each, to) for each in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: moved(getattr(value, field.name), to) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **parts)
    return to(value) if hasattr(value, "shape") and not isinstance(value, np.generic) else value


def _clip_arrays(result: Any) -> Arrays:
    return [result.norm, *result.grads]


def _step_arrays(results: Sequence[Any]) -> Arrays:
    found: Arrays = []
    for result in results:
        found += [result.param, *(x for x in vars(result.state).values() if hasattr(x, "dtype"))]
    return found


def _clipping() -> list[Subject]:
    def subjects(dtype: Any) -> list[Subject]:
        def norm(inputs: Inputs) -> Call:
            return Call((_grads(inputs, dtype), inputs.choice(NORMS)), {})

        def bounded(inputs: Inputs) -> Call:
            grads, norm_type = _grads(inputs, dtype), inputs.choice(NORMS)
            with np.errstate(over="ignore"):
                about = float(clipping_reference.global_norm(grads, norm_type)) or 1.0
            return Call((grads, about * inputs.choice((1.0, 1 - 2.0**-50, 0.3, 2.0, 1e-300)) or 1.0, norm_type), {})

        def limited(inputs: Inputs) -> Call:
            return Call((_grads(inputs, dtype), 2.0 ** int(inputs.rng.integers(-40, 10))), {})

        own, other = clipping, clipping_reference
        return [
            Subject("clipping", "global_norm", str(dtype), norm, _alone(other.global_norm), _alone(own.global_norm)),
            Subject(
                "clipping",
                "clip_by_global_norm",
                str(dtype),
                bounded,
                lambda *given: _clip_arrays(other.clip_by_global_norm(*given)),
                lambda *given: _clip_arrays(own.clip_by_global_norm(*given)),
            ),
            Subject(
                "clipping",
                "clip_by_global_norm_",
                str(dtype),
                bounded,
                lambda *given: _clip_arrays(other.clip_by_global_norm(*given)),
                lambda grads, *given: [own.clip_by_global_norm_(grads, *given), *grads],
            ),
            Subject("clipping", "clip_by_value", str(dtype), limited, other.clip_by_value, own.clip_by_value),
            Subject("clipping", "clip_by_value_", str(dtype), limited, other.clip_by_value, _cut_in_place),
        ]

    return [subject for dtype in FLOATS for subject in subjects(dtype)]


def _cut_in_place(grads: Arrays, max_value: Any) -> Arrays:
    clipping.clip_by_value_(grads, max_value)
    return grads


def _alone(function: Callable[..., Any]) -> Callable[..., Arrays]:
    return lambda *given: [function(*given)]


def _grads(inputs: Inputs, dtype: Any) -> Arrays:
    return [inputs.array(size, dtype, finite=True) for size in inputs.sizes()]


def _steps(
    concept: str, step: Callable[..., Any], steps: Callable[..., Any], draw: Callable[..., Call]
) -> list[Subject]:
    def one_by_one(params: Arrays, grads: Arrays, states: Arrays, **settings: Any) -> Arrays:
        every = zip(params, grads, states, strict=True)
        return _step_arrays([step(*each, **settings) for each in every])

    def subject(pair: Any) -> Subject:
        return Subject(
            concept,
            steps.__name__,
            " ".join(dict.fromkeys(map(str, pair))),
            lambda inputs: draw(inputs, pair),
            one_by_one,
            lambda *given, **settings: _step_arrays(steps(*given, **settings)),
        )

    return [subject(pair) for pair in PAIRS]


def _clipped_steps(step: Callable[..., Any], steps: Callable[..., Any]) -> list[Subject]:
    def clip_and_step(
        params: Arrays, grads: Arrays, states: Arrays, *, max_norm: float, norm_type: float, **settings: Any
    ) -> Arrays:
        clipped = clipping_reference.clip_by_global_norm(grads, max_norm, norm_type)
        every = zip(params, clipped.grads, states, strict=True)
        return [clipped.norm, *_step_arrays([step(*each, **settings) for each in every])]

    def fused(*given: Any, **settings: Any) -> Arrays:
        result = steps(*given, **settings)
        return [result.norm, *_step_arrays(result.steps)]

    def subject(pair: Any) -> Subject:
        def draw(inputs: Inputs) -> Call:
            call = _adam_call(inputs, pair, finite=True)
            more = {"max_norm": 2.0 ** int(inputs.rng.integers(-20, 20)), "norm_type": inputs.choice(NORMS)}
            return call._replace(settings={**call.settings, **more})

        name = " ".join(dict.fromkeys(map(str, pair)))
        return Subject("clipped_adam", steps.__name__, name, draw, clip_and_step, fused)

    return [subject(pair) for pair in PAIRS if pair[1] in FLOATS]


def _members(inputs: Inputs, pair: Any, finite: bool) -> tuple[Arrays, Arrays, Arrays]:
    """Parameters of a pair of dtypes, their gradients, and their master copies where they have one."""
    sizes = inputs.sizes()
    params, masters = [], []
    for size in sizes:
        wide = inputs.array(size, working_dtype(pair[0]), finite=finite)
        with np.errstate(all="ignore"):
            params.append(wide.astype(pair[0]))
        masters.append(wide if has_master(pair[0]) else None)
    return params, [inputs.array(size, pair[1], finite=finite) for size in sizes], masters


def _adam_call(inputs: Inputs, pair: Any, finite: bool = False) -> Call:
    params, grads, masters = _members(inputs, pair, finite)
    amsgrad, dtype = inputs.choice((False, True)), working_dtype(pair[0])

    def squares(size: int) -> Any:
        return np.abs(inputs.array(size, dtype, finite=finite))

    states = [
        AdamState(
            int(inputs.rng.integers(0, 400)),
            inputs.array(param.size, dtype, finite=finite),
            squares(param.size),
            squares(param.size) if amsgrad else None,
            master,
        )
        for param, master in zip(params, masters, strict=True)
    ]
    settings = {
        "lr": inputs.choice((1e-3, 0.1, 1e-30)),
        "betas": inputs.choice(((0.9, 0.999), (0.0, 0.5), (0.95, 0.98))),
        "eps": inputs.choice((1e-8, 1e-3)),
        "weight_decay": inputs.choice((0.0, 0.01, 3.0)),
        "amsgrad": amsgrad,
        "maximize": inputs.choice((False, True)),
    }
    return Call((params, grads, states), settings)


def _sgd_call(inputs: Inputs, pair: Any) -> Call:
    params, grads, masters = _members(inputs, pair, False)
    momentum, dtype = inputs.choice((0.0, 0.9)), working_dtype(pair[0])
    begun = inputs.choice((False, True))
    states = [
        SGDState(int(inputs.rng.integers(1, 400)), inputs.array(param.size, dtype) if begun else None, master)
        for param, master in zip(params, masters, strict=True)
    ]
    nesterov = bool(momentum) and inputs.choice((False, True))
    settings = {
        "lr": inputs.choice((1e-3, 0.1)),
        "momentum": momentum,
        "dampening": 0.0 if nesterov else inputs.choice((0.0, 0.5)),
        "weight_decay": inputs.choice((0.0, 0.01)),
        "nesterov": nesterov,
        "maximize": inputs.choice((False, True)),
    }
    return Call((params, grads, states), settings)


def subjects() -> list[Subject]:
    """Every public function, for all its dtypes; of a step, those that take lists. What is written over is compared, too."""
    own, other = adam, adam_reference
    return [
        *_clipping(),
        *_steps("adam", other.adam_step, own.adam_steps, _adam_call),
        *_steps("adam", other.adam_step, own.adam_steps_, _adam_call),
        *_steps("adam", other.adamw_step, own.adamw_steps, _adam_call),
        *_steps("adam", other.adamw_step, own.adamw_steps_, _adam_call),
        *_steps("adam", other.epsilon_hat_step, own.epsilon_hat_steps, _adam_call),
        *_steps("adam", other.epsilon_hat_step, own.epsilon_hat_steps_, _adam_call),
        *_clipped_steps(other.adam_step, clipped_adam.clipped_adam_steps),
        *_clipped_steps(other.adamw_step, clipped_adam.clipped_adamw_steps),
        *_clipped_steps(other.adamw_step, clipped_adam.clipped_adamw_steps_),
        *_steps("sgd", sgd_reference.sgd_step, sgd.sgd_steps, _sgd_call),
        *_steps("sgd", sgd_reference.sgd_step, sgd.sgd_steps_, _sgd_call),
    ]
