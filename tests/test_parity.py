"""Parity finds what differs, says where it ran and what it did not run, and knows when its evidence is out of date."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from accelerated import clipping, cuda, sources
from accelerated.host import build
from accelerated.parity import evidence
from accelerated.parity.__main__ import main
from accelerated.parity.inputs import LAYOUTS, Inputs, seeded
from accelerated.parity.run import (
    NoGPU,
    Outcome,
    Place,
    compare,
    compare_all,
    on_gpu,
    on_host,
    report,
    source_hashes,
    write,
)
from accelerated.parity.subjects import subjects
from accelerated.parity.ulps import FAR, histogram, ulps_apart

FORMATS = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
READ = sources.read


def subject(name: str, dtype: str) -> Any:
    (found,) = (each for each in subjects() if (each.name, each.dtype) == (name, dtype))
    return found


# Units in the last place.


@pytest.mark.parametrize("dtype", FORMATS)
def test_neighbours_are_one_apart(dtype: Any) -> None:
    zero = np.zeros(1, dtype)
    chain = [-zero, zero, np.nextafter(zero, zero + 1), np.nextafter(np.nextafter(zero, zero + 1), zero + 1)]
    for first, second in itertools.pairwise(chain):
        assert ulps_apart(first, second) == ulps_apart(second, first) == 1
        assert ulps_apart(-first, -second) == 1
    assert ulps_apart(-chain[3], chain[3]) == 5
    largest = np.full(1, np.array(ml_dtypes.finfo(dtype).max, dtype))
    assert ulps_apart(largest, np.full(1, np.inf, dtype)) == 1


@pytest.mark.parametrize("dtype", FORMATS)
def test_any_nan_is_the_same_and_no_number(dtype: Any) -> None:
    nan, one = np.full(2, np.nan, dtype), np.ones(2, dtype)
    with np.errstate(all="ignore"):
        assert ulps_apart(nan, -nan) == 0
    assert ulps_apart(nan, one) == ulps_apart(one, nan) == FAR


def test_elements_are_counted_by_how_far_they_are_apart() -> None:
    wanted = np.array([1.0, 2.0, np.nan, 4.0, 0.0, np.nan])
    found = np.array([1.0, np.nextafter(2.0, 3.0), np.nan, np.nan, -0.0, 1.0])
    assert histogram(found, wanted) == {0: 2, 1: 2, FAR: 2}
    assert histogram(wanted[:0], wanted[:0]) == {}
    outcome = Outcome(subjects()[0], ulps=Counter({0: 5, 16: 1, 17: 2, 33: 1, FAR: 3}))
    assert outcome.as_json()["ulps"] == {"0": 5, "16": 3, "32": 1, str(2**62): 3}


def test_the_most_of_all_elements_counts() -> None:
    wanted = np.array([1.0, 2.0, np.nan, 4.0])
    found = wanted + np.array([0.0, 2.0**-50, 0.0, 2.0**-50])
    assert ulps_apart(found, wanted) == 2
    assert ulps_apart(wanted[:0], wanted[:0]) == 0
    assert ulps_apart(np.float64(-np.inf), np.float64(np.inf)) == 2 * (0x7FF << 52) + 1


def test_other_dtypes_and_shapes_are_errors() -> None:
    with pytest.raises(TypeError, match="two dtypes, float32 and float64"):
        ulps_apart(np.ones(1, np.float32), np.ones(1))
    with pytest.raises(ValueError, match=r"two shapes, \(1,\) and \(1, 1\)"):
        ulps_apart(np.ones(1), np.ones((1, 1)))


# Inputs.


def test_inputs_are_those_of_their_seed_and_hold_what_is_special() -> None:
    arrays = [[each.array(300, np.float32) for each in seeded(40, 7)] for _ in range(2)]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*arrays, strict=True))
    assert any(a.tobytes() != b.tobytes() for a, b in zip(arrays[0], arrays[0][1:], strict=False))
    whole = np.concatenate([np.ravel(array) for array in arrays[0]])
    assert np.any(np.isnan(whole)) and np.any(np.isinf(whole)) and np.any(whole == 0)
    assert np.any((np.abs(whole) < np.finfo(np.float32).smallest_normal) & (whole != 0))
    assert any(not array.flags.c_contiguous for array in arrays[0])
    assert all(np.all(np.isfinite(each.array(300, np.float32, finite=True))) for each in seeded(40, 7))


def test_every_layout_is_drawn() -> None:
    source = Inputs(3)
    assert {source.choice(LAYOUTS) for _ in range(100)} == set(LAYOUTS)


# Comparing.


def test_every_public_function_that_makes_arrays_is_a_subject() -> None:
    names = {each.name for each in subjects()}
    for module in (clipping, __import__("accelerated.adam").adam, __import__("accelerated.sgd").sgd):
        public = {name for name in module.__all__ if name.islower() and not name.endswith(("_", "_state"))}
        assert {
            name if name.endswith("s") or "clip" in name or "norm" in name else f"{name}s" for name in public
        } <= names


@pytest.mark.parametrize("each", subjects(), ids=lambda each: f"{each.name} {each.dtype}")
def test_the_kernels_agree(each: Any) -> None:
    outcome = compare(each, on_host(), 3, 11)
    assert (outcome.error, outcome.inputs, outcome.most_ulps, outcome.holds) == ("", 3, 0, True)
    assert outcome.elements > 0


def planted(monkeypatch: pytest.MonkeyPatch, concept: str, old: str, new: str) -> None:
    source = READ(concept)
    assert source.text.count(old) == 1
    text = source.text.replace(old, new)
    other = sources.Source(source.name, text, source.headers, f"{source.digest} {new}")
    monkeypatch.setattr(build, "OPTIMIZED", ("-O0",))
    monkeypatch.setattr(sources, "read", lambda name: other if name == concept else READ(name))


def test_a_kernel_with_a_bug_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, "adam", "(s.fresh2 * g) * g", "s.fresh2 * (g * g)")
    outcome = compare(subject("adam_steps", "float32"), on_host(), 20, 0)
    assert not outcome.error and outcome.most_ulps > 0 and outcome.worst is not None and not outcome.holds
    assert outcome.as_json()["holds"] is False


def test_an_error_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any, **settings: Any) -> Any:
        raise LookupError("nothing there")

    outcome = compare(subject("global_norm", "float32")._replace(accelerated=broken), on_host(), 5, 0)
    assert (outcome.error, outcome.inputs, outcome.holds) == ("input 0: LookupError: nothing there", 0, False)
    fewer = subject("adam_steps", "float32")._replace(accelerated=lambda *given, **settings: [])
    assert (
        compare(fewer, on_host(), 5, 0).error
        == "input 0: ValueError: there are 0 results, not " + (compare(fewer, on_host(), 5, 0).error.rpartition(" ")[2])
    )


def test_what_was_not_tried_does_not_hold() -> None:
    assert not Outcome(subject("global_norm", "float32")).holds


def test_a_gpu_without_bfloat16_is_said_not_to_have_run_it() -> None:
    def to(array: Any) -> Any:
        raise TypeError("bfloat16")

    place = Place("gpu", "some GPU", to, lambda x: x, {})
    (outcome,) = compare_all([subject("sgd_steps", "bfloat16")], place, 5, 0)
    assert (outcome.error, outcome.inputs, outcome.holds) == ("not run: this CuPy has no bfloat16", 0, False)


# The command.


def test_the_command_says_where_it_ran_and_writes_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("accelerated.parity.__main__.subjects", lambda: subjects()[:2])
    monkeypatch.chdir(tmp_path)
    assert main(["--on", "host", "--inputs", "4"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("kernels on the host (processor), reference on the processor\n")
    assert "clipping.global_norm" in printed and "0 ulp (bound 0)  same bits" in printed
    assert "2 of 2 functions within 0 ulp on 8 inputs" in printed
    assert "evidence from a GPU: none" in printed
    found = json.loads((tmp_path / "build" / "parity.json").read_text())
    assert (found["where"], found["inputs"], len(found["functions"])) == ("host", 4, 2)
    assert found["sources"] == source_hashes("host")
    assert found["functions"][0]["ulps"] == {"0": found["functions"][0]["elements"]}
    assert found["functions"][0]["inputs"] == 4 and found["functions"][0]["bound"] == 0
    assert not (tmp_path / "evidence").exists()


def test_the_command_fails_where_a_function_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = subject("sgd_steps", "float32")
    monkeypatch.setattr("accelerated.parity.__main__.subjects", lambda: [chosen])
    planted(monkeypatch, "sgd", "theta + s.minus_lr * u", "theta - s.minus_lr * u")
    assert main(["--on", "host", "--inputs", "4", "--build", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "DIFFERS, most at input" in printed and "0 of 1 functions" in printed


def test_a_gpu_that_is_not_there_is_said_not_to_have_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def missing() -> Any:
        raise cuda.Unavailable("there is no CuPy here")

    monkeypatch.setattr(cuda, "cupy", missing)
    with pytest.raises(NoGPU, match="there is no CuPy here"):
        on_gpu()
    assert main(["--on", "gpu", "--build", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "parity was NOT RUN: there is no CuPy here\n"
    assert list(tmp_path.iterdir()) == []


def test_the_number_of_inputs_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--inputs", "0"])
    assert "--inputs must be at least 1" in capsys.readouterr().err


# Evidence.


def written(folder: Path, **changes: Any) -> Path:
    place = Place("gpu", "NVIDIA Something 100", lambda x: x, lambda x: x, {})
    outcome = Outcome(subject("global_norm", "float32"), inputs=3, elements=3)
    path = evidence.path_for(place.device, folder)
    write(path, {**report(place, [outcome], 3, 0), **changes})
    return path


def test_evidence_about_these_sources(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert path.name == "nvidia-something-100.json"
    (found,) = evidence.every(tmp_path)
    assert (found.device, found.stale, found.holds) == ("NVIDIA Something 100", (), True)
    assert "the same bits; about these sources" in str(found)


def test_evidence_about_other_sources_is_stale(tmp_path: Path) -> None:
    written(tmp_path, sources={**source_hashes(), "adam.cu": "another"})
    (found,) = evidence.every(tmp_path)
    assert found.stale == ("adam.cu",) and "STALE: adam.cu changed since" in str(found)


@pytest.mark.parametrize("functions", [[], [{"holds": False}]])
def test_evidence_of_nothing_or_of_differences_does_not_hold(tmp_path: Path, functions: Any) -> None:
    written(tmp_path, functions=functions)
    (found,) = evidence.every(tmp_path)
    assert not found.holds and "DIFFERENCES" in str(found)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sources": 1, "functions": [], "device": "x", "when": "y"}'])
def test_evidence_that_cannot_be_read_is_stale_in_everything(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.json").write_text(text)
    (found,) = evidence.every(tmp_path)
    assert found.stale == tuple(source_hashes()) and not found.holds
