"""Claims about the kernels of clipping: what NVRTC makes of them is what the functions of the reference compute, bit for bit."""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import z3

from accelerated import cuda, launch, sources
from accelerated.clipping import FIELDS
from accelerated.launch import PACK
from accelerated.sources import Source
from proofs.cuda.arrays import contents, place, scalar
from proofs.cuda.bugs import Bug
from proofs.cuda.device import DeviceArray, kernels_of
from proofs.cuda.machine import launch as interpret
from proofs.cuda.memory import Memory
from proofs.cuda.runs import KernelRun, on_device, prove_apart
from proofs.cuda.stated import TRIES, prove_runs
from proofs.cuda.values import Concrete, theory_of
from proofs.prover.claims import Claim
from proofs.prover.describe import location_of, statement_of
from proofs.prover.symbolic_run import Run
from proofs.symbolic.array import SymbolicArray, truth
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from proofs.symbolic.paths import Path
from proofs.symbolic.theory import Theory
from reference.clipping import shrink
from reference.contracts import bare, ensure, require
from reference.exactness import is_power_of_two, same_bits
from reference.reductions import power_of_two_at_most

FLOATS = (np.float16, np.float32, np.float64)
NUMBER = Array(np.float64)
WARP = 32
TAIL = "for (long long i = rest + threadIdx.x; i < end; i += stride) step.template at<1>(i);"
DOUBLE = np.dtype(np.float64)


def stacked(theory: Theory, numbers: Sequence[Any]) -> Any:
    """Scalars of float64 as one array."""
    if isinstance(theory, Concrete):
        return np.array(numbers, DOUBLE)
    terms = np.empty(len(numbers), dtype=object)
    for k, number in enumerate(numbers):
        symbolic = isinstance(number, SymbolicArray)
        terms[k] = number.elements.reshape(()).item() if symbolic else theory.constant(number, DOUBLE)
    return SymbolicArray(terms, DOUBLE, theory)


@dataclass(frozen=True)
class OnElements:
    """A kernel of `chunks.cuh` that makes one array of another, interpreted: its name without the dtype."""

    kernel: str
    source: Source
    flags: tuple[str, ...] = cuda.FLAGS
    shift: int = 0
    in_place: bool = False

    def written(self, grad: Any, *numbers: Any, decision: Sequence[Any] = ()) -> Any:
        """The array that the kernel writes; ``decision``, if there is one, is where the kernel reads it."""
        memory = Memory(theory_of(grad))
        read = place(memory, "grad", grad, shift=self.shift, writable=self.in_place)
        out = read if self.in_place else memory.array("out", grad.size, grad.dtype)
        row = [DeviceArray(grad, region.base) for region in (read, out)]
        chunks, table = launch.chunks_of((grad.size,)), launch.table_of([row], [grad.size])
        placed = [place(memory, f"table {k}", each) for k, each in enumerate((*chunks, table))]
        if decision:
            placed.append(place(memory, "decision", stacked(memory.theory, decision)))
        kernel = kernels_of(self.source, flags=self.flags)[f"{self.kernel}_{grad.dtype}"]
        arguments = [*placed, *(scalar(memory.theory, number) for number in numbers)]
        interpret(kernel, memory, int(chunks.block_array.size), WARP, arguments)
        return contents(out, grad.dtype, memory.theory)


def decided(**known: Any) -> list[Any]:
    """A decision with these fields; the others have no meaning here."""
    return [known.get(name, np.float64(7)) for name in FIELDS]


@dataclass(frozen=True)
class Shrink(OnElements):
    """The kernel that scales gradients, where a decision says so."""

    kernel: str = "shrink"
    source: Source = dataclasses.field(default_factory=lambda: sources.read("clipping"))

    def __call__(self, grad: Any, unit: Any, factor: Any, limit_unit: Any) -> Any:
        scaled = decided(unit=unit, factor=factor, limit_unit=limit_unit, kept=np.float64(0))
        return self.written(grad, decision=scaled)


@dataclass(frozen=True)
class Cut(OnElements):
    """The kernel that limits every element."""

    kernel: str = "cut"
    source: Source = dataclasses.field(default_factory=lambda: sources.read("clipping"))

    def __call__(self, grad: Any, limit: Any) -> Any:
        return self.written(grad, limit.astype(DOUBLE))


