"""Real, Rounded and the predicates: on constants they agree with fractions, and the rounding model covers NumPy's bits."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import z3
from constants import FLOATS, FLOATS_AND_BFLOAT16, constant, from_bits, patterns, same, special
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from proofs.symbolic.array import SymbolicArray, lift
from proofs.symbolic.formats import format_of
from proofs.symbolic.inputs import Array, parse, show, smt_value, values_of
from proofs.symbolic.paths import Path, on
from proofs.symbolic.real import Real
from proofs.symbolic.rounded import Rounded
from proofs.symbolic.theory import Unsupported
from reference import exactness

some = settings(max_examples=40)
ARITHMETIC = [np.add, np.subtract, np.multiply, np.divide]
COMPARISONS = [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal]
REAL_THEORIES = [Real, Rounded]


def finite(dtype: Any, size: int) -> st.SearchStrategy[Any]:
    """Arrays of any finite floats: an infinity or NaN becomes finite by the last bit of its exponent."""
    lowest = 1 << (format_of(np.dtype(dtype)).precision - 1)
    return patterns(dtype, size).map(
        lambda drawn: from_bits(
            [bits if np.isfinite(from_bits(bits, dtype)) else bits ^ lowest for bits in drawn], dtype
        )
    )


def close(dtype: Any, size: int) -> st.SearchStrategy[Any]:
    """Arrays of floats with few bits and similar sizes: their sums and products are often exact, often equal."""
    return st.lists(st.integers(-40, 40), min_size=size, max_size=size).map(lambda x: (np.array(x) / 8).astype(dtype))


def floats(dtype: Any, size: int) -> st.SearchStrategy[Any]:
    return st.one_of(finite(dtype, size), close(dtype, size))


def truth_of(array: SymbolicArray) -> bool:
    """The truth value that a clause on constants comes to."""
    term = z3.simplify(array.elements.reshape(()).item())
    assert z3.is_true(term) or z3.is_false(term), f"{term} is not decided"
    return bool(z3.is_true(term))


def fraction_of(term: z3.ExprRef) -> Fraction:
    value = z3.simplify(term)
    assert z3.is_rational_value(value), f"{value} is not decided"
    return Fraction(value.as_fraction())


def possible(facts: list[z3.BoolRef]) -> bool:
    solver = z3.Solver()
    solver.add(*facts)
    answer = solver.check()
    assert answer != z3.unknown
    return bool(answer == z3.sat)


def significant_bits(number: Fraction) -> int:
    """Bits from the first one to the last one."""
    return (abs(number.numerator) // (number.numerator & -number.numerator)).bit_length() if number else 0


def on_grid(value: Any, grid: int) -> bool:
    return (Fraction(float(value)) / Fraction(2) ** grid).denominator == 1


# ---- real numbers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_real_arithmetic_is_that_of_fractions(dtype: Any) -> None:
    operations: dict[Any, Callable[[Fraction, Fraction], Fraction]] = {
        np.add: lambda a, b: a + b,
        np.subtract: lambda a, b: a - b,
        np.multiply: lambda a, b: a * b,
        np.divide: lambda a, b: a / b,
        np.maximum: max,
        np.minimum: min,
    }

    @some
    @given(floats(dtype, 2))
    def check(x: Any) -> None:
        a, b = (Fraction(float(value)) for value in x)
        for operation, exact in operations.items():
            if operation is np.divide and b == 0:
                continue
            with on(Path()):
                found = operation(lift(Real(), x[0]), lift(Real(), x[1]))
            assert fraction_of(found.elements.item()) == exact(a, b)
        for operation, exact in ((np.negative, -a), (np.absolute, abs(a)), (np.square, a * a)):
            assert fraction_of(operation(lift(Real(), x[0])).elements.item()) == exact
        for comparison in COMPARISONS:
            assert truth_of(comparison(lift(Real(), x[0]), lift(Real(), x[1]))) == bool(comparison(x[0], x[1]))

    check()


@given(st.integers(0, 10**6), st.integers(1, 10**3))
def test_the_real_root_is_the_root(numerator: int, denominator: int) -> None:
    with on(Path()) as path:
        root = np.sqrt(lift(Real(), np.float64((numerator / denominator) ** 2)))
    square = Fraction((numerator / denominator) ** 2)
    assert possible(
        [*path.facts, root.elements.item() * root.elements.item() == z3.Q(square.numerator, square.denominator)]
    )
    assert not possible([*path.facts, root.elements.item() < 0])


# ---- the rounding model ---------------------------------------------------------------------------------------------


def covers(found: SymbolicArray, expected: Any, path: Path) -> bool:
    """Whether NumPy's result is among those that the rounding model allows, with the bits and the grid that it states."""
    term = found.elements.item()
    if not hasattr(term, "real"):
        return truth_of(found) == bool(expected)
    exact = Fraction(float(expected))
    if exact and not on_grid(expected, term.grid):
        return False
    if significant_bits(exact) > term.bits:
        return False
    return possible([*path.facts, term.real == z3.Q(exact.numerator, exact.denominator)])


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("operation", [*ARITHMETIC, np.maximum, np.minimum, *COMPARISONS], ids=lambda f: f.__name__)
def test_the_rounding_model_covers_numpys_results(operation: Any, dtype: Any) -> None:
    @some
    @given(floats(dtype, 2))
    def check(x: Any) -> None:
        assume(operation is not np.divide or x[1] != 0)
        with np.errstate(all="ignore"):
            expected = operation(x[0], x[1])
        assume(np.isfinite(expected))
        with on(Path()) as path:
            found = operation(lift(Rounded(), x[0]), lift(Rounded(), x[1]))
            assert found.dtype == np.asarray(expected).dtype
            assert covers(found, expected, path)

    check()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_rounding_model_covers_numpys_unary_results(dtype: Any) -> None:
    @some
    @given(floats(dtype, 1))
    def check(x: Any) -> None:
        for operation in (np.negative, np.absolute, np.square, np.sqrt, *(lambda x, t=t: x.astype(t) for t in FLOATS)):
            with np.errstate(all="ignore"):
                expected = operation(x[0])
            if not np.isfinite(expected):
                continue
            with on(Path()) as path:
                assert covers(operation(lift(Rounded(), x[0])), expected, path)

    check()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_an_overflow_breaks_a_range_duty(dtype: Any) -> None:
    largest = np.finfo(dtype).max
    with on(Path()) as path:
        np.multiply(lift(Rounded(), largest), lift(Rounded(), dtype.type(2)))
    assert possible([z3.Not(z3.And(*(goal for _, goal in path.routine_goals())))])
    with on(Path()) as path:
        np.multiply(lift(Rounded(), largest), lift(Rounded(), dtype.type(1)))
    assert not possible([z3.Not(z3.And(*(goal for _, goal in path.routine_goals())))])


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_a_chain_of_operations_is_covered(dtype: Any) -> None:
    def chain(a: Any, b: Any, c: Any) -> Any:
        return (a * b + c) / dtype.type(4) - a * dtype.type(0.5)

    @some
    @given(floats(dtype, 3))
    def check(x: Any) -> None:
        with np.errstate(all="ignore"):
            expected = chain(*x)
        assume(np.isfinite(expected))
        with on(Path()) as path:
            found = chain(*(lift(Rounded(), value) for value in x))
            assume(not possible([z3.Not(z3.And(*(goal for _, goal in path.routine_goals())))]) or not path.routine)
            assert covers(found, expected, path)

    check()


