"""Proofs for `reference.rmsprop`: its pieces bit by bit, its mathematics in real numbers."""

from proofs.rmsprop import laws, pieces, refuted, whole

__all__ = ["laws", "pieces", "refuted", "whole"]
