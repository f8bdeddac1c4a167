"""The cache of answers: it saves work, survives damage and company, and never decides what was not decided."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import synthetic

from proofs.prover.cache import Cache, key_of
from proofs.prover.evidence import Answer, Result, Verdict
from proofs.prover.files import write_atomically
from proofs.prover.run import Settings, run
from proofs.prover.solvers import Solved


def results(folder: Path, registry: str, *selection: str) -> dict[str, Result]:
    settings = Settings(jobs=2, build=folder / "build", cache=folder / "cache", source=f"synthetic:{registry}")
    return {result.claim.id: result for result in run(settings, selection).results}


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "cache").rglob("*.json"))


def cached(result: Result) -> list[bool]:
    return [item.cached for item in result.asked if item.answer is not Answer.SKIPPED]


def test_a_second_run_asks_nothing_and_replays_again(tmp_path: Path) -> None:
    first, second = results(tmp_path, "ESTABLISHED"), results(tmp_path, "ESTABLISHED")
    for name in first:
        assert not any(cached(first[name])) and all(cached(second[name]))
        assert first[name].established and second[name].established
        assert [item.key for item in first[name].asked] == [item.key for item in second[name].asked]
    assert second["FALSE-1"].finding.counterexample == first["FALSE-1"].finding.counterexample
    assert first["FALSE-1"].finding.counterexample is not None


def test_a_witness_in_the_cache_does_not_stop_the_hunt_for_a_counterexample(tmp_path: Path) -> None:
    results(tmp_path, "VERDICTS", "TRUE-1")
    result = results(tmp_path, "VERDICTS", "KEPT-1")["KEPT-1"]
    assert [(item.name, item.cached) for item in result.part.asked] == [("witness", True), ("goal", False)]
    assert result.established


def test_what_was_not_decided_is_asked_again(tmp_path: Path) -> None:
    for _ in range(2):
        result = results(tmp_path, "VERDICTS", "UNSURE-1")["UNSURE-1"]
        assert result.finding.verdict is Verdict.UNDECIDED
    assert cached(result) == [True, False]
    assert len(entries(tmp_path)) == 1


def flipped(text: str) -> str:
    """The entry with the other answer, and not the checksum of it."""
    return text.replace('"unsat"', '"?"').replace('"sat"', '"unsat"').replace('"?"', '"sat"')


DAMAGE: dict[str, Callable[[str], str]] = {
    "emptied": lambda text: "",
    "cut off": lambda text: text[: len(text) // 2],
    "no JSON": lambda text: "unsat",
    "other JSON": lambda text: "[1, 2]",
    "no content": lambda text: '{"checksum": "0"}',
    "null": lambda text: "null",
    "another answer": flipped,
    "another model": lambda text: text.replace('"x": "', '"x": "1'),
    "not text": lambda text: "\udcff",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_no_answer_and_is_replaced(tmp_path: Path, damage: Callable[[str], str]) -> None:
    cache = Cache(tmp_path)
    queries = synthetic.query(), synthetic.query(synthetic.TRUE)
    answers = Solved(Answer.SAT, {"x": "1"}), Solved(Answer.UNSAT)
    for query, answer in zip(queries, answers, strict=True):
        cache.put(key_of(query), answer)
        assert cache.get(key_of(query)) == answer
        path = next(tmp_path.rglob(f"{key_of(query)}.json"))
        intact = path.read_text()
        damaged = damage(intact)
        path.write_text(damaged, errors="surrogateescape")
        assert cache.get(key_of(query)) == (answer if damaged == intact else None)
        cache.put(key_of(query), answer)
        assert cache.get(key_of(query)) == answer


def test_a_run_recomputes_what_is_damaged(tmp_path: Path) -> None:
    results(tmp_path, "ESTABLISHED")
    intact = {path: path.read_text() for path in entries(tmp_path)}
    for path, text in intact.items():
        path.write_text(flipped(text))
    again = results(tmp_path, "ESTABLISHED")
    assert all(result.established and not any(cached(result)) for result in again.values())
    answers = {path: json.loads(text)["content"]["answer"] for path, text in intact.items()}
    assert {path: json.loads(path.read_text())["content"]["answer"] for path in entries(tmp_path)} == answers


def test_an_entry_under_another_key_is_no_answer(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    one, other = key_of(synthetic.query(synthetic.TRUE)), key_of(synthetic.query(synthetic.FALSE))
    cache.put(one, Solved(Answer.UNSAT))
    target = tmp_path / other[:2] / f"{other}.json"
    target.parent.mkdir(exist_ok=True)
    shutil.copy(next(tmp_path.rglob(f"{one}.json")), target)
    assert cache.get(other) is None


def test_the_key_covers_the_text_the_solver_its_version_and_the_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    query = synthetic.query(synthetic.TRUE)
    others = [
        replace(query, smt2=query.smt2 + " "),
        replace(query, solver="bitwuzla"),
        replace(query, constants=("x", "y")),
    ]
    assert len({key_of(query), *map(key_of, others)}) == 4
    assert key_of(replace(query, timeout=1.0)) == key_of(query)
    before = key_of(query)
    monkeypatch.setattr("proofs.prover.cache.version", lambda solver: "0")
    assert key_of(query) != before


def test_no_folder_keeps_nothing() -> None:
    cache = Cache(None)
    cache.put("key", Solved(Answer.UNSAT))
    assert cache.get("key") is None


@pytest.mark.parametrize("answer", [Answer.UNKNOWN, Answer.TIMEOUT, Answer.ERROR], ids=lambda answer: answer.value)
def test_only_decisions_are_kept(tmp_path: Path, answer: Answer) -> None:
    Cache(tmp_path).put("key", Solved(answer))
    assert not list(tmp_path.iterdir())


def test_two_runs_at_once_with_one_cache_do_no_harm(tmp_path: Path) -> None:
    def start(number: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "proofs", "run", "--jobs", "2", "--claims", "synthetic:MANY"]
        folders = ["--build", str(tmp_path / f"build{number}"), "--lists", str(tmp_path)]
        return subprocess.Popen([*command, *folders], env=environment, stdout=subprocess.PIPE, text=True)

    environment = {**os.environ, "PROOFGRAD_CACHE": str(tmp_path / "cache")}
    lines = [f"MANY-{k}  prove  integers  all x > 0\n" for k in range(4)]
    (tmp_path / "EXPECTED.txt").write_text("".join(lines))
    both = [start(1), start(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert all("4 of 4 expected claims established: 4 proved." in output for output in outputs)
    kept = entries(tmp_path)
    assert kept == sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert all(Cache(tmp_path / "cache").get(path.stem) is not None for path in kept)
    reports = [json.loads((tmp_path / f"build{number}" / "report.json").read_text()) for number in (1, 2)]
    assert [claim["verdict"] for report in reports for claim in report["claims"]] == ["PROVED"] * 8


def test_a_file_is_replaced_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "file.json"
    write_atomically(path, "first")
    assert [entry.name for entry in path.parent.iterdir()] == ["file.json"]

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "second")
    assert [entry.name for entry in path.parent.iterdir()] == ["file.json"]
    assert path.read_text() == "first"


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_file_may_be_read_by_whom_the_user_lets_read_files(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_atomically(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode
