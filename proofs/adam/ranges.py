"""The state stays finite for ever, if no gradient is too large: an invariant that every step keeps."""

from __future__ import annotations

import functools
import random
from typing import Any

import numpy as np

from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Array
from proofs.symbolic.rounded import Rounded
from reference.adam import Moments, first_moment, second_moment
from reference.contracts import ensure, require
from reference.exactness import exact

NUMBER = Array(np.float64)
MOST = {np.float32: 2.0**63, np.float64: 2.0**511}  # of a gradient: twice its square is finite
MOST_BETA = 1 - 2.0**-20
STATES = (np.float32, np.float64)


def _is_within(exp_avg: Any, exp_avg_sq: Any, limit: Any) -> Any:
    """|m| <= 2 G and 0 <= v <= 2 G²."""
    bound = exact(limit)
    return np.all((exact(np.abs(exp_avg)) <= 2 * bound) & (exp_avg_sq >= 0) & (exact(exp_avg_sq) <= 2 * bound * bound))


@require(
    lambda beta1, beta2: (beta1 >= 0) & (beta1 <= MOST_BETA) & (beta2 >= 0) & (beta2 <= MOST_BETA),
    lambda: ValueError("betas must lie in [0, 1 - 2**-20]"),
)
@require(
    lambda exp_avg, exp_avg_sq, limit: _is_within(exp_avg, exp_avg_sq, limit),
    lambda limit: ValueError(f"the moments must lie within twice {limit}, and its square"),
)
@require(
    lambda grad, limit: np.all(exact(np.abs(grad)) <= exact(limit)), lambda limit: ValueError(f"|g| is above {limit}")
)
@ensure("ADAM-24", lambda result, limit: _is_within(result.exp_avg, result.exp_avg_sq, limit))
def moments_within(exp_avg: Any, exp_avg_sq: Any, grad: Any, beta1: Any, beta2: Any, limit: Any) -> Moments:
    """The moments after a step with a gradient of at most G = limit; moments of 0 are within.

    Claims
        ADAM-24  prove  Rounded(float32, float64)  elementwise, β <= 1 - 2**-20, 1 <= G <= 2**63 or 2**511, inductive
                 |g| <= G makes |m| <= 2 G and 0 <= v <= 2 G² last: both are finite after any number of steps
    """
    return Moments(first_moment(exp_avg, grad, beta1), second_moment(exp_avg_sq, grad, beta2), None)


def _summed(exp_avg: Any, grad: Any, beta: Any) -> Any:
    return beta.astype(exp_avg.dtype) * exp_avg + grad


def _at_the_limit(dtype: Any, generator: random.Random) -> dict[str, Any]:
    limit = generator.uniform(1, 100)
    arrays = {"exp_avg": 2 * limit, "exp_avg_sq": 2 * limit * limit, "grad": limit}
    numbers = {"beta1": 0.9, "beta2": 0.999, "limit": limit * (1 + 1e-6)}
    return {
        **{name: np.array([x], dtype) for name, x in arrays.items()},
        **{name: np.float64(x) for name, x in numbers.items()},
    }


for dtype in STATES:
    name = np.dtype(dtype).name
    one = Array(dtype, (1,))
    within = Run(
        moments_within,
        {
            **dict.fromkeys(("exp_avg", "exp_avg_sq", "grad"), one),
            **dict.fromkeys(("beta1", "beta2", "limit"), NUMBER),
        },
        Rounded(),
        uses={first_moment: "contract", second_moment: "contract"},
        domain=functools.partial(lambda most, limit: (limit >= 1) & (limit <= most), MOST[dtype]),
        draw=functools.partial(_at_the_limit, dtype),
        examples=[
            {
                **{part: np.array([x], dtype) for part, x in (("exp_avg", 1), ("exp_avg_sq", 1), ("grad", 1))},
                **{part: np.float64(x) for part, x in (("beta1", 0.5), ("beta2", 0.5), ("limit", 1))},
            }
        ],
    )
    prove(
        "ADAM-24",
        moments_within,
        variant=name,
        theory=f"Rounded({name})",
        bound="elementwise, β <= 1 - 2**-20, 1 <= G <= 2**63 or 2**511, inductive",
        assumes=["ROUNDING"],
        rests_on=[f"ADAM-{number}.{name}" for number in (1, 2, 3, 7)],
        runs=functools.partial(list, [("", within)]),
        twins=[sampled_twin("summed", "forgets 1 - β₁", within, "ADAM-24", {first_moment: _summed})],
    )
