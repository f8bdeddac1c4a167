"""What the steps of all optimizers share on the way to a kernel: what they ask, which arrays they replace, one launch for many.

A step of the reference becomes four functions: of one parameter and of a list, each making new arrays or writing in place. They
ask what the reference asks, with the same errors; in a list, these begin with ``params[k]:``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from accelerated import launch
from accelerated.launch import Array
from accelerated.sources import Source
from reference.contracts import Clause, ContractViolation, bare, get_level, postconditions, preconditions, require

IN_PLACE = "Parameter and state are written over. Their arrays may be read nowhere else, and must not overlap."

Settings = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")


class Member(NamedTuple):
    """A parameter with its gradient and state."""

    param: Any
    grad: Any
    state: Any


def working_copy(member: Member) -> Array:
    """What a step computes with: the master copy where there is one."""
    return member.param if member.state.master is None else member.state.master


class Replaced:
    """An array that a step replaces: what the kernel reads, what it writes, and what becomes of that.

    In place it writes into the array itself, if a kernel can; else into memory of its own, which `result` copies back.
    An array that is not read only says what dtype and shape the new one has.
    """

    def __init__(self, array: Array, in_place: bool, *, is_read: bool = True) -> None:
        self._array = array
        self._in_place = in_place
        own = in_place and launch.is_usable(array)
        self.read = launch.flat(array) if is_read else None
        self.write = array.reshape(-1) if own else launch.array_module(array).empty(array.size, array.dtype)

    def result(self) -> Array:
        """The array after the step."""
        if not self._in_place:
            return self.write.reshape(self._array.shape)
        if not launch.is_usable(self._array):
            self._array[...] = self.write.reshape(self._array.shape)
        return self._array


class Work(NamedTuple):
    """What a kernel needs of one member: a row of its table, numbers in float64; and what makes the result of it."""

    row: Sequence[Array | None]
    share: Sequence[Any]
    result: Callable[[], Any]


class Optimizer(NamedTuple):
    """A step of the reference with what brings it to a kernel.

    ``work`` makes the work of a member, ``numbers`` what all members have in common, both from the settings.
    """

    step: Callable[..., Any]
    source: Callable[[], Source]
    prefix: str
    work: Callable[[Member, Settings, bool], Work]
    numbers: Callable[[Settings, Any], Sequence[Any]]


class Fused(NamedTuple):
    """What a kernel does to gradients on their way into a step: its further arguments, and what the step gets, if it is made."""

    numbers: Sequence[Any]
    grads: Callable[[], Sequence[Array] | None]


class Steps(NamedTuple):
    """The four functions."""

    step: Callable[..., Any]
    steps: Callable[..., list[Any]]
    step_: Callable[..., Any]
    steps_: Callable[..., list[Any]]


def steps_of(optimizer: Optimizer, name: str) -> Steps:
    """The functions ``name``, ``names``, ``name_`` and ``names_``, with the signature and settings of the reference's step."""
    wanted = inspect.signature(bare(optimizer.step))
    options = [each for each in wanted.parameters.values() if each.kind is inspect.Parameter.KEYWORD_ONLY]

    def one(in_place: bool) -> Callable[..., Any]:
        def step(*args: Any, **settings: Any) -> Any:
            given = wanted.bind(*args, **settings)
            given.apply_defaults()
            (result,) = _stepped(optimizer, [Member(*given.args)], given.kwargs, in_place, [""])
            return result

        return step

    def many(in_place: bool) -> Callable[..., list[Any]]:
        def steps(params: Any, grads: Any, states: Any, **settings: Any) -> list[Any]:
            given = signature.bind(params, grads, states, **settings)
            given.apply_defaults()
            return steps_on_lists(optimizer, params, grads, states, given.kwargs, in_place)

        return steps

    lists = [inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in ("params", "grads", "states")]
    signature = inspect.Signature([*lists, *options])
    made = (one(False), many(False), one(True), many(True))
    for function, ending, form in zip(made, ("", "s", "_", "s_"), (wanted, signature, wanted, signature), strict=True):
        function.__name__ = function.__qualname__ = name + ending
        function.__module__ = f"accelerated.{optimizer.prefix}"
        function.__doc__ = _documented(optimizer.step, ending)
        function.__signature__ = form  # type: ignore[attr-defined]
    return Steps(*made)


