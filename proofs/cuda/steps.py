"""How the claims about kernels of whole steps are stated: sizes, options, windows into huge arrays, bugs."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accelerated import cuda
from accelerated.launch import CHUNK, PACK, THREADS
from accelerated.steps import Optimizer
from proofs.cuda.bugs import ALL, FEW, SOME, Bug, Sizes
from proofs.cuda.device import ARCHITECTURE, OnDevice, Window
from proofs.cuda.runs import KernelRun, of_size, on_device
from proofs.cuda.stated import prove_runs, solver_for
from proofs.prover.claims import CLAIMS, Claim
from proofs.prover.describe import statement_of
from proofs.prover.symbolic_run import Run, Script
from reference.hyperparameters import working_dtype

SMALL_BLOCK = 8  # threads, where arrays are looked at as a whole: 32 elements in packs of four
MIDDLE = 2**31 // CHUNK  # the first block beyond what 32 bits count
TRIES = 3
OTHER_ARCHITECTURES = tuple(each for each in cuda.ARCHITECTURES if each != ARCHITECTURE)


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
    return prove_runs(
        f"{name}.{variant}",
        kernels.clause,
        lambda bug: kernels.runs(dtype, sizes if bug is None else bug.sizes, bug),
        bugs,
        solver=solver_for(dtype),
        rests_on=(held_to,) if held_to in CLAIMS else (),
        function=f"accelerated.{module}.{kernels.step.__name__}",
        statement=f"{kernels.clause} of the kernels: {statement_of(kernels.step, kernels.clause)}",
        theory=f"IEEE({variant})",
        bound=f"any state, {sizes}; {_others(sizes)}: n = 5",
        location=f"accelerated/{module}.cu",
    )


def _others(sizes: Sizes) -> str:
    """What is run at 5 elements."""
    further = {ALL: ", misaligned arrays, other architectures", SOME: ", misaligned arrays"}
    return f"each option, third of three arrays, in place{further.get(sizes, '')}"
