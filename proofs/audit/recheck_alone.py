#!/usr/bin/env python3
"""Ask a solver of your own the queries of this report: ``./recheck.sh cvc5``. It needs Python 3.9 and the solver, nothing else.

QUERIES.tsv lists each file with the answer that the report relies on. An answer of the other kind is *contradicted*; unknown, an
error or no answer in time is *open*. The exit code is 1 if one is contradicted or none was confirmed, 2 if nothing could be asked.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
OPTIONS: dict[str, Callable[[float], list[str]]] = {  # what tells a solver its limit; any other gets the file alone
    "z3": lambda seconds: [f"-T:{max(1, round(seconds))}"],
    "cvc5": lambda seconds: ["--lang=smt2", f"--tlimit={round(1000 * seconds)}"],
    "bitwuzla": lambda seconds: ["--time-limit", f"{round(1000 * seconds)}"],
}
GRACE = 5.0  # seconds between a solver's own limit and the end of its process
EVERY = 500  # after so many queries a line says how far it is


def main() -> int:
    """Ask, count, say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("solver", help="a solver on PATH that reads SMT-LIB 2")
    parser.add_argument("options", nargs="*", help="options for the solver, instead of its limit, after --")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds for each query (default: 10)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="queries at once")
    parser.add_argument("--only", default="", metavar="TEXT", help="only queries of claims whose id has this text")
    given = parser.parse_args()
    if given.timeout <= 0 or given.jobs < 1:
        parser.error("--timeout must be above 0, and --jobs at least 1")
    program = shutil.which(given.solver)
    queries = [query for query in listed() if given.only in query[2]]
    if program is None or not queries:
        print("there are no such queries" if program else f"there is no solver {given.solver} on PATH", file=sys.stderr)
        return 2
    name = Path(given.solver).name
    options = given.options or OPTIONS.get(name, lambda seconds: [])(given.timeout)
    counts = {"confirmed": 0, "open": 0, "contradicted": 0}
    started = time.monotonic()
    with ThreadPoolExecutor(given.jobs) as threads:
        answers = threads.map(lambda query: answer([program, *options, str(HERE / query[0])], given.timeout), queries)
        for (file, expected, claims), found in zip(queries, answers):  # noqa: B905 - Python 3.9 has no strict
            opinion = "open" if found not in ("sat", "unsat") else "confirmed" if found == expected else "contradicted"
            counts[opinion] += 1
            if opinion == "contradicted":
                print(f"CONTRADICTED  {file}: the report has {expected}, {name} says {found} ({claims})", flush=True)
            if sum(counts.values()) % EVERY == 0:
                print(f"{sum(counts.values())} of {len(queries)} asked, {time.monotonic() - started:.0f} s", flush=True)
    for opinion, count in counts.items():
        print(f"{count} of {len(queries)} answers {opinion} by {name} ({100 * count / len(queries):.0f} %)")
    return 1 if counts["contradicted"] or not counts["confirmed"] else 0


def listed() -> list[tuple[str, str, str]]:
    """The queries: file, expected answer, claims."""
    lines = (HERE / "QUERIES.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    return [(file, expected, claims) for file, expected, claims in rows]


def answer(command: list[str], timeout: float) -> str:
    """What the solver says: the first line that is an answer."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout + GRACE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "open"
    found = re.search(r"^(sat|unsat|unknown)\s*$", done.stdout.decode("utf-8", "replace"), re.MULTILINE)
    return found[1] if found else "open"


if __name__ == "__main__":
    sys.exit(main())
