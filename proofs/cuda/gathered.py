"""Sums and maxima by what they are of, so that the trees of a kernel and of the reference are one term.

The pieces of a fold, (x + M) - M, add up without rounding in any order and grouping (RED-31). No piece is -0, for x + M lies near M
and floats that cancel leave +0; so neither is a sum of them, and +0 adds nothing. A sum of pieces on one grid M is therefore a
variable that stands for the multiset of its pieces. Whoever uses this rests on RED-31.

The largest of magnitudes is NaN where one is, and otherwise one of them. It does not depend on order, grouping or repetition, +0
adds nothing, and widening keeps it: `laws` says so, to be asked of a solver. So a variable stands for the set of the magnitudes.
A select is taken for the larger of two numbers where a solver shows at once that it is, whatever the two are; that becomes a
duty of the path, to be proven for the record.

Both variables may be any number at all in what is proven: nothing is known of them but what they are of.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import z3

from proofs.cuda.terms import Commuted, ordered, widened_from
from proofs.prover.claims import Obligation
from proofs.prover.obligations import lemma
from proofs.symbolic.formats import format_of
from proofs.symbolic.ieee import IEEE, NEAREST
from proofs.symbolic.paths import Path as SymbolicPath
from proofs.symbolic.paths import current, on
from proofs.symbolic.terms import variables
from proofs.symbolic.theory import DType, Term, Unsupported

EXACT = "RED-31"  # the claim that sums of pieces make no rounding error
LARGER = "a select is the larger of two magnitudes, or NaN where one is"
QUICK = 20_000_000  # z3 resource units: a few seconds
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


class Pieces(NamedTuple):
    """What a sum is of: the anchor of the grid, and the ids of the pieces in order, each as often as it is added."""

    anchor: int
    ids: tuple[int, ...]


NONE = Pieces(0, ())


class Form(NamedTuple):
    """The condition of a select between x and y, and the statement that it gives the larger of magnitudes."""

    condition: z3.BoolRef
    statement: z3.BoolRef


_FORMS: dict[tuple[int, bool, bool], list[Form]] = {}  # by precision, and by which of the two is +0


class Gathered(Commuted):
    """IEEE floats; sums of pieces of a fold are variables for their multisets, maxima of magnitudes for their sets."""

    # Sums.

    def do_subtract(self, a: Term, b: Term, dtype: DType) -> Term:
        term = super().do_subtract(a, b, dtype)
        if _is_number(b) and z3.is_app_of(a, z3.Z3_OP_FPA_ADD) and any(z3.eq(b, part) for part in a.children()[1:]):
            current().memory[("pieces", term.get_id())] = (Pieces(b.get_id(), (term.get_id(),)), term, b)
        return term

    def do_add(self, a: Term, b: Term, dtype: DType) -> Term:
        first, second = _pieces(a), _pieces(b)
        if first is None or second is None or (NONE not in (first, second) and first.anchor != second.anchor):
            return super().do_add(a, b, dtype)
        if NONE in (first, second):
            return b if first == NONE else a
        return _sum(Pieces(first.anchor, tuple(sorted(first.ids + second.ids))), a)

    def do_equal(self, a: Term, b: Term, dtype: DType) -> z3.BoolRef:
        return super().do_equal(*ordered(a, b), dtype)

    def in_any_order(self, operation: str, terms: list[Term]) -> bool:
        known = _pieces if operation == "add" else _magnitudes
        return operation in ("add", "maximum") and all(known(term) is not None for term in terms)

    # Maxima.

    def do_absolute(self, a: Term, dtype: DType) -> Term:
        """Of the narrow number before it is widened."""
        narrow = widened_from(a)
        return super().do_absolute(a, dtype) if narrow is None else self.cast(z3.fpAbs(narrow[0]), narrow[1], dtype)

    def cast(self, term: Term, source: DType, target: DType) -> Term:
        several = _magnitudes(term)
        wide = super().cast(term, source, target)
        if several is None or z3.is_app_of(term, z3.Z3_OP_FPA_ABS) or widened_from(wide) is None:
            return wide
        return _largest(
            {part.get_id(): part for part in (Commuted.cast(self, each, source, target) for each in several.values())}
        )

    def do_maximum(self, a: Term, b: Term, dtype: DType) -> Term:
        first, second = _magnitudes(a), _magnitudes(b)
        if first is None or second is None:
            raise Unsupported("np.maximum of anything but magnitudes is outside of what is gathered")
        return _largest({**first, **second})

    def where(self, condition: z3.BoolRef, left: Term, right: Term) -> Term:
        if z3.is_fp(left):
            first, second = _magnitudes(left), _magnitudes(right)
            if first is not None and second is not None and _is_larger(condition, left, right):
                return _largest({**first, **second})
        return super().where(condition, left, right)


def _is_number(term: Term) -> bool:
    return z3.is_fp_value(term) and not term.isNaN() and not term.isInf()


def _is_zero(term: Term) -> bool:
    """Whether a term is +0, as it stands."""
    return z3.is_fp_value(term) and term.isZero() and not term.isNegative()


def _pieces(term: Term) -> Pieces | None:
    """The pieces that a term is the sum of; none for +0."""
    if _is_zero(term):
        return NONE
    found = current().memory.get(("pieces", term.get_id()))
    return None if found is None else found[0]


def _sum(pieces: Pieces, like: Term) -> Term:
    memory = current().memory
    if ("sum", pieces) not in memory:
        term = z3.Const(current().fresh("sum"), like.sort())
        memory[("sum", pieces)] = (term,)
        memory[("pieces", term.get_id())] = (pieces, term)
    term = memory[("sum", pieces)][0]
    current().assumed.add(EXACT)
    return term


def _magnitudes(term: Term) -> dict[int, Term] | None:
    """The magnitudes, by their ids, that a term is the largest of; none for +0."""
    if _is_zero(term):
        return {}
    if z3.is_app_of(term, z3.Z3_OP_FPA_ABS):
        return {term.get_id(): term}
    narrow = widened_from(term)
    if narrow is not None and z3.is_app_of(narrow[0], z3.Z3_OP_FPA_ABS):
        return {term.get_id(): term}
    found: dict[int, Term] | None = current().memory.get(("magnitudes", term.get_id()))
    return found


def _largest(several: dict[int, Term]) -> Term:
    if len(several) == 1:
        return next(iter(several.values()))
    memory, key = current().memory, ("largest", frozenset(several))
    if key not in memory:
        like = next(iter(several.values()))
        term = z3.Const(current().fresh("largest"), like.sort())
        memory[key] = (term, several)
        memory[("magnitudes", term.get_id())] = several
    return memory[key][0]


def definitions(path: SymbolicPath) -> Iterator[z3.BoolRef]:
    """What the variables for sums and maxima are that stand in the facts of a path: for its witness, no proof needs it."""
    used = set().union(*map(variables, path.facts))
    for key, known in list(path.memory.items()):
        if key[0] == "sum" and known[0].get_id() in used:
            parts = [path.memory[("pieces", each)][1] for each in key[1].ids]
            yield known[0] == _tree(lambda a, b: z3.fpAdd(NEAREST, a, b), parts)
        if key[0] == "largest" and known[0].get_id() in used:
            yield known[0] == _tree(larger, list(known[1].values()))


def _tree(operation: Callable[[Term, Term], Term], terms: list[Term]) -> Term:
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=False)
        terms = [*(operation(a, b) for a, b in pairs), *terms[len(terms) // 2 * 2 :]]
    return terms[0]


def larger(a: Term, b: Term) -> Term:
    """The larger of two numbers; NaN, if one is."""
    return z3.If(z3.Or(z3.fpGT(a, b), z3.fpIsNaN(a)), a, b)


def _is_larger(condition: z3.BoolRef, left: Term, right: Term) -> bool:
    """Whether a select gives the larger of two magnitudes, whatever they are."""
    names = [z3.FP(name, left.sort()) for name in ("x", "y")]
    pairs = [(term, name) for term, name in zip((left, right), names, strict=True) if not _is_zero(term)]
    forms = _FORMS.setdefault((left.sort().sbits(), _is_zero(left), _is_zero(right)), [])
    known = next((form for form in forms if _is_form(form, condition, pairs)), None)
    if known is None:
        known = _form_of(condition, left, right, pairs)
        if known is None:
            return False
        forms.append(known)
    path = current()
    if (LARGER, known.statement.get_id()) not in path.memory:
        path.memory[(LARGER, known.statement.get_id())] = True
        path.owe(LARGER, known.statement)
    return True


def _is_form(form: Form, condition: z3.BoolRef, pairs: Sequence[tuple[Term, Term]]) -> bool:
    """Whether a condition says of these terms what the form says of any."""
    return z3.eq(z3.substitute(form.condition, *((name, term) for term, name in pairs)), condition)


def _form_of(condition: z3.BoolRef, left: Term, right: Term, pairs: Sequence[tuple[Term, Term]]) -> Form | None:
    """The form of a condition, if a solver shows at once that it chooses the larger."""
    general, first, second = (z3.substitute(term, *pairs) for term in (condition, left, right))
    if not variables(general) <= {name.get_id() for _, name in pairs}:
        return None
    magnitudes = [(name, z3.fpAbs(name)) for _, name in pairs]
    chosen = z3.substitute(z3.If(general, first, second), *magnitudes)
    statement = chosen == z3.substitute(larger(first, second), *magnitudes)
    solver = z3.Solver()
    solver.set("rlimit", QUICK)
    solver.add(z3.Not(statement))
    return Form(general, statement) if solver.check() == z3.unsat else None


def laws(dtype: Any) -> Iterator[Obligation]:
    """The laws by which the largest of magnitudes is that of a set, for numbers of a dtype and for float64."""
    for kind in dict.fromkeys((np.dtype(dtype), FLOAT64)):
        sort = format_of(kind).sort
        zero = z3.fpPlusZero(sort)
        x, y, z = (z3.fpAbs(z3.FP(name, sort)) for name in "xyz")
        with on(SymbolicPath()):
            of_numpy = IEEE().do_maximum(x, y, kind)
        for name, law in {
            "in either order": larger(x, y) == larger(y, x),
            "in any grouping": larger(larger(x, y), z) == larger(x, larger(y, z)),
            "as often as it stands": larger(x, x) == x,
            "zero adds nothing": z3.And(larger(zero, x) == x, larger(x, zero) == x),
            "np.maximum": of_numpy == larger(x, y),
        }.items():
            yield lemma(f"{kind}: {name}", [], law, "bitwuzla")
    yield from _widening(np.dtype(dtype))


def _widening(dtype: DType) -> Iterator[Obligation]:
    """What casts to wider formats leave as it is."""
    narrow = format_of(dtype).sort
    x, y = (z3.fpAbs(z3.FP(name, narrow)) for name in "xy")
    number = z3.FP("x", narrow)
    for target in (each for each in (FLOAT32, FLOAT64) if each.itemsize > dtype.itemsize):
        wide = functools.partial(IEEE().cast, source=dtype, target=target)
        yield lemma(f"{target} keeps the larger", [], wide(larger(x, y)) == larger(wide(x), wide(y)), "bitwuzla")
        yield lemma(f"{target} keeps magnitudes", [], z3.fpAbs(wide(number)) == wide(z3.fpAbs(number)), "bitwuzla")
