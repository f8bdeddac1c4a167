"""Nasty inputs for the functions of a row: what a wrong reference is most likely to get wrong.

Each row has a module of its name here. Its ``SAMPLES`` stay within the bounds that the claims state; ``BEYOND`` go past
them: longer arrays, other norms. Both map names of functions to generators of arguments.
"""

from __future__ import annotations

import importlib
import importlib.util
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from proofs.mutation.samples.numbers import Arguments, Generator


def samples(function: Callable[..., Any]) -> Iterator[Arguments]:
    """Arguments within the bounds of the claims, without end, the same in every run."""
    return _table(function, "SAMPLES")[function.__name__](random.Random(0))


def samples_beyond(function: Callable[..., Any]) -> Iterator[Arguments]:
    """Arguments that the contract admits and the claims' bounds do not."""
    generator = _table(function, "BEYOND").get(function.__name__)
    return generator(random.Random(1)) if generator else iter(())


def has_samples(function: Callable[..., Any]) -> bool:
    """Whether there are inputs for this function."""
    return function.__name__ in _table(function, "SAMPLES")


def _table(function: Callable[..., Any], name: str) -> Mapping[str, Generator]:
    module = f"{__name__}.{function.__module__.split('.')[1]}"
    return getattr(importlib.import_module(module), name) if importlib.util.find_spec(module) else {}
