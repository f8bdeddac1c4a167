"""Dual numbers: derivatives are the limits of difference quotients, and where there is none, none is given."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import z3
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from proofs.symbolic.array import SymbolicArray
from proofs.symbolic.dual import DUAL, TANGENTS, Number, held_still, primal, tangent_name, tangents
from proofs.symbolic.exact_dual import ExactDual, Irrational, NoDerivative, exact, exact_array, numbers
from proofs.symbolic.inputs import Array
from proofs.symbolic.paths import Path, explore, on
from proofs.symbolic.real import Real
from proofs.symbolic.shadow import follow
from proofs.symbolic.theory import Unsupported

FLOAT64 = np.dtype(np.float64)
CONTEXT = mpmath.MPContext()
CONTEXT.dps = 200
STEP = CONTEXT.mpf(10) ** -60
Function = Callable[..., Any]


def huber(r: Any) -> Any:
    return np.where((r <= 1) & (r >= -1), r * r * 0.5, np.maximum(r, -r) - 0.5)


def guarded_root(x: Any) -> Any:
    return np.where(x > 0, np.sqrt(np.where(x > 0, x, 1 + x * x)), 0.0)


BINARY: dict[str, Function] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": lambda a, b: np.where(a > b, a * b, a - b),
    "choice": lambda a, b: a * a if a < b else b / (1 + a * a),
    "constants": lambda a, b: 3 * a - b * 0.25 + np.float64(2) / 3,
    "mixed": lambda a, b: np.square(a - b) / (1 + a * a + np.abs(b)) - np.minimum(a, 2 * b),
    "flag": lambda a, b: (a > b) * b + (a <= b) * a,
}
UNARY: dict[str, Function] = {
    "negative": np.negative,
    "absolute": np.absolute,
    "square": np.square,
    "positive": lambda a: +a,
    "cast": lambda a: a.astype(np.float32) * a if isinstance(a, SymbolicArray) else a * a,
    "sqrt": lambda a: np.sqrt(1 + a * a),
    "huber": huber,
    "guarded root": guarded_root,
    "quotient of roots": lambda a: a / np.sqrt(a * a + 3) + np.sqrt(np.abs(a) + 1),
}
eighths = st.integers(-80, 80).map(lambda k: Fraction(k, 8))


def at(value: Fraction, tangent: Fraction) -> SymbolicArray:
    """A dual number of constants: a point that moves."""
    box = np.empty((), dtype=object)
    box[()] = Number(z3.Q(*value.as_integer_ratio()), z3.Q(*tangent.as_integer_ratio()))
    return SymbolicArray(box, FLOAT64, DUAL)


def derivative(function: Function, *points: tuple[Fraction, Fraction]) -> Any:
    """The value and tangent of the only path, as algebraic numbers; ``None`` where no derivative is known."""
    ((path, number),) = explore(lambda: _number(function(*(at(*point) for point in points))))
    solver = z3.Solver()
    solver.add(*path.facts)
    if solver.check() != z3.sat:  # what was demanded contradicts the point
        return None
    differentiable, value, tangent = (
        solver.model().eval(term, model_completion=True)
        for term in (number.differentiable, number.value, number.tangent)
    )
    return (value, tangent) if z3.is_true(z3.simplify(differentiable)) else None


def _number(result: Any) -> Number:
    return result.elements.item()


def decimal(value: Any) -> Any:
    """A number of z3 or a fraction to many digits."""
    if isinstance(value, z3.AlgebraicNumRef):
        value = value.approx(60)
    fraction = value if isinstance(value, Fraction) else value.as_fraction()
    return CONTEXT.mpf(fraction.numerator) / fraction.denominator


def difference_quotient(function: Function, *points: tuple[Fraction, Fraction]) -> tuple[Any, Any]:
    """Value and slope from the definition of a derivative, to about 50 digits, by no rule of differentiation."""
    here = [decimal(value) for value, _ in points]
    there = [x + STEP * decimal(tangent) for x, (_, tangent) in zip(here, points, strict=True)]
    low, high = (CONTEXT.mpf(np.asarray(function(*map(np.asarray, xs)), dtype=object).item()) for xs in (here, there))
    return low, (high - low) / STEP


def close(one: Any, other: Any) -> bool:
    return bool(abs(one - other) <= CONTEXT.mpf(10) ** -40 * (1 + abs(other)))


def agree(function: Function, *points: tuple[Fraction, Fraction]) -> None:
    found = derivative(function, *points)
    assert found is not None, "no derivative where there is one"
    value, slope = difference_quotient(function, *points)
    assert close(decimal(found[0]), value) and close(decimal(found[1]), slope)
    try:
        (concrete,) = numbers(function(*(ExactDual(*point) for point in points)))
    except (Irrational, NoDerivative):
        return
    assert close(decimal(concrete.value), value) and close(decimal(concrete.slope), slope)


@pytest.mark.parametrize("name", BINARY)
@settings(max_examples=25, deadline=None)
@given(a=eighths, b=eighths, da=eighths, db=eighths)
def test_binary_operations_have_the_slope_of_their_difference_quotients(
    name: str, a: Fraction, b: Fraction, da: Fraction, db: Fraction
) -> None:
    assume(a != b and a != 2 * b and b != 0)
    agree(BINARY[name], (a, da), (b, db))


@pytest.mark.parametrize("name", UNARY)
@settings(max_examples=25, deadline=None)
@given(a=eighths, da=eighths)
def test_unary_operations_have_the_slope_of_their_difference_quotients(name: str, a: Fraction, da: Fraction) -> None:
    assume(a != 0)
    agree(UNARY[name], (a, da))


@pytest.mark.parametrize("count", range(5))
@given(a=eighths, da=eighths)
def test_powers_by_constants(count: int, a: Fraction, da: Fraction) -> None:
    with on(Path()):
        power = DUAL.apply("power", (at(a, da).elements.item(), DUAL.constant(count, FLOAT64)), FLOAT64)
    slope = count * a ** (count - 1) * da if count else Fraction(0)
    assert z3.simplify(power.value).as_fraction() == a**count
    assert z3.simplify(power.tangent).as_fraction() == slope
    assert z3.is_true(power.differentiable)
    concrete = ExactDual(a, da) ** count
    assert (concrete.value, concrete.slope) == (a**count, slope)


def test_every_rule_is_compared_with_difference_quotients() -> None:
    assert set(TANGENTS) - {"power"} <= set(BINARY) | set(UNARY)


# ---- points without a derivative ------------------------------------------------------------------------------------

ONE, TWO, ZERO, MINUS = Fraction(1), Fraction(2), Fraction(0), Fraction(-1)
NONE: dict[str, tuple[Function, list[tuple[Fraction, Fraction]]]] = {
    "absolute at 0": (np.absolute, [(ZERO, ONE)]),
    "sqrt at 0": (np.sqrt, [(ZERO, ONE)]),
    "sqrt at 0, at rest": (np.sqrt, [(ZERO, ZERO)]),
    "sqrt below 0": (np.sqrt, [(MINUS, ONE)]),
    "division by 0": (np.divide, [(ONE, ONE), (ZERO, ONE)]),
    "0 / 0": (np.divide, [(ZERO, ONE), (ZERO, ONE)]),
    "maximum of equals": (np.maximum, [(ONE, ONE), (ONE, TWO)]),
    "minimum of equals": (np.minimum, [(ONE, ONE), (ONE, TWO)]),
    "relu at 0": (lambda x: np.where(x > 0, x, 0.0), [(ZERO, ONE)]),
    "relu by a flag": (lambda x: (x > 0).astype(np.float64) * x, [(ZERO, ONE)]),
    "a step, at rest": (lambda x: np.where(x > 0, 1.0, 0.0), [(ZERO, ZERO)]),
    "a hole": (lambda x: np.where(x == 0, 0.0, x), [(ZERO, ONE)]),
    "a hole by an if": (lambda x: x if x != 0 else x * 0, [(ZERO, ONE)]),
    "an if": (lambda x: x if x > 1 else 1 / x, [(ONE, ONE)]),
    "a number as a condition": (lambda x: x * 2 if x else x, [(ZERO, ONE)]),
    "a condition that jumps": (
        lambda x: np.where(np.where(x > 0, 1.0, 0.0) < 0.5, x, 2 * x),
        [(ZERO, ONE)],
    ),
    "an if on what jumps": (lambda x: x if np.where(x > 0, 1.0, 0.0) < 0.5 else 2 * x, [(ZERO, ONE)]),
    "a comparison of what stands still there": (lambda x: np.where(x * x > 0, x + 1, x), [(ZERO, ZERO)]),
    "a comparison at a pole": (lambda x: np.where(1 / x > 1, x, 2 * x), [(ZERO, ONE)]),
    "a comparison at the end of a root": (lambda x: np.where(np.sqrt(x) < 1, x, 2 * x), [(ZERO, ONE)]),
    "both conditions": (lambda x: np.where((x > 0) & (x < 2), x, 0.0), [(TWO, ONE)]),
    "one condition of two": (lambda x: np.where(np.logical_not(x > 0) | (x > 9), x, 2 * x), [(ZERO, ONE)]),
    "guarded root at 0": (guarded_root, [(ZERO, ONE)]),
}
SMOOTH: dict[str, tuple[Function, list[tuple[Fraction, Fraction]]]] = {
    "absolute, at rest": (np.absolute, [(ZERO, ZERO)]),
    "maximum of what moves alike": (np.maximum, [(ONE, TWO), (ONE, TWO)]),
    "where both sides agree": (huber, [(ONE, TWO)]),
    "where a comparison has a kink": (lambda x: np.where(np.abs(x) <= 1, x * x, 2 * np.abs(x) - 1), [(ONE, ONE)]),
    "inside of a where by a kink": (lambda x: np.where(np.abs(x) <= 1, x * x, x), [(ZERO, ONE)]),
    "the side that is not chosen": (lambda x: np.where(x > 0, np.sqrt(x), -x), [(MINUS, ONE)]),
    "an if away from its border": (lambda x: x if x > 1 else 1 / x, [(TWO, ONE)]),
    "a condition on constants": (lambda x: np.where(np.float64(1) > 1, x, x * x), [(ZERO, ONE)]),
}


@pytest.mark.parametrize("name", NONE)
def test_where_there_is_no_derivative_none_is_known(name: str) -> None:
    function, points = NONE[name]
    assert derivative(function, *points) is None


@pytest.mark.parametrize("name", SMOOTH)
def test_a_kink_nearby_is_no_hindrance(name: str) -> None:
    function, points = SMOOTH[name]
    agree(function, *points)


def unproven(path: Path) -> list[str]:
    """The duties of a path that do not hold."""
    failed = []
    for duty in path.duties:
        solver = z3.SimpleSolver()
        solver.add(*duty.hypotheses, z3.Not(duty.goal))
        failed += [duty.name] if solver.check() != z3.unsat else []
    return failed


def test_reading_a_tangent_leaves_a_duty() -> None:
    def relu_slope(lowest: float | None) -> Any:
        x = Array(np.float64).symbolic("x", DUAL)
        if lowest is not None:
            current_path.assume(z3.Real("x") > lowest)
        return tangents([np.maximum(x, 0.0)])

    for lowest, failed in ((None, ["there is a derivative: 1"]), (0, [])):
        current_path = Path()
        with on(current_path):
            relu_slope(lowest)
        assert unproven(current_path) == failed


def test_an_if_leaves_a_duty_even_where_its_answer_is_known() -> None:
    def root(x: Any) -> Any:
        if x < 0:
            raise ValueError("negative")
        return x * x

    path = Path()
    with on(path):
        x = Array(np.float64).symbolic("x", DUAL)
        path.assume(z3.Real("x") >= 0)
        root(x)
    assert unproven(path) == ["the branch is the same nearby: 1"]


# ---- laws -----------------------------------------------------------------------------------------------------------


def proven(law: Callable[[Any, Any], tuple[Any, Any]], given: Callable[[Any, Any], Any] | None = None) -> bool:
    """Whether two dual numbers have one tangent for all a, ȧ, b, ḃ, and all duties hold."""
    path = Path()
    with on(path):
        a, b = (Array(np.float64).symbolic(name, DUAL) for name in "ab")
        if given is not None:
            path.assume(given(z3.Real("a"), z3.Real("b")))
        left, right = tangents(list(law(a, b)))
        path.owe("law", left == right)
    return not unproven(path)


def with_tangent(value: Any, tangent: Any) -> SymbolicArray:
    """A number like ``value`` that moves as the values of ``tangent`` say."""
    box = np.empty((), dtype=object)
    box[()] = Number(value.elements.item().value, tangent.elements.item())
    return SymbolicArray(box, FLOAT64, DUAL)


def slope(x: Any) -> SymbolicArray:
    box = np.empty((), dtype=object)
    (box[()],) = tangents([x])
    return SymbolicArray(box, FLOAT64, Real())


def test_the_rules_of_calculus() -> None:
    assert proven(lambda a, b: (a * b, with_tangent(a, primal(a) * slope(b) + slope(a) * primal(b))))
    assert proven(
        lambda a, b: (
            a / b,
            with_tangent(a, (slope(a) * primal(b) - primal(a) * slope(b)) / (primal(b) * primal(b))),
        ),
        lambda a, b: b != 0,
    )
    chain = lambda u: u * u * u - 2 * u  # noqa: E731
    assert proven(lambda a, b: (chain(a * b), with_tangent(a, (3 * primal(a * b) * primal(a * b) - 2) * slope(a * b))))
    assert proven(lambda a, b: (np.sqrt(a * a), with_tangent(a, slope(a))), lambda a, b: a > 0)
    assert proven(lambda a, b: (a / b * b, a), lambda a, b: b != 0)
    assert proven(lambda a, b: (np.maximum(a, b) + np.minimum(a, b), a + b), lambda a, b: a != b)


def test_false_laws_and_undefined_points_are_not_proven() -> None:
    assert not proven(lambda a, b: (a * b, with_tangent(a, slope(a) * slope(b))))
    assert not proven(lambda a, b: (a / b * b, a))
    assert not proven(lambda a, b: (np.sqrt(a * a), with_tangent(a, slope(a))), lambda a, b: a >= 0)
    assert not proven(lambda a, b: (np.maximum(a, b) + np.minimum(a, b), a + b))


# ---- what is outside ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [np.exp, np.log, np.tanh, np.rint, np.signbit, np.cbrt], ids=lambda f: f.__name__)
def test_functions_without_a_rule_are_refused(function: Any) -> None:
    with on(Path()), pytest.raises(Unsupported):
        function(at(ONE, ONE))


def test_what_would_forget_tangents_is_refused() -> None:
    with on(Path()), pytest.raises(Unsupported):
        at(ONE, ONE).astype(np.int64)
    with on(Path()), pytest.raises(Unsupported):
        DUAL.exact(at(ONE, ONE).elements.item(), FLOAT64)
    with on(Path()) as path, pytest.raises(Unsupported, match="contract"):
        DUAL.variable(path.fresh("result"), FLOAT64)
    with on(Path()), pytest.raises(Unsupported, match="does not know"):
        DUAL.where(z3.Real("x") > 0, DUAL.constant(1, FLOAT64), DUAL.constant(2, FLOAT64))


def test_names_of_tangents_are_smt_lib_and_collide_with_nothing() -> None:
    name = tangent_name("x_0")
    assert not name.isidentifier()
    assert f"(declare-fun {name} () Real)" in _script_of(z3.Real(name) > 0)


def _script_of(fact: z3.BoolRef) -> str:
    solver = z3.Solver()
    solver.add(fact)
    return str(solver.to_smt2())


def test_constants_and_what_is_held_still_have_no_tangent() -> None:
    with on(Path()):
        x = Array(np.float64, (2,)).symbolic("x", DUAL)
        frozen = held_still(Array(np.float64, (2,)).symbolic("c", Real()))
        assert all(z3.eq(term, z3.RealVal(0)) for term in tangents([np.sqrt(frozen * 2 + 1) / 3]))
        assert [str(z3.simplify(term)) for term in tangents([x * frozen])] == ["c_0*x_0.dot", "c_1*x_1.dot"]
        flags = Array(np.bool_, ()).symbolic("flag", DUAL)
        assert z3.is_true(np.where(flags, x, x * x).elements[0].differentiable)


# ---- fractions ------------------------------------------------------------------------------------------------------


def test_exact_arrays_look_like_float64() -> None:
    x = exact_array([ONE, TWO], [ONE, ZERO], (2,))
    for array in (x, x * x, np.where(x > 0, x, 0), np.stack([x, x]), x.astype(np.float32), x[:1], np.zeros_like(x)):
        assert array.dtype == np.float64
    assert (x > 0).dtype == np.bool_ and np.all(np.isfinite(x))
    total = np.sum(x * x)
    assert total.dtype == np.float64 and (total.value, total.slope) == (5, 2)
    assert [(item.value, item.tangent) for item in numbers([exact(0.5), [2]])] == [(Fraction(1, 2), None), (2, None)]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: np.sqrt(2 * x), Irrational),
        (lambda x: np.sqrt(x - 1), NoDerivative),
        (lambda x: np.sqrt(-x), NoDerivative),
        (lambda x: np.abs(x - 1), NoDerivative),
        (lambda x: np.maximum(x, 1.0), NoDerivative),
        (lambda x: x / (x - 1), ZeroDivisionError),
        (lambda x: x * np.inf, OverflowError),
        (lambda x: np.exp(x), TypeError),
        (lambda x: x.astype(np.int64), TypeError),
        (lambda x: float(x), TypeError),
    ],
)
def test_what_fractions_cannot_follow_raises(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call(ExactDual(ONE, ONE))


def test_recipes_lead_to_the_value_of_every_variable() -> None:
    path = Path()
    with on(path):
        x = Array(np.float64).symbolic("x", DUAL)
        tangents([1 / np.sqrt(x)])
    assert follow(path.recipes, path.facts, {"x": Fraction(4)}) is not None
    assert follow(path.recipes, path.facts, {"x": Fraction(0)}) is None
