"""Types that stand in an annotation for what CrossHair is to make; the plugin knows how."""

from __future__ import annotations

from typing import Any


class Arrays(list[Any]):
    """A list of 1 to 3 arrays of 1 to 4 numbers."""


class Described(list[Any]):
    """A list of 0 to 3 arrays that have a dtype and a size, and no values."""
