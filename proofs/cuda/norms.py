"""Claims about the norm as kernels: the largest magnitude, the sums of the folds, and the decision on them.

Each runs the shipped `decision_on` and takes for given, whatever it is, what the launches before were proven to find.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from accelerated import cuda, sources
from accelerated.launch import CHUNK, THREADS
from proofs.cuda.bugs import Bug
from proofs.cuda.deciding import Deciding, found, nothing
from proofs.cuda.gathered import Gathered, laws
from proofs.cuda.runs import KernelRun, on_device, prove_apart
from proofs.cuda.stated import prove_runs
from proofs.cuda.values import Concrete, theory_of
from proofs.prover.claims import Claim, Obligation
from proofs.prover.describe import location_of, statement_of
from proofs.prover.symbolic_run import Run
from proofs.symbolic.array import SymbolicArray, lift, truth
from proofs.symbolic.inputs import Array, Arrays, Fixed
from proofs.symbolic.paths import Path, current
from proofs.symbolic.terms import leaf_predicates
from proofs.symbolic.theory import Theory
from reference import contracts
from reference.clipping import NORMS
from reference.contracts import bare, ensure, require
from reference.exactness import is_power_of_two, same_bits
from reference.reductions import divides_exactly, largest_magnitude, power_of_two_at_most, scale

FLOATS = (np.float16, np.float32, np.float64)
ONE = np.float64(1)
TAIL = "for (long long i = rest + threadIdx.x; i < end; i += stride) step.template at<1>(i);"
Lengths = tuple[int, ...]  # of the arrays of a list


def of_reference(
    function: Callable[..., Any], *args: Any, stand_ins: Mapping[Any, Callable[..., Any]] | None = None
) -> Any:
    """What a function of the reference computes, others standing in for some of those that it calls."""

    def call(inner: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return (stand_ins or {}).get(inner, bare(inner))(*given, **named)

    with contracts.interpreted(call), np.errstate(all="ignore"):
        return bare(function)(*args)


def once(key: str, theory: Theory, compute: Callable[[], Any]) -> Any:
    """What is computed from the same arguments several times on a path, and takes long."""
    if isinstance(theory, Concrete):
        return compute()
    memory = current().memory
    if ("once", key) not in memory:
        memory[("once", key)] = compute()
    return memory[("once", key)]


def same_number(x: Any, y: Any) -> Any:
    """Whether two float64 scalars have the same bits; a NaN is a NaN."""
    theory = theory_of(x)
    nan = np.float64(np.nan)
    if isinstance(x, SymbolicArray):
        return same_bits(lift(theory, x), lift(theory, y))  # there is one NaN
    return same_bits(nan if np.isnan(x) else x, nan if np.isnan(y) else y)


def _peak_of_reference(grads: Sequence[Any]) -> Any:
    return once("peak", theory_of(grads[0]), lambda: of_reference(largest_magnitude, grads))


def _unit_of_reference(grads: Sequence[Any]) -> Any:
    return once("unit", theory_of(grads[0]), lambda: of_reference(scale, grads))


# ---- the largest magnitude ------------------------------------------------------------------------------------------


class Largest(NamedTuple):
    """The largest magnitude, and the power of two at most that."""

    peak: Any
    unit: Any


def _is_largest(result: Largest, grads: Sequence[Any]) -> Any:
    return same_number(result.peak, _peak_of_reference(grads)) & _has_unit(result, grads)


def _has_unit(result: Largest, grads: Sequence[Any]) -> Any:
    return np.logical_not(np.isfinite(result.peak)) | same_number(result.unit, _unit_of_reference(grads))


@ensure("CUDA-8", _is_largest)
def largest_kernels(grads: Sequence[Any]) -> Largest:
    """What the kernels ``peaks_*`` and ``largest_magnitude`` find, of any floats.

    Claims
        CUDA-8  prove  IEEE(float16, float32, float64)  n up to 33, lists, misaligned arrays, block edges
                the bits of `reference.reductions.largest_magnitude`, NaN where an element is, and where it is finite of `scale`
    """
    return _largest(Deciding(), grads)


def _largest(device: Deciding, grads: Sequence[Any]) -> Largest:
    decision = device.with_given(folds=nothing, decide=nothing)(grads, ONE, 2.0)
    return Largest(decision.peak, decision.unit)


def _apart_largest(path: Path, arguments: dict[str, Any], result: Largest) -> None:
    """The unit is a matter of one number, whatever the largest magnitude is."""
    prove_apart(path, "unit", truth(_has_unit(result, **arguments)))


# ---- the sums of the folds ------------------------------------------------------------------------------------------


class Power(NamedTuple):
    """A power sum in units, and whether it has no error."""

    value: Any
    exact: Any


def _within_two_units(grads: Sequence[Any], unit: Any) -> Any:
    within = [np.all(np.abs(grad.astype(np.float64) / unit) < 2) for grad in grads]
    return functools.reduce(np.logical_and, within, np.bool_(True))


def _power_of_reference(grads: Sequence[Any], unit: Any, norm_type: float) -> Any:
    power_sum = NORMS[norm_type].power_sum
    return once("power", theory_of(unit), lambda: of_reference(power_sum, grads, stand_ins={scale: lambda _: unit}))


def _has_exact(result: Power, grads: Sequence[Any], unit: Any, norm_type: float) -> Any:
    return result.exact == _power_of_reference(grads, unit, norm_type).exact


@require(lambda unit: is_power_of_two(unit), lambda unit: ValueError(f"unit must be a power of two, got {unit}"))
@require(
    lambda grads, unit: unit.astype(grads[0].dtype).astype(np.float64) == unit,
    lambda unit: ValueError(f"unit must be a number of the gradients' dtype, got {unit}"),
)
@require(_within_two_units, lambda unit: ValueError(f"grads must lie within two units, got the unit {unit}"))
@ensure(
    "CUDA-9",
    lambda result, grads, unit, norm_type: (
        same_number(result.value, _power_of_reference(grads, unit, norm_type).value)
        & _has_exact(result, grads, unit, norm_type)
    ),
)
def power_kernels(grads: Sequence[Any], unit: Any, norm_type: float) -> Power:
    """What the kernels ``folds_*`` and ``decide`` make of finite gradients: their power sum, and whether it is exact.

    Claims
        CUDA-9  prove  IEEE(float16, float32, float64)  p = 1, 2, inf, n up to 33, lists, misaligned arrays, block edges
                the bits of the power sum of the reference for the same unit, and its flag
    """
    return _power(Deciding(), grads, unit, norm_type)


def _power(device: Deciding, grads: Sequence[Any], unit: Any, norm_type: float) -> Power:
    known = found(_peak_of_reference(grads), unit)
    decision = device.with_given(peaks=nothing, largest_magnitude=known)(grads, ONE, norm_type)
    return Power(decision.value, decision.exact != 0)


def _apart_power(path: Path, arguments: dict[str, Any], result: Power) -> None:
    """Whether nothing was dropped is logic on comparisons, whatever they say; quotients of narrow floats are exact."""
    goal = truth(lift(result.value.theory, _has_exact(result, **arguments)))
    grads, unit = arguments["grads"], arguments["unit"]
    narrow = [grad[k] for grad in grads for k in range(grad.size) if grad.dtype != np.float64]
    using = []
    for x in narrow if arguments["norm_type"] == 1 else ():
        others = [other.elements.item() for other in narrow if other is not x]
        exact = truth(bare(divides_exactly)(x.astype(np.float64), unit))
        using.append(path.prove("exact quotient", exact, using=path.facts_without(*others)))
    prove_apart(path, "exact", goal, using=using, parts=leaf_predicates)


# ---- runs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lists:
    """The lists of arrays at which kernels are run: by 8 threads a block, misaligned ones, and by as many as on a GPU."""

    few: tuple[Lengths, ...]
    misaligned: tuple[Lengths, ...]
    many: tuple[Lengths, ...] = ()

    def __str__(self) -> str:
        shown = [f"n = {', '.join(' + '.join(map(str, each)) for each in self.few)}"]
        shown.append(f"{', '.join(str(each[0]) for each in self.misaligned)} misaligned")
        if self.many:
            shown.append(f"{', '.join(' + '.join(map(str, each)) for each in self.many)} by {THREADS} threads a block")
        return "; ".join(shown)

    def devices(self, **of_source: Any) -> Iterator[tuple[Lengths, Deciding]]:
        """Each list with the device that it is run on."""
        yield from ((each, Deciding(**of_source)) for each in self.few)
        yield from ((each, Deciding(**of_source, shift=1)) for each in self.misaligned)
        yield from ((each, Deciding(**of_source, threads=THREADS)) for each in self.many)


NINE = (1,) * 9  # one block more than there are threads
ALL = Lists((*((n,) for n in (0, 1, 3, 4, 5, 31, 32, 33)), (5, 0, 33), NINE), ((5,), (33,)), ((CHUNK + 1,),))
SOME = Lists(((1,), (5,), (33,), (5, 0, 33)), ((5,),))
FOR_BUGS = Lists(((1,), (5,), (19,), (5, 0, 33), NINE), ((3,),))
FOR_P = Lists(((5,),), ())


@dataclass(frozen=True)
class ListClaim:
    """A function of this file about lists of gradients, and what stands in its place; ``settings`` are its other arguments."""

    clause: str
    function: Callable[..., Any]
    on: Callable[..., Any]
    apart: Callable[[Path, dict[str, Any], Any], None]
    kernels: str
    rests_on: Callable[[str], tuple[str, ...]]
    settings: tuple[Mapping[str, Any], ...] = ({},)
    numbers: tuple[str, ...] = ()
    laws: Callable[[Any], Iterator[Obligation]] = field(default=lambda _: iter(()))

    def runs(self, dtype: Any, lists: Lists, bug: Bug | None = None) -> Iterator[tuple[str, KernelRun]]:
        """All runs for a dtype: with the first settings at every list, with the others at one."""
        shipped = sources.read("clipping")
        source, flags = (shipped, cuda.FLAGS) if bug is None else (bug.planted(shipped), bug.flags)
        for number, settings in enumerate(self.settings):
            for lengths, device in (lists if number == 0 else FOR_P).devices(source=source, flags=flags):
                label = " + ".join(map(str, lengths)) + (", misaligned" if device.shift else "")
                yield f"{_shown(settings)}n = {label}: ", self._run(dtype, lengths, settings, device)

    def _run(self, dtype: Any, lengths: Lengths, settings: Mapping[str, Any], device: Deciding) -> KernelRun:
        inputs: dict[str, Any] = {"grads": Arrays(tuple(Array(dtype, (length,)) for length in lengths))}
        inputs |= {name: Array(np.float64) for name in self.numbers}
        inputs |= {name: Fixed(value) for name, value in settings.items()}
        draw = functools.partial(_drawn, dtype, lengths, self.numbers, settings)
        run = Run(self.function, inputs, Gathered(), draw=draw)
        step = functools.partial(self.on, device)
        return on_device(run, self.clause, step, self.apart, Gathered())

    def claim(self, dtype: Any, lists: Lists, bugs: Sequence[Bug]) -> Claim:
        """Register it for a dtype."""
        variant = np.dtype(dtype).name
        others = [_shown(settings) for settings in self.settings[1:]]
        further = f"; {''.join(others)}n = 5" if others else ""
        return prove_runs(
            f"{self.clause}.{variant}",
            self.clause,
            lambda bug: self.runs(dtype, lists if bug is None else FOR_BUGS, bug),
            bugs,
            lemmas=functools.partial(self.laws, dtype),
            tries=40,
            witnesses=2,
            rests_on=self.rests_on(variant),
            function=f"accelerated.clipping.{self.kernels}",
            statement=statement_of(self.function, self.clause),
            theory=f"IEEE({variant})",
            bound=f"{_shown(self.settings[0])}{lists}{further}",
            location=location_of(self.function, self.clause),
        )


def _shown(settings: Mapping[str, Any]) -> str:
    return "".join(f"p = {value:g}, " for value in settings.values())


def _drawn(
    dtype: Any, lengths: Lengths, numbers: Sequence[str], settings: Mapping[str, Any], generator: random.Random
) -> dict[str, Any]:
    """Lists of which a claim with a unit gets it; of others, some have elements that are not finite."""
    kind = generator.choice(("bits", "moderate", "integers", "spread", "far", "tiny", "zeros"))
    grads = [_elements(dtype, length, kind, generator) for length in lengths]
    if not numbers:
        return {"grads": grads}
    with np.errstate(all="ignore"):
        grads = [np.where(np.isfinite(grad), grad, grad.dtype.type(1)) for grad in grads]
    peak = of_reference(largest_magnitude, grads)
    return {"grads": grads, "unit": of_reference(power_of_two_at_most, peak if peak > 0 else ONE), **settings}


def _elements(dtype: Any, size: int, kind: str, generator: random.Random) -> Any:
    """Numbers of any bits, about 1, whole ones, of many sizes, or so far apart that their quotients underflow."""
    if kind == "bits":
        return np.frombuffer(generator.randbytes(size * np.dtype(dtype).itemsize), dtype).copy()
    draw: dict[str, Callable[[], float]] = {
        "moderate": lambda: generator.gauss(0, 1),
        "integers": lambda: generator.randint(-9, 9),
        "spread": lambda: np.ldexp(generator.gauss(0, 1), -generator.randint(0, 60)),
        "far": lambda: np.ldexp(float(generator.randint(1, 9)), generator.choice((1000, -1074))),
        "tiny": lambda: np.ldexp(float(generator.randint(0, 9)), -1074),
        "zeros": lambda: 0.0,
    }
    with np.errstate(over="ignore"):
        return np.array([draw[kind]() for _ in range(size)], np.float64).astype(dtype)


LARGEST = ListClaim(
    "CUDA-8",
    largest_kernels,
    _largest,
    _apart_largest,
    "largest_magnitude",
    lambda _: (),
    laws=laws,
)
POWER = ListClaim(
    "CUDA-9",
    power_kernels,
    _power,
    _apart_power,
    "folds",
    lambda variant: ("RED-31", f"CUDA-8.{variant}"),
    ({"norm_type": 2.0}, {"norm_type": 1.0}, {"norm_type": np.inf}),
    ("unit",),
    laws=laws,
)


# ---- bugs -----------------------------------------------------------------------------------------------------------

IN_BOTH = (
    Bug("no tail", "leaves out what is no whole pack", TAIL, ""),
    Bug("last thread", "leaves out the last thread", "if (me + half < width)", "if (me + half < width - 1)"),
    Bug(
        "no first barrier",
        "adds before all have written",
        "parts[me] = own;\n    __syncthreads();",
        "parts[me] = own;",
    ),
    Bug(
        "no later barrier",
        "adds before the others have added",
        "width = half;\n        __syncthreads();",
        "width = half;",
    ),
)
IN_LARGEST = (
    Bug("NaN lost", "takes a number for larger than NaN", "x > y ? x : x != x ? x : y", "x > y ? x : y"),
    Bug("signed", "forgets magnitudes", "(double)fabs(x.values[j])", "(double)(x.values[j])"),
    Bug("as many blocks", "looks at as many blocks as there are threads", "i += blockDim.x) peak", "i += count) peak"),
    Bug("exponent", "leaves out a bit of the exponent", "0x7ff0000000000000ull", "0x7fe0000000000000ull"),
    Bug("unit of zero", "takes the unit of 0", "peak > 0.0 ? peak : 1.0", "peak"),
)
IN_POWER = (
    Bug(
        "tail twice",
        "adds the last element of the packs once more",
        "i = rest + threadIdx.x",
        "i = (rest > start ? rest - 1 : rest) + threadIdx.x",
    ),
    Bug("in float32", "adds in float32", "folds[k] = folds[k] + high", "folds[k] = (float)(folds[k] + high)"),
    Bug("one fold", "forgets the second fold", "if (k >= count) break", "if (k >= 1) break"),
    Bug("as many blocks", "adds as many blocks as there are threads", "i += blockDim.x) own", "i += count) own"),
    Bug("dropped unseen", "does not look at the last rest", "nothing_dropped &= rest == 0.0;", ""),
    Bug("one flag", "keeps the flag of one thread", "x.nothing_dropped &= y.nothing_dropped;", ""),
    Bug("no unit", "forgets the unit", "x.values[j] / unit", "x.values[j] / 1.0"),
    Bug("squares", "squares for every p", "square ? scaled * scaled : fabs(scaled)", "scaled * scaled"),
)
IN_WIDE_LARGEST = (Bug("subnormal", "has no unit for subnormals", "exponent ? exponent : leading", "exponent"),)
IN_WIDE_POWER = (
    Bug(
        "loss unseen",
        "does not see that a quotient underflows",
        "totals->nothing_dropped &= scaled * unit == x.values[j];",
        "",
    ),
    Bug(
        "rounded unseen",
        "does not see that a square rounds",
        "if (square) totals->nothing_dropped &= (double)(float)scaled == scaled;",
        "",
    ),
)

for dtype in FLOATS:
    if dtype == np.float32:
        LARGEST.claim(dtype, ALL, (*IN_BOTH, *IN_LARGEST))
        POWER.claim(dtype, ALL, (*IN_BOTH, *IN_POWER))
    else:
        is_wide = dtype == np.float64
        LARGEST.claim(dtype, SOME, IN_WIDE_LARGEST if is_wide else IN_BOTH[:1])
        POWER.claim(dtype, SOME, IN_WIDE_POWER if is_wide else IN_BOTH[:1])
