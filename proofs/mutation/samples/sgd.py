"""Inputs for the functions of `reference.sgd`."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import numpy as np

from proofs.mutation.samples.numbers import FLOATS, Arguments, Generator
from proofs.mutation.samples.steps import DTYPES, begun, first_params, setting, share, some_of, vector
from reference.sgd import SGDState


def _sums(generator: random.Random) -> Iterator[Arguments]:
    for dtype in itertools.cycle(FLOATS):
        x, y = vector(generator, dtype), vector(generator, dtype)
        yield {"x": x, "y": y, "factor": np.float64(generator.uniform(-2, 2))}


def _steps(generator: random.Random) -> Iterator[Arguments]:
    for dtype in itertools.cycle(DTYPES):
        settings = {
            **{name: setting(generator) for name in ("lr", "weight_decay")},
            **{name: share(generator) for name in ("momentum", "dampening")},
            "maximize": generator.random() < 0.3,
        }
        ahead = {"momentum": np.float64(0.9), "dampening": 0.0, "nesterov": True} if generator.random() < 0.3 else {}
        yield {
            **begun(generator, SGDState, dtype, (), ("momentum_buffer",)),
            **some_of(generator, settings),
            **ahead,
        }


SAMPLES: dict[str, Generator] = {"plus": _sums, "sgd_state": first_params, "sgd_step": _steps}
BEYOND: dict[str, Generator] = {}
