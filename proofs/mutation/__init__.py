"""Mutants of the reference: small changes to its code that the claims of a row must notice."""
