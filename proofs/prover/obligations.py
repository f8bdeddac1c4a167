"""From a symbolic run to queries for a solver, and from a solver's model back to plain NumPy."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import z3

from proofs.prover.claims import Aim, Exhaustion, Model, Obligation, Query, Replay
from proofs.prover.symbolic_run import Run, call_with, clauses_of
from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import show, values_of
from proofs.symbolic.paths import Path
from proofs.symbolic.shadow import Value, flags_of, follow, number
from reference import contracts

SEPARATOR = re.compile(r"([\s()]+)")
STEM = re.compile(r"[\d!]")  # of a constant: elements of arrays and fresh variables differ in numbers
NEIGHBOURS = 2000  # inputs tried around a model of a theory whose models may be spurious


def obligations(
    run: Run,
    label: str = "",
    group: str = "",
    timeout: float = 60.0,
    rests_on: Sequence[str] | None = None,
    witnesses: bool = True,
) -> Iterator[Obligation]:
    """Everything that must be proven for the clauses of a run, and witnesses that its preconditions can be met."""
    aim = Aim.REFUTE if group else Aim.GOAL
    for position, path in enumerate(run.paths(), 1):
        name = f"{label}path {position}"
        proven = path.assumed if rests_on is None else rests_on
        unproven = path.assumed - {*proven, *(claim.partition(".")[0] for claim in proven)}
        if unproven:
            raise ValueError(f"{run.function.__name__} assumes {', '.join(sorted(unproven))} without resting on it")
        if not group:
            if witnesses:
                yield _witness(run, path, name, timeout)
            for kind, goal in path.routine_goals():
                yield Obligation(f"{name}: {kind}", Aim.GOAL, _query(run, [], goal, timeout, renamed=True))
        for duty in path.duties:
            is_clause = duty.name in run.clauses
            if group and not is_clause:
                continue
            yield Obligation(
                f"{name}: {duty.name}",
                aim,
                _query(run, duty.hypotheses, duty.goal, timeout, renamed=not is_clause),
                _Replay(run, duty.name) if is_clause else None,
                spurious_possible=not isinstance(run.theory, IEEE),
                group=group,
                clause=duty.name if is_clause else "",
            )


def lemma(
    name: str, hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef, solver: str = "z3", timeout: float = 60.0
) -> Obligation:
    """A statement over free variables; nothing to replay."""
    return Obligation(name, Aim.GOAL, Query(_script(hypotheses, goal), solver, timeout))


def script_witness(name: str, hypotheses: Sequence[z3.BoolRef], timeout: float = 60.0) -> Obligation:
    """The hypotheses of a lemma can be met at once."""
    return Obligation(name, Aim.WITNESS, Query(_script(hypotheses, None), "z3", timeout), _lemma_witness)


def _lemma_witness(model: Model) -> Replay:
    return Replay(True, dict(model), {}, "the hypotheses of the lemma", "a model of free variables: nothing to run")


def _witness(run: Run, path: Path, name: str, timeout: float) -> Obligation:
    """The facts of a path can hold together: in the actual run of an example that takes it, else in some model."""
    actual = (_actual(run, path, example, decided) for decided in (False, True) for example in run.examples)
    equations = next((found for found in actual if found is not None), [])
    return Obligation(
        f"{name}: witness",
        Aim.WITNESS,
        Query(_script([*path.facts, *equations], None), _solver(run), timeout, _names(run)),
        _Replay(run, ""),
        spurious_possible=not isinstance(run.theory, IEEE),
    )


def _actual(run: Run, path: Path, example: Mapping[str, Any], decided: bool) -> list[z3.BoolRef] | None:
    """Equations for the actual run of an example; ``None`` if it does not take the path.

    ``decided`` lets the path say what its flags are: "not exact", say, of a sum that happens to be exact.
    """
    if not isinstance(run.theory, IEEE):
        return follow(path.recipes, path.facts, _numbers(run, example), flags_of(path.facts) if decided else None)
    pairs = _bits(run, example)
    for fact in path.facts:
        actual = z3.simplify(z3.substitute(fact, *pairs))
        if z3.is_false(actual):
            return None
        if (
            z3.is_eq(actual)
            and z3.is_fp(actual.arg(0))
            and z3.is_const(actual.arg(0))
            and z3.is_fp_value(actual.arg(1))
        ):
            pairs.append((actual.arg(0), actual.arg(1)))  # the definition of a variable, by numbers that are known
        if z3.is_eq(actual) and actual.arg(0).num_args() == 1 and z3.is_bv(bits := actual.arg(0).arg(0)):
            pairs.append((bits, z3.simplify(z3.fpToIEEEBV(actual.arg(1)))))  # `bits_of` a number that is known now
    return [variable == value for variable, value in pairs]


def _bits(run: Run, example: Mapping[str, Any]) -> list[tuple[z3.ExprRef, z3.ExprRef]]:
    """The solver's variables of a run, each with its value in an example: the bits of a float decide everything else."""
    found: list[tuple[z3.ExprRef, z3.ExprRef]] = []
    for name, kind in run.inputs.items():
        symbols, values = kind.symbolic(name, run.theory), example[name]
        several = isinstance(symbols, list | tuple)
        for symbol, value in zip(symbols, values, strict=True) if several else [(symbols, values)]:
            if isinstance(symbol, SymbolicArray):
                constants = (run.theory.constant(element, symbol.dtype) for element in np.ravel(value))
                found += zip(symbol.elements.ravel(), constants, strict=True)
    return found


