"""Clauses come out whole and alone, functions and kernels once, and the numbers of a replay with all their digits."""

from __future__ import annotations

import ast
import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from proofs.audit.caveats import caveats
from proofs.audit.rows import row_of_test
from proofs.audit.sources import Texts, location_of, object_of
from proofs.audit.theories import KINDS, base
from proofs.audit.values import run_of, split, values
from proofs.prover.catalogue import CLAIMS
from proofs.prover.sources import ROOT
from proofs.symbolic.inputs import show
from reference.adam import AdamState

TEXTS = Texts(claims=CLAIMS)
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOUNDNESS = (ROOT / "SOUNDNESS.md").read_text(encoding="utf-8")


# ---- clauses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("CLIP-6.float32", "lambda result, x, unit: rounds_toward_zero(result, x, unit)"),
        ("ADAM-50", "lambda result, lr: np.all(np.abs(result.theta) <= lr)"),  # a law in proofs/
        ("SCHED-56.linear", "lambda result, defaults: result[0] == defaults and np.array_equal(*result[1])"),
        ("CUDA-6.float16", "lambda result, grad, limit: same_bits(result, _cut(grad, limit))"),
    ],
)
def test_a_clause_comes_out_whole_and_alone(claim: str, text: str) -> None:
    assert TEXTS.clause(CLAIMS[claim]) == text


@pytest.mark.parametrize("claim", ["ADAM-15.float32", "CUDA-2.float32"])
def test_a_clause_that_a_function_makes_comes_with_what_it_is_made_of(claim: str) -> None:
    call, _, made = (TEXTS.clause(CLAIMS[claim]) or "").partition("\n\n")
    assert call == "_is_step(decoupled=True)" and made.startswith("lambda result, param, grad, state, lr")
    ast.parse(made)


def test_every_clause_and_precondition_is_python_and_only_false_statements_have_none() -> None:
    without = []
    for claim in CLAIMS:
        clause = TEXTS.clause(claim)
        without += [] if clause else [claim]
        for text in (*(clause or "None").split("\n\n"), *TEXTS.preconditions(claim)):
            ast.parse(text)
    assert {claim.verb for claim in without} == {"refute"} and all(not claim.location for claim in without)


def test_preconditions_say_which_argument_they_are_about() -> None:
    found = TEXTS.preconditions(CLAIMS["ADAM-15.float32"])
    assert "lambda x: is_not_negative(x)  # x is lr" in found
    assert "lambda param: is_parameter(param)" in found


def test_of_two_lambdas_on_a_line_the_condition_comes_out() -> None:
    found = TEXTS.preconditions(CLAIMS["CLIP-6.float32"])
    assert found == ["lambda x: np.all(np.isfinite(x))", "lambda unit: is_power_of_two(unit)"]


# ---- functions ------------------------------------------------------------------------------------------------------


def test_every_function_has_its_source_where_it_stands() -> None:
    for name in {claim.function for claim in CLAIMS}:
        found = TEXTS.function(name)
        lines = (ROOT / found["file"]).read_text(encoding="utf-8").splitlines()
        first = found["source"].splitlines()[0]
        assert lines[found["line"] - 1].strip().rstrip("\\").rstrip() == first.strip(), name
        assert found["purpose"], name


def test_a_kernel_comes_from_the_macro_that_makes_it() -> None:
    found = TEXTS.function("accelerated.clipping.shrink_float16")
    assert found["file"] == "accelerated/clipping.cu" and "shrink_##NAME(" in found["source"]
    assert found["source"].count("{") == found["source"].count("}") and "\\" not in found["source"]


def test_a_function_that_starts_kernels_has_theirs() -> None:
    found = TEXTS.function("accelerated.adam.adamw_step", "accelerated/adam.cu")
    assert found["source"] == (ROOT / "accelerated" / "adam.cu").read_text(encoding="utf-8").rstrip()


def test_what_is_not_found_says_so() -> None:
    assert TEXTS.function("no.such.function")["file"] == ""
    assert object_of("") is object_of("reference.adam.nothing") is None
    assert location_of(CLAIMS["ADAM-90"]) is None


# ---- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
def test_numbers_come_back_with_all_their_digits(dtype: Any) -> None:
    numbers = np.array([0.1, -0.0, np.inf, np.nan, 6e-8, 1.0], np.float64).astype(dtype)
    (found,) = values({"x": show(numbers)})
    assert (found["name"], found["dtype"]) == ("x", np.dtype(dtype).name)
    assert found["decimal"] is not None and found["hexadecimal"] is not None
    for texts in (map(float, found["decimal"]), map(float.fromhex, found["hexadecimal"])):
        again = np.array(list(texts)).astype(dtype)
        assert again.tobytes() == numbers.tobytes() or np.array_equal(again, numbers, equal_nan=True)


def test_the_members_of_lists_and_states_stand_by_themselves() -> None:
    state = AdamState(3, np.ones(2, np.float32), np.zeros(2, np.float32), None, None)
    found = {each["name"]: each for each in values({"grads": show([np.ones(1), np.zeros(0)]), "state": show(state)})}
    assert list(found) == [
        *("grads[0]", "grads[1]", "state.step", "state.exp_avg", "state.exp_avg_sq"),
        *("state.max_exp_avg_sq", "state.master"),
    ]
    assert found["grads[1]"]["decimal"] == [] and found["state.step"]["decimal"] == ["3"]
    assert found["state.exp_avg"]["hexadecimal"] == ["0x1.0000000000000p+0"] * 2
    assert found["state.master"]["decimal"] is None and found["state.master"]["text"] == "None"


