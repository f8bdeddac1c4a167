"""Backward rules: ⟨ȳ, J ẋ⟩ = ⟨backward(ȳ), ẋ⟩ for every x, ẋ and ȳ, J being the derivative of the forward function.

Both functions are plain NumPy. The forward function runs on symbolic dual numbers, so J ẋ is what its code computes; the
backward function runs on the values alone, on the same path. As the law holds for all ẋ and ȳ, there is only one right
backward. That J exists at x, in all directions and not only those that stay within the preconditions, is proven first:
preconditions and ``domain`` must leave out kinks and borders. A counterexample counts if the same two functions, run on
dual fractions, break the law without any rounding.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import operator
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.prover.claims import Aim, Model, Obligation, Query, Replay, Twin
from proofs.prover.obligations import _renamed, _script
from proofs.prover.symbolic_run import _rebuilt, bind, call_with
from proofs.symbolic.array import SymbolicArray, lift, truth
from proofs.symbolic.dual import DUAL, REAL, held_still, primal, tangent_name, tangents
from proofs.symbolic.exact_dual import ExactDual, exact_array, numbers
from proofs.symbolic.formats import is_float
from proofs.symbolic.inputs import Array, Arrays, Input, parse
from proofs.symbolic.paths import Path, current, explore
from proofs.symbolic.shadow import follow
from reference import contracts

LAW = "⟨ȳ, J ẋ⟩ = ⟨x̄, ẋ⟩"
COTANGENT = "result.bar"  # no argument of a Python function can be called so
TRIES = 300  # points tried where the model itself does not replay: it may be irrational


@dataclass(frozen=True)
class Adjoint:
    """A forward function and its hand-written backward function.

    ``backward`` takes what it needs of the forward's arguments and ``result`` by their names, and ȳ, of the structure
    of the result, as its last parameter; it returns the gradients of the arguments ``along``, in their order (of one
    argument, the gradient itself). These are by default all float arrays; the other arguments are held still.
    ``domain`` adds a hypothesis to the forward's preconditions; it belongs into the claim's bound. ``examples`` are arguments at
    which all roots are rational: they serve as witnesses, and as places to look for counterexamples.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: Mapping[str, Input]
    along: tuple[str, ...] = ()
    domain: Callable[..., Any] | None = None
    examples: Sequence[Mapping[str, Any]] = ()

    @property
    def moving(self) -> tuple[str, ...]:
        """The names of the arguments by which the forward function is differentiated."""
        return self.along or tuple(name for name, kind in self.inputs.items() if _is_float(kind))

    @property
    def conditions(self) -> list[Callable[..., Any]]:
        """What the arguments must meet."""
        written = [clause.condition for clause in contracts.preconditions(self.forward)]
        return written if self.domain is None else [*written, self.domain]

    def paths(self) -> Iterator[tuple[Path, tuple[str, ...]]]:
        """Every path, with the law among its duties, and the solver's names of all that the law speaks of."""
        yield from explore(self._once)

    def _once(self) -> tuple[str, ...]:
        path = current()
        arguments = {name: self._argument(name, kind) for name, kind in self.inputs.items()}
        values = _values(arguments)
        with contracts.interpreted(_followed):
            for condition in self.conditions:
                path.assume(truth(call_with(condition, values)))
            result = contracts.bare(self.forward)(**arguments)
            slopes = tangents(_arrays(result))
            cotangent = _cotangent(result, COTANGENT)
            gradients = self.pull_back(values, _values(result), cotangent)
        moved = [array for name in self.moving for array in _arrays(arguments[name])]
        found = _arrays(gradients)
        if [array.shape for array in found] != [array.shape for array in moved]:
            raise ValueError(
                f"{self.backward.__name__} returns gradients of the shapes {[array.shape for array in found]} "
                f"for arguments of the shapes {[array.shape for array in moved]}"
            )
        bars = [term for array in _arrays(cotangent) for term in array.elements.ravel()]
        pulled = [term for array in found for term in primal(array).elements.ravel()]
        path.owe(LAW, _inner(bars, slopes) == _inner(pulled, tangents(moved)))
        return (*_names(self), *map(str, bars))

    def _argument(self, name: str, kind: Input) -> Any:
        if not _is_float(kind) or name in self.moving:
            return kind.symbolic(name, DUAL)
        real = kind.symbolic(name, REAL)
        return [held_still(part) for part in real] if isinstance(real, list) else held_still(real)

    def pull_back(self, arguments: Mapping[str, Any], result: Any, cotangent: Any) -> Any:
        """The backward function, called with the names that it asks for; its preconditions are duties."""
        *names, last = inspect.signature(contracts.bare(self.backward)).parameters
        known = {**arguments, "result": result}
        return self.backward(**{name: known[name] for name in names}, **{last: cotangent})


