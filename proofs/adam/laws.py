"""Laws of one step: what stays where it is, and what turns with the gradient."""

from __future__ import annotations

import functools
import random
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.prover.describe import prove, sampled_twin, twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.array import truth
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Input
from proofs.symbolic.paths import Path
from reference.adam import Elements, Moments, Rates, denominator, first_moment, moved
from reference.contracts import bare, ensure
from reference.exactness import same_bits

NUMBER = Array(np.float64)
BETAS = (np.float64(0.9), np.float64(0.999))


class Pair(NamedTuple):
    """Two steps that a law compares."""

    one: Any
    other: Any


# ---- nothing moves ----------------------------------------------------------------------------------------------------


@ensure("ADAM-20", lambda result, theta: same_bits(result.theta, theta))
@ensure("ADAM-21", lambda result: np.all((result.moments.exp_avg == 0) & (result.moments.exp_avg_sq == 0)))
def rest(theta: Any, step_size: Any, root: Any, eps: Any) -> Elements:
    """A step from moments of 0 with a gradient of 0.

    Claims
        ADAM-20  prove  IEEE(float16, float32, float64)  elementwise, all θ, step_size finite, 2**-24 <= root <= 1, ε > 0
                 g = m = v = 0 moves no parameter by a bit
        ADAM-21  prove  IEEE(float16, float32, float64)  elementwise, all θ, step_size finite, 2**-24 <= root <= 1, ε > 0
                 g = m = v = 0 leaves the moments at 0
    """
    zero = np.zeros(theta.shape, theta.dtype)
    return moved(theta, zero, Moments(zero, zero, None), BETAS, Rates(step_size, root, eps))


def _are_rates(dtype: Any, theta: Any, step_size: Any, root: Any, eps: Any) -> Any:
    finite = np.isfinite(step_size.astype(dtype)) & ~np.signbit(step_size) & np.isfinite(eps)
    return np.all(~np.isnan(theta)) & finite & (root >= 2.0**-24) & (root <= 1) & (eps.astype(dtype) > 0)


def _without_epsilon(exp_avg_sq: Any, root: Any, eps: Any) -> Any:
    return np.sqrt(exp_avg_sq) / root.astype(exp_avg_sq.dtype)


def _drifting(exp_avg: Any, grad: Any, beta: Any) -> Any:
    return bare(first_moment)(exp_avg, grad, beta) + float(np.finfo(exp_avg.dtype).eps)


for dtype in (np.float16, np.float32, np.float64):
    name = np.dtype(dtype).name
    bound = "elementwise, all θ, step_size finite, 2**-24 <= root <= 1, ε > 0"
    resting = Run(
        rest,
        {"theta": Array(dtype, (1,)), "step_size": NUMBER, "root": NUMBER, "eps": NUMBER},
        IEEE(),
        domain=functools.partial(_are_rates, dtype),
    )
    prove(
        "ADAM-20",
        rest,
        variant=name,
        theory=f"IEEE({name})",
        bound=bound,
        runs=functools.partial(list, [("", resting)]),
        twins=[twin("no epsilon", "divides 0 by 0", resting, "ADAM-20", {denominator: _without_epsilon})],
        also={"ADAM-21": [twin("drift", "adds a little to m", resting, "ADAM-21", {first_moment: _drifting})]},
    )

# ---- what turns with the gradient ---------------------------------------------------------------------------------


@ensure("ADAM-22", lambda result: np.all(_are_opposite(result.one.theta, result.other.theta)))
@ensure(
    "ADAM-23",
    lambda result: np.all(
        (result.one.moments.exp_avg == -result.other.moments.exp_avg)
        & (result.one.moments.exp_avg_sq == result.other.moments.exp_avg_sq)
    ),
)
def both_ways(grad: Any, exp_avg: Any, exp_avg_sq: Any, step_size: Any, root: Any, eps: Any) -> Pair:
    """A step from 0, and the step with the signs of g and m turned.

    Claims
        ADAM-22  prove  IEEE(float16, float32)  elementwise, finite  negating g and m negates the change
        ADAM-23  prove  IEEE(float16, float32)  elementwise, finite  and m', and leaves v' as it is
    """
    rates = Rates(step_size, root, eps)
    zero = np.zeros(grad.shape, grad.dtype)
    return Pair(
        moved(zero, grad, Moments(exp_avg, exp_avg_sq, None), BETAS, rates),
        moved(zero, -grad, Moments(-exp_avg, exp_avg_sq, None), BETAS, rates),
    )


