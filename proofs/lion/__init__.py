"""Proofs for `reference.lion`: its pieces bit by bit, its mathematics in real numbers."""

from proofs.lion import laws, pieces, refuted

__all__ = ["laws", "pieces", "refuted"]
