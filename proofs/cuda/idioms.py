"""Casts that kernels write as integer arithmetic, found again: a float stays a term, and no solver sees its bits.

Whether bits are what a cast gives is a lemma over all bits, not about this float: a solver shows it at once, or the bits are left
as they are; and it becomes a duty of the path, to be proven for the record.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import z3

from proofs.symbolic.formats import BFLOAT16, format_of
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.paths import current
from proofs.symbolic.terms import variables
from proofs.symbolic.theory import DType, Term

FLOAT32 = np.dtype(np.float32)
WIDENING = "the bits of a bfloat16 before 16 zeros are the same number in float32"
ROUNDING = "what integers make of the bits of a float32 is the number rounded to bfloat16"
ANY = z3.BitVec("any_bits", 32)
QUICK = 20_000_000  # z3 resource units: a few seconds
_SHOWN: dict[str, bool] = {}


def widened(bits: z3.BitVecRef, dtype: DType) -> Term | None:
    """The cast that 16 bits of a bfloat16 before 16 zeros are."""
    upper = z3.simplify(z3.Extract(31, 16, bits))
    origin = current().memory.get(("float of bits", upper.get_id()))
    zeros = z3.BitVecVal(0, 16)
    if origin is None or origin.dtype != BFLOAT16 or dtype != FLOAT32:
        return None
    if not z3.eq(z3.simplify(z3.Concat(upper, zeros)), bits):
        return None
    any_bits = z3.Extract(31, 16, ANY)
    wide = z3.fpBVToFP(z3.Concat(any_bits, zeros), format_of(FLOAT32).sort)
    narrow = z3.fpBVToFP(any_bits, format_of(BFLOAT16).sort)
    return origin_cast(origin, dtype, WIDENING, wide == IEEE().cast(narrow, BFLOAT16, FLOAT32))


def rounded(bits: z3.BitVecRef, dtype: DType) -> Term | None:
    """The cast that these bits are, all of them computed from one float32."""
    memory = current().memory
    origins = [memory.get(("float of bits", each)) for each in variables(bits)]
    found = [origin for origin in origins if origin is not None and origin.dtype == FLOAT32]
    if len(found) != 1:
        return None
    origin = found[0]
    own = memory[("bits in a kernel", origin.term.get_id())][0]
    number = z3.fpBVToFP(ANY, format_of(FLOAT32).sort)
    pairs = [(own, ANY), (origin.term, number), (z3.simplify(origin.term), number)]
    general = z3.substitute(bits, *pairs)
    if variables(general) != {ANY.get_id()}:
        return None
    lemma = z3.fpBVToFP(general, format_of(dtype).sort) == IEEE().cast(number, FLOAT32, dtype)
    return origin_cast(origin, dtype, ROUNDING, lemma)


def origin_cast(origin: Any, dtype: DType, name: str, lemma: z3.BoolRef) -> Term | None:
    """The cast of a number, if the lemma by which it is one can be shown; then it is a duty, once on a path."""
    key = lemma.sexpr()
    if key not in _SHOWN:
        solver = z3.Solver()
        solver.set("rlimit", QUICK)
        solver.add(z3.Not(lemma))
        _SHOWN[key] = solver.check() == z3.unsat
    if not _SHOWN[key]:
        return None
    path = current()
    if (name, key) not in path.memory:
        path.memory[(name, key)] = True
        path.owe(name, lemma)
    return IEEE().cast(origin.term, origin.dtype, dtype)
