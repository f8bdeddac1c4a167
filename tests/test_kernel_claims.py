"""Claims about kernels: what a proof of one is made of, and that a wrong kernel does not pass for a right one."""

from __future__ import annotations

import dataclasses
import random
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import z3

from accelerated import cuda
from accelerated.launch import CHUNK
from proofs.cuda import claims
from proofs.cuda.bugs import FEW, Bug, Sizes
from proofs.cuda.device import OnDevice
from proofs.cuda.faults import Fault
from proofs.cuda.runs import hunt, of_size, on_device
from proofs.cuda.steps import Kernels, seen_through_window
from proofs.cuda.terms import Commuted, related, without_identities
from proofs.prover.catalogue import CLAIMS
from proofs.prover.claims import Aim
from proofs.prover.solvers import solve
from reference.contracts import bare
from reference.optimizer.clauses import is_step

try:
    cuda.toolkit_version()
except cuda.Unavailable as missing:
    pytest.skip(f"not run: {missing}", allow_module_level=True)

CUDA = [claim for claim in CLAIMS if claim.id.partition(".")[0] in ("CUDA-1", "CUDA-2", "CUDA-3", "CUDA-4")]
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOAT = z3.FPSort(8, 24)
X, Y, Z = (z3.FP(name, FLOAT) for name in "xyz")


def same(x: Any, y: Any) -> bool:
    unsigned = np.dtype(f"u{x.dtype.itemsize}")
    return bool(np.all((x.view(unsigned) == y.view(unsigned)) | (np.isnan(x) & np.isnan(y))))


# Terms.


def test_exchanged_operands_of_sums_and_products_are_one_term() -> None:
    theory, dtype = Commuted(), np.dtype(np.float32)
    for operation in ("add", "multiply"):
        assert z3.eq(theory.apply(operation, (X, Y), dtype), theory.apply(operation, (Y, X), dtype))
    for operation in ("subtract", "divide"):
        assert not z3.eq(theory.apply(operation, (X, Y), dtype), theory.apply(operation, (Y, X), dtype))
    nested = [theory.apply("add", (theory.apply("multiply", pair, dtype), Z), dtype) for pair in ((X, Y), (Y, X))]
    assert z3.eq(*nested)


def test_a_goal_keeps_one_identity_and_whatever_is_none() -> None:
    different = X == Y
    goal = z3.And(z3.And(X == X, Y == Y), z3.And(different, z3.BoolVal(True)))
    assert z3.eq(without_identities(goal), z3.And(X == X, different))
    assert z3.eq(without_identities(goal, {different.get_id()}), X == X)
    assert z3.is_true(without_identities(z3.BoolVal(True)))
    assert z3.is_false(without_identities(z3.BoolVal(False)))


def test_facts_are_related_by_variables_and_theirs() -> None:
    facts = [z3.fpLT(X, Y), z3.fpIsNaN(Z), z3.fpLT(Y, z3.FP("w", FLOAT)), z3.fpIsInf(z3.FP("v", FLOAT))]
    assert related(z3.fpIsZero(X), facts) == [facts[0], facts[2]]
    assert related(z3.BoolVal(True), facts) == []


# The device gives the reference's bits.


@pytest.mark.parametrize("kernels", [claims.SGD, claims.ADAMW, claims.ADAM, claims.EPSILON_HAT], ids=lambda k: k.clause)
@pytest.mark.parametrize("dtype", claims.DTYPES, ids=str)
def test_the_interpreted_step_is_the_reference(kernels: Kernels, dtype: Any) -> None:
    generator = random.Random(1)
    for size in (0, 1, 7, 40):
        for run in kernels.options(dtype).values():
            arguments = of_size(run, size).random(generator)
            expected = bare(kernels.step)(**arguments)
            in_place = size == 7
            found = OnDevice(kernels.optimizer, kernels.optimizer.source(), 32, in_place=in_place)(**arguments)
            assert same(found.param, expected.param)
            for field in dataclasses.fields(expected.state):
                wanted, got = getattr(expected.state, field.name), getattr(found.state, field.name)
                assert same(got, wanted) if hasattr(wanted, "dtype") else got == wanted


@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK, CHUNK + 1])
def test_every_element_around_a_block_edge_with_the_shipped_threads(size: int) -> None:
    run = of_size(claims.SGD.options(np.float32)["plain"], size)
    arguments = run.random(random.Random(2))
    found = OnDevice(claims.SGD.optimizer, claims.SGD.optimizer.source())(**arguments)
    assert same(found.param, bare(claims.SGD.step)(**arguments).param)


