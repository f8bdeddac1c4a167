"""Proofs for `reference.reductions`: the pieces bit by bit, the sums in the rounding model and for any number of terms."""

from proofs.reductions import (
    any_size,
    folded,
    one_by_one,
    one_square,
    order,
    pieces,
    small_integers,
    squares,
    sums,
    totals,
    tree,
)
from proofs.reductions.lists import each_list, each_vector, example, label, real, reals

__all__ = [
    "any_size",
    "each_list",
    "each_vector",
    "example",
    "folded",
    "label",
    "one_by_one",
    "one_square",
    "order",
    "pieces",
    "real",
    "reals",
    "small_integers",
    "squares",
    "sums",
    "totals",
    "tree",
]
