"""Clipping against exact arithmetic: its bound, its margins, its errors, and the bugs that others have had."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import oracle
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import DTYPES, arrays

from reference.clipping import (
    NORMS,
    Clipped,
    clip_by_global_norm,
    clip_by_value,
    global_norm,
    scale_toward_zero,
)
from reference.contracts import ContractViolation, level, postconditions
from reference.reductions import BLOCK

P_NORMS = (1.0, 2.0, np.inf)
NORM_ERROR = Fraction(1, 1 << 50)
SURELY_WITHIN = {1.0: 1 - Fraction(1, 1 << 48), 2.0: 1 - Fraction(1, 1 << 49), np.inf: Fraction(1)}
AT_LEAST = 1 - Fraction(1, 1 << 46)  # of max_norm, before rounding to the gradients' dtype


def approximate_norm(grads: list[Any], p: float) -> float:
    """A float64 near the norm, at least the smallest and at most the largest positive float."""
    power = oracle.powered_norm(grads, p)
    root = Fraction(math.isqrt(power.numerator << 2200), math.isqrt(power.denominator) << 1100) if p == 2 else power
    largest = float(np.finfo(np.float64).max)
    return max(float(root) if root < largest else largest, 5e-324)


@st.composite
def cases(draw: st.DrawFn, norm_types: tuple[float, ...] = P_NORMS) -> tuple[list[Any], float, float]:
    """Gradients, a max_norm often just beside their norm, and a norm type."""
    grads, p = draw(arrays()), draw(st.sampled_from(norm_types))
    norm = approximate_norm(grads, p)
    steps = draw(st.integers(-3, 3))
    beside = norm
    for _ in range(abs(steps)):
        beside = math.nextafter(beside, math.inf if steps > 0 else 0.0)
    near = beside if 0 < beside < math.inf else norm
    mantissa, exponent = math.frexp(near)
    short = math.ldexp(math.floor(math.ldexp(mantissa, 24)), exponent - 24)  # its first 24 bits
    scaled = st.floats(2.0**-70, 1.0, exclude_min=True).map(lambda share: max(norm * share, 5e-324))
    anything = st.floats(min_value=0, exclude_min=True)
    return grads, draw(st.one_of(st.just(near), st.just(short or near), scaled, anything)), p


def unchanged(result: list[Any], grads: list[Any]) -> bool:
    return len(result) == len(grads) and all(a is b for a, b in zip(result, grads, strict=True))


# The laws.


@given(cases())
def test_the_exact_norm_of_the_result_is_at_most_max_norm(case: tuple[list[Any], float, float]) -> None:
    grads, max_norm, p = case
    result = clip_by_global_norm(grads, max_norm, p).grads
    assert math.isinf(max_norm) or oracle.norm_at_most(result, max_norm, p)


@given(cases())
def test_every_element_keeps_its_sign_and_never_grows(case: tuple[list[Any], float, float]) -> None:
    grads, max_norm, p = case
    for before, after in zip(grads, clip_by_global_norm(grads, max_norm, p).grads, strict=True):
        assert after.dtype == before.dtype
        assert after.shape == before.shape
        assert np.all(np.abs(after) <= np.abs(before))
        assert np.array_equal(np.signbit(after), np.signbit(before))


@given(cases())
def test_gradients_surely_within_are_the_very_same_arrays(case: tuple[list[Any], float, float]) -> None:
    grads, max_norm, p = case
    result = clip_by_global_norm(grads, max_norm, p).grads
    if math.isinf(max_norm) or oracle.norm_at_most(grads, Fraction(max_norm) * SURELY_WITHIN[p], p):
        assert unchanged(result, grads)
    elif not oracle.norm_at_most(grads, max_norm, p):
        assert not unchanged(result, grads)


@given(cases())
def test_a_clipped_norm_is_tight(case: tuple[list[Any], float, float]) -> None:
    grads, max_norm, p = case
    result = clip_by_global_norm(grads, max_norm, p).grads
    if not unchanged(result, grads):
        info = np.finfo(grads[0].dtype)
        size = sum(grad.size for grad in grads)
        relative = AT_LEAST * (1 - Fraction(float(info.eps)))
        lost_below_normal = size * Fraction(float(info.smallest_subnormal))
        assert oracle.norm_at_least(result, Fraction(max_norm) * relative - lost_below_normal, p)


@given(cases())
def test_clipping_again_changes_nothing(case: tuple[list[Any], float, float]) -> None:
    grads, max_norm, p = case
    once = clip_by_global_norm(grads, max_norm, p).grads
    assert unchanged(clip_by_global_norm(once, max_norm, p).grads, once)


@given(cases(), st.integers(0, 1 << 32))
def test_neither_order_nor_grouping_changes_a_bit(case: tuple[list[Any], float, float], seed: int) -> None:
    grads, max_norm, p = case
    assert_order_never_matters(grads, max_norm, p, np.random.default_rng(seed))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", P_NORMS)
def test_neither_order_nor_grouping_changes_a_bit_beyond_a_block(dtype: Any, p: float) -> None:
    rng = np.random.default_rng(3)
    wide = rng.standard_normal(BLOCK + 9) * np.exp(rng.uniform(-8, 8, BLOCK + 9))
    with level("preconditions"):  # the clauses' fractions would take minutes
        assert_order_never_matters([wide[:5].astype(dtype), wide[5:].astype(dtype)], 1.5, p, rng)


def assert_order_never_matters(grads: list[Any], max_norm: float, p: float, rng: np.random.Generator) -> None:
    flat = np.concatenate([np.ravel(grad) for grad in grads])
    order = rng.permutation(flat.size)
    cuts = np.sort(rng.integers(0, flat.size + 1, 2))
    clipped, norm = clip_by_global_norm(grads, max_norm, p)
    expected = np.concatenate([np.ravel(grad) for grad in clipped])
    for regrouped in ([flat[order]], np.split(flat[order], cuts)):
        other, other_norm = clip_by_global_norm(regrouped, max_norm, p)
        assert float(other_norm) == float(norm)
        assert oracle.same_bits(np.concatenate(other), expected[order])


@given(cases())
def test_the_norm_is_near_the_exact_one(case: tuple[list[Any], float, float]) -> None:
    grads, max_norm, p = case
    norm = global_norm(grads, p)
    assert norm.dtype == np.float64
    assert np.float64(clip_by_global_norm(grads, max_norm, p).norm) == norm
    relative = Fraction(0) if p == np.inf else NORM_ERROR
    if np.isfinite(norm):
        assert oracle.is_norm(norm, grads, p, relative)
    else:
        assert oracle.norm_at_least(grads, Fraction(float(np.finfo(np.float64).max)) * (1 - relative), p)


def test_the_norm_of_three_and_four_is_five_by_default() -> None:
    assert global_norm([np.array([3.0, 4.0], np.float32)]) == 5


@given(cases())
def test_nothing_is_written_into(case: tuple[list[Any], float, float]) -> None:
    grads, max_norm, p = case
    listed, before = list(grads), [grad.copy() for grad in grads]
    clip_by_global_norm(grads, max_norm, p)
    clip_by_value(grads, max_norm)
    global_norm(grads, p)
    assert unchanged(grads, listed)
    assert all(oracle.same_bits(grad, copy) for grad, copy in zip(grads, before, strict=True))


@given(arrays(np.float32), st.floats(1e-6, 1e6), st.integers(-20, 20))
def test_a_power_of_two_as_loss_scale_changes_no_bit(grads: list[Any], max_norm: float, exponent: int) -> None:
    moderate = [np.where((np.abs(grad) > 1e-20) & (np.abs(grad) < 1e20), grad, np.float32(1)) for grad in grads]
    scale = np.float32(2.0**exponent)
    clipped = clip_by_global_norm(moderate, max_norm).grads
    assume(all(np.all(np.abs(grad) > 1e-28) for grad in clipped))  # nothing subnormal in either run
    scaled = clip_by_global_norm([grad * scale for grad in moderate], max_norm * 2.0**exponent).grads
    for one, other in zip(clipped, scaled, strict=True):
        assert oracle.same_bits(np.asarray(other / scale), np.asarray(one))


# Cases worked out by hand.


def test_falsify_train_001_gradient_norm_is_at_most_clip_value_after_clipping() -> None:
    """FALSIFY-TRAIN-001: inject large gradients, verify clipped."""
    rng = np.random.default_rng(1)
    for dtype, size in ((np.float16, 1e4), (np.float32, 1e30), (np.float64, 1e300)):
        grads = [(rng.uniform(-1, 1, shape) * size).astype(dtype) for shape in ((4, 5), (7,), ())]
        for clip_value in (1e-3, 1.0, 5.0):
            assert not oracle.norm_at_most(grads, clip_value)
            result = clip_by_global_norm(grads, clip_value).grads
            assert all(np.all(np.isfinite(grad)) for grad in result)
            assert oracle.norm_at_most(result, clip_value)
            assert oracle.norm_at_least(result, Fraction(clip_value) * Fraction(99, 100))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_norm_equal_to_the_maximum_is_left_alone(dtype: Any) -> None:
    grads = [np.array([3, 4], dtype)]
    same = clip_by_global_norm(grads, 5)
    assert unchanged(same.grads, grads)
    assert same.norm == 5.0
    less = clip_by_global_norm(grads, np.nextafter(5.0, 0.0))
    assert not unchanged(less.grads, grads)
    assert oracle.norm_at_most(less.grads, np.nextafter(5.0, 0.0))
    assert less.norm == 5.0


@pytest.mark.parametrize(("p", "norm"), [(1, 7.0), (2, 5.0), (np.inf, 4.0)])
def test_the_three_norms(p: float, norm: float) -> None:
    grads = [np.array([[3.0]], np.float32), np.array(-4.0, np.float32), np.zeros(0, np.float32)]
    assert global_norm(grads, p) == norm
    assert unchanged(clip_by_global_norm(grads, norm, p).grads, grads)
    halved = clip_by_global_norm(grads, norm / 2, p).grads
    assert oracle.same_bits(halved[0], np.array([[np.nextafter(np.float32(1.5), np.float32(0))]]))
    assert oracle.same_bits(halved[1], np.asarray(-np.nextafter(np.float32(2), np.float32(0))))


def test_the_default_is_the_2_norm() -> None:
    grads = [np.array([3.0, 4.0])]
    assert global_norm(grads) == 5.0
    assert clip_by_global_norm(grads, 1.0).norm == 5.0
    assert oracle.same_bits(clip_by_global_norm(grads, 1.0).grads[0], clip_by_global_norm(grads, 1.0, 2).grads[0])


@pytest.mark.parametrize("max_norm", [5, 5.0, np.float16(5), np.float32(5), np.float64(5), np.int8(5), np.array(5.0)])
def test_max_norm_may_be_any_real_scalar(max_norm: Any) -> None:
    grads = [np.array([30.0, 40.0], np.float16)]
    expected = clip_by_global_norm(grads, 5.0).grads[0]
    assert oracle.same_bits(clip_by_global_norm(grads, max_norm).grads[0], expected)


@pytest.mark.parametrize("p", P_NORMS)
@pytest.mark.parametrize("max_norm", [np.inf, np.float32(np.inf), 10**300], ids=["inf", "float32 inf", "10**300"])
def test_an_infinite_or_enormous_max_norm_clips_nothing(p: float, max_norm: Any) -> None:
    grads = [np.array([np.finfo(np.float32).max] * 3, np.float32), np.array(5e-45, np.float32)]
    assert unchanged(clip_by_global_norm(grads, max_norm, p).grads, grads)


@pytest.mark.parametrize("p", P_NORMS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_ends_of_the_range(p: float, dtype: Any) -> None:
    info = np.finfo(dtype)
    for largest in (info.max, info.smallest_subnormal, info.smallest_normal):
        grads = [np.array([largest, -largest, info.smallest_subnormal, -0.0], dtype)]
        for max_norm in (5e-324, 2.3e-308, 1e-300, 1e-45, 1.0, 1e38, 1.7976931348623157e308):
            result = clip_by_global_norm(grads, max_norm, p).grads
            assert oracle.norm_at_most(result, max_norm, p)
            assert unchanged(clip_by_global_norm(result, max_norm, p).grads, result)


# Bugs of other software, one each.


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_non_finite_gradient_is_an_error_and_changes_nothing(bad: float) -> None:
    """pytorch#46849, tensorflow#21363: one infinity makes zeros of the finite gradients, NaN of itself."""
    grads = [np.array([1.0, 2.0]), np.array([[3.0, bad]])]
    before = [grad.copy() for grad in grads]
    with pytest.raises(ValueError, match=rf"^grads\[1\]\[0, 1\] must be finite, got {bad}$"):
        clip_by_global_norm(grads, 1.0)
    assert all(oracle.same_bits(grad, copy) for grad, copy in zip(grads, before, strict=True))


