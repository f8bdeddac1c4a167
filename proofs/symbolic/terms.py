"""What stands in a term.

Terms are walked over on the solver's C interface: they are so many that Python objects for all would take long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import z3
from z3 import z3core
from z3.z3consts import Z3_APP_AST, Z3_OP_MUL, Z3_OP_UNINTERPRETED


def subterms(term: z3.ExprRef) -> set[int]:
    """The ids of a term and of all terms that stand in it."""
    return {z3core.Z3_get_ast_id(term.ctx.ref(), part) for part in _parts(term)}


def variables(term: z3.ExprRef) -> set[int]:
    """The ids of the uninterpreted constants of a term."""
    context = term.ctx.ref()
    leaves = (z3.z3._to_expr_ref(part, term.ctx) for part in _parts(term) if not _arguments(context, part))
    return {leaf.get_id() for leaf in leaves if leaf.decl().kind() == Z3_OP_UNINTERPRETED}


def products(term: z3.ExprRef) -> Iterator[z3.ExprRef]:
    """The products of variables in a term, the outermost of each."""
    context = term.ctx.ref()
    seen: set[int] = set()
    pending = [term.as_ast()]
    while pending:
        part = pending.pop()
        identity = z3core.Z3_get_ast_id(context, part)
        if identity in seen:
            continue
        seen.add(identity)
        parts = _arguments(context, part)
        if (
            len(parts) > 1
            and z3core.Z3_get_decl_kind(context, z3core.Z3_get_app_decl(context, part)) == Z3_OP_MUL
            and sum(not z3core.Z3_is_numeral_ast(context, factor) for factor in parts) > 1
        ):
            yield z3.z3._to_expr_ref(part, term.ctx)
        else:
            pending += parts


def leaf_predicates(term: z3.ExprRef) -> list[z3.ExprRef]:
    """The comparisons and tests of a term that hold no others, by what stands in them; variables are none."""
    return [
        part
        for part, inside in _with_predicates(term)
        if not inside and z3.is_bool(part) and not all(map(z3.is_bool, part.children()))
    ]


def arithmetic(term: z3.ExprRef) -> list[z3.ExprRef]:
    """The sums, products, quotients, roots and casts of floats in a term, the outermost ones, that hold no comparison."""
    holds = {part.get_id(): inside for part, inside in _with_predicates(term)}
    found: dict[int, z3.ExprRef] = {}
    seen: set[int] = set()
    pending = [term]
    while pending:
        part = pending.pop()
        if part.get_id() in seen:
            continue
        seen.add(part.get_id())
        if z3.is_fp(part) and part.num_args() and not holds[part.get_id()] and not z3.is_fp_value(part):
            found[part.get_id()] = part
        else:
            pending += part.children()
    return list(found.values())


def _with_predicates(term: z3.ExprRef) -> list[tuple[z3.ExprRef, bool]]:
    """All terms in a term, each with whether a comparison or test stands inside of it."""
    found: list[tuple[z3.ExprRef, bool]] = []
    holds: dict[int, bool] = {}  # whether a term is a predicate, or holds one
    pending = [(term, False)]
    while pending:
        part, is_done = pending.pop()
        if part.get_id() in holds:
            continue
        children = part.children()
        if not is_done:
            pending.append((part, True))
            pending += [(child, False) for child in children]
            continue
        inside = any(holds[child.get_id()] for child in children)
        holds[part.get_id()] = inside or (z3.is_bool(part) and bool(children))
        found.append((part, inside))
    return found


def _parts(term: z3.ExprRef) -> Iterator[Any]:
    """A term and all terms that stand in it, each once."""
    context = term.ctx.ref()
    seen: set[int] = set()
    pending = [term.as_ast()]
    while pending:
        part = pending.pop()
        identity = z3core.Z3_get_ast_id(context, part)
        if identity not in seen:
            seen.add(identity)
            yield part
            pending += _arguments(context, part)


def _arguments(context: Any, part: Any) -> list[Any]:
    if z3core.Z3_get_ast_kind(context, part) != Z3_APP_AST:
        return []
    return [z3core.Z3_get_app_arg(context, part, k) for k in range(z3core.Z3_get_app_num_args(context, part))]


def conjuncts(fact: z3.BoolRef) -> list[z3.BoolRef]:
    """The statements that a conjunction is made of; none of ``true``."""
    if z3.is_and(fact):
        return [part for child in fact.children() for part in conjuncts(child)]
    return [] if z3.is_true(fact) else [fact]


def sum_of(terms: Sequence[z3.ArithRef]) -> z3.ArithRef:
    """The sum of real terms; SMT-LIB has no ``+`` of fewer than two."""
    several = list(terms)
    return several[0] if len(several) == 1 else z3.Sum(several) if several else z3.RealVal(0)
