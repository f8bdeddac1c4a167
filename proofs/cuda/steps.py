"""How the claims about kernels of whole steps are stated: sizes, options, windows into huge arrays, bugs."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accelerated import cuda
from accelerated.launch import CHUNK, PACK, THREADS
from accelerated.sources import Source
from accelerated.steps import Optimizer
from proofs.cuda.device import ARCHITECTURE, OnDevice, Window
from proofs.cuda.runs import KernelRun, Labelled, hunt, of_size, on_device
from proofs.prover.claims import CLAIMS, Aim, Claim, Exhaustion, Obligation, Twin
from proofs.prover.describe import statement_of
from proofs.prover.obligations import obligations
from proofs.prover.symbolic_run import Run, Script
from proofs.symbolic.formats import BFLOAT16
from reference.hyperparameters import working_dtype

SMALL_BLOCK = 8  # threads, where arrays are looked at as a whole: 32 elements in packs of four
MIDDLE = 2**31 // CHUNK  # the first block beyond what 32 bits count
TRIES = 3
OTHER_ARCHITECTURES = tuple(each for each in cuda.ARCHITECTURES if each != ARCHITECTURE)


@dataclass(frozen=True)
class Sizes:
    """Numbers of elements: of arrays that are looked at as a whole, and of those that are too large for it."""

    whole: tuple[int, ...]
    huge: tuple[int, ...]

    def __str__(self) -> str:
        edges = f"; block edges in n = {', '.join(map(_power, self.huge))}" if self.huge else ""
        return f"n = {', '.join(map(str, self.whole))}{edges}"


def _power(n: int) -> str:
    return f"2^{(n - 5).bit_length() - 1} + 5" if n > 2**31 else str(n)


ALL = Sizes((0, 1, 3, 4, 5, 31, 32, 33), (CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1, 2**31 + 5, 2**33 + 5))
SOME = Sizes((1, 5, 33), (2**33 + 5,))
FEW = Sizes((5,), ())
ONE = Sizes((1, 5), ())  # aligned and misaligned


@dataclass(frozen=True)
class Bug:
    """A change to a copy of the source, or other flags, and the sizes that show it.

    Most are found by running the kernel on drawn numbers; a solver must find a counterexample to those that are ``solved``.
    """

    name: str
    why: str
    old: str = ""
    new: str = ""
    flags: tuple[str, ...] = cuda.FLAGS
    sizes: Sizes = ONE
    solved: bool = False

    def planted(self, source: Source) -> Source:
        """A copy of the source with the bug; what it changes must be there."""
        if not self.old:
            return source
        if not any(self.old in text for text in (source.text, *source.headers.values())):
            raise LookupError(f"the bug {self.name!r} changes {self.old!r}, which is not in {source.name}")
        headers = {name: text.replace(self.old, self.new) for name, text in source.headers.items()}
        digest = hashlib.sha256(f"{source.digest} {self.old} {self.new}".encode()).hexdigest()
        return Source(source.name, source.text.replace(self.old, self.new), headers, digest)


@dataclass(frozen=True)
class Kernels:
    """The kernels of a step, the function of the reference that they are held to, and its options, by name, for a dtype.

    The first option is run at every size, the others at 5 elements; with `ALL` sizes all of them misaligned too, else the first.
    """

    step: Callable[..., Any]
    clause: str
    optimizer: Optimizer
    options: Callable[[Any], Mapping[str, Run]]
    script: Script | None = None

    def runs(self, dtype: Any, sizes: Sizes, bug: Bug | None = None) -> Iterator[tuple[str, KernelRun]]:
        """All runs for a dtype of parameters."""
        shipped = self.optimizer.source()
        source, flags = (shipped, cuda.FLAGS) if bug is None else (bug.planted(shipped), bug.flags)
        step = OnDevice(self.optimizer, source, SMALL_BLOCK, flags=flags)
        misaligned = dataclasses.replace(step, shift=1)
        options = self.options(dtype)
        main = next(iter(options))
        for grad in gradients(dtype):
            of = f"gradient {np.dtype(grad)}, "
            for size in sizes.whole if grad == dtype else FEW.whole:
                yield f"{of}{main}, n = {size}: ", self._run(options[main], size, grad, step)
            for option, run in options.items():
                if option != main:
                    yield f"{of}{option}, n = 5: ", self._run(run, 5, grad, step)
                if sizes is ALL or (option == main and sizes is not FEW):
                    yield f"{of}{option}, n = 5, misaligned: ", self._run(run, 5, grad, misaligned)
        third = dataclasses.replace(step, rows=3)
        yield f"{main}, n = 5, third of three: ", self._run(options[main], 5, None, third)
        in_place = dataclasses.replace(step, in_place=True)
        yield f"{main}, n = 5, in place: ", self._run(options[main], 5, None, in_place)
        for architecture in OTHER_ARCHITECTURES if sizes is ALL else ():
            compiled = dataclasses.replace(step, architecture=architecture)
            yield f"{main}, n = 5, {architecture}: ", self._run(options[main], 5, None, compiled)
        for count in sizes.huge:
            at = seen_through_window(dataclasses.replace(in_place, threads=THREADS), options[main], count)
            assert at.window is not None
            yield f"{main}, in n = {count}: ", self._run(options[main], len(at.window.indices), None, at)

    def _run(self, run: Run, size: int, grad: Any, step: OnDevice) -> KernelRun:
        return on_device(of_size(run, size, grad), self.clause, step, self.script)


def gradients(dtype: Any) -> tuple[Any, ...]:
    """The dtypes of gradients that a parameter can have."""
    working = working_dtype(np.dtype(dtype))
    return (dtype,) if working == np.dtype(dtype) else (dtype, working)


def seen_through_window(step: OnDevice, run: Run, count: int) -> OnDevice:
    """The step on arrays of ``count`` elements, looked at where blocks begin and end.

    Blocks: the first, the last, and those on both sides of the 2^31st element. Threads: the first, the last, and the one
    that has the array's last element. What they write is looked at; the first and last element of each block must be among it.
    """
    last = (count - 1) // CHUNK
    blocks = sorted({0, last, *(each for each in (MIDDLE - 1, MIDDLE) if each <= last)})
    tail = count % CHUNK % (PACK // np.dtype(run.inputs["param"].dtype).itemsize)  # type: ignore[union-attr]
    window = Window(count, tuple(blocks), tuple(sorted({0, max(0, tail - 1), THREADS - 1})))
    arguments = of_size(run, 1).random(random.Random(0))
    written = dataclasses.replace(step, window=window).writes(**arguments)
    needed = {block * CHUNK for block in blocks} | {min(count, (block + 1) * CHUNK) - 1 for block in blocks}
    indices = tuple(sorted(written | needed))
    return dataclasses.replace(step, window=dataclasses.replace(window, indices=indices))


def prove_kernels(name: str, kernels: Kernels, dtype: Any, sizes: Sizes, bugs: Sequence[Bug]) -> Claim:
    """Register that the kernels of a step keep the reference's clause, for one dtype of parameters."""
    variant = np.dtype(dtype).name
    held_to = f"{kernels.clause}.{variant}"
    module = kernels.optimizer.prefix
    solver = solver_for(dtype)

    def build() -> Iterator[Obligation]:
        lemmas: set[str] = set()
        witnesses = 0
        for label, run in kernels.runs(dtype, sizes):
            for obligation in obligations(run, label):
                witnesses += obligation.aim is Aim.WITNESS
                if obligation.aim is Aim.WITNESS and solver == "z3" and witnesses > 2:  # it takes long for them
                    continue
                if obligation.aim is Aim.GOAL and not obligation.clause:
                    if obligation.query.smt2 in lemmas:  # the same question for another size
                        continue
                    lemmas.add(obligation.query.smt2)
                yield asked_of(solver, obligation)

    return CLAIMS.register(
        Claim(
            id=f"{name}.{variant}",
            row="cuda",
            function=f"accelerated.{module}.{kernels.step.__name__}",
            statement=f"{kernels.clause} of the kernels: {statement_of(kernels.step, kernels.clause)}",
            verb="prove",
            theory=f"IEEE({variant})",
            bound=f"any state, {sizes}; {_others(sizes)}: n = 5",
            build=build,
            hunt=functools.partial(hunt, lambda: kernels.runs(dtype, sizes), kernels.clause, TRIES),
            rests_on=(held_to,) if held_to in CLAIMS else (),
            twins=tuple(_twin(kernels, dtype, bug) for bug in bugs),
            location=f"accelerated/{module}.cu",
            clause=kernels.clause,
        )
    )


def _others(sizes: Sizes) -> str:
    """What is run at 5 elements."""
    further = {ALL: ", misaligned arrays, other architectures", SOME: ", misaligned arrays"}
    return f"each option, third of three arrays, in place{further.get(sizes, '')}"


def solver_for(dtype: Any) -> str:
    """Who knows a format: Bitwuzla has no bfloat16."""
    return "z3" if np.dtype(dtype) == BFLOAT16 else "bitwuzla"


def asked_of(solver: str, obligation: Obligation) -> Obligation:
    """The obligation, its question put to this solver."""
    return dataclasses.replace(obligation, query=dataclasses.replace(obligation.query, solver=solver))


def _twin(kernels: Kernels, dtype: Any, bug: Bug) -> Twin:
    def runs() -> Labelled:
        return kernels.runs(dtype, bug.sizes, bug)

    def build() -> Iterator[Obligation]:
        label, run = next(iter(runs()))
        yield from obligations(run, label, f"twin:{bug.name}")

    def exhaust() -> Exhaustion:
        return hunt(runs, kernels.clause, TRIES)

    return Twin(bug.name, bug.why, build=build if bug.solved else None, exhaust=None if bug.solved else exhaust)
