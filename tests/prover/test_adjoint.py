"""Backward rules: the right ones are proven, the wrong ones refuted by points at which fractions show it."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest
from backward_rules import FALSE, LENGTH, RULES, STEP, products, shares_backward

from proofs.prover.adjoint import LAW, Adjoint, adjoint
from proofs.prover.claims import Aim
from proofs.prover.evidence import Answer, Result, Verdict
from proofs.prover.run import Settings, run
from proofs.prover.solvers import solve

EXPECTED_ANSWERS = {Aim.GOAL: Answer.UNSAT, Aim.WITNESS: Answer.SAT}
Found = dict[str, Result]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    every: Found = {}
    for registry in ("RULES", "FALSE"):
        folder: Path = tmp_path_factory.mktemp(registry)
        outcome = run(Settings(jobs=2, build=folder, cache=None, source=f"backward_rules:{registry}"))
        every |= {result.claim.id: result for result in outcome.results}
    return every


@pytest.mark.parametrize("name", [claim.id for claim in RULES])
def test_right_rules_are_proven_with_a_witness_and_their_twins_refuted(found: Found, name: str) -> None:
    result = found[name]
    assert result.finding.verdict is Verdict.PROVED, result.finding.reason
    assert result.finding.witness is not None and "result.bar" in result.finding.witness.inputs
    for finding, _ in result.twins.values():
        assert finding.counterexample is not None
        outputs = finding.counterexample.outputs
        assert Fraction(outputs["⟨ȳ, J ẋ⟩"]) != Fraction(outputs["⟨x̄, ẋ⟩"])


@pytest.mark.parametrize("name", ["PRODUCT-5", "SHARES-2", "NORM-4"])
def test_wrong_rules_are_refuted(found: Found, name: str) -> None:
    finding = found[name].finding
    assert finding.verdict is Verdict.REFUTED, finding.reason
    assert finding.counterexample is not None and finding.counterexample.confirmed
    assert {"x", "x.dot", "result.bar"} <= set(finding.counterexample.inputs)


UNDECIDED = {
    "RELU-2": "path 1: there is a derivative: 1: does not hold, and has nothing to replay",
    "RELU-3": "path 1: routine: does not hold, and has nothing to replay",
    "NORM-5": "path 1: there is a derivative: 1: does not hold, and has nothing to replay",
    "VACUOUS-1": "vacuous: nothing meets the preconditions",
    "IRRATIONAL-1": f"path 1: {LAW}: spurious: the model did not replay (exact evaluation: Irrational",
    "SHAPES-1": "the obligations could not be built: ValueError: <lambda> returns gradients of the shapes [()]",
}


@pytest.mark.parametrize(("name", "reason"), UNDECIDED.items(), ids=UNDECIDED)
def test_what_cannot_be_decided_says_why(found: Found, name: str, reason: str) -> None:
    finding = found[name].finding
    assert finding.verdict is Verdict.UNDECIDED and finding.counterexample is None
    assert finding.reason.startswith(reason)


def test_every_claim_here_is_tested(found: Found) -> None:
    assert set(found) == {claim.id for claim in (*RULES, *FALSE)}
    assert {claim.id for claim in FALSE} == {"PRODUCT-5", "SHARES-2", "NORM-4", *UNDECIDED}


def test_both_paths_of_a_branch_are_asked_about(found: Found) -> None:
    asked = found["CLIPPED-1"].part.asked
    assert [item.answer for item in asked if item.name in (f"path 1: {LAW}", f"path 2: {LAW}")] == [Answer.UNSAT] * 2
    assert {"path 1: witness", "path 2: witness"} <= {item.name for item in asked}


def test_examples_are_places_to_look_for_counterexamples() -> None:
    names = [obligation.name for obligation in adjoint(LENGTH) if obligation.aim is Aim.GOAL]
    assert f"path 1: {LAW} at example 1" in names and f"path 1: {LAW}" in names


def test_the_second_solver_can_read_every_query() -> None:
    for claim in RULES:
        assert claim.build is not None
        for obligation in claim.build():
            answer = solve(dataclasses.replace(obligation.query, solver="cvc5", timeout=0.2)).answer
            assert answer in (Answer.TIMEOUT, Answer.UNKNOWN, EXPECTED_ANSWERS[obligation.aim]), obligation.name


def test_a_twin_asks_for_counterexamples_only() -> None:
    assert {obligation.aim for obligation in adjoint(LENGTH, group="twin:x")} == {Aim.REFUTE}


def test_names_of_all_that_the_law_speaks_of() -> None:
    ((_, names),) = STEP.paths()
    assert names[:4] == ("parameter_0", "parameter_0.dot", "parameter_1", "parameter_1.dot")
    assert "rate" in names and "rate.dot" not in names
    assert names[-4:] == ("result.bar0_0", "result.bar0_1", "result.bar1_0", "result.bar1_1")
    assert len(set(names)) == len(names)


def test_a_backward_function_asks_for_arguments_by_their_names() -> None:
    rule = Adjoint(products(2).forward, shares_backward, products(2).inputs)
    assert rule.moving == ("w", "x")
    assert rule.pull_back({"x": 1.0, "w": 2.0}, 0.5, 3.0) == 2 * (3 - 1.5)
