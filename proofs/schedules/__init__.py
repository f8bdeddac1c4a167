"""Proofs for `reference.schedules`: weights and rules bit by bit, recursions in real numbers, places of integers."""

from proofs.schedules import rules, weights

__all__ = ["rules", "weights"]
