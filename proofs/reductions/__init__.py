"""Proofs for `reference.reductions`: the pieces bit by bit, the sums in the rounding model."""

from proofs.reductions import pieces, squares, sums
from proofs.reductions.lists import each_list, example, label, real, reals

__all__ = ["each_list", "example", "label", "pieces", "real", "reals", "squares", "sums"]
