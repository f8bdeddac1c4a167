"""Claims about the decision on clipping as a kernel: whether gradients stay as they are, and what takes them to the bound."""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import z3

from accelerated import cuda, sources
from proofs.cuda.bugs import Bug
from proofs.cuda.deciding import Deciding, folded, found, nothing
from proofs.cuda.norms import FLOATS, of_reference, once, same_number
from proofs.cuda.runs import KernelRun, on_device, prove_apart
from proofs.cuda.stated import prove_runs
from proofs.cuda.terms import Commuted
from proofs.cuda.values import theory_of
from proofs.prover.claims import Claim
from proofs.prover.describe import location_of, statement_of
from proofs.prover.symbolic_run import Run, Script
from proofs.symbolic.array import truth
from proofs.symbolic.inputs import Array, Fixed
from proofs.symbolic.paths import Path, current
from proofs.symbolic.terms import arithmetic
from reference.clipping import clip_by_global_norm, shrink
from reference.contracts import ensure, require
from reference.exactness import is_power_of_two
from reference.reductions import (
    Sum,
    divides_exactly,
    folded_sum,
    largest_magnitude,
    scale,
)
from reference.validation import is_positive, positive_error

NUMBER = Array(np.float64)
DTYPE = np.dtype(np.float32)  # of gradients that nobody looks at
FOLDS = ((2.0, 2), (2.0, 3), (2.0, 8), (1.0, 2), (np.inf, 0))  # p, and the folds that its sum has


def clipped_as(value: Any, exact: Any, unit: Any, peak: Any, max_norm: Any, norm_type: float) -> SimpleNamespace:
    """What `clip_by_global_norm` decides on gradients with this power sum: the numbers that it scales by, if it scales.

    ``scaling`` is empty where the gradients are kept.
    """
    scaling: list[tuple[Any, Any, Any]] = []

    def seen(grad: Any, *numbers: Any) -> Any:
        scaling.append((numbers[0], numbers[1], numbers[2]))
        return grad

    stand_ins: dict[Any, Callable[..., Any]] = {
        scale: lambda _: unit,
        largest_magnitude: lambda _: peak,
        folded_sum: lambda blocks, count, bound: Sum(value, exact),
        divides_exactly: lambda *_: np.bool_(True),
        shrink: seen,
    }
    clipped = of_reference(clip_by_global_norm, [np.zeros(1, DTYPE)], max_norm, norm_type, stand_ins=stand_ins)
    return SimpleNamespace(norm=clipped.norm, scaling=scaling)


def wanted_of(result: SimpleNamespace, peak: Any, unit: Any, max_norm: Any, norm_type: float) -> SimpleNamespace:
    """What the reference decides on the power sum that the kernel has found."""
    decided = functools.partial(clipped_as, result.value, result.exact != 0, unit, peak, max_norm, norm_type)
    return once("decision", theory_of(unit), decided)


def _is_kept(result: SimpleNamespace, wanted: SimpleNamespace) -> Any:
    """Whether the kernel says that gradients stay as they are where they do."""
    return result.kept == 0 if wanted.scaling else result.kept != 0


def _agrees(result: SimpleNamespace, peak: Any, unit: Any, max_norm: Any, norm_type: float) -> Any:
    """Whether the kernel decides as the reference."""
    wanted = wanted_of(result, peak, unit, max_norm, norm_type)
    same = same_number(result.norm, wanted.norm) & _is_kept(result, wanted)
    if not wanted.scaling:
        return same
    ((its_unit, factor, limit_unit),) = wanted.scaling
    same = same & same_number(result.unit, its_unit)
    return same & same_number(result.limit_unit, limit_unit) & same_number(result.factor, factor)


@require(lambda unit: is_power_of_two(unit), lambda unit: ValueError(f"unit must be a power of two, got {unit}"))
@require(lambda max_norm: is_positive(max_norm), lambda max_norm: positive_error("max_norm", max_norm))
@require(lambda peak: np.isfinite(peak), lambda peak: ValueError(f"peak must be finite, got {peak}"))
@ensure("CUDA-10", _agrees)
def decide_kernel(
    totals: Any, nothing_dropped: Any, peak: Any, unit: Any, max_norm: Any, norm_type: float
) -> SimpleNamespace:
    """What the kernel ``decide`` makes of the totals of the folds, whatever they are, and of a finite largest magnitude.

    Claims
        CUDA-10  prove  IEEE(float64)  p = 2 and 2, 3, 8 folds; p = 1; p = inf
                 the norm, whether gradients are kept, else the numbers that scale them: the bits of `clip_by_global_norm` for the
                 power sum found
    """
    return _decided(Deciding(), totals, nothing_dropped, peak, unit, max_norm, norm_type)


