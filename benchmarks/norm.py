"""The cost of the order-independent norm, of clipping, and of each contract level.

Run from the repository: ``python -m benchmarks.norm``. Every figure is the best of several runs in this one process;
the ratio compares with ``np.sum(np.square(x, dtype=np.float64))`` on the same 4 M float32 elements.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from reference import contracts
from reference.clipping import clip_by_global_norm, clip_by_value, global_norm

LARGE = 1 << 22
SMALL = 16


def best_ms(function: Callable[[], Any], runs: int = 7) -> float:
    """The shortest of several runs, in milliseconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def main() -> None:
    """Print one line a measurement."""
    rng = np.random.default_rng(0)
    large = [rng.standard_normal(LARGE).astype(np.float32)]
    small = [rng.standard_normal(SMALL).astype(np.float32)]

    plain = best_ms(lambda: np.sum(np.square(large[0], dtype=np.float64)))
    print(f"{LARGE} float32 elements, best of 7, ms")
    print(f"  np.sum(np.square(x, dtype=float64))     {plain:8.2f}")
    for level in ("none", "preconditions"):
        with contracts.level(level):
            norm = best_ms(lambda: global_norm(large))
            print(f"  global_norm, contracts {level:<15}  {norm:8.2f}  {norm / plain:5.2f} times np.sum")
    for name, call in (
        ("clip_by_global_norm, within", lambda: clip_by_global_norm(large, 1e6)),
        ("clip_by_global_norm, clipped", lambda: clip_by_global_norm(large, 1.0)),
        ("clip_by_value", lambda: clip_by_value(large, 1.0)),
    ):
        print(f"  {name:<38}  {best_ms(call):8.2f}")

    print(f"{SMALL} float32 elements, clip_by_global_norm, best of 200, ms")
    for level in ("none", "preconditions", "all"):
        with contracts.level(level):
            cost = best_ms(lambda: clip_by_global_norm(small, 1.0), runs=200)
            print(f"  contracts {level:<15}                {cost:8.3f}")

    medium = [large[0][: 1 << 16]]
    print(f"{1 << 16} float32 elements, clip_by_global_norm, best of 2, ms")
    for level in ("none", "preconditions", "all"):
        with contracts.level(level):
            cost = best_ms(lambda: clip_by_global_norm(medium, 1.0), runs=2)
            print(f"  contracts {level:<15}                {cost:8.1f}")


if __name__ == "__main__":
    main()
