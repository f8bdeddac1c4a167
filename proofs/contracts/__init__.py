"""Contracts as data: what is demanded of the code, what answers each demand, and what is still open."""
