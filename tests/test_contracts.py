"""The switch: what each level checks, and what it leaves out."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from reference import contracts
from reference.clipping import clip_by_global_norm
from reference.contracts import ContractViolation, ensure, require


@require(lambda x: x > 0, lambda x: ValueError(f"x must be positive, got {x}"))
@require(lambda x: x > 1, lambda x: ValueError(f"x must be above 1, got {x}"))
@ensure("TEST-1", lambda result, x: result == 2 * x)
@ensure("TEST-2", lambda result: result < 100)
def double(x: float) -> float:
    """Twice x; wrong for x = 7."""
    return 15 if x == 7 else 2 * x


@require(lambda x: x != 3, lambda x: TypeError("x must not be 3"))
def double_below_zero(x: float) -> float:
    """Calls `double` against its contract for x < 2."""
    return double(x - 1)


def test_the_test_run_checks_everything() -> None:
    assert contracts.get_level() == "all"


@pytest.mark.parametrize("level", ["preconditions", "all"])
def test_preconditions_are_checked_in_the_order_in_which_they_stand(level: str) -> None:
    with contracts.level(level):
        with pytest.raises(ValueError, match=r"^x must be positive, got -1$"):
            double(-1)
        with pytest.raises(ValueError, match=r"^x must be above 1, got 1$"):
            double(1)
        assert double(4) == 8


def test_none_checks_nothing() -> None:
    with contracts.level("none"):
        assert double(-1) == -2
        assert double(7) == 15
        assert double_below_zero(3) == 4


def test_a_broken_postcondition_is_a_violation_only_at_all() -> None:
    with contracts.level("preconditions"):
        assert double(7) == 15
    with pytest.raises(ContractViolation, match=r"^test_contracts\.double breaks its clause TEST-1$"):
        double(7)
    with pytest.raises(ContractViolation, match=r"breaks its clause TEST-2$"):
        double(60)


def test_a_violation_is_not_taken_for_a_bad_argument() -> None:
    assert not issubclass(ContractViolation, ValueError | TypeError)


def test_preconditions_of_inner_calls_are_checked_only_at_all() -> None:
    with contracts.level("preconditions"):
        assert double_below_zero(1) == 0
        with pytest.raises(TypeError, match=r"^x must not be 3$"):
            double_below_zero(3)
    with pytest.raises(ValueError, match=r"^x must be positive, got 0$"):
        double_below_zero(1)


def test_an_error_leaves_the_next_call_checked() -> None:
    with contracts.level("preconditions"):
        for _ in range(2):
            with pytest.raises(ValueError, match="x must be positive"):
                double(-1)


def test_the_level_comes_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="x must be positive"), contracts.level("preconditions"):
        double(-1)
    assert contracts.get_level() == "all"


def test_an_unknown_level_is_refused() -> None:
    message = r"^contracts level must be one of none, preconditions, all, got 'some'$"
    with pytest.raises(ValueError, match=message):
        contracts.set_level("some")
    with pytest.raises(ValueError, match=message), contracts.level("some"):
        pass
    assert contracts.get_level() == "all"


@pytest.mark.parametrize("value", [None, "none", "preconditions", "all", "some"])
def test_the_environment_sets_the_level_at_import(value: str | None) -> None:
    environment = {name: text for name, text in os.environ.items() if name != "PROOFGRAD_CONTRACTS"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    if value is not None:
        environment["PROOFGRAD_CONTRACTS"] = value
    ran = subprocess.run(
        [sys.executable, "-c", "from reference import contracts; print(contracts.get_level())"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if value == "some":
        assert ran.returncode == 1
        assert "contracts level must be one of none, preconditions, all, got 'some'" in ran.stderr
    else:
        assert (ran.returncode, ran.stdout.strip()) == (0, value or "preconditions")


def test_the_clauses_can_be_read() -> None:
    assert [clause.claim for clause in contracts.postconditions(double)] == ["TEST-1", "TEST-2"]
    before = contracts.preconditions(double)
    assert [clause.condition(1) for clause in before] == [True, False]
    assert contracts.preconditions(contracts.bare(double)) == ()
    assert double.__doc__ == "Twice x; wrong for x = 7."


def test_bare_is_the_function_without_its_contract() -> None:
    assert contracts.bare(double)(-1) == -2
    assert contracts.bare(contracts.bare(double)) is contracts.bare(double)


def test_an_interpreter_takes_every_call_in_its_block() -> None:
    calls: list[Any] = []

    def record(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        calls.append((function, args, kwargs))
        return contracts.bare(function)(*args, **kwargs)

    with contracts.interpreted(record):
        assert double_below_zero(x=-4) == -10
    assert calls == [(double_below_zero, (), {"x": -4}), (double, (-5,), {})]
    with pytest.raises(ValueError, match="x must be positive"):
        double(-1)


def test_shipped_functions_follow_the_switch() -> None:
    empty: list[Any] = []
    for level in ("preconditions", "all"):
        with contracts.level(level), pytest.raises(ValueError, match=r"^grads must hold at least one array"):
            clip_by_global_norm(empty, 1.0)
    with contracts.level("none"):
        assert clip_by_global_norm(empty, 1.0) == ([], 0.0)
