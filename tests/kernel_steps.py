"""What the tests of kernels of optimizers share: arrays of any bits and layout, states of any kind, and what it is to be equal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

from accelerated.launch import CHUNK
from reference.contracts import level
from reference.hyperparameters import has_master, working_dtype

BFLOAT16 = ml_dtypes.bfloat16
PAIRS = [  # of a parameter and its gradient
    (np.float32, np.float32),
    (np.float64, np.float64),
    (np.float16, np.float16),
    (np.float16, np.float32),
    (BFLOAT16, BFLOAT16),
    (BFLOAT16, np.float32),
]
SIZES = [0, 1, 3, 4, 5, 31, 32, 33, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7]
UNSIGNED = {2: np.uint16, 4: np.uint32, 8: np.uint64}
LAYOUTS = ["plain", "one element in", "one byte in", "with gaps", "reversed", "transposed", "read-only"]

# Zeros, the least and largest of each kind, infinities and NaN: by what their bits are, for each size of a float.
SPECIAL = {
    np.dtype(np.float16): [0, 1, 0x3FF, 0x400, 0x3C00, 0x7BFF, 0x7C00, 0x7E00],
    np.dtype(BFLOAT16): [0, 1, 0x7F, 0x80, 0x3F80, 0x7F7F, 0x7F80, 0x7FC0],
    np.dtype(np.float32): [0, 1, 0x7FFFFF, 0x800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0x7FC00000],
    np.dtype(np.float64): [
        *(0, 1, 0xFFFFFFFFFFFFF, 1 << 52, 0x3FF << 52, 0x7FEFFFFFFFFFFFFF, 0x7FF << 52, 0x7FF8 << 48),
    ],
}


def any_floats(size: int, dtype: Any, seed: int) -> Any:
    """Numbers about 1, numbers of any bits, and special ones, in any order."""
    dtype, rng = np.dtype(dtype), np.random.default_rng(seed)
    unsigned = UNSIGNED[dtype.itemsize]
    bits = 8 * dtype.itemsize
    special = np.array(SPECIAL[dtype], unsigned)
    special = np.concatenate([special, special | unsigned(1 << (bits - 1))])
    usual = rng.standard_normal(size).astype(dtype).view(unsigned)
    chosen = rng.integers(0, 4, size)
    found = np.where(chosen == 0, rng.integers(0, 2**bits, size, unsigned), usual)
    return np.where(chosen == 1, special[rng.integers(0, special.size, size)], found).view(dtype)


def laid_out(x: Any, layout: str) -> Any:
    """The same elements, placed in memory in another way."""
    if layout == "one element in":
        return np.concatenate([x[:1], x])[1:] if x.size else x
    if layout == "one byte in":
        room = np.zeros(x.nbytes + 1, np.uint8)
        room[1:] = np.frombuffer(x.tobytes(), np.uint8)
        return room[1:].view(x.dtype)
    if layout == "with gaps":
        room = np.zeros(2 * x.size, x.dtype)
        room[::2] = x
        return room[::2]
    if layout == "reversed":
        return x[::-1].copy()[::-1]
    if layout == "transposed" and x.size % 2 == 0:
        return x.reshape(2, -1).T.copy().T.reshape(-1) if x.size < 4 else np.asfortranarray(x.reshape(2, -1))
    found = x.copy()
    found.flags.writeable = layout != "read-only"
    return found


@dataclasses.dataclass
class Case:
    """Parameter, gradient and the arrays of a state, of any bits."""

    size: int
    param_dtype: Any
    grad_dtype: Any
    seed: int

    def array(self, number: int, dtype: Any = None) -> Any:
        kind = working_dtype(np.dtype(self.param_dtype)) if dtype is None else dtype
        return any_floats(self.size, kind, 100 * self.seed + number)

    def master(self) -> Any:
        return self.array(1) if has_master(np.dtype(self.param_dtype)) else None

    def param(self) -> Any:
        with np.errstate(all="ignore"):
            return self.array(1).astype(self.param_dtype)

    def grad(self) -> Any:
        return self.array(2, self.grad_dtype)


CASES = st.builds(
    lambda size, pair, seed: Case(size, *pair, seed),
    st.one_of(st.integers(0, 70), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5])),
    st.sampled_from(PAIRS),
    st.integers(0, 2**20),
)


def relaid(state: Any, layout: str) -> Any:
    """A state whose arrays are placed in another way."""
    parts = {name: laid_out(x, layout) for name, x in vars(state).items() if hasattr(x, "dtype")}
    return dataclasses.replace(state, **parts)


def copied(state: Any) -> Any:
    return dataclasses.replace(state, **{name: x.copy() for name, x in vars(state).items() if hasattr(x, "dtype")})


def quietly(step: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
    """A step, its preconditions checked only: larger arrays, and overflow in what they ask, are allowed."""
    with level("preconditions"), np.errstate(all="ignore"):
        return step(*arguments, **settings)


def assert_same_step(found: Any, wanted: Any) -> None:
    """Parameter and state in every bit; a NaN is a NaN, and a zero that is the larger of two may have either sign."""
    assert type(found.state) is type(wanted.state)
    assert_same(found.param, wanted.param, "param")
    for name, array in vars(wanted.state).items():
        own = getattr(found.state, name)
        if hasattr(array, "dtype"):
            assert_same(own, array, name)
        else:
            assert type(own) is type(array)
            assert own == array


def assert_same(found: Any, wanted: Any, name: str) -> None:
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape), name
    ours, theirs = np.ravel(found), np.ravel(wanted)
    nan = np.isnan(theirs)
    assert np.array_equal(np.isnan(ours), nan), name
    unsigned = UNSIGNED[wanted.dtype.itemsize]
    same = (ours.view(unsigned) == theirs.view(unsigned)) | nan
    if name == "max_exp_avg_sq":
        same |= (ours == 0) & (theirs == 0)
    assert np.all(same), f"{name}{np.flatnonzero(~same)[:5]}: {ours[~same][:5]}, not {theirs[~same][:5]}"


def differs(found: Any, wanted: Any) -> bool:
    """Whether a bit of two steps differs."""
    try:
        assert_same_step(found, wanted)
    except AssertionError:
        return True
    return False


def written(result: Any) -> Sequence[Any]:
    """The arrays of a result."""
    return [result.param, *(array for array in vars(result.state).values() if hasattr(array, "dtype"))]
