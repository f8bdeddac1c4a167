"""The cost of a step of AdamW, beside plain NumPy on whole arrays and, where it is installed, torch.

Run from the repository: ``python -m benchmarks.adam``. Every figure is the best of several runs in this one process, all taking
turns; ratios are to the first line. torch writes into its arrays, the others make new ones; where the old are kept, torch does
too.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from reference import elementwise
from reference.adam import adam_state, adamw_step

SIZE = 4_000_000
ROUNDS = 15


def best_of(calls: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """The shortest run of each, in milliseconds, all taking turns."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], (time.perf_counter() - start) * 1e3)
    return best


def with_block(size: int, call: Callable[[], Any]) -> Callable[[], Any]:
    """The call with blocks of another size."""

    def run() -> None:
        before, elementwise.BLOCK = elementwise.BLOCK, size
        try:
            call()
        finally:
            elementwise.BLOCK = before

    return run


def torch_steps(param: Any, grad: Any) -> dict[str, Callable[[], Any]]:
    """torch's own versions on one thread and on as many as it takes by itself, if there is torch."""
    if importlib.util.find_spec("torch") is None:
        return {}
    import torch

    def on(threads: int, step: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> None:
            torch.set_num_threads(threads)
            step()

        return run

    def keeping(optimizer: Any) -> Callable[[], Any]:
        def run() -> Any:
            (tensor,) = optimizer.param_groups[0]["params"]
            state = optimizer.state[tensor]
            before = [array.detach().clone() for array in (tensor, state["exp_avg"], state["exp_avg_sq"])]
            optimizer.step()
            return before

        return run

    steps = {}
    for name, options in (("for-loop", {"foreach": False}), ("foreach", {"foreach": True}), ("fused", {"fused": True})):
        for threads in sorted({1, torch.get_num_threads()}):
            tensor = torch.nn.Parameter(torch.tensor(param))
            tensor.grad = torch.tensor(grad)
            optimizer = torch.optim.AdamW([tensor], **options)
            optimizer.step()
            label = f"torch, {name}, {threads} thread{'s' * (threads > 1)}"
            steps[label] = on(threads, optimizer.step)
            if name == "for-loop":
                steps[f"{label}, old kept"] = on(threads, keeping(optimizer))
    return steps


def main() -> None:
    """Print one line a measurement."""
    rng = np.random.default_rng(0)
    param, grad = (rng.standard_normal(SIZE).astype(np.float32) for _ in range(2))
    state = adam_state(param)

    def step() -> Any:
        return adamw_step(param, grad, state)

    blocks = {f"blocks of 2**{k}": with_block(1 << k, step) for k in (14, 15, 17, 18)}
    calls = {"adamw_step": step, "no blocks": with_block(SIZE, step), **blocks, **torch_steps(param, grad)}
    found = best_of(calls)
    print(f"AdamW, {SIZE} float32 parameters, best of {ROUNDS}, ms")
    for name, milliseconds in found.items():
        print(f"  {name:<38} {milliseconds:8.2f}  {milliseconds / found['adamw_step']:5.2f}")

    small = param[:1000]
    few, few_state = grad[:1000], adam_state(small)
    print("1000 parameters, best of 200, ms")
    print(f"  {'adamw_step':<38} {best_of({'': lambda: adamw_step(small, few, few_state)}, 200)['']:8.3f}")


if __name__ == "__main__":
    main()