def adjoint(law: Adjoint, label: str = "", group: str = "", timeout: float = 60.0) -> Iterator[Obligation]:
    """The obligations of a claim that a backward function is right; with a group, those that refute a wrong one."""
    for position, (path, names) in enumerate(law.paths(), 1):
        name = f"{label}path {position}"
        if not group:
            yield _witness(law, path, names, name, timeout)
            for kind, goal in path.routine_goals():
                yield Obligation(f"{name}: {kind}", Aim.GOAL, Query(_renamed(_script([], goal)), "z3", timeout))
        *routine, duty = path.duties
        for part in () if group else routine:
            script = _renamed(_script(part.hypotheses, part.goal))
            yield Obligation(f"{name}: {part.name}", Aim.GOAL, Query(script, "z3", timeout))
        places = [(f"{duty.name} at example {k}", equations) for k, equations in _examples(law, path)]
        for place, equations in [*places, (duty.name, [])]:  # where x is known, a wrong rule is refuted at once
            yield Obligation(
                f"{name}: {place}",
                Aim.REFUTE if group else Aim.GOAL,
                Query(_script([*duty.hypotheses, *equations], duty.goal), "z3", timeout, names),
                _Replay(law, False),
                spurious_possible=True,
                group=group,
            )


def wrong_backward(name: str, why: str, law: Adjoint, backward: Callable[..., Any], timeout: float = 60.0) -> Twin:
    """A planted bug: another backward function, which must be refuted."""
    broken = dataclasses.replace(law, backward=backward)
    return Twin(name, why, build=lambda: adjoint(broken, f"{name}: ", f"twin:{name}", timeout))


def _witness(law: Adjoint, path: Path, names: tuple[str, ...], name: str, timeout: float) -> Obligation:
    """The facts of a path can hold together: at an example that takes it, else in some model."""
    equations = next((equations for _, equations in _examples(law, path)), [])
    query = Query(_script([*path.facts, *equations], None), "z3", timeout, names)
    return Obligation(f"{name}: witness", Aim.WITNESS, query, _Replay(law, True), spurious_possible=True)


def _examples(law: Adjoint, path: Path) -> Iterator[tuple[int, list[z3.BoolRef]]]:
    """The examples that take this path, by their numbers, as equations."""
    for k, example in enumerate(law.examples, 1):
        equations = follow(path.recipes, path.facts, dict(_known(law, example)))
        if equations is not None:
            yield k, equations


@dataclass(frozen=True)
class _Replay:
    """Run both functions on dual fractions at the model's point, else near it: does the law hold (a witness) or break?"""

    law: Adjoint
    witness: bool

    def __call__(self, model: Model) -> Replay:
        generator = random.Random(0)

        def draw() -> Fraction:
            return Fraction(generator.randint(-12, 12), generator.choice((1, 1, 2, 4)))

        parsed = {name: parse(text) for name, text in model.items()}
        first = self._at({name: value for name, value in parsed.items() if isinstance(value, Fraction)}, draw)
        if first.confirmed:
            return first
        starts: list[Mapping[str, Fraction]] = [dict(_known(self.law, example)) for example in self.law.examples]
        for attempt in range(TRIES):
            start = starts[attempt % len(starts)] if starts and attempt < TRIES // 2 else {}
            found = self._at(start, draw)
            if found.confirmed:
                return found
        return first

    def _at(self, known: Mapping[str, Fraction], draw: Callable[[], Fraction]) -> Replay:
        """What happens at one point; what is not known of it is drawn."""
        point: dict[str, Fraction] = {}

        def value_of(name: str) -> Fraction:
            return point.setdefault(name, known[name] if name in known else draw())

        inputs: dict[str, str] = {}
        outputs: dict[str, str] = {}
        try:
            holds = _law_at(self.law, value_of, inputs, outputs)
        except (ArithmeticError, ValueError, TypeError, AttributeError) as error:
            return Replay(False, inputs, outputs, LAW, f"exact evaluation: {type(error).__name__}: {error}")
        if holds is None:
            return Replay(False, inputs, outputs, LAW, "the input does not meet the preconditions")
        note = "the law holds at this point" if holds else "the law does not hold at this point"
        return Replay(holds == self.witness, inputs, outputs, LAW, note)


