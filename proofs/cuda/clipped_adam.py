"""Claims about the kernels that clip and step in one: the bits of the two kernels one after the other.

Those have the bits of the reference by claims of their own, so the fused kernels have them too: the gradient that Adam consumes
inside is the one that clipping makes.
"""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accelerated import adam, cuda
from accelerated.launch import PACK
from accelerated.steps import Member, same_preconditions
from proofs.adam import whole as adam_whole
from proofs.cuda.arrays import place
from proofs.cuda.bugs import Bug
from proofs.cuda.clipping import NUMBER, WARP, Shrink, decided, stacked
from proofs.cuda.device import OnDevice
from proofs.cuda.memory import Memory
from proofs.cuda.runs import KernelRun, of_size, on_device
from proofs.cuda.stated import prove_runs, solver_for
from proofs.prover.claims import Claim
from proofs.prover.describe import location_of, statement_of
from proofs.prover.symbolic_run import Run
from proofs.symbolic.formats import BFLOAT16
from proofs.symbolic.inputs import Fixed
from reference.adam import AdamState, adamw_step
from reference.contracts import ensure
from reference.exactness import same_bits
from reference.optimizer import Stepped

CLAUSE = "CUDA-7"
FINITE = np.float64(7)  # a norm
STATES = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "master")
PAIRS = (
    (np.dtype(np.float32), np.dtype(np.float32)),
    (np.dtype(np.float64), np.dtype(np.float64)),
    (np.dtype(np.float16), np.dtype(np.float16)),
    (np.dtype(np.float16), np.dtype(np.float32)),
    (BFLOAT16, np.dtype(np.float32)),
)
FUSED = adam.ADAMW._replace(prefix="clipped_adam")


@dataclass(frozen=True)
class ClippedOnDevice(OnDevice):
    """A step whose kernel reads a decision on clipping after all else."""

    decision: tuple[Any, ...] = ()

    def _launch(self, memory: Memory, member: Member, row: Sequence[Any], arguments: Sequence[Any]) -> None:
        read = place(memory, "decision", stacked(memory.theory, self.decision))
        super()._launch(memory, member, row, [*arguments, read])


@dataclass(frozen=True)
class Fused:
    """The fused kernel, called with what the decision says; ``shift`` as in `OnDevice`."""

    source: Any = None
    flags: tuple[str, ...] = cuda.FLAGS
    shift: int = 0

    def __call__(
        self,
        param: Any,
        grad: Any,
        state: AdamState,
        unit: Any,
        factor: Any,
        limit_unit: Any,
        kept: bool,
        norm: Any = FINITE,
        **settings: Any,
    ) -> Stepped:
        scaled = decided(unit=unit, factor=factor, limit_unit=limit_unit, kept=np.float64(kept), norm=norm)
        source = FUSED.source() if self.source is None else self.source
        step = ClippedOnDevice(FUSED, source, WARP, self.shift, flags=self.flags, decision=tuple(scaled))
        return step(param, grad, state, **settings)


def one_after_the_other(
    param: Any, grad: Any, state: AdamState, unit: Any, factor: Any, limit_unit: Any, kept: bool, **settings: Any
) -> Stepped:
    """The kernel that scales gradients, unless they are kept, then that of AdamW."""
    step = OnDevice(adam.ADAMW, adam.ADAMW.source(), WARP)
    return step(param, grad if kept else Shrink()(grad, unit, factor, limit_unit), state, **settings)


def is_same_step(result: Stepped, wanted: Stepped) -> Any:
    """Whether two steps agree in every bit; a NaN is a NaN."""
    same = np.bool_(result.state.step == wanted.state.step)
    arrays = [(result.param, wanted.param)]
    arrays += [(getattr(result.state, name), getattr(wanted.state, name)) for name in STATES]
    for x, y in arrays:
        if x is not None:
            nan = x.dtype.type(np.nan)
            same = same & same_bits(np.where(np.isnan(x), nan, x), np.where(np.isnan(y), nan, y))
    return same


