"""Clipping and Adam in one: the steps consume clipped gradients that are never written to memory.

`clipped_adamw_steps(params, grads, states, max_norm=…)` has the bits of

    clipped, norm = clip_by_global_norm(grads, max_norm)
    stepped = [adamw_step(param, grad, state) for param, grad, state in zip(params, clipped, states)]

The norm is found in two passes over the gradients; what comes of it stays where they are, so nothing waits for the processor
between the first launch and the last. A trailing underscore means that parameters and states are written over.

Where a gradient is not finite, no parameter and no moment changes, and the norm is NaN. The functions raise then, for which
they wait once, after the last launch; with ``error_if_nonfinite=False`` they do not wait, and a step that changed nothing counts.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from accelerated import clipping
from accelerated.adam import ADAM, ADAMW
from accelerated.launch import Array
from accelerated.steps import IN_PLACE, Fused, Optimizer, same_preconditions, steps_on_lists
from reference import clipping as reference
from reference.contracts import bare
from reference.optimizer import Stepped

__all__ = [
    "ClippedSteps",
    "clipped_adam_steps",
    "clipped_adam_steps_",
    "clipped_adamw_steps",
    "clipped_adamw_steps_",
]


KEYWORD = inspect.Parameter.KEYWORD_ONLY
LISTS = [inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in ("params", "grads", "states")]
OF_CLIPPING = [
    inspect.Parameter("max_norm", KEYWORD),
    inspect.Parameter("norm_type", KEYWORD, default=2.0),
    inspect.Parameter("error_if_nonfinite", KEYWORD, default=True),
]


class ClippedSteps(NamedTuple):
    """The parameters and states after the steps, and the norm of the gradients before clipping."""

    steps: list[Stepped]
    norm: Any


@same_preconditions(reference.clip_by_global_norm, but=clipping.FINITE)
def _decision(grads: Sequence[Array], max_norm: Any, norm_type: float) -> clipping.Decision:
    return clipping.decision_on(grads, max_norm, norm_type)


def _steps_of(optimizer: Optimizer, name: str, in_place: bool) -> Callable[..., ClippedSteps]:
    """The steps of an optimizer on clipped gradients, with the settings of the reference's step."""
    fused_optimizer = optimizer._replace(prefix=f"clipped_{optimizer.prefix}")
    options = [each for each in inspect.signature(bare(optimizer.step)).parameters.values() if each.kind is KEYWORD]

    def steps(params: Any, grads: Any, states: Any, **given: Any) -> ClippedSteps:
        settings = signature.bind(params, grads, states, **given)
        settings.apply_defaults()
        kept = settings.kwargs
        max_norm, norm_type, must_be_finite = (kept.pop(each.name) for each in OF_CLIPPING)
        decision = functools.cache(functools.partial(_decision, grads, max_norm, norm_type))

        def as_consumed() -> Sequence[Array] | None:
            known = np.isfinite(float(decision().peak))
            return reference.clip_by_global_norm(grads, max_norm, norm_type).grads if known else None

        def fuse() -> Fused:
            return Fused([decision().array], as_consumed)

        found = steps_on_lists(fused_optimizer, params, grads, states, kept, in_place, fuse)
        if must_be_finite:
            clipping.check_finite(decision(), grads)
        return ClippedSteps(found, decision().norm)

    signature = inspect.Signature([*LISTS, *OF_CLIPPING, *options])
    steps.__signature__ = signature  # type: ignore[attr-defined]
    steps.__name__ = steps.__qualname__ = name
    steps.__doc__ = (
        f"`reference.clipping.clip_by_global_norm`, then `{optimizer.step.__module__}.{optimizer.step.__name__}` of every "
        "parameter, as kernels: the same bits, the same errors." + (f"\n\n    {IN_PLACE}" if in_place else "")
    )
    return steps


clipped_adam_steps = _steps_of(ADAM, "clipped_adam_steps", in_place=False)
clipped_adam_steps_ = _steps_of(ADAM, "clipped_adam_steps_", in_place=True)
clipped_adamw_steps = _steps_of(ADAMW, "clipped_adamw_steps", in_place=False)
clipped_adamw_steps_ = _steps_of(ADAMW, "clipped_adamw_steps_", in_place=True)
