"""Inputs for the functions of `reference.lion`."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import numpy as np

from proofs.mutation.samples.numbers import FLOATS, Arguments, Generator
from proofs.mutation.samples.steps import DTYPES, begun, first_params, setting, share, some_of, vector
from reference.lion import LionState


def _moves(generator: random.Random) -> Iterator[Arguments]:
    for dtype in itertools.cycle(FLOATS):
        x = generator.choice((vector(generator, dtype), np.array([np.nan, -0.0, 1.0], dtype)))
        yield {"theta": vector(generator, dtype), "x": x, "lr": np.float64(generator.choice((0.0, 0.5, 1e-4)))}


def _steps(generator: random.Random) -> Iterator[Arguments]:
    for dtype in itertools.cycle(DTYPES):
        settings = {
            **{name: setting(generator) for name in ("lr", "weight_decay")},
            "betas": (share(generator), share(generator)),
            "maximize": generator.random() < 0.4,
        }
        yield {**begun(generator, LionState, dtype, ("exp_avg",), ()), **some_of(generator, settings)}


SAMPLES: dict[str, Generator] = {"moved": _moves, "lion_state": first_params, "lion_step": _steps}
BEYOND: dict[str, Generator] = {}
