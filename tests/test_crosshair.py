"""CrossHair's word counts only where it is proof: confirmed over all paths, or a counterexample that NumPy confirms."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import crosshair_subjects as subjects
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pebble import ProcessPool

from proofs.crosshair.arrays import FUNCTIONS, UFUNCS, NotUnderstood, ProtocolArray
from proofs.crosshair.check import Question, Said, judged
from proofs.crosshair.fingerprint import fingerprint
from proofs.prover.claims import Confirmation
from proofs.prover.evidence import Result, Verdict
from proofs.prover.run import Settings, run
from reference import contracts
from reference.reductions import fold_exponents

Ask = Callable[..., Any]
BOOLEANS = {"logical_and", "logical_or", "logical_not", "bitwise_and", "bitwise_or", "invert"}


@pytest.fixture(scope="module")
def apart() -> Iterator[Ask]:
    """Calls in one other process: importing CrossHair switches icontract off for good."""
    with ProcessPool(max_workers=1, context=multiprocessing.get_context("spawn")) as pool:
        yield lambda function, *arguments: pool.schedule(function, args=arguments, timeout=150).result()


def test_naive_clipping_is_refuted_by_an_input_that_numpy_confirms(apart: Ask) -> None:
    found = apart(subjects.asked, "naive", 100.0)
    assert found.state == "REFUTED"
    assert found.counterexample.confirmed
    grad, limit, result = (
        float(text.removeprefix("float64").strip(" [").split()[0])
        for text in (*found.counterexample.inputs.values(), found.counterexample.outputs["result"])
    )
    with np.errstate(all="ignore"):
        assert contracts.bare(subjects.naive_clip)(np.array([grad]), np.float64(limit)) == [result]
    assert abs(result) > limit


def test_a_true_claim_about_integers_is_confirmed(apart: Ask) -> None:
    assert apart(subjects.asked, "successor", 10.0) == Confirmation("CONFIRMED", "Confirmed over all paths.")


def test_a_single_wrong_integer_is_found(apart: Ask) -> None:
    found = apart(subjects.asked, "successor wrong", 10.0)
    assert found.state == "REFUTED"
    assert found.counterexample.inputs == {"n": "1000003"}


def test_preconditions_that_nothing_meets_are_not_counted(apart: Ask) -> None:
    assert apart(subjects.asked, "unmeetable", 5.0).state == "UNMET_PRECONDITION"


def test_a_precondition_that_raises_is_an_error_and_not_a_path_to_pass_over(apart: Ask) -> None:
    found = apart(subjects.asked, "broken precondition", 5.0)
    assert found.state == "ERROR"
    assert found.message.startswith("a precondition raised AttributeError: ")


def test_what_is_not_confirmed_is_not_counted(apart: Ask) -> None:
    found = apart(subjects.asked, "magnitude", 2.0)
    assert found.state == "NOT_CONFIRMED"
    assert found.counterexample is None


def test_an_operation_outside_the_dialect_is_named_and_refutes_nothing(apart: Ask) -> None:
    found = apart(subjects.asked, "outside", 5.0)
    assert found.state == "ERROR"
    assert "NotUnderstood: numpy.tanh is not understood" in found.message
    assert not found.counterexample.confirmed


@pytest.mark.parametrize("name", ["short", "short list"])
def test_arrays_have_1_to_4_elements(apart: Ask, name: str) -> None:
    assert apart(subjects.asked, name, 20.0).state == "CONFIRMED"


@pytest.mark.parametrize(
    ("size", "state"),
    [(0, "CONFIRMED"), (1, "REFUTED"), (2, "REFUTED"), (3, "REFUTED"), (4, "REFUTED"), (5, "CONFIRMED")],
)
def test_arrays_of_each_of_these_sizes_are_made_and_no_others(apart: Ask, size: int, state: str) -> None:
    assert apart(subjects.asked, f"size {size}", 10.0).state == state


def test_a_counterexample_that_does_not_replay_is_an_error() -> None:
    question = subjects.QUESTIONS["successor"]
    found = judged(question, Said("post_fail", "false when calling n = 1", {"n": 1}))
    assert found.state == "ERROR"
    assert found.counterexample is not None
    assert not found.counterexample.confirmed


# ---- what is kept from run to run -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "state"), [("successor", "CONFIRMED"), ("predecessor", "REFUTED")])
def test_answers_are_kept_and_counterexamples_replayed(apart: Ask, tmp_path: Path, name: str, state: str) -> None:
    first, second = (apart(subjects.remembered, name, 10.0, tmp_path) for _ in range(2))
    assert (first.state, first.cached) == (state, False)
    assert (second.state, second.cached) == (state, True)
    assert second.counterexample == first.counterexample


def test_open_answers_are_asked_again(apart: Ask, tmp_path: Path) -> None:
    assert not apart(subjects.remembered, "magnitude", 1.0, tmp_path).cached
    assert not list(tmp_path.rglob("*.json"))


def test_a_damaged_answer_is_asked_again(apart: Ask, tmp_path: Path) -> None:
    apart(subjects.remembered, "predecessor", 10.0, tmp_path)
    (file,) = tmp_path.rglob("*.json")
    entry = json.loads(file.read_text())
    entry["content"]["word"] = "confirmed"
    file.write_text(json.dumps(entry))
    found = apart(subjects.remembered, "predecessor", 10.0, tmp_path)
    assert (found.state, found.cached) == ("REFUTED", False)


def test_the_key_covers_the_body_the_clause_and_the_constants_that_they_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = contracts.bare(fold_exponents)
    before = fingerprint(bare)
    assert before == fingerprint(bare)
    assert before != fingerprint(contracts.postconditions(fold_exponents))
    for name, value in (("KEPT_BITS", 61), ("_rest", lambda exponents, bound: bound)):
        with monkeypatch.context() as patch:
            patch.setitem(bare.__globals__, name, value)
            assert fingerprint(bare) != before
    assert fingerprint(bare) == before


def test_the_key_differs_from_question_to_question() -> None:
    keys = [subjects.key_of(question) for question in subjects.QUESTIONS.values()]
    assert len(set(keys)) == len(keys)


# ---- verdicts -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """The verdicts on claims that CrossHair is to decide."""
    folder = tmp_path_factory.mktemp("run")
    settings = Settings(jobs=2, build=folder, cache=None, source="crosshair_subjects:REGISTRY")
    return {result.claim.id: result for result in run(settings).results}


def test_confirmed_is_proved(results: dict[str, Result]) -> None:
    assert results["TRUE"].established
    assert results["TRUE"].finding.verdict is Verdict.PROVED
    assert results["TRUE"].finding.witness is not None
    assert results["TRUE"].twins["twin"][0].verdict is Verdict.REFUTED


def test_a_counterexample_refutes(results: dict[str, Result]) -> None:
    assert results["FALSE"].finding.verdict is Verdict.REFUTED
    assert results["FALSE"].finding.counterexample.inputs == {"n": "1000003"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("OPEN", "CrossHair: NOT_CONFIRMED: Not confirmed."),
        ("VACUOUS", "CrossHair: UNMET_PRECONDITION: Unable to meet precondition."),
        ("TOOTHLESS", "twin twin was not refuted: CrossHair: CONFIRMED: Confirmed over all paths."),
    ],
)
def test_everything_else_is_undecided_in_crosshairs_own_words(
    results: dict[str, Result], name: str, reason: str
) -> None:
    assert results[name].finding.verdict is Verdict.UNDECIDED
    assert results[name].finding.reason == reason


# ---- fidelity: on concrete numbers the protocol arrays are NumPy ----------------------------------------------------


@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=1, max_size=4), st.sampled_from(sorted(UFUNCS)))
def test_ufuncs_are_numpys(pairs: list[tuple[float, float]], name: str) -> None:
    ufunc = getattr(np, name)
    columns = [np.array(column) for column in zip(*pairs, strict=True)][: ufunc.nin]
    if name in BOOLEANS:
        columns = [column > 0 for column in columns]
    if name in ("minimum", "maximum"):  # which of two zeros it is, NumPy leaves open
        columns = [column + 0.0 for column in columns]
    with np.errstate(all="ignore"):
        expected = ufunc(*columns)
        found = ufunc(*(ProtocolArray(column.tolist(), column.dtype) for column in columns))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(np.array(found.values), expected)
    np.testing.assert_array_equal(
        np.signbit(found.values)[~np.isnan(expected)], np.signbit(expected)[~np.isnan(expected)]
    )


@given(st.lists(st.floats(), min_size=1, max_size=4), st.sampled_from(sorted(set(FUNCTIONS) - {"where"})))
def test_functions_are_numpys(values: list[float], name: str) -> None:
    function = getattr(np, name)
    with np.errstate(all="ignore"):
        expected = function(np.array(values))
        found = function(ProtocolArray(values))
    np.testing.assert_array_equal(found.values if isinstance(found, ProtocolArray) else found, np.ravel(expected))


@given(st.lists(st.tuples(st.booleans(), st.floats()), min_size=1, max_size=4), st.floats())
def test_where_is_numpys(pairs: list[tuple[bool, float]], other: float) -> None:
    conditions, values = (list(column) for column in zip(*pairs, strict=True))
    found = np.where(ProtocolArray(conditions, np.dtype(bool)), ProtocolArray(values), np.float64(other))
    np.testing.assert_array_equal(found.values, np.where(conditions, values, other))


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (np.exp, "numpy.exp is not understood"),
        (np.add.reduce, "numpy.add.reduce is not understood"),
        (np.sort, "numpy.sort is not understood"),
        (lambda x: np.sum(x, axis=0), "numpy.sum with axis is not understood"),
        (lambda x: np.add(x, x, dtype=np.float32), "numpy.add with dtype is not understood"),
        (lambda x: x.astype(np.float32), "astype from float64 to float32 is not understood"),
        (lambda x: x[0:1], r"the index slice\(0, 1, None\) of an array of shape \(2,\) is not understood"),
        (lambda x: x + np.ones((2, 2)), r"an array of float64 and shape \(2, 2\) is not understood"),
        (lambda x: x + "1", "str among symbolic arrays is not understood"),
        (np.asarray, "would become concrete"),
        (float, "would become concrete"),
    ],
)
def test_everything_else_is_refused_by_name(use: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(NotUnderstood, match=message):
        use(ProtocolArray([1.0, 2.0]))


def test_questions_need_a_clause_that_the_function_has() -> None:
    with pytest.raises(LookupError, match=r"^successor has no clause T-99: it has T-2, T-3$"):
        _ = Question(subjects.successor, "T-99").promise
