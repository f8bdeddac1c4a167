"""Proofs for `reference.adam`."""

from proofs.adam import (
    corrections,
    decay,
    exhaustive,
    first_step,
    forms,
    later_steps,
    laws,
    pieces,
    quadratic,
    ranges,
    refuted,
)

__all__ = [
    "corrections",
    "decay",
    "exhaustive",
    "first_step",
    "forms",
    "later_steps",
    "laws",
    "pieces",
    "quadratic",
    "ranges",
    "refuted",
]
