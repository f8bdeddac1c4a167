"""The prover: claims, solvers, verdicts, and a run that brings them together."""
