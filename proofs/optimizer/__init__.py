"""Proofs for `reference.optimizer`: master copies, lists and groups of parameters, resuming."""

from proofs.optimizer import lists, master

__all__ = ["lists", "master"]
