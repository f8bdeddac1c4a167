"""The moments and the divisor of one element: signs, ranges, and how far rounding takes them."""

from __future__ import annotations

import random
from typing import Any

import ml_dtypes
import numpy as np

from proofs.adam.cuts import cut_first_moment, cut_second_moment, cut_sum
from proofs.prover.describe import prove, prove_in, sampled_twin, twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Input, Integer
from proofs.symbolic.real import Real
from proofs.symbolic.rounded import Rounded
from reference.adam import (
    change,
    denominator,
    first_moment,
    largest_second_moment,
    next_step,
    second_moment,
)
from reference.adam_clauses import mean_square, most_mean_square
from reference.contracts import bare
from reference.exactness import exact
from reference.optimizer.clauses import largest_of

FLOATS = (np.float16, np.float32, np.float64)
NUMBER = Array(np.float64)
BETA = Array(np.float64, (), (0.0, 1.0))


def one(dtype: Any) -> Array:
    """One element, any value."""
    return Array(dtype, (1,))


# ---- signs and order, bit by bit ------------------------------------------------------------------------------------


def _from_the_gradient(exp_avg_sq: Any, grad: Any, beta: Any) -> Any:
    kept, new = beta.astype(exp_avg_sq.dtype), (1 - beta).astype(exp_avg_sq.dtype)
    return kept * exp_avg_sq + new * grad


def _lerp(exp_avg_sq: Any, grad: Any, beta: Any) -> Any:
    return exp_avg_sq + (1 - beta).astype(exp_avg_sq.dtype) * (grad * grad - exp_avg_sq)


def _replaced_by_the_last(max_exp_avg_sq: Any, exp_avg_sq: Any) -> Any:
    return exp_avg_sq


def _of_the_corrected(max_exp_avg_sq: Any, exp_avg_sq: Any) -> Any:
    """At the third step, with β₂ = 1/2."""
    return np.maximum(max_exp_avg_sq, exp_avg_sq / exp_avg_sq.dtype.type(0.875))


def _epsilon_times_root(exp_avg_sq: Any, root: Any, eps: Any) -> Any:
    return (np.sqrt(exp_avg_sq) + eps.astype(exp_avg_sq.dtype) * root.astype(exp_avg_sq.dtype)) / 2


def _are_finite(exp_avg_sq: Any, grad: Any) -> Any:
    return np.all(np.isfinite(exp_avg_sq) & np.isfinite(grad))


def square_run(dtype: Any) -> Run:
    """`second_moment` of finite numbers."""
    inputs: dict[str, Input] = {"exp_avg_sq": one(dtype), "grad": one(dtype), "beta": BETA}
    return Run(second_moment, inputs, IEEE(), domain=_are_finite)


def largest_run(dtype: Any) -> Run:
    """`largest_second_moment` of anything."""
    return Run(largest_second_moment, {"max_exp_avg_sq": one(dtype), "exp_avg_sq": one(dtype)}, IEEE())


def divisor_run(dtype: Any) -> Run:
    """`denominator` with the roots that corrections have."""
    return Run(
        denominator,
        {"exp_avg_sq": one(dtype), "root": NUMBER, "eps": NUMBER},
        IEEE(),
        domain=lambda root, eps: (root >= 2.0**-24) & (root <= 1) & (eps > 0),
    )


prove_in(
    FLOATS,
    "ADAM-2",
    second_moment,
    theory="IEEE",
    bound="elementwise, all finite",
    run=square_run,
    twins=lambda run: [
        twin("gradient", "averages g in the place of g²", run, "ADAM-2", {second_moment: _from_the_gradient})
    ],
)
prove_in(
    FLOATS,
    "ADAM-4",
    largest_second_moment,
    theory="IEEE",
    bound="elementwise",
    run=largest_run,
    twins=lambda run: [
        twin("last", "keeps the last", run, "ADAM-4", {largest_second_moment: _replaced_by_the_last}),
        twin(
            "corrected",
            "takes the maximum of corrected moments",
            run,
            "ADAM-4",
            {largest_second_moment: _of_the_corrected},
        ),
    ],
)
prove_in(
    FLOATS,
    "ADAM-6",
    denominator,
    theory="IEEE",
    bound="elementwise, 2**-24 <= root <= 1, eps > 0",
    run=divisor_run,
    twins=lambda run: [twin("scaled", "corrects ε too", run, "ADAM-6", {denominator: _epsilon_times_root})],
)


def _of_magnitudes(exp_avg: Any, divisor: Any, step_size: Any) -> Any:
    return step_size.astype(exp_avg.dtype) * (np.abs(exp_avg) / divisor)


def _in_bfloat16(step: Any) -> Any:
    return int(ml_dtypes.bfloat16(step) + ml_dtypes.bfloat16(1))