# ---- predicates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theory", REAL_THEORIES, ids=lambda theory: theory.__name__)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_exact_sums(theory: Any, dtype: Any) -> None:
    @some
    @given(floats(dtype, 3), floats(dtype, 1), st.floats(0, 30))
    def check(x: Any, y: Any, bound: float) -> None:
        with on(Path()):
            lifted = [lift(theory(), x), lift(theory(), y)]
            for predicate in (exactness.exact_sum, exactness.exact_sum_of_magnitudes, exactness.exact_sum_of_squares):
                assert fraction_of(predicate(lifted).elements.item()) == predicate([x, y])
            for limit in (bound, float(np.sqrt(float(exactness.exact_sum_of_squares([x, y]) % (1 << 60))))):
                for factor in (Fraction(1), Fraction(3, 4)):
                    expected = exactness.norm_at_most([x, y], limit, factor)
                    assert truth_of(exactness.norm_at_most(lifted, limit, factor)) == expected
                    symbolic_limit = lift(theory(), np.float64(limit))
                    assert truth_of(exactness.norm_at_most(lifted, symbolic_limit, factor)) == expected

    check()


def test_a_norm_equal_to_its_bound_is_at_most_it() -> None:
    for theory in REAL_THEORIES:
        with on(Path()):
            x = lift(theory(), np.array([3.0, 4.0]))
            assert truth_of(exactness.norm_at_most([x], 5.0))
            assert not truth_of(exactness.norm_at_most([x], np.nextafter(5.0, 0.0)))


