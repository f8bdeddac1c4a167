"""Calls that tests make in this process and, under a sanitizer, in another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accelerated import host
from accelerated.sources import Source, read_file

KERNELS = Path(__file__).resolve().parent / "kernels"
ORDERS: tuple[host.Order, ...] = ("ascending", "descending", 0, 1, 2)


def floats(size: int, dtype: Any = np.float32, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


def abilities() -> Source:
    return read_file(KERNELS / "host_abilities.cu")


def faults() -> Source:
    return read_file(KERNELS / "host_faults.cu")


def call(
    source: Source, kernel: str, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any], **how: Any
) -> Sequence[Any]:
    """Run a kernel on the processor; the arguments, arrays written into."""
    host.load(source).get_function(kernel)(grid, block, arguments, **how)
    return arguments


def failing() -> None:
    """Raise an error."""
    raise LookupError("nothing to be found")


def stopped() -> None:
    """End the process without a word."""
    import os

    os._exit(3)
