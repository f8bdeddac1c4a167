"""What stands in a term."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import z3


def subterms(term: z3.ExprRef) -> dict[int, z3.ExprRef]:
    """A term and all terms that stand in it, by id."""
    found: dict[int, z3.ExprRef] = {}
    pending = [term]
    while pending:
        part = pending.pop()
        if part.get_id() not in found:
            found[part.get_id()] = part
            pending += part.children()
    return found


def products(term: z3.ExprRef) -> Iterator[z3.ExprRef]:
    """The products of variables in a term, the outermost of each."""
    seen: set[int] = set()
    pending = [term]
    while pending:
        part = pending.pop()
        if part.get_id() in seen:
            continue
        seen.add(part.get_id())
        if z3.is_mul(part) and sum(not _is_number(factor) for factor in part.children()) > 1:
            yield part
        else:
            pending += part.children()


def _is_number(term: z3.ExprRef) -> bool:
    return z3.is_rational_value(term) or z3.is_int_value(term)


def conjuncts(fact: z3.BoolRef) -> list[z3.BoolRef]:
    """The statements that a conjunction is made of; none of ``true``."""
    if z3.is_and(fact):
        return [part for child in fact.children() for part in conjuncts(child)]
    return [] if z3.is_true(fact) else [fact]


def sum_of(terms: Sequence[z3.ArithRef]) -> z3.ArithRef:
    """The sum of real terms; SMT-LIB has no ``+`` of fewer than two."""
    several = list(terms)
    return several[0] if len(several) == 1 else z3.Sum(several) if several else z3.RealVal(0)