def _numbers(run: Run, example: Mapping[str, Any]) -> dict[str, Value]:
    """The elements of an example by the solver's names."""
    found: dict[str, Value] = {}
    for name, kind in run.inputs.items():
        members = example[name] if isinstance(example[name], list | tuple) else [example[name]]
        elements = [item for member in members if hasattr(member, "dtype") for item in np.ravel(member)]
        for constant, element in zip(kind.names(name), elements, strict=True):
            value = number(element)
            if value is not None:
                found[constant] = value
    return found


def _names(run: Run) -> tuple[str, ...]:
    return tuple(constant for name, kind in run.inputs.items() for constant in kind.names(name))


def _solver(run: Run) -> str:
    return "bitwuzla" if isinstance(run.theory, IEEE) else "z3"


def _query(
    run: Run, hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef, timeout: float, renamed: bool = False
) -> Query:
    script = _script(hypotheses, goal)
    if renamed:  # no model of it is replayed, so nobody asks for values
        return Query(_renamed(script), _solver(run), timeout)
    return Query(script, _solver(run), timeout, _names(run))


def _script(hypotheses: Sequence[z3.BoolRef], goal: z3.BoolRef | None) -> str:
    """SMT-LIB text that is unsatisfiable if the hypotheses imply the goal; the same for the same terms."""
    facts = [*hypotheses, *([] if goal is None else [z3.Not(goal)])] or [z3.BoolVal(True)]
    assumed = (z3.Ast * (len(facts) - 1))(
        *(fact.as_ast() for fact in facts[:-1])
    )  # not a solver's: it would rewrite them
    reference = z3.main_ctx().ref()
    text = z3.Z3_benchmark_to_smtlib_string(
        reference, "", "", "unknown", "", len(assumed), assumed, facts[-1].as_ast()
    ).replace("(check-sat)\n", "")
    return _numbered(text, lambda token: token[:2] if token.startswith(("?x", "$x")) else None)


def _renamed(script: str) -> str:
    """The script with its constants numbered in order of appearance: lemmas of one shape are one query."""
    asserted = script.index("(assert")
    names = set(re.findall(r"^\(declare-fun (\S+) \(\) ", script[:asserted], re.MULTILINE))
    seen: dict[str, str] = {}
    body = _numbered(script[asserted:], lambda token: f"{STEM.split(token, 1)[0]}!" if token in names else None, seen)
    lines = sorted(
        re.sub(r"(?<=declare-fun )\S+", lambda match: seen.get(match[0], match[0]), line)
        for line in script[:asserted].splitlines()
        if line.startswith("(declare-fun")
    )
    return "\n".join([*lines, body])


def _numbered(text: str, stem: Callable[[str], str | None], seen: dict[str, str] | None = None) -> str:
    """Replace every name that has a stem by that and a number, in order of appearance."""
    names: dict[str, str] = {} if seen is None else seen
    others: set[str] = set()
    tokens = SEPARATOR.split(text)
    for token in tokens:
        if token not in names and token not in others:
            start = stem(token)
            if start is None:
                others.add(token)
            else:
                names[token] = f"{start}{len(names)}"
    return "".join([names.get(token, token) for token in tokens])


