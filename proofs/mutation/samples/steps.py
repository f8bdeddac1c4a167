"""Parameters, gradients and states for the steps of all optimizers."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np

from proofs.mutation.samples.numbers import Arguments, any_float
from reference.hyperparameters import has_master, working_dtype

DTYPES = tuple(np.dtype(kind) for kind in (np.float32, np.float16, np.float64, ml_dtypes.bfloat16))


def vector(generator: random.Random, dtype: Any, count: int = 3) -> Any:
    """Numbers of one size, of any size, or zeros of both signs."""
    kind = working_dtype(dtype).type
    draw = generator.choice(
        (
            lambda: generator.uniform(-9, 9),
            lambda: generator.uniform(-9, 9),
            lambda: float(any_float(generator, np.float16)),
            lambda: float(any_float(generator, kind)),
            lambda: generator.choice((0.0, -0.0, 1.0)),
        )
    )
    with np.errstate(all="ignore"):
        return np.array([draw() for _ in range(count)]).astype(kind).astype(dtype)


def setting(generator: random.Random) -> Any:
    """A learning rate, decay or the like: often 0, of any type that is admitted."""
    number = generator.choice((0.0, 0.0, 0.5, 0.1, 1e-3, generator.random()))
    return generator.choice((float, np.float64, np.float32, np.float64))(number)


def share(generator: random.Random) -> Any:
    """A number in [0, 1)."""
    return np.float64(generator.choice((0.0, 0.5, 0.9, 0.99, 1 - 2.0**-20, generator.random() * 0.999)))


def begun(generator: random.Random, kind: Any, dtype: Any, required: tuple[str, ...], optional: tuple[str, ...]) -> Any:
    """A parameter, its gradient and a state of a kind in mid-run."""
    working = working_dtype(dtype)
    master = vector(generator, working)
    parts = {name: vector(generator, working) for name in required}
    parts |= {name: vector(generator, working) for name in optional if generator.random() < 0.5}
    if has_master(dtype):
        parts["master"] = master
    with np.errstate(all="ignore"):
        param = master.astype(dtype)
    grad = vector(generator, generator.choice((dtype, working)))
    state = kind(generator.choice((0, 1, 7, 2**40)), **parts)
    return {"param": param, "grad": grad, "state": state}


def first_params(generator: random.Random) -> Iterator[Arguments]:
    """Parameters whose state is to be made."""
    for dtype in itertools.cycle(DTYPES):
        yield {"param": vector(generator, dtype, generator.choice((1, 3)))}


def some_of(generator: random.Random, settings: Arguments) -> Arguments:
    """These settings without some of them, which are left to their defaults."""
    return {name: value for name, value in settings.items() if generator.random() < 0.7}
