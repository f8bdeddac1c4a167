"""Proofs for `reference.adam`."""

from proofs.adam import corrections, decay, first_step, forms, laws, pieces

__all__ = ["corrections", "decay", "first_step", "forms", "laws", "pieces"]
