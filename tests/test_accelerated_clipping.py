"""The kernels of clipping give the bits of the reference: any finite floats, any size, layout, grid and order of threads."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from host_calls import ORDERS
from hypothesis import given
from hypothesis import strategies as st
from kernel_steps import LAYOUTS, SIZES, laid_out
from oracle import norm_at_most, same_bits
from strategies import DTYPES, arrays

from accelerated import clipping, host, sources
from accelerated.clipping import FIELDS, Decision, decision_on
from accelerated.host import build
from accelerated.launch import CHUNK
from reference import clipping as reference
from reference.contracts import level
from reference.reductions import sum_of_squares

NORMS = (1.0, 2.0, np.inf)
READ = sources.read


def all_same(found: list[Any], wanted: list[Any]) -> bool:
    return len(found) == len(wanted) and all(map(same_bits, found, wanted))


def normal(size: int, dtype: Any, seed: int = 0, scale: float = 1.0) -> Any:
    return (scale * np.random.default_rng(seed).standard_normal(size)).astype(dtype)


def limits(grads: list[Any], norm_type: float) -> list[float]:
    """Bounds about the norm: what decides between keeping and scaling."""
    with np.errstate(over="ignore"):
        norm = float(reference.global_norm(grads, norm_type))
        above = np.nextafter(norm, np.inf)
    about = [norm, above, norm * (1 - 2.0**-50), norm / 3, 2 * norm]
    return [each for each in (*about, 1.0, 5e-324, 1.7e308, np.inf) if each > 0]


@given(arrays(), st.sampled_from(NORMS), st.data(), st.sampled_from([1, 2, 5, 256]), st.integers(0, 2**20))
def test_every_bit_is_that_of_the_reference(grads: Any, norm_type: float, data: Any, threads: int, seed: int) -> None:
    max_norm = data.draw(st.one_of(st.sampled_from(limits(grads, norm_type)), st.floats(5e-324, 1.7e308)))
    with level("preconditions"), host.running(seed, threads=threads):
        found = clipping.clip_by_global_norm(grads, max_norm, norm_type)
        wanted = reference.clip_by_global_norm(grads, max_norm, norm_type)
        norm = clipping.global_norm(grads, norm_type)
    assert all_same(found.grads, wanted.grads)
    assert all(own is grad for own, grad in zip(found.grads, grads, strict=True)) == (wanted.grads[0] is grads[0])
    assert type(found.norm) is np.float64 and found.norm == wanted.norm == norm


@given(arrays(), st.floats(5e-324, 1e308), st.booleans(), st.sampled_from([1, 256]))
def test_every_bit_of_clipped_values(grads: Any, far: float, near: bool, threads: int) -> None:
    peak = max((float(np.max(np.abs(grad))) for grad in grads if grad.size), default=1.0)
    max_value = peak * 0.75 or 1.0 if near else far
    with level("preconditions"), host.running(3, threads=threads):
        found, wanted = clipping.clip_by_value(grads, max_value), reference.clip_by_value(grads, max_value)
    assert all_same(found, wanted)
    for own, other, grad in zip(found, wanted, grads, strict=True):
        assert (own is grad) == (other is grad)


@pytest.mark.parametrize("norm_type", NORMS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_size_in_every_order(dtype: Any, size: int, norm_type: float) -> None:
    grads = [normal(size, dtype), normal(3, dtype, 1)]
    with level("preconditions"):
        wanted = reference.clip_by_global_norm(grads, 0.5, norm_type)
        for order in ORDERS:
            for threads in (1, 64, 256):
                with host.running(order, threads=threads):
                    found = clipping.clip_by_global_norm(grads, 0.5, norm_type)
                assert all_same(found.grads, wanted.grads) and found.norm == wanted.norm


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_layout(dtype: Any, layout: str) -> None:
    grad = laid_out(normal(38, dtype), layout)
    kept = grad.copy()
    wanted = reference.clip_by_global_norm([kept], 0.5).grads[0]
    assert same_bits(clipping.clip_by_global_norm([grad], 0.5).grads[0], wanted)
    assert same_bits(clipping.clip_by_value([grad], 0.5)[0], reference.clip_by_value([kept], 0.5)[0])
    assert same_bits(grad, kept)
    if layout == "read-only":
        with pytest.raises(ValueError, match=r"grads\[0\] must be writeable, for it is written over"):
            clipping.clip_by_global_norm_([grad], 0.5)
        return
    assert clipping.clip_by_global_norm_([grad], 0.5) == reference.global_norm([kept])
    assert same_bits(grad, wanted)
    clipping.clip_by_value_([grad], 1e-2)
    assert same_bits(grad, reference.clip_by_value([wanted], 1e-2)[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_grouping_of_many_small_arrays_changes_no_bit(dtype: Any) -> None:
    whole = normal(3 * CHUNK, dtype)
    cuts = np.sort(np.random.default_rng(1).integers(0, whole.size, 200))
    parts = np.split(whole, cuts)
    found, wanted = clipping.clip_by_global_norm(parts, 1.0), clipping.clip_by_global_norm([whole[::-1]], 1.0)
    assert found.norm == wanted.norm
    assert same_bits(np.concatenate(found.grads), wanted.grads[0][::-1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_bound_holds_exactly(dtype: Any) -> None:
    grads = [normal(1000, dtype, seed, 10.0 ** (seed - 2)) for seed in range(5)]
    for max_norm in (0.1, 3.0, 1e3):
        clipped = clipping.clip_by_global_norm(grads, max_norm).grads
        assert norm_at_most(clipped, max_norm)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_decided_is_what_the_reference_decides(dtype: Any) -> None:
    grads = [np.array([3.0, 4.0], dtype)]
    found = dict(zip(FIELDS, decision_on(grads, 5.0, 2.0).array, strict=True))
    total = sum_of_squares(grads)
    assert (found["peak"], found["unit"], found["value"]) == (4.0, total.unit, total.value)
    assert found["exact"] == found["kept"] == 1.0 and found["norm"] == 5.0
    assert decision_on(grads, np.nextafter(5.0, 0.0), 2.0).kept is False


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (1, 2), (1, CHUNK + 3)])
def test_what_is_not_finite_is_refused_and_nothing_changes(bad: float, place: tuple[int, int]) -> None:
    grads = [normal(4, np.float32), normal(2 * CHUNK, np.float32)]
    grads[place[0]][place[1]] = bad
    kept = [grad.copy() for grad in grads]
    calls: list[Callable[[], Any]] = [
        lambda: clipping.global_norm(grads),
        lambda: clipping.clip_by_global_norm(grads, 1.0),
        lambda: clipping.clip_by_global_norm_(grads, 1.0),
        lambda: clipping.clip_by_value(grads, 1.0),
        lambda: clipping.clip_by_value_(grads, 1.0),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=rf"^grads\[{place[0]}\]\[{place[1]}\] must be finite, got {bad}$"):
            call()
    assert all_same(grads, kept)
    for norm_type in NORMS:
        assert np.isnan(clipping.clip_by_global_norm_(grads, 1.0, norm_type, error_if_nonfinite=False))
        assert all_same(grads, kept)


@pytest.mark.parametrize(
    "arguments",
    [
        ([], 1.0),
        (np.ones(3, np.float32), 1.0),
        ([np.ones(3)], 0.0),
        ([np.ones(3)], np.nan),
        ([np.ones(3)], "1"),
        ([np.ones(3), [1.0]], 1.0),
        ([np.ones(3), np.ones(3, np.float32)], 1.0),
        ([np.ones(3, np.int64)], 1.0),
        ([np.ones(3)], 1.0, 3),
    ],
)
def test_errors_are_those_of_the_reference(arguments: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as wanted:
        reference.clip_by_global_norm(*arguments)
    for function in (clipping.clip_by_global_norm, clipping.clip_by_global_norm_):
        with pytest.raises(wanted.type) as found:
            function(*arguments)
        assert str(found.value) == str(wanted.value)


def test_memory_that_is_shared_is_refused_in_place() -> None:
    room = np.ones(8, np.float32)
    message = r"what is written over needs memory of its own, but grads\[0\] and grads\[1\] overlap"
    for function in (clipping.clip_by_global_norm_, clipping.clip_by_value_):
        with pytest.raises(ValueError, match=message):
            function([room[:5], room[4:]], 1.0)
    assert np.all(room == 1)


# Bugs that are planted into copies of the kernels.

PLANTED: dict[str, tuple[str, str, str]] = {  # the file, what stands there, what is put there
    "the sign decides the largest magnitude": ("clipping.cu", "(double)fabs(x.values[j])", "(double)x.values[j]"),
    "unit is the largest magnitude": (
        "clipping.cu",
        "power_of_two_at_most(peak > 0.0 ? peak : 1.0)",
        "(peak > 0.0 ? peak : 1.0)",
    ),
    "no scaling": ("clipping.cu", "(double)x.values[j] / unit", "(double)x.values[j]"),
    "the decision on the computed norm": (
        "clipping.cu",
        "total * (1 + WITHIN_MARGIN) <= (square",
        "total <= (square",
    ),
    "the last bits of the ratio are dropped": ("clipping.cu", "exact && shortened == ratio", "exact"),
    "exactness is forgotten": ("clipping.cu", "all.nothing_dropped != 0", "false"),
    "the smallest grid is added last": (
        "clipping.cu",
        "for (int k = folds - 2; k >= 0; --k)",
        "for (int k = 0; k < folds - 1; ++k)",
    ),
    "one fold less": ("reductions.cuh", "if (k >= count) break;", "if (k >= count - 1) break;"),
    "the rest is kept whole": ("reductions.cuh", "rest = rest - high;", ""),
    "what is dropped is not noticed": ("reductions.cuh", "nothing_dropped &= rest == 0.0;", ""),
    "the last thread is left out": ("reductions.cuh", "me + half < width", "me + half < width - 1"),
    "rounded to nearest": ("shrinking.cuh", "fabs(restored) > fabs(x) ? smaller(rounded) : rounded", "rounded"),
    "no margin": ("clipping.cu", "* (1 - SHRINK_MARGIN)", ""),
    "limit_unit is forgotten": ("clipping.cu", "(max_norm / limit_unit) / root_of_sum", "max_norm / root_of_sum"),
    "NaN is within": ("clipping.cu", "found->peak - found->peak == 0.0", "true"),
    "the norm without its unit": ("clipping.cu", "root_of_sum * unit", "root_of_sum"),
    "values become the bound without their sign": (
        "clipping.cu",
        "copysign((decltype(wide))limit, wide)",
        "(decltype(wide))limit",
    ),
    "a value at the bound": ("clipping.cu", "fabs(wide) > (decltype(wide))limit", "fabs(wide) >= 0.5f * (float)limit"),
}


def with_planted(file: str, old: str, new: str) -> sources.Source:
    """A copy of the source with one change."""
    source = READ("clipping")
    texts = {source.name: source.text, **source.headers}
    assert texts[file].count(old) == 1, f"{file} has no single {old!r}"
    texts[file] = texts[file].replace(old, new)
    text = texts.pop(source.name)
    return sources.Source(source.name, text, texts, f"{source.digest} {file} {old} {new}")


@functools.cache
def cases() -> list[tuple[list[Any], float]]:
    """Gradients of every format with bounds on both sides of their norms."""
    lists: list[list[Any]] = [[np.array([3, 4], dtype)] for dtype in DTYPES]
    lists += [[normal(37, dtype, 1, 1e-3), normal(2 * CHUNK + 5, dtype, 2, 1e-4)] for dtype in DTYPES]
    lists += [[np.array([3e-310, -4e-310])], [np.array([1e300, -2e300, 1.0])], [np.array([-4.0, 1.0], np.float32)]]
    lists += [[np.array([1.0, 2.0**-80])], [np.array([1 + 2.0**-30, 2.0**-27])]]
    lists += [
        [np.array([1.0, 2.0**-53, 2.0**-80]), np.zeros(40_000)]
    ]  # three folds; added the other way, 1 is their sum
    return [(grads, max_norm) for grads in lists for max_norm in limits(grads, 2.0)]


def runs(module: Any) -> Iterator[Any]:
    """What comes of every case, one after the other, so that the first bit that differs ends a comparison."""

    def run(grads: list[Any], max_norm: float) -> Iterator[Any]:
        for norm_type in NORMS:
            clipped = module.clip_by_global_norm(grads, max_norm, norm_type)
            yield from (clipped.norm, *clipped.grads)
        yield from module.clip_by_value(grads, max_norm)

    for grads, max_norm in cases():
        with level("preconditions"), host.running(threads=5), np.errstate(all="ignore"):
            found = list(run(grads, max_norm))
        yield from found
    left = [np.array([1.0, np.nan, 2.0])]
    if module is clipping:
        clipping.clip_by_global_norm_(left, 1.0, error_if_nonfinite=False)
    yield from left


def is_the_reference() -> bool:
    """Whether the kernels give the reference's bits in every case."""
    try:
        return all(same_bits(own, wanted) for own, wanted in zip(runs(clipping), reference_runs(), strict=True))
    except RuntimeError as error:
        if isinstance(error.__cause__, StopIteration):  # of an element that is not finite, where all are
            return False
        raise


