"""What the tests of the optimizers share: gradients of every kind, and runs beside an oracle and beside torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest

STEPS = 200
WORKING = (np.float32, np.float64)
NARROW = (np.float16, ml_dtypes.bfloat16)


def gradients(dtype: Any, count: int = STEPS, size: int = 24, seed: int = 0) -> Iterator[Any]:
    """Gradients whose elements differ by powers of ten and whose signs come and go; some elements are 0 throughout."""
    generator = np.random.default_rng(seed)
    scales = 10.0 ** generator.uniform(-6, 3, size)
    scales[::8] = 0
    for _ in range(count):
        yield (generator.normal(0.25, 1.0, size) * scales).astype(dtype)


def start(dtype: Any, size: int = 24) -> Any:
    """Parameters of several sizes."""
    generator = np.random.default_rng(7)
    return (generator.normal(0, 1, size) * 10.0 ** generator.uniform(-3, 3, size)).astype(dtype)


def run(
    step: Callable[..., Any], state: Any, param: Any, grads: Sequence[Any], **settings: Any
) -> Iterator[tuple[Any, Any]]:
    """Parameter and state after each step."""
    for grad in grads:
        param, state = step(param, grad, state, **settings)
        yield param, state


def torch_steps(name: str, param: Any, grads: Sequence[Any], **settings: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Parameter and state after each step of torch's optimizer of this name, on the processor, one tensor after the other."""
    torch = pytest.importorskip("torch")
    tensor = torch.nn.Parameter(torch.from_numpy(param.copy()))
    optimizer = getattr(torch.optim, name)([tensor], foreach=False, **settings)
    for grad in grads:
        tensor.grad = torch.from_numpy(grad.copy())
        optimizer.step()
        state = optimizer.state[tensor]
        arrays = {key: value.numpy() for key, value in state.items() if isinstance(value, torch.Tensor) and value.ndim}
        yield tensor.detach().numpy().copy(), arrays
