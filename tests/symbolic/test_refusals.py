"""Whatever would leave the symbolic world without a word raises, and says what it was and which line called it."""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import z3
from constants import constant, symbolically

from proofs.symbolic.array import lift
from proofs.symbolic.paths import Path, on
from proofs.symbolic.real import Real
from proofs.symbolic.rounded import Rounded
from proofs.symbolic.theory import Unsupported

ESCAPES: dict[str, Callable[[Any], Any]] = {
    "np.asarray": lambda x: np.asarray(x),
    "np.array of a list": lambda x: np.array([x[0], x[1]]),
    "np.array": lambda x: np.array(x),
    "np.asanyarray": lambda x: np.asanyarray(x),
    "np.ascontiguousarray": lambda x: np.ascontiguousarray(x),
    "np.full": lambda x: np.full(3, x[0]),
    "np.float64": lambda x: np.float64(x[0]),
    "np.fromiter": lambda x: np.fromiter(iter(x), dtype=np.float64),
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "complex": lambda x: complex(x[0]),
    "operator.index": lambda x: operator.index(x[0]),
    "range": lambda x: range(x[0]),
    "an index": lambda x: [1, 2][x[0]],
    "math.sqrt": lambda x: math.sqrt(x[0]),
    "cmath.sqrt": lambda x: cmath.sqrt(x[0]),
    "math.fsum": lambda x: math.fsum(x),
    "a format": lambda x: f"{x[0]:.3f}",
    "a percent format": lambda x: "%.3f" % x[0],  # noqa: UP031
    "indexing an ndarray": lambda x: np.arange(3)[x[0]],
    "indexing by it": lambda x: x[x[0]],
    "a mask": lambda x: x[x > 0],
    "a slice": lambda x: np.arange(3)[: x[0]],
    "writing into an ndarray": lambda x: operator.setitem(np.zeros(2), 0, x[0]),
    "writing into all of an ndarray": lambda x: operator.setitem(np.zeros(2), slice(None), x),
    "np.copyto": lambda x: np.copyto(np.zeros(2), x),
    "hash": lambda x: hash(x),
    "round": lambda x: round(x[0]),
    "math.floor": lambda x: math.floor(x[0]),
}
IN_PLACE = [
    operator.iadd,
    operator.isub,
    operator.imul,
    operator.itruediv,
    operator.ifloordiv,
    operator.imod,
    operator.ipow,
    operator.imatmul,
    operator.iand,
    operator.ior,
    operator.ixor,
    operator.ilshift,
    operator.irshift,
]
OUTSIDE: dict[str, Callable[[Any], Any]] = {
    "exp": lambda x: np.exp(x),
    "log": lambda x: np.log(x),
    "tanh": lambda x: np.tanh(x),
    "floor_divide": lambda x: x // 2,
    "remainder": lambda x: x % 2,
    "dot": lambda x: np.dot(x, x),
    "einsum": lambda x: np.einsum("i,i->", x, x),
    "mean": lambda x: np.mean(x),
    "clip": lambda x: np.clip(x, 0, 1),
    "cumsum": lambda x: np.cumsum(x),
    "sort": lambda x: np.sort(x),
    "linalg.norm": lambda x: np.linalg.norm(x),
    "full_like": lambda x: np.full_like(np.zeros(2), x[0]),
    "add.reduce": lambda x: np.add.reduce(x),
    "add.accumulate": lambda x: np.add.accumulate(x),
    "add.outer": lambda x: np.add.outer(x, x),
    "add.at": lambda x: np.add.at(np.zeros(2), [0, 1], x),
    "out=": lambda x: np.add(x, x, out=np.zeros(2)),
    "where": lambda x: np.add(x, x, where=np.array([True, False])),
    "power": lambda x: x**2,
    "float_power": lambda x: np.float_power(x, 2),
    "fmax": lambda x: np.fmax(x, x),
    "logical_and": lambda x: np.logical_and(x, x),
    "sum along an axis": lambda x: np.sum(x, axis=0),
    "all along an axis": lambda x: np.all(x > 0, axis=0),
    "an ndarray in place": lambda x: operator.iadd(np.zeros(2), x),
}


def inputs() -> list[Any]:
    x = np.array([1.0, 2.0])
    return [constant(x), lift(Real(), x), symbolically(lambda: lift(Rounded(), x))]


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
def test_escapes_are_refused(escape: Any) -> None:
    for x in inputs():
        with pytest.raises((TypeError, ValueError)):  # NumPy wraps some refusals into a ValueError
            symbolically(escape, x)


@pytest.mark.parametrize("function", IN_PLACE, ids=lambda function: function.__name__)
def test_in_place_operators_are_refused(function: Any) -> None:
    for x in inputs():
        with pytest.raises(Unsupported):
            symbolically(function, x, x)
        with pytest.raises(Unsupported, match="in-place"):
            symbolically(operator.setitem, x, 0, x[1])


def test_a_sum_of_8_is_refused_where_its_order_matters() -> None:
    bits, exact, rounded = inputs()
    for x in (bits, rounded):
        with pytest.raises(Unsupported, match="order of summation beyond 7 elements"):
            symbolically(lambda x: np.sum(np.concatenate([x, x, x, x])), x)
    total = symbolically(lambda x: np.sum(np.concatenate([x, x, x, x])), exact)
    assert z3.simplify(total.elements.item()).as_fraction() == 12


@pytest.mark.parametrize("function", OUTSIDE.values(), ids=OUTSIDE)
def test_what_is_outside_the_dialect_is_refused(function: Any) -> None:
    for x in inputs():
        with pytest.raises((Unsupported, TypeError)):
            symbolically(function, x)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: np.exp(x), "exp"),
        (lambda x: np.tanh(x), "tanh"),
        (lambda x: np.mean(x), "np.mean"),
        (lambda x: np.linalg.norm(x), "np.norm"),
        (lambda x: np.add.reduce(x), "np.add.reduce"),
        (lambda x: np.asarray(x), "np.asarray"),
        (lambda x: np.array([x[0], x[1]]), "np.array"),
        (lambda x: np.full(3, x[0]), "np.full"),
        (lambda x: float(x[0]), "float"),
        (lambda x: int(x[0]), "int"),
        (lambda x: operator.index(x[0]), "operator.index"),
        (lambda x: operator.iadd(x, x), "in-place"),
    ],
)
def test_a_refusal_names_the_function_and_the_line(call: Any, name: str) -> None:
    line = call.__code__.co_firstlineno
    for x in inputs():
        with pytest.raises(Unsupported) as caught:
            symbolically(call, x)
        assert name in str(caught.value)
        assert f"test_refusals.py:{line}" in str(caught.value)


def test_the_truth_of_several_elements_is_ambiguous_as_in_numpy() -> None:
    for x in (constant(np.array([1.0, 2.0])), np.array([1.0, 2.0])):
        with pytest.raises(ValueError, match="ambiguous"):
            symbolically(bool, x)


def test_symbolic_numbers_live_on_a_path() -> None:
    x = constant(np.float64(-0.0))
    with pytest.raises(RuntimeError, match="explore"):
        np.maximum(x, x)
    with on(Path()):
        assert np.maximum(x, x).dtype == np.float64
