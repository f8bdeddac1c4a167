"""The speed of the kernels on the processor, beside the NumPy reference and, where it is installed, torch.

Run from the repository: ``python -m benchmarks.accelerated``. Every figure is the best of several runs in this one process, all
taking turns; ratios are to the reference. Effective bytes are those of the arrays that a step reads and writes, beside a copy of
an array of the same size by NumPy.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from accelerated import adam, clipped_adam, clipping, host, sgd
from benchmarks.adam import best_of
from reference import adam as reference
from reference import clipping as clipping_reference
from reference import sgd as sgd_reference
from reference.contracts import level

SIZE = 4_000_000
ROUNDS = 15
MIXED = 400  # tensors of mixed sizes


def torch_steps(param: Any, grad: Any) -> dict[str, Callable[[], Any]]:
    """torch's fused AdamW, in place, if there is torch."""
    if importlib.util.find_spec("torch") is None:
        return {}
    import torch

    tensor = torch.nn.Parameter(torch.tensor(param))
    tensor.grad = torch.tensor(grad)
    return {"torch, fused, in place": torch.optim.AdamW([tensor], fused=True).step}


def report(title: str, found: dict[str, float], size: int, words: dict[str, int]) -> None:
    """One line a measurement; ``words`` are the numbers of 4 bytes that are moved for each element."""
    print(title)
    first = next(iter(found.values()))
    for name, milliseconds in found.items():
        moved = f"{4 * words[name] * size / milliseconds / 1e6:7.1f} GB/s" if name in words else ""
        print(f"  {name:<26} {milliseconds:8.2f} ms {first / milliseconds:6.2f} x {moved}")


def adamw(rng: np.random.Generator) -> None:
    """One parameter of 4 M float32."""
    param, grad = (rng.standard_normal(SIZE).astype(np.float32) for _ in range(2))
    state = reference.adam_state(param)
    own, own_state = param.copy(), adam.adam_state(param)

    def alone() -> Any:
        with host.running(workers=1):
            return adam.adamw_step(param, grad, state)

    calls = {
        "reference": lambda: reference.adamw_step(param, grad, state),
        "kernel": lambda: adam.adamw_step(param, grad, state),
        "kernel, one core": alone,
        "kernel, in place": lambda: adam.adamw_step_(own, grad, own_state),
        **torch_steps(param, grad),
        "copy": param.copy,
    }
    words = dict.fromkeys(calls, 7) | {"copy": 2}
    report(f"AdamW, {SIZE} float32 parameters", best_of(calls, ROUNDS), SIZE, words)


def torch_clipped(param: Any, grad: Any) -> dict[str, Callable[[], Any]]:
    """torch's clipping and fused AdamW, in place, if there is torch; the bound is far off, so that it multiplies by 1."""
    if importlib.util.find_spec("torch") is None:
        return {}
    import torch

    tensor = torch.nn.Parameter(torch.tensor(param))
    optimizer = torch.optim.AdamW([tensor], fused=True)

    def step() -> None:
        tensor.grad = torch.from_numpy(grad)  # clipping writes into it what it was
        torch.nn.utils.clip_grad_norm_([tensor], 1e9)
        optimizer.step()

    return {"torch, fused, in place": step}


def clipped(rng: np.random.Generator) -> None:
    """Clipping and AdamW: two calls of the reference, kernels one after the other, and one launch for both."""
    param, grad = (rng.standard_normal(SIZE).astype(np.float32) for _ in range(2))
    state = reference.adam_state(param)
    own, own_state = param.copy(), adam.adam_state(param)

    def by_reference() -> Any:
        return reference.adamw_step(param, clipping_reference.clip_by_global_norm([grad], 1.0).grads[0], state)

    def one_after_the_other() -> Any:
        return adam.adamw_step(param, clipping.clip_by_global_norm([grad], 1.0).grads[0], state)

    calls = {
        "reference": by_reference,
        "kernels, one by one": one_after_the_other,
        "kernel, fused, in place": lambda: clipped_adam.clipped_adamw_steps_([own], [grad], [own_state], max_norm=1.0),
        "norm alone": lambda: clipping.global_norm([grad]),
        **torch_clipped(param, grad),
    }
    report(f"clipping and AdamW, {SIZE} float32 parameters", best_of(calls, ROUNDS), SIZE, {})


def momentum(rng: np.random.Generator) -> None:
    """SGD with momentum on the same."""
    param, grad, buffer = (rng.standard_normal(SIZE).astype(np.float32) for _ in range(3))
    state = sgd.SGDState(1, buffer)
    calls = {
        "reference": lambda: sgd_reference.sgd_step(param, grad, state, momentum=0.9),
        "kernel": lambda: sgd.sgd_step(param, grad, state, momentum=0.9),
    }
    report(f"SGD with momentum, {SIZE} float32 parameters", best_of(calls, ROUNDS), SIZE, dict.fromkeys(calls, 5))


def narrow(rng: np.random.Generator) -> None:
    """float16 parameters with their float32 master copies, preconditions not checked: they read all of both."""
    param, grad = (rng.standard_normal(SIZE).astype(np.float16) for _ in range(2))
    state = reference.adam_state(param)
    calls = {
        "reference": lambda: reference.adamw_step(param, grad, state),
        "kernel": lambda: adam.adamw_step(param, grad, state),
    }
    with level("none"):
        report(f"AdamW, {SIZE} float16 parameters", best_of(calls, ROUNDS), SIZE, dict.fromkeys(calls, 7))


def many(rng: np.random.Generator) -> None:
    """400 tensors of mixed sizes: one launch against one call a tensor."""
    sizes = np.exp(rng.uniform(np.log(8), np.log(100_000), MIXED)).astype(int)
    params, grads = ([rng.standard_normal(size).astype(np.float32) for size in sizes] for _ in range(2))
    states = [reference.adam_state(param) for param in params]
    members = list(zip(params, grads, states, strict=True))
    calls = {
        "reference, one by one": lambda: [reference.adamw_step(*member) for member in members],
        "kernel, one by one": lambda: [adam.adamw_step(*member) for member in members],
        "kernel, one launch": lambda: adam.adamw_steps(params, grads, states),
    }
    title = f"AdamW, {MIXED} tensors of 8 to 100,000 float32 parameters, {sum(sizes)} in all"
    report(title, best_of(calls, ROUNDS), int(sum(sizes)), dict.fromkeys(calls, 7))


def main() -> None:
    """Print the figures of this machine."""
    rng = np.random.default_rng(0)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"kernels on {cores} cores; best of {ROUNDS}")
    for measure in (adamw, clipped, momentum, narrow, many):
        measure(rng)


if __name__ == "__main__":
    main()
