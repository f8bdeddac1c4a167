"""Proofgrad's public face: the reference's functions under one name."""

from reference.clipping import Clipped, clip_by_global_norm, clip_by_value, global_norm

__version__ = "0.1.0"
__all__ = ["Clipped", "clip_by_global_norm", "clip_by_value", "global_norm"]