def test_a_window_has_both_ends_and_the_middle_of_a_huge_array() -> None:
    run = claims.SGD.options(np.float32)["heavy"]
    in_place = OnDevice(claims.SGD.optimizer, claims.SGD.optimizer.source(), in_place=True)
    step = seen_through_window(in_place, run, 2**33 + 5)
    assert step.window is not None
    assert {0, CHUNK - 1, 2**31 - 1, 2**31, 2**33, 2**33 + 4} <= set(step.window.indices)
    assert step.window.blocks == (0, 2**31 // CHUNK - 1, 2**31 // CHUNK, 2**33 // CHUNK)
    arguments = of_size(run, len(step.window.indices)).random(random.Random(3))
    assert is_step(step(**arguments), arguments["param"], arguments["state"], *_expected(arguments))


def _expected(arguments: Any) -> tuple[Any, Any]:
    after = bare(claims.SGD.step)(**arguments)
    return after.param, after.state.momentum_buffer


# Claims.


def test_every_step_and_dtype_is_claimed_and_every_claim_has_a_bug() -> None:
    assert {claim.id for claim in CUDA} == {
        f"CUDA-{k}.{dtype}" for k in (1, 2, 3, 4) for dtype in ("float16", "bfloat16", "float32", "float64")
    }
    assert all(claim.twins for claim in CUDA)
    for claim in CUDA:
        assert claim.verb == "prove"
        assert claim.rests_on == (
            () if claim.id.endswith("bfloat16") else (f"{claim.clause}.{claim.id.split('.')[1]}",)
        )


@pytest.mark.parametrize("name", ["CUDA-3.float64", "CUDA-4.bfloat16"])
def test_a_claim_is_made_of_goals_with_an_answer_and_of_witnesses(name: str) -> None:
    claim = CLAIMS[name]
    assert claim.build is not None
    obligations = list(claim.build())
    goals = [each for each in obligations if each.aim is Aim.GOAL]
    assert any(each.clause == claim.clause for each in goals)
    assert {solve(each.query).answer.value for each in goals} == {"unsat"}
    witness = next(each for each in obligations if each.aim is Aim.WITNESS)
    solved = solve(witness.query)
    assert solved.answer.value == "sat"
    assert witness.replay is not None
    assert witness.replay(solved.model).confirmed


def test_rounding_to_bfloat16_is_a_lemma_of_its_own() -> None:
    claim = CLAIMS["CUDA-1.bfloat16"]
    assert claim.build is not None
    names = {each.name.partition("path 1: ")[2] for each in claim.build()}
    assert {claims_name for claims_name in names if "bfloat16" in claims_name} == {
        "the bits of a bfloat16 before 16 zeros are the same number in float32",
        "what integers make of the bits of a float32 is the number rounded to bfloat16",
    }


def test_what_shows_a_planted_bug_is_a_fault_or_other_bits() -> None:
    shown = {}
    for twin in CLAIMS["CUDA-1.float32"].twins:
        if twin.exhaust is not None:
            counterexample = twin.exhaust().counterexample
            assert counterexample is not None
            shown[twin.name] = counterexample.note
    assert shown == {
        "off by one": "OutOfBounds",
        "no tail": "Unwritten",
        "packs of all": "Misaligned",
        "32-bit index": "OutOfBounds",
        "contracted": "Contraction",
        "flushed": "FlushToZero",
        "first row": "Race",
        "descends to maximize": "",
        "rate first": "",
    }


def test_a_wrong_kernel_does_not_become_a_theorem() -> None:
    """The goals of a kernel with other operations are not all unsatisfiable."""
    bug = Bug("uphill", "", "theta + s.minus_lr * u", "theta - s.minus_lr * u")
    step = OnDevice(claims.SGD.optimizer, bug.planted(claims.SGD.optimizer.source()), 8)
    run = on_device(of_size(claims.SGD.options(np.float32)["plain"], 1), "SGD-7", step)
    (path,) = run.paths()
    (clause,) = (duty for duty in path.duties if duty.name == "SGD-7")
    solver = z3.Solver()
    solver.add(*clause.hypotheses, z3.Not(clause.goal))
    assert solver.check() == z3.sat


def test_a_wrong_rounding_is_not_taken_for_a_cast() -> None:
    bug = claims.IN_16_BITS[0]
    step = OnDevice(claims.SGD.optimizer, bug.planted(claims.SGD.optimizer.source()), 8)
    run = on_device(of_size(claims.SGD.options(BFLOAT16)["plain"], 1), "SGD-7", step)
    (path,) = run.paths()
    assert not any("rounded to bfloat16" in duty.name for duty in path.duties)
    assert any(z3.is_eq(fact) and "bits" in str(fact) for fact in path.facts)  # the bits are those of the number


def test_a_fault_in_a_shipped_kernel_is_a_counterexample() -> None:
    bug = Bug("off by one", "", "i < end; i += stride) step", "i <= end; i += stride) step")
    source = bug.planted(claims.SGD.optimizer.source())
    broken = dataclasses.replace(claims.SGD, optimizer=claims.SGD.optimizer._replace(source=lambda: source))
    _, run = next(broken.runs(np.float32, FEW))
    with pytest.raises(Fault, match="kernel sgd_float32, block 0, thread"):
        list(run.paths())
    found = hunt(lambda: broken.runs(np.float32, FEW), "SGD-7", 1).counterexample
    assert found is not None
    assert found.confirmed
    assert "OutOfBounds" in found.note
    huge = hunt(lambda: broken.runs(np.float32, Sizes((), (2**31 + 5,))), "SGD-7", 1).counterexample
    assert huge is not None
    assert huge.confirmed


def test_a_bug_that_changes_nothing_is_an_error() -> None:
    with pytest.raises(LookupError, match="which is not in sgd"):
        Bug("none", "", "this is not there", "").planted(claims.SGD.optimizer.source())


@pytest.fixture
def without_nvrtc(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "cuda.bindings.nvrtc", None)
    monkeypatch.setattr("proofs.cuda.device._KERNELS", {})
    cuda._nvrtc.cache_clear()
    yield
    cuda._nvrtc.cache_clear()


@pytest.mark.usefixtures("without_nvrtc")
def test_without_nvrtc_a_claim_says_that_it_cannot_be_run() -> None:
    claim = CLAIMS["CUDA-1.float64"]
    assert claim.build is not None
    with pytest.raises(cuda.Unavailable, match=r"needs NVRTC and cuda-bindings: pip install"):
        list(claim.build())
