"""A function of arrays, recorded as the list of NumPy's operations that it comes to, and run again in memory that is there.

The function is run once on stand-ins for arrays, as provers run it on symbols: what it does to them is the list. Each element is
computed by itself, so the list gives the same bits for any part of the arrays; what is saved is memory. An operation writes where
its result is to stand in the end, as soon as nobody reads what stood there, or into one of a few buffers.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from reference.contracts import bare, interpreted


class Operation(NamedTuple):
    """A ufunc, ``where`` or a cast (``None``), its operands, which values they are, and the number and dtype of its result."""

    function: Callable[..., Any] | None
    operands: tuple[Any, ...]
    reads: tuple[int, ...]
    result: int
    dtype: np.dtype[Any]


class Recording(NamedTuple):
    """Operations on numbered values, of which the first are the inputs; a result is a value or ``None``."""

    inputs: int
    operations: list[Operation]
    results: list[StandIn | None]


class StandIn(NDArrayOperatorsMixin):
    """An array of one element whose operations are written down; all that needs its value is an error."""

    shape = (1,)
    ndim = size = 1

    def __init__(self, number: int, dtype: Any, operations: list[Operation], count: list[int]) -> None:
        self.number, self.dtype = number, np.dtype(dtype)
        self._operations, self._count = operations, count

    def astype(self, dtype: Any, copy: bool = True) -> StandIn:
        """A cast; a copy is the value itself, for values do not change."""
        return self if self.dtype == dtype else self._after(None, (self,), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **named: Any) -> StandIn:
        if method != "__call__" or named or ufunc.nout != 1:
            raise TypeError(f"{ufunc.__name__}: only ufuncs with one result, called without options, can be recorded")
        return self._after(ufunc, operands, _dtype_of(ufunc, *map(_kind, operands)))

    def __array_function__(self, function: Any, types: Any, operands: Any, named: Any) -> StandIn:
        if function is not np.where or named or len(operands) != 3:
            raise TypeError(f"{function.__name__} cannot be recorded")
        return self._after(np.where, operands, _dtype_of(np.where, *map(_kind, operands)))

    def __bool__(self) -> bool:
        raise TypeError("what is recorded must not depend on the elements of arrays")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("what is recorded has no elements")

    def _after(self, function: Callable[..., Any] | None, operands: tuple[Any, ...], dtype: Any) -> StandIn:
        if any(getattr(each, "shape", ()) not in ((), self.shape) for each in operands):
            raise TypeError("what is recorded takes arrays of one shape and numbers")
        self._count[0] += 1
        result = StandIn(self._count[0] - 1, dtype, self._operations, self._count)
        reads = tuple(x.number for x in operands if isinstance(x, StandIn))
        self._operations.append(Operation(function, operands, reads, result.number, result.dtype))
        return result


def _kind(operand: Any) -> Any:
    """What of an operand decides the dtype of a result: Python's numbers take that of the arrays, NumPy's do not."""
    return operand.dtype if hasattr(operand, "dtype") else type(operand)


@functools.lru_cache(maxsize=512)
def _dtype_of(function: Callable[..., Any], *kinds: Any) -> Any:
    """The dtype that NumPy gives the result of a function of such operands."""
    return function(*(np.ones(1, kind) if isinstance(kind, np.dtype) else kind(1) for kind in kinds)).dtype


def record(function: Callable[..., Sequence[Any]], dtypes: Sequence[Any]) -> Recording:
    """What a function does to arrays of these dtypes (``None``: no array); contracts are not checked, its own or others."""
    operations: list[Operation] = []
    count = [len(dtypes)]
    inputs = [None if dtype is None else StandIn(k, dtype, operations, count) for k, dtype in enumerate(dtypes)]
    with interpreted(lambda inner, args, kwargs: bare(inner)(*args, **kwargs)):
        results = list(function(*inputs))
    return Recording(len(dtypes), operations, results)


class Step(NamedTuple):
    """An operation with the places of its operands and its result; a place is (kind, number), anything else a constant."""

    function: Callable[..., Any] | None
    operands: list[Any]
    target: Place


class Place(NamedTuple):
    """Where a value stands: an input, a destination or a buffer, by number."""

    kind: str
    number: int


class Plan(NamedTuple):
    """How many inputs and results there are; the steps, the copies to make in the end, and the dtypes of the buffers."""

    inputs: int
    results: int
    steps: list[Step]
    copies: list[tuple[Place, Place]]
    buffers: list[np.dtype[Any]]


def planned(recording: Recording, own: Sequence[int | None]) -> Plan:
    """Give every value a place.

    Parameters: own, for each result the number of the input that stands in the memory of its destination, or ``None``. Other
    inputs and destinations have memory of their own.
    Raises: TypeError for a result that is an input in whose memory another result is to stand.
    """
    operations = _ordered(recording)
    places = {k: Place("input", k) for k in range(recording.inputs)}
    last = _last_uses(recording, operations)
    wanted = _wanted(recording, operations)
    outputs = _outputs(recording)
    plan, free, standing = Plan(recording.inputs, len(recording.results), [], [], []), list[Place](), dict[int, int]()
    for time, operation in enumerate(operations):
        operands = [places[x.number] if isinstance(x, StandIn) else x for x in operation.operands]
        over = [places[k] for k in dict.fromkeys(operation.reads) if last[k] == time and places[k].kind == "buffer"]
        overwrites = operation.function is not np.where  # which writes one operand before it has read the others
        k = wanted.get(operation.result)
        before = None if k is None else own[k]
        is_left = before is None or last[before] < time + overwrites
        is_free = operation.result in outputs or k not in standing or (overwrites and standing[k] in operation.reads)
        if overwrites:
            free += over
        if k is not None and is_left and is_free:
            target = Place("destination", k)
            standing[k] = operation.result
        else:
            target = _buffer(operation.dtype, free, plan.buffers)
        if not overwrites:
            free += over
        places[operation.result] = target
        plan.steps.append(Step(operation.function, operands, target))
    for k, result in enumerate(recording.results):
        if result is None or result.number == own[k] or places[result.number] == Place("destination", k):
            continue
        if result.number in own:
            raise TypeError("a result is an input in whose memory another result is to stand")
        plan.copies.append((places[result.number], Place("destination", k)))
    return plan


def _outputs(recording: Recording) -> dict[int, int]:
    """The values that are results, with the number of the first result that each is."""
    return {each.number: k for k, each in reversed([*enumerate(recording.results)]) if each is not None}


def _wanted(recording: Recording, operations: Sequence[Operation]) -> dict[int, int]:
    """The destinations in which values may stand: those of results, and of what only the making of a result reads."""
    wanted, outputs = _outputs(recording), _outputs(recording)
    reads = Counter(k for operation in operations for k in dict.fromkeys(operation.reads))
    dtypes = {operation.result: operation.dtype for operation in operations}
    for operation in reversed(operations):
        if operation.result in wanted and operation.function is not np.where:
            alone = [k for k in operation.reads if k not in outputs and reads[k] == 1]
            wanted |= {k: wanted[operation.result] for k in alone if dtypes.get(k) == operation.dtype}
    return wanted


def _ordered(recording: Recording) -> list[Operation]:
    """The operations that results need, each as late as it can be: of two operands, the one that takes more comes first."""
    made = {operation.result: operation for operation in recording.operations}
    depth = dict.fromkeys(range(recording.inputs), 0)
    for operation in recording.operations:
        depth[operation.result] = 1 + max((depth[k] for k in operation.reads), default=0)
    ordered: dict[int, Operation] = {}

    def visit(number: int) -> None:
        if number in made and number not in ordered:
            for k in sorted(made[number].reads, key=depth.__getitem__, reverse=True):
                visit(k)
            ordered[number] = made[number]

    for result in recording.results:
        if result is not None:
            visit(result.number)
    return list(ordered.values())


def _last_uses(recording: Recording, operations: Sequence[Operation]) -> dict[int, int]:
    """When each value is read for the last time; results are read in the end."""
    last = dict.fromkeys(range(recording.inputs), -1)
    for time, operation in enumerate(operations):
        last[operation.result] = time
        last |= dict.fromkeys(operation.reads, time)
    return last | {each.number: len(operations) for each in recording.results if each is not None}


def _buffer(dtype: np.dtype[Any], free: list[Place], buffers: list[np.dtype[Any]]) -> Place:
    """A buffer of this dtype that nobody reads, best one that was just read."""
    found = next((place for place in reversed(free) if buffers[place.number] == dtype), None)
    if found is not None:
        free.remove(found)
        return found
    buffers.append(dtype)
    return Place("buffer", len(buffers) - 1)


class Runner:
    """Runs a plan on parts of arrays, with buffers of its own: one thread's."""

    def __init__(self, plan: Plan, size: int) -> None:
        self._buffers = [np.empty(size, dtype) for dtype in plan.buffers]
        first = {"input": 0, "destination": plan.inputs, "buffer": plan.inputs + plan.results}
        self._constants: list[Any] = []
        self._calls: list[tuple[Any, list[int], int]] = []  # functions, with the numbers of their arrays in `run`

        def number(x: Any) -> int:
            if isinstance(x, Place):
                return first[x.kind] + x.number
            self._constants.append(np.asarray(x) if isinstance(x, np.generic) else x)
            return first["buffer"] + len(plan.buffers) + len(self._constants) - 1

        for function, operands, target in plan.steps:
            self._calls.append((_WRITERS.get(function, function), [*map(number, operands)], number(target)))
        self._calls += [(_cast, [number(source)], number(target)) for source, target in plan.copies]

    def run(self, inputs: Sequence[Any], destinations: Sequence[Any]) -> None:
        """Compute the results of these inputs, of at most ``size`` elements, into these arrays."""
        length = next(x.size for x in inputs if x is not None)
        arrays = [*inputs, *destinations, *(buffer[:length] for buffer in self._buffers), *self._constants]
        for function, numbers, target in self._calls:
            function(*[arrays[k] for k in numbers], out=arrays[target])


def _cast(x: Any, out: Any) -> None:
    np.copyto(out, x, casting="unsafe")


def _where(condition: Any, yes: Any, no: Any, out: Any) -> None:
    np.copyto(out, no)
    np.copyto(out, yes, where=condition)


_WRITERS: dict[Any, Callable[..., Any]] = {None: _cast, np.where: _where}  # functions that take no array to write into