@require(
    lambda unit, limit_unit: is_power_of_two(unit) & is_power_of_two(limit_unit),
    lambda unit, limit_unit: ValueError(f"unit and limit_unit must be powers of two, got {unit} and {limit_unit}"),
)
@require(
    lambda grad, unit: np.all(np.abs(grad.astype(np.float64) / unit) <= 2),
    lambda unit: ValueError(f"grad must lie within two units, got the unit {unit}"),
)
@require(
    lambda factor: np.all((factor > 0) & (factor <= 4)),
    lambda factor: ValueError(f"factor must lie in (0, 4], got {factor}"),
)
@ensure(
    "CUDA-5",
    lambda result, grad, unit, factor, limit_unit: same_bits(result, bare(shrink)(grad, unit, factor, limit_unit)),
)
def shrink_kernel(grad: Any, unit: Any, factor: Any, limit_unit: Any) -> Any:
    """What the kernels ``shrink_*`` make of a gradient.

    Claims
        CUDA-5  prove  IEEE(float16, float32, float64)  n = 1, a pack + 1, 2 misaligned
                the bits of `reference.clipping.shrink`
    """
    return Shrink()(grad, unit, factor, limit_unit)


def _cut(grad: Any, limit: Any) -> Any:
    """`clip_elements`, without its way out where there is nothing to clip."""
    return np.where(np.abs(grad) <= limit, grad, np.copysign(limit, grad))


@require(lambda grad: np.all(np.isfinite(grad)), lambda grad: ValueError(f"grad must be finite, got {grad}"))
@require(lambda limit: limit >= 0, lambda limit: ValueError(f"limit must not be negative, got {limit}"))
@ensure(
    "CUDA-6",
    lambda result, grad, limit: same_bits(result, _cut(grad, limit)),
)
def cut_kernel(grad: Any, limit: Any) -> Any:
    """What the kernels ``cut_*`` make of a gradient.

    Claims
        CUDA-6  prove  IEEE(float16, float32, float64)  n = 1, a pack + 1, 2 misaligned
                the bits of `reference.clipping.clip_elements`
    """
    return Cut()(grad, limit)


@dataclass(frozen=True)
class KernelClaim:
    """A function of this file, its inputs for a number of elements, and the kernel that stands in its place.

    ``at`` makes the kernel of a source, of flags and of a shift of the array in memory. Terms of element k that are
    ``forgotten`` may be any; with them come the facts that are used.
    """

    clause: str
    function: Callable[..., Any]
    inputs: Callable[[Any, int], Run]
    at: Callable[..., Callable[..., Any]]
    wanted: Callable[..., Any]
    name: str
    forgotten: Callable[..., tuple[list[z3.ExprRef], list[z3.BoolRef]]]

    def runs(self, dtype: Any, bug: Bug | None = None) -> Iterator[tuple[str, KernelRun]]:
        """One element alone, one after a pack, two where there is no whole pack because they are misaligned."""
        shipped = sources.read("clipping")
        source, flags = (shipped, cuda.FLAGS) if bug is None else (bug.planted(shipped), bug.flags)
        pack = PACK // np.dtype(dtype).itemsize
        for size in (1, pack + 1):
            at = self.at(source=source, flags=flags)
            yield f"n = {size}: ", on_device(self.inputs(dtype, size), self.clause, at, self._one_by_one)
        moved = self.at(source=source, flags=flags, shift=1)
        yield "n = 2, misaligned: ", on_device(self.inputs(dtype, 2), self.clause, moved, self._one_by_one)

    def _one_by_one(self, path: Path, arguments: dict[str, Any], result: Any) -> None:
        """Every element by itself: all are the same question."""
        wanted = self.wanted(**arguments)
        for k in range(result.size):
            same = truth(same_bits(result[k : k + 1], wanted[k : k + 1]))
            forgotten, using = self.forgotten(path, k, **arguments)
            prove_apart(path, f"element {k}", same, forgotten, using)

    def claim(self, dtype: Any, bugs: Sequence[Bug], rests_on: Sequence[str] = ()) -> Claim:
        """Register it for a dtype."""
        variant = np.dtype(dtype).name
        return prove_runs(
            f"{self.clause}.{variant}",
            self.clause,
            functools.partial(self.runs, dtype),
            bugs,
            tries=20 * TRIES,
            rests_on=rests_on,
            function=f"accelerated.clipping.{self.name}_{variant}",
            statement=statement_of(self.function, self.clause),
            theory=f"IEEE({variant})",
            bound=f"n = 1, {PACK // np.dtype(dtype).itemsize + 1}, and 2 misaligned",
            location=location_of(self.function, self.clause),
        )


