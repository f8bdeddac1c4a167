"""Proofs for `reference.reductions`: the pieces bit by bit, the sums in the rounding model and for any number of terms."""

from proofs.reductions import any_size, one_by_one, order, pieces, squares, sums
from proofs.reductions.lists import each_list, example, label, real, reals

__all__ = [
    "any_size",
    "each_list",
    "example",
    "label",
    "one_by_one",
    "order",
    "pieces",
    "real",
    "reals",
    "squares",
    "sums",
]
