"""Terms of kernels and of the reference in one form, so that most are equal as they stand."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

import z3

from proofs.symbolic.formats import FORMATS, format_of, is_float
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.paths import QUICK_CHECK, current
from proofs.symbolic.terms import variables
from proofs.symbolic.theory import DType, Term, conjunction


class Commuted(IEEE):
    """IEEE floats, the operands of sums and products in an order that depends on them alone: a compiler may exchange them."""

    def do_add(self, a: Term, b: Term, dtype: DType) -> Term:
        return super().do_add(*ordered(a, b), dtype)

    def do_multiply(self, a: Term, b: Term, dtype: DType) -> Term:
        return super().do_multiply(*ordered(a, b), dtype)

    def cast(self, term: Term, source: DType, target: DType) -> Term:
        """Constants at once, as NumPy does it before they come here; two exact casts to ever wider formats as one."""
        narrower = widened_from(term) if is_float(target) else None
        cast = super().cast(*(narrower or (term, source)), target)
        return z3.simplify(cast) if z3.is_fp_value(term) else cast

    def decide(self, condition: z3.BoolRef) -> bool:
        """As a path does it, but asking only the facts that have to do with the condition: arrays have many that do not."""
        path, simple = current(), z3.simplify(condition)
        if z3.is_true(simple) or z3.is_false(simple):
            return z3.is_true(simple)
        facts = related(simple, path.facts)
        for answer, goal in ((True, simple), (False, z3.Not(simple))):
            solver = z3.SimpleSolver()
            solver.set("rlimit", QUICK_CHECK)
            if solver.check(*facts, z3.Not(goal)) == z3.unsat:
                path.require(goal)
                return answer
        return path.take(simple)


def widened_from(term: Term) -> tuple[Term, DType] | None:
    """The number that a cast without rounding has made this of, and its dtype."""
    if not z3.is_fp(term) or term.decl().kind() != z3.Z3_OP_FPA_TO_FP or term.num_args() != 2:
        return None
    inner, wide = term.arg(1), term.sort()
    if not z3.is_fp(inner) or inner.sort().ebits() > wide.ebits() or inner.sort().sbits() > wide.sbits():
        return None
    dtype = next((each for each in FORMATS if format_of(each).sort == inner.sort()), None)
    return None if dtype is None else (inner, dtype)


def ordered(a: Term, b: Term) -> tuple[Term, Term]:
    """Two operands in an order that depends on them alone."""
    return (a, b) if (a.hash(), a.get_id()) <= (b.hash(), b.get_id()) else (b, a)


def related(goal: z3.BoolRef, facts: Sequence[z3.BoolRef]) -> list[z3.BoolRef]:
    """The facts that share variables with a goal, or with facts that do."""
    found: set[int] = set()
    seen = variables(goal)
    pending = {position: variables(fact) for position, fact in enumerate(facts)}
    while True:
        more = [position for position, names in pending.items() if names & seen]
        if not more:
            return [facts[position] for position in sorted(found)]
        found.update(more)
        seen = seen.union(*(pending.pop(position) for position in more))


def without_identities(goal: z3.BoolRef, known: Container[int] = ()) -> z3.BoolRef:
    """The goal without what is known, and without its equations of one term with itself but for the first.

    That one is left so that a query says what was compared. ``known`` are the ids of facts.
    """
    kept: list[z3.BoolRef] = []
    has_identity = False
    for part in _parts(goal):
        is_identity = z3.is_eq(part) and z3.eq(part.arg(0), part.arg(1))
        if part.get_id() not in known and not (is_identity and has_identity):
            kept.append(part)
        has_identity |= is_identity
    return conjunction(kept)


def _parts(goal: z3.BoolRef) -> Iterator[z3.BoolRef]:
    if z3.is_and(goal):
        for child in goal.children():
            yield from _parts(child)
    elif not z3.is_true(goal):
        yield goal
