"""Proofs for `reference.adam`."""

from proofs.adam import corrections, decay, first_step, forms, later_steps, laws, pieces, quadratic

__all__ = ["corrections", "decay", "first_step", "forms", "later_steps", "laws", "pieces", "quadratic"]
