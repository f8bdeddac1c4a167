"""Claims about the norm as kernels: what gathers sums and maxima gathers nothing else, and a wrong kernel does not pass."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy as np
import pytest
import z3

from accelerated import cuda, sources
from accelerated.clipping import FIELDS, decision_on
from proofs.cuda import decision, kept, norms
from proofs.cuda.bugs import Bug
from proofs.cuda.deciding import Deciding
from proofs.cuda.gathered import Gathered, laws
from proofs.cuda.runs import KernelRun
from proofs.prover.catalogue import CLAIMS
from proofs.prover.claims import Aim
from proofs.prover.obligations import obligations
from proofs.prover.solvers import solve
from proofs.symbolic.paths import Path, on
from proofs.symbolic.terms import arithmetic, leaf_predicates

try:
    cuda.toolkit_version()
except cuda.Unavailable as missing:
    pytest.skip(f"not run: {missing}", allow_module_level=True)

DOUBLE = np.dtype(np.float64)
SORT = z3.FPSort(11, 53)
X, Y, Z = (z3.FP(name, SORT) for name in "xyz")
SMALL = norms.Lists(((5,),), ())


def answers(run: KernelRun) -> dict[str, str]:
    """What a solver says to the goals of a run, by name."""
    every = [each for each in obligations(run, "") if each.aim is Aim.GOAL]
    return {each.name: solve(dataclasses.replace(each.query, timeout=30)).answer.value for each in every}


def pieces(theory: Gathered, *terms: Any, exponent: int = 4) -> list[Any]:
    anchor = theory.constant(1.5 * 2.0**exponent, DOUBLE)
    return [theory.do_subtract(theory.do_add(term, anchor, DOUBLE), anchor, DOUBLE) for term in terms]


# What is gathered.


def test_sums_of_the_same_pieces_are_one_term_and_others_are_not() -> None:
    with on(Path()) as path:
        theory = Gathered()
        zero = theory.constant(0.0, DOUBLE)

        def add(a: Any, b: Any) -> Any:
            return theory.do_add(a, b, DOUBLE)

        x, y, z = pieces(theory, X, Y, Z)
        total = add(add(zero, x), add(y, z))
        assert z3.eq(total, add(add(add(z, zero), x), add(zero, y)))
        assert z3.eq(add(x, zero), x)
        for other in (add(x, y), add(total, x), add(add(x, y), y)):
            assert not z3.eq(total, other)
        assert path.assumed == {"RED-31"}


def test_only_pieces_on_one_grid_are_gathered() -> None:
    with on(Path()) as path:
        theory = Gathered()
        (x,), (y,) = pieces(theory, X), pieces(theory, Y, exponent=-47)
        for a, b in ((x, y), (x, Y), (X, Y), (x, theory.constant(-0.0, DOUBLE)), (x, theory.constant(1.0, DOUBLE))):
            assert z3.is_app_of(theory.do_add(a, b, DOUBLE), z3.Z3_OP_FPA_ADD)
        other = theory.do_subtract(theory.do_add(X, theory.constant(24.0, DOUBLE), DOUBLE), Y, DOUBLE)
        assert z3.is_app_of(theory.do_add(other, x, DOUBLE), z3.Z3_OP_FPA_ADD)
        assert not path.assumed


def test_a_select_is_a_maximum_only_if_it_is_the_larger() -> None:
    with on(Path()) as path:
        theory = Gathered()
        x, y, z = (theory.do_absolute(each, DOUBLE) for each in (X, Y, Z))

        def larger(a: Any, b: Any) -> Any:
            return theory.where(z3.Or(z3.fpIsNaN(a), z3.fpGT(a, b)), a, b)

        first = larger(larger(x, y), z)
        assert z3.eq(first, larger(y, larger(z, larger(y, x))))
        assert z3.eq(first, theory.do_maximum(larger(z, x), y, DOUBLE))
        assert not z3.eq(first, larger(x, y))
        loses_nan = theory.where(z3.fpGT(x, y), x, y)
        smaller = theory.where(z3.Or(z3.fpIsNaN(x), z3.fpLT(x, y)), x, y)
        signed = theory.where(z3.Or(z3.fpIsNaN(X), z3.fpGT(X, Y)), X, Y)
        assert all(z3.is_app_of(each, z3.Z3_OP_ITE) for each in (loses_nan, smaller, signed))
        assert path.duties
        assert all(z3.Solver().check(z3.Not(duty.goal)) == z3.unsat for duty in path.duties)


@pytest.mark.parametrize("dtype", norms.FLOATS)
def test_the_laws_of_the_larger_hold(dtype: Any) -> None:
    assert {solve(each.query).answer.value for each in laws(dtype)} == {"unsat"}


def test_what_is_forgotten_of_a_statement() -> None:
    inner = z3.fpEQ(X + Y, Z)
    outer = z3.fpLT(z3.If(inner, X * Y, X), Z)
    assert leaf_predicates(z3.And(outer, z3.Bool("flag"))) == [inner]
    assert {each.sexpr() for each in arithmetic(outer)} == {(X + Y).sexpr(), (X * Y).sexpr()}


# The device gives the shipped decision.


@pytest.mark.parametrize("dtype", norms.FLOATS)
@pytest.mark.parametrize("norm_type", [1.0, 2.0, np.inf])
def test_the_interpreted_decision_is_that_of_the_host(dtype: Any, norm_type: float) -> None:
    generator = random.Random(4)
    for _ in range(3):
        drawn = norms._drawn(dtype, (5, 0, 19), (), {}, generator)["grads"]
        grads = [np.where(np.isnan(grad), grad.dtype.type(1), grad) for grad in drawn]
        max_norm = np.float64(generator.uniform(0.1, 9))
        found = Deciding()(grads, max_norm, norm_type)
        wanted = decision_on(grads, max_norm, norm_type).array
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal([getattr(found, name) for name in FIELDS], wanted)


# Claims.


def test_every_dtype_is_claimed_with_its_bugs() -> None:
    floats, pairs = ("float16", "float32", "float64"), ("float16_float32", "bfloat16_float32")
    wanted = {f"CUDA-{k}.{dtype}" for k in (8, 9, 12, 13) for dtype in floats} | {f"CUDA-13.{each}" for each in pairs}
    wanted |= {"CUDA-10", "CUDA-11"}
    assert {claim.id for claim in CLAIMS if claim.id.partition(".")[0] in {f"CUDA-{k}" for k in range(8, 14)}} == wanted
    assert all(CLAIMS[name].twins for name in wanted)
    assert all("RED-31" in CLAIMS[f"CUDA-9.{dtype}"].rests_on for dtype in floats)


@pytest.mark.parametrize("claim", [norms.LARGEST, norms.POWER], ids=["largest", "power"])
def test_the_kernels_of_the_norm_have_the_terms_of_the_reference(claim: Any) -> None:
    for _, run in claim.runs(np.float16, SMALL):
        assert set(answers(run).values()) == {"unsat"}


@pytest.mark.parametrize(
    ("claim", "bug"),
    [
        (norms.LARGEST, norms.IN_BOTH[1]),
        (norms.LARGEST, norms.IN_LARGEST[0]),
        (norms.LARGEST, norms.IN_LARGEST[3]),
        (norms.POWER, norms.IN_BOTH[1]),
        (norms.POWER, norms.IN_POWER[0]),
        (norms.POWER, norms.IN_POWER[1]),
        (norms.POWER, norms.IN_POWER[4]),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_wrong_norm_does_not_become_a_theorem(claim: Any, bug: Bug) -> None:
    _, run = next(claim.runs(np.float16, norms.Lists(((77,),), ()), bug))
    assert "sat" in answers(run).values()


def test_the_decision_is_that_of_the_reference_and_a_wrong_one_is_not() -> None:
    def goals(bug: Bug | None) -> set[str]:
        runs = decision.runs(decision.decide_kernel, "CUDA-10", decision._apart, bug)
        return set(answers(next(run for label, run in runs if label.startswith("p = inf"))).values())

    assert goals(None) == {"unsat"}
    assert "sat" in goals(Bug("strictly", "", "return total <= (square", "return total < (square"))


def test_what_is_kept_is_written_where_it_is_wanted() -> None:
    source = Bug("", "", "row.grad == row.out && clip.kept", "clip.kept").planted(sources.read("clipping"))
    grad, one = np.array([1, np.nan, -np.inf], np.float32), np.float64(1)
    assert kept.Kept()(grad, one, one, one, one).tobytes() == grad.tobytes()
    with pytest.raises(Exception, match="nobody has written"):
        kept.Kept(source=source)(grad, one, one, one, one)
