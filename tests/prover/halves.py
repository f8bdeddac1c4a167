"""Small functions in the rounding model, their claims, and bugs to plant into them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from proofs.prover.claims import Claim, Obligation, Registry, Twin
from proofs.prover.describe import sampled_twin
from proofs.prover.obligations import obligations, search
from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Array
from proofs.symbolic.paths import Path
from proofs.symbolic.rounded import Rounded
from reference.contracts import bare, ensure, require


@require(lambda x: np.all(np.abs(x) <= 1), lambda x: ValueError(f"x must lie within ±1, got {x}"))
@ensure("HALF-1", lambda result, x: np.all(np.abs(result) <= np.abs(x)))
def half(x: Any) -> Any:
    return x * 0.5


@require(lambda x: np.all(np.abs(x) <= 1), lambda x: ValueError(f"x must lie within ±1, got {x}"))
@ensure("QUARTER-1", lambda result, x: np.all(np.abs(result) <= np.abs(x)))
def quarter(x: Any) -> Any:
    return half(half(x))


def doubled(x: Any) -> Any:
    return x + x


def half_of_the_half(x: Any) -> Any:
    return bare(half)(bare(half)(x))


def cut(constant: float) -> Any:
    """A cut that holds or does not; nothing can replay it."""

    def script(path: Path, arguments: dict[str, Any], result: Any) -> None:
        (real,) = (element.real for element in result.elements.ravel())
        path.prove("the result is small", real <= constant)

    return script


def claim(name: str, run: Run, twins: tuple[Twin, ...] = ()) -> Claim:
    """The claim that a run keeps its clause."""
    clause = run.clauses[0]

    def build() -> Iterator[Obligation]:
        return obligations(run)

    return Claim(
        id=name,
        row="halves",
        function=f"{run.function.__module__}.{run.function.__name__}",
        statement="the result is no larger",
        verb="prove",
        theory="Rounded(float64)",
        bound="|x| <= 1",
        build=build,
        hunt=functools.partial(search, [run], clause, 500),
        clause=clause,
        twins=twins,
    )


def run(function: Any, clause: str, **more: Any) -> Run:
    return Run(function, {"x": Array(np.float64)}, Rounded(), clauses=(clause,), **more)


HALF, QUARTER = run(half, "HALF-1"), run(quarter, "QUARTER-1", uses={half: "contract"})

HUNTED = Registry(
    [
        claim("FALSE-1", run(half, "HALF-1", replaced={half: doubled}, script=cut(0.5))),
        claim("CUT-1", run(half, "HALF-1", script=cut(0.25))),
    ]
)
PLANTED = Registry(
    [
        claim("HALF-1", HALF, (sampled_twin("doubled", "doubles", HALF, "HALF-1", {half: doubled}),)),
        claim(
            "QUARTER-1", QUARTER, (sampled_twin("doubled inside", "doubles", QUARTER, "QUARTER-1", {half: doubled}),)
        ),
    ]
)
HARMLESS = Registry(
    [claim("HALF-1", HALF, (sampled_twin("twice", "halves twice", HALF, "HALF-1", {half: half_of_the_half}),))]
)
