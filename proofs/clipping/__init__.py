"""Proofs for `reference.clipping`: the elementwise pieces bit by bit, the norms in the rounding model."""

from proofs.clipping import any_size, exhaustive, norms, order, pieces, refuted, values

__all__ = ["any_size", "exhaustive", "norms", "order", "pieces", "refuted", "values"]
