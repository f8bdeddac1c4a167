"""Inputs for the functions of `reference.adam`."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np

from proofs.mutation.samples.numbers import FLOATS, Arguments, Generator, any_float
from reference.adam import AdamState
from reference.hyperparameters import has_master, working_dtype

BFLOAT16 = ml_dtypes.bfloat16
BETAS = (0.0, 0.5, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1 - 2.0**-20)


def _beta(generator: random.Random) -> Any:
    return np.float64(generator.choice((*BETAS, generator.random())))


def _numbers(generator: random.Random, dtype: Any, count: int = 3) -> Any:
    """A vector of floats of any scale, or near 1."""
    kind, near = np.dtype(dtype).type, generator.random() < 0.5
    values = [generator.uniform(-9, 9) if near else any_float(generator, kind) for _ in range(count)]
    return np.array(values, dtype)


def _each_float() -> Iterator[Any]:
    yield from itertools.cycle(FLOATS)


def _first_moments(generator: random.Random) -> Iterator[Arguments]:
    for dtype in _each_float():
        x = _numbers(generator, dtype)
        y = generator.choice((x, -x, np.roll(x, 1), _numbers(generator, dtype), np.zeros_like(x)))
        yield {"exp_avg": x, "grad": y, "beta": _beta(generator)}


def _second_moments(generator: random.Random) -> Iterator[Arguments]:
    for dtype in _each_float():
        beta, grad = _beta(generator), _numbers(generator, dtype)
        if generator.random() < 0.2:  # a square that overflows, and an average that does not
            grad = grad.dtype.type(np.sqrt(np.finfo(dtype).max)) * np.array([1.5, 3, -8], dtype)
        yield {"exp_avg_sq": np.abs(_numbers(generator, dtype)), "grad": grad, "beta": beta}


def _maxima(generator: random.Random) -> Iterator[Arguments]:
    for dtype in _each_float():
        x = np.abs(_numbers(generator, dtype))
        yield {"max_exp_avg_sq": x, "exp_avg_sq": generator.choice((x, np.abs(_numbers(generator, dtype))))}


def _corrections(generator: random.Random) -> Iterator[Arguments]:
    while True:
        for step in (1, 2, 3, 10, 355, 356, 357, 40_000, generator.randint(1, 1000)):
            yield {"beta": _beta(generator), "step": step}


def _denominators(generator: random.Random) -> Iterator[Arguments]:
    for dtype in _each_float():
        root = np.float64(generator.choice((1.0, 0.5, 0.03, 2.0**-12, 1 - generator.random() * 0.999)))
        eps = np.float64(generator.choice((1e-8, 1e-3, 1.0)))
        yield {"exp_avg_sq": np.abs(_numbers(generator, dtype)), "root": root, "eps": eps}


def _changes(generator: random.Random) -> Iterator[Arguments]:
    for dtype in _each_float():
        divisor = np.abs(_numbers(generator, dtype)) + np.finfo(dtype).smallest_normal
        size = np.float64(generator.choice((0.0, 1e-3, 1.0, 0.01)))
        yield {"exp_avg": _numbers(generator, dtype), "divisor": divisor, "step_size": size}


def _counts(generator: random.Random) -> Iterator[Arguments]:
    while True:
        yield from ({"step": step} for step in (0, 1, 255, 256, 2**24, 2**31, generator.randint(0, 2**52)))


def _params(generator: random.Random) -> Iterator[Arguments]:
    for dtype, amsgrad in itertools.cycle(itertools.product((*FLOATS, BFLOAT16), (False, True))):
        yield {"param": _numbers(generator, np.float32, generator.randint(0, 3)).astype(dtype)}
        yield {"param": _numbers(generator, np.float32).reshape(3, 1).astype(dtype), "amsgrad": amsgrad}


def _state(generator: random.Random, param: Any, amsgrad: bool, master: Any) -> AdamState:
    dtype = working_dtype(param.dtype)
    count = param.size
    arrays = [_numbers(generator, dtype, count).reshape(param.shape) for _ in range(3)]
    mean, square, largest = arrays[0], np.abs(arrays[1]), np.abs(arrays[2]) if amsgrad else None
    if generator.random() < 0.2:
        mean, square = np.zeros(param.shape, dtype), np.zeros(param.shape, dtype)
    return AdamState(generator.choice((0, 0, 1, 7, 1000)), mean, square, largest, master)


def _steps(generator: random.Random) -> Iterator[Arguments]:
    kinds = itertools.product((*FLOATS, BFLOAT16), (False, True), (False, True))
    for number, (dtype, amsgrad, maximize) in enumerate(itertools.cycle(kinds)):
        shape = ((3,), (1, 3), (3, 1))[number % 3]
        theta = np.array([generator.uniform(-9, 9) for _ in range(3)]).reshape(shape)
        working = working_dtype(np.dtype(dtype))
        master = theta.astype(working) if has_master(np.dtype(dtype)) else None
        param = (theta if master is None else master).astype(dtype)
        grad = _numbers(generator, np.float32).reshape(shape).astype(generator.choice((dtype, working)))
        sample: Arguments = {"param": param, "grad": grad, "state": _state(generator, param, amsgrad, master)}
        settings: Arguments = {
            "lr": generator.choice((1e-3, 0.5, 0.0, 1)),
            "betas": generator.choice(((0.9, 0.999), (0.5, 0.75), (0.0, 0.0), (np.float64(0.9), 0.99))),
            "eps": generator.choice((1e-8, 1e-3, 0.5)),
            "weight_decay": generator.choice((0.0, 0.01, 0.5, 1)),
        }
        chosen = {name: value for name, value in settings.items() if generator.random() < 0.6}
        yield {**sample, **chosen, "amsgrad": amsgrad, "maximize": maximize}
        if not (amsgrad or maximize):
            yield sample


SAMPLES: dict[str, Generator] = {
    "first_moment": _first_moments,
    "second_moment": _second_moments,
    "largest_second_moment": _maxima,
    "bias_correction": _corrections,
    "denominator": _denominators,
    "change": _changes,
    "next_step": _counts,
    "adam_state": _params,
    "adam_step": _steps,
    "adamw_step": _steps,
    "epsilon_hat_step": _steps,
}

BEYOND: dict[str, Generator] = {}
