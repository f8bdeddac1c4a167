"""Claims about the shipped kernels: what NVRTC makes of them computes what the reference's clauses say, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from accelerated import adam, sgd
from accelerated.cuda import FLAGS
from accelerated.steps import Optimizer
from proofs.adam import whole as adam_whole
from proofs.cuda.bugs import ALL, FEW, SOME, Bug, Sizes
from proofs.cuda.runs import prove_apart
from proofs.cuda.steps import Kernels, prove_kernels
from proofs.prover.symbolic_run import Run
from proofs.sgd import whole as sgd_whole
from proofs.symbolic.array import truth
from proofs.symbolic.formats import BFLOAT16
from proofs.symbolic.paths import Path
from reference.adam import adam_step, adamw_step, epsilon_hat_step
from reference.adam_clauses import is_maximum
from reference.sgd import sgd_step

DTYPES = (np.float32, np.float64, np.float16, BFLOAT16)
TAIL = "for (long long i = rest + threadIdx.x; i < end; i += stride) step.template at<1>(i);"
HUGE = Sizes((), (2**31 + 5,))


def _other_flags(flag: str, other: str) -> tuple[str, ...]:
    assert flag in FLAGS
    return tuple(other if each == flag else each for each in FLAGS)


def _sgd_options(dtype: Any) -> Mapping[str, Run]:
    runs = sgd_whole.each_option(dtype)
    return {"heavy": runs["heavy"], **runs}


def _adam_options(step: Callable[..., Any]) -> Callable[[Any], Mapping[str, Run]]:
    return lambda dtype: adam_whole.each_option(step, dtype)


def _larger(path: Path, arguments: dict[str, Any], result: Any) -> None:
    """AMSGrad's maximum is one whatever the second moment is, so that is forgotten."""
    before, after = arguments["state"].max_exp_avg_sq, result.state
    if before is None:
        return
    goals = is_maximum(after.max_exp_avg_sq, before, after.exp_avg_sq)
    for k in range(goals.size):
        prove_apart(path, f"maximum {k}", truth(goals[k]), forgetting=[after.exp_avg_sq[k].elements.item()])


SGD = Kernels(sgd_step, "SGD-7", sgd._SGD, _sgd_options)
IN_EVERY_KERNEL = (
    Bug("off by one", "works on one element too many", "i < end; i += stride) step", "i <= end; i += stride) step"),
    Bug("no tail", "leaves out what is no whole pack", TAIL, ""),
    Bug("packs of all", "reads in packs where arrays are misaligned", "if (aligned)", "if (true)"),
    Bug(
        "32-bit index",
        "counts elements in 32 bits",
        "long long start, long long size",
        "int start, int size",
        sizes=HUGE,
    ),
    Bug("contracted", "rounds products and sums once", flags=_other_flags("--fmad=false", "--fmad=true")),
    Bug("flushed", "takes subnormals for zero", flags=_other_flags("--ftz=false", "--ftz=true")),
)
IN_SGD = (
    Bug("first row", "takes the first parameter for all", "[block_array[blockIdx.x]]", "[0]", sizes=FEW),
    Bug("uphill", "goes the other way", "theta + s.minus_lr * u", "theta - s.minus_lr * u", solved=True),
    Bug("descends to maximize", "exchanges the signs", "s.maximize ? -grad : grad", "s.maximize ? grad : -grad"),
    Bug(
        "rate first", "has the rate in the buffer", "u = s.nesterov ?", "buffer = s.minus_lr * buffer; u = s.nesterov ?"
    ),
)
IN_ADAM = (
    Bug(
        "first row",
        "takes the first parameter for all",
        "const int k = block_array[blockIdx.x]",
        "const int k = 0",
        sizes=FEW,
    ),
    Bug("step size twice", "divides by the step size", "rates[2 * k + 1]", "rates[2 * k]", sizes=FEW),
    Bug(
        "exchanged minus",
        "subtracts the parameter",
        "theta - rates.step_size * (m / divisor)",
        "rates.step_size * (m / divisor) - theta",
    ),
    Bug("exchanged quotient", "divides by the moment", "(m / divisor)", "(divisor / m)"),
    Bug(
        "product first",
        "takes (step_size m) / divisor",
        "rates.step_size * (m / divisor)",
        "rates.step_size * m / divisor",
    ),
    Bug("square first", "takes (1 - β₂) (g²)", "(s.fresh2 * g) * g", "s.fresh2 * (g * g)"),
    Bug(
        "approximate division", "divides by an approximation", flags=_other_flags("--prec-div=true", "--prec-div=false")
    ),
)
IN_16_BITS = (Bug("toward zero", "cuts off instead of rounding", "+ 0x7fffu + (bits >> 16 & 1u)", ""),)


def _adam(step: Callable[..., Any], clause: str, optimizer: Optimizer) -> Kernels:
    return Kernels(step, clause, optimizer, _adam_options(step), _larger)


ADAMW = _adam(adamw_step, "ADAM-15", adam.ADAMW)
ADAM = _adam(adam_step, "ADAM-14", adam.ADAM)
EPSILON_HAT = _adam(epsilon_hat_step, "ADAM-16", adam.EPSILON_HAT)
COUPLED = (
    Bug("decoupled", "leaves the decay out of the gradient", "if (s.coupled) g = g +", "if (s.decoupled) g = g +"),
)

NO_TAIL = (IN_EVERY_KERNEL[1],)

for dtype in DTYPES:
    is_single = dtype == np.float32
    sizes = ALL if is_single else SOME
    narrow = IN_16_BITS if dtype == BFLOAT16 else NO_TAIL
    prove_kernels("CUDA-1", SGD, dtype, sizes, (*IN_EVERY_KERNEL, *IN_SGD) if is_single else narrow)
    prove_kernels("CUDA-2", ADAMW, dtype, sizes, (*IN_EVERY_KERNEL, *IN_ADAM) if is_single else narrow)
    prove_kernels("CUDA-3", ADAM, dtype, FEW, COUPLED if is_single else narrow)
    prove_kernels("CUDA-4", EPSILON_HAT, dtype, FEW, COUPLED if is_single else narrow)