def _law_at(
    law: Adjoint, value_of: Callable[[str], Fraction], inputs: dict[str, str], outputs: dict[str, str]
) -> bool | None:
    """Both sides of the law at one point, compared without rounding; ``None`` outside the preconditions."""
    moving = {name: _point(kind, name, value_of, name in law.moving) for name, kind in law.inputs.items()}
    still = {name: _point(kind, name, value_of, False) for name, kind in law.inputs.items()}
    inputs.update({name: _shown(value) for name, value in still.items()})
    inputs.update({tangent_name(name): _shown(moving[name], "slope") for name in law.moving})
    with contracts.level("none"), contracts.interpreted(lambda f, args, kwargs: contracts.bare(f)(*args, **kwargs)):
        if not all(np.all(call_with(condition, still)) for condition in law.conditions):
            return None
        result = contracts.bare(law.forward)(**moving)
        settled = _without_tangents(result)
        cotangent = _drawn_like(settled, COTANGENT, value_of)
        inputs[COTANGENT] = _shown(cotangent)
        gradients = law.pull_back(still, settled, cotangent)
    left = _exact_inner(numbers(cotangent), (item.slope for item in numbers(result)))
    along = (item.slope for name in law.moving for item in numbers(moving[name]))
    right = _exact_inner((item for item in numbers(gradients)), along)
    outputs.update(result=_shown(result), gradients=_shown(gradients))
    outputs.update({"⟨ȳ, J ẋ⟩": str(left), "⟨x̄, ẋ⟩": str(right)})
    return left == right


def _is_float(kind: Input) -> bool:
    members = kind.members if isinstance(kind, Arrays) else (kind,)
    return all(isinstance(member, Array) and is_float(np.dtype(member.dtype)) for member in members)


def _names(law: Adjoint) -> Iterator[str]:
    """The solver's names of the arguments' elements and of their tangents."""
    for name, kind in law.inputs.items():
        for element in kind.names(name):
            yield element
            if name in law.moving:
                yield tangent_name(element)


def _known(law: Adjoint, example: Mapping[str, Any]) -> Iterator[tuple[str, Fraction]]:
    """The elements of an example by the solver's names."""
    for name, kind in law.inputs.items():
        if _is_float(kind):
            for element, item in zip(kind.names(name), numbers(np.asarray(example[name], dtype=object)), strict=True):
                yield element, item.value


def _followed(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An inner call: its preconditions are duties about values, its body is followed."""
    for clause in contracts.preconditions(function):
        current().require(truth(call_with(clause.condition, _values(bind(function, args, kwargs)))))
    return contracts.bare(function)(*args, **kwargs)


def _values(value: Any) -> Any:
    """The same without tangents."""
    if isinstance(value, SymbolicArray):
        return primal(value)
    if isinstance(value, dict):
        return {name: _values(part) for name, part in value.items()}
    return _rebuilt(value, _values)


def _arrays(value: Any) -> list[SymbolicArray]:
    """All arrays of a result, in order."""
    if isinstance(value, SymbolicArray):
        return [value]
    if isinstance(value, list | tuple):
        return [array for part in value for array in _arrays(part)]
    if isinstance(value, np.ndarray | np.generic | float):
        return [lift(DUAL, value)]
    raise TypeError(f"neither an array nor a list of arrays: {value!r}")


def _cotangent(result: Any, name: str) -> Any:
    """Variables ȳ of the structure of the result."""
    if isinstance(result, SymbolicArray):
        return Array(result.dtype, result.shape).symbolic(name, REAL)
    return _like(result, [_cotangent(part, f"{name}{k}") for k, part in enumerate(result)])


def _like(value: Any, parts: list[Any]) -> Any:
    """A list or tuple of the same type."""
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def _inner(left: Sequence[z3.ArithRef], right: Sequence[z3.ArithRef]) -> z3.ArithRef:
    products = [a * b for a, b in zip(left, right, strict=True)]
    return functools.reduce(operator.add, products) if products else z3.RealVal(0)  # SMT-LIB has no sum of one


def _exact_inner(left: Iterator[ExactDual], right: Iterator[Fraction]) -> Fraction:
    return sum((a.value * b for a, b in zip(left, right, strict=True)), Fraction(0))


def _point(kind: Input, name: str, value_of: Callable[[str], Fraction], moving: bool) -> Any:
    """An argument at a point, in exact numbers."""
    if isinstance(kind, Arrays):
        return [_point(member, f"{name}{k}", value_of, moving) for k, member in enumerate(kind.members)]
    if not isinstance(kind, Array) or not _is_float(kind):
        return kind.concrete(name, {element: value_of(element) for element in kind.names(name)})
    names = kind.names(name)
    slopes = [value_of(tangent_name(element)) for element in names] if moving else None
    return exact_array([value_of(element) for element in names], slopes, kind.shape)


def _without_tangents(result: Any) -> Any:
    if isinstance(result, list | tuple):
        return _rebuilt(result, _without_tangents)
    return exact_array([item.value for item in numbers(result)], None, np.shape(result))


def _drawn_like(result: Any, name: str, value_of: Callable[[str], Fraction]) -> Any:
    """ȳ at a point."""
    if isinstance(result, list | tuple):
        return _like(result, [_drawn_like(part, f"{name}{k}", value_of) for k, part in enumerate(result)])
    return _point(Array(np.float64, np.shape(result)), name, value_of, False)


def _shown(value: Any, what: str = "value") -> str:
    if isinstance(value, list | tuple | np.ndarray | ExactDual):
        return "[" + ", ".join(str(getattr(item, what)) for item in numbers(value)) + "]"
    return repr(value)
