"""Tasks in processes of their own, as many at once as asked for, each with a hard limit.

Every task gets a fresh process, forked from a server that has the claims imported (10 ms): a hung or dying solver takes
nothing with it, and what a task computes cannot depend on the tasks before it.
"""

from __future__ import annotations

import heapq
import itertools
import multiprocessing
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any, TypeVar

from pebble import ProcessExpired, concurrent

T = TypeVar("T")
PATIENCE = 5.0  # seconds that interrupted tasks have to end
LEAST_MEMORY = 4 << 30  # bytes of address space that a task may always use


@dataclass(frozen=True)
class Failure:
    """Why a task has no result."""

    text: str
    timed_out: bool = False
    needless: bool = False


@dataclass
class _Task:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    limit: float
    done: list[Callable[[Any, float], None]]
    needed: list[Callable[[], bool]]
    finished: bool = False


class Pool:
    """A queue of tasks and the processes that work on them; what follows a task is done in the caller's thread.

    ``preload`` names the modules that the server imports once for all tasks.
    """

    def __init__(self, jobs: int, preload: Sequence[str] = ()) -> None:
        self._jobs = max(1, jobs)
        # Equal hashes make sets, and so the queries built from them, equal from run to run. One BLAS thread keeps the
        # server single-threaded, which forking needs.
        os.environ.setdefault("PYTHONHASHSEED", "0")
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__, *preload])
        forkserver.ensure_running()
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, _Task]] = []
        self._keyed: dict[str, _Task] = {}
        self._running: dict[Future[Any], tuple[_Task, float]] = {}

    def submit(
        self,
        function: Callable[..., T],
        *arguments: Any,
        limit: float,
        done: Callable[[T | Failure, float], None],
        priority: float = 0.0,
        key: str | None = None,
        needed: Callable[[], bool] = lambda: True,
    ) -> None:
        """Queue a task, the lowest priority first; ``done`` gets its result and the seconds that it took.

        A task that nobody needs any more when its turn comes is not run.

        A task with the ``key`` of one that is under way is not run again: it gets that one's result.
        """
        task = _Task(function, arguments, limit, [done], [needed])
        if key is not None:
            known = self._keyed.get(key)
            if known is not None and not known.finished:
                known.done.append(done)
                known.needed.append(needed)
                return
            self._keyed[key] = task
        heapq.heappush(self._waiting, (priority, next(self._order), task))

    def drain(self) -> None:
        """Work until nothing is left, including what finished tasks submit; whatever interrupts ends all processes."""
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < self._jobs:
                    task = heapq.heappop(self._waiting)[-1]
                    if any(needed() for needed in task.needed):
                        self._start(task)
                    else:
                        _finish(task, Failure("not needed any more", needless=True), 0.0)
                if not self._running:
                    continue
                for future in wait(self._running, return_when=FIRST_COMPLETED).done:
                    task, started = self._running.pop(future)
                    _finish(task, _outcome(future, task), time.monotonic() - started)
        except BaseException:
            self._abandon()
            raise

    def _start(self, task: _Task) -> None:
        # Pebble 5.2 reads ``context``, while its type hints say ``mp_context``.
        launch: Any = concurrent.process(timeout=task.limit, context=self._context)
        memory = max(LEAST_MEMORY, _physical_memory() // self._jobs)
        self._running[launch(_guarded)(memory, task.function, task.arguments)] = task, time.monotonic()

    def _abandon(self) -> None:
        self._waiting.clear()
        for future in self._running:
            future.cancel()
        self._running.clear()
        deadline = time.monotonic() + PATIENCE
        while multiprocessing.active_children() and time.monotonic() < deadline:
            time.sleep(0.01)


def _finish(task: _Task, outcome: Any, seconds: float) -> None:
    task.finished = True
    for number, done in enumerate(task.done):
        done(outcome, 0.0 if number else seconds)


def _guarded(memory: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """In the task's process: die at once when told to, even inside a solver; turn every error into text."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the run too, which ends its tasks
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    try:
        return function(*arguments)
    except MemoryError:
        return Failure(f"out of memory: more than {memory / 2**30:.1f} GiB")
    except BaseException as error:
        return Failure(described(error))


def described(error: BaseException) -> str:
    """An error in one line, with the place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{place}"


def _outcome(future: Future[Any], task: _Task) -> Any:
    try:
        return future.result()
    except TimeoutError:
        return Failure(f"ran past its limit of {task.limit:g} s and was killed", timed_out=True)
    except ProcessExpired as error:
        return Failure(f"the worker process died (exit code {error.exitcode})")
    except Exception as error:
        return Failure(described(error))


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
