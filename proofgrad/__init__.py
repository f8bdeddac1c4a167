"""Proofgrad's public face: the reference's functions under one name."""

from reference.adam_classes import Adam, AdamW
from reference.clipping import Clipped, clip_by_global_norm, clip_by_value, global_norm
from reference.lion import Lion
from reference.optimizer import Optimizer
from reference.rmsprop import RMSprop
from reference.schedules import (
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
from reference.sgd import SGD

__version__ = "0.1.0"
__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Clipped",
    "Lion",
    "Optimizer",
    "RMSprop",
    "Schedule",
    "clip_by_global_norm",
    "clip_by_value",
    "constant",
    "cosine",
    "cosine_with_warmup",
    "exponential",
    "global_norm",
    "linear",
    "multi_step",
    "one_cycle",
    "polynomial",
    "sequential",
    "step_decay",
    "warm_restarts",
    "warmup_stable_decay",
]
