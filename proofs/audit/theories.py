"""Kinds of numbers: what a proof there means, and in which order they say more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from proofs.audit.document import Theory


class Kind(NamedTuple):
    """A kind of numbers; ``strength`` orders them: what is proven of the bits says more than what is proven of reals."""

    meaning: str
    holds_for: str
    solver: str
    strength: int


KINDS = {
    "IEEE": Kind("floats, bit by bit", "exactly these bits, subnormals and signed zeros included", "Bitwuzla", 4),
    "CrossHair": Kind(
        "Python's integers, shapes, types, comparisons of float64",
        "every path of the Python code",
        "Z3, through CrossHair",
        4,
    ),
    "float16": Kind(
        "those of the format, 65,536 in all", "the inputs that the bound names: NumPy ran on each", "none", 4
    ),
    "bfloat16": Kind("the 65,536 values there are", "the inputs that the bound names: NumPy ran on each", "none", 4),
    "integers": Kind("Python's integers", "the inputs that the bound names: Python ran on each", "none", 4),
    "structural": Kind("terms, compared as they stand", "whatever the terms' operations are", "none", 4),
    "Rounded": Kind(
        "reals, each operation with a rounding error within the format's bound, nothing overflowing",
        "every such rounding",
        "Z3",
        3,
    ),
    "Dual": Kind(
        "exact reals and derivatives along lines", "the mathematics of gradients, not their rounding", "Z3", 2
    ),
    "Real": Kind("exact reals and integers", "the mathematics, not its rounding", "Z3", 2),
}


def base(theory: str) -> str:
    """The kind of numbers, without its format: IEEE of IEEE(float32)."""
    return theory.partition("(")[0]


def strength(theory: str) -> int:
    """How much a proof says: more is stronger; 0 for a kind that is not described here."""
    return KINDS[base(theory)].strength if base(theory) in KINDS else 0


def theories(names: Iterable[str]) -> list[Theory]:
    """The kinds that claims use, in the order of the table, each with the number of its claims."""
    counts = Counter(base(name) for name in names)
    undescribed = Kind("not described", "not described", "not described", 0)
    ordered = [name for name in KINDS if name in counts] + sorted(set(counts) - set(KINDS))
    return [
        {
            "name": name,
            "meaning": kind.meaning,
            "holds_for": kind.holds_for,
            "solver": kind.solver,
            "claims": counts[name],
        }
        for name in ordered
        for kind in (KINDS.get(name, undescribed),)
    ]
