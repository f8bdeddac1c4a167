"""What is right, in pure NumPy: the functions that Proofgrad proves and holds its CUDA kernels to, bit for bit."""