@pytest.mark.parametrize(
    ("value", "decimal", "hexadecimal"),
    [
        (17, ["17"], None),
        (-0.5, ["-0.5"], ["-0x1.0000000000000p-1"]),
        (1e300, ["1e+300"], [(1e300).hex()]),
        (float("inf"), ["inf"], ["inf"]),
        (np.float32(1.5), ["1.5"], ["0x1.8000000000000p+0"]),
        (True, None, None),
        (np.dtype(np.float32), None, None),
        ("a, b = [1", None, None),
        ([], None, None),
    ],
)
def test_numbers_of_python_and_texts_are_told_apart(value: Any, decimal: Any, hexadecimal: Any) -> None:
    (found,) = values({"x": show(value)})
    assert (found["decimal"], found["hexadecimal"]) == (decimal, hexadecimal) and found["text"] == show(value)


def test_commas_in_brackets_and_quotes_do_not_split() -> None:
    assert split("a, f(b, c), [d, 'e, \\', ]f'], g") == ["a", "f(b, c)", "[d, 'e, \\', ]f']", "g"]
    assert run_of(None) is None


# ---- rows, theories, caveats ----------------------------------------------------------------------------------------


def test_files_of_tests_belong_to_the_row_that_they_are_about() -> None:
    places = {
        "tests/test_adam.py": "adam",
        "tests/test_adam_classes.py": "adam",
        "tests/test_accelerated_sgd.py": "sgd",
        "tests/test_accelerated_clipped_adam.py": "clipping",
        "tests/test_steps.py": "optimizer",
        "tests/test_kernel_clipping.py": "clipping",
        "tests/test_layout.py": None,
        "tests/prover/test_pool.py": None,
    }
    assert {file: row_of_test(file) for file in places} == places


def test_every_theory_is_described_as_the_readme_does() -> None:
    assert {base(claim.theory) for claim in CLAIMS} <= set(KINDS)
    table = README.partition("| theory | its numbers |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    assert {base(claim.theory) for claim in CLAIMS} == {name for name, *_ in rows}
    for name, meaning, holds_for, solver in rows:
        kind = KINDS[name]
        same = "the same" if holds_for == "the same" else kind.holds_for
        assert (meaning, holds_for, solver) == (kind.meaning, same, kind.solver)


def claim(**parts: Any) -> Any:
    empty = {
        "id": "X-1",
        "family": "X-1",
        "verb": "prove",
        "theory": "IEEE(float32)",
        "bound": "elementwise",
        "column": "reference",
    }
    return {**empty, "rests_on": [], "queries": [], "twins": [{"counterexample": None, "queries": []}], **parts}


@pytest.mark.parametrize(
    ("parts", "codes"),
    [
        ({}, set()),
        ({"bound": "p = 2, n <= 4", "rests_on": ["CLIP-11.float16"]}, {"BOUND-4", "LISTS-READ", "RESTS-READ"}),
        ({"family": "RED-42", "rests_on": ["RED-40"]}, {"ORDERS-READ", "RESTS-READ"}),
        ({"bound": "any n <= 2**40, inductive"}, {"ANY-SIZE-READ"}),
        ({"bound": "done = k / n, all k <= n <= 512"}, set()),
        ({"bound": "any state, n = 0, 1, 3; block edges in n = 4095"}, {"SIZES", "EDGES"}),
        ({"theory": "Real", "rests_on": ["Y-1"]}, {"REAL", "RESTS-READ"}),
        ({"theory": "Rounded(float16)", "twins": []}, {"ROUNDED", "NO-TWIN"}),
        ({"theory": "float16", "verb": "exhaust"}, {"NAMED-INPUTS"}),
        ({"theory": "CrossHair"}, {"CROSSHAIR"}),
        ({"column": "accelerated"}, {"PTX", "NO-GPU"}),
        ({"queries": [{"answer": "unsat", "second": None}]}, {"NO-SECOND-OPINION"}),
        ({"queries": [{"answer": "unsat", "second": "open"}]}, {"SECOND-OPEN"}),
        ({"queries": [{"answer": "unsat", "second": "confirmed"}, {"answer": "skipped", "second": None}]}, set()),
        ({"twins": [{"counterexample": {"confirmed": True}, "queries": [], "crosshair": None}]}, {"SAMPLED"}),
        ({"theory": "Real", "verb": "refute", "bound": "n <= 4"}, set()),
    ],
)
def test_caveats_follow_from_what_a_claim_is(parts: dict[str, Any], codes: set[str]) -> None:
    found = caveats([claim(**parts)], "NO-GPU")
    assert {caveat["code"] for caveat in found} == codes
    assert all(caveat["title"] and caveat["text"].endswith(".") for caveat in found)


def test_what_soundness_says_of_lists_and_inductions_stands_on_these_claims() -> None:
    expected = {
        "LISTS-READ": {"RED-9", "RED-11", "CLIP-1", "CLIP-2", "CLIP-3", "CLIP-7"},
        "ORDERS-READ": {"RED-42", "RED-43", "CLIP-11"},
    }
    every = [
        claim(id=each.id, family=each.id.partition(".")[0], bound=each.bound, rests_on=list(each.rests_on))
        for each in CLAIMS
    ]
    found = {caveat["code"]: {name.partition(".")[0] for name in caveat["claims"]} for caveat in caveats(every)}
    assert {code: found[code] for code in expected} == expected
    assert {"RED-32", "CLIP-20"} <= found["ANY-SIZE-READ"]


def test_what_is_trusted_is_listed_as_soundness_has_it() -> None:
    from proofs.audit.collect import _trusted

    found = _trusted(ROOT)
    assert len(found) == SOUNDNESS.partition("## What is trusted")[2].partition("\n## ")[0].count("\n* ")
    assert found[0]["name"] == "z3, Bitwuzla and CrossHair (which uses z3)" and "recheck" in found[0]["text"]
    assert all(0 < len(each["name"]) < 140 for each in found)
