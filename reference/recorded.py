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
    """A ufunc, ``where`` or a cast (``None``), the numbers of its operands and of its result, and the dtype of that."""

    function: Callable[..., Any] | None
    operands: tuple[int, ...]  # values from 0 on, constants from -1 down
    result: int
    dtype: np.dtype[Any]

    @property
    def reads(self) -> tuple[int, ...]:
        """The values that it reads."""
        return tuple(k for k in self.operands if k >= 0)


class Recording(NamedTuple):
    """Operations on numbered values, of which the first are the inputs; a result is the number of a value or ``None``."""

    inputs: int
    operations: tuple[Operation, ...]
    results: tuple[int | None, ...]


class Recorded(NamedTuple):
    """A recording, the constants in it, and the dtypes of its results."""

    recording: Recording
    constants: list[Any]
    dtypes: list[np.dtype[Any] | None]


class Tape(NamedTuple):
    """What is written down while a function runs."""

    operations: list[Operation]
    constants: list[Any]
    values: list[np.dtype[Any] | None]

    def value(self, dtype: np.dtype[Any] | None) -> int:
        """The number of a new value."""
        self.values.append(dtype)
        return len(self.values) - 1

    def operand(self, x: Any) -> int:
        """The number of an operand."""
        if isinstance(x, StandIn):
            return x.number
        self.constants.append(np.asarray(x) if isinstance(x, np.generic) else x)
        return -len(self.constants)


class StandIn(NDArrayOperatorsMixin):
    """An array of one element whose operations are written down; all that needs its value is an error."""

    shape = (1,)
    ndim = size = 1

    def __init__(self, dtype: Any, tape: Tape) -> None:
        self.dtype = np.dtype(dtype)
        self.number = tape.value(self.dtype)
        self._tape = tape

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
        numbers = tuple(map(self._tape.operand, operands))
        result = StandIn(dtype, self._tape)
        self._tape.operations.append(Operation(function, numbers, result.number, result.dtype))
        return result


def _kind(operand: Any) -> Any:
    """What of an operand decides the dtype of a result: Python's numbers take that of the arrays, NumPy's do not."""
    return operand.dtype if hasattr(operand, "dtype") else type(operand)


@functools.lru_cache(maxsize=512)
def _dtype_of(function: Callable[..., Any], *kinds: Any) -> Any:
    """The dtype that NumPy gives the result of a function of such operands."""
    return function(*(np.ones(1, kind) if isinstance(kind, np.dtype) else kind(1) for kind in kinds)).dtype


def record(function: Callable[..., Sequence[Any]], dtypes: Sequence[Any]) -> Recorded:
    """What a function does to arrays of these dtypes (``None``: no array); contracts are not checked, its own or others."""
    tape = Tape([], [], [])
    inputs: list[StandIn | None] = []
    for dtype in dtypes:
        if dtype is None:
            tape.value(None)
        inputs.append(None if dtype is None else StandIn(dtype, tape))
    with interpreted(lambda inner, args, kwargs: bare(inner)(*args, **kwargs)):
        results = function(*inputs)
    numbers = tuple(None if each is None else each.number for each in results)
    found = [None if each is None else each.dtype for each in results]
    return Recorded(Recording(len(dtypes), tuple(tape.operations), numbers), tape.constants, found)


class Place(NamedTuple):
    """Where a value stands: an input, a destination, a buffer or a constant, by number."""

    kind: str
    number: int


class Step(NamedTuple):
    """An operation with the places of its operands and of its result."""

    function: Callable[..., Any] | None
    operands: list[Place]
    target: Place


class Plan(NamedTuple):
    """How many inputs and results there are; the steps, the copies to make in the end, and the dtypes of the buffers."""

    inputs: int
    results: int
    steps: list[Step]
    copies: list[tuple[Place, Place]]
    buffers: list[np.dtype[Any]]


@functools.lru_cache(maxsize=64)
def planned(recording: Recording, own: tuple[int | None, ...]) -> Plan:
    """Give every value a place: the same for all steps that differ in their constants only.

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
        operands = [places[k] if k >= 0 else Place("constant", -1 - k) for k in operation.operands]
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
        if result is None or result == own[k] or places[result] == Place("destination", k):
            continue
        if result in own:
            raise TypeError("a result is an input in whose memory another result is to stand")
        plan.copies.append((places[result], Place("destination", k)))
    return plan


def _outputs(recording: Recording) -> dict[int, int]:
    """The values that are results, with the number of the first result that each is."""
    return {number: k for k, number in reversed([*enumerate(recording.results)]) if number is not None}


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
            visit(result)
    return list(ordered.values())


def _last_uses(recording: Recording, operations: Sequence[Operation]) -> dict[int, int]:
    """When each value is read for the last time; results are read in the end."""
    last = dict.fromkeys(range(recording.inputs), -1)
    for time, operation in enumerate(operations):
        last[operation.result] = time
        last |= dict.fromkeys(operation.reads, time)
    return last | {number: len(operations) for number in recording.results if number is not None}


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

    def __init__(self, plan: Plan, constants: Sequence[Any], size: int) -> None:
        self._buffers = [np.empty(size, dtype) for dtype in plan.buffers]
        self._constants = constants
        first = {"input": 0, "destination": plan.inputs, "buffer": plan.inputs + plan.results}
        first["constant"] = first["buffer"] + len(plan.buffers)

        def numbers(places: Sequence[Place]) -> list[int]:
            return [first[kind] + number for kind, number in places]

        self._calls: list[tuple[Any, list[int], int]] = [
            (_WRITERS.get(function, function), numbers(operands), numbers([target])[0])
            for function, operands, target in [*plan.steps, *(Step(None, [here], there) for here, there in plan.copies)]
        ]  # functions, with the numbers of their arrays in `run`

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
