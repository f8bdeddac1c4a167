"""How far apart two arrays of floats are."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

_SIGNED: dict[int, Any] = {2: np.int16, 4: np.int32, 8: np.int64}
FAR = 2**63 - 1  # between a number and NaN


def ulps_apart(found: Any, wanted: Any) -> int:
    """The most floats that lie between two elements at the same place, the larger one counted; 0 for the same bits.

    -0 and +0 are one apart, any two NaNs are the same, a NaN and a number are as far apart as can be.

    Raises: TypeError or ValueError for arrays of two dtypes or shapes.
    """
    return max(histogram(found, wanted), default=0)


def histogram(found: Any, wanted: Any) -> dict[int, int]:
    """How many elements of two arrays are how many floats apart, as `ulps_apart` counts them.

    Raises: TypeError or ValueError for arrays of two dtypes or shapes.
    """
    if found.dtype != wanted.dtype:
        raise TypeError(f"results have two dtypes, {found.dtype} and {wanted.dtype}")
    if found.shape != wanted.shape:
        raise ValueError(f"results have two shapes, {found.shape} and {wanted.shape}")
    ours, theirs = np.isnan(found).ravel(), np.isnan(wanted).ravel()
    x, y = (_places(each)[~(ours | theirs)] for each in (found, wanted))
    apart = Counter(abs(int(a) - int(b)) for a, b in zip(x[x != y], y[x != y], strict=True))
    apart[FAR] += int(np.count_nonzero(ours != theirs))
    apart[0] += wanted.size - apart.total()
    return {ulps: count for ulps, count in sorted(apart.items()) if count}


def _places(x: Any) -> Any:
    """Neighbouring floats as neighbouring integers, -0 before +0."""
    bits = np.ravel(x).view(_SIGNED[x.dtype.itemsize]).astype(np.int64)
    low = np.int64(np.iinfo(_SIGNED[x.dtype.itemsize]).min)
    return np.where(bits < 0, low - bits - 1, bits)
