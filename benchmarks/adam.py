"""The cost of a step of AdamW, pure and in place, beside plain NumPy on whole arrays and, where it is installed, torch.

Run from the repository: ``python -m benchmarks.adam``. All take turns in this one process. The first table is about blocks and
torch's versions, each the best of several runs, with ratios to the first line; where the old arrays are kept, torch does too.
The second compares with torch's for-loop, which writes in place, on equally many threads: least and median of the times, and of
all rounds the median ratio, so that what else the machine does counts for both; on one thread of the processor's time, too.
"""

from __future__ import annotations

import importlib.util
import random
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from reference import elementwise
from reference.adam import adam_state, adamw_step
from reference.in_place import adamw_step_

SIZE = 4_000_000
ROUNDS = 15
PAIRS = 60  # rounds of the comparison with torch's for-loop


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


class Times(NamedTuple):
    """What a call took in each round, in milliseconds: on the clock, and of the processors."""

    clock: list[float]
    processors: list[float]


def times_of(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, Times]:
    """What each call took in each round, all taking turns in any order: a call finds in the cache what the last one left."""
    found = {name: Times([], []) for name in calls}
    for _ in range(rounds):
        for name, call in random.sample([*calls.items()], len(calls)):
            clock, processors = time.perf_counter(), time.process_time()
            call()
            found[name].processors.append((time.process_time() - processors) * 1e3)
            found[name].clock.append((time.perf_counter() - clock) * 1e3)
    return found


def beside_the_for_loop(param: Any, grad: Any) -> None:
    """Compare the pure step and the step in place with torch's for-loop, on one thread and on several."""
    import torch

    before = elementwise.THREADS, torch.get_num_threads()
    for threads in sorted({1, *before}):
        elementwise.THREADS = threads
        torch.set_num_threads(threads)
        tensor = torch.nn.Parameter(torch.tensor(param))
        tensor.grad = torch.tensor(grad)
        optimizer = torch.optim.AdamW([tensor], foreach=False, fused=False)
        own, state = param.copy(), adam_state(param)
        kept = [adamw_step(param, grad, state)]

        def pure(kept: list[Any] = kept) -> None:
            kept[0] = adamw_step(kept[0].param, grad, kept[0].state)

        steps = {
            "torch, for-loop": optimizer.step,
            "adamw_step_, in place": lambda own=own, state=state: adamw_step_(own, grad, state),
            "adamw_step, pure": pure,
        }
        for step in steps.values():
            step()
        found = times_of(steps, PAIRS)
        torchs = found["torch, for-loop"]
        print(
            f"beside torch's for-loop, {threads} thread{'s' * (threads > 1)}, {PAIRS} rounds: least ms, median ms, median ratio"
        )
        for name, each in found.items():
            ratio = median(a / b for a, b in zip(each.clock, torchs.clock, strict=True))
            line = f"  {name:<38} {min(each.clock):8.2f} {median(each.clock):8.2f}  {ratio:5.2f}"
            if threads == 1:
                of_processor = median(a / b for a, b in zip(each.processors, torchs.processors, strict=True))
                line += f"   of the processor {min(each.processors):8.2f} {median(each.processors):8.2f}  {of_processor:5.2f}"
            print(line)
    elementwise.THREADS = before[0]
    torch.set_num_threads(before[1])


def main() -> None:
    """Print one line a measurement."""
    rng = np.random.default_rng(0)
    param, grad = (rng.standard_normal(SIZE).astype(np.float32) for _ in range(2))
    state = adam_state(param)

    def step() -> Any:
        return adamw_step(param, grad, state)

    blocks = {f"blocks of 2**{k}": with_block(1 << k, step) for k in (14, 15, 17, 18)}
    own, own_state = param.copy(), adam_state(param)
    written = {"adamw_step_, in place": lambda: adamw_step_(own, grad, own_state)}
    calls = {"adamw_step": step, **written, "no blocks": with_block(SIZE, step), **blocks, **torch_steps(param, grad)}
    found = best_of(calls)
    print(f"AdamW, {SIZE} float32 parameters, best of {ROUNDS}, ms")
    for name, milliseconds in found.items():
        print(f"  {name:<38} {milliseconds:8.2f}  {milliseconds / found['adamw_step']:5.2f}")

    if importlib.util.find_spec("torch") is not None:
        beside_the_for_loop(param, grad)

    small = param[:1000]
    few, few_state = grad[:1000], adam_state(small)
    print("1000 parameters, best of 200, ms")
    print(f"  {'adamw_step':<38} {best_of({'': lambda: adamw_step(small, few, few_state)}, 200)['']:8.3f}")


if __name__ == "__main__":
    main()
