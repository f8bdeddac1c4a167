"""How the claims about whole steps of all optimizers are stated: an arbitrary state, numbers as settings, bugs by drawing."""

from __future__ import annotations

import functools
import inspect
import operator
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from proofs.optimizer.states import STEP, state_with
from proofs.prover.claims import Twin
from proofs.prover.describe import prove, prove_in, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Fixed, Input
from reference.hyperparameters import has_master, working_dtype

FLOATS = (np.float16, np.float32, np.float64)
NUMBER = Array(np.float64)


def step_run(step: Callable[..., Any], kind: Any, dtype: Any, fields: tuple[str, ...], **settings: Any) -> Run:
    """A step of one element from any state in which these arrays are there.

    A setting that is ``None`` is any number above 0, and one that is ``NUMBER`` any that the step admits.
    """
    working = working_dtype(np.dtype(dtype))
    there = (*fields, "master") if has_master(np.dtype(dtype)) else fields
    chosen: dict[str, Input] = {
        name: NUMBER
        if value is None or value is NUMBER
        else Fixed(value if isinstance(value, bool | tuple) else np.float64(value))
        for name, value in settings.items()
    }
    inputs: dict[str, Input] = {
        **dict.fromkeys(("param", "grad"), Array(dtype, (1,))),
        "state": state_with(kind, Array(working, (1,)), *there),
        **chosen,
    }
    positive = [name for name, value in settings.items() if value is None]

    def draw(generator: random.Random) -> dict[str, Any]:
        def some(kind: Any) -> Any:
            return np.array([generator.uniform(0.5, 9)], kind)

        param = some(dtype)
        parts = {field: some(working) for field in fields}
        if has_master(np.dtype(dtype)):
            parts["master"] = param.astype(working)
        numbers = {name: np.float64(generator.uniform(0.1, 0.9)) for name, kind in chosen.items() if kind is NUMBER}
        fixed = {name: kind.value for name, kind in chosen.items() if isinstance(kind, Fixed)}
        return {"param": param, "grad": -some(dtype), "state": kind(STEP, **parts), **numbers, **fixed}

    return Run(step, inputs, IEEE(), domain=_all_positive(positive), draw=draw)


def _all_positive(names: list[str]) -> Callable[..., Any]:
    """The condition that these arguments are greater than 0."""

    def domain(**numbers: Any) -> Any:
        return functools.reduce(operator.and_, [number > 0 for number in numbers.values()], np.bool_(True))

    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    domain.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return domain


def whole_steps(
    clause: str,
    step: Callable[..., Any],
    runs: Callable[[Any], Mapping[str, Run]],
    twins: Callable[[Mapping[str, Run]], Iterable[Twin]],
    bound: str = "elementwise, any state, each option, settings 0 or > 0",
) -> None:
    """Register that a step has the bits of what is written out, with twins for its runs in each format."""
    for dtype in FLOATS:
        name = np.dtype(dtype).name
        each = runs(dtype)
        prove(
            clause,
            step,
            variant=name,
            theory=f"IEEE({name})",
            bound=bound,
            runs=functools.partial(list, [(f"{label}: ", run) for label, run in each.items()]),
            twins=twins(each),
        )


def planted_in(
    bugs: Callable[..., list[Twin]], clause: str, shown_by: Mapping[str, str]
) -> Callable[[Mapping[str, Run]], list[Twin]]:
    """Twins with these bugs, each planted into the run that shows it."""
    return lambda runs: [twin for bug, label in shown_by.items() for twin in bugs(runs[label], clause, bug)]


def first_states(clause: str, start: Callable[..., Any], broken: Callable[..., Any]) -> None:
    """Register what the state of a parameter is before its first step."""
    prove_in(
        FLOATS,
        clause,
        start,
        theory="IEEE",
        bound="n = 2",
        run=lambda dtype: Run(start, {"param": Array(dtype, (2,))}, IEEE()),
        twins=lambda run: [sampled_twin("ones", "starts elsewhere", run, clause, {start: broken}, tries=10)],
    )