CLAUSES: dict[str, Callable[[Any, Any], Any]] = {
    "a <= b": lambda a, b: a <= b,
    "a < b": lambda a, b: a < b,
    "a >= b": lambda a, b: a >= b,
    "a > b": lambda a, b: a > b,
    "a == b": lambda a, b: a == b,
    "a != b": lambda a, b: a != b,
    "|a| <= 2 |b|": lambda a, b: abs(a) <= 2 * abs(b),
    "-a < b": lambda a, b: -a < b,
}


@pytest.mark.parametrize("theory", ["IEEE", *REAL_THEORIES], ids=str)
@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
def test_comparisons_of_exact_values(theory: Any, dtype: Any) -> None:
    def lifted(value: Any) -> Any:
        return constant(value) if theory == "IEEE" else lift(theory(), value)

    @some
    @given(floats(dtype, 2))
    def check(x: Any) -> None:
        for clause in CLAUSES.values():
            with on(Path()):
                found = clause(*(exactness.exact(lifted(value)) for value in x))
            assert truth_of(found) == clause(*(exactness.exact(value) for value in x))

    check()


@pytest.mark.parametrize("theory", ["IEEE", *REAL_THEORIES], ids=str)
@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
def test_exact_sums_and_products_are_compared_without_error(theory: Any, dtype: Any) -> None:
    clauses: tuple[Callable[..., Any], ...] = (
        lambda a, b, c: a + b == c,
        lambda a, b, c: a - b <= c,
        lambda a, b, c: c < a + b,
        lambda a, b, c: a * b == c,
        lambda a, b, c: a * b <= c * c,
        lambda a, b, c: a**2 >= b * c,
        lambda a, b, c: a * b + c * c > a,
    )

    def lifted(value: Any) -> Any:
        return constant(value) if theory == "IEEE" else lift(theory(), value)

    @some
    @given(floats(dtype, 2), floats(dtype, 1), st.sampled_from([np.add, np.subtract, np.multiply, None]))
    def check(x: Any, y: Any, operation: Any) -> None:
        with np.errstate(all="ignore"):
            third = y[0] if operation is None else operation(x[0], x[1])
        assume(np.isfinite(third))
        numbers = (x[0], x[1], third)
        for clause in clauses:
            with on(Path()):
                found = clause(*(exactness.exact(lifted(value)) for value in numbers))
            assert truth_of(found) == clause(*(exactness.exact(value) for value in numbers))

    check()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_infinities_and_nan_in_exact_comparisons(dtype: Any) -> None:
    values = [dtype.type(value) for value in (np.inf, -np.inf, np.nan, 0, 1.5)]
    for name in ("a <= b", "a < b", "a >= b", "a > b", "a == b"):
        for a in values:
            for b in values:
                found = CLAUSES[name](exactness.exact(constant(a)), exactness.exact(constant(b)))
                assert truth_of(found) == CLAUSES[name](exactness.exact(a), exactness.exact(b)), (name, a, b)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_powers_of_two(dtype: Any) -> None:
    @some
    @given(finite(dtype, 1))
    def check(x: Any) -> None:
        for value in (x[0], np.ldexp(dtype.type(1), int(np.frexp(x[0])[1]) - 1)):
            with on(Path()):
                assert truth_of(exactness.is_power_of_two(constant(value))) == exactness.is_power_of_two(value)

    check()
    for value in special(dtype):
        if not np.isnan(value):
            with on(Path()):
                assert truth_of(exactness.is_power_of_two(constant(value))) == exactness.is_power_of_two(value)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_multiples(dtype: Any) -> None:
    @given(floats(dtype, 2), st.integers(-1074, 1023), st.integers(-3, 60))
    def check(x: Any, far: int, below: int) -> None:
        near = int(np.frexp(x[0])[1]) - below
        for exponent in {far, min(max(near, -1074), 1023)}:
            with on(Path()):
                assert truth_of(exactness.is_multiple(constant(x), exponent)) == exactness.is_multiple(x, exponent)

    check()


