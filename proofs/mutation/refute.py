"""Stage 1: run a mutant in plain NumPy and look for an input on which a contract of its row breaks."""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import itertools
import signal
import sys
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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


@dataclass(frozen=True)
class Change:
    """A module with other source, and those ``beside`` it that use it: they are loaded anew, and their contracts judge too."""

    name: str
    source: str
    beside: tuple[str, ...] = ()

    @property
    def modules(self) -> tuple[str, ...]:
        """All that are loaded anew."""
        return self.name, *self.beside


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the changed module in the place of the file, and all others where they are."""

    def __init__(self, change: Change) -> None:
        self._change = change

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self._change.name else None

    def exec_module(self, module: types.ModuleType) -> None:
        exec(compile(self._change.source, f"<mutant of {module.__name__}>", "exec"), module.__dict__)


def load(change: Change) -> dict[str, types.ModuleType]:
    """The modules with the change in place, by name; those that are installed under their names stay as they are."""
    kept = {name: sys.modules.pop(name) for name in change.modules if name in sys.modules}
    finder = _Changed(change)
    sys.meta_path.insert(0, finder)
    try:
        return {name: importlib.import_module(name) for name in change.modules}
    finally:
        sys.meta_path.remove(finder)
        for name in change.modules:
            sys.modules.pop(name, None)
        sys.modules.update(kept)
        for name, module in kept.items():
            package, _, own = name.rpartition(".")
            setattr(sys.modules[package], own, module)


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


def trial(change: Change, concerned: Collection[str] | None = None, tries: int = TRIES) -> Trial:
    """Judge a changed module by the contracts of the original, and of those beside it.

    ``concerned`` names the functions that the change can reach; by default all are run.
    """
    originals = [importlib.import_module(name) for name in change.modules]
    stated = [function for original in originals for function in sampled_functions(original)]
    functions = [f for f in stated if concerned is None or f.__name__ in concerned]
    with np.errstate(all="ignore"), contracts.level("none"):
        return _trial(originals, change, functions, tries)


def _trial(originals: list[types.ModuleType], change: Change, functions: list[Function], tries: int) -> Trial:
    try:
        modules = load(change)
    except Exception as error:
        return Trial(Refutation("exception", f"import raises {_short(error)}", change.name, {}, False))
    mutants = {function: getattr(modules[function.__module__], function.__name__) for function in functions}
    judge = _Judge(originals)
    for beyond in (False, True):
        for function, arguments in _interleaved(functions, tries, beyond):
            found = judge.broken(function, mutants[function], arguments)
            if found is not None:
                how, what = found
                inputs = {key: _shown(value) for key, value in arguments.items()}
                return Trial(Refutation(how, what, function.__name__, inputs, beyond))
    return Trial(None, _difference(mutants, tries))


class _Judge:
    """Runs a mutant's functions and checks every call between functions of its row by the originals' contracts."""

    def __init__(self, originals: Iterable[types.ModuleType]) -> None:
        self._originals = {
            (module.__name__, name): function
            for module in originals
            for name, function in _own_functions(module).items()
        }
        self._modules = {module for module, _ in self._originals}

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
        own = function.__module__ in self._modules
        stated = self._originals.get((function.__module__, function.__name__), function)
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


def _difference(mutants: Mapping[Function, Function], tries: int) -> str | None:
    """The first input on which a surviving mutant gives other bits than the original."""
    for beyond in (False, True):
        for function, arguments in _interleaved(list(mutants), tries, beyond):
            before, after = function(**arguments), mutants[function](**arguments)
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
