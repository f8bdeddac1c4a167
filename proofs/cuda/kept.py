"""Claims about kernels that change nothing: where gradients are kept, and where one of them is not finite."""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from accelerated import cuda, sources
from accelerated.launch import PACK
from accelerated.sources import Source
from proofs.adam import whole as adam_whole
from proofs.cuda.bugs import Bug
from proofs.cuda.clipped_adam import FUSED, PAIRS, STATES, Fused
from proofs.cuda.clipping import FLOATS, NUMBER, OnElements, decided, finite_numbers
from proofs.cuda.runs import KernelRun, of_size, on_device
from proofs.cuda.stated import prove_runs, solver_for
from proofs.prover.claims import Claim
from proofs.prover.describe import location_of, statement_of
from proofs.prover.symbolic_run import Run
from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from reference.adam import AdamState, adamw_step
from reference.contracts import ensure, require
from reference.exactness import same_bits
from reference.optimizer import Stepped

NAN = np.float64(np.nan)

# ---- gradients that are kept ----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Kept(OnElements):
    """The kernel that scales gradients, where a decision says that they stay."""

    kernel: str = "shrink"
    source: Source = dataclasses.field(default_factory=lambda: sources.read("clipping"))

    def __call__(self, grad: Any, kept: Any, unit: Any, factor: Any, limit_unit: Any) -> Any:
        return self.written(grad, decision=decided(kept=kept, unit=unit, factor=factor, limit_unit=limit_unit))


@require(lambda kept: kept != 0, lambda kept: ValueError(f"kept must not be 0, got {kept}"))
@ensure("CUDA-12", lambda result, grad: _same(result, grad))
def kept_kernel(grad: Any, kept: Any, unit: Any, factor: Any, limit_unit: Any) -> Any:
    """What the kernels ``shrink_*`` make of a gradient that is to be kept, whatever else the decision says.

    Claims
        CUDA-12  prove  IEEE(float16, float32, float64)  n = 1, a pack + 1, 2 misaligned, in place
                 its own bits, those of infinities and NaN too
    """
    return Kept()(grad, kept, unit, factor, limit_unit)


def _same(x: Any, y: Any) -> Any:
    """Whether two arrays have the same bits; a NaN is a NaN."""
    if isinstance(x, SymbolicArray):
        return same_bits(x, y)  # there is one NaN
    nan = x.dtype.type(np.nan)
    return same_bits(np.where(np.isnan(x), nan, x), np.where(np.isnan(y), nan, y))


def kept_runs(dtype: Any, bug: Bug | None = None) -> Iterator[tuple[str, KernelRun]]:
    """One element alone, one after a pack, two that are misaligned, and in place."""
    shipped = sources.read("clipping")
    source, flags = (shipped, cuda.FLAGS) if bug is None else (bug.planted(shipped), bug.flags)
    kernel = Kept(source=source, flags=flags)
    pack = PACK // np.dtype(dtype).itemsize
    for label, size, step in (
        ("n = 1", 1, kernel),
        (f"n = {pack + 1}", pack + 1, kernel),
        ("n = 2, misaligned", 2, dataclasses.replace(kernel, shift=1)),
        (f"n = {pack + 1}, in place", pack + 1, dataclasses.replace(kernel, in_place=True)),
    ):
        inputs: dict[str, Any] = {"grad": Array(dtype, (size,))}
        inputs |= dict.fromkeys(("kept", "unit", "factor", "limit_unit"), NUMBER)
        run = Run(kept_kernel, inputs, IEEE(), draw=functools.partial(_kept_drawn, dtype, size))
        yield f"{label}: ", on_device(run, "CUDA-12", step)


def _kept_drawn(dtype: Any, size: int, generator: random.Random) -> dict[str, Any]:
    numbers = {name: np.float64(generator.uniform(0.1, 1)) for name in ("unit", "factor", "limit_unit")}
    grad = finite_numbers(generator, dtype, size)
    grad[generator.randrange(size)] = generator.choice((np.inf, np.nan, 1.5))
    return {"grad": grad, "kept": np.float64(generator.choice((1, -1))), **numbers}