def steps_on_lists(
    optimizer: Optimizer,
    params: Any,
    grads: Any,
    states: Any,
    settings: Settings,
    in_place: bool,
    fuse: Callable[[], Fused] | None = None,
    positions: Sequence[int] | None = None,
) -> list[Any]:
    """The steps of lists; ``fuse`` is called when all arguments are known to be right, and before anything is written.

    ``positions`` are what errors call the members; errors of settings then name the first of them, as the reference's classes do.
    """
    members = _members(params, grads, states)
    names = [f"params[{k}]: " for k in (range(len(members)) if positions is None else positions)]
    return _stepped(optimizer, members, settings, in_place, names, fuse, name_settings=positions is not None)


def same_preconditions(
    function: Callable[..., Any], but: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Ask what a function of the reference asks, but for the clauses with this predicate."""
    clauses = [each for each in preconditions(function) if but not in each.condition.__code__.co_names]
    return lambda own: functools.reduce(_asking, reversed(clauses), own)


def _asking(function: Callable[P, R], clause: Clause) -> Callable[P, R]:
    assert clause.error is not None
    return require(clause.condition, clause.error)(function)


def rounded(numbers: Sequence[Any], dtype: Any) -> Any:
    """Numbers of float64 as an array of the working dtype, as the reference rounds them: beyond the largest, infinity."""
    with np.errstate(all="ignore"):
        return np.stack(numbers).astype(dtype)


def _documented(step: Callable[..., Any], ending: str) -> str:
    """What a function does beside `step`."""
    reference = f"`{step.__module__}.{step.__name__}`"
    lists = (
        "params, grads and states, three lists of one length, in one launch for each pair of dtypes; returns a list."
    )
    parts = {"": [], "s": [lists], "_": [IN_PLACE], "s_": [lists, IN_PLACE]}[ending]
    return "\n\n    ".join([f"{reference} as a kernel: the same bits, the same errors.", *parts])


def _members(params: Any, grads: Any, states: Any) -> list[Member]:
    for name, each in (("params", params), ("grads", grads), ("states", states)):
        if not isinstance(each, list | tuple):
            raise TypeError(f"{name} must be a list, got {type(each).__name__}")
        if len(each) != len(params):
            raise ValueError(f"{name} must have the length of params, {len(params)}, got {len(each)}")
    return [Member(*each) for each in zip(params, grads, states, strict=True)]


def _stepped(
    optimizer: Optimizer,
    members: list[Member],
    settings: Settings,
    in_place: bool,
    names: list[str],
    fuse: Callable[[], Fused] | None = None,
    *,
    name_settings: bool = False,
) -> list[Any]:
    if get_level() != "none":
        _check(preconditions(optimizer.step), members, settings, names, name_settings)
    arrays = [Member(_array(each.param), _array(each.grad), each.state) for each in members]
    if in_place:
        _check_memory(members, names)
    fused = fuse() if fuse else Fused((), lambda: [each.grad for each in members])
    works = [optimizer.work(each, settings, in_place) for each in arrays]
    for chosen in _groups(arrays):
        param, grad, _ = arrays[chosen[0]]
        rows, shares = [works[k].row for k in chosen], [works[k].share for k in chosen]
        dtype = rows[0][0].dtype  # type: ignore[union-attr]  # of the working copy
        kernel = "_".join(dict.fromkeys([optimizer.prefix, str(param.dtype), str(grad.dtype)]))
        share = rounded(shares, dtype).reshape(-1) if shares[0] else None
        numbers = [*optimizer.numbers(settings, dtype), *fused.numbers]
        launch.run_on_many(optimizer.source(), kernel, rows, numbers, share)
    results = [work.result() for work in works]
    if get_level() == "all" and not in_place:
        for member, grad, result in zip(members, fused.grads() or (), results, strict=False):
            _check_result(optimizer.step, {**member._asdict(), "grad": grad, **settings, "result": result})
    return results


def _array(x: Any) -> Any:
    """A NumPy scalar as an array."""
    return np.asarray(x) if isinstance(x, np.generic) else x


def _groups(members: Sequence[Member]) -> list[list[int]]:
    """The positions of members that one launch can serve: of one pair of dtypes, on one device."""
    groups: dict[Any, list[int]] = {}
    for k, (param, grad, _) in enumerate(members):
        groups.setdefault((param.dtype, grad.dtype, launch.array_module(param)), []).append(k)
    return list(groups.values())


def _check(
    clauses: Sequence[Clause], members: Sequence[Member], settings: Settings, names: Sequence[str], name_settings: bool
) -> None:
    """Raise the error of the first precondition that fails; those of the settings alone are asked once."""
    for k, (member, name) in enumerate(zip(members, names, strict=True)):
        arguments = {**member._asdict(), **settings}
        for clause in clauses:
            needed = _names(clause.condition)
            is_of_member = not needed.isdisjoint(Member._fields)
            if (k and not is_of_member) or clause.condition(**_only(arguments, needed)):
                continue
            assert clause.error is not None
            error = clause.error(**_only(arguments, _names(clause.error)))
            raise type(error)(f"{name}{error}") if name and (is_of_member or name_settings) else error


def _check_result(step: Callable[..., Any], arguments: dict[str, Any]) -> None:
    for clause in postconditions(step):
        if not clause.condition(**_only(arguments, _names(clause.condition))):
            raise ContractViolation(f"the kernel of {step.__module__}.{step.__name__} breaks its clause {clause.claim}")


@functools.lru_cache(maxsize=512)
def _names(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def _only(arguments: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: arguments[name] for name in names}


def _check_memory(members: Sequence[Member], names: Sequence[str]) -> None:
    """Refuse arrays that cannot be written into, and memory that two of the arrays have in common."""
    written = [
        (f"{name}{label}", array)
        for member, name in zip(members, names, strict=True)
        for label, array in _replaced(member)
    ]
    read = [(f"{name}grad", _array(member.grad)) for member, name in zip(members, names, strict=True)]
    check_separate(written, read)


def check_separate(written: Sequence[tuple[str, Array]], read: Sequence[tuple[str, Array]] = ()) -> None:
    """Raise TypeError or ValueError for what cannot be written into, or shares memory with another array."""
    for name, array in written:
        if isinstance(array, np.generic):
            raise TypeError(f"{name} must be an array, for it is written over, got a scalar of {array.dtype}")
        if isinstance(array, np.ndarray) and not array.flags.writeable:
            raise ValueError(f"{name} must be writeable, for it is written over, got a read-only array")
    for first, second in _neighbours([*((*each, True) for each in written), *((*each, False) for each in read)]):
        raise ValueError(f"what is written over needs memory of its own, but {first} and {second} overlap")


def _replaced(member: Member) -> Iterator[tuple[str, Array]]:
    yield "param", member.param
    for name, array in vars(member.state).items():
        if hasattr(array, "dtype"):
            yield f"state.{name}", array


def _neighbours(arrays: Sequence[tuple[str, Array, bool]]) -> Iterator[tuple[str, str]]:
    """Pairs of arrays that share memory, one of them written to. Only those whose bounds overlap are looked at closely."""
    bounds = sorted((*_bounds(array), k) for k, (_, array, _) in enumerate(arrays) if array.size)
    open_: list[tuple[int, int]] = []  # end and number
    for start, end, k in bounds:
        open_ = [each for each in open_ if each[0] > start]
        for _, other in open_:
            (first, x, x_is_written), (second, y, y_is_written) = arrays[other], arrays[k]
            if (x_is_written or y_is_written) and (not isinstance(x, np.ndarray) or np.shares_memory(x, y)):
                yield first, second
        open_.append((end, k))


def _bounds(array: Array) -> tuple[int, int]:
    start = launch.address_of(array)
    reach = [(size - 1) * stride for size, stride in zip(array.shape, array.strides, strict=True)]
    low, high = sum(min(each, 0) for each in reach), sum(max(each, 0) for each in reach)
    return start + low, start + high + array.itemsize
