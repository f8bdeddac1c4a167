"""Proofs for `reference.lion`: its pieces bit by bit, its mathematics in real numbers."""

from proofs.lion import laws, pieces, refuted, whole

__all__ = ["laws", "pieces", "refuted", "whole"]
