"""Statements about clipping that one would like to be true, each kept with the input that refutes it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from proofs.prover.claims import CLAIMS, Claim, Exhaustion, Replay
from proofs.symbolic.inputs import show
from reference.clipping import clip_by_global_norm
from reference.exactness import norm_at_most, same_bits


def false_statement(
    name: str, statement: str, holds: Callable[[Any, Any, Any], bool], grads: list[Any], max_norm: Any
) -> Claim:
    """Register a statement that the shipped function breaks on an input."""

    def run() -> Exhaustion:
        result = clip_by_global_norm(grads, max_norm)
        broken = not holds(result.grads, grads, max_norm)
        inputs = {"grads": show(grads), "max_norm": show(max_norm)}
        return Exhaustion(1, Replay(broken, inputs, {"result": show(result)}, statement) if broken else None)

    return CLAIMS.register(
        Claim(
            id=name,
            row="clipping",
            function="reference.clipping.clip_by_global_norm",
            statement=statement,
            verb="refute",
            theory="IEEE(float32)",
            bound="one input",
            exhaust=run,
        )
    )


def _strictly_below(result: Any, grads: Any, max_norm: Any) -> bool:
    return not any(grad.any() for grad in result) or not _is_exactly(result, max_norm)


def _is_exactly(result: Any, max_norm: Any) -> bool:
    return bool(norm_at_most(result, max_norm)) and not norm_at_most(result, max_norm, 1 - Fraction(1, 1 << 200))


def _unchanged_up_to_the_bound(result: Any, grads: Any, max_norm: Any) -> bool:
    return not norm_at_most(grads, max_norm) or bool(same_bits(result, grads))


def _no_element_lost(result: Any, grads: Any, max_norm: Any) -> bool:
    return all(np.array_equal(after != 0, before != 0) for after, before in zip(result, grads, strict=True))


THREE_FOUR = [np.array([3, 4], np.float32)]
false_statement(
    "CLIP-90",
    "‖out‖ < max_norm, as the seed contract's formula says: equality is within, [3, 4] at 5 stays",
    _strictly_below,
    THREE_FOUR,
    np.float64(5),
)
false_statement(
    "CLIP-91",
    "exact ‖g‖ <= max_norm implies bit-identical: a max_norm of more than 24 bits is decided with a margin of 2**-49",
    _unchanged_up_to_the_bound,
    [np.array([1], np.float32)],
    np.float64(1 + 2.0**-52),
)
false_statement(
    "CLIP-92",
    "what is not 0 does not become 0: rounding toward zero takes results below the least subnormal to 0",
    _no_element_lost,
    [np.array([1, 1e-40], np.float32)],
    np.float64(1e-10),
)
