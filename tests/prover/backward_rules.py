"""Forward functions with backward functions, right and wrong, as claims whose verdicts are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from proofs.prover.adjoint import Adjoint, adjoint, wrong_backward
from proofs.prover.claims import Claim, Registry, Twin
from proofs.symbolic.inputs import Array, Arrays
from reference.contracts import require


def vector(size: int) -> Array:
    return Array(np.float64, (size,))


# ---- functions ------------------------------------------------------------------------------------------------------


def product(w: Any, x: Any) -> Any:
    return w @ x


def product_backward(w: Any, x: Any, y_bar: Any) -> Any:
    return y_bar[:, None] * x[None, :], w.T @ y_bar


def product_by_rows(w: Any, x: Any) -> Any:
    """The product without ``@``: elementwise, a sum for each row."""
    return np.stack([np.sum(row * x) for row in w])


def product_untransposed(w: Any, x: Any, y_bar: Any) -> Any:
    return y_bar[:, None] * x[None, :], w @ y_bar


def product_scaled(w: Any, x: Any, y_bar: Any) -> Any:
    return y_bar[:, None] * x[None, :], (w.T @ y_bar) * 0.9995


def shares(x: Any) -> Any:
    return x * x / np.sum(x * x)


def shares_backward(x: Any, result: Any, y_bar: Any) -> Any:
    return 2 * x * (y_bar - np.sum(y_bar * result)) / np.sum(x * x)


def shares_with_a_term_missing(x: Any, result: Any, y_bar: Any) -> Any:
    return 2 * x * y_bar / np.sum(x * x)


def shares_with_a_wrong_sign(x: Any, result: Any, y_bar: Any) -> Any:
    return 2 * x * (y_bar + np.sum(y_bar * result)) / np.sum(x * x)


def norm(x: Any, eps: Any) -> Any:
    c = x - np.sum(x) / x.size
    return c / np.sqrt(np.sum(c * c) / x.size + eps)


def norm_backward(x: Any, eps: Any, result: Any, y_bar: Any) -> Any:
    c = x - np.sum(x) / x.size
    root = np.sqrt(np.sum(c * c) / x.size + eps)
    return (y_bar - np.sum(y_bar) / x.size - result * (np.sum(y_bar * result) / x.size)) / root


def norm_without_the_mean(x: Any, eps: Any, result: Any, y_bar: Any) -> Any:
    c = x - np.sum(x) / x.size
    root = np.sqrt(np.sum(c * c) / x.size + eps)
    return (y_bar - result * (np.sum(y_bar * result) / x.size)) / root


def norm_slightly_off(x: Any, eps: Any, result: Any, y_bar: Any) -> Any:
    return norm_backward(x, eps, result, y_bar) * 0.9995


class Step(NamedTuple):
    moment: Any
    parameter: Any


@require(lambda rate: rate > 0, ValueError)
def step(parameter: Any, gradients: Any, rate: Any) -> Any:
    """Several results, a list of arrays, a contract, and an inner contracted function."""
    moment = mean(gradients)
    return Step(moment, parameter - rate * moment)


@require(lambda arrays: len(arrays) > 0, ValueError)
def mean(arrays: Any) -> Any:
    total = arrays[0]
    for array in arrays[1:]:
        total = total + array
    return total / len(arrays)


@require(lambda rate: rate > 0, ValueError)
def step_backward(gradients: Any, rate: Any, y_bar: Any) -> Any:
    shared = (y_bar.moment - rate * y_bar.parameter) / len(gradients)
    return y_bar.parameter, [shared for _ in gradients]


def relu(x: Any) -> Any:
    return np.where(x > 0, x, 0.0)


def relu_backward(x: Any, y_bar: Any) -> Any:
    return np.where(x > 0, y_bar, 0.0)


@require(lambda y_bar: np.all(y_bar > 0), ValueError)
def relu_backward_that_asks_for_more(x: Any, y_bar: Any) -> Any:
    return np.where(x > 0, y_bar, 0.0)


def clipped(x: Any) -> Any:
    """A branch on data: two paths."""
    total = np.sum(x * x)
    return x / total if total > 1 else x * 1.0


def clipped_backward(x: Any, y_bar: Any) -> Any:
    total = np.sum(x * x)
    if total > 1:
        return (y_bar - 2 * x * (np.sum(x * y_bar) / total)) / total
    return y_bar


def huber(x: Any) -> Any:
    return np.sum(np.where(np.abs(x) <= 1, x * x * 0.5, np.abs(x) - 0.5))


def huber_backward(x: Any, y_bar: Any) -> Any:
    return np.minimum(np.maximum(x, -1.0), 1.0) * y_bar


def length(x: Any) -> Any:
    """Roots of sums of squares are irrational at almost every fraction."""
    return np.sqrt(np.sum(x * x) + 2)


def length_backward(x: Any, result: Any, y_bar: Any) -> Any:
    return x / result * y_bar


def length_wrong(x: Any, result: Any, y_bar: Any) -> Any:
    return x * y_bar


def root_of_two(x: Any) -> Any:
    return np.sqrt(x * 0 + 2) * x


def root_of_two_wrong(result: Any, x: Any, y_bar: Any) -> Any:
    return x * y_bar


# ---- claims ---------------------------------------------------------------------------------------------------------


def products(size: int, forward: Callable[..., Any] = product) -> Adjoint:
    return Adjoint(forward, product_backward, {"w": Array(np.float64, (size, size)), "x": vector(size)})


def norms(size: int) -> Adjoint:
    return Adjoint(
        norm,
        norm_backward,
        {"x": vector(size), "eps": Array(np.float64)},
        along=("x",),
        domain=lambda eps: eps > 0,
        examples=[{"x": [-3, 3], "eps": 7} if size == 2 else {"x": [-3, 0, 3], "eps": 3}],
    )


SHARES = Adjoint(
    shares, shares_backward, {"x": vector(3)}, domain=lambda x: np.any(x != 0), examples=[{"x": [1, 2, 3]}]
)
STEP = Adjoint(
    step,
    step_backward,
    {"parameter": vector(2), "gradients": Arrays((vector(2), vector(2), vector(2))), "rate": Array(np.float64)},
    along=("parameter", "gradients"),
)
RELU = Adjoint(relu, relu_backward, {"x": vector(2)})
SMOOTH_RELU = dataclasses.replace(RELU, domain=lambda x: np.all(x != 0))
CLIPPED = Adjoint(
    clipped,
    clipped_backward,
    {"x": vector(2)},
    domain=lambda x: np.sum(x * x) != 1,
    examples=[{"x": [1, 2]}, {"x": [0.25, 0.5]}],
)
HUBER = Adjoint(huber, huber_backward, {"x": vector(2)}, domain=lambda x: np.all(x != 0))
LENGTH = Adjoint(length, length_backward, {"x": vector(2)}, examples=[{"x": [1, 1]}])


def law(name: str, rule: Adjoint, wrong: Iterable[Callable[..., Any]] = ()) -> Claim:
    twins: list[Twin] = [wrong_backward(f.__name__, "a wrong rule", rule, f, 5.0) for f in wrong]
    return Claim(
        id=name,
        row="backward",
        function=rule.forward.__name__,
        statement="the backward function is the adjoint of the derivative",
        verb="prove",
        theory="Dual",
        bound=", ".join(rule.inputs),
        build=lambda: adjoint(rule, timeout=5.0),
        twins=tuple(twins),
    )


RULES = Registry(
    [
        law("PRODUCT-1", products(1)),
        law("PRODUCT-2", products(2), [product_untransposed]),
        law("PRODUCT-3", products(3), [product_untransposed, product_scaled]),
        law("PRODUCT-4", products(3, product_by_rows), [product_scaled]),
        law("SHARES-1", SHARES, [shares_with_a_term_missing, shares_with_a_wrong_sign]),
        law("NORM-2", norms(2), [norm_without_the_mean, norm_slightly_off]),
        law("NORM-3", norms(3), [norm_without_the_mean, norm_slightly_off]),
        law("STEP-1", STEP),
        law("RELU-1", SMOOTH_RELU),
        law("CLIPPED-1", CLIPPED),
        law("HUBER-1", HUBER),
        law("LENGTH-1", LENGTH, [length_wrong]),
    ]
)

FALSE = Registry(
    [
        law("PRODUCT-5", dataclasses.replace(products(2), backward=product_untransposed)),
        law("SHARES-2", dataclasses.replace(SHARES, backward=shares_with_a_wrong_sign)),
        law("NORM-4", dataclasses.replace(norms(3), backward=norm_slightly_off)),
        law("RELU-2", RELU),
        law("RELU-3", dataclasses.replace(SMOOTH_RELU, backward=relu_backward_that_asks_for_more)),
        law("NORM-5", dataclasses.replace(norms(2), domain=None)),
        law("VACUOUS-1", dataclasses.replace(RELU, domain=lambda x: np.all(x != 0) & np.all(x * x < 0))),
        law("IRRATIONAL-1", Adjoint(root_of_two, root_of_two_wrong, {"x": Array(np.float64)})),
        law("SHAPES-1", Adjoint(shares, lambda x, y_bar: np.sum(y_bar), {"x": vector(2)})),
    ]
)
