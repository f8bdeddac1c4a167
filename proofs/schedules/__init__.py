"""Proofs for `reference.schedules`: weights and rules bit by bit, recursions in real numbers, places of integers."""

from proofs.schedules import courses, places, reals, refuted, rules, tables, weights

__all__ = ["courses", "places", "reals", "refuted", "rules", "tables", "weights"]
