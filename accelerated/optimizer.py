"""The optimizers of `reference.optimizer` by kernels: all parameters of a group that have a gradient in one launch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from accelerated.steps import Optimizer as Step
from accelerated.steps import steps_on_lists
from reference.optimizer import Optimizer, Stepped


class Launched(Optimizer):
    """An optimizer of the reference whose steps are ``step`` on lists: a launch for each group and pair of dtypes.

    As there, every step makes new arrays. Bits, settings, saving and errors are those of the reference.
    """

    kernels: ClassVar[Step]

    def _all_stepped(self, grads: Sequence[Any]) -> dict[int, Stepped]:
        after = {
            index: Stepped(param, state)
            for index, (param, state) in enumerate(zip(self._params, self._states, strict=True))
        }
        for group in self._checked_groups(self.param_groups):
            settings = {key: value for key, value in group.items() if key != "params"}
            chosen = [index for index in group["params"] if grads[index] is not None]
            results = steps_on_lists(
                self.kernels,
                [self._params[index] for index in chosen],
                [grads[index] for index in chosen],
                [self._states[index] for index in chosen],
                settings,
                in_place=False,
                positions=chosen,
            )
            after |= {index: Stepped(*result) for index, result in zip(chosen, results, strict=True)}
        return after
