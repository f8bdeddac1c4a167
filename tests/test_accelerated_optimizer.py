"""The optimizers of `accelerated`: those of the reference, bit for bit, in one launch for each group and pair of dtypes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from oracle import same_bits
from steps import gradients, start

from accelerated import adam, launch, sgd
from proofs.optimizer.lists import arrays_of
from reference import adam_classes
from reference import sgd as reference_sgd
from reference.optimizer import Optimizer

KINDS: dict[str, tuple[Callable[..., Optimizer], Callable[..., Optimizer], dict[str, Any]]] = {
    "SGD": (sgd.SGD, reference_sgd.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    "Adam": (adam.Adam, adam_classes.Adam, {"amsgrad": True, "weight_decay": 0.1}),
    "AdamW": (adam.AdamW, adam_classes.AdamW, {}),
}
DTYPES = (np.float32, np.float16, np.float32, np.float64, ml_dtypes.bfloat16, np.float32)
each_kind = pytest.mark.parametrize("kind", KINDS)


def pair_of(kind: str) -> tuple[Optimizer, Optimizer]:
    """Both optimizers on six parameters in two groups, the second with another learning rate."""
    own, other, settings = KINDS[kind]
    params = [start(np.float64, 5 + k).astype(dtype) for k, dtype in enumerate(DTYPES)]
    groups = [{"params": params[:4]}, {"params": params[4:], "lr": 0.25}]
    return own(groups, **settings), other(groups, **settings)


def grads_of(count: int) -> Iterator[list[Any]]:
    """Gradients for these parameters; each is missing now and then, in the first step, too."""
    streams = [gradients(dtype, count, 5 + k, seed=k) for k, dtype in enumerate(DTYPES)]
    for step, row in enumerate(zip(*streams, strict=True)):
        yield [None if (step + k) % 4 == 0 else grad for k, grad in enumerate(row)]


def everything(optimizer: Optimizer) -> list[Any]:
    return [*optimizer.params, *(array for state in optimizer.states for array in arrays_of(state))]


@each_kind
def test_groups_dtypes_and_missing_gradients_give_the_same_bits(kind: str) -> None:
    ours, theirs = pair_of(kind)
    for grads in grads_of(12):
        before, kept = ours.params, [param.copy() for param in ours.params]
        ours.step(grads)
        theirs.step(grads)
        assert all(map(same_bits, everything(ours), everything(theirs)))
        assert [state.step for state in ours.states] == [state.step for state in theirs.states]
        assert all(map(same_bits, before, kept))  # what `params` gave stays as it was


@each_kind
def test_a_group_takes_one_launch_for_each_pair_of_dtypes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[int] = []
    own = KINDS[kind][0]([start(np.float32, 3 + k) for k in range(20)], **KINDS[kind][2])
    run_on_many = launch.run_on_many

    def counted(source: Any, kernel: str, rows: Any, *rest: Any) -> None:
        launched.append(len(rows))
        run_on_many(source, kernel, rows, *rest)

    monkeypatch.setattr(launch, "run_on_many", counted)
    own.step([np.ones(3 + k, np.float32) for k in range(20)])
    assert launched == [20]


@each_kind
def test_what_one_saves_the_other_loads(kind: str) -> None:
    ours, theirs = pair_of(kind)
    for grads in grads_of(3):
        ours.step(grads)
    theirs = KINDS[kind][1]([{"params": ours.params[:4]}, {"params": ours.params[4:], "lr": 0.25}], **KINDS[kind][2])
    theirs.load_state_dict(ours.state_dict())
    for grads in grads_of(5):
        assert all(map(same_bits, ours.step(grads), theirs.step(grads)))
    ours.load_state_dict(theirs.state_dict())
    assert all(map(same_bits, everything(ours), everything(theirs)))


@each_kind
@pytest.mark.parametrize(
    "break_it",
    [
        lambda optimizer, grads: grads.__setitem__(5, np.ones(3, np.float32)),
        lambda optimizer, grads: grads.__setitem__(2, np.ones(7, np.float64)),
        lambda optimizer, grads: grads.pop(),
        lambda optimizer, grads: optimizer.param_groups[1].__setitem__("lr", -1.0),
        lambda optimizer, grads: optimizer.param_groups[0].__setitem__("maximize", 1),
        lambda optimizer, grads: optimizer.param_groups[1].pop("lr"),
        lambda optimizer, grads: optimizer.param_groups.pop(),
    ],
    ids=["shape", "dtype", "count", "setting of the second group", "flag", "missing setting", "missing group"],
)
def test_errors_are_those_of_the_reference_and_no_parameter_moves(kind: str, break_it: Callable[..., Any]) -> None:
    raised = []
    for optimizer in pair_of(kind):
        optimizer.step(next(grads_of(1)))
        before = [array.copy() for array in everything(optimizer)]
        grads = [np.ones(param.shape, param.dtype) for param in optimizer.params]
        break_it(optimizer, grads)
        with pytest.raises((TypeError, ValueError)) as caught:
            optimizer.step(grads)
        raised.append((caught.type, str(caught.value)))
        assert all(map(same_bits, everything(optimizer), before))
    assert raised[0] == raised[1]
