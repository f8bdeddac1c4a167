"""NumPy on symbolic numbers: the shipped functions, read as formulas."""
