"""The frame that all optimizers share: parameters in groups with settings of their own, steps, saving and loading.

An optimizer is a thin shell over a pure function that makes one step of one parameter: it keeps the arrays and states and
calls the function for each parameter by itself, so neither order nor grouping of the parameters changes a bit.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar

from reference.contracts import preconditions, require
from reference.hyperparameters import is_parameter, parameter_error
from reference.optimizer.clauses import groups_error, is_list_of_groups
from reference.optimizer.steps import Stepped

Settings = dict[str, Any]
Group = dict[str, Any]


@require(lambda params: is_list_of_groups(params), lambda params: groups_error(params))
def as_groups(params: Any) -> list[Any]:
    """Parameters in torch's forms, as a list of groups: a list of arrays is one group with the settings of the optimizer."""
    groups: list[Any] = (
        list(params) if all(isinstance(each, Mapping) for each in params) else [{"params": list(params)}]
    )
    return groups


class Optimizer:
    """Parameters, their states and their settings; what one step is, a subclass says.

    A subclass names two functions: ``start`` makes the state of a parameter before its first step, ``one_step`` is the step.
    Its defaults are the settings of ``one_step``.

    `params` are the current parameters, in the order in which they were given. Arrays of the caller are copied once and
    never written into: every step makes new arrays, so what `params` gave before a step stays as it was.

    `param_groups` has the form that it has in torch: a list of dicts with the settings of each group and, under "params",
    the positions of its parameters. Settings may be changed between steps, as schedules do.
    """

    start: ClassVar[Callable[..., Any]]
    one_step: ClassVar[Callable[..., Any]]  # returns param and state

    def __init__(self, params: Sequence[Any], **defaults: Any) -> None:
        self._defaults: Settings = defaults
        self._params: list[Any] = []
        self._states: list[Any] = []
        self._sizes: list[int] = []
        self.param_groups: list[Group] = []
        for group in as_groups(params):
            self.add_param_group(group)

    @property
    def params(self) -> list[Any]:
        """The current parameters."""
        return list(self._params)

    @property
    def states(self) -> list[Any]:
        """The current state of every parameter."""
        return list(self._states)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters, with settings where they differ from the defaults; each begins its own count of steps.

        Raises: TypeError or ValueError naming the group and what is wrong with it; nothing is added then.
        """
        name = f"param_groups[{len(self.param_groups)}]"
        arrays = _arrays_of(group, name)
        given = {key: value for key, value in group.items() if key != "params"}
        _no_others(given, self._defaults, name)
        settings = {**self._defaults, **given}
        params = [param.copy() for param in arrays]
        states = [self._begun(param, settings, f"{name}['params'][{k}]") for k, param in enumerate(params)]
        first = len(self._params)
        self.param_groups.append({"params": list(range(first, first + len(params))), **settings})
        self._sizes.append(len(params))
        self._params += params
        self._states += states

    def step(self, grads: Sequence[Any]) -> list[Any]:
        """One step of every parameter that has a gradient.

        Parameters: grads, a list with a gradient, or ``None``, for each of `params`. Where it is ``None``, the parameter, its
        state and its count of steps stay as they are.
        Returns: the new `params`.
        Raises: TypeError or ValueError naming the parameter or group at fault; then no parameter has made the step.
        """
        if not isinstance(grads, list | tuple):
            raise TypeError(
                f"grads must be a list with a gradient or None for each parameter, got {type(grads).__name__}"
            )
        if len(grads) != len(self._params):
            raise ValueError(
                f"grads must hold {len(self._params)} gradients, one or None for each parameter, got {len(grads)}"
            )
        after = self._all_stepped(grads)
        self._params = [after[index].param for index in range(len(grads))]
        self._states = [after[index].state for index in range(len(grads))]
        return self.params

    def state_dict(self) -> dict[str, Any]:
        """The states and settings as they are now, in the form that they have in torch; later steps do not change it.

        Parameters are not in it: save `params` beside it.
        """
        return {
            "state": {index: _copied(_as_dict(state)) for index, state in enumerate(self._states)},
            "param_groups": [_copied(group) for group in self.param_groups],
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of an optimizer of the same kind and groups, whose parameters are these.

        Raises: TypeError or ValueError naming the key that is missing, unexpected or does not fit; nothing is loaded then.
        """
        _exactly(saved, ("state", "param_groups"), "state_dict")
        groups = self._checked_groups(saved["param_groups"])
        _exactly(saved["state"], range(len(self._params)), "state")
        members = dict(_members_of(groups))
        states = [self._loaded(index, saved["state"][index], members[index]) for index in range(len(self._params))]
        self.param_groups = [_copied(group) for group in groups]
        self._states = states

    def _begun(self, param: Any, settings: Settings, name: str) -> Any:
        """The state of a parameter before its first step, the parameter and its settings checked."""
        _check(type(self).one_step, {"param": param, **settings}, name)
        taken = inspect.signature(type(self).start).parameters
        return type(self).start(param, **{key: value for key, value in settings.items() if key in taken})

    def _all_stepped(self, grads: Sequence[Any]) -> dict[int, Stepped]:
        """Every parameter and state after the step, by position; nothing is changed yet."""
        return {index: self._stepped(index, grads[index], settings) for index, settings in self._members()}

    def _stepped(self, index: int, grad: Any, settings: Settings) -> Stepped:
        param, state = self._params[index], self._states[index]
        if grad is None:
            return Stepped(param, state)
        with _naming(f"params[{index}]"):
            return Stepped(*type(self).one_step(param, grad, state, **settings))

    def _members(self) -> Iterator[tuple[int, Settings]]:
        return _members_of(self._checked_groups(self.param_groups))

    def _checked_groups(self, groups: Any) -> Sequence[Group]:
        """The groups, if each has every setting and the very parameters that it has here."""
        if not isinstance(groups, list | tuple):
            raise TypeError(f"param_groups must be a list of dicts, got {type(groups).__name__}")
        if len(groups) != len(self.param_groups):
            raise ValueError(f"param_groups must hold {len(self.param_groups)} groups, got {len(groups)}")
        first = 0
        for number, (group, own) in enumerate(zip(groups, self._sizes, strict=True)):
            _exactly(group, ("params", *self._defaults), f"param_groups[{number}]")
            wanted = list(range(first, first + own))
            if list(group["params"]) != wanted:
                raise ValueError(f"param_groups[{number}]['params'] must be {wanted}, got {group['params']}")
            first += own
        return groups

    def _loaded(self, index: int, saved: Any, settings: Settings) -> Any:
        """The state of a parameter from what was saved, checked as a step would check it."""
        name = f"state[{index}]"
        kind = type(self._states[index])
        _exactly(saved, [field.name for field in fields(kind)], name)
        state = kind(**_copied(saved))
        _check(type(self).one_step, {"param": self._params[index], "state": state, **settings}, name)
        return state


