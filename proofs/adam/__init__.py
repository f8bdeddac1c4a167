"""Proofs for `reference.adam`."""

from proofs.adam import corrections, pieces

__all__ = ["corrections", "pieces"]
