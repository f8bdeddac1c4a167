"""Matrix products: where sums are the same in every order, NumPy's; elsewhere refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import z3
from constants import constant, symbolically
from hypothesis import given
from hypothesis import strategies as st

from proofs.symbolic.array import lift
from proofs.symbolic.dual import DUAL, primal
from proofs.symbolic.real import Real
from proofs.symbolic.rounded import Rounded
from proofs.symbolic.theory import Unsupported

SHAPES = [
    ((2,), (2,)),
    ((3,), (3, 2)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((1, 1), (1, 1)),
    ((4, 4), (4, 4)),
    ((2, 2, 3), (3, 2)),
    ((2, 1, 3), (2, 3, 1)),
    ((3,), (2, 3, 2)),
    ((2, 3, 2), (2,)),
]
WRONG = [((2,), (3,)), ((2, 3), (2, 3)), ((2, 1), (3, 2)), ((2, 2), (3,)), ((), (2,)), ((2,), ())]


def values(array: Any) -> Any:
    numbers = [float(z3.simplify(term).as_fraction()) for term in array.elements.ravel()]
    return np.array(numbers).reshape(array.shape)


@given(st.sampled_from(SHAPES), st.sampled_from([np.float32, np.float64]), st.randoms(use_true_random=False))
def test_products_are_those_of_numpy(shapes: Any, dtype: Any, random: Any) -> None:
    left, right = (
        np.array([random.randint(-9, 9) for _ in range(int(np.prod(shape)))], dtype=dtype).reshape(shape)
        for shape in shapes
    )
    expected = left @ right  # exact: of small integers
    for theory in (Real(), DUAL):
        for a, b in (
            (lift(theory, left), lift(theory, right)),
            (lift(theory, left), right),
            (left, lift(theory, right)),
        ):
            got = symbolically(lambda a=a, b=b: a @ b)
            assert got.dtype == expected.dtype and got.shape == expected.shape
            assert np.array_equal(values(primal(got)), expected)


@pytest.mark.parametrize("shapes", WRONG, ids=str)
def test_shapes_that_numpy_refuses_are_refused(shapes: Any) -> None:
    left, right = (np.ones(shape) for shape in shapes)
    for a, b in ((left, right), (lift(Real(), left), lift(Real(), right))):
        with pytest.raises(ValueError, match="matmul"):
            symbolically(np.matmul, a, b)


def test_floating_point_has_no_matrix_product() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    for array in (constant(x), symbolically(lambda: lift(Rounded(), x))):
        for product in (lambda a: a @ a, lambda a: np.matmul(a, x), lambda a: np.matmul(x, a)):
            with pytest.raises(Unsupported, match="order of operations"):
                symbolically(product, array)


def test_a_product_over_nothing_is_refused() -> None:
    with pytest.raises(Unsupported, match="nothing"):
        symbolically(np.matmul, lift(Real(), np.ones((2, 0))), lift(Real(), np.ones((0, 2))))
