"""Mutants of the kernels: small changes to CUDA C++, each of which must change a bit, be watched or make a claim fall."""
