"""Run a contracted function on symbolic arguments: its clauses become duties on every path.

Calls between reference functions go through `reference.contracts.interpreted`. An inner call's preconditions are duties; the
inner function is either followed, replaced by its proven contract (a *summary*), or both: followed, with its proven
postconditions as facts.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import z3

from proofs.prover.same_calls import (
    Determined,
    Elementwise,
    assume_same_for_the_same,
    call_of_key,
    joined,
    remember,
    same_call,
    very_same_call,
)
from proofs.symbolic.array import SymbolicArray, truth
from proofs.symbolic.inputs import Input
from proofs.symbolic.paths import Call, Path, current, explore
from proofs.symbolic.shadow import Recipe, Value, Values, number
from proofs.symbolic.theory import Theory
from reference import contracts

Use = Literal["contract", "both"]
Script = Callable[[Path, dict[str, Any], Any], None]


@dataclass(frozen=True)
class Run:
    """What is run symbolically, and what may be taken for proven.

    ``uses`` names inner functions by what stands for them: their ``contract`` alone, or ``both`` body and contract;
    clauses that need not be assumed for it can be left out. A call with the arguments of an earlier one has its result.
    ``elementwise`` says which of them treat an array one element at a time: an element's result is the same in whatever
    arrays it stands. ``determined`` says of which a key of the arguments determines the result. Both name the claim.
    ``replaced`` puts other code in the place of an inner function: the planted bug of a must-fail twin.
    ``domain`` adds a hypothesis on the arguments; it belongs into the claim's bound.
    ``before`` proves cuts (`Path.prove`) on the arguments of a function whenever it is called, ``script`` on everything after
    the run: for what a solver does not see at once. ``examples`` are inputs that may serve as witnesses.
    ``draw`` makes random arguments that belong together, in a hunt for counterexamples.
    """

    function: Callable[..., Any]
    inputs: Mapping[str, Input]
    theory: Theory
    clauses: tuple[str, ...] = ()
    uses: Mapping[Callable[..., Any], Use] = field(default_factory=dict)
    leaving_out: tuple[str, ...] = ()
    elementwise: Mapping[Callable[..., Any], Elementwise] = field(default_factory=dict)
    determined: Mapping[Callable[..., Any], Determined] = field(default_factory=dict)
    replaced: Mapping[Callable[..., Any], Callable[..., Any]] = field(default_factory=dict)
    domain: Callable[..., Any] | None = None
    before: Mapping[Callable[..., Any], Callable[[Path, dict[str, Any]], None]] = field(default_factory=dict)
    script: Script | None = None
    examples: Sequence[Mapping[str, Any]] = ()
    draw: Callable[[random.Random], Mapping[str, Any]] | None = None

    def drawing(self, draw: Callable[[random.Random], Mapping[str, Any]]) -> Run:
        """The same run with other random arguments."""
        return dataclasses.replace(self, draw=draw)

    def random(self, generator: random.Random) -> Mapping[str, Any]:
        """Random arguments."""
        if self.draw is not None:
            return self.draw(generator)
        return {name: kind.random(generator) for name, kind in self.inputs.items()}

    def paths(self) -> Iterator[Path]:
        """Every path, with the clauses among its duties."""
        for path, _ in explore(self._once):
            yield path

    def _once(self) -> None:
        path = current()
        arguments = {name: kind.symbolic(name, self.theory) for name, kind in self.inputs.items()}
        with contracts.interpreted(self._interpret):
            path.assuming = True
            for clause in contracts.preconditions(self.function):
                path.assume(truth(call_with(clause.condition, arguments)))
            path.assuming = False
            if self.domain is not None:
                path.assume(truth(call_with(self.domain, arguments)))
            if self.function in self.before:
                self.before[self.function](path, arguments)
            body = self.replaced.get(self.function, contracts.bare(self.function))
            result = body(**arguments)
            path.calls.append(Call(self.function.__name__, arguments, result))
            if self.script is not None:
                self.script(path, arguments, result)
            for clause in clauses_of(self.function, self.clauses):
                path.owe(clause.claim, truth(call_with(clause.condition, {**arguments, "result": result})))

    def _interpret(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        path = current()
        arguments = bind(function, args, kwargs)
        use = self.uses.get(function) if function not in self.replaced else None
        earlier = same_call(path, function, arguments) if use else None
        body = functools.partial(self.replaced.get(function, contracts.bare(function)), *args, **kwargs)
        call = replace(earlier, arguments=arguments) if earlier else self._called(function, use, arguments, body)
        path.calls.append(call)
        return call.result

    def _called(
        self, function: Callable[..., Any], use: Use | None, arguments: dict[str, Any], body: Callable[[], Any]
    ) -> Call:
        """A call whose arguments are new on this path."""
        path = current()
        if function in self.before:
            self.before[function](path, arguments)
        _require_preconditions(path, function, arguments)
        if use is None:
            return Call(function.__name__, arguments, body())
        arguments = {name: list(value) if isinstance(value, Iterator) else value for name, value in arguments.items()}
        if function in self.determined:
            known = self.determined[function]
            earlier = call_of_key(path, function, arguments, known)
            if earlier is not None:
                path.assumed.add(known.claim)
                if known.where is not None:
                    path.require(truth(known.where(**arguments)))
                return replace(earlier, arguments=arguments)
        if function in self.elementwise:
            return self._element_by_element(function, use, arguments)
        call = self._used(function, use, arguments)
        if use == "contract":
            assume_same_for_the_same(path, function, call)
        return remember(path, function, call)

    def _element_by_element(self, function: Callable[..., Any], use: Use, arguments: dict[str, Any]) -> Call:
        """The calls for each element alone, joined: one result for one term, in whatever arrays it stands."""
        path = current()
        name, claim = self.elementwise[function]
        path.assumed.add(claim)
        array = arguments[name]
        calls = []
        for k in range(len(array)):
            alone = {**arguments, name: array[k : k + 1]}
            earlier = very_same_call(path, function, alone)
            if earlier is None:
                _require_preconditions(path, function, alone)
                earlier = remember(path, function, self._used(function, use, alone))
            calls.append(earlier)
        contract = tuple(fact for call in calls for fact in call.contract)
        return Call(function.__name__, arguments, joined([call.result for call in calls]), contract)

    def _used(self, function: Callable[..., Any], use: Use, arguments: dict[str, Any]) -> Call:
        """What stands for a call, its proven postconditions as facts."""
        result = self._stand_in(function, arguments) if use == "contract" else contracts.bare(function)(**arguments)
        contract = self._assumed(current(), function, {**arguments, "result": result})
        return Call(function.__name__, arguments, result, tuple(contract))

    def _assumed(self, path: Path, function: Callable[..., Any], values: Mapping[str, Any]) -> list[z3.BoolRef]:
        """The facts that the contract of a function brings, now that it is assumed."""
        path.assuming = True
        try:
            facts: list[z3.BoolRef] = []
            for clause in self._summary(function):
                path.assumed.add(clause.claim)
                facts += path.assume(truth(call_with(clause.condition, values)))
            return facts
        finally:
            path.assuming = False

    def _summary(self, function: Callable[..., Any]) -> list[contracts.Clause]:
        """What is assumed of a function that its contract stands for."""
        return [clause for clause in contracts.postconditions(function) if clause.claim not in self.leaving_out]

    def _stand_in(self, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """Fresh values in the shape of the result, which a run on placeholder numbers shows."""
        with contracts.interpreted(None), contracts.level("none"), np.errstate(all="ignore"):
            sample = contracts.bare(function)(**{name: _placeholder(value) for name, value in arguments.items()})
        result = _fresh_like(sample, function.__name__, self.theory)
        _leave_recipes(result, function, arguments)
        return result


def _require_preconditions(path: Path, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    for clause in contracts.preconditions(function):
        path.require(truth(call_with(clause.condition, arguments)))


def clauses_of(function: Callable[..., Any], ids: tuple[str, ...]) -> list[contracts.Clause]:
    """The postconditions with these ids; an id that the function lacks is an error."""
    found = {clause.claim: clause for clause in contracts.postconditions(function)}
    missing = [name for name in ids if name not in found]
    if missing:
        raise LookupError(
            f"{function.__name__} has no clause {', '.join(missing)}: it has {', '.join(found) or 'none'}"
        )
    return [found[name] for name in ids]


def call_with(condition: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """Call a clause with the arguments that it names."""
    return condition(**{name: values[name] for name in inspect.signature(condition).parameters})


def bind(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name, defaults included."""
    bound = inspect.signature(contracts.bare(function)).bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def _placeholder(value: Any) -> Any:
    """A concrete value of the same structure, dtypes and shapes: ones."""
    if isinstance(value, SymbolicArray):
        ones = np.ones(value.shape, value.dtype)
        return ones if value.shape else value.dtype.type(1)
    return _rebuilt(value, _placeholder)


