"""The audit report: what is proven, how strongly, and what is assumed."""
