"""The interpreter of PTX on symbolic floats: the terms of kernels are those of their expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import z3
from kernel_runs import (
    BFLOAT16,
    FLOATS,
    ROUNDINGS,
    SIZES,
    compiled,
    descend,
    floats,
    kernels,
    rounded,
    run_functions,
    same,
)

from accelerated import cuda
from proofs.cuda import faults
from proofs.cuda.arrays import contents, place
from proofs.cuda.machine import launch
from proofs.cuda.memory import Memory
from proofs.cuda.terms import Commuted
from proofs.cuda.values import Concrete
from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.paths import explore

try:
    cuda.toolkit_version()
except cuda.Unavailable as missing:
    pytest.skip(f"not run: {missing}", allow_module_level=True)

# Symbolic runs.


def symbols(name: str, n: int, dtype: Any = np.float32) -> SymbolicArray:
    theory = IEEE()
    terms = np.empty(n, dtype=object)
    for k in range(n):
        terms[k] = theory.variable(f"{name}_{k}", np.dtype(dtype))
    return SymbolicArray(terms, np.dtype(dtype), theory)


def constants(x: Any) -> SymbolicArray:
    theory = IEEE()
    terms = np.empty(len(x), dtype=object)
    for k, each in enumerate(x):
        terms[k] = theory.constant(each, x.dtype)
    return SymbolicArray(terms, x.dtype, theory)


def only(run: Callable[[], Any]) -> Any:
    """The result of a run that has one path."""
    ((_, result),) = explore(run)
    return result


@pytest.mark.parametrize("n", SIZES)
def test_an_elementwise_kernel_has_the_terms_of_its_expression(n: int) -> None:
    def run() -> None:
        p, g, lr = symbols("p", n), symbols("g", n), symbols("lr", 1)[0]
        found, expected = descend(p, g, lr, theory=IEEE()), p - g * lr
        assert all(z3.eq(a, b) for a, b in zip(found.elements, expected.elements, strict=True))

    only(run)


def neighbours_first(sums: list[Any], add: Callable[[Any, Any], Any]) -> Any:
    while len(sums) > 1:
        sums = [add(sums[k], sums[k + 1]) for k in range(0, len(sums), 2)]
    return sums[0]


def halves_first(sums: list[Any], add: Callable[[Any, Any], Any]) -> Any:
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [add(sums[k], sums[k + half]) for k in range(half)]
    return sums[0]


@pytest.mark.parametrize("n", [1, 33, 64])
def test_a_reduction_by_shuffles_and_shared_memory_has_the_terms_of_its_tree(n: int) -> None:
    """64 threads are two warps; the sums of the 30 warps that are not there are 0."""
    theory, dtype = Commuted(), np.dtype(np.float64)  # NVRTC exchanges the operands of some additions

    def add(a: Any, b: Any) -> Any:
        return theory.apply("add", (a, b), dtype)

    def run() -> None:
        x = symbols("x", n, np.float64)
        zero = theory.constant(0, dtype)
        leaves = [*x.elements, *[zero] * (64 - n)]
        warps = [neighbours_first(leaves[:32], add), neighbours_first(leaves[32:], add), *[zero] * 30]
        expected = {"total": neighbours_first(warps, add), "total_by_halves": halves_first(leaves, add)}
        for name, shared in (("total", 0), ("total_by_halves", 512)):
            memory = Memory(theory)
            sums = memory.array("sums", 1, dtype)
            launch(kernels("total")[name], memory, 1, 64, [place(memory, "x", x), sums, n], shared)
            assert z3.eq(contents(sums, dtype, theory).elements[0], expected[name])

    only(run)


def value(term: Any, dtype: Any) -> Any:
    """The number that a term without variables is."""
    simple = z3.simplify(term)
    if simple.isNaN():
        return np.dtype(dtype).type(np.nan)
    bits = z3.simplify(z3.fpToIEEEBV(simple)).as_long()
    return np.frombuffer(bits.to_bytes(np.dtype(dtype).itemsize, "little"), dtype)[0]


@pytest.mark.parametrize(("name", "source", "target", "expected"), ROUNDINGS)
def test_conversions_of_constants_are_numpys(
    name: str, source: Any, target: Any, expected: Callable[[Any], Any]
) -> None:
    x = floats(24, 3)
    with np.errstate(all="ignore"):
        x = x[~np.isnan(x)].astype(source)  # the bits of a NaN are any, in the solver

        def run() -> None:
            found = rounded(name, constants(x), target, IEEE())
            assert same(np.array([value(term, target) for term in found.elements], target), expected(x))

        only(run)


def test_symbolic_floating_point_agrees_with_numpy_on_constants() -> None:
    kernel = compiled(FLOATS)["functions"]
    for seed in range(25):
        x = floats(2, seed)
        if np.isnan(x).any():
            continue
        concrete, wide, _ = run_functions(kernel, x, Concrete(), 21)

        def run(x: Any = x, concrete: Any = concrete, wide: Any = wide) -> None:
            y, z, _ = run_functions(kernel, constants(x), IEEE(), 21)
            assert same(np.array([value(term, np.float32) for term in y.elements], np.float32), concrete)
            assert same(np.array([value(term, np.float64) for term in z.elements]), wide)

        only(run)


def test_rounding_by_integers_is_proven_to_be_a_cast() -> None:
    def run() -> Any:
        x = symbols("x", 1)
        found = [rounded(name, x, BFLOAT16, IEEE()).elements[0] for name in ("to_bfloat16", "branching_to_bfloat16")]
        return found, x.astype(BFLOAT16).elements[0]

    ((path, (found, expected)),) = explore(run)
    for term in found:
        solver = z3.Solver()
        solver.add(*path.facts, term != expected)
        assert solver.check() == z3.unsat


def test_widening_is_a_cast_and_leaves_a_lemma() -> None:
    def run() -> Any:
        x = symbols("x", 2, BFLOAT16)
        found = rounded("tripled_bfloat16", x, np.float32, IEEE())
        expected = x.astype(np.float32) * np.float32(3)
        for a, b in zip(found.elements, expected.elements, strict=True):
            assert {a.arg(1).get_id(), a.arg(2).get_id()} == {b.arg(1).get_id(), b.arg(2).get_id()}

    ((path, _),) = explore(run)
    (duty,) = path.duties
    solver = z3.Solver()
    solver.add(z3.Not(duty.goal))
    assert solver.check() == z3.unsat


BRANCH = """
extern "C" __global__ void branch(const float* x, float* y) {
    if (x[0] < 0.0f) y[0] = 1.0f; else y[0] = x[0] * 2.0f;
    if (x[0] > 5.0f) y[1] = y[0]; else y[2] = y[0];
}
"""


def test_a_branch_that_writes_is_followed_on_both_sides() -> None:
    kernel = compiled(BRANCH)["branch"]
    found = []

    def run() -> None:
        memory = Memory(IEEE())
        y = memory.array("y", 3, np.dtype(np.float32))
        launch(kernel, memory, 1, 1, [place(memory, "x", symbols("x", 1)), y])
        written = []
        for k in range(3):
            try:
                y.element(k, memory.theory)
                written.append(k)
            except faults.Unwritten:
                pass
        found.append(written)

    assert len(list(explore(run))) == 2  # NVRTC makes a selection of the first branch
    assert sorted(found) == [[0, 1], [0, 2]]