def test_a_negative_maximum_reverses_no_gradient() -> None:
    """pytorch#31367."""
    with pytest.raises(ValueError, match=r"^max_norm must be greater than 0, got -1\.0$"):
        clip_by_global_norm([np.ones(2)], -1.0)


@pytest.mark.parametrize(
    ("x", "dtype"),
    [(300.0, np.float16), (1e19, np.float32), (1e-30, np.float32), (1e200, np.float64), (1e-200, np.float64)],
)
def test_squares_neither_overflow_nor_vanish(x: float, dtype: Any) -> None:
    """burn#5699, fairscale PR 263, deepmd-kit PR 5519: float16 [300] becomes [0], float32 1e19 an infinite norm."""
    grads = [np.array([x], dtype)]
    assert float(global_norm(grads)) == float(grads[0][0])
    limit = float(grads[0][0]) / 4
    result = clip_by_global_norm(grads, limit).grads
    assert oracle.norm_at_most(result, limit)
    assert oracle.norm_at_least(result, Fraction(limit) * Fraction(99, 100))


@pytest.mark.parametrize("p", P_NORMS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_stay_zeros(p: float, dtype: Any) -> None:
    """optax PR 1752: 0/0 where the norm is 0."""
    grads = [np.array([0.0, -0.0], dtype), np.zeros((0, 2), dtype)]
    result = clip_by_global_norm(grads, 5e-324, p)
    assert unchanged(result.grads, grads)
    assert result.norm == 0.0


def test_the_norm_does_not_depend_on_the_partition() -> None:
    """torchtitan PR 4135: a low-precision norm of norms depends on how parameters are grouped over ranks."""
    x = np.random.default_rng(4).standard_normal(999).astype(np.float16)
    partitions = [np.split(x, cuts) for cuts in ([], [1], [500], [100, 300])]
    norms = [np.array([np.sqrt(np.sum(part * part)) for part in parts]) for parts in partitions]
    assert len({float(np.sqrt(np.sum(norm * norm))) for norm in norms}) > 1
    assert len({float(global_norm(parts)) for parts in partitions}) == 1


def test_clipping_before_unscaling_is_another_step() -> None:
    """Lightning#9330, #9599, #9694; graphstorm#1366: unscale first, then clip."""
    scale, grads = np.float32(1024), [np.array([3.0, 4.0], np.float32)]
    scaled = [grad * scale for grad in grads]
    right = clip_by_global_norm([grad / scale for grad in scaled], 1.0).grads[0]
    wrong = clip_by_global_norm(scaled, 1.0).grads[0] / scale
    assert oracle.same_bits(right, clip_by_global_norm(grads, 1.0).grads[0])
    assert np.all(wrong < right / 1000)


def textbook(grad: Any, max_norm: float) -> Any:
    """g · (max_norm / ‖g‖) in float32, where the computed norm exceeds max_norm."""
    norm = np.sqrt(np.sum(grad * grad))
    return grad * (np.float32(max_norm) / norm) if norm > np.float32(max_norm) else grad


def test_the_textbook_formula_exceeds_its_bound_and_this_one_does_not() -> None:
    drawn = np.random.default_rng(0).standard_normal((400, 7)).astype(np.float32)
    exceeding = 0
    for grad in drawn:
        exceeding += not oracle.norm_at_most([textbook(grad, 1.0)], 1.0)
        assert oracle.norm_at_most(clip_by_global_norm([grad], 1.0).grads, 1.0)
    assert exceeding > 100


def test_a_thousand_ones_clipped_to_3_stay_below_3() -> None:
    ones = np.ones(1000, np.float32)
    assert not oracle.norm_at_most([textbook(ones, 3.0)], 3.0)
    assert oracle.norm_at_most(clip_by_global_norm([ones], 3.0).grads, 3.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_float_norms_do_not_see_is_clipped_too(dtype: Any) -> None:
    grad = np.array([1, 2.0**-30], dtype)
    assert np.sqrt(np.sum(grad * grad)) == 1.0
    result = clip_by_global_norm([grad], 1.0).grads
    assert not unchanged(result, [grad])
    assert oracle.norm_at_most(result, 1.0)


@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("small", [2.0**-500, 2.0**-600, 5e-324])
def test_what_vanishes_beside_the_largest_is_not_forgotten(p: float, small: float) -> None:
    grads = [np.array([2.0**600, small])]
    result = clip_by_global_norm(grads, 2.0**600, p).grads
    assert not unchanged(result, grads)
    assert oracle.norm_at_most(result, 2.0**600, p)


# Rounding toward zero, and clipping by value.


@given(
    st.sampled_from(DTYPES),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-4, max_value=4),
    st.integers(-1074, 1020),
)
def test_scale_toward_zero(dtype: Any, x: float, exponent: int) -> None:
    found = scale_toward_zero(np.float64(x), np.ldexp(np.float64(1), exponent), np.dtype(dtype))
    true = abs(Fraction(x)) * Fraction(2) ** exponent
    assert oracle.same_bits(np.abs(found), np.asarray(oracle.floor_to_float(true, dtype)))
    assert np.signbit(found) == np.signbit(x)


def test_scale_toward_zero_around_every_float16() -> None:
    every = oracle.all_finite_float16()
    x = every.astype(np.float64)
    one, half = np.float64(1), np.dtype(np.float16)
    with level("none"):
        assert oracle.same_bits(scale_toward_zero(x, one, half), every)
        away = np.nextafter(x, np.copysign(np.inf, x))
        assert oracle.same_bits(scale_toward_zero(away, one, half), every)
        nonzero = x != 0
        inward = scale_toward_zero(np.nextafter(x, 0.0), one, half)
        assert np.all((np.abs(inward) < np.abs(every))[nonzero])
        assert np.array_equal(np.nextafter(inward, np.copysign(np.float16(np.inf), every))[nonzero], every[nonzero])
        assert np.array_equal(np.signbit(inward)[nonzero], np.signbit(every)[nonzero])


@given(arrays(), st.floats(min_value=0, exclude_min=True))
def test_clip_by_value_is_the_identity_inside_and_the_bound_outside(grads: list[Any], max_value: float) -> None:
    dtype = grads[0].dtype
    limit = dtype.type(np.inf) if math.isinf(max_value) else oracle.floor_to_float(Fraction(max_value), dtype)
    for before, after in zip(grads, clip_by_value(grads, max_value), strict=True):
        expected = np.where(before > limit, limit, np.where(before < -limit, -limit, before))
        assert oracle.same_bits(np.asarray(after), np.asarray(expected, dtype))
        assert after is before or not np.all(np.abs(before) <= limit)
        assert np.array_equal(np.signbit(after), np.signbit(before))


@pytest.mark.parametrize("max_value", [1e-9, 5e-8, 0.1, 1, np.float16(2.5), 65503.9, 65504, 1e5, np.inf])
def test_clip_by_value_of_every_float16(max_value: Any) -> None:
    every = np.sort(oracle.all_finite_float16())
    with level("preconditions"):
        (result,) = clip_by_value([every], max_value)
    assert result.dtype == np.float16
    assert np.all(np.abs(result.astype(np.float64)) <= float(max_value))
    inside = np.abs(every.astype(np.float64)) <= float(max_value)
    assert oracle.same_bits(result[inside], every[inside])
    assert np.all(np.diff(result.astype(np.float64)) >= 0)


def test_every_float16_alone_keeps_its_bound() -> None:
    magnitudes = oracle.all_finite_float16()[:0x7C00:16]
    with level("none"):
        for max_norm in (6e-8, 0.1, 3.0):
            for x in magnitudes:
                (result,) = clip_by_global_norm([x], max_norm).grads
                assert float(result) <= max_norm
                above = float(np.nextafter(result, np.float16(np.inf)))
                assert result == x or above >= max_norm * (1 - 2.0**-47)


def test_clip_by_value_applies_the_float_below_a_bound_between_floats() -> None:
    (result,) = clip_by_value([np.array([1.0, -1.0], np.float32)], 0.1)
    assert float(np.float32(0.1)) > 0.1
    assert np.array_equal(result, np.array([0.09999999403953552, -0.09999999403953552], np.float32))


def test_scale_toward_zero_names_what_it_cannot_scale() -> None:
    with pytest.raises(ValueError, match=r"^x must be finite, got inf$"):
        scale_toward_zero(np.float64(np.inf), np.float64(1), np.dtype(np.float32))
    with pytest.raises(ValueError, match=r"^unit must be a power of two, got 3\.0$"):
        scale_toward_zero(np.float64(1), np.float64(3), np.dtype(np.float32))


# The clauses themselves.


def clause(name: str) -> Any:
    return next(found.condition for found in postconditions(clip_by_global_norm) if found.claim == name)


@pytest.mark.parametrize("p", P_NORMS)
def test_clip_1_is_broken_by_a_result_one_float_too_large(p: float) -> None:
    limit = {1.0: 7.0, 2.0: 5.0, np.inf: 4.0}[p]
    held, broken = np.array([3.0, 4.0]), np.array([3.0, np.nextafter(4.0, 5.0)])
    assert clause("CLIP-1")(Clipped([held], None), limit, p)
    assert not clause("CLIP-1")(Clipped([broken], None), limit, p)


@pytest.mark.parametrize("p", P_NORMS)
def test_clip_2_is_broken_by_a_needless_change(p: float) -> None:
    grads = [np.array([3.0, 4.0])]
    changed = [np.array([3.0, np.nextafter(4.0, 0.0)])]
    assert clause("CLIP-2")(Clipped(grads, None), grads, 8.0, p)
    assert not clause("CLIP-2")(Clipped(changed, None), grads, 8.0, p)
    assert clause("CLIP-2")(Clipped(changed, None), grads, 2.0, p)


def test_a_wrong_norm_is_caught_by_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    def half_of_it(grads: list[Any]) -> Any:
        right = NORMS[2.0].power_sum(grads)
        return right._replace(value=right.value / 4)

    monkeypatch.setitem(NORMS, 1.0, NORMS[2.0]._replace(power_sum=half_of_it))
    with pytest.raises(ContractViolation, match=r"^reference\.clipping\.clip_by_global_norm breaks its clause CLIP-1$"):
        clip_by_global_norm([np.array([3.0, 4.0])], 3.0, 1.0)
