"""A function called again with the same arguments gives the same terms; with others, terms of its own."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
import z3

from proofs import clipping, reductions
from proofs.prover.obligations import obligations
from proofs.prover.same_calls import Determined, Elementwise, equations, joined, terms
from proofs.prover.symbolic_run import Run
from proofs.reductions.order import IN_ANY_ORDER
from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array, Arrays
from proofs.symbolic.paths import Path, on
from proofs.symbolic.real import Real
from proofs.symbolic.rounded import Rounded
from proofs.symbolic.shadow import follow
from reference.clipping import clip_by_global_norm, in_full, scale_toward_zero, shrink_factor
from reference.contracts import ensure, require
from reference.reductions import (
    add,
    divides_exactly,
    fold,
    power_of_two_at_most,
    scale_by,
    squares_exactly,
    sum_of_squares,
)

NUMBERS = {"x": Array(np.float64), "y": Array(np.float64)}
PAIR = {"x": Array(np.float64, (2,))}


class Twice(NamedTuple):
    once: Any
    again: Any


@ensure("INNER-1", lambda result, x: np.all(result >= x))
def inner(x: Any, flag: Any = None) -> Any:
    return x + 1


@ensure("SUM-1", lambda result, arrays: result >= arrays[0][0])
def total(arrays: Any) -> Any:
    return np.sum(np.concatenate(arrays))


def agree(result: Twice) -> Any:
    return np.all(result.once == result.again)


@ensure("SAME-1", agree)
def commuted(x: Any, y: Any) -> Twice:
    return Twice(inner(x + y), inner(y + x))


@ensure("SAME-1", agree)
def different(x: Any, y: Any) -> Twice:
    return Twice(inner(x), inner(y))


@ensure("SAME-1", agree)
def flagged(x: Any, y: Any) -> Twice:
    return Twice(inner(x, True), inner(x, 1))


@ensure("SAME-1", agree)
def narrowed(x: Any, y: Any) -> Twice:
    return Twice(inner(x), inner(x.astype(np.float32)))


@ensure("SAME-1", agree)
def shaped(x: Any, y: Any) -> Twice:
    return Twice(inner(x), inner(np.reshape(x, (1,))))


@ensure("SAME-1", agree)
def equal_on_one_side(x: Any, y: Any) -> Twice:
    if x == y:
        return Twice(inner(x), inner(y))
    return Twice(inner(x), inner(x))


@require(lambda x, y: (x == 0) & (y == 0), lambda: ValueError("x and y must be zero"))
@ensure("SAME-1", lambda result: (result.once == result.again) | ~np.isfinite(result.once))
def two_zeros(x: Any, y: Any) -> Twice:
    return Twice(inner(x), inner(y))


@ensure("SAME-1", agree)
def exchanged(x: Any) -> Twice:
    return Twice(inner(x), inner(x[[1, 0]])[[1, 0]])


@ensure("SAME-1", agree)
def summed(x: Any) -> Twice:
    return Twice(total([x]), total([x[1:], x[:1]]))


def run(function: Any, theory: Any = None, inputs: Mapping[str, Any] = NUMBERS, **more: Any) -> Run:
    uses = {inner: "contract", total: "contract"}
    return Run(function, inputs, theory or Real(), clauses=("SAME-1",), **{"uses": uses, **more})


def results(path: Path) -> list[Any]:
    """What the inner function returned, call by call."""
    return [call.result for call in path.calls if call.function in ("inner", "total")]


def follows(path: Path) -> bool:
    """Whether the run's clause follows from the facts of a path."""
    (duty,) = (duty for duty in path.duties if duty.name == "SAME-1")
    solver = z3.Solver()
    solver.add(*duty.hypotheses, z3.Not(duty.goal))
    return solver.check() == z3.unsat


def routine_holds(path: Path) -> bool:
    solver = z3.Solver()
    solver.add(z3.Not(z3.And(*(goal for _, goal in path.routine_goals()))))
    return solver.check() == z3.unsat


@pytest.mark.parametrize("use", ["contract", "both"])
def test_arguments_shown_equal_give_the_very_same_terms(use: Any) -> None:
    (path,) = run(commuted, uses={inner: use}).paths()
    assert results(path)[0] is results(path)[1]
    assert [str(duty) for _, duty in path.routine] == ["x + y == y + x"]
    assert routine_holds(path) and follows(path)


def test_other_arguments_give_other_terms() -> None:
    (path,) = run(different).paths()
    once, again = results(path)
    assert not z3.eq(once.elements.item(), again.elements.item())
    assert not path.routine and not follows(path)


@pytest.mark.parametrize("function", [flagged, narrowed, shaped])
def test_flags_dtypes_and_shapes_are_arguments_too(function: Any) -> None:
    theory = Rounded() if function is narrowed else Real()
    (path,) = run(function, theory).paths()
    assert results(path)[0] is not results(path)[1]


