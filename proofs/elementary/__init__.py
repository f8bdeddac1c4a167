"""Proofs for `reference.elementary`: every float16 and bfloat16 correctly rounded, float32 measured, and the constants."""

from proofs.elementary import exhaustive, powers, ranges

__all__ = ["exhaustive", "powers", "ranges"]
