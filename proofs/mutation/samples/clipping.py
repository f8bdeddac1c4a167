"""Inputs for the functions of `reference.clipping`."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from proofs.mutation.samples.numbers import (
    FLOATS,
    Arguments,
    Generator,
    any_float,
    array_lists,
    power_of_two,
    random_arrays,
)
from reference import clipping
from reference.exactness import exact_sum_of_magnitudes, exact_sum_of_squares

LARGEST = float(np.finfo(np.float64).max)
SMALLEST = 5e-324
NORMS = (2.0, 1.0, np.inf)


def exact_norm(arrays: list[Any], norm_type: float = 2.0) -> Fraction:
    """The norm to 120 significant bits, rounded down."""
    if norm_type == np.inf:
        return max((Fraction(float(np.max(np.abs(array)))) for array in arrays if array.size), default=Fraction(0))
    if norm_type == 1.0:
        return Fraction(exact_sum_of_magnitudes(arrays))
    total = Fraction(exact_sum_of_squares(arrays))
    if not total:
        return total
    shift = 2 * (max(0, 240 - total.numerator.bit_length() + total.denominator.bit_length()) // 2)
    root = Fraction(math.isqrt(int(total * 2**shift)), 1)
    return root / 2 ** (shift // 2)


def bounds_around(generator: random.Random, norm: Fraction) -> Iterator[Any]:
    """Positive numbers at a norm, a few units in the last place from it, and far from it."""
    centre = float(min(norm, Fraction(LARGEST)))
    yield from (max(SMALLEST, bound) for bound in (centre, math.nextafter(centre, 0), math.nextafter(centre, math.inf)))
    for steps in (generator.randint(-12, 12), generator.randint(-40, 40), generator.randint(-2000, 2000)):
        yield _inside(centre * (1 + steps * 2.0**-52))
    yield _inside(float(norm / (1 - Fraction(1, 1 << generator.choice((48, 49))))) if norm < LARGEST / 2 else centre)
    yield _inside(float(np.float32(min(centre, 3e38))))
    yield _inside(centre * generator.choice((0.5, 2.0, 0.9, 1.1, 2.0**-30, 2.0**30, 2.0**63, 2.0**65, 2.0**-1000)))
    yield _inside(centre * generator.random())
    yield generator.choice(
        (SMALLEST, LARGEST, np.inf, 1, np.float32(1.0), np.float16(0.5), abs(any_float(generator)) or 1.0)
    )


def _inside(bound: float) -> float:
    return min(max(bound, SMALLEST), LARGEST)


def _clips(generator: random.Random, norm_types: tuple[float, ...] = (2.0,)) -> Iterator[Arguments]:
    for number, grads in enumerate(array_lists(generator)):
        norm_type = norm_types[number % len(norm_types)]
        for max_norm in bounds_around(generator, exact_norm(grads, norm_type)):
            sample = {"grads": grads, "max_norm": max_norm}
            yield sample if norm_type == 2.0 else {**sample, "norm_type": norm_type}


def _clips_beyond(generator: random.Random) -> Iterator[Arguments]:
    lost = [np.array([LARGEST, SMALLEST])]  # of the smallest, nothing is left beside the largest
    yield {"grads": lost, "max_norm": LARGEST, "norm_type": 1.0}
    yield from itertools.islice(_clips(generator, (1.0, np.inf)), 400)
    for count in (5, 200):
        for dtype, norm_type in itertools.product(FLOATS, NORMS):
            grads = random_arrays(generator, dtype, count)
            for max_norm in bounds_around(generator, exact_norm(grads, norm_type)):
                yield {"grads": grads, "max_norm": max_norm, "norm_type": norm_type}


def _gradients(generator: random.Random) -> Iterator[Arguments]:
    for grads in array_lists(generator):
        yield {"grads": grads}


def _summed(generator: random.Random) -> Iterator[Arguments]:
    """Lists to add up, and now and then elements so far apart that the smaller ones vanish beside the largest."""
    yield {"arrays": [np.array([LARGEST, SMALLEST])]}
    for arrays in array_lists(generator):
        yield {"arrays": arrays}


def _gradients_beyond(generator: random.Random) -> Iterator[Arguments]:
    for grads in itertools.islice(array_lists(generator), 200):
        yield from ({"grads": grads, "norm_type": norm_type} for norm_type in (1.0, np.inf))


def _values(generator: random.Random) -> Iterator[Arguments]:
    for grads in array_lists(generator):
        elements = [abs(float(value)) for array in grads for value in np.ravel(array)]
        for max_value in bounds_around(generator, Fraction(generator.choice(elements))):
            yield {"grads": grads, "max_value": max_value}


def _elements(generator: random.Random) -> Iterator[Arguments]:
    for sample in _values(generator):
        grad = generator.choice(sample["grads"])
        with np.errstate(over="ignore"):
            limit = grad.dtype.type(min(float(sample["max_value"]), float(np.finfo(grad.dtype).max)))
        yield {"grad": grad, "limit": limit}


def _power_sums(generator: random.Random) -> Iterator[clipping.PowerSum]:
    while True:
        value = generator.choice(
            (
                0.5,
                2.0**43,
                2.0 ** generator.randint(-1, 43),
                math.ldexp(0.5 + generator.random() / 2, generator.randint(0, 43)),
            )
        )
        yield clipping.PowerSum(np.float64(value), np.bool_(generator.random() < 0.5), power_of_two(generator))


def _norms(generator: random.Random) -> Iterator[Arguments]:
    zero = clipping.PowerSum(np.float64(0), np.bool_(True), np.float64(1))
    for total in itertools.chain([zero], _power_sums(generator)):
        yield {"value": total.value, "unit": total.unit}


def _decisions(generator: random.Random) -> Iterator[Arguments]:
    for total in _power_sums(generator):
        norm = _inside(float(np.sqrt(total.value)) * float(total.unit))
        for max_norm in bounds_around(generator, Fraction(norm)):
            yield {"total": total, "max_norm": np.float64(max_norm)}


def _comparisons(generator: random.Random) -> Iterator[Arguments]:
    """Sums that equal the square of a ratio of few bits, or nearly, and the sums of decisions."""
    for bits in range(1, 28):
        ratio = np.float64(1 + generator.getrandbits(bits) * 2.0**-bits)
        for value in (ratio * ratio, np.nextafter(ratio * ratio, 0), np.nextafter(ratio * ratio, 9)):
            yield {"total": clipping.PowerSum(value, np.bool_(True), np.float64(1)), "ratio": ratio}
    for sample in _decisions(generator):
        ratio = sample["max_norm"] / sample["total"].unit
        if ratio <= clipping.MOST_RATIO:
            yield {"total": sample["total"], "ratio": ratio}


def _factors(generator: random.Random) -> Iterator[Arguments]:
    for total in _power_sums(generator):
        limit = generator.choice((1.0, math.nextafter(2.0, 0.0), 1.0 + generator.random(), 1.0 + generator.random()))
        yield {"total": total.value, "limit": np.float64(limit)}


def _shrinkings(generator: random.Random) -> Iterator[Arguments]:
    """Elements at a common scale, factors near 1 and over their whole range, results at every scale."""
    for arrays in array_lists(generator):
        largest = max((float(np.max(np.abs(array))) for array in arrays if array.size), default=0.0) or 1.0
        unit = np.ldexp(np.float64(1), int(np.frexp(largest)[1]) - 1)
        near = float(unit) * 2.0 ** generator.randint(-3, 1)
        limit_unit = generator.choice((unit, power_of_two(generator), np.float64(_inside(min(near, 2.0**1023)))))
        factor = generator.choice(
            (4.0, 1.0, 1.0 - 2.0**-48, 1.0 + 2.0**-52, 4 * (1 - generator.random()), 2.0**-30, SMALLEST)
        )
        yield {"grad": generator.choice(arrays), "unit": unit, "factor": np.float64(factor), "limit_unit": limit_unit}


def _roundings(generator: random.Random) -> Iterator[Arguments]:
    """Products at, just above and just below the floats of the target and their midpoints."""
    while True:
        dtype = np.dtype(generator.choice(FLOATS))
        target = any_float(generator, dtype.type)
        midpoint = (float(target) + float(np.nextafter(target, dtype.type(0)))) / 2
        unit = np.ldexp(np.float64(1), generator.choice((0, 0, 0, 1, -1, 30, -30, generator.randint(-900, 900))))
        near = np.float64(generator.choice((float(target), midpoint))) / unit
        x = generator.choice((near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf), any_float(generator)))
        if np.isfinite(x):
            yield {"x": np.array([x]), "unit": unit, "dtype": dtype}


SAMPLES: dict[str, Generator] = {
    "clip_by_global_norm": _clips,
    "global_norm": _gradients,
    "sum_of_magnitudes": _summed,
    "maximum": _summed,
    "clip_by_value": _values,
    "clip_elements": _elements,
    "in_full": _norms,
    "is_within": _decisions,
    "fits": _comparisons,
    "shrink_factor": _factors,
    "shrink": _shrinkings,
    "scale_toward_zero": _roundings,
}
BEYOND: dict[str, Generator] = {
    "clip_by_global_norm": _clips_beyond,
    "global_norm": _gradients_beyond,
}
