"""Inputs for the functions of `reference.optimizer`; what steps make of its pieces is judged by the rows that use it."""

from __future__ import annotations

from proofs.mutation.samples.numbers import Generator
from proofs.mutation.samples.steps import first_params

SAMPLES: dict[str, Generator] = {"master_copy": first_params}
BEYOND: dict[str, Generator] = {}
