"""Claims about the kernels of clipping: what was left out of a proof, and that a wrong kernel does not pass."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy as np
import pytest
import z3

from accelerated import cuda, sources
from proofs.cuda import clipped_adam, clipping
from proofs.cuda.clipping import IN_CUT, IN_SHRINK, Cut, Shrink
from proofs.cuda.runs import on_device, prove_apart
from proofs.prover.catalogue import CLAIMS
from proofs.prover.claims import Aim
from proofs.prover.obligations import obligations
from proofs.prover.solvers import solve
from reference.clipping import clip_elements, shrink
from reference.contracts import bare

try:
    cuda.toolkit_version()
except cuda.Unavailable as missing:
    pytest.skip(f"not run: {missing}", allow_module_level=True)

FLOATS = clipping.FLOATS


def goals(run: Any) -> dict[str, str]:
    """The answers to the goals of a run, by name."""
    every = [each for each in obligations(run, "") if each.aim is Aim.GOAL]
    return {each.name: solve(dataclasses.replace(each.query, timeout=30)).answer.value for each in every}


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_interpreted_kernels_are_the_reference(dtype: Any) -> None:
    generator = random.Random(3)
    for _ in range(30):
        given = clipping._shrink_run(dtype, 11).random(generator)
        assert Shrink()(**given).tobytes() == bare(shrink)(**given).tobytes()
        given = clipping._cut_run(dtype, 11).random(generator)
        assert Cut()(**given).tobytes() == bare(clip_elements)(**given).tobytes()


def test_every_dtype_is_claimed_with_its_bugs() -> None:
    names = {claim.id for claim in CLAIMS if claim.id.partition(".")[0] in ("CUDA-5", "CUDA-6", "CUDA-7")}
    floats = ("float16", "float32", "float64")
    assert names == {
        *(f"CUDA-{k}.{dtype}" for k in (5, 6) for dtype in floats),
        *(f"CUDA-7.{pair}" for pair in (*floats, "float16_float32", "bfloat16_float32")),
    }
    assert all(CLAIMS[name].twins for name in names)


@pytest.mark.parametrize("kernel", [clipping.SHRINK, clipping.CUT], ids=["shrink", "cut"])
def test_a_part_proven_apart_is_a_question_about_itself(kernel: Any) -> None:
    """What is left out of the clause must not be left out of its own goal."""
    _, run = next(kernel.runs(np.float16))
    (path,) = run.paths()
    apart = [duty for duty in path.duties if duty.name.startswith("element")]
    assert [duty.name for duty in apart] == ["element 0"]
    assert not any(z3.is_true(z3.simplify(duty.goal)) for duty in apart)
    assert not any(z3.is_true(z3.simplify(duty.goal)) for duty in path.duties if duty.name not in run.clauses)


@pytest.mark.parametrize(
    ("kernel", "bug"), [(clipping.SHRINK, IN_SHRINK[0]), (clipping.CUT, IN_CUT[0])], ids=["shrink", "cut"]
)
def test_a_wrong_kernel_does_not_become_a_theorem(kernel: Any, bug: Any) -> None:
    source = bug.planted(sources.read("clipping"))
    run = on_device(kernel.inputs(np.float16, 1), kernel.clause, kernel.at(source=source), kernel._one_by_one)
    assert goals(run)["path 1: element 0"] == "sat"


def test_a_duty_keeps_what_only_becomes_known_with_it() -> None:
    """A goal that is assumed after it was noted is still asked."""
    _, run = next(clipping.SHRINK.runs(np.float16))
    claimed: list[Any] = []

    def script(path: Any, arguments: Any, result: Any) -> None:
        false = z3.fpIsNaN(arguments["factor"].elements.item())
        claimed.append(false)
        path.prove("false", false)
        prove_apart(path, "false apart", z3.Not(false))

    (path,) = dataclasses.replace(run, script=script).paths()
    (duty,) = (duty for duty in path.duties if duty.name == "false")
    assert z3.eq(duty.goal, claimed[0])
    (apart,) = (duty for duty in path.duties if duty.name == "false apart")
    assert not z3.is_true(apart.goal)


def test_the_fused_kernel_is_compared_with_both_kernels() -> None:
    _, run = next(clipped_adam.runs(*clipped_adam.PAIRS[0]))
    (path,) = run.paths()
    (clause,) = (duty for duty in path.duties if duty.name == "CUDA-7")
    assert "fp.div" in clause.goal.sexpr() and "fp.sqrt" in clause.goal.sexpr()
    bug = clipped_adam.UNCLIPPED
    source = bug.planted(clipped_adam.FUSED.source())
    broken = on_device(run, "CUDA-7", clipped_adam.Fused(source))
    (path,) = broken.paths()
    (clause,) = (duty for duty in path.duties if duty.name == "CUDA-7")
    assert not z3.is_true(z3.simplify(clause.goal))
