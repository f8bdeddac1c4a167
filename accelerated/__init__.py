"""The reference's functions as CUDA kernels: the same names and signatures, tested and proven equal to it."""
