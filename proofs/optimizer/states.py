"""States of optimizers as arguments of a proof."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from proofs.symbolic.inputs import Array, Record
from proofs.symbolic.theory import Theory

STEP = 7  # so many were made before


@dataclass(frozen=True)
class State(Record):
    """An arbitrary state of a kind in mid-run; ``members`` are those of its arrays that are there, named by ``fields``."""

    fields: tuple[str, ...] = ()

    def symbolic(self, name: str, theory: Theory) -> Any:
        return self.kind(STEP, **{field: part.symbolic(f"{name}.{field}", theory) for field, part in self._parts()})

    def concrete(self, name: str, values: Mapping[str, Any]) -> Any:
        return self.kind(STEP, **{field: part.concrete(f"{name}.{field}", values) for field, part in self._parts()})

    def random(self, generator: random.Random) -> Any:
        return self.kind(STEP, **{field: part.random(generator) for field, part in self._parts()})

    def _parts(self) -> Iterator[tuple[str, Array]]:
        return zip(self.fields, self.members, strict=True)

    def _fields(self, name: str) -> list[tuple[str, Array]]:
        return [(f"{name}.{field}", part) for field, part in self._parts()]


def state_with(kind: Any, element: Array, *fields: str) -> State:
    """A state in which these arrays are there."""
    return State(kind, (element,) * len(fields), fields)
