"""Inputs for the functions of `reference.rmsprop`."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import numpy as np

from proofs.mutation.samples.numbers import FLOATS, Arguments, Generator
from proofs.mutation.samples.steps import DTYPES, begun, first_params, setting, share, some_of, vector
from reference.rmsprop import RMSpropState


def _averages(generator: random.Random) -> Iterator[Arguments]:
    """A mean square and a mean, its square often just beside it."""
    for dtype in itertools.cycle(FLOATS):
        mean = vector(generator, dtype)
        with np.errstate(all="ignore"):
            near = mean * mean
        beside = [near, *(np.nextafter(near, mean.dtype.type(bound)) for bound in (0, 9))]
        square = generator.choice((*beside, vector(generator, dtype)))
        yield {"square_avg": np.abs(square), "grad_avg": mean}


def _divisors(generator: random.Random) -> Iterator[Arguments]:
    for dtype in itertools.cycle(FLOATS):
        yield {
            "square_avg": np.abs(vector(generator, dtype)),
            "eps": np.float64(generator.choice((0.0, 1e-8, 1e-3, 1.0))),
        }


def _steps(generator: random.Random) -> Iterator[Arguments]:
    for dtype in itertools.cycle(DTYPES):
        settings = {
            **{name: setting(generator) for name in ("lr", "weight_decay")},
            **{name: share(generator) for name in ("alpha", "momentum")},
            "eps": np.float64(generator.choice((1e-8, 1e-3, 1.0))),
            **{name: generator.random() < 0.4 for name in ("centered", "maximize")},
        }
        state = begun(generator, RMSpropState, dtype, ("square_avg",), ("grad_avg", "momentum_buffer"))
        yield {**state, **some_of(generator, settings)}


SAMPLES: dict[str, Generator] = {
    "variance": _averages,
    "denominator": _divisors,
    "rmsprop_state": first_params,
    "rmsprop_step": _steps,
}
BEYOND: dict[str, Generator] = {}
