"""A Python ``if`` on a symbolic scalar: both sides are run, impossible ones are not, and nothing is proven of the dead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import z3

from proofs.symbolic import paths
from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from proofs.symbolic.paths import BATCH, Dead, Path, current, explore
from proofs.symbolic.real import Real

THEORIES = [Real(), IEEE()]
theories = pytest.mark.parametrize("theory", THEORIES, ids=lambda theory: theory.name)


def results(theory: Any, function: Callable[[Any], Any], shape: tuple[int, ...] = ()) -> list[tuple[Path, Any]]:
    x = Array(np.float64, shape)
    return list(explore(lambda: function(x.symbolic("x", theory))))


def can_happen(path: Path) -> bool:
    solver = z3.Solver()
    solver.add(*path.facts)
    return bool(solver.check() == z3.sat)


@theories
def test_both_sides_are_run(theory: Any) -> None:
    found = results(theory, lambda x: "positive" if x > 0 else "other")
    assert [result for _, result in found] == ["positive", "other"]
    assert [path.taken for path, _ in found] == [[True], [False]]
    assert all(can_happen(path) for path, _ in found)


@theories
def test_the_sides_exclude_each_other_and_leave_nothing_out(theory: Any) -> None:
    def classified(x: Any) -> int:
        if x > 1:
            return 1
        return 2 if x < -1 else 3

    found = results(theory, classified)
    assert sorted(result for _, result in found) == [1, 2, 3]
    conditions = [z3.And(*path.facts) for path, _ in found]
    solver = z3.Solver()
    solver.add(z3.Not(z3.Or(*conditions)))
    assert solver.check() == z3.unsat
    for i, one in enumerate(conditions):
        for other in conditions[:i]:
            solver = z3.Solver()
            solver.add(one, other)
            assert solver.check() == z3.unsat


def test_impossible_sides_are_cut() -> None:
    def nested(x: Any) -> str:
        if x > 1:
            return "above 0 too" if x > 0 else "impossible"
        if x > 0:
            return "impossible too" if x > 1 else "between"
        return "below"

    assert [result for _, result in results(Real(), nested)] == ["above 0 too", "between", "below"]


def test_the_same_condition_is_decided_once() -> None:
    assert [result for _, result in results(Real(), lambda x: (bool(x > 1), bool(x > 1)))] == [
        (True, True),
        (False, False),
    ]


def test_what_decided_a_cut_is_proven_for_the_record() -> None:
    def nested(x: Any) -> bool:
        return bool(x > 1) and bool(x > 0)

    path = results(Real(), nested)[0][0]
    (routine,) = path.routine
    assert z3.is_true(z3.simplify(routine[1] == (z3.Real("x") > 0)))
    solver = z3.Solver()
    solver.add(z3.Not(z3.And(*(goal for _, goal in path.routine_goals()))))
    assert solver.check() == z3.unsat


def test_what_was_not_shown_can_be_asked_anew() -> None:
    def asked(x: Any) -> tuple[bool, bool]:
        positive = z3.Real("x") > 0
        assert not current().shown(positive)
        current().assume(z3.Real("x") > 1)
        return current().shown(positive), current().shown_by_now(positive)

    assert [result for _, result in results(Real(), asked)] == [(False, True)]


def test_constant_conditions_take_one_side_without_a_decision() -> None:
    def constant_condition(x: Any) -> str:
        return "same" if x * 0 == 0 else "other"

    ((path, result),) = results(Real(), constant_condition)
    assert (result, path.taken) == ("same", [])
    assert [result for _, result in results(IEEE(), constant_condition)] == ["same", "other"]  # NaN and infinities


@theories
def test_every_combination_of_answers_is_run(theory: Any) -> None:
    found = results(theory, lambda x: tuple(bool(element > 0) for element in x), shape=(3,))
    assert sorted(result for _, result in found) == sorted(np.ndindex(2, 2, 2))


def test_loops_that_end_by_a_symbolic_condition_are_unrolled() -> None:
    def steps(x: Any) -> int:
        count = 0
        while count < 3 and x > count:
            count += 1
        return count

    assert sorted(result for _, result in results(Real(), steps)) == [0, 1, 2, 3]


def test_python_operators_on_conditions() -> None:
    found = results(Real(), lambda x: "outside" if x > 1 or x < -1 else "inside")
    assert sorted(result for _, result in found) == ["inside", "outside", "outside"]
    chained = results(Real(), lambda x: bool(-1 < x < 1))
    assert [result for _, result in chained] == [True, False, False]


def test_numbers_are_true_unless_zero() -> None:
    for theory in THEORIES:
        found = results(theory, lambda x: "nonzero" if x else "zero")
        assert [result for _, result in found] == ["nonzero", "zero"]


def test_dead_paths_are_left_out() -> None:
    def only_positive(x: Any) -> str:
        if x > 0:
            return "kept"
        raise Dead

    assert [result for _, result in results(Real(), only_positive)] == ["kept"]


def test_other_exceptions_are_not_swallowed() -> None:
    def broken(x: Any) -> None:
        if x > 0:
            raise ZeroDivisionError("a path that fails")

    with pytest.raises(ZeroDivisionError, match="a path that fails"):
        results(Real(), broken)


def test_too_many_paths_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MOST_PATHS", 7)
    with pytest.raises(RuntimeError, match="more than 7 paths"):
        results(Real(), lambda x: [bool(element > 0) for element in x], shape=(3,))


def test_runs_are_repeatable() -> None:
    def branching(x: Any) -> Any:
        y = np.sqrt(x) if x > 1 else x / (x + 3)
        return y if y > 2 else -y

    first, second = results(Real(), branching), results(Real(), branching)
    assert [path.facts for path, _ in first] == [path.facts for path, _ in second]
    assert len(first) == 4
    for (_, one), (_, other) in zip(first, second, strict=True):
        assert z3.eq(one.elements.item(), other.elements.item())


def test_no_path_no_facts() -> None:
    with pytest.raises(RuntimeError, match="explore"):
        current()


def test_a_cut_may_only_use_facts_of_its_path() -> None:
    def cut(x: SymbolicArray) -> None:
        current().prove("a guess", z3.Real("x") > 0, using=[z3.Real("x") > 1])

    with pytest.raises(ValueError, match="not a fact"):
        results(Real(), cut)


def test_a_cut_is_owed_and_then_known() -> None:
    def cut(x: SymbolicArray) -> bool:
        if not x > 1:
            raise Dead
        current().prove("it is positive", z3.Real("x") > 0)
        return bool(x > 0)

    ((path, result),) = results(Real(), cut)
    assert result is True
    (duty,) = path.duties
    assert duty.name == "it is positive" and len(duty.hypotheses) == 1


def test_what_a_cut_forgets_is_a_variable_in_its_proof() -> None:
    def cut(x: SymbolicArray) -> None:
        square = z3.Real("x") * z3.Real("x")
        current().prove("a sum of two", square + square == 2 * square, forgetting=[square])

    ((path, _),) = results(Real(), cut)
    (duty,) = path.duties
    assert "x" not in {str(term) for term in z3.z3util.get_vars(duty.goal)}


def proven(goal: z3.BoolRef) -> bool:
    solver = z3.Solver()
    solver.add(z3.Not(goal))
    return solver.check() == z3.unsat


def test_routine_duties_come_in_batches_each_from_the_facts_before_it() -> None:
    path = Path()
    x, y = z3.Reals("x y")
    path.assume(x > 0)
    for k in range(BATCH + 1):
        path.require(x + k > k - 1)
    path.stay(y > 0)  # not a fact yet when it is due
    path.assume(y > 1)
    goals = list(path.routine_goals())
    assert [kind for kind, _ in goals] == ["routine", "routine"]
    assert [proven(goal) for _, goal in goals] == [True, False]


def test_a_duty_gets_the_products_back_that_define_its_own_variable_or_else_all() -> None:
    path = Path()
    x, y, q, r, flag = *z3.Reals("x y q r"), z3.Bool("flag")
    path.assume(z3.And(y > 0, x > 0, x < 2 * y))
    path.define(q * y == x)
    path.define(r * r == 2)
    path.stay(x + y > 0)
    path.stay(q < 2)
    path.assume(flag == (r * r > 1))
    path.stay(flag)
    goals = list(path.routine_goals())
    assert [kind for kind, _ in goals] == ["routine", "range"]
    assert all(proven(goal) for _, goal in goals)
    assert "q*y" in str(goals[1][1]) and "r*r" not in str(goals[1][1])


def test_a_duty_that_hangs_on_another_definition_gets_all() -> None:
    path = Path()
    x, y, q, z = z3.Reals("x y q z")
    path.assume(z3.And(y > 0, x > 0, x < 2 * y))
    path.define(q * y == x)
    path.assume(z <= q + y - y)
    path.assume(z + x + y > 0)
    path.stay(z3.Or(z < 2, x + y < 0))
    ((kind, goal),) = path.routine_goals()
    assert proven(goal) and kind in ("range", "ranges")
