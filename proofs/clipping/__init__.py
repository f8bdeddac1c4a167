"""Proofs for `reference.clipping`: the elementwise pieces bit by bit, the norms in the rounding model."""

from proofs.clipping import norms, pieces

__all__ = ["norms", "pieces"]
