"""The sums of all small integers: they say that they are exact, so that equality with a bound can be decided."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from proofs.prover.claims import Exhaustion, Twin
from proofs.prover.describe import exhaustive
from proofs.prover.obligations import exhaust
from proofs.prover.symbolic_run import Run
from proofs.reductions.squares import squares_run
from proofs.reductions.sums import sum_run
from proofs.symbolic.inputs import Array, Arrays
from reference.contracts import bare
from reference.reductions import Sum, add, reproducible_sum, sum_of_squares

MOST = 3
ONE = Arrays((Array(np.float16, (1,)),))


def integers() -> Iterator[dict[str, Any]]:
    """Every vector of up to 4 integers within the bound."""
    for count in range(1, 5):
        for values in itertools.product(range(-MOST, MOST + 1), repeat=count):
            yield {"arrays": [np.array(values, np.float16)]}


def _never_exact(function: Callable[..., Any], arrays: Any) -> Any:
    return bare(function)(arrays)._replace(exact=np.bool_(False))


def _one_way(a: Any, b: Any) -> Sum:
    value, found = bare(add)(a, b)
    return Sum(value, found & (a != b))


def _try_all(run: Run, clause: str) -> Exhaustion:
    return exhaust(run, clause, integers())


for clause, function, run in (
    ("RED-54", reproducible_sum, sum_run(ONE)),
    ("RED-55", sum_of_squares, squares_run(ONE)),
):
    bugs: tuple[tuple[str, str, Any, Any], ...] = (
        ("never", "takes no sum for exact", function, functools.partial(_never_exact, function)),
        ("doubled", "takes no sum of two equal totals for exact", add, _one_way),
    )
    exhaustive(
        clause,
        function,
        theory="float16",
        bound=f"n <= 4, integers within ±{MOST}",
        run=run,
        inputs=integers,
        twins=[
            Twin(
                name, why, exhaust=functools.partial(_try_all, dataclasses.replace(run, replaced={place: bug}), clause)
            )
            for name, why, place, bug in bugs
        ],
    )
