"""Every claim of every row: importing this module registers them all."""

import importlib

from proofs.prover.claims import CLAIMS

CLAIMS.load()
importlib.import_module("proofs.crosshair.claims")

__all__ = ["CLAIMS"]
