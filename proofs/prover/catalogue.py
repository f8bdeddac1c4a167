"""Every claim of every row: importing this module registers them all."""

from proofs.prover.claims import CLAIMS

CLAIMS.load()

__all__ = ["CLAIMS"]
