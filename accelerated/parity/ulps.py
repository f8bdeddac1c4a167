"""How far apart two arrays of floats are."""

from __future__ import annotations

from typing import Any

import numpy as np

_SIGNED: dict[int, Any] = {2: np.int16, 4: np.int32, 8: np.int64}
FAR = 2**63 - 1  # between a number and NaN


def ulps_apart(found: Any, wanted: Any) -> int:
    """The most floats that lie between two elements at the same place, the larger one counted; 0 for the same bits.

    -0 and +0 are one apart, any two NaNs are the same, a NaN and a number are as far apart as can be.

    Raises: TypeError or ValueError for arrays of two dtypes or shapes.
    """
    if found.dtype != wanted.dtype:
        raise TypeError(f"results have two dtypes, {found.dtype} and {wanted.dtype}")
    if found.shape != wanted.shape:
        raise ValueError(f"results have two shapes, {found.shape} and {wanted.shape}")
    if not wanted.size:
        return 0
    ours, theirs = np.isnan(found), np.isnan(wanted)
    if np.any(ours != theirs):
        return FAR
    apart = [abs(int(a) - int(b)) for a, b in zip(*_different(found, wanted, theirs), strict=True)]
    return max(apart, default=0)


def _different(found: Any, wanted: Any, nan: Any) -> tuple[Any, Any]:
    """The places in the order of all floats where two arrays differ."""
    x, y = _places(found)[~nan.ravel()], _places(wanted)[~nan.ravel()]
    return x[x != y], y[x != y]


def _places(x: Any) -> Any:
    """Neighbouring floats as neighbouring integers, -0 before +0."""
    bits = np.ravel(x).view(_SIGNED[x.dtype.itemsize]).astype(np.int64)
    low = np.int64(np.iinfo(_SIGNED[x.dtype.itemsize]).min)
    return np.where(bits < 0, low - bits - 1, bits)
