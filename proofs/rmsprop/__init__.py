"""Proofs for `reference.rmsprop`: its pieces bit by bit, its mathematics in real numbers."""

from proofs.rmsprop import laws, pieces, refuted

__all__ = ["laws", "pieces", "refuted"]