def change_run(dtype: Any) -> Run:
    """`change` with a positive divisor."""
    return Run(
        change,
        {"exp_avg": one(dtype), "divisor": one(dtype), "step_size": NUMBER},
        IEEE(),
        domain=lambda divisor, step_size: np.all(divisor > 0) & (step_size >= 0),
    )


prove_in(
    FLOATS,
    "ADAM-9",
    change,
    theory="IEEE",
    bound="elementwise, divisor > 0, step_size >= 0",
    run=change_run,
    twins=lambda run: [twin("magnitude", "takes |m|", run, "ADAM-9", {change: _of_magnitudes})],
)

counting = Run(next_step, {"step": Integer()}, Real(), draw=lambda generator: {"step": 2 ** generator.randint(0, 9)})
prove(
    "ADAM-8",
    next_step,
    theory="Real",
    bound="every whole number",
    runs=lambda: [("", counting)],
    twins=[sampled_twin("bfloat16", "counts in bfloat16", counting, "ADAM-8", {next_step: _in_bfloat16})],
)

# ---- how far rounding takes them ------------------------------------------------------------------------------------


def _unscaled(exp_avg: Any, grad: Any, beta: Any) -> Any:
    return beta.astype(exp_avg.dtype) * exp_avg + grad


def _swapped(exp_avg: Any, grad: Any, beta: Any) -> Any:
    return bare(first_moment)(grad, exp_avg, beta)


def _squared_first(exp_avg_sq: Any, grad: Any, beta: Any) -> Any:
    return beta.astype(exp_avg_sq.dtype) * exp_avg_sq + (1 - beta).astype(exp_avg_sq.dtype) * (grad * grad)


def _are_below_half(exp_avg: Any, grad: Any) -> Any:
    half = float(largest_of(grad.dtype) / 2)
    return np.all((np.abs(exp_avg) <= half) & (np.abs(grad) <= half))


def _is_below(exp_avg_sq: Any, grad: Any, beta: Any) -> Any:
    true = mean_square(exact(exp_avg_sq), exact(grad), beta, grad.dtype)
    return np.all((exp_avg_sq >= 0) & (true <= most_mean_square(grad.dtype)))


def _with_square_overflowing(run: Run) -> Run:
    """The run with gradients drawn whose square is too large, but not in the average."""
    dtype = run.examples[0]["grad"].dtype

    def draw(generator: random.Random) -> dict[str, Any]:
        grad = np.array([np.sqrt(np.finfo(dtype).max) * dtype.type(generator.uniform(1, 9))], dtype)
        return {"exp_avg_sq": np.zeros(1, dtype), "grad": grad, "beta": np.float64(0.99)}

    return run.drawing(draw)


def average_run(dtype: Any) -> Run:
    """`first_moment` of numbers whose sum is finite."""
    return Run(
        first_moment,
        {"exp_avg": one(dtype), "grad": one(dtype), "beta": BETA},
        Rounded(),
        domain=_are_below_half,
        before={first_moment: cut_first_moment},
        script=cut_sum,
        examples=[{"exp_avg": np.array([1], dtype), "grad": np.array([-2], dtype), "beta": np.float64(0.5)}],
    )


def mean_square_run(dtype: Any) -> Run:
    """`second_moment` where the average is finite, whatever the square."""
    return Run(
        second_moment,
        {"exp_avg_sq": one(dtype), "grad": one(dtype), "beta": BETA},
        Rounded(),
        domain=_is_below,
        before={second_moment: cut_second_moment},
        examples=[{"exp_avg_sq": np.array([1], dtype), "grad": np.array([-2], dtype), "beta": np.float64(0.5)}],
    )


prove_in(
    FLOATS,
    "ADAM-1",
    first_moment,
    theory="Rounded",
    bound="elementwise, |m|, |g| <= largest / 2",
    assumes=["ROUNDING"],
    run=average_run,
    twins=lambda run: [sampled_twin("unscaled", "forgets 1 - β", run, "ADAM-1", {first_moment: _unscaled})],
    also={
        "ADAM-7": lambda run: [sampled_twin("squared", "takes β for 1 - β", run, "ADAM-7", {first_moment: _swapped})]
    },
)
prove_in(
    FLOATS,
    "ADAM-3",
    second_moment,
    theory="Rounded",
    bound="elementwise, β v + (1 - β) g² <= (1 - 16 u) largest",
    assumes=["ROUNDING"],
    run=mean_square_run,
    twins=lambda run: [
        sampled_twin(
            "square first",
            "takes g² before 1 - β",
            _with_square_overflowing(run),
            "ADAM-3",
            {second_moment: _squared_first},
        )
    ],
)