@require(lambda peak: ~np.isfinite(peak), lambda peak: ValueError(f"peak must not be finite, got {peak}"))
@ensure("CUDA-11", lambda result: (result.kept != 0) & np.isnan(result.norm))
def decide_not_finite(
    totals: Any, nothing_dropped: Any, peak: Any, unit: Any, max_norm: Any, norm_type: float
) -> SimpleNamespace:
    """What the kernel ``decide`` makes of a largest magnitude that is not finite.

    Claims
        CUDA-11  prove  IEEE(float64)  p = 2 and 2, 3, 8 folds; p = 1; p = inf  all gradients are kept, and the norm is NaN
    """
    return _decided(Deciding(), totals, nothing_dropped, peak, unit, max_norm, norm_type)


def _decided(
    device: Deciding, totals: Any, nothing_dropped: Any, peak: Any, unit: Any, max_norm: Any, norm_type: float
) -> SimpleNamespace:
    """The shipped decision on one element, whose largest magnitude and totals these are."""
    known = device.with_given(peaks=nothing, largest_magnitude=found(peak, unit), folds=folded(totals, nothing_dropped))
    several = dataclasses.replace(known, folds=len(totals))
    return several([np.zeros(1, DTYPE)], max_norm, norm_type, theory_of(unit))


class Following(Commuted):
    """Conditions that are no constants go either way, unasked; the square of a choice is the choice of squares."""

    def do_multiply(self, a: Any, b: Any, dtype: Any) -> Any:
        if z3.eq(a, b) and z3.is_app_of(a, z3.Z3_OP_ITE):
            condition, left, right = a.children()
            return self.where(condition, self.do_multiply(left, left, dtype), self.do_multiply(right, right, dtype))
        return super().do_multiply(a, b, dtype)

    def decide(self, condition: z3.BoolRef) -> bool:
        simple = z3.simplify(condition)
        return z3.is_true(simple) if z3.is_true(simple) or z3.is_false(simple) else current().take(condition)


def _apart(path: Path, arguments: dict[str, Any], result: SimpleNamespace) -> None:
    """The parts of the clause by themselves."""
    wanted = wanted_of(result, **{name: arguments[name] for name in ("peak", "unit", "max_norm", "norm_type")})
    total = wanted.norm.elements.item()
    finite = truth(np.isfinite(arguments["peak"]))
    prove_apart(path, "norm", truth(same_number(result.norm, wanted.norm)), forgetting=[total], using=[finite])
    peak = arguments["peak"]
    path.prove("finite", truth(peak - peak == 0), using=[finite])
    prove_apart(path, "kept", truth(_is_kept(result, wanted)), parts=arithmetic)
    if wanted.scaling:
        ((_, factor, limit_unit),) = wanted.scaling
        fact = _same_units(path, arguments, result.limit_unit, limit_unit)
        goal = truth(same_number(result.factor, factor))
        prove_apart(path, "factor", goal, forgetting=fact.children(), using=[fact])


def _same_units(path: Path, arguments: dict[str, Any], found_unit: Any, wanted_unit: Any) -> z3.BoolRef:
    """The units of the bound are one, for an infinite bound is far above every norm: a matter of the bound alone."""
    bound, unit = arguments["max_norm"], arguments["unit"]
    others = [term for name in ("totals", "nothing_dropped", "peak") for term in arguments[name].elements.ravel()]
    path.prove("finite bound", truth(np.isfinite(bound)), using=path.facts_without(*others))
    alone = path.facts_without(*others, unit.elements.item())
    units = [each.elements.item() for each in (found_unit, wanted_unit)]
    return path.prove("unit of the bound", units[0] == units[1], using=alone)


def _nothing_apart(path: Path, arguments: dict[str, Any], result: SimpleNamespace) -> None:
    """The clause as a whole."""


# ---- runs -----------------------------------------------------------------------------------------------------------


def runs(
    function: Callable[..., Any], clause: str, apart: Script, bug: Bug | None = None
) -> Iterator[tuple[str, KernelRun]]:
    """Each norm and number of folds."""
    shipped = sources.read("clipping")
    source, flags = (shipped, cuda.FLAGS) if bug is None else (bug.planted(shipped), bug.flags)
    step = functools.partial(_decided, Deciding(source=source, flags=flags))
    for norm_type, folds in FOLDS:
        inputs: dict[str, Any] = {
            "totals": Array(np.float64, (folds,)),
            "nothing_dropped": Array(np.bool_),
            **dict.fromkeys(("peak", "unit", "max_norm"), NUMBER),
            "norm_type": Fixed(norm_type),
        }
        draw = functools.partial(_drawn, norm_type, folds, clause)
        run = Run(function, inputs, Following(), draw=draw)
        yield f"p = {norm_type:g}, {folds} folds: ", on_device(run, clause, step, apart, Following())


