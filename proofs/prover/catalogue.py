"""Every claim of every row: importing this module registers them all."""

import importlib

from proofs.prover.claims import CLAIMS

CLAIMS.load()
importlib.import_module("proofs.crosshair.claims")
importlib.import_module("proofs.cuda.claims")
importlib.import_module("proofs.cuda.clipped_adam")
importlib.import_module("proofs.cuda.norms")
importlib.import_module("proofs.cuda.decision")
importlib.import_module("proofs.cuda.kept")

__all__ = ["CLAIMS"]