def _arrays_of(group: Any, name: str) -> list[Any]:
    if not isinstance(group, Mapping):
        raise TypeError(f"{name} must be a dict with 'params', got {type(group).__name__}")
    if "params" not in group:
        raise ValueError(f"{name} lacks 'params'")
    arrays = group["params"]
    if not isinstance(arrays, list | tuple):
        raise TypeError(f"{name}['params'] must be a list of arrays, got {type(arrays).__name__}")
    if not arrays:
        raise ValueError(f"{name}['params'] must hold at least one array, got an empty {type(arrays).__name__}")
    for position, array in enumerate(arrays):
        if not is_parameter(array):
            raise parameter_error(f"{name}['params'][{position}]", array)
    return list(arrays)


def _members_of(groups: Sequence[Group]) -> Iterator[tuple[int, Settings]]:
    """Every parameter's position with the settings of its group."""
    for group in groups:
        settings = {key: value for key, value in group.items() if key != "params"}
        yield from ((index, settings) for index in group["params"])


def _no_others(given: Mapping[Any, Any], known: Iterable[Any], name: str) -> None:
    unknown = [key for key in given if key not in [*known]]
    if unknown:
        raise ValueError(f"{name} has the unexpected key {unknown[0]!r}; known are {', '.join(map(repr, known))}")


def _exactly(given: Any, wanted: Iterable[Any], name: str) -> None:
    """Refuse anything but a dict with these keys."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} must be a dict, got {type(given).__name__}")
    missing = [key for key in wanted if key not in given]
    if missing:
        raise ValueError(f"{name} lacks the key {missing[0]!r}")
    _no_others(given, wanted, name)


def _check(function: Callable[..., Any], arguments: Settings, name: str) -> None:
    """Raise the error of the first precondition that these arguments break; those that need more arguments wait."""
    for clause in preconditions(function):
        needed = inspect.signature(clause.condition).parameters
        if set(needed) <= set(arguments) and not clause.condition(**{key: arguments[key] for key in needed}):
            assert clause.error is not None
            with _naming(name):
                raise clause.error(**{key: arguments[key] for key in inspect.signature(clause.error).parameters})


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Let an error begin with the name of what it is about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error


def _copied(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The same names with copies of the arrays and lists."""
    return {key: value.copy() if hasattr(value, "copy") else value for key, value in parts.items()}


def _as_dict(state: Any) -> dict[str, Any]:
    return {field.name: getattr(state, field.name) for field in fields(state)}
