"""In exact numbers a mean lies between what it is a mean of; what is left of that in floating point is ADAM-1."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Array
from proofs.symbolic.real import Real
from reference.adam import first_moment
from reference.contracts import ensure, require
from reference.hyperparameters import average_error, is_average


@require(lambda beta: is_average(beta), lambda beta: average_error("beta", beta))
@ensure("ADAM-26", lambda result, exp_avg, grad: np.all(np.abs(result) <= np.maximum(np.abs(exp_avg), np.abs(grad))))
@ensure(
    "ADAM-27",
    lambda result, exp_avg, grad: np.all((np.minimum(exp_avg, grad) <= result) & (result <= np.maximum(exp_avg, grad))),
)
def mean_of(exp_avg: Any, grad: Any, beta: Any) -> Any:
    """The first moment as a real number.

    Claims
        ADAM-26  prove  Real  elementwise, all β in [0, 1)  |m'| <= max(|m|, |g|)
        ADAM-27  prove  Real  elementwise, all β in [0, 1)  m' lies between m and g
    """
    return first_moment(exp_avg, grad, beta)


def _unscaled(exp_avg: Any, grad: Any, beta: Any) -> Any:
    return beta * exp_avg + grad


def _of_magnitudes(exp_avg: Any, grad: Any, beta: Any) -> Any:
    return beta * np.abs(exp_avg) + (1 - beta) * np.abs(grad)


def _some(generator: random.Random) -> dict[str, Any]:
    """Both negative, so that no magnitude lies between them."""
    arrays = {name: np.array([-generator.uniform(1, 9)]) for name in ("exp_avg", "grad")}
    return {**arrays, "beta": np.float64(generator.random())}


ONE = Array(np.float64, (1,))
mean = Run(mean_of, {"exp_avg": ONE, "grad": ONE, "beta": Array(np.float64)}, Real(), draw=_some)
prove(
    "ADAM-26",
    mean_of,
    theory="Real",
    bound="elementwise, all β in [0, 1)",
    runs=lambda: [("", mean)],
    twins=[sampled_twin("unscaled", "forgets 1 - β", mean, "ADAM-26", {first_moment: _unscaled})],
    also={"ADAM-27": [sampled_twin("magnitudes", "averages |g|", mean, "ADAM-27", {first_moment: _of_magnitudes})]},
)
