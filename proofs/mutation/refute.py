"""Stage 1: run a mutant in plain NumPy and look for an input on which a contract of its row breaks."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import itertools
import signal
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs.mutation.samples import has_samples, samples, samples_beyond
from proofs.prover.symbolic_run import bind, call_with
from proofs.symbolic.inputs import show
from reference import contracts

Function = Callable[..., Any]
TRIES = 600  # inputs per function
CALL_LIMIT = 5.0  # seconds of processor time, not of the clock: a busy machine makes no mutant hang


@dataclass(frozen=True)
class Refutation:
    """An input on which a mutant breaks a contract, or raises what the original does not."""

    how: str  # "clause", "precondition", "exception" or "hang"
    what: str
    function: str
    inputs: Mapping[str, str]
    beyond: bool  # the input lies outside the bounds that the claims state


@dataclass(frozen=True)
class Trial:
    """What stage 1 found: a refutation; or none, and perhaps an input on which the results differ all the same."""

    refutation: Refutation | None
    difference: str | None = None


class _BrokenContractError(Exception):
    """A clause or precondition that does not hold."""

    def __init__(self, how: str, what: str) -> None:
        super().__init__(what)
        self.how = how


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Interrupt what uses more processor time."""

    def interrupt(*_: object) -> None:
        raise _BrokenContractError("hang", f"more than {seconds:g} s of processor time")

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def load(name: str, source: str) -> types.ModuleType:
    """A module from its source; the module that is installed under its name stays as it is."""
    module = types.ModuleType(name)
    exec(compile(source, f"<mutant of {name}>", "exec"), module.__dict__)
    return module


def sampled_functions(original: types.ModuleType) -> list[Function]:
    """The functions of a module that state something; inputs for one that has clauses must not be missing."""
    stated = [
        function
        for function in _own_functions(original).values()
        if contracts.preconditions(function) or contracts.postconditions(function)
    ]
    missing = [f.__name__ for f in stated if contracts.postconditions(f) and not has_samples(f)]
    if missing:
        raise LookupError(f"proofs/mutation/samples has no inputs for {', '.join(missing)}")
    return [function for function in stated if has_samples(function)]


def trial(name: str, source: str, concerned: Collection[str] | None = None, tries: int = TRIES) -> Trial:
    """Judge the module ``name`` with other source by the contracts of the original.

    ``concerned`` names the functions that the change can reach; by default all are run.
    """
    original = importlib.import_module(name)
    functions = [f for f in sampled_functions(original) if concerned is None or f.__name__ in concerned]
    with np.errstate(all="ignore"), contracts.level("none"):
        return _trial(original, source, functions, tries)


def _trial(original: types.ModuleType, source: str, functions: list[Function], tries: int) -> Trial:
    name = original.__name__
    try:
        mutant = load(name, source)
    except Exception as error:
        return Trial(Refutation("exception", f"import raises {_short(error)}", name, {}, False))
    judge = _Judge(original)
    for beyond in (False, True):
        for function, arguments in _interleaved(functions, tries, beyond):
            found = judge.broken(function, getattr(mutant, function.__name__), arguments)
            if found is not None:
                how, what = found
                inputs = {key: _shown(value) for key, value in arguments.items()}
                return Trial(Refutation(how, what, function.__name__, inputs, beyond))
    return Trial(None, _difference(functions, mutant, tries))


class _Judge:
    """Runs a mutant's functions and checks every call between functions of its row by the original's contracts."""

    def __init__(self, original: types.ModuleType) -> None:
        self._originals = _own_functions(original)
        self._module = original.__name__

    def broken(self, original: Function, mutant: Function, arguments: Mapping[str, Any]) -> tuple[str, str] | None:
        """How and what the call breaks, or nothing."""
        for clause in contracts.preconditions(original):
            if not np.all(call_with(clause.condition, bind(original, (), dict(arguments)))):
                raise ValueError(f"a sample of {original.__name__} breaks a precondition: {arguments}")
        try:
            with contracts.interpreted(self._interpret), _limited(CALL_LIMIT):
                mutant(**arguments)
        except _BrokenContractError as broken:
            return broken.how, str(broken)
        except Exception as error:
            return "exception", _short(error)
        return None

    def _interpret(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call: the original's preconditions, the mutant's body, the original's clauses."""
        own = function.__module__ == self._module
        stated = self._originals.get(function.__name__, function) if own else function
        arguments = bind(stated, args, kwargs)
        with contracts.interpreted(None):
            for clause in contracts.preconditions(stated):
                if not np.all(call_with(clause.condition, arguments)):
                    raise _BrokenContractError("precondition", f"of {stated.__name__}")
        result = contracts.bare(function)(*args, **kwargs)
        if own:
            with contracts.interpreted(None):
                for clause in contracts.postconditions(stated):
                    if not np.all(call_with(clause.condition, {**arguments, "result": result})):
                        raise _BrokenContractError("clause", clause.claim)
        return result


def _difference(functions: list[Function], mutant: types.ModuleType, tries: int) -> str | None:
    """The first input on which a surviving mutant gives other bits than the original."""
    for beyond in (False, True):
        for function, arguments in _interleaved(functions, tries, beyond):
            before, after = function(**arguments), getattr(mutant, function.__name__)(**arguments)
            if not _same(before, after):
                inputs = ", ".join(f"{key}={_shown(value)}" for key, value in arguments.items())
                return f"{function.__name__}({inputs}): {_shown(before)}, mutant {_shown(after)}"
    return None


def _interleaved(functions: list[Function], tries: int, beyond: bool) -> Iterator[tuple[Function, Mapping[str, Any]]]:
    """The inputs of all functions, in turns: the first inputs of each are the most telling."""
    source = samples_beyond if beyond else samples
    streams = [
        zip(itertools.repeat(function), itertools.islice(source(function), tries), strict=False)
        for function in functions
    ]
    for turn in itertools.zip_longest(*streams):
        yield from (pair for pair in turn if pair is not None)


def _own_functions(module: types.ModuleType) -> dict[str, Function]:
    """The functions that a module defines itself."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    }


def _same(x: Any, y: Any) -> bool:
    if isinstance(x, list | tuple) and isinstance(y, list | tuple):
        return len(x) == len(y) and all(map(_same, x, y))
    x, y = np.asarray(x), np.asarray(y)
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:160]


def _shown(value: Any) -> str:
    text = show(value)
    return text if len(text) <= 400 else f"{text[:400]}… ({len(text)} characters)"
