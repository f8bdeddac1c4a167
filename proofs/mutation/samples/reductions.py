"""Inputs for the functions of `reference.reductions`."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator

import numpy as np

from proofs.mutation.samples.numbers import (
    FLOATS,
    Arguments,
    Generator,
    any_float,
    array_lists,
    power_of_two,
    random_arrays,
    special_values,
)
from proofs.symbolic.inputs import random_floats
from reference.reductions import BLOCK, MOST_BOUND, MOST_EXPONENT, MOST_TERMS


def _positive_numbers(generator: random.Random) -> Iterator[Arguments]:
    for exponent in range(-1074, 1024):
        power = np.ldexp(np.float64(1), exponent)
        for x in (power, np.nextafter(power, np.inf), np.nextafter(power, 0.0)):
            if x > 0:
                yield {"x": x}
    while True:
        if x := abs(any_float(generator)):
            yield {"x": x}


def _vectors(generator: random.Random) -> Iterator[Arguments]:
    for dtype in FLOATS:
        yield {"x": np.array([], dtype)}
    for arrays in array_lists(generator):
        yield {"x": np.concatenate([np.ravel(array) for array in arrays])}


def _folds(generator: random.Random) -> Iterator[Arguments]:
    while True:
        exponent = generator.choice(
            (-MOST_EXPONENT, MOST_EXPONENT, 0, generator.randint(-MOST_EXPONENT, MOST_EXPONENT))
        )
        limit, unit = 2.0 ** (exponent - 1), 2.0 ** (exponent - 52)
        multiple = unit * generator.choice((generator.randint(0, 8), generator.getrandbits(51)))
        choices = (
            limit,
            np.nextafter(limit, 0),
            multiple,
            multiple + unit / 2,
            multiple + unit / 4,
            unit / 2,
            np.nextafter(unit / 2, 1e300),
            math.ldexp(generator.random(), exponent - 1 - generator.choice((0, 1, 20, 52, 53, 60))),
            abs(any_float(generator)),
        )
        x = generator.choice((1, -1)) * min(limit, generator.choice(choices))
        yield {"x": np.array([x]), "exponent": exponent}


def _counts(generator: random.Random) -> Iterator[Arguments]:
    """Counts of terms at and around the powers of two, where the number of levels changes."""
    edges = [2**bits + step for bits in range(41) for step in (-1, 0, 1)]
    for bound in (0, 1, 2, -MOST_BOUND, MOST_BOUND):
        yield from ({"count": count, "bound": bound} for count in edges if count <= MOST_TERMS)
    while True:
        count = generator.getrandbits(generator.randint(1, 40))
        yield {"count": count, "bound": generator.randint(-MOST_BOUND, MOST_BOUND)}


def _pairs(generator: random.Random) -> Iterator[Arguments]:
    special = [*special_values(np.float64), np.float64(np.inf), np.float64(-np.inf), np.float64(np.nan)]
    for a, b in itertools.product(special, repeat=2):
        yield {"a": a, "b": b}
    while True:
        a, b = map(np.float64, random_floats(generator, np.dtype(np.float64), 2))
        near = a * np.float64(2.0 ** generator.randint(-60, 60) * generator.choice((1, -1)))
        yield {"a": a, "b": generator.choice((b, near, np.nextafter(-a, b)))}


def _numbers_and_units(generator: random.Random) -> Iterator[Arguments]:
    for x in (*special_values(np.float64), np.float64(np.inf), np.float64(np.nan)):
        for unit in (power_of_two(generator), np.float64(1), np.float64(2**-1074), np.float64(2.0**1023)):
            yield {"x": x, "unit": unit}
    while True:
        x = any_float(generator)
        near = np.ldexp(
            np.float64(1), max(-1074, min(1023, int(np.frexp(x)[1]) + generator.choice((-1, 0, 1021, 1050, 1074))))
        )
        x = generator.choice((x, np.float64(np.float32(min(abs(x), 3e38))), x * 2.0**-1000))
        yield {"x": x, "unit": generator.choice((near, power_of_two(generator)))}


def _arrays_and_units(generator: random.Random) -> Iterator[Arguments]:
    for sample in _numbers_and_units(generator):
        yield {"x": np.array([sample["x"]]), "unit": sample["unit"]}


def _lists(generator: random.Random) -> Iterator[Arguments]:
    yield {"arrays": [np.array([], np.float16)]}
    for arrays in array_lists(generator):
        yield {"arrays": arrays}


def _long_lists(generator: random.Random) -> Iterator[Arguments]:
    """Arrays of more than one block, and many terms of one or of all scales."""
    for dtype in FLOATS:
        for count in (5, 65):
            yield {"arrays": random_arrays(generator, dtype, count)}


def _blocks(generator: random.Random) -> Iterator[Arguments]:
    """An array of more than one block that shows the block's ends."""
    yield from _long_lists(generator)
    ends = np.zeros(BLOCK + 2)
    ends[BLOCK - 1 :] = 3
    yield {"arrays": [ends]}


def _long_vectors(generator: random.Random) -> Iterator[Arguments]:
    for dtype, count in itertools.product(FLOATS, (5, 6, 7, 8, 9, 31, 100)):
        yield {"x": np.array(random_floats(generator, np.dtype(dtype), count), dtype)}


SAMPLES: dict[str, Generator] = {
    "power_of_two_at_most": _positive_numbers,
    "tree_sum": _vectors,
    "fold": _folds,
    "fold_exponents": _counts,
    "add": _pairs,
    "scale_by": _numbers_and_units,
    "largest_magnitude": _lists,
    "scale": _lists,
    "reproducible_sum": _lists,
    "sum_of_squares": _lists,
    "divides_exactly": _arrays_and_units,
    "squares_exactly": _arrays_and_units,
}
BEYOND: dict[str, Generator] = {
    "tree_sum": _long_vectors,
    "reproducible_sum": _long_lists,
    "sum_of_squares": _blocks,
}
