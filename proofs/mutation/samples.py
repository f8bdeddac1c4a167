"""Nasty inputs for the functions of the rows: what a wrong reference is most likely to get wrong.

`samples` stays within the bounds that the claims state; `samples_beyond` goes past them: longer arrays, other norms.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from proofs.symbolic.inputs import random_floats
from reference import clipping
from reference.exactness import exact_sum_of_magnitudes, exact_sum_of_squares
from reference.reductions import BLOCK, MOST_BOUND, MOST_EXPONENT, MOST_TERMS

Arguments = dict[str, Any]
Generator = Callable[[random.Random], Iterator[Arguments]]

FLOATS = (np.float16, np.float32, np.float64)
LARGEST = float(np.finfo(np.float64).max)
SMALLEST = 5e-324
NORMS = (2.0, 1.0, np.inf)


def samples(function: Callable[..., Any]) -> Iterator[Arguments]:
    """Arguments within the bounds of the claims, without end, the same in every run."""
    return _GENERATORS[_key(function)](random.Random(0))


def samples_beyond(function: Callable[..., Any]) -> Iterator[Arguments]:
    """Arguments that the contract admits and the claims' bounds do not."""
    generator = _BEYOND.get(_key(function))
    return generator(random.Random(1)) if generator else iter(())


def has_samples(function: Callable[..., Any]) -> bool:
    """Whether there are inputs for this function."""
    return _key(function) in _GENERATORS


def _key(function: Callable[..., Any]) -> str:
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"


# ---- numbers and arrays -----------------------------------------------------------------------------------------------


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


# ---- reductions ---------------------------------------------------------------------------------------------------------


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


# ---- clipping -----------------------------------------------------------------------------------------------------------


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


_GENERATORS: dict[str, Generator] = {
    "reductions.power_of_two_at_most": _positive_numbers,
    "reductions.tree_sum": _vectors,
    "reductions.fold": _folds,
    "reductions.fold_exponents": _counts,
    "reductions.add": _pairs,
    "reductions.scale_by": _numbers_and_units,
    "reductions.largest_magnitude": _lists,
    "reductions.scale": _lists,
    "reductions.reproducible_sum": _lists,
    "reductions.sum_of_squares": _lists,
    "reductions.divides_exactly": _arrays_and_units,
    "reductions.squares_exactly": _arrays_and_units,
    "clipping.clip_by_global_norm": _clips,
    "clipping.global_norm": _gradients,
    "clipping.clip_by_value": _values,
    "clipping.clip_elements": _elements,
    "clipping.in_full": _norms,
    "clipping.is_within": _decisions,
    "clipping.fits": _comparisons,
    "clipping.shrink_factor": _factors,
    "clipping.shrink": _shrinkings,
    "clipping.scale_toward_zero": _roundings,
}
_BEYOND: dict[str, Generator] = {
    "reductions.tree_sum": _long_vectors,
    "reductions.reproducible_sum": _long_lists,
    "reductions.sum_of_squares": _blocks,
    "clipping.clip_by_global_norm": _clips_beyond,
    "clipping.global_norm": _gradients_beyond,
}
