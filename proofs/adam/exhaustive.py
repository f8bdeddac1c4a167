"""Parameters of 16 bits: every one of them at rest, and every gradient of the first step."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np

from proofs.prover.claims import CLAIMS, Claim, Exhaustion, Twin
from proofs.prover.describe import location_of, statement_of
from proofs.prover.obligations import judge
from proofs.prover.symbolic_run import Run, call_with, clauses_of
from proofs.symbolic.ieee import IEEE
from reference import contracts
from reference.adam import adam_state, adam_step, adamw_step, bias_correction, denominator
from reference.contracts import bare, ensure
from reference.exactness import same_bits
from reference.optimizer.steps import Stepped

LR = 1e-3
Replaced = Mapping[Callable[..., Any], Callable[..., Any]]


@ensure("ADAM-25", lambda result, param: _is_at_rest(result, param))
def rest_of(param: Any) -> tuple[Stepped, Stepped]:
    """A first step of Adam and of AdamW without decay, with a gradient of 0 and the default ε of 1e-8.

    Claims
        ADAM-25  exhaust  IEEE(float16, bfloat16)  every parameter but NaN  no bit changes, and the moments stay 0
    """
    zero, state = np.zeros(param.shape, param.dtype), adam_state(param)
    return adam_step(param, zero, state), adamw_step(param, zero, state, weight_decay=0.0)


def _is_at_rest(result: tuple[Stepped, Stepped], param: Any) -> Any:
    """ε = 1e-8 is 0 in float16, but the arithmetic is that of float32."""
    return all(
        same_bits(step.param, param) and not step.state.exp_avg.any() and not step.state.exp_avg_sq.any()
        for step in result
    )


@ensure("ADAM-52", lambda result: np.all(np.abs(result.state.master) <= np.float32(LR)))
@ensure("ADAM-53", lambda result, grad: np.all(result.state.master * grad.astype(np.float32) <= 0))
def first_step_of(grad: Any) -> Stepped:
    """The first step of Adam, default settings, of parameters that are 0.

    Claims
        ADAM-52  exhaust  IEEE(float16, bfloat16)  every finite gradient  |Δθ| <= lr, both in float32
        ADAM-53  exhaust  IEEE(float16, bfloat16)  every finite gradient  no parameter moves uphill
    """
    param = np.zeros(grad.shape, grad.dtype)
    return adam_step(param, grad, adam_state(param), lr=LR)


def every(dtype: Any) -> Any:
    """Every number of a format of 16 bits, infinities included."""
    numbers = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    with np.errstate(invalid="ignore"):
        return numbers[~np.isnan(numbers)]


def every_finite(dtype: Any) -> Any:
    """Every finite number of a format of 16 bits."""
    return every(dtype)[np.isfinite(every(dtype))]


def at_once(run: Run, clause: str, name: str, numbers: Any) -> Exhaustion:
    """One call with all numbers; if the clause fails, the first one that breaks it by itself."""
    if _is_kept(run, clause, name, numbers):
        return Exhaustion(numbers.size, None)
    found = numbers
    while found.size > 1:
        halves = np.array_split(found, 2)
        found = halves[1] if _is_kept(run, clause, name, halves[0]) else halves[0]
    return Exhaustion(numbers.size, judge(run, {name: found}, clause))


def _is_kept(run: Run, clause: str, name: str, numbers: Any) -> bool:
    (condition,) = (each.condition for each in clauses_of(run.function, (clause,)))
    with contracts.interpreted(functools.partial(_call, run)), np.errstate(all="ignore"):
        result = bare(run.function)(numbers)
        return bool(np.all(call_with(condition, {"result": result, name: numbers})))


def _call(run: Run, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return run.replaced.get(function, bare(function))(*args, **kwargs)


def _epsilon_in_float16(exp_avg_sq: Any, root: Any, eps: Any) -> Any:
    return bare(denominator)(exp_avg_sq, root, eps.astype(np.float16).astype(np.float64))


def _uncorrected(beta: Any, step: int) -> Any:
    return bare(bias_correction)(beta, step) if beta < 0.95 else np.float64(1)


def _negated(exp_avg_sq: Any, root: Any, eps: Any) -> Any:
    return -bare(denominator)(exp_avg_sq, root, eps)


def tried(clause: str, function: Callable[..., Any], name: str, bound: str, bug: tuple[str, str, Replaced]) -> None:
    """Register a clause that is tried for every number of both formats."""
    for dtype in (np.float16, ml_dtypes.bfloat16):
        numbers = every(dtype) if name == "param" else every_finite(dtype)
        run = Run(function, {}, IEEE())
        broken = dataclasses.replace(run, replaced=bug[2])
        CLAIMS.register(
            Claim(
                id=f"{clause}.{np.dtype(dtype).name}",
                row="adam",
                function=f"{function.__module__}.{function.__name__}",
                statement=statement_of(function, clause),
                verb="exhaust",
                theory=f"IEEE({np.dtype(dtype).name})",
                bound=bound,
                exhaust=functools.partial(at_once, run, clause, name, numbers),
                twins=(Twin(*bug[:2], exhaust=functools.partial(at_once, broken, clause, name, numbers)),),
                location=location_of(function, clause),
            )
        )


tried(
    "ADAM-25",
    rest_of,
    "param",
    "every parameter but NaN",
    ("epsilon in float16", "rounds ε to float16, to 0", {denominator: _epsilon_in_float16}),
)
tried(
    "ADAM-52",
    first_step_of,
    "grad",
    "every finite gradient",
    ("uncorrected", "corrects m and not v", {bias_correction: _uncorrected}),
)
tried("ADAM-53", first_step_of, "grad", "every finite gradient", ("uphill", "goes uphill", {denominator: _negated}))
