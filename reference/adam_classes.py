"""Adam and AdamW on all parameters of a model: the frame of `reference.optimizer` over the steps of `reference.adam`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reference.adam import Betas, adam_state, adam_step, adamw_step
from reference.optimizer import Optimizer


class Adam(Optimizer):
    """Adam on all parameters, each by `adam_step`; names and defaults are those of `torch.optim.Adam`.

    ``amsgrad`` belongs to a group from its beginning: a state without the largest second moment cannot go on with it.
    """

    start = staticmethod(adam_state)
    one_step = staticmethod(adam_step)

    def __init__(
        self,
        params: Sequence[Any],
        lr: Any = 1e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Any = 1e-8,
        weight_decay: Any = 0.0,
        amsgrad: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )


class AdamW(Optimizer):
    """AdamW on all parameters, each by `adamw_step`; names and defaults are those of `torch.optim.AdamW`."""

    start = staticmethod(adam_state)
    one_step = staticmethod(adamw_step)

    def __init__(
        self,
        params: Sequence[Any],
        lr: Any = 1e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Any = 1e-8,
        weight_decay: Any = 1e-2,
        amsgrad: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )
