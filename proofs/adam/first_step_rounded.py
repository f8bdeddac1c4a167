"""What is left in float32 of |Δθ| <= lr at the first step: lr (1 + 16 u), although g² underflows long before g."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.adam.cuts import slack_of, term
from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Array
from proofs.symbolic.paths import Path
from proofs.symbolic.real import magnitude, rational, root
from proofs.symbolic.rounded import Rounded, exact_quotient
from reference.adam import Elements, Moments, algorithm_1, bias_correction, change, denominator, moved, second_moment
from reference.contracts import bare, ensure, require
from reference.exactness import exact

NUMBER = Array(np.float64)
BETAS = (np.float64(0.9), np.float64(0.999))
FLOAT32 = np.dtype(np.float32)
MOST_GRAD, MOST_LR, LEAST_EPS = 2.0**63, 2.0**20, 1e-8
SMALL = Fraction(2) ** -40  # below, ε divides; above, g² is normal
U, LEAST = slack_of(FLOAT32)
ALLOWED, UNDERFLOW = 1 + 16 * U, Fraction(2) ** -120


def _is_within(theta: Any, lr: Any) -> Any:
    return np.all(exact(np.abs(theta)) <= ALLOWED * exact(lr) + UNDERFLOW)


@require(
    lambda grad: np.all(np.abs(grad) <= MOST_GRAD), lambda grad: ValueError(f"|g| must be at most 2**63, got {grad}")
)
@require(lambda lr: (lr >= 0) & (lr <= MOST_LR), lambda lr: ValueError(f"lr must lie in [0, 2**20], got {lr}"))
@require(lambda eps: (eps >= LEAST_EPS) & (eps <= 1), lambda eps: ValueError(f"eps must lie in [1e-8, 1], got {eps}"))
@ensure("ADAM-54", lambda result, lr: _is_within(result.theta, lr))
def first_step_in_float32(grad: Any, lr: Any, eps: Any) -> Elements:
    """The first step of a float32 parameter that is 0, with the default β.

    Claims
        ADAM-54  prove  Rounded(float32)  elementwise, |g| <= 2**63, 0 <= lr <= 2**20, 1e-8 <= ε <= 1
                 |Δθ| <= (1 + 16 u) lr, up to 2**-120
    """
    zero = np.zeros(grad.shape, grad.dtype)
    return moved(zero, grad, Moments(zero, zero, None), BETAS, algorithm_1(lr, BETAS, eps, 1))


NEW = tuple(Fraction(float((1 - beta).astype(np.float32))) for beta in BETAS)  # 1 - β as float32 has it


def _only_the_first(beta: Any, step: int) -> Any:
    return bare(bias_correction)(beta, step) if beta < 0.95 else np.float64(1)


def _plain(generator: random.Random) -> dict[str, Any]:
    """A gradient that is not small."""
    grad = np.array([generator.uniform(1, 9)], np.float32)
    return {"grad": grad, "lr": np.float64(0.1), "eps": np.float64(1e-8)}


def _root_below(x: Fraction) -> Fraction:
    """A fraction just below a square root."""
    scale = 1 << 60
    return Fraction(math.isqrt(x.numerator * scale * scale // x.denominator), scale)


def cut_square(path: Path, arguments: dict[str, Any]) -> None:
    """((1 - β) g) g is in range, and near (1 - β) g² where that is no underflow."""
    grad = arguments["grad"]
    scaled = (1 - arguments["beta"]).astype(FLOAT32) * grad
    g, q = term(grad), term(scaled)
    near = path.prove("a scaled gradient", z3.And(*_is_near(q, g)), using=path.facts_about(q))
    small = path.prove("the gradient", z3.And(g <= rational(Fraction(MOST_GRAD)), g >= rational(-Fraction(MOST_GRAD))))
    path.prove("its square", z3.And(q * g >= 0, q * g <= rational(Fraction(2) ** 120)), using=[near, small])
    path.prove(
        "its square is near",
        z3.Implies(magnitude(g) >= rational(SMALL), q * g >= rational(NEW[1] * (1 - 2 * U)) * (g * g)),
        using=[near],
    )


def _is_near(q: z3.ArithRef, g: z3.ArithRef) -> list[z3.BoolRef]:
    high, low, half = rational(NEW[1] * (1 + U)), rational(NEW[1] * (1 - U)), rational(LEAST / 2)
    return [
        z3.Implies(g >= 0, z3.And(q >= 0, q <= high * g + half, q >= low * g - half)),
        z3.Implies(g <= 0, z3.And(q <= 0, q >= high * g - half, q <= low * g + half)),
    ]


def cut_root(path: Path, arguments: dict[str, Any]) -> None:
    """√v is in range, and near |g| where g² is no underflow."""
    v = term(arguments["exp_avg_sq"])
    g = term(path.last("second_moment").arguments["grad"])
    path.prove("v", z3.And(v >= 0, v <= rational(Fraction(2) ** 121)))
    big = path.prove(
        "v is near",
        z3.Implies(magnitude(g) >= rational(SMALL), v >= rational(NEW[1] * (1 - 4 * U)) * (g * g)),
    )
    y = root(v)
    path.prove(
        "its root", z3.And(y >= 0, y <= rational(Fraction(2) ** 61)), using=[*path.facts_about(y), *path.facts_about(v)]
    )
    kappa = _root_below(NEW[1] * (1 - 4 * U))
    path.prove(
        "its root is near",
        z3.Implies(magnitude(g) >= rational(SMALL), y >= rational(kappa) * magnitude(g)),
        using=[big, *path.facts_about(y)],
    )


def cut_change(path: Path, arguments: dict[str, Any]) -> None:
    """The divisor is at least |g| but for rounding, so the quotient at most 1 - β₁."""
    m, d = term(arguments["exp_avg"]), term(arguments["divisor"])
    g = magnitude(term(path.last("second_moment").arguments["grad"]))
    divisor = path.prove(
        "the divisor",
        z3.And(d >= rational(1 - 9 * U) * g + rational(Fraction(1, 1 << 28)), d <= rational(Fraction(2) ** 100)),
    )
    moment = path.prove("the moment", magnitude(m) <= rational(NEW[0] * (1 + U)) * g + rational(LEAST))
    ratio = arguments["exp_avg"] / arguments["divisor"]
    x = exact_quotient(m, d)
    most = path.prove("the quotient", magnitude(x) * d == magnitude(m), using=[divisor, *path.facts_about(x)])
    bound = rational(NEW[0] * (1 + 11 * U))
    path.prove("it is at most 1 - β₁", magnitude(x) <= bound, using=[most, divisor, moment])
    rounded = term(ratio)
    small = path.prove("rounded", magnitude(rounded) <= rational(NEW[0] * (1 + 13 * U)))
    step_size = term(arguments["step_size"].astype(FLOAT32))
    rate = path.prove("the step size", step_size >= 0)
    path.prove(
        "the change", magnitude(step_size * rounded) <= step_size * rational(NEW[0] * (1 + 13 * U)), using=[small, rate]
    )


rounded = Run(
    first_step_in_float32,
    {"grad": Array(np.float32, (1,)), "lr": NUMBER, "eps": NUMBER},
    Rounded(),
    before={second_moment: cut_square, denominator: cut_root, change: cut_change},
    examples=[{"grad": np.array([2], np.float32), "lr": np.float64(1), "eps": np.float64(0.5)}],
)
prove(
    "ADAM-54",
    first_step_in_float32,
    theory="Rounded(float32)",
    bound="elementwise, |g| <= 2**63, 0 <= lr <= 2**20, 1e-8 <= ε <= 1",
    assumes=["ROUNDING"],
    runs=lambda: [("", rounded)],
    twins=[
        sampled_twin(
            "uncorrected",
            "corrects m and not v",
            rounded.drawing(_plain),
            "ADAM-54",
            {bias_correction: _only_the_first},
        )
    ],
)
