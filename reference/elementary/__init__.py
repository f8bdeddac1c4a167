"""Elementary functions with the same bits on every machine.

NumPy and CUDA compute exp, log, tanh and their like with other bits each, NumPy even by the vector unit of the processor.
Here each function is float64 +, -, ×, ÷, rint, floor, comparisons and scaling by powers of two in a written order, rounded
once to the dtype of the argument. What each module writes down *is* the function; no other library is asked.
"""

from reference.elementary.error_function import erf
from reference.elementary.exponential import exp, expm1, tanh
from reference.elementary.logarithm import log, log1p
from reference.elementary.power import pow  # noqa: A004
from reference.elementary.trigonometric import cos, sin

__all__ = ["cos", "erf", "exp", "expm1", "log", "log1p", "pow", "sin", "tanh"]
