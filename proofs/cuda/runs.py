"""Runs of kernels: the clause of a function of the reference, kept by the shipped step on an interpreted device."""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import z3

from proofs.cuda.faults import Fault
from proofs.cuda.gathered import definitions
from proofs.cuda.terms import Commuted, related, without_identities
from proofs.cuda.values import tied
from proofs.prover.claims import Exhaustion, Replay
from proofs.prover.obligations import judge
from proofs.prover.symbolic_run import Run
from proofs.symbolic.inputs import Array, Record, show
from proofs.symbolic.paths import Duty, Path
from proofs.symbolic.theory import Theory, conjunction

APART, FORGOTTEN = "proven apart", "forgotten for"
Step = Callable[..., Any]
Labelled = Iterable[tuple[str, "KernelRun"]]


@dataclasses.dataclass(frozen=True)
class KernelRun(Run):
    """A run in which a step on a device stands in the place of the reference's."""

    def paths(self) -> Iterator[Path]:
        for path in super().paths():
            duties = [
                dataclasses.replace(duty, goal=without_identities(duty.goal, self._known(path, duty)))
                for duty in path.duties
            ]
            duties += [Duty("routine", goal, tuple(path.facts[:count])) for count, goal in path.routine]
            for fact in tied(path, [*(duty.goal for duty in duties), *path.facts]):
                path.assume(fact)
            path.routine.clear()
            path.duties[:] = [dataclasses.replace(duty, hypotheses=self._needed(path, duty)) for duty in duties]
            path.facts[:0] = definitions(path)
            yield path

    def _known(self, path: Path, duty: Duty) -> set[int]:
        """The ids of what need not be proven once more: of a clause, what was proven apart; never the duty's own goal."""
        known = {fact.get_id() for fact in duty.hypotheses}
        return known | set(path.memory.get(APART, ())) if duty.name in self.clauses else known

    def _needed(self, path: Path, duty: Duty) -> tuple[z3.BoolRef, ...]:
        """The facts that have to do with a goal, by its variables and theirs: arrays have many that do not."""
        if duty.name in self.clauses:
            return tuple(related(duty.goal, path.facts))
        pairs = path.memory.get((FORGOTTEN, duty.name), [])
        facts = [*duty.hypotheses, *tied(path, [duty.goal, *duty.hypotheses])]
        return tuple(related(duty.goal, [z3.substitute(fact, *pairs) for fact in facts]))


def prove_apart(
    path: Path,
    name: str,
    goal: z3.BoolRef,
    forgetting: Sequence[z3.ExprRef] = (),
    using: Sequence[z3.BoolRef] | None = None,
    parts: Callable[[z3.ExprRef], Sequence[z3.ExprRef]] | None = None,
) -> None:
    """Prove a part of the clause by itself, from some facts or all: it is left out of the clause, and no fact is added.

    What holds whatever the terms of ``forgetting`` are holds for them, and so for the ``parts`` of the statement, facts and
    goal in one, in the form in which z3 writes it.
    """
    facts = list(path.facts if using is None else using)
    statement = goal
    if parts is not None:
        statement, facts = z3.simplify(z3.Implies(conjunction(facts), goal)), []
        forgetting = [*forgetting, *parts(statement)]
    pairs = [(term, z3.Const(f"{name}!{i}", term.sort())) for i, term in enumerate(forgetting)]
    path.duties.append(Duty(name, z3.substitute(statement, *pairs), tuple(facts)))
    path.memory.setdefault(APART, {})[goal.get_id()] = goal
    path.memory[(FORGOTTEN, name)] = pairs


def of_size(run: Run, size: int, grad: Any = None) -> Run:
    """The run of a step on arrays of ``size`` elements; the gradient has the dtype ``grad``, if it is another."""
    inputs: dict[str, Any] = {}
    for name, kind in run.inputs.items():
        if isinstance(kind, Record):
            inputs[name] = dataclasses.replace(kind, members=tuple(_resized(each, size) for each in kind.members))
        else:
            inputs[name] = _resized(kind, size) if isinstance(kind, Array) else kind
    if grad is not None:
        inputs["grad"] = dataclasses.replace(inputs["grad"], dtype=grad)
    return dataclasses.replace(run, inputs=inputs, draw=functools.partial(_drawn, run, inputs, size))


def _resized(kind: Array, size: int) -> Array:
    return dataclasses.replace(kind, shape=(size,)) if kind.shape else kind


def _drawn(run: Run, inputs: Mapping[str, Any], size: int, generator: random.Random) -> dict[str, Any]:
    """Settings as the run draws them, elements of all sizes and special ones."""
    arguments = dict(run.random(generator))
    if "param" not in arguments:
        return arguments
    arguments["param"], arguments["grad"] = (
        _elements(inputs[name].dtype, size, generator) for name in ("param", "grad")
    )
    state = arguments["state"]
    arrays = {
        field.name: _elements(getattr(state, field.name).dtype, size, generator)
        for field in dataclasses.fields(state)
        if hasattr(getattr(state, field.name), "dtype")
    }
    if "master" in arrays:
        with np.errstate(all="ignore"):
            arguments["param"] = arrays["master"].astype(arguments["param"].dtype)
    return {**arguments, "state": dataclasses.replace(state, **arrays)}


def _elements(dtype: Any, size: int, generator: random.Random) -> Any:
    """Moderate numbers, or any bits there are."""
    kind = np.dtype(dtype)
    if generator.random() < 0.5:
        return np.array([generator.uniform(-9, 9) for _ in range(size)]).astype(kind)
    return np.frombuffer(generator.randbytes(size * kind.itemsize), kind).copy()


def on_device(run: Run, clause: str, step: Step, script: Any = None, theory: Theory | None = None) -> KernelRun:
    """The run of a function of the reference, with a step on a device in its place."""
    fields = {field.name: getattr(run, field.name) for field in dataclasses.fields(run)}
    changed = {
        "theory": theory or Commuted(),
        "clauses": (clause,),
        "replaced": {run.function: step},
        "script": script,
        "examples": [run.random(random.Random(0))],
    }
    return KernelRun(**{**fields, **changed})


def hunt(runs: Callable[[], Labelled], clause: str, tries: int, seed: int = 0) -> Exhaustion:
    """Run kernels on drawn numbers until one breaks the clause, or does what no kernel must."""
    generator = random.Random(seed)
    every: list[KernelRun] = []
    count = 0
    try:
        every += [run for _, run in runs()]
    except Fault as fault:  # while windows into huge arrays were chosen
        return Exhaustion(1, Replay(True, {}, {"fault": str(fault)}, clause, type(fault).__name__))
    for _ in range(tries):
        for run in every:
            count += 1
            found = judged(run, run.random(generator), clause)
            if found.confirmed:
                return Exhaustion(count, found)
    return Exhaustion(count, None)


def judged(run: Run, arguments: Mapping[str, Any], clause: str) -> Replay:
    """What NumPy says about the kernel on these arguments; a fault breaks every clause."""
    try:
        return judge(run, arguments, clause)
    except Fault as fault:
        inputs = {name: show(value) for name, value in arguments.items()}
        return Replay(True, inputs, {"fault": str(fault)}, clause, type(fault).__name__)


__all__: Sequence[str] = ["KernelRun", "hunt", "judged", "of_size", "on_device", "prove_apart"]
