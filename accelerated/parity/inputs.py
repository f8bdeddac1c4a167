"""What parity is tried on: arrays of every size about the edges of packs, warps and blocks, of any bits, in any layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from accelerated.launch import CHUNK

SIZES = (0, 1, 3, 4, 5, 31, 32, 33, 255, 256, 257, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7)
LAYOUTS = ("plain", "one element in", "with gaps", "reversed")
_UNSIGNED: dict[int, Any] = {2: np.uint16, 4: np.uint32, 8: np.uint64}
_MOST_IN_LIST = 4


class Inputs:
    """A source of arrays; equal seeds give equal arrays."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def choice(self, values: Any) -> Any:
        """One of some values."""
        return values[int(self.rng.integers(len(values)))]

    def sizes(self) -> list[int]:
        """The sizes of a list of arrays: one from a table, some small."""
        more = self.rng.integers(0, 40, self.rng.integers(0, _MOST_IN_LIST))
        return [int(self.choice(SIZES)), *map(int, more)]

    def array(self, size: int, dtype: Any, *, finite: bool = False) -> Any:
        """Numbers about a random power of two, some of any bits: subnormal, huge, ±0, infinite and NaN, unless ``finite``."""
        dtype = np.dtype(dtype)
        bits = _UNSIGNED[dtype.itemsize]
        with np.errstate(all="ignore"):
            usual = (self.rng.standard_normal(size) * 2.0 ** self.rng.integers(-30, 10)).astype(dtype)
            drawn = self.rng.integers(0, np.iinfo(bits).max, size, bits, endpoint=True).view(dtype)
            special = np.array([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan]).astype(dtype)
        shares = self.choice(((1.0, 0.0), (0.7, 0.2), (0.0, 1.0)))
        draws = self.rng.random(size)
        chosen = special[self.rng.integers(0, special.size, size)]
        mixed = np.where(draws < shares[0], usual, np.where(draws < sum(shares), drawn, chosen))
        if finite:
            mixed = np.where(np.isfinite(mixed), mixed, usual)
        return self.laid_out(mixed)

    def laid_out(self, x: Any) -> Any:
        """The same elements, placed in memory in some way."""
        layout = self.choice(LAYOUTS)
        if layout == "one element in" and x.size:
            return np.concatenate([x[:1], x])[1:]
        if layout == "with gaps":
            room = np.zeros(2 * x.size, x.dtype)
            room[::2] = x
            return room[::2]
        return x[::-1].copy()[::-1] if layout == "reversed" else x


def seeded(count: int, seed: int) -> Iterator[Inputs]:
    """So many sources of arrays."""
    return (Inputs(int(each)) for each in np.random.default_rng(seed).integers(0, 2**62, count))