def test_what_is_equal_on_one_path_need_not_be_on_another() -> None:
    equal, other = run(equal_on_one_side).paths()
    assert len(equal.routine) == 1 and follows(equal) and routine_holds(equal)
    assert not other.routine and follows(other)


def test_zeros_of_both_signs_are_not_the_same_bits() -> None:
    (path,) = run(two_zeros, IEEE()).paths()
    once, again = results(path)
    assert once is not again and not follows(path)


@require(lambda x, y: (x > y) | (x == y), lambda: ValueError("x must not be below y"))
@ensure("SAME-1", lambda result, x, y: (x > y) | (result.once == result.again))
def not_below(x: Any, y: Any) -> Twice:
    return Twice(inner(x), inner(y))


def test_equal_arguments_have_equal_results_where_it_is_open_whether_they_are_equal() -> None:
    (path,) = run(not_below).paths()
    assert results(path)[0] is not results(path)[1]
    assert not path.routine and follows(path)


@ensure("SAME-1", lambda result, x, y: (x != y) | (result.once == result.again))
def flagged_otherwise(x: Any, y: Any) -> Twice:
    return Twice(inner(x, 1), inner(y, 2))


def test_equal_numbers_alone_say_nothing_where_other_arguments_differ() -> None:
    (path,) = run(flagged_otherwise).paths()
    assert not follows(path)


@pytest.mark.parametrize("exponent", [-20, -30, -60, -100])
@pytest.mark.parametrize("make", [reductions.sums.sum_run, reductions.squares.squares_run])
def test_terms_that_one_grid_drops_and_the_next_keeps_are_part_of_the_proof(make: Any, exponent: int) -> None:
    one = Array(np.float32, (1,))
    inputs = {"arrays0_0": Fraction(1), "arrays1_0": Fraction(2) ** exponent}
    (path,) = make(Arrays((one, one))).paths()
    assert follow(path.recipes, path.facts, inputs)


def test_followed_functions_and_planted_bugs_are_run_again() -> None:
    (path,) = run(commuted, uses={}).paths()
    assert results(path)[0] is not results(path)[1]
    (path,) = run(commuted, replaced={inner: lambda x: x - 1}).paths()
    assert results(path)[0] is not results(path)[1] and not path.assumed


def test_the_actual_run_meets_the_facts() -> None:
    (path,) = run(commuted, Rounded()).paths()
    assert results(path)[0] is results(path)[1]
    assert follow(path.recipes, path.facts, {"x": Fraction(1), "y": Fraction(2)})


def test_elements_treated_one_by_one_keep_their_results_elsewhere() -> None:
    (path,) = run(exchanged, inputs=PAIR).paths()
    assert not follows(path)
    (path,) = run(exchanged, inputs=PAIR, elementwise={inner: Elementwise("x", "ALONE-1")}).paths()
    assert path.assumed == {"INNER-1", "ALONE-1"} and follows(path)
    first, second = (list(terms(result)) for result in results(path))
    assert all(z3.eq(a, b) for a, b in zip(first, reversed(second), strict=True))
    assert follow(path.recipes, path.facts, {"x_0": Fraction(1), "x_1": Fraction(2)})


@require(lambda x: np.all(x > 0), lambda: ValueError("x must be positive"))
@ensure("POSITIVE-1", lambda result, x: np.all(result >= x))
def of_positive(x: Any) -> Any:
    return x + 1


@require(lambda x: x[0] > 0, lambda: ValueError("the first must be positive"))
@ensure("FIRST-1", lambda result, x: np.all(result >= x))
def of_first_positive(x: Any) -> Any:
    return x + 1


@pytest.mark.parametrize(("function", "holds"), [(of_positive, True), (of_first_positive, False)])
def test_each_element_alone_must_meet_the_preconditions(function: Any, holds: bool) -> None:
    @require(function.__preconditions_written__[0].condition, lambda: ValueError("x"))
    @ensure("SAME-1", agree)
    def called(x: Any) -> Twice:
        return Twice(function(x), function(x))

    alone = {function: Elementwise("x", "ALONE-1")}
    (path,) = run(called, inputs=PAIR, uses={function: "contract"}, elementwise=alone).paths()
    assert routine_holds(path) is holds


def in_any_order(arguments: Mapping[str, Any]) -> list[int]:
    return sorted(term.get_id() for array in arguments["arrays"] for term in terms(array))


def test_a_key_determines_the_result_where_a_claim_says_so() -> None:
    (path,) = run(summed, inputs=PAIR).paths()
    assert not follows(path)
    determined = run(summed, inputs=PAIR, determined={total: Determined(in_any_order, "ORDER-1.real")})
    (path,) = determined.paths()
    assert path.assumed == {"SUM-1", "ORDER-1.real"} and follows(path)


