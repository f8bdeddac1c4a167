"""What Hypothesis draws: floats of every scale, arrays of every layout, lists of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

DTYPES = (np.float16, np.float32, np.float64)


def finite_floats(dtype: Any) -> st.SearchStrategy[float]:
    """Every finite float, subnormals, both zeros and the largest included."""
    return st.floats(width=8 * np.dtype(dtype).itemsize, allow_nan=False, allow_infinity=False)


@st.composite
def floats_of_one_scale(draw: st.DrawFn, dtype: Any) -> Any:
    """Floats with random bits and exponents near one another: what sums are hardest for."""
    info = np.finfo(dtype)
    exponent = draw(st.integers(info.minexp - info.nmant, info.maxexp - 1))
    return st.builds(
        lambda mantissa, below: float(np.ldexp(dtype(mantissa), max(exponent - below, info.minexp - info.nmant - 1))),
        st.floats(-1.96875, 1.96875, width=8 * np.dtype(dtype).itemsize),
        st.integers(0, 12),
    )


@st.composite
def array(draw: st.DrawFn, dtype: Any, elements: st.SearchStrategy[float]) -> Any:
    """An array of 0 to 2 dimensions, some empty, some with gaps, transposed or in reverse."""
    shape = draw(st.sampled_from([(), (0,), (2, 0), (1,), (2,), (3,), (7,), (2, 3), (3, 1, 2)]))
    size = int(np.prod(shape))
    values = draw(st.lists(elements, min_size=size, max_size=size))
    plain = np.array(values, dtype=dtype).reshape(shape)
    layout = draw(st.sampled_from(["plain", "transposed", "with gaps", "reversed", "read-only"]))
    if layout == "with gaps" and plain.ndim:
        gapped = np.full((2 * shape[0], *shape[1:]), np.nan, dtype)
        gapped[::2] = plain
        return gapped[::2]
    if layout == "reversed" and plain.ndim:
        return plain[::-1]
    if layout == "read-only":
        plain.flags.writeable = False
    return plain.T if layout == "transposed" else plain


@st.composite
def arrays(draw: st.DrawFn, dtype: Any | None = None) -> list[Any]:
    """A list of 1 to 3 arrays of one dtype."""
    chosen = dtype or draw(st.sampled_from(DTYPES))
    elements = draw(st.one_of(st.just(finite_floats(chosen)), floats_of_one_scale(chosen)))
    return draw(st.lists(array(chosen, elements), min_size=1, max_size=3))
