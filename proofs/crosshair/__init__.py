"""Proofs by CrossHair: contracts of the reference run on its symbolic integers and floats, every path of them."""
