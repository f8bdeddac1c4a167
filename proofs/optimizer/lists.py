"""A step of a list of parameters is the list of their steps, whatever the order, the arrays and the groups.

The shipped classes are run on symbolic arrays. A step of an array is the step of each element (OPT-3), and a step of a list
that of each array (OPT-2): so what an element gets does not depend on the array, the list or the group in which it stands.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from proofs.prover.claims import Twin
from proofs.prover.describe import prove, sampled_twin
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Arrays, Fixed
from reference.adam import adam_step, adamw_step
from reference.adam_classes import Adam, AdamW
from reference.contracts import bare, ensure
from reference.exactness import same_bits
from reference.lion import Lion, lion_step
from reference.optimizer import Optimizer, Stepped
from reference.rmsprop import RMSprop, rmsprop_step
from reference.sgd import SGD, sgd_step


class Both(NamedTuple):
    """The same parameters and states by two ways."""

    one: list[Any]
    other: list[Any]


class Kind(NamedTuple):
    """A class with settings under which all of its state is in use, and its step."""

    make: Callable[..., Optimizer]
    step: Callable[..., Any]


KINDS = {
    "SGD": Kind(functools.partial(SGD, momentum=0.9, weight_decay=0.125), sgd_step),
    "RMSprop": Kind(functools.partial(RMSprop, momentum=0.9, centered=True, weight_decay=0.125), rmsprop_step),
    "Lion": Kind(functools.partial(Lion, weight_decay=0.125), lion_step),
    "Adam": Kind(functools.partial(Adam, weight_decay=0.125), adam_step),
    "AdamW": Kind(AdamW, adamw_step),
}


def arrays_of(state: Any) -> list[Any]:
    """The arrays of a state that are there."""
    found = [getattr(state, field.name) for field in dataclasses.fields(state)[1:]]
    return [array for array in found if array is not None]


def flat(params: list[Any], states: list[Any]) -> list[Any]:
    """Parameters and all arrays of their states."""
    return [*params, *(array for state in states for array in arrays_of(state))]


def begun(optimizer: Optimizer, grads: list[Any]) -> Optimizer:
    """The optimizer after a step of all parameters."""
    optimizer.step(grads)
    return optimizer


# ---- lists ----------------------------------------------------------------------------------------------------------


@ensure("OPT-2", lambda result: same_bits(result.one, result.other))
def step_of_list(kind: Kind, params: list[Any], grads: list[Any]) -> Both:
    """The second step of three parameters in two groups, the second without a gradient; and of each by itself.

    Claims
        OPT-2  prove  IEEE(float32, float64)  SGD, RMSprop, Lion, Adam, AdamW, three arrays of 1 and 2 elements in two groups
               step(list) is the map of the step: param and state of each are those of a step of its own, or untouched
    """
    optimizer = begun(kind.make([{"params": params[:2]}, {"params": params[2:], "lr": 0.5}]), grads)
    before, settings = list(zip(optimizer.params, optimizer.states, strict=True)), optimizer.param_groups
    first, last = ({key: value for key, value in group.items() if key != "params"} for group in settings)
    optimizer.step([grads[0], None, grads[2]])
    alone = [
        kind.step(*before[0][:1], grads[0], before[0][1], **first),
        Stepped(*before[1]),
        kind.step(*before[2][:1], grads[2], before[2][1], **last),
    ]
    return Both(
        flat(optimizer.params, optimizer.states), flat([each.param for each in alone], [each.state for each in alone])
    )


# ---- elements -------------------------------------------------------------------------------------------------------


@ensure("OPT-3", lambda result: same_bits(result.one, result.other))
def step_of_elements(kind: Kind, theta: Any, grad: Any) -> Both:
    """Two steps of an array, and of each of its elements.

    Claims
        OPT-3  prove  IEEE(float32, float64)  SGD, RMSprop, Lion, Adam, AdamW, n = 4, two steps
               an element has the same param and state in whatever array it stands
    """
    grads = [grad[k : k + 1] for k in range(len(grad))]
    whole = begun(kind.make([theta]), [grad])
    each = begun(kind.make([theta[k : k + 1] for k in range(len(theta))]), grads)
    whole.step([grad])
    each.step(grads)
    together = flat(whole.params, whole.states)
    alone = [flat([param], [state]) for param, state in zip(each.params, each.states, strict=True)]
    return Both(
        [array[k : k + 1] for array in together for k in range(len(theta))],
        [alone[k][place] for place in range(len(together)) for k in range(len(theta))],
    )


# ---- saving and loading -----------------------------------------------------------------------------------------------


@ensure("OPT-4", lambda result: same_bits(result.one, result.other))
def resume(kind: Kind, theta: Any, grad: Any) -> Both:
    """Two steps, and the same with the state saved after the first and loaded into an optimizer with other settings.

    Claims
        OPT-4  prove  IEEE(float32, float64)  SGD, RMSprop, Lion, Adam, AdamW, elementwise
               to save, load and go on is never to have stopped, bit for bit
    """
    kept = begun(kind.make([theta]), [grad])
    resumed = kind.make(kept.params, lr=0.75)
    resumed.load_state_dict(kept.state_dict())
    kept.step([grad])
    resumed.step([grad])
    return Both(flat(kept.params, kept.states), flat(resumed.params, resumed.states))


# ---- the claims -----------------------------------------------------------------------------------------------------


def _by_the_largest(kind: Kind) -> Callable[..., Stepped]:
    """A step along the gradient divided by its largest element: what an element gets depends on the array."""

    def step(param: Any, grad: Any, state: Any, **settings: Any) -> Stepped:
        return bare(kind.step)(param, grad / np.max(np.abs(grad)), state, **settings)

    return step


def _counting(kind: Kind) -> Callable[..., Stepped]:
    """A step that depends on how many steps were made before it, by whatever parameter."""
    calls = [1.0]

    def step(param: Any, grad: Any, state: Any, **settings: Any) -> Stepped:
        calls[0] *= -2
        return bare(kind.step)(param, grad * calls[0], state, **settings)

    return step


def _planted(run: Run, kind: Kind, clause: str, name: str, why: str, bug: Callable[[Kind], Any]) -> Twin:
    return sampled_twin(name, why, run, clause, {kind.step: bug(kind)}, tries=100)


for dtype in (np.float32, np.float64):  # of 16 bits are only images of float32: see `master`
    name = np.dtype(dtype).name
    one, two, four = (Array(dtype, (size,), (-4, 4)) for size in (1, 2, 4))
    claim = functools.partial(prove, variant=name, theory=f"IEEE({name})")
    lists = [
        Run(
            step_of_list,
            {"kind": Fixed(kind), "params": Arrays((one, two, one)), "grads": Arrays((one, two, one))},
            IEEE(),
        )
        for kind in KINDS.values()
    ]
    claim(
        "OPT-2",
        step_of_list,
        bound="SGD, RMSprop, Lion, Adam, AdamW, three arrays of 1 and 2 elements in two groups",
        runs=functools.partial(zip, KINDS, lists, strict=True),
        twins=[_planted(lists[0], KINDS["SGD"], "OPT-2", "by order", "looks at the steps of the others", _counting)],
    )
    elements = [
        Run(step_of_elements, {"kind": Fixed(kind), "theta": four, "grad": four}, IEEE()) for kind in KINDS.values()
    ]
    claim(
        "OPT-3",
        step_of_elements,
        bound="SGD, RMSprop, Lion, Adam, AdamW, n = 4, two steps",
        runs=functools.partial(zip, KINDS, elements, strict=True),
        twins=[
            _planted(run, kind, "OPT-3", f"largest, {label}", "divides by the largest element", _by_the_largest)
            for run, (label, kind) in zip(elements[:2], KINDS.items(), strict=False)
        ],
    )
    resumes = [Run(resume, {"kind": Fixed(kind), "theta": one, "grad": one}, IEEE()) for kind in KINDS.values()]
    claim(
        "OPT-4",
        resume,
        bound="SGD, RMSprop, Lion, Adam, AdamW, elementwise",
        runs=functools.partial(zip, KINDS, resumes, strict=True),
        twins=[_planted(resumes[0], KINDS["SGD"], "OPT-4", "by order", "counts the steps of all", _counting)],
    )
