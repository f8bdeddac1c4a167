"""Proofs that the reference is right, and the machinery that finds and checks them."""