@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
def test_same_bits(dtype: Any) -> None:
    values = special(dtype)[~np.isnan(special(dtype).astype(np.float64))]
    for a in values:
        for b in values:
            expected = exactness.same_bits(np.array([a]), np.array([b]))
            assert truth_of(exactness.same_bits(constant(np.array([a])), constant(np.array([b])))) == expected
    assert truth_of(
        exactness.same_bits([constant(values), constant(values[:1])], [constant(values), constant(values[:1])])
    )
    assert not truth_of(exactness.same_bits(constant(values), constant(values[::-1])))
    assert not truth_of(exactness.same_bits(constant(values), constant(values[1:])))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_rounding_toward_zero(dtype: Any) -> None:
    @given(finite(np.dtype(np.float64), 1), st.integers(-1074, 1023), st.integers(-2, 2), st.booleans())
    def check(x: Any, exponent: int, off: int, flip: bool) -> None:
        unit = np.ldexp(np.float64(1), exponent)
        with np.errstate(all="ignore"):
            result = (x * unit).astype(dtype)
        toward = dtype.type(np.inf if off > 0 else -np.inf)
        for _ in range(abs(off)):
            result = np.nextafter(result, toward)
        result = -result if flip else result
        assume(np.all(np.isfinite(result)))
        found = exactness.rounds_toward_zero(constant(result), constant(x), constant(unit))
        assert truth_of(found) == exactness.rounds_toward_zero(result, x, unit)

    check()


def test_what_has_no_exact_meaning_is_refused() -> None:
    x = np.array([1.0, 2.0])
    with pytest.raises(Unsupported):
        exactness.exact_sum([constant(x)])
    with pytest.raises(Unsupported):
        exactness.is_power_of_two(lift(Real(), np.float64(2)))
    with on(Path()), pytest.raises(Unsupported):
        exactness.is_multiple(Array(np.float64, (1,)).symbolic("x", Rounded()), 3)
    for exponent in (0, -1, 0.5):
        with pytest.raises(Unsupported):
            exactness.exact(constant(x)) ** exponent


# ---- models ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS_AND_BFLOAT16, ids=str)
def test_a_float_of_a_model_is_read_bit_for_bit(dtype: Any) -> None:
    for value in special(dtype):
        text = smt_value(constant(value).elements.item())
        assert same(parse(text), value), text
        assert show(value)


def test_a_model_becomes_arguments() -> None:
    x = Array(np.float32, (2,))
    values = values_of({"x_0": "(fp #b0 #x7f #b00000000000000000000001)", "x_1": "(_ -zero 8 24)"}, {"x": x})
    assert same(x.concrete("x", values), np.array([1 + 2.0**-23, -0.0], np.float32))
    assert same(x.concrete("x", {}), np.zeros(2, np.float32))
    assert values_of({"a": "(/ 1.0 3.0)", "b": "(- 2)", "c": "true", "d": "#xff"}, {}) == {
        "a": Fraction(1, 3),
        "b": -2,
        "c": True,
        "d": "11111111",
    }
