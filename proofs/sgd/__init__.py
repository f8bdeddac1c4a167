"""Proofs for `reference.sgd`: its pieces and laws bit by bit, its mathematics in real numbers."""

from proofs.sgd import laws, pieces

__all__ = ["laws", "pieces"]