WANTED: list[Any] = []


def reference_runs() -> list[Any]:
    if not WANTED:
        WANTED.extend(runs(reference))
    return WANTED


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_changes_a_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = with_planted(*PLANTED[name])
    monkeypatch.setattr(build, "OPTIMIZED", ("-O0",))  # the same bits, sooner compiled
    monkeypatch.setattr(clipping, "_SOURCE", lambda: planted)
    assert not is_the_reference()


def test_without_a_planted_bug_no_bit_changes() -> None:
    assert is_the_reference()


# Sanitizers.


def watched() -> list[Any]:
    """Clipping of all formats, with blocks of 32 threads."""
    found: list[Any] = []
    with host.running(5, threads=32):
        for dtype in DTYPES:
            grads = [normal(size, dtype, size) for size in (1, 37, CHUNK + 3)]
            found += [*clipping.clip_by_global_norm(grads, 0.5).grads, *clipping.clip_by_value(grads, 0.5)]
            clipping.clip_by_global_norm_(grads, 0.25)
            found += grads
    return found


@pytest.mark.parametrize("sanitizer", host.SANITIZERS)
def test_sanitizers_find_nothing(sanitizer: str) -> None:
    report = host.sanitized(sanitizer, watched)
    assert report.findings == ()
    assert all_same(report.result, watched())


def test_a_missing_barrier_is_a_race(monkeypatch: pytest.MonkeyPatch) -> None:
    report = host.sanitized("thread", without_a_barrier)
    assert report.findings != ()


def without_a_barrier() -> None:
    planted = with_planted("reductions.cuh", "        width = half;\n        __syncthreads();", "        width = half;")
    clipping._SOURCE = lambda: planted  # type: ignore[assignment]  # of the process that is watched
    with host.running(5, threads=32):
        clipping.global_norm([normal(100, np.float32)])


def test_a_decision_is_read_only_where_it_is_asked() -> None:
    array = np.arange(8.0)
    assert (Decision(array).peak, Decision(array).norm, Decision(array).kept) == (0.0, 4.0, True)
