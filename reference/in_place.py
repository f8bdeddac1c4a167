"""Steps of optimizers that write over parameter and state, or into other arrays: large parameters need no new memory.

What is computed is the pure step, recorded (`reference.recorded`) and run block by block, so no bit differs from it. The names are
those of the pure steps with torch's trailing underscore.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np

from reference import elementwise
from reference.adam import adam_step, adamw_step, epsilon_hat_step
from reference.contracts import Clause, bare, get_level, preconditions, require
from reference.lion import lion_step
from reference.optimizer.steps import Stepped
from reference.recorded import Runner, planned, record
from reference.rmsprop import rmsprop_step
from reference.sgd import sgd_step

BLOCK = 1 << 18  # elements: a parameter, its state and two buffers stay in the cache, and calls cost little beside them
FEW = 1 << 16  # elements: up to so many, recording costs more than it saves

Step = Callable[..., Any]


class Slot(NamedTuple):
    """One array of a step: its name, what is read there and what is written; either may be ``None``."""

    name: str
    read: Any
    write: Any


def in_place(step: Step) -> Step:
    """The step that writes its results into ``out``, by default over ``param`` and the arrays of ``state``."""
    written = inspect.signature(bare(step))
    out = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None)

    def stepping(param: Any, grad: Any, state: Any, *, out: Any = None, **settings: Any) -> Stepped:
        _check_out(out, state)
        slots = _slots(param, state, out)
        pure = functools.partial(step, **settings)
        if get_level() == "all" or param.size <= FEW or not all(_is_plain(slot.write) for slot in slots):
            result = pure(param, grad, state)
            found = [result.param, *_arrays(result.state)]
            slots = _ready(slots, [None if array is None else array.dtype for array in found], grad, param.shape)
            for slot, array in zip(slots, found, strict=True):
                if array is not None and array is not slot.write:
                    np.copyto(slot.write, array)
        else:
            slots = _run(functools.partial(bare(step), **settings), grad, state, slots)
        return _stepped(slots, state, step)

    stepping.__name__ = stepping.__qualname__ = f"{step.__name__}_"
    stepping.__doc__ = _DOC.format(name=f"{step.__module__}.{step.__name__}")
    stepping.__signature__ = written.replace(parameters=[*written.parameters.values(), out])  # type: ignore[attr-defined]
    return functools.reduce(_asking, reversed(preconditions(step)), stepping)


def _asking(function: Step, clause: Clause) -> Step:
    assert clause.error is not None
    return require(clause.condition, clause.error)(function)


_DOC = """`{name}` that writes over ``param`` and the arrays of ``state``: the same bits, the same errors.

    Parameters: as there; out, a Stepped, to write into its arrays instead. Any of them may be the array that is read in its place;
    they overlap no others. Where ``state``, or that of ``out``, lacks an array that the step begins, the array is made.
    Returns: the arrays that were written, with the count of steps.
    Raises: as there; TypeError or ValueError naming an array that cannot be written into. Then nothing was changed.
    """


def _arrays(state: Any) -> list[Any]:
    """What a state has beside its count of steps."""
    return [getattr(state, field.name) for field in fields(state)[1:]]


def _check_out(out: Any, state: Any) -> None:
    if out is None:
        return
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError(f"out must be a Stepped, a pair of param and state, got {type(out).__name__}")
    if not isinstance(out[1], type(state)):
        raise TypeError(f"out.state must be of the type {type(state).__name__}, got {type(out[1]).__name__}")


def _slots(param: Any, state: Any, out: Any) -> list[Slot]:
    """The arrays of parameter and state, each with where its result goes."""
    names = ["param", *(f"state.{field.name}" for field in fields(state)[1:])]
    read = [param, *_arrays(state)]
    write = read if out is None else [out[0], *_arrays(out[1])]
    prefix = "" if out is None else "out."
    return [Slot(prefix + name, *pair) for name, *pair in zip(names, read, write, strict=True)]


def _is_plain(array: Any) -> bool:
    """Whether the elements stand one after the other, or there is no array."""
    return array is None or (isinstance(array, np.ndarray) and array.flags.c_contiguous)


def _ready(slots: Sequence[Slot], dtypes: Sequence[Any], grad: Any, shape: tuple[int, ...]) -> list[Slot]:
    """The slots, checked against the dtypes of what a step gives (``None``: no array); what is missing is made."""
    for slot, dtype in zip(slots, dtypes, strict=True):
        _check_target(slot, dtype, shape)
    _check_memory(slots, grad)
    return [
        slot._replace(write=np.empty(shape, dtype)) if slot.write is None and dtype is not None else slot
        for slot, dtype in zip(slots, dtypes, strict=True)
    ]


def _check_target(slot: Slot, dtype: Any, shape: tuple[int, ...]) -> None:
    name, _, array = slot
    if array is None and name != "out.param":
        return
    if dtype is None:
        raise ValueError(f"{name} must be None, for the step gives no such array")
    if not isinstance(array, np.ndarray):
        found = f"a scalar of {array.dtype}" if isinstance(array, np.generic) else type(array).__name__
        raise TypeError(f"{name} must be an array, for it is written over, got {found}")
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape of param, {shape}, got {array.shape}")
    if array.dtype != dtype:
        raise TypeError(f"{name} must have the dtype {dtype}, got {array.dtype}")
    if not array.flags.writeable:
        raise ValueError(f"{name} must be writeable, for it is written over, got a read-only array")


def _check_memory(slots: Sequence[Slot], grad: Any) -> None:
    """Refuse memory that an array that is written has in common with any other but the one that is read in its place."""
    written = [slot for slot in slots if slot.write is not None]
    for k, slot in enumerate(written):
        others = [(other.name, other.write) for other in written[k + 1 :]]
        others += [(other.name.removeprefix("out."), other.read) for other in slots if other is not slot]
        others += [("grad", grad)]
        if not _are_same(slot.read, slot.write):
            others.append((slot.name.removeprefix("out."), slot.read))
        for name, array in others:
            if array is not None and np.may_share_memory(slot.write, array) and np.shares_memory(slot.write, array):
                raise ValueError(f"what is written over needs memory of its own, but {slot.name} and {name} overlap")


def _are_same(read: Any, write: Any) -> bool:
    """Whether these are the same elements in the same places."""
    if read is write:
        return True
    if read is None or not np.may_share_memory(read, write):
        return False
    return all(read.__array_interface__[key] == write.__array_interface__[key] for key in ("data", "strides", "shape"))


def _run(step: Step, grad: Any, state: Any, slots: Sequence[Slot]) -> list[Slot]:
    """The step, recorded and run on every block."""
    shape = grad.shape

    def parts(param: Any, grad: Any, *arrays: Any) -> list[Any]:
        after = step(param, grad, replace(state, **dict(zip(_names(state), arrays, strict=True))))
        return [after.param, *_arrays(after.state)]

    read = [slots[0].read, grad, *(slot.read for slot in slots[1:])]
    recorded = record(parts, [None if array is None else array.dtype for array in read])
    ready = _ready(slots, recorded.dtypes, grad, shape)
    places = (0, *range(2, len(read)))
    own = tuple(k if _are_same(slot.read, slot.write) else None for k, slot in zip(places, ready, strict=True))
    plan = planned(recorded.recording, own)
    inputs = [None if array is None else np.ravel(array) for array in read]
    outputs = [None if slot.write is None else slot.write.reshape(-1) for slot in ready]

    def share(starts: Sequence[int]) -> None:
        runner = Runner(plan, recorded.constants, BLOCK)
        with np.errstate(all="ignore"):
            for start in starts:
                block = slice(start, start + BLOCK)
                runner.run(*([None if x is None else x[block] for x in arrays] for arrays in (inputs, outputs)))

    _shared(share, range(0, grad.size, BLOCK))
    return ready


def _shared(work: Callable[[Sequence[int]], None], starts: Sequence[int]) -> None:
    """Do the work for these starts; the threads take turns, the caller's is one of them."""
    threads = min(elementwise.THREADS, len(starts))
    shares = [starts[first::threads] for first in range(threads)]
    with ThreadPoolExecutor(max(threads - 1, 1)) as pool:
        running = [pool.submit(copy_context().run, work, share) for share in shares[1:]]
        work(shares[0])
        for each in running:
            each.result()


def _stepped(slots: Sequence[Slot], state: Any, step: Step) -> Stepped:
    param, *arrays = (slot.write for slot in slots)
    return Stepped(param, replace(state, step=state.step + 1, **dict(zip(_names(state), arrays, strict=True))))


def _names(state: Any) -> Iterator[str]:
    return (field.name for field in fields(state)[1:])


sgd_step_ = in_place(sgd_step)
adam_step_ = in_place(adam_step)
epsilon_hat_step_ = in_place(epsilon_hat_step)
adamw_step_ = in_place(adamw_step)
rmsprop_step_ = in_place(rmsprop_step)
lion_step_ = in_place(lion_step)
