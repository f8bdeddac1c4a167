"""Adam and AdamW as classes: their steps are those of the functions, and their settings are checked where they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import pytest
from steps import gradients, start

import proofgrad
from reference.adam import adam_state, adam_step, adamw_step
from reference.adam_classes import Adam, AdamW

PAIRS = [(Adam, adam_step), (AdamW, adamw_step)]


@pytest.mark.parametrize(("kind", "step"), PAIRS)
@pytest.mark.parametrize("amsgrad", [False, True])
def test_a_step_of_the_class_is_the_step_of_the_function(kind: Any, step: Any, amsgrad: bool) -> None:
    param = start(np.float32)
    optimizer, state = kind([param], amsgrad=amsgrad), adam_state(param, amsgrad=amsgrad)
    for grad in gradients(np.float32, 5):
        optimizer.step([grad])
        param, state = step(param, grad, state, amsgrad=amsgrad)
        assert oracle.same_bits(optimizer.params[0], param)
    assert optimizer.states[0].step == 5


@pytest.mark.parametrize(("kind", "step"), PAIRS)
def test_defaults_are_those_of_the_function(kind: Any, step: Any) -> None:
    (group,) = kind([np.ones(1)]).param_groups
    assert group == {"params": [0], **step.__bare__.__kwdefaults__}


def test_amsgrad_cannot_join_later() -> None:
    optimizer = Adam([np.ones(1)])
    optimizer.param_groups[0]["amsgrad"] = True
    with pytest.raises(TypeError, match=r"params\[0\]: state.max_exp_avg_sq must be an array, got NoneType"):
        optimizer.step([np.ones(1)])
    with pytest.raises(ValueError, match=r"betas\[1\] must be at least 0 and less than 1"):
        AdamW([np.ones(1)], betas=(0.9, 1.0))


def test_the_public_face_has_them() -> None:
    assert proofgrad.Adam is Adam
    assert proofgrad.AdamW is AdamW
