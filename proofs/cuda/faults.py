"""What a kernel must not do. Each is an error that names kernel, block, thread and line."""

from __future__ import annotations


class Fault(RuntimeError):
    """A kernel did what it must not do; ``place`` says where, the message what."""

    def __init__(self, what: str, place: str = "") -> None:
        super().__init__(f"{place}: {what}" if place else what)
        self.what = what

    def at(self, place: str) -> Fault:
        """The same fault, its place known."""
        return type(self)(self.what, place)


class OutOfBounds(Fault):
    """An access outside of every array."""


class Misaligned(Fault):
    """An access at an address that is no multiple of its size."""


class Unwritten(Fault):
    """A read of memory, or of a register or lane, that nobody has written."""


class ReadOnly(Fault):
    """A write into an array that the kernel must only read."""


class Race(Fault):
    """Two threads at one place, at least one of them writing, with no barrier between."""


class Divergence(Fault):
    """A barrier, or a warp's exchange, that not all threads meet."""


class Contraction(Fault):
    """A multiply and an add rounded once, or which ptxas may round once."""


class FlushToZero(Fault):
    """An operation that takes subnormals for zero."""


class Approximate(Fault):
    """An operation that does not round to nearest even."""
