"""The queries of a report as SMT-LIB files beside it, each once, with scripts that ask any solver again.

A file is called after a hash of its text, so that what is there already need not be written, and equal queries are one file. Its
status is the answer that the report relies on; ``QUERIES.tsv`` lists files, answers and claims.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from proofs.prover.files import write_atomically
from proofs.prover.report import every_obligation

Json = dict[str, Any]
HERE = Path(__file__).resolve().parent
SHELL = """\
#!/bin/sh
# Ask a solver of your own the queries of this report, as ./recheck.sh cvc5; -h lists the options.
exec python3 "$(dirname "$0")/recheck.py" "$@"
"""
FOLDER = "smt2"
ANSWERS = ("sat", "unsat")
DIGITS = 24  # of a file's name


class Bundled(NamedTuple):
    """A query of the bundle."""

    file: str
    answer: str
    claims: list[str]


def write_bundle(report: Json | None, build: Path, out: Path) -> dict[str, str]:
    """Write the bundle; the files of queries by their keys in the report, as the report names them.

    Queries without an answer are left out of the list, not of the files. A file that is gone from the build folder is left out.
    """
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    there = {path.relative_to(folder).as_posix() for path in folder.glob("*/*.smt2")}
    files: dict[str, str] = {}
    listed: dict[str, Bundled] = {}
    for claim, item in _queries(report):
        file = files.get(item["query"]) or _written(build / item["file"], item["answer"], folder, there)
        if file is None:
            continue
        files[item["query"]] = file
        if item["answer"] in ANSWERS:
            claims = listed.setdefault(file, Bundled(file, item["answer"], [])).claims
            claims += [claim] if claim not in claims else []
    for gone in there - set(files.values()):
        (folder / gone).unlink(missing_ok=True)
    write_atomically(folder / "QUERIES.tsv", _table(listed.values()))
    scripts = {"recheck.py": (HERE / "recheck_alone.py").read_text(encoding="utf-8"), "recheck.sh": SHELL}
    for name, text in scripts.items():
        write_atomically(folder / name, text)
        (folder / name).chmod(0o755)
    return {key: f"{FOLDER}/{file}" for key, file in files.items()}


def _queries(report: Json | None) -> Iterator[tuple[str, Json]]:
    for claim in (report or {"claims": []})["claims"]:
        for item in every_obligation(claim):
            yield claim["id"], item


def _written(path: Path, answer: str, folder: Path, there: set[str]) -> str | None:
    """The query's file in the bundle; ``None`` if the run's own is gone."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    status = f"(set-info :status {answer if answer in ANSWERS else 'unknown'})"
    text = "\n".join([status, *(line for line in lines if not line.startswith(";"))]) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
    file = f"{digest[:2]}/{digest}.smt2"
    if file not in there or (folder / file).stat().st_size != len(text.encode()):
        (folder / digest[:2]).mkdir(exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
        there.add(file)
    return file


def _table(queries: Iterable[Bundled]) -> str:
    lines = [f"{each.file}\t{each.answer}\t{' '.join(each.claims)}" for each in sorted(queries)]
    return "\n".join(["# file, the answer that the report relies on, claims", *lines]) + "\n"
