"""One run of a function on symbolic numbers, and all the runs that its branches make possible.

Python takes one side of an ``if``; a symbolic condition has two. The function is therefore run again for every combination of
answers, each run being a `Path`: the answers given, the facts that hold on it by definition of the operations, and what has
to be proven for the run to mean anything (ranges, preconditions of inner calls).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import z3

from proofs.symbolic.shadow import Recipe
from proofs.symbolic.terms import conjuncts, products, subterms, variables

MOST_PATHS = 4096
BATCH = 8  # routine duties in one query
Routine = tuple[int, z3.BoolRef]  # how many facts were known, and what must follow from them
QUICK_CHECK = 200_000  # z3 resource units: deterministic, about a tenth of a second


class Dead(Exception):
    """This path cannot happen, or lies outside the preconditions."""


@dataclass(frozen=True)
class Duty:
    """Something that must be proven on a path: ``goal`` from the hypotheses."""

    name: str
    goal: z3.BoolRef
    hypotheses: tuple[z3.BoolRef, ...]


@dataclass(frozen=True)
class Call:
    """A call of a contracted function on a path, and what its contract says if that was assumed."""

    function: str
    arguments: dict[str, Any]
    result: Any
    contract: tuple[z3.BoolRef, ...] = ()


@dataclass
class Path:
    """Facts, decisions and duties of one run; ``answers`` are given to the first conditions that can go either way.

    A fact is no conjunction: what is assumed or proven comes apart, so that a cut can use what it needs alone.
    """

    answers: Sequence[bool] = ()
    facts: list[z3.BoolRef] = field(default_factory=list)
    taken: list[bool] = field(default_factory=list)
    duties: list[Duty] = field(default_factory=list)
    routine: list[Routine] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    recipes: list[tuple[z3.ExprRef, Recipe]] = field(default_factory=list)
    grids: dict[int, int] = field(default_factory=dict)
    powers_of_two: set[int] = field(default_factory=set)
    definitions: set[int] = field(default_factory=set)
    assuming: bool = False
    assumed: set[str] = field(default_factory=set)
    memory: dict[Any, Any] = field(default_factory=dict)
    _known: set[int] = field(default_factory=set)
    _names: int = 0
    _solver: z3.Solver | None = None
    _known_to_solver: int = 0

    def fresh(self, stem: str) -> str:
        """A name that no other term of this path has; the same in every run."""
        self._names += 1
        return f"{stem}!{self._names}"

    def variable(self, stem: str, recipe: Recipe) -> z3.ArithRef:
        """A new real variable, and how NumPy computes it."""
        variable = z3.Real(self.fresh(stem))
        self.recipes.append((variable, recipe))
        return variable

    def assume(self, fact: z3.BoolRef) -> list[z3.BoolRef]:
        """Add what is true by definition, or by a proven contract; the facts that it consists of."""
        parts = conjuncts(fact)
        for part in parts:
            if part.get_id() not in self._known:
                self._known.add(part.get_id())
                self.facts.append(part)
        return parts

    def define(self, fact: z3.BoolRef) -> None:
        """Add the fact that says what a variable is, by a product that ranges depend on."""
        self.definitions.add(fact.get_id())
        self.assume(fact)

    def decide(self, condition: z3.BoolRef) -> bool:
        """The answer that this run gives to a condition; both answers get a run if both can happen."""
        condition = z3.simplify(condition)
        if z3.is_true(condition) or z3.is_false(condition):
            return z3.is_true(condition)
        if self.shown_by_now(condition):
            return True
        if self.shown_by_now(z3.Not(condition)):
            return False
        return self.take(condition)

    def take(self, condition: z3.BoolRef) -> bool:
        """The answer of this run to a condition that can go either way."""
        answer = self.answers[len(self.taken)] if len(self.taken) < len(self.answers) else True
        self.taken.append(answer)
        self.assume(condition if answer else z3.Not(condition))
        return answer

    def holds(self, condition: z3.BoolRef) -> bool:
        """Whether a quick check shows that the facts imply the condition. ``False`` means: not shown, then or earlier."""
        failed = ("not shown", condition.get_id())
        if failed in self.memory:
            return False
        if self._solver is None:
            self._solver = z3.SimpleSolver()
            self._solver.set("rlimit", QUICK_CHECK)
        for fact in self.facts[self._known_to_solver :]:
            self._solver.add(self._linear(fact))
        self._known_to_solver = len(self.facts)
        self._solver.push()
        try:
            self._solver.add(z3.Not(self._linear(condition)))
            if self._solver.check() == z3.unsat:
                return True
            self.memory[failed] = condition
            return False
        finally:
            self._solver.pop()

    def _linear(self, statement: z3.BoolRef) -> z3.BoolRef:
        """The statement with a variable for each product: a quick check would get lost in them."""
        known = ("linear", statement.get_id())
        if known not in self.memory:
            pairs = []
            for product in products(statement):
                key = ("product", product.get_id())
                if key not in self.memory:
                    self.memory[key] = (product, z3.FreshReal("product"))
                pairs.append(self.memory[key])
            self.memory[known] = (z3.substitute(statement, *pairs) if pairs else statement, statement)
        return self.memory[known][0]

    def shown(self, condition: z3.BoolRef) -> bool:
        """Whether a quick check shows the condition; if so, it becomes a duty to be proven for the record."""
        holds = self.holds(condition)
        if holds:
            self.require(condition)
        return holds

    def shown_by_now(self, condition: z3.BoolRef) -> bool:
        """The same, asked anew: facts may have come since it was last asked."""
        self.memory.pop(("not shown", condition.get_id()), None)
        return self.shown(condition)

    def require(self, condition: z3.BoolRef) -> None:
        """A routine duty (a precondition, a range, an exact sum): proven from the facts so far, together with its like."""
        self.routine.append((len(self.facts), condition))
        self.assume(condition)

    def owe(self, name: str, goal: z3.BoolRef) -> None:
        """Note a duty under the facts known now."""
        self.duties.append(Duty(name, goal, tuple(self.facts)))

    def stay(self, condition: z3.BoolRef) -> None:
        """A routine duty that nothing later relies on: an intermediate value is in the range of its format."""
        self.routine.append((len(self.facts), condition))

    def routine_goals(self) -> Iterator[tuple[str, z3.BoolRef]]:
        """All routine duties in a few statements, each duty from the facts before it.

        Most hold whatever the values of products are. The others get the products back that define quotients: their own,
        or all. What runs have in common at their beginning is then the same question.
        """
        facts = [self._linear(fact) for fact in self.facts]
        without_products = not any(key[0] == "product" for key in self.memory)
        easy, own, hard = (self.routine, [], []) if without_products else self._by_need(facts)
        for some in _batches(easy):
            yield "routine", _chained(facts, some)
        for known, duty in own:
            needed = self._definitions_of(duty, known)
            defined = [self.facts[k] if k in needed else flat for k, flat in enumerate(facts[:known])]
            yield "range", _chained(defined, [(known, duty)])
        defined = [
            fact if fact.get_id() in self.definitions else flat for fact, flat in zip(self.facts, facts, strict=True)
        ]
        for some in _batches(hard):
            yield "ranges", _chained(defined, some)

    def _by_need(self, facts: Sequence[z3.BoolRef]) -> tuple[list[Routine], list[Routine], list[Routine]]:
        """The routine duties that a quick check shows without any product (so written), with their own, and the others."""
        solver = z3.SimpleSolver()
        solver.set("rlimit", QUICK_CHECK)
        easy: list[Routine] = []
        own: list[Routine] = []
        hard: list[Routine] = []
        position = 0
        for known, duty in self.routine:
            solver.add(*facts[position:known])
            position = known
            flat = self._linear(duty)
            if solver.check(z3.Not(flat)) == z3.unsat:
                easy.append((known, flat))
                continue
            solver.push()
            solver.add(*(self.facts[k] for k in self._definitions_of(duty, known)), z3.Not(duty))
            (own if solver.check() == z3.unsat else hard).append((known, duty))
            solver.pop()
        return easy, own, hard

    def _definitions_of(self, duty: z3.BoolRef, known: int) -> set[int]:
        """The positions of the facts that define, by a product, a variable of a duty, or the one that it was rounded from."""
        own = self._variables_of(duty)
        facts = [
            (k, fact.get_id() in self.definitions, self._variables_of(fact))
            for k, fact in enumerate(self.facts[:known])
        ]
        pairs = [variables for _, defines, variables in facts if not defines and len(variables) == 2]
        near = own.union(*(pair for pair in pairs if not pair.isdisjoint(own)))
        return {k for k, defines, variables in facts if defines and not variables.isdisjoint(near)}

    def _variables_of(self, statement: z3.BoolRef) -> set[int]:
        key = ("variables", statement.get_id())
        if key not in self.memory:
            self.memory[key] = (variables(statement), statement)
        found: set[int] = self.memory[key][0]
        return found

    def prove(
        self,
        name: str,
        goal: z3.BoolRef,
        using: Sequence[z3.BoolRef] | None = None,
        forgetting: Sequence[z3.ExprRef] = (),
    ) -> z3.BoolRef:
        """Cut: prove ``goal`` on its own, from chosen facts, then go on with it as a fact.

        ``forgetting`` replaces terms by variables in this proof: what holds for any value holds for theirs.
        """
        used = self.facts if using is None else [part for fact in using for part in conjuncts(fact)]
        hypotheses = tuple({fact.get_id(): fact for fact in used}.values())
        if any(fact.get_id() not in self._known for fact in hypotheses):
            raise ValueError(f"cut {name!r} uses what is not a fact of its path")
        pairs = [(term, _variable_like(term, f"{name}!{i}")) for i, term in enumerate(forgetting)]
        self.duties.append(
            Duty(name, z3.substitute(goal, *pairs), tuple(z3.substitute(fact, *pairs) for fact in hypotheses))
        )
        self.assume(goal)
        return goal

    def facts_about(self, *terms: z3.ExprRef, among: Sequence[z3.BoolRef] | None = None) -> list[z3.BoolRef]:
        """The facts (all, or some) in which one of these terms stands."""
        sought = {term.get_id() for term in terms}
        facts = self.facts if among is None else among
        return [fact for fact in facts if not sought.isdisjoint(self._parts_of(fact))]

    def facts_without(self, *terms: z3.ExprRef, among: Sequence[z3.BoolRef] | None = None) -> list[z3.BoolRef]:
        """The facts (all, or some) in which none of these terms stands."""
        sought = {term.get_id() for term in terms}
        facts = self.facts if among is None else among
        return [fact for fact in facts if sought.isdisjoint(self._parts_of(fact))]

    def _parts_of(self, fact: z3.BoolRef) -> set[int]:
        """The ids of all terms that stand in a fact."""
        key = ("parts", fact.get_id())
        if key not in self.memory:
            self.memory[key] = (subterms(fact), fact)
        return self.memory[key][0]

    def last(self, function: str) -> Call:
        """The last call of a contracted function, by its name."""
        return next(call for call in reversed(self.calls) if call.function == function)


def _batches(duties: Sequence[Routine]) -> Iterator[Sequence[Routine]]:
    return (duties[start : start + BATCH] for start in range(0, len(duties), BATCH))


def _chained(facts: Sequence[z3.BoolRef], duties: Sequence[Routine]) -> z3.BoolRef:
    """Each duty from as many facts as were known."""
    goal = z3.BoolVal(True)
    position = duties[-1][0]
    for known, duty in reversed(duties):
        while position > known:
            position -= 1
            goal = z3.Implies(facts[position], goal)
        goal = z3.And(duty, goal)
    while position > 0:
        position -= 1
        goal = z3.Implies(facts[position], goal)
    return goal


def _variable_like(term: z3.ExprRef, name: str) -> z3.ExprRef:
    return z3.Const(name, term.sort())


_current: ContextVar[Path | None] = ContextVar("path", default=None)


def current() -> Path:
    """The path that is being run."""
    path = _current.get()
    if path is None:
        raise RuntimeError("symbolic numbers live inside a path: run the function through explore()")
    return path


@contextlib.contextmanager
def on(path: Path) -> Iterator[Path]:
    """Run what is inside on this path."""
    token = _current.set(path)
    try:
        yield path
    finally:
        _current.reset(token)


def explore(run: Callable[[], Any]) -> Iterator[tuple[Path, Any]]:
    """Run a function on every path; dead ones are left out."""
    pending: list[list[bool]] = [[]]
    count = 0
    while pending:
        count += 1
        if count > MOST_PATHS:
            raise RuntimeError(f"more than {MOST_PATHS} paths: the function branches too much on data")
        path = Path(answers=pending.pop())
        try:
            with on(path):
                result = run()
            alive = True
        except Dead:
            alive = False
        pending += [[*path.taken[:k], False] for k in range(len(path.answers), len(path.taken))]
        if alive:
            yield path, result