def _are_opposite(x: Any, y: Any) -> Any:
    return (x == -y) | (np.isnan(x) & np.isnan(y))


def _are_moments(grad: Any, exp_avg: Any, exp_avg_sq: Any) -> Any:
    half = float(np.finfo(grad.dtype).max) / 2
    return np.all((np.abs(grad) <= half) & (np.abs(exp_avg) <= half) & (exp_avg_sq >= 0))


def _of_similar_sizes(dtype: Any, generator: random.Random) -> dict[str, Any]:
    """Moments and rates that are neither lost nor overflow."""
    arrays = {name: np.array([generator.uniform(0.1, 9)], dtype) for name in ("grad", "exp_avg", "exp_avg_sq")}
    return {**arrays, **{name: np.float64(generator.uniform(0.1, 1)) for name in ("step_size", "root", "eps")}}


def _average_of_magnitudes(exp_avg: Any, grad: Any, beta: Any) -> Any:
    return bare(first_moment)(exp_avg, np.abs(grad), beta)


def cut_turn(path: Path, arguments: dict[str, Any], result: Pair) -> None:
    """Products first, then the moments; after that, all that matters is that one moment is the other turned."""
    grad, exp_avg = arguments["grad"], arguments["exp_avg"]
    one, other = (_terms(step.moments) for step in result)
    weights = [(beta.astype(grad.dtype), (1 - beta).astype(grad.dtype)) for beta in BETAS]
    turned = [(_term(w * x), _term(w * -x)) for w, x in zip(weights[0], (exp_avg, grad), strict=True)]
    square = _term((weights[1][1] * grad) * grad), _term((weights[1][1] * -grad) * -grad)
    facts = [path.prove("a product turns", y == z3.fpNeg(x), using=[]) for x, y in turned]
    stays = path.prove("a square stays", square[1] == square[0], using=[])
    zero = z3.And(z3.fpIsZero(one[0]), z3.fpIsZero(other[0]))
    opposite = other[0] == z3.fpNeg(one[0])
    moments = [
        path.prove(
            "m turns", z3.Or(zero, opposite), using=facts, forgetting=[term for pair in turned for term in pair]
        ),
        path.prove("v stays", one[1] == other[1], using=[stays], forgetting=square),
    ]
    goal = truth(_are_opposite(result.one.theta, result.other.theta))
    for name, case in (("where m is 0", zero), ("where it is not", opposite)):
        path.prove(name, z3.Implies(case, goal), using=moments, forgetting=[*one, *other])


def _term(array: Any) -> z3.FPRef:
    return array.elements.item()


def _terms(moments: Moments) -> tuple[z3.FPRef, z3.FPRef]:
    return _term(moments.exp_avg), _term(moments.exp_avg_sq)


for dtype in (np.float16, np.float32):
    name = np.dtype(dtype).name
    inputs: dict[str, Input] = {
        **dict.fromkeys(("grad", "exp_avg", "exp_avg_sq"), Array(dtype, (1,))),
        **dict.fromkeys(("step_size", "root", "eps"), NUMBER),
    }
    turned = Run(
        both_ways,
        inputs,
        IEEE(),
        domain=_are_moments,
        script=cut_turn,
    )
    similar = turned.drawing(functools.partial(_of_similar_sizes, dtype))
    prove(
        "ADAM-22",
        both_ways,
        variant=name,
        theory=f"IEEE({name})",
        bound="elementwise, finite",
        runs=functools.partial(list, [("", turned)]),
        twins=[sampled_twin("magnitude", "averages |g|", similar, "ADAM-22", {first_moment: _average_of_magnitudes})],
        also={
            "ADAM-23": [
                sampled_twin("magnitude", "averages |g|", similar, "ADAM-23", {first_moment: _average_of_magnitudes})
            ]
        },
    )
