"""Proofs for `reference.sgd`: its pieces and laws bit by bit, its mathematics in real numbers."""

from proofs.sgd import laws, mathematics, pieces, quadratics, refuted, whole

__all__ = ["laws", "mathematics", "pieces", "quadratics", "refuted", "whole"]
