"""Proofs about kernels: an interpreter of PTX on symbolic floats, and claims about what NVRTC makes of the shipped sources."""
