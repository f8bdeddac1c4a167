"""Proofs for `reference.elementary`: correct rounding of every float16 and bfloat16, accuracy in float32, and the constants."""

from proofs.elementary import exhaustive

__all__ = ["exhaustive"]