def kept_claim(dtype: Any) -> Claim:
    """Register it for a dtype."""
    variant, pack = np.dtype(dtype).name, PACK // np.dtype(dtype).itemsize
    return prove_runs(
        f"CUDA-12.{variant}",
        "CUDA-12",
        functools.partial(kept_runs, dtype),
        (
            Bug("always scaled", "scales what is to be kept", "if (clip.kept != 0.0) return grad;", ""),
            Bug(
                "unwritten",
                "leaves other memory as it is",
                "row.grad == row.out && clip.kept != 0.0",
                "clip.kept != 0.0",
            ),
        ),
        tries=20,
        function=f"accelerated.clipping.shrink_{variant}",
        statement=statement_of(kept_kernel, "CUDA-12"),
        theory=f"IEEE({variant})",
        bound=f"n = 1, {pack + 1}, and 2 misaligned; n = {pack + 1} in place",
        location=location_of(kept_kernel, "CUDA-12"),
    )


# ---- steps on gradients that are not finite -------------------------------------------------------------------------


def _is_rounded(param: Any, state: AdamState) -> Any:
    return np.bool_(True) if state.master is None else _same(param, state.master.astype(param.dtype))


def _unchanged(result: Stepped, param: Any, state: AdamState) -> Any:
    """Whether parameter, moments, maximum and master copy have the bits that they had."""
    same = _same(result.param, param)
    for name in STATES:
        before = getattr(state, name)
        if before is not None:
            same = same & _same(getattr(result.state, name), before)
    return same


@require(_is_rounded, lambda param: ValueError(f"param must be its master copy, rounded, got {param}"))
@ensure("CUDA-13", _unchanged)
def step_on_nothing(
    param: Any,
    grad: Any,
    state: AdamState,
    *,
    lr: Any,
    betas: Any,
    eps: Any,
    weight_decay: Any,
    amsgrad: bool,
    maximize: bool,
) -> Stepped:
    """What the kernels ``clipped_adam_*`` make of a parameter where some gradient is not finite: the norm is NaN.

    Claims
        CUDA-13  prove  IEEE(float16, bfloat16, float32, float64)  any state, n = 1, a pack + 1, 2 misaligned, all options
                 no bit of the parameter, of its moments, of their maximum and of the master copy changes
    """
    settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
    return _step(Fused(), param, grad, state, **settings, amsgrad=amsgrad, maximize=maximize)


def _step(fused: Fused, param: Any, grad: Any, state: AdamState, **settings: Any) -> Stepped:
    one = np.float64(1)
    return fused(param, grad, state, one, one, one, True, NAN, **settings)


def step_runs(param: Any, grad: Any, bug: Bug | None = None) -> Iterator[tuple[str, KernelRun]]:
    """One element alone, one after a pack, two that are misaligned, and two with each further option."""
    shipped = FUSED.source()
    source, flags = (shipped, cuda.FLAGS) if bug is None else (bug.planted(shipped), bug.flags)
    pack = PACK // param.itemsize
    for number, (label, run) in enumerate(adam_whole.each_option(adamw_step, param).items()):
        cases = [(1, 0), (pack + 1, 0), (2, 1)] if number == 0 else [(2, 0)]
        for size, shift in cases:
            step = functools.partial(_step, Fused(source, flags, shift))
            changed = dataclasses.replace(run, function=step_on_nothing)
            yield f"{label}, n = {size}: ", on_device(of_size(changed, size, grad), "CUDA-13", step)


def step_claim(param: Any, grad: Any) -> Claim:
    """Register it for a pair of dtypes."""
    variant = "_".join(dict.fromkeys([param.name, grad.name]))
    return prove_runs(
        f"CUDA-13.{variant}",
        "CUDA-13",
        functools.partial(step_runs, param, grad),
        (Bug("steps", "steps all the same", "if (clip.is_finite()) adam_element", "adam_element"),),
        solver=solver_for(param),
        rests_on=("CUDA-11",),
        function=f"accelerated.clipped_adam.clipped_adam_{variant}",
        statement=statement_of(step_on_nothing, "CUDA-13"),
        theory=f"IEEE({param.name})",
        bound=f"any state, n = 1, {PACK // param.itemsize + 1}, and 2 misaligned; each option: n = 2",
        location=location_of(step_on_nothing, "CUDA-13"),
    )


for dtype in FLOATS:
    kept_claim(dtype)
for param, grad in PAIRS:
    step_claim(param, grad)