def _fresh_like(sample: Any, stem: str, theory: Theory) -> Any:
    """New variables of the same structure, dtypes and shapes."""
    if isinstance(sample, np.ndarray | np.generic):
        terms = np.empty(np.shape(sample), dtype=object)
        for index in np.ndindex(terms.shape):
            terms[index] = theory.variable(current().fresh(stem), sample.dtype)
        return SymbolicArray(terms, sample.dtype, theory)
    return _rebuilt(sample, lambda part: _fresh_like(part, stem, theory))


def _leave_recipes(result: Any, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """What stands for a call is, in an actual run, what the function returns."""

    def recipe(position: int) -> Recipe:
        def value(value_of: Values) -> Value | None:
            concrete = {name: _concrete(argument, value_of) for name, argument in arguments.items()}
            with contracts.interpreted(None), contracts.level("none"), np.errstate(all="ignore"):
                return number(_leaves(contracts.bare(function)(**concrete))[position])

        return value

    for position, term in enumerate(_leaves(result)):
        current().recipes.append((getattr(term, "real", term), recipe(position)))


def _leaves(value: Any) -> list[Any]:
    """All numbers of a result, in order."""
    if isinstance(value, SymbolicArray):
        return list(value.elements.ravel())
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in _leaves(part)]
    return list(np.ravel(value))


def _concrete(value: Any, value_of: Values) -> Any:
    """An argument in the actual run; a number that is not known there is NaN."""
    if isinstance(value, SymbolicArray):
        numbers = [value_of(getattr(term, "real", term)) for term in value.elements.ravel()]
        flat = np.array([np.nan if number is None else float(number) for number in numbers]).astype(value.dtype)
        return flat.reshape(value.shape) if value.shape else value.dtype.type(flat[0])
    return _rebuilt(value, lambda part: _concrete(part, value_of))


def _rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(change(part) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(change(part) for part in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{f.name: change(getattr(value, f.name)) for f in dataclasses.fields(value)})
    return value
