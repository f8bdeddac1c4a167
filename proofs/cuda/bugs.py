"""Planted bugs of kernels, and the numbers of elements at which kernels are run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from accelerated import cuda
from accelerated.launch import CHUNK
from accelerated.sources import Source


@dataclass(frozen=True)
class Sizes:
    """Numbers of elements: of arrays that are looked at as a whole, and of those that are too large for it."""

    whole: tuple[int, ...]
    huge: tuple[int, ...]

    def __str__(self) -> str:
        edges = f"; block edges in n = {', '.join(map(_power, self.huge))}" if self.huge else ""
        return f"n = {', '.join(map(str, self.whole))}{edges}"


def _power(n: int) -> str:
    return f"2^{(n - 5).bit_length() - 1} + 5" if n > 2**31 else str(n)


ALL = Sizes((0, 1, 3, 4, 5, 31, 32, 33), (CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1, 2**31 + 5, 2**33 + 5))
SOME = Sizes((1, 5, 33), (2**33 + 5,))
FEW = Sizes((5,), ())
ONE = Sizes((1, 5), ())  # aligned and misaligned


@dataclass(frozen=True)
class Bug:
    """A change to a copy of the source, or other flags, and the sizes that show it.

    Most are found by running the kernel on drawn numbers; a solver must find a counterexample to those that are ``solved``.
    """

    name: str
    why: str
    old: str = ""
    new: str = ""
    flags: tuple[str, ...] = cuda.FLAGS
    sizes: Sizes = ONE
    solved: bool = False

    def planted(self, source: Source) -> Source:
        """A copy of the source with the bug; what it changes must be there."""
        if not self.old:
            return source
        if not any(self.old in text for text in (source.text, *source.headers.values())):
            raise LookupError(f"the bug {self.name!r} changes {self.old!r}, which is not in {source.name}")
        headers = {name: text.replace(self.old, self.new) for name, text in source.headers.items()}
        digest = hashlib.sha256(f"{source.digest} {self.old} {self.new}".encode()).hexdigest()
        return Source(source.name, source.text.replace(self.old, self.new), headers, digest)
