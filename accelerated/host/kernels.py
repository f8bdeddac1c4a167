"""Kernels that were compiled for the processor, and their launches."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from accelerated.host.build import launcher_of, library
from accelerated.sources import Signature, Source

Order = str | int
Sizes = Sequence[int]
MOST_THREADS = 1024
MOST_BLOCKS = (2**31 - 1, 65535, 65535)
MOST_IN_BLOCK = (1024, 1024, 64)
SANITIZER = "PROOFGRAD_HOST_SANITIZER"  # in the environment: what builds are watched by

_CTYPES = {"long long": ctypes.c_longlong, "int": ctypes.c_int, "float": ctypes.c_float, "double": ctypes.c_double}


class KernelError(RuntimeError):
    """A kernel did what has no meaning on a GPU; the message names kernel, block and thread."""


class Launching(NamedTuple):
    """How kernels run: the order of threads and blocks, the number of cores, the threads of a block where that is free."""

    order: Order = "ascending"
    workers: int | None = None
    threads: int | None = None


_loaded: dict[tuple[str, str | None], Module] = {}
_launching: ContextVar[Launching] = ContextVar("launching", default=Launching())  # noqa: B039 (it cannot change)


class _Launch(ctypes.Structure):
    """What runtime.cpp calls ProofgradLaunch."""

    _fields_ = (
        ("kernel", ctypes.c_char_p),
        ("body", ctypes.c_void_p),
        ("arguments", ctypes.POINTER(ctypes.c_void_p)),
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared", ctypes.c_uint64),
        ("order", ctypes.c_uint64),
        ("workers", ctypes.c_uint),
        ("message", ctypes.c_char_p),
        ("message_size", ctypes.c_size_t),
    )


class Kernel:
    """A kernel, to be called with a grid, a block and arguments."""

    def __init__(self, signature: Signature, library: ctypes.CDLL) -> None:
        self.signature = signature
        self._launch = library.proofgrad_launch
        self._launch.restype = ctypes.c_int
        self._body = ctypes.cast(getattr(library, launcher_of(signature.name)), ctypes.c_void_p)

    def __call__(
        self,
        grid: Sizes,
        block: Sizes,
        arguments: Sequence[Any],
        *,
        shared: int = 0,
        order: Order | None = None,
        workers: int | None = None,
    ) -> None:
        """Run all threads of all blocks; when it returns, they are done.

        Parameters: grid and block, up to three sizes each; arguments, a number or an array (or ``None``, a null pointer) for
        each of the kernel's; shared, bytes of dynamic shared memory; order, of threads and of blocks, ``"ascending"``,
        ``"descending"`` or a number that seeds a shuffle; workers, the number of cores, all by default.
        Raises: KernelError where threads wait for what never comes; ValueError or TypeError for a launch that no GPU allows.
        """
        name = self.signature.name
        if len(arguments) != len(self.signature.arguments):
            wanted = ", ".join(each.name for each in self.signature.arguments)
            raise TypeError(
                f"kernel {name} takes {len(self.signature.arguments)} arguments ({wanted}), got {len(arguments)}"
            )
        chosen = _launching.get()
        boxes: list[Any] = [
            ctypes.c_void_p(None if given is None else given.ctypes.data)
            if argument.is_array
            else _CTYPES[argument.element](given)
            for argument, given in zip(self.signature.arguments, arguments, strict=True)
        ]
        pointers = (ctypes.c_void_p * max(len(boxes), 1))(*[ctypes.addressof(box) for box in boxes])
        message = ctypes.create_string_buffer(1024)
        launch = _Launch(
            name.encode(),
            self._body,
            pointers,
            _three(f"kernel {name}: grid", grid, MOST_BLOCKS),
            _three(f"kernel {name}: block", block, MOST_IN_BLOCK),
            shared,
            _number(chosen.order if order is None else order),
            workers or chosen.workers or _cores(),
            ctypes.cast(message, ctypes.c_char_p),
            len(message),
        )
        threads = launch.block[0] * launch.block[1] * launch.block[2]
        if threads > MOST_THREADS:
            raise ValueError(f"kernel {name}: a block has at most {MOST_THREADS} threads, got {threads}")
        if self._launch(ctypes.byref(launch)):
            raise KernelError(message.value.decode())


class Module:
    """The kernels of a source, compiled for the processor."""

    def __init__(self, source: Source, sanitizer: str | None = None) -> None:
        self.source = source
        self.path = library(source, sanitizer)
        try:
            self._library = ctypes.CDLL(str(self.path))
        except OSError:  # a build that was damaged is made again
            self.path.unlink(missing_ok=True)
            self._library = ctypes.CDLL(str(library(source, sanitizer)))
        self._kernels: dict[str, Kernel] = {}

    def get_function(self, name: str) -> Kernel:
        """The kernel of a name.

        Raises: KeyError naming those that there are.
        """
        if name not in self.source.kernels:
            known = ", ".join(self.source.kernels)
            raise KeyError(f"{self.source.name} has no kernel {name}; it has {known}")
        if name not in self._kernels:
            self._kernels[name] = Kernel(self.source.kernels[name], self._library)
        return self._kernels[name]


def load(source: Source, sanitizer: str | None = None) -> Module:
    """The kernels of a source, compiled unless they are in the cache.

    Parameters: sanitizer, ``thread``, ``address`` or ``undefined``, for a process in which its library was loaded first: see
    `accelerated.host.sanitized`.
    Raises: as `accelerated.host.build.library`.
    """
    watched = sanitizer or os.environ.get(SANITIZER) or None
    key = (source.digest, watched)
    if key not in _loaded:
        _loaded[key] = Module(source, watched)
    return _loaded[key]


@contextlib.contextmanager
def running(order: Order = "ascending", workers: int | None = None, threads: int | None = None) -> Iterator[None]:
    """Run the kernels inside the block in this order, on so many cores, with so many threads, unless a call says otherwise."""
    _number(order)
    token = _launching.set(Launching(order, workers, threads))
    try:
        yield
    finally:
        _launching.reset(token)


def launching() -> Launching:
    """How kernels run here."""
    return _launching.get()


def _three(name: str, sizes: Sizes, most: Sizes) -> Any:
    whole = [*sizes, 1, 1, 1][:3]
    if not 1 <= len(sizes) <= 3 or any(not 1 <= size <= limit for size, limit in zip(whole, most, strict=True)):
        raise ValueError(f"{name} must be one to three sizes from 1 to {', '.join(map(str, most))}, got {tuple(sizes)}")
    return (ctypes.c_uint * 3)(*whole)


def _number(order: Order) -> int:
    """How runtime.cpp counts orders."""
    if order == "ascending":
        return 0
    if order == "descending":
        return 1
    if isinstance(order, int) and not isinstance(order, bool) and 0 <= order < 2**63:
        return order + 2
    raise ValueError(f"order must be 'ascending', 'descending' or a seed from 0 on, got {order!r}")


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
