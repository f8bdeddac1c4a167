"""Nasty numbers, arrays and lists of arrays."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from proofs.symbolic.inputs import random_floats

Arguments = dict[str, Any]
Generator = Callable[[random.Random], Iterator[Arguments]]

FLOATS = (np.float16, np.float32, np.float64)


def special_values(dtype: Any) -> list[Any]:
    """Zeros, ones, the smallest and largest, and their neighbours."""
    info = np.finfo(dtype)
    positive: list[Any] = [
        0.0,
        1.0,
        3.0,
        1.5,
        info.smallest_subnormal,
        3 * info.smallest_subnormal,
        info.tiny,
        info.max,
        info.eps,
    ]
    positive += [np.nextafter(dtype(1), dtype(0)), np.nextafter(dtype(1), dtype(2)), np.nextafter(info.tiny, dtype(0))]
    return [dtype(sign * value) for value in positive for sign in (1, -1)]


def any_float(generator: random.Random, dtype: Any = np.float64) -> Any:
    """A special value now and then, else a finite float of any scale."""
    if generator.random() < 0.2:
        return generator.choice(special_values(dtype))
    return dtype(random_floats(generator, np.dtype(dtype), 1)[0])


def power_of_two(generator: random.Random, least: int = -1074, most: int = 1023) -> Any:
    """A float64 power of two, often near the ends or near 1."""
    near = generator.choice((least, 0, most, generator.randint(least, most)))
    return np.ldexp(np.float64(1), min(most, max(least, near + generator.randint(-3, 3))))


def array_lists(generator: random.Random) -> Iterator[list[Any]]:
    """Lists of 1 to 3 arrays with 1 to 4 elements in all: first special ones, then without end."""
    for dtype in FLOATS:
        info = np.finfo(dtype)
        tiny = float(info.smallest_subnormal)
        for values in (
            [0.0],
            [-0.0, 0.0],
            [3.0, 4.0],
            [1.0] * 4,
            [1.0, info.eps],
            [-1.0, 1.0],
            [1.0, tiny],
            [2.0, 1.0, 0.5],
        ):
            yield [np.array(values, dtype)]
        for extremes in (
            [info.max] * 4,
            [-info.max],
            [info.max, tiny],
            [tiny],
            [tiny] * 3,
            [info.tiny, tiny],
            [1.0, -info.max],
        ):
            yield [np.array(extremes, dtype)]
        yield [np.array([3.0], dtype), np.array([4.0], dtype)]
        yield [np.array([], dtype), np.array([-2.0, 1.0], dtype)]
        yield [np.array(1.5, dtype), np.array([[1.0, 2.0]], dtype)]
    while True:
        yield random_arrays(generator, generator.choice(FLOATS), generator.randint(1, 4))


def random_arrays(generator: random.Random, dtype: Any, count: int) -> list[Any]:
    """``count`` elements of one or of many scales, cut into 1 to 3 arrays; sometimes special values or equal ones."""
    values: list[Any] = [dtype(value) for value in random_floats(generator, np.dtype(dtype), count)]
    if generator.random() < 0.2:
        values = [any_float(generator, dtype) for _ in values]
    if generator.random() < 0.1:
        values = [values[0] * generator.choice((1, -1)) for _ in values]
    flat = np.array(values, dtype)
    cuts = sorted(generator.choices(range(count + 1), k=generator.randint(0, 2)))
    arrays = [flat[start:end] for start, end in itertools.pairwise([0, *cuts, count])]
    return [array.reshape(2, 2) if array.size == 4 and generator.random() < 0.2 else array for array in arrays]