@dataclass(frozen=True)
class _Replay:
    """Run plain NumPy on a model: does it meet the preconditions, and what does the clause say?

    ``clause`` empty means: a witness, all clauses of the run must hold.
    """

    run: Run
    clause: str

    def __call__(self, model: Model) -> Replay:
        values = values_of(model, self.run.inputs)
        arguments = {name: kind.concrete(name, values) for name, kind in self.run.inputs.items()}
        first = judge(self.run, arguments, self.clause)
        if first.confirmed or isinstance(self.run.theory, IEEE):
            return first
        return self._search(arguments) or first

    def _search(self, centre: Mapping[str, Any]) -> Replay | None:
        """Look for a confirmed input near the model, then anywhere."""
        generator = random.Random(0)
        for _ in range(NEIGHBOURS):
            for arguments in (
                {name: _near(value, generator) for name, value in centre.items()},
                self.run.random(generator),
            ):
                verdict = judge(self.run, arguments, self.clause)
                if verdict.confirmed:
                    return verdict
        return None


def judge(run: Run, arguments: Mapping[str, Any], clause: str) -> Replay:
    """What NumPy does with these arguments, the run's replacements in place, and whether that breaks (or meets) the clause."""
    inputs = {name: show(value) for name, value in arguments.items()}
    wanted = (clause,) if clause else run.clauses
    with np.errstate(all="ignore"), contracts.level("none"), contracts.interpreted(_replaced(run)):
        try:
            admitted = _meets_preconditions(run, arguments)
            result = _call(run, arguments) if admitted else None
            broken = [
                name
                for name, condition in ((c.claim, c.condition) for c in clauses_of(run.function, wanted))
                if admitted and not np.all(call_with(condition, {**arguments, "result": result}))
            ]
        except (ArithmeticError, ValueError, TypeError) as error:
            return Replay(False, inputs, {}, clause, f"NumPy raised {type(error).__name__}: {error}")
    if not admitted:
        return Replay(False, inputs, {}, clause, "the input does not meet the preconditions")
    outputs = {"result": show(result)}
    if clause:
        return Replay(bool(broken), inputs, outputs, clause, "" if broken else "NumPy keeps the clause on this input")
    return Replay(not broken, inputs, outputs, ", ".join(wanted), f"breaks {', '.join(broken)}" if broken else "")


def search(runs: Sequence[Run], clause: str, tries: int = 20_000, seed: int = 0) -> Exhaustion:
    """Look for an input on which the clause fails, among examples and random ones, one run after the other; proves nothing."""
    generator = random.Random(seed)
    count = 0
    for round_ in range(tries // len(runs)):
        for run in runs:
            count += 1
            arguments = run.examples[round_] if round_ < len(run.examples) else run.random(generator)
            verdict = judge(run, arguments, clause)
            if verdict.confirmed:
                return Exhaustion(count, verdict)
    return Exhaustion(count, None)


def exhaust(run: Run, clause: str, inputs: Iterable[Mapping[str, Any]]) -> Exhaustion:
    """Try every input; the first on which the clause fails is the counterexample."""
    count = 0
    for arguments in inputs:
        count += 1
        verdict = judge(run, arguments, clause)
        if verdict.confirmed:
            return Exhaustion(count, verdict)
    return Exhaustion(count, None)


def _meets_preconditions(run: Run, arguments: Mapping[str, Any]) -> bool:
    conditions: list[Callable[..., Any]] = [clause.condition for clause in contracts.preconditions(run.function)]
    if run.domain is not None:
        conditions.append(run.domain)
    return all(np.all(call_with(condition, arguments)) for condition in conditions)


def _call(run: Run, arguments: Mapping[str, Any]) -> Any:
    return run.replaced.get(run.function, contracts.bare(run.function))(**arguments)


def _replaced(run: Run) -> contracts.Interpreter:
    """Call inner functions as they are, but those that the run replaces."""

    def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return run.replaced.get(function, contracts.bare(function))(*args, **kwargs)

    return call


def _near(value: Any, generator: random.Random) -> Any:
    """The same value with some elements moved by a few units in the last place."""
    if isinstance(value, list):
        return [_near(item, generator) for item in value]
    if not hasattr(value, "dtype"):
        return value
    moved = np.array(value)
    flat = moved.reshape(-1)
    for i in range(flat.size):
        for _ in range(generator.choice((0, 0, 1, 2, 5))):
            flat[i] = np.nextafter(flat[i], flat.dtype.type(generator.choice((np.inf, -np.inf))))
    return moved if np.ndim(value) else moved.dtype.type(moved)
