"""What all optimizers share: what a step of one parameter asks and gives, and the frame that steps a list of them."""

from reference.optimizer.frame import Optimizer, as_groups
from reference.optimizer.steps import Stepped, master_copy

__all__ = ["Optimizer", "Stepped", "as_groups", "master_copy"]