@same_preconditions(adamw_step)
@ensure(
    CLAUSE,
    lambda result, param, grad, state, unit, factor, limit_unit, kept, lr, betas, eps, weight_decay, amsgrad, maximize: (
        is_same_step(
            result,
            one_after_the_other(
                *(param, grad, state, unit, factor, limit_unit, kept),
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                amsgrad=amsgrad,
                maximize=maximize,
            ),
        )
    ),
)
def clipped_adamw_kernel(
    param: Any,
    grad: Any,
    state: AdamState,
    unit: Any,
    factor: Any,
    limit_unit: Any,
    kept: bool,
    *,
    lr: Any,
    betas: Any,
    eps: Any,
    weight_decay: Any,
    amsgrad: bool,
    maximize: bool,
) -> Stepped:
    """What the kernels ``clipped_adam_*`` make of a parameter where gradients are scaled, or kept.

    Claims
        CUDA-7  prove  IEEE(float16, bfloat16, float32, float64)  any state, n = 1, a pack + 1, 2 misaligned, all options
                the bits of the kernels of CUDA-5 and CUDA-2, one after the other
    """
    settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
    return Fused()(param, grad, state, unit, factor, limit_unit, kept, **settings, amsgrad=amsgrad, maximize=maximize)


def each_option(dtype: Any, kept: bool = False) -> Mapping[str, Run]:
    """The options of AdamW, with a decision."""
    return {label: _clipped(run, kept) for label, run in adam_whole.each_option(adamw_step, dtype).items()}


def _clipped(run: Run, kept: bool) -> Run:
    inputs = {**run.inputs, "unit": NUMBER, "factor": NUMBER, "limit_unit": NUMBER, "kept": Fixed(kept)}
    draw = functools.partial(_drawn, run, kept)
    return dataclasses.replace(run, function=clipped_adamw_kernel, inputs=inputs, draw=draw)


def _drawn(run: Run, kept: bool, generator: random.Random) -> dict[str, Any]:
    units = {name: np.ldexp(np.float64(1), generator.randint(-3, 3)) for name in ("unit", "limit_unit")}
    return {**run.random(generator), **units, "factor": np.float64(generator.uniform(0.1, 2)), "kept": kept}


def runs(param: Any, grad: Any, bug: Bug | None = None) -> Iterator[tuple[str, KernelRun]]:
    """One element alone, one after a pack, two that are misaligned, and two with each further option."""
    shipped = FUSED.source()
    source, flags = (shipped, cuda.FLAGS) if bug is None else (bug.planted(shipped), bug.flags)
    for number, (label, run) in enumerate(each_option(param).items()):
        sizes = (1, PACK // param.itemsize + 1) if number == 0 else (2,)
        for size in sizes:
            yield f"{label}, n = {size}: ", on_device(of_size(run, size, grad), CLAUSE, Fused(source, flags))
        if number == 0:
            yield f"{label}, misaligned: ", on_device(of_size(run, 2, grad), CLAUSE, Fused(source, flags, 1))
            kept = each_option(param, kept=True)[label]
            yield f"{label}, kept, n = 2: ", on_device(of_size(kept, 2, grad), CLAUSE, Fused(source, flags))


def claim(param: Any, grad: Any, bugs: Sequence[Bug]) -> Claim:
    """Register it for a pair of dtypes."""
    variant = "_".join(dict.fromkeys([param.name, grad.name]))
    return prove_runs(
        f"{CLAUSE}.{variant}",
        CLAUSE,
        functools.partial(runs, param, grad),
        bugs,
        solver=solver_for(param),
        rests_on=(f"CUDA-5.{grad.name}", f"CUDA-2.{param.name}"),
        function=f"accelerated.clipped_adam.clipped_adam_{variant}",
        statement=statement_of(clipped_adamw_kernel, CLAUSE),
        theory=f"IEEE({param.name})",
        bound=f"any state, n = 1, {PACK // param.itemsize + 1}, and 2 misaligned; kept, and each option: n = 2",
        location=location_of(clipped_adamw_kernel, CLAUSE),
    )


UNCLIPPED = Bug(
    "unclipped",
    "steps with the gradient as it is",
    "widened(clip(load<N>(arrays.grad + i)))",
    "widened(load<N>(arrays.grad + i))",
)
BUGS = (
    UNCLIPPED,
    Bug("always scaled", "scales what is to be kept", "if (clip.kept != 0.0) return grad;", ""),
    Bug("to nearest", "rounds to nearest", "fabs(restored) > fabs(x) ? smaller(rounded) : rounded", "rounded"),
    Bug("no step", "changes nothing", "if (clip.is_finite()) adam_element", "if (!clip.is_finite()) adam_element"),
    Bug(
        "one of a pack",
        "scales the first of a pack only",
        "j < N; ++j) grad.values[j] = shrunk",
        "j < 1; ++j) grad.values[j] = shrunk",
    ),
)
for param, grad in PAIRS:
    claim(param, grad, BUGS if (param, grad) == PAIRS[0] else (UNCLIPPED,))
