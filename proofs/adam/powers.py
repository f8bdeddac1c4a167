"""What `Real`, where pow is not followed, takes βᵗ for: any number in [0, 1)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import z3

from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.paths import current
from proofs.symbolic.shadow import Values
from reference.contracts import bare
from reference.elementary import pow  # noqa: A004

# That 0 <= βᵗ < 1 for all β in [0, 1) and t >= 1 is what ADAM-11 says.
RESTS_ON = ("ADAM-11",)


def some_power(x: Any, y: Any) -> Any:
    """x¹ is x; of the other powers of one x, all that is known is that they lie in [0, 1)."""
    if not isinstance(x, SymbolicArray):
        return bare(pow)(x, y)
    if y == 1:
        return x
    path, base = current(), x.elements.item()
    key = ("power", base.get_id(), float(y))
    if key not in path.memory:

        def recipe(value_of: Values) -> Fraction | None:
            value = value_of(base)
            return None if value is None else Fraction(value) ** int(y)

        power = path.variable("power", recipe)
        path.assume(z3.And(power >= 0, power < 1))
        path.memory[key] = (SymbolicArray(power, np.dtype(np.float64), x.theory), x)
    return path.memory[key][0]