def finite_numbers(generator: random.Random, dtype: Any, size: int) -> Any:
    """Finite numbers: of any bits, moderate, or about the least normal one."""
    bits = np.frombuffer(generator.randbytes(size * np.dtype(dtype).itemsize), dtype).copy()
    moderate = np.array([generator.uniform(-2, 2) for _ in range(size)]).astype(dtype)
    kind = generator.choice(("bits", "moderate", "small"))
    if kind == "small":
        return moderate * np.finfo(dtype).smallest_normal
    return np.where(np.isfinite(bits) & (kind == "bits"), bits, moderate)


def _shrink_run(dtype: Any, size: int) -> Run:
    def draw(generator: random.Random) -> dict[str, Any]:
        grad = finite_numbers(generator, dtype, size)
        peak = np.max(np.abs(grad)).astype(np.float64)
        unit = power_of_two_at_most(peak if peak > 0 else np.float64(1))
        limit_unit = power_of_two_at_most(np.maximum(unit * generator.choice((0.25, 0.5, 1.0, 2.0)), 5e-324))
        return {"grad": grad, "unit": unit, "factor": np.float64(generator.uniform(0.1, 2)), "limit_unit": limit_unit}

    inputs = {"grad": Array(dtype, (size,)), "unit": NUMBER, "factor": NUMBER, "limit_unit": NUMBER}
    return Run(shrink_kernel, inputs, IEEE(), draw=draw)


def _rounded_product(
    path: Path, k: int, grad: Any, unit: Any, factor: Any, limit_unit: Any
) -> tuple[list[z3.ExprRef], list[z3.BoolRef]]:
    """What kernel and reference compute alike; of how it came about, it matters only that 0 and NaN are restored."""
    scaled = (grad[k].astype(DOUBLE) / unit) * factor
    rounded = (scaled * limit_unit).astype(grad.dtype)
    terms = [array.elements.item() for array in (scaled, rounded, rounded.astype(DOUBLE) / limit_unit)]
    special = z3.And(*(z3.Implies(kind(terms[1]), kind(terms[2])) for kind in (z3.fpIsZero, z3.fpIsNaN)))
    path.prove(f"special {k}", special, using=path.facts_without(*grad.elements), forgetting=terms[1:2])
    return terms, path.facts_about(terms[1])


def _nothing(path: Path, k: int, grad: Any, limit: Any) -> tuple[list[z3.ExprRef], list[z3.BoolRef]]:
    """Element by element, the facts about others have no use."""
    return [], path.facts_without(*grad.elements[:k], *grad.elements[k + 1 :])


def _cut_run(dtype: Any, size: int) -> Run:
    def draw(generator: random.Random) -> dict[str, Any]:
        limit = np.abs(finite_numbers(generator, dtype, 1))[0]
        return {"grad": finite_numbers(generator, dtype, size), "limit": limit}

    return Run(cut_kernel, {"grad": Array(dtype, (size,)), "limit": Array(dtype)}, IEEE(), draw=draw)


SHRINK = KernelClaim("CUDA-5", shrink_kernel, _shrink_run, Shrink, bare(shrink), "shrink", _rounded_product)
CUT = KernelClaim("CUDA-6", cut_kernel, _cut_run, Cut, _cut, "cut", _nothing)
IN_SHRINK = (
    Bug(
        "to nearest",
        "rounds to nearest",
        "fabs(restored) > fabs(x) ? smaller(rounded) : rounded",
        "rounded",
    ),
    Bug("larger", "lets a rounded factor enlarge", "fabs(widen(result)) > fabs(widen(grad)) ? grad : result", "result"),
    Bug("unscaled", "forgets limit_unit", "narrow(x * unit, rounded)", "narrow(x, rounded)"),
    Bug(
        "no tail",
        "leaves out what is no whole pack",
        "for (long long i = rest + threadIdx.x; i < end; i += stride)",
        "if (false) for (long long i = rest; i < end; i += stride)",
    ),
)
IN_CUT = (
    Bug("signless", "forgets the sign", "copysign((decltype(wide))limit, wide)", "(decltype(wide))limit"),
    Bug("exceeds", "compares without magnitude", "if (fabs(wide) > ", "if (wide > "),
)

for dtype in FLOATS:
    name = np.dtype(dtype).name
    SHRINK.claim(dtype, IN_SHRINK, [f"CLIP-4.{name}"])
    CUT.claim(dtype, IN_CUT)