def test_a_claim_that_uses_a_law_must_rest_on_it() -> None:
    determined = run(summed, inputs=PAIR, determined={total: Determined(in_any_order, "ORDER-1.real")})
    for rests_on in (["SUM-1"], ["SUM-1", "ORDER-1.other"]):
        with pytest.raises(ValueError, match=r"assumes ORDER-1\.real without resting on it"):
            list(obligations(determined, rests_on=rests_on))
    assert list(obligations(determined, rests_on=["SUM-1", "ORDER-1.real"]))


def symbol(name: str, theory: Any, dtype: Any = np.float64) -> SymbolicArray:
    with on(Path()):
        return Array(dtype).symbolic(name, theory)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.0, -0.0),
        (np.float64(0), np.float64(-0.0)),
        (1, True),
        (1, 1.0),
        (np.float32(1), np.float64(1)),
        (np.ones(2), np.ones(3)),
        ([1], (1,)),
        ([1], [1, 1]),
        ({"x": 1}, {"y": 1}),
        (object(), object()),
        (symbol("x", Real()), 1.0),
        (symbol("x", Rounded()), symbol("x", Rounded(), np.float32)),
    ],
    ids=lambda value: "object" if type(value) is object else repr(value),
)
def test_values_that_are_not_the_same(one: Any, other: Any) -> None:
    assert equations(one, one) == []
    assert equations(one, other) is None


def test_only_terms_that_differ_need_a_check() -> None:
    x, y = symbol("x", IEEE()), symbol("y", IEEE())
    assert equations([x, y, "a"], [x, y, "a"]) == []
    (equation,) = equations([x, x], [x, y]) or []
    assert z3.is_eq(equation) and not z3.is_fp(equation) and equation.decl().kind() == z3.Z3_OP_EQ


def test_results_of_parts_are_joined_in_their_structure() -> None:
    parts = [Twice(np.array([k]), np.array([-k])) for k in range(3)]
    whole = joined(parts)
    assert isinstance(whole, Twice)
    assert whole.once.tolist() == [0, 1, 2] and whole.again.tolist() == [0, -1, -2]


ONE = np.float64(1)
WITH_ZEROS: dict[Any, dict[str, Any]] = {
    sum_of_squares: {"arrays": [np.array([0.0, 1.0]), np.array([0.0])]},
    fold: {"x": np.array([0.0]), "exponent": 0},
    add: {"a": np.float64(0), "b": np.float64(0)},
    scale_by: {"x": np.float64(0), "unit": ONE},
    divides_exactly: {"x": np.array([0.0]), "unit": ONE},
    squares_exactly: {"x": np.array([0.0]), "unit": ONE},
    in_full: {"value": np.float64(0), "unit": ONE},
    scale_toward_zero: {"x": np.array([0.0]), "unit": ONE, "dtype": np.dtype(np.float32)},
    clip_by_global_norm: {"grads": [np.array([0.0, 3.0])], "max_norm": ONE},
}
NEVER_ZERO = {power_of_two_at_most, shrink_factor}  # by their preconditions


def with_negative_zeros(value: Any) -> Any:
    if isinstance(value, list):
        return [with_negative_zeros(part) for part in value]
    if isinstance(value, np.ndarray | np.float64):
        return np.where(value == 0, -0.0, value) if np.ndim(value) else np.float64(-0.0 if value == 0 else value)
    return value


@pytest.mark.parametrize("function", WITH_ZEROS, ids=lambda function: function.__name__)
def test_results_as_numbers_do_not_depend_on_the_sign_of_a_zero(function: Any) -> None:
    arguments = WITH_ZEROS[function]
    positive, negative = function(**arguments), function(**{k: with_negative_zeros(v) for k, v in arguments.items()})
    assert numbers(positive) == numbers(negative)


@pytest.mark.parametrize(
    ("sizes", "count", "bound", "claimed"),
    [((4,), 4, 1, True), ((1, 3), 4, 2, True), ((4,), 4, 3, False), ((4,), 5, 1, False), ((2, 3), 5, 1, False)],
)
def test_the_order_of_a_folded_sum_is_forgotten_only_where_a_claim_says_so(
    sizes: tuple[int, ...], count: int, bound: int, claimed: bool
) -> None:
    assert bool(IN_ANY_ORDER.where([np.ones(size) for size in sizes], count, bound)) is claimed


def numbers(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [number for part in value for number in numbers(part)]
    return np.ravel(value).tolist()  # type: ignore[no-any-return]


def test_all_that_the_rounding_model_uses_by_contract_is_among_them() -> None:
    used = {*reductions.pieces.PIECES, *clipping.norms.PIECES, clip_by_global_norm}
    assert used == {*WITH_ZEROS, *NEVER_ZERO}
