"""Whole steps, from any state and with every option: the bits of Algorithm 1 written out as one sequence of operations."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.array import truth
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Fixed, Input, Record
from proofs.symbolic.paths import Path
from proofs.symbolic.theory import Theory
from reference.adam import (
    AdamState,
    adam_state,
    adam_step,
    adamw_step,
    change,
    denominator,
    epsilon_hat_step,
    first_moment,
    second_moment,
)
from reference.adam_clauses import is_maximum
from reference.contracts import bare
from reference.hyperparameters import has_master, working_dtype

NUMBER = Array(np.float64)
FLOATS = (np.float16, np.float32, np.float64)
STEP = 3  # so many were made before
FIELDS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "master")


@dataclass(frozen=True)
class State(Record):
    """An arbitrary `AdamState` in mid-run; ``members`` are those of its arrays that are there."""

    kind: Any = AdamState
    members: tuple[Array, ...] = ()
    fields: tuple[str, ...] = ()

    def symbolic(self, name: str, theory: Theory) -> AdamState:
        return AdamState(STEP, **{field: part.symbolic(f"{name}.{field}", theory) for field, part in self._parts()})

    def concrete(self, name: str, values: Mapping[str, Any]) -> AdamState:
        return AdamState(STEP, **{field: part.concrete(f"{name}.{field}", values) for field, part in self._parts()})

    def random(self, generator: random.Random) -> AdamState:
        return AdamState(STEP, **{field: part.random(generator) for field, part in self._parts()})

    def _parts(self) -> Iterator[tuple[str, Array]]:
        return zip(self.fields, self.members, strict=True)

    def _fields(self, name: str) -> list[tuple[str, Array]]:
        return [(f"{name}.{field}", part) for field, part in self._parts()]


def state_input(dtype: Any, size: int, amsgrad: bool) -> State:
    """The states of a parameter of a dtype."""
    there = {"max_exp_avg_sq": amsgrad, "master": has_master(np.dtype(dtype))}
    fields = tuple(field for field in FIELDS if there.get(field, True))
    return State(members=(Array(working_dtype(np.dtype(dtype)), (size,)),) * len(fields), fields=fields)


def step_run(step: Callable[..., Any], dtype: Any, size: int, amsgrad: bool, maximize: bool) -> Run:
    """A step of a few elements with these options, λ > 0 or none."""
    inputs: dict[str, Input] = {
        **dict.fromkeys(("param", "grad"), Array(dtype, (size,))),
        "state": state_input(dtype, size, amsgrad),
        **dict.fromkeys(("lr", "eps", "weight_decay"), NUMBER),
        "betas": Fixed((np.float64(0.9), np.float64(0.999))),
        "amsgrad": Fixed(amsgrad),
        "maximize": Fixed(maximize),
    }
    draw = functools.partial(_similar, dtype, size, amsgrad, maximize)
    return Run(step, inputs, IEEE(), draw=draw, script=cut_maximum if amsgrad else None)


def cut_maximum(path: Path, arguments: dict[str, Any], result: Any) -> None:
    """The maximum is one, whatever v is."""
    before, after = arguments["state"], result.state
    goal = truth(np.all(is_maximum(after.max_exp_avg_sq, before.max_exp_avg_sq, after.exp_avg_sq)))
    path.prove("the maximum", goal, using=[], forgetting=list(after.exp_avg_sq.elements.ravel()))


def _similar(dtype: Any, size: int, amsgrad: bool, maximize: bool, generator: random.Random) -> dict[str, Any]:
    """Numbers of such sizes that every operation counts."""

    def some(kind: Any) -> Any:
        return np.array([generator.uniform(0.5, 9) for _ in range(size)], kind)

    param, working = some(dtype), working_dtype(np.dtype(dtype))
    master = param.astype(working) if has_master(np.dtype(dtype)) else None
    squares = some(working) * working.type(2.0**-8)
    state = AdamState(STEP, some(working), squares, some(working) if amsgrad else None, master)
    settings = {name: np.float64(generator.uniform(0.1, 1)) for name in ("lr", "eps", "weight_decay")}
    betas = (np.float64(0.9), np.float64(0.999))
    flags = {"amsgrad": amsgrad, "maximize": maximize, "betas": betas}
    return {"param": param, "grad": -some(dtype), "state": state, **settings, **flags}


def each_option(step: Callable[..., Any], dtype: Any) -> Iterator[tuple[str, Run]]:
    """All options, with one element."""
    for amsgrad, maximize in itertools.product((False, True), repeat=2):
        yield f"amsgrad {amsgrad}, maximize {maximize}: ", step_run(step, dtype, 1, amsgrad, maximize)


def _lerp(exp_avg: Any, grad: Any, beta: Any) -> Any:
    return exp_avg + (1 - beta).astype(exp_avg.dtype) * (grad - exp_avg)


def _square_first(exp_avg_sq: Any, grad: Any, beta: Any) -> Any:
    kept, new = beta.astype(exp_avg_sq.dtype), (1 - beta).astype(exp_avg_sq.dtype)
    return kept * exp_avg_sq + new * (grad * grad)


def _root_of_quotient(exp_avg_sq: Any, root: Any, eps: Any) -> Any:
    corrected = exp_avg_sq / (root * root).astype(exp_avg_sq.dtype)
    return np.sqrt(corrected) + eps.astype(exp_avg_sq.dtype)


def _product_first(exp_avg: Any, divisor: Any, step_size: Any) -> Any:
    return step_size.astype(exp_avg.dtype) * exp_avg / divisor


BUGS = (
    ("lerp", "averages as m + (1 - β)(g - m)", first_moment, _lerp),
    ("square first", "takes (1 - β) (g²)", second_moment, _square_first),
    ("root of quotient", "takes √(v / (1 - β₂ᵗ))", denominator, _root_of_quotient),
    ("product first", "takes (step_size m) / divisor", change, _product_first),
)

for clause, step in (("ADAM-14", adam_step), ("ADAM-15", adamw_step), ("ADAM-16", epsilon_hat_step)):
    for dtype in FLOATS:
        name = np.dtype(dtype).name
        prove(
            clause,
            step,
            variant=name,
            theory=f"IEEE({name})",
            bound="elementwise, any state, default β, all options",
            runs=functools.partial(each_option, step, dtype),
            twins=[
                sampled_twin(bug, why, step_run(step, dtype, 1, False, False), clause, {piece: other})
                for bug, why, piece, other in BUGS
                if piece is not denominator or step is not epsilon_hat_step  # whose root is 1
            ],
        )


def _ones(param: Any, *, amsgrad: bool = False) -> AdamState:
    state = bare(adam_state)(param, amsgrad=amsgrad)
    return AdamState(0, state.exp_avg, np.ones_like(state.exp_avg_sq), state.max_exp_avg_sq, state.master)


def each_state(dtype: Any) -> Iterator[tuple[str, Run]]:
    """One and two elements, with AMSGrad and without."""
    for size, amsgrad in itertools.product((1, 2), (False, True)):
        inputs: dict[str, Input] = {"param": Array(dtype, (size,)), "amsgrad": Fixed(amsgrad)}
        yield f"n = {size}, amsgrad {amsgrad}: ", Run(adam_state, inputs, IEEE())


for dtype in FLOATS:
    name = np.dtype(dtype).name
    runs = tuple(each_state(dtype))
    prove(
        "ADAM-17",
        adam_state,
        variant=name,
        theory=f"IEEE({name})",
        bound="n <= 2",
        runs=functools.partial(list, runs),
        twins=[sampled_twin("ones", "starts v at 1", runs[0][1], "ADAM-17", {adam_state: _ones})],
    )
