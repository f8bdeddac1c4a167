"""Proofs for `reference.clipping`: the elementwise pieces bit by bit, the norms in the rounding model."""

from proofs.clipping import (
    any_size,
    exhaustive,
    global_norms,
    linear_norms,
    norms,
    order,
    pieces,
    power_sums,
    refuted,
    values,
)

__all__ = [
    "any_size",
    "exhaustive",
    "global_norms",
    "linear_norms",
    "norms",
    "order",
    "pieces",
    "power_sums",
    "refuted",
    "values",
]
