"""Every claim of every row: importing this module registers them all."""

import importlib

from proofs.prover.claims import CLAIMS

CLAIMS.load()
importlib.import_module("proofs.crosshair.claims")
importlib.import_module("proofs.cuda.claims")
importlib.import_module("proofs.cuda.clipped_adam")

__all__ = ["CLAIMS"]