def _drawn(norm_type: float, folds: int, clause: str, generator: random.Random) -> dict[str, Any]:
    """Totals of descending size; a bound about the norm, far from it, or with few bits."""
    unit = np.ldexp(np.float64(1), generator.choice((0, 3, -300, 900, generator.randint(-1074, 1023))))
    whole = np.float64(
        generator.choice((generator.randint(1, 64), generator.randint(1, 8) ** 2, generator.uniform(1, 64)))
    )
    most = generator.choice((0, 99))
    totals = np.array([np.ldexp(np.float64(generator.randint(-most, most)), -53 * k - 60) for k in range(folds)])
    if folds:
        totals[0] = whole
    ratio = np.sqrt(whole) if norm_type == 2 else whole
    peak = np.float64(generator.uniform(1, 2)) * unit
    if norm_type == np.inf:
        ratio = peak / unit
    near = generator.choice(
        (1, 1 - 2.0**-53, 1 + 2.0**-52, 1 + 2.0**-49, 1 + 2.0**-48, 1 - 2.0**-26, 1 - 2.0**-27, 0.5, 2, 2.0**-9)
    )
    with np.errstate(all="ignore"):
        bound = ratio * unit * near
    max_norm = bound if np.isfinite(bound) and bound > 0 else np.float64(1)
    if clause == "CUDA-11":
        peak = np.float64(generator.choice((np.inf, np.nan)))
    return {
        "totals": totals,
        "nothing_dropped": np.bool_(generator.random() < 0.7),
        "peak": peak if np.isfinite(peak) or clause == "CUDA-11" else unit,
        "unit": unit,
        "max_norm": max_norm,
        "norm_type": norm_type,
    }


def claim(
    function: Callable[..., Any], clause: str, apart: Script, bugs: Sequence[Bug], rests_on: Sequence[str]
) -> Claim:
    """Register it."""
    folds = ", ".join(str(count) for norm_type, count in FOLDS if norm_type == 2)
    return prove_runs(
        clause,
        clause,
        functools.partial(runs, function, clause, apart),
        bugs,
        tries=60,
        witnesses=1,
        rests_on=rests_on,
        function="accelerated.clipping.decide",
        statement=statement_of(function, clause),
        theory="IEEE(float64)",
        bound=f"any totals of one block, p = 2 and {folds} folds, p = 1 and 2 folds, p = inf",
        location=location_of(function, clause),
    )


claim(
    decide_kernel,
    "CUDA-10",
    _apart,
    (
        Bug("strictly", "scales what is exactly at the bound", "total <= (square ? short", "total < (square ? short"),
        Bug("no margin", "trusts an inexact sum", "total * (1 + WITHIN_MARGIN) <=", "total <="),
        Bug("always exact", "takes every sum for exact", "exact && shortened == ratio", "shortened == ratio"),
        Bug("rounded square", "squares more than 24 bits", "exact && shortened == ratio", "exact"),
        Bug("near", "takes for far what is not", "max_norm * FAR_ABOVE >= unit", "max_norm >= unit"),
        Bug("at the bound", "scales to the bound itself", " * (1 - SHRINK_MARGIN)", ""),
        Bug("root of all", "takes the root for every p", "square ? root(sum.value) : sum.value", "root(sum.value)"),
        Bug("in units", "gives the norm in units", "root_of_sum * unit", "root_of_sum"),
        Bug("one unit", "takes the unit of the gradients", "power_of_two_at_most(max_norm)", "unit"),
    ),
    [f"CUDA-9.{np.dtype(dtype).name}" for dtype in FLOATS],
)
claim(
    decide_not_finite,
    "CUDA-11",
    _nothing_apart,
    (
        Bug(
            "scaled", "scales where something is not finite", "found->kept = within || !finite", "found->kept = within"
        ),
        Bug(
            "norm of the rest",
            "forgets what is not finite",
            "finite ? root_of_sum * unit :",
            "true ? root_of_sum * unit :",
        ),
    ),
    [f"CUDA-8.{np.dtype(dtype).name}" for dtype in FLOATS],
)
