"""Learning-rate schedules: closed functions of the step, made of weights from 0 to 1."""

from reference.schedules.rules import (
    Schedule,
    constant,
    cosine,
    cosine_with_warmup,
    exponential,
    linear,
    multi_step,
    one_cycle,
    polynomial,
    sequential,
    step_decay,
    warm_restarts,
    warmup_stable_decay,
)

__all__ = [
    "Schedule",
    "constant",
    "cosine",
    "cosine_with_warmup",
    "exponential",
    "linear",
    "multi_step",
    "one_cycle",
    "polynomial",
    "sequential",
    "step_decay",
    "warm_restarts",
    "warmup_stable_decay",
]
