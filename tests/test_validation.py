"""Every error of a bad argument, word for word: which argument, which array, which element, what it is instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reference.clipping import clip_by_global_norm, clip_by_value, global_norm
from reference.contracts import level

FLOATS = "must be an array of float16, float32 or float64"
SCALAR = "must be a Python number or a real NumPy scalar of at most 64 bits"
LISTS = [
    (np.ones(2), TypeError, "grads must be a list or tuple of arrays, got ndarray"),
    (None, TypeError, "grads must be a list or tuple of arrays, got NoneType"),
    ({"w": np.ones(2)}, TypeError, "grads must be a list or tuple of arrays, got dict"),
    ((array for array in [np.ones(2)]), TypeError, "grads must be a list or tuple of arrays, got generator"),
    ([], ValueError, "grads must hold at least one array, got an empty list"),
    ((), ValueError, "grads must hold at least one array, got an empty tuple"),
    ([np.ones(2), [1.0]], TypeError, f"grads[1] {FLOATS}, got list"),
    ([1.0], TypeError, f"grads[0] {FLOATS}, got float"),
    ([None], TypeError, f"grads[0] {FLOATS}, got NoneType"),
    ([np.arange(2)], TypeError, f"grads[0] {FLOATS}, got dtype int64"),
    ([np.ones(2, bool)], TypeError, f"grads[0] {FLOATS}, got dtype bool"),
    ([np.ones(2, complex)], TypeError, f"grads[0] {FLOATS}, got dtype complex128"),
    ([np.ones(2, ">f4")], TypeError, f"grads[0] {FLOATS}, got dtype >f4"),
    ([np.ones(2, object)], TypeError, f"grads[0] {FLOATS}, got dtype object"),
    (
        [np.ones(2), np.ones(2, np.float32)],
        TypeError,
        "grads[1] must have the dtype of grads[0], float64, got float32",
    ),
    (
        [np.broadcast_to(np.float16(1), (1 << 20, 1 << 20)), np.ones(1, np.float16)],
        ValueError,
        "grads must hold at most 1099511627776 elements in all, got 1099511627777",
    ),
    ([np.ones(2), np.array([[1, 2], [np.nan, np.inf]])], ValueError, "grads[1][1, 0] must be finite, got nan"),
    ([np.array([0.0, -np.inf])], ValueError, "grads[0][1] must be finite, got -inf"),
    ([np.zeros(0), np.array(np.inf)], ValueError, "grads[1] must be finite, got inf"),
    ([np.float32(np.nan)], ValueError, "grads[0] must be finite, got nan"),
]

MAXIMA = [
    (0, ValueError, "must be greater than 0, got 0"),
    (-0.0, ValueError, "must be greater than 0, got -0.0"),
    (-1.5, ValueError, "must be greater than 0, got -1.5"),
    (-np.inf, ValueError, "must be greater than 0, got -inf"),
    (np.nan, ValueError, "must be greater than 0, got nan"),
    (np.float32(-2), ValueError, "must be greater than 0, got -2.0"),
    (10**400, ValueError, "must be a number that float64 can hold or inf, got an int of 1329 bits"),
    (True, TypeError, f"{SCALAR}, got bool"),
    ("1", TypeError, f"{SCALAR}, got str"),
    (None, TypeError, f"{SCALAR}, got NoneType"),
    (1j, TypeError, f"{SCALAR}, got complex"),
    (
        np.complex64(1),
        TypeError,
        f"{SCALAR}, got complex64 of shape ()",
    ),
    (
        np.array([1.0]),
        TypeError,
        f"{SCALAR}, got float64 of shape (1,)",
    ),
    (
        np.longdouble(1),
        TypeError,
        f"{SCALAR}, got {np.dtype(np.longdouble)} of shape ()",
    ),
]


@pytest.mark.parametrize("contracts_level", ["preconditions", "all"])
@pytest.mark.parametrize(("grads", "error", "message"), LISTS, ids=[message for _, _, message in LISTS])
def test_bad_gradients_are_named(grads: Any, error: type, message: str, contracts_level: str) -> None:
    for function, arguments in ((global_norm, ()), (clip_by_global_norm, (1.0,)), (clip_by_value, (1.0,))):
        with level(contracts_level), pytest.raises(error) as caught:
            function(grads, *arguments)
        assert str(caught.value) == message


@pytest.mark.parametrize(("maximum", "error", "message"), MAXIMA, ids=[message for _, _, message in MAXIMA])
def test_bad_maxima_are_named(maximum: Any, error: type, message: str) -> None:
    for function, name in ((clip_by_global_norm, "max_norm"), (clip_by_value, "max_value")):
        with pytest.raises(error) as caught:
            function([np.ones(2)], maximum)
        assert str(caught.value) == f"{name} {message}"


@pytest.mark.parametrize("norm_type", [0, 3, -1.0, np.nan, "2", None, [2]])
def test_an_unknown_norm_type_is_named(norm_type: Any) -> None:
    for function, arguments in ((global_norm, ()), (clip_by_global_norm, (1.0,))):
        with pytest.raises(ValueError) as caught:
            function([np.ones(2)], *arguments, norm_type=norm_type)
        assert str(caught.value) == f"norm_type must be 1, 2 or inf, got {norm_type!r}"
