"""Proofs for `reference.schedules`: weights and rules bit by bit, recursions in real numbers, places of integers."""

from proofs.schedules import places, reals, rules, tables, weights

__all__ = ["places", "reals", "rules", "tables", "weights"]
