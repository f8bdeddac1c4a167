"""Tasks in processes of their own: what they return, how they end, and what an interruption leaves behind."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
import synthetic

from proofs.prover.pool import Failure, Pool


def drained(pool: Pool, *tasks: tuple[Any, ...], limit: float = 20.0) -> list[Any]:
    found: list[Any] = [None] * len(tasks)
    for k, (function, *arguments) in enumerate(tasks):

        def done(outcome: Any, seconds: float, k: int = k) -> None:
            found[k] = outcome

        pool.submit(function, *arguments, limit=limit, done=done)
    pool.drain()
    return found


def test_results_come_from_other_processes() -> None:
    first, second = drained(Pool(2), (os.getpid,), (os.getpid,))
    assert len({first, second, os.getpid()}) == 3


def test_every_way_to_fail_is_told_apart() -> None:
    raised, died, memory = drained(Pool(2), (synthetic.fail,), (synthetic.die,), (synthetic.exhaust_memory,))
    assert raised.text.startswith("RuntimeError: a defect (synthetic.py:") and not raised.timed_out
    assert died == Failure("the worker process died (exit code 7)")
    assert memory.text.startswith("out of memory: more than ") and memory.text.endswith(" GiB")
    (late,) = drained(Pool(2), (synthetic.hang,), limit=0.3)
    assert late == Failure("ran past its limit of 0.3 s and was killed", timed_out=True)


def test_a_solver_is_killed_in_the_middle_of_its_work() -> None:
    started = time.monotonic()
    (late,) = drained(Pool(1), (synthetic.search_forever,), limit=0.5)
    assert late.timed_out and time.monotonic() - started < 2.5


def test_no_more_run_at_once_than_asked_for() -> None:
    def overlap(jobs: int) -> bool:
        (first, last), (other_first, other_last) = drained(Pool(jobs), (synthetic.nap,), (synthetic.nap,))
        return bool(first < other_last and other_first < last)

    assert not overlap(1)
    assert overlap(2)


def test_the_lowest_priority_starts_first_and_a_finished_task_may_submit_more() -> None:
    pool, order = Pool(1), []

    def note(outcome: Any, seconds: float) -> None:
        order.append(outcome)
        if outcome == 1:
            pool.submit(abs, -0.5, limit=20.0, done=note, priority=0.0)

    for number in (3, 1, 2):
        pool.submit(abs, -number, limit=20.0, done=note, priority=float(number))
    pool.drain()
    assert order == [1, 0.5, 2, 3]


def test_an_interruption_ends_what_runs_and_forgets_what_waits() -> None:
    pool, found = Pool(2), []

    def interrupt(outcome: Any, seconds: float) -> None:
        raise KeyboardInterrupt

    pool.submit(abs, -1, limit=20.0, done=interrupt)
    for _ in range(3):
        pool.submit(synthetic.hang, limit=60.0, done=lambda outcome, seconds: found.append(outcome))
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pool.drain()
    pool.drain()
    assert time.monotonic() - started < 10 and not found
