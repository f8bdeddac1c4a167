"""The cost of the elementary functions beside NumPy's, in nanoseconds an element.

Run from the repository: ``python -m benchmarks.elementary``. Every figure is the best of several runs in this one process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.norm import best_ms
from reference import elementary

SIZE = 1 << 20
NAMES = ("exp", "expm1", "tanh", "log", "log1p", "erf", "sin", "cos")


def each_ns(function: Callable[..., Any], *arguments: Any) -> float:
    """Nanoseconds an element."""
    return best_ms(lambda: function(*arguments), runs=5) * 1e6 / arguments[0].size


def main() -> None:
    """Print one line a function, and two for large arguments."""
    x = np.random.default_rng(0).uniform(0.1, 8, SIZE)
    print(f"{SIZE} elements between 0.1 and 8, ns an element")
    for dtype in (np.float32, np.float64):
        for name in NAMES:
            line(name, np.dtype(dtype), x.astype(dtype))
        few = x[: 1 << 14].astype(dtype)
        line("pow", np.dtype(dtype), few, few)
        line("sin", np.dtype(dtype), x.astype(dtype) * dtype(1e8), note="of 1e7 to 8e8")


def line(name: str, dtype: Any, *arguments: Any, note: str = "") -> None:
    """One measurement, and NumPy's where it has the function."""
    numpy_function = getattr(np, {"pow": "power"}.get(name, name), None)
    ours = each_ns(getattr(elementary, name), *arguments)
    if numpy_function is None:
        print(f"  {name:6} {dtype!s:8} {ours:8.1f}")
        return
    theirs = each_ns(numpy_function, *arguments)
    print(f"  {name:6} {dtype!s:8} {ours:8.1f}  NumPy {theirs:6.1f}  {ours / theirs:5.1f} times {note}")


if __name__ == "__main__":
    main()
