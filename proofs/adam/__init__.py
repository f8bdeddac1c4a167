"""Proofs for `reference.adam`."""

from proofs.adam import (
    corrections,
    decay,
    exhaustive,
    first_step,
    first_step_rounded,
    forms,
    later_steps,
    laws,
    means,
    pieces,
    quadratic,
    ranges,
    refuted,
    whole,
)

__all__ = [
    "corrections",
    "decay",
    "exhaustive",
    "first_step",
    "first_step_rounded",
    "forms",
    "later_steps",
    "laws",
    "means",
    "pieces",
    "quadratic",
    "ranges",
    "refuted",
    "whole",
]
