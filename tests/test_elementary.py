"""The elementary functions against mpmath: every value of 16 bits, samples of the others, special values and symmetries."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import ml_dtypes
import numpy as np
import oracle
import pytest

from proofs.elementary import accuracy, coefficients
from proofs.elementary.exhaustive import values
from proofs.elementary.oracle import error_in_ulp, expected, in_format, same
from reference import elementary
from reference.contracts import level
from reference.elementary import arithmetic, error_function, exponential, logarithm, trigonometric
from reference.exactness import widened

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [np.dtype(np.float16), BFLOAT16, np.dtype(np.float32), np.dtype(np.float64)]
UNARY = accuracy.NAMES
ODD = ("tanh", "erf", "sin")
INCREASING = ("exp", "expm1", "tanh", "erf", "log", "log1p")
INF, NAN = math.inf, math.nan
MOST_ULP = {  # in float64, as the docstrings state it
    "exp": 0.8,
    "expm1": 1.0,
    "tanh": 0.8,
    "log": 0.85,
    "log1p": 0.85,
    "sin": 0.8,
    "cos": 0.8,
    "erf": 0.85,
    "pow": 0.8,
}


def function(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(elementary, name)
    return found


def generator(name: str) -> np.random.Generator:
    return np.random.default_rng(list(name.encode()))


def scattered(name: str, dtype: Any, count: int = 2000) -> Any:
    """Random bit patterns: numbers of every scale, infinities and NaN."""
    kind = np.dtype(f"u{dtype.itemsize}")
    return generator(name).integers(0, 1 << 8 * dtype.itemsize, count, dtype=kind).view(dtype)


def near(centres: Any, dtype: Any, steps: int = 20) -> Any:
    """The floats of a dtype around some numbers, of both signs."""
    kind = np.dtype(f"u{dtype.itemsize}")
    bits = np.abs(np.asarray(centres, np.float64)).astype(dtype).view(kind).astype(np.int64)
    around = (bits[:, None] + np.arange(-steps, steps + 1)).ravel()
    found = around[around >= 0].astype(kind).view(dtype)
    return np.concatenate([found, -found])


# Every value of 16 bits, and float32.


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_every_value_of_16_bits_is_correctly_rounded(name: str, dtype: Any) -> None:
    x = values(dtype)
    with level("preconditions"):
        assert same(function(name)(x), expected(name, x)).all()


@pytest.mark.parametrize("name", UNARY)
def test_float32_of_every_scale(name: str) -> None:
    x = scattered(name, np.dtype(np.float32), 20_000)
    assert same(function(name)(x), expected(name, x)).all()


BOUNDARIES = [
    *(88.722839, 103.972081, 87.336544, 17.328680, 10.0, 9.010913, 3.8325, 0.75, 1.5, 6.0, 1.25, 38.0, 20.0, 709.782),
    *((np.arange(1, 60) - 0.5) * math.log(2)),
    *(np.arange(1, 60) * math.pi / 4),
    *(2.0 ** np.arange(-149, 128)),
    *(math.sqrt(0.5) * 2.0 ** np.arange(-10, 10)),
    2.0**20,
]


@pytest.mark.parametrize("name", UNARY)
def test_float32_around_the_boundaries_of_every_formula(name: str) -> None:
    x = near(BOUNDARIES, np.dtype(np.float32))
    assert same(function(name)(x), expected(name, x)).all()


def test_the_worst_float32_for_the_reduction_of_sin_and_cos() -> None:
    x = np.array([float.fromhex(h) for h in ("0x1.6cbe34p+8", "0x1.f0d57cp+114", "0x1.47d0fep+34")], np.float32)
    for name in ("sin", "cos"):
        assert same(function(name)(x), expected(name, x)).all()


# float64.


def regimes(name: str, count: int = 250) -> Iterator[Any]:
    """Samples of the arguments for which a function is not trivial."""
    draw = generator(name)
    scales = np.exp2(draw.uniform(-60, 9, count)) * draw.choice([-1, 1], count)
    if name in ("log", "log1p"):
        yield np.exp2(draw.uniform(-1074, 1023, count))
        yield 1 + scales[np.abs(scales) < 0.5]
        yield draw.uniform(0.5, 2, count) - (name == "log1p")
        return
    yield scales
    yield draw.uniform(-3, 3, count)
    if name in ("exp", "expm1"):
        yield draw.uniform(-745, 709.7, count)
        yield draw.uniform(-745, -708, count)
    if name in ("sin", "cos"):
        yield draw.uniform(0, 2**20, count)
        yield np.exp2(draw.uniform(20, 1023.9, count))
        yield np.rint(draw.uniform(1, 600_000, count)) * (math.pi / 2)


@pytest.mark.parametrize("name", UNARY)
def test_float64_is_as_accurate_as_stated(name: str) -> None:
    for x in regimes(name):
        errors = [error_in_ulp(name, result, number) for result, number in zip(function(name)(x), x, strict=True)]
        assert max(errors) < MOST_ULP[name]


@pytest.mark.parametrize(
    ("base", "exponent"),
    [
        (lambda draw: draw.uniform(0, 1, 300), lambda draw: np.rint(draw.uniform(1, 1000, 300))),
        (lambda draw: 1 - np.exp2(draw.uniform(-20, -3, 300)), lambda draw: np.rint(draw.uniform(1, 1e6, 300))),
        (lambda draw: np.exp2(draw.uniform(-20, 20, 300)), lambda draw: draw.uniform(-30, 30, 300)),
        (lambda draw: -np.exp2(draw.uniform(-9, 9, 300)), lambda draw: np.rint(draw.uniform(-80, 80, 300))),
        (lambda draw: 1 + np.exp2(draw.uniform(-52, -3, 300)), lambda draw: np.exp2(draw.uniform(0, 12, 300))),
    ],
    ids=["beta", "beta near 1", "any", "negative", "near 1"],
)
def test_float64_pow_is_as_accurate_as_stated(base: Any, exponent: Any) -> None:
    x, y = base(generator("pow")), exponent(generator("exponent"))
    errors = [error_in_ulp("pow", *each) for each in zip(elementary.pow(x, y), x, y, strict=True)]
    assert max(errors) < MOST_ULP["pow"]


def test_the_subnormal_results_of_float64() -> None:
    x = np.linspace(-745.2, -744.0, 50)
    assert max(error_in_ulp("exp", result, number) for result, number in zip(elementary.exp(x), x, strict=True)) < 0.76
    assert elementary.exp(np.float64(-745.2)) == 0
    assert elementary.pow(np.float64(0.5), np.float64(1074)) == 5e-324


# pow in the other formats.


@pytest.mark.parametrize("exponent", [2.0, 3.0, 0.5, -1.0, 1.5, -2.0, 7.0, 1 / 3, 0.0])
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_powers_of_every_value_of_16_bits_are_correctly_rounded(exponent: float, dtype: Any) -> None:
    x = np.where(
        np.isnan(widened(values(dtype))), dtype.type(NAN), values(dtype)
    )  # C's pow(x, 0) is NaN for a signalling NaN
    y = np.full(x.shape, exponent).astype(dtype)
    with level("preconditions"):
        assert same(elementary.pow(x, y), expected("pow", x, y)).all()


def test_float32_pow_of_every_scale() -> None:
    x, y = np.abs(scattered("base", np.dtype(np.float32), 20_000)), scattered("y", np.dtype(np.float32), 20_000)
    assert same(elementary.pow(x, y), expected("pow", x, y)).all()
    y = (y.view(np.int32) / 2.0**27).astype(np.float32)
    assert same(elementary.pow(x, y), expected("pow", x, y)).all()


def test_exact_powers_are_exact() -> None:
    base, power = np.meshgrid(np.arange(-12.0, 13.0), np.arange(0.0, 15.0))
    assert (elementary.pow(base, power) == [[float(int(b) ** int(p)) for b in base[0]] for p in power[:, 0]]).all()
    halfway = np.array([4097, 5793, 8191], np.float32)  # their squares have 25 bits
    assert (elementary.pow(halfway, np.float32(2)) == halfway * halfway).all()


SPECIAL = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1e300, -1e300, 5e-324, -5e-324]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_special_powers_are_those_of_c(dtype: Any) -> None:
    x, y = (each.ravel() for each in np.meshgrid(*2 * [np.array(SPECIAL).clip(-3e4, 3e4).astype(dtype)]))
    with np.errstate(all="ignore"):
        wanted = np.power(x.astype(np.float64), y.astype(np.float64)).astype(dtype)
    assert same(elementary.pow(x, y), wanted).all()


def test_pow_broadcasts() -> None:
    x, y = np.arange(1.0, 4.0)[:, None], np.arange(4.0)
    assert elementary.pow(x, y).tolist() == [[1, 1, 1, 1], [1, 2, 4, 8], [1, 3, 9, 27]]
    assert elementary.pow(x, np.float64(2)).shape == (3, 1)
    beta = elementary.pow(np.float64(0.999), np.float64(1000))
    assert beta.dtype == np.float64
    assert beta.shape == ()


# Special values, symmetry, order.

ZEROS_AND_INFINITIES = {  # of 0, -0, inf, -inf
    "exp": (1.0, 1.0, INF, 0.0),
    "expm1": (0.0, -0.0, INF, -1.0),
    "tanh": (0.0, -0.0, 1.0, -1.0),
    "erf": (0.0, -0.0, 1.0, -1.0),
    "sin": (0.0, -0.0, NAN, NAN),
    "cos": (1.0, 1.0, NAN, NAN),
    "log": (-INF, -INF, INF, NAN),
    "log1p": (0.0, -0.0, INF, NAN),
}


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_zeros_infinities_and_nan(name: str, dtype: Any) -> None:
    x = np.array([0.0, -0.0, INF, -INF, NAN]).astype(dtype)
    assert same(function(name)(x), np.array([*ZEROS_AND_INFINITIES[name], NAN]).astype(dtype)).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_ends_of_the_range(dtype: Any) -> None:
    most, least = ml_dtypes.finfo(dtype).max, ml_dtypes.finfo(dtype).smallest_subnormal
    x = np.array([most, -most, least, -least], dtype)
    assert elementary.exp(x).astype(float).tolist() == [INF, 0, 1, 1]
    assert same(elementary.expm1(x), np.array([INF, -1, least, -least]).astype(dtype)).all()
    assert same(elementary.tanh(x), np.array([1, -1, least, -least]).astype(dtype)).all()
    assert same(elementary.log1p(x)[2:], x[2:]).all()
    assert same(elementary.sin(x)[2:], x[2:]).all()
    assert np.isnan(elementary.log(x)[1::2]).all()
    assert elementary.log(np.array([-1, 1], dtype)).astype(float).tolist()[1] == 0
    assert elementary.log1p(np.array([-1], dtype)).astype(float).tolist() == [-INF]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_odd_functions_are_odd_bit_for_bit(name: str, dtype: Any) -> None:
    x = np.concatenate([scattered(name, dtype), near(np.arange(-9.0, 9.0, 0.25), dtype)])
    assert same(function(name)(-x), -function(name)(x)).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_cos_is_even_bit_for_bit(dtype: Any) -> None:
    x = scattered("cos", dtype)
    assert same(elementary.cos(-x), elementary.cos(x)).all()


@pytest.mark.parametrize("name", INCREASING)
@pytest.mark.parametrize("dtype", DTYPES[:3], ids=str)
def test_increasing_functions_never_decrease(name: str, dtype: Any) -> None:
    x = values(dtype) if dtype.itemsize == 2 else np.concatenate([near(BOUNDARIES, dtype), scattered(name, dtype)])
    with level("preconditions"):
        result = function(name)(np.sort(x[~np.isnan(widened(x))])).astype(np.float64)
    known = result[~np.isnan(result)]
    assert (known[1:] >= known[:-1]).all()


# Arguments and results.


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_shape_and_dtype_are_those_of_the_argument(name: str, dtype: Any) -> None:
    x = np.linspace(0.25, 4, 6).astype(dtype)
    flat = function(name)(x)
    for view in (x, x[::-1], x.reshape(2, 3), x.reshape(2, 3).T, x[:0], x.reshape(6, 1)[:, None]):
        result = function(name)(view)
        assert result.dtype == dtype
        assert result.shape == view.shape
        assert same(np.sort(result.ravel()), np.sort(flat[: result.size])).all()
    scalar = function(name)(x[1])
    assert type(scalar) is dtype.type
    assert scalar == flat[1]
    assert function(name)(x[1].reshape(())) == flat[1]


def test_an_element_does_not_depend_on_its_neighbours() -> None:
    x = np.linspace(-1e7, 1e7, arithmetic.BLOCK + 7).astype(np.float32)
    with level("preconditions"):
        for name in UNARY:
            whole = function(name)(x)
            parts = np.concatenate([function(name)(x[i : i + 4999]) for i in range(0, x.size, 4999)])
            assert oracle.same_bits(whole, parts)


FLOATS = "must be an array or NumPy scalar of float16, bfloat16, float32 or float64"
WRONG = [
    (np.arange(3), f"x {FLOATS}, got dtype int64"),
    (np.ones(2, complex), f"x {FLOATS}, got dtype complex128"),
    (np.ones(2, ">f8"), f"x {FLOATS}, got dtype >f8"),
    (np.ones(2, np.longdouble), f"x {FLOATS}, got dtype {np.dtype(np.longdouble)}"),
    (1.0, f"x {FLOATS}, got float"),
    ([1.0], f"x {FLOATS}, got list"),
    (None, f"x {FLOATS}, got NoneType"),
]


@pytest.mark.parametrize(("x", "message"), WRONG)
def test_other_arguments_are_refused(x: Any, message: str) -> None:
    one = np.float64(1)
    for call in (*map(function, UNARY), lambda x: elementary.pow(x, one)):
        with pytest.raises(TypeError) as error:
            call(x)
        assert str(error.value) == message
    with pytest.raises(TypeError) as error:
        elementary.pow(one, x)
    assert str(error.value) == message.replace("x ", "y ", 1)


def test_both_arguments_of_pow_have_one_dtype() -> None:
    with pytest.raises(TypeError) as error:
        elementary.pow(np.float32(2), np.float64(2))
    assert str(error.value) == "y must have the dtype of x, float32, got float64"


# Rounding, constants, and the accuracy on record.


def test_rounding_to_bfloat16_happens_once() -> None:
    tie = 1 + 2.0**-8  # half-way between two bfloat16
    x = np.array(
        [tie, tie + 2.0**-40, tie - 2.0**-40, 2.0**-134, 2.0**-134 * 1.5, 3.4e38, -3.4e38, 1e300, -0.0, 1e-300]
    )
    wanted = np.array([1, 1 + 2.0**-7, 1, 0, 2.0**-133, INF, -INF, INF, -0.0, 0]).astype(BFLOAT16)
    with np.errstate(over="ignore"):
        assert same(arithmetic.rounded(x, BFLOAT16), wanted).all()
        assert x[1].astype(BFLOAT16) == 1, "ml_dtypes rounds twice"


def test_the_oracle_rounds_to_even_and_knows_the_ends() -> None:
    assert in_format("pow", np.float32(4097), np.float32(2)) == np.float32(4097) * np.float32(4097)
    assert in_format("exp", np.float16(12)) == INF
    assert in_format("exp", np.float16(-18)) == 0
    assert in_format("log", BFLOAT16.type(1)) == 0


@pytest.fixture(scope="module")
def constants() -> dict[str, Any]:
    return coefficients.constants()


def test_the_constants_are_those_of_the_script(constants: dict[str, Any]) -> None:
    for name, value in constants.items():
        module, constant = name.split(".")
        found = getattr(importlib.import_module(f"reference.elementary.{module}"), constant)
        assert (list(found) if isinstance(found, tuple) else found) == value, name


def test_the_accuracy_on_record_is_that_of_these_functions() -> None:
    results = accuracy.load()["functions"]
    assert set(results) == set(UNARY), "the functions have changed: run python -m proofs.elementary.accuracy again"
    for name, found in results.items():
        assert found == accuracy.summed_up(name, found["blocks"])


@pytest.mark.parametrize("name", UNARY)
def test_a_sample_of_the_blocks_on_record(name: str) -> None:
    blocks = accuracy.load()["functions"][name]["blocks"]
    draw = generator(name)
    with level("none"):
        for block in draw.choice(sorted(blocks), min(len(blocks), 12), replace=False):
            start = int(draw.integers(0, (1 << accuracy.BLOCK_BITS) - 4096))
            x = accuracy.inputs(int(block, 16), start, 4096)
            wrong = [each["input"] for each in accuracy.misrounded(name, x)]
            assert wrong == [each["input"] for each in blocks[block] if float.fromhex(each["input"]) in x]


@pytest.mark.parametrize("name", INCREASING)
def test_no_float32_on_record_breaks_the_order(name: str) -> None:
    """Correctly rounded results never decrease; so only those that are not need to be looked at."""
    wrong = [each for block in accuracy.load()["functions"][name]["blocks"].values() for each in block]
    x = np.array([float.fromhex(each["input"]) for each in wrong], np.float32)
    below, at, above = (
        function(name)(each) for each in (np.nextafter(x, np.float32(-INF)), x, np.nextafter(x, np.float32(INF)))
    )
    assert ((below <= at) & (at <= above)).all()


SMALL_BUGS = [
    ("exp", exponential, "EXP_TAIL", lambda c: (c[0] * (1 + 1e-7), *c[1:]), "the 7th digit of a coefficient"),
    ("exp", exponential, "LN2", lambda c: (c[0], 0.0), "ln 2 without its second part"),
    ("tanh", exponential, "EXP_TAIL", lambda c: c[:6], "a polynomial cut short"),
    ("log", logarithm, "LOG_TAIL", lambda c: (c[0] * (1 + 1e-7), *c[1:]), "the 7th digit of a coefficient"),
    ("sin", trigonometric, "HALF_PI", lambda c: (*c[:1], 0.0, 0.0, 0.0), "pi / 2 without its other parts"),
    (
        "erf",
        error_function,
        "ERF_MIDDLE",
        lambda c: (*c[:2], c[2] * (1 + 1e-7), *c[3:]),
        "the 7th digit of a coefficient",
    ),
]


@pytest.mark.parametrize(("name", "module", "constant", "change", "why"), SMALL_BUGS)
def test_the_float32_check_notices_small_bugs(name: str, module: Any, constant: str, change: Any, why: str) -> None:
    x = near([*np.linspace(0.1, 9, 100), *np.linspace(9, 88, 200), 355.0, 710.0], np.dtype(np.float32), 200)
    assert accuracy.misrounded(name, x) == []
    with mock.patch.object(module, constant, change(getattr(module, constant))):
        assert accuracy.misrounded(name, x), why
