"""The kernels of Adam give the bits of the reference: any floats, any size, layout and order of threads; in place and in lists."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from host_calls import ORDERS
from hypothesis import given
from hypothesis import strategies as st
from kernel_steps import (
    CASES,
    LAYOUTS,
    PAIRS,
    SIZES,
    Case,
    assert_same_step,
    copied,
    differs,
    laid_out,
    quietly,
    relaid,
    written,
)
from steps import gradients, start

from accelerated import adam, host, launch, sources
from accelerated.adam import AdamState, adam_state
from accelerated.host import build
from reference import adam as reference
from reference import adam_classes
from reference.contracts import ContractViolation, level

KINDS = ["adam_step", "epsilon_hat_step", "adamw_step"]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"lr": 0.1, "betas": (0.5, 0.75)},
    {"betas": (0.0, 0.0), "eps": 1e-3},
    {"weight_decay": 0.1},
    {"amsgrad": True},
    {"maximize": True},
    {"amsgrad": True, "maximize": True, "weight_decay": 0.5, "lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-6},
]
ALL = OPTIONS[-1]
EXTREME: list[dict[str, Any]] = [
    {"lr": 1e39, "weight_decay": 1e-3},  # beyond float32
    {
        "lr": 1e-60,
        "weight_decay": 1e-60,
    },  # 0 in float32, but no decay of 0: g + 0 θ is not g where g is -0 or θ infinite
    {"lr": 0, "betas": (1 - 2**-53, 1 - 2**-53), "weight_decay": 0},
    {"lr": np.float32(0.1), "betas": [np.float16(0.5), 0], "eps": 1, "weight_decay": 3},
]


def state_of(case: Case, amsgrad: bool, step: int = 3) -> AdamState:
    """A state that no run of Adam would have come to."""
    return AdamState(step, case.array(3), case.array(4), case.array(5) if amsgrad else None, case.master())


def given_of(case: Case, options: dict[str, Any], step: int = 3) -> tuple[Any, Any, AdamState]:
    return case.param(), case.grad(), state_of(case, options.get("amsgrad", False), step)


@given(
    CASES,
    st.sampled_from(KINDS),
    st.sampled_from([*OPTIONS, *EXTREME]),
    st.integers(0, 400),
    st.sampled_from([1, 32, 256]),
)
def test_every_bit_is_that_of_the_reference(
    case: Case, kind: str, options: dict[str, Any], step: int, threads: int
) -> None:
    arguments = given_of(case, options, step)
    with host.running(case.seed, threads=threads):
        found = quietly(getattr(adam, kind), *arguments, **options)
    assert_same_step(found, quietly(getattr(reference, kind), *arguments, **options))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_size_in_every_order(pair: Any, size: int, kind: str) -> None:
    arguments = given_of(Case(size, *pair, size), ALL)
    wanted = quietly(getattr(reference, kind), *arguments, **ALL)
    for order in ORDERS:
        for threads in (1, 64, 256):
            with host.running(order, threads=threads):
                assert_same_step(quietly(getattr(adam, kind), *arguments, **ALL), wanted)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_layout(pair: Any, layout: str) -> None:
    param, grad, state = given_of(Case(38, *pair, 5), ALL)
    param, grad, state = laid_out(param, layout), laid_out(grad, layout), relaid(state, layout)
    kept = param.copy(), grad.copy(), copied(state)
    found = quietly(adam.adamw_step, param, grad, state, **ALL)
    assert_same_step(found, quietly(reference.adamw_step, *kept, **ALL))
    assert not any(np.shares_memory(array, param) or np.shares_memory(array, grad) for array in written(found))
    if layout == "read-only":
        with pytest.raises(ValueError, match="param must be writeable, for it is written over, got a read-only array"):
            adam.adamw_step_(param, grad, state, **ALL)
        return
    in_place = quietly(adam.adamw_step_, param, grad, state, **ALL)
    assert_same_step(in_place, found)
    for own, array in zip(written(in_place), [param, *written_of(state)], strict=True):
        assert own is array


def written_of(state: AdamState) -> list[Any]:
    return [array for array in vars(state).values() if hasattr(array, "dtype")]


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (3, 1, 2), (0, 4)])
@pytest.mark.parametrize("kind", KINDS)
def test_any_shape(kind: str, shape: tuple[int, ...]) -> None:
    param = np.ones(shape, np.float32)
    found = getattr(adam, kind)(param, param, adam_state(param), lr=0.5)
    assert_same_step(found, getattr(reference, kind)(param, param, adam_state(param), lr=0.5))


@pytest.mark.parametrize("ending", ["steps", "steps_"])
@pytest.mark.parametrize("kind", KINDS)
def test_lists_of_many_small_parameters_of_all_dtypes(kind: str, ending: str) -> None:
    rng = np.random.default_rng(3)
    cases = [Case(int(rng.integers(0, 40)), *PAIRS[k % len(PAIRS)], k) for k in range(120)]
    cases += [Case(size, *PAIRS[0], size) for size in (5000, 4096, 12289)]
    members = [given_of(case, ALL, step=k % 5) for k, case in enumerate(cases)]  # each has made steps of its own
    wanted = [quietly(getattr(reference, kind), p.copy(), g, copied(s), **ALL) for p, g, s in members]
    params, grads, states = map(list, zip(*members, strict=True))
    with host.running(9):
        found = quietly(getattr(adam, kind.replace("step", ending)), params, grads, states, **ALL)
    for own, other in zip(found, wanted, strict=True):
        assert_same_step(own, other)
    assert all((own.param is param) == (ending == "steps_") for own, param in zip(found, params, strict=True))


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_steps_from_the_beginning(kind: str, pair: Any) -> None:
    dtype = pair[0]
    ours = theirs = (start(dtype), adam_state(start(dtype)))
    for grad in gradients(dtype, 20):
        wide = grad.astype(pair[1])
        ours, theirs = (
            step(before[0], wide, before[1])
            for step, before in ((getattr(adam, kind), ours), (getattr(reference, kind), theirs))
        )
        assert_same_step(ours, theirs)


@pytest.mark.parametrize(
    ("own", "other", "options"),
    [
        (adam.Adam, adam_classes.Adam, {"weight_decay": 0.1}),
        (adam.AdamW, adam_classes.AdamW, {}),
        (adam.AdamW, adam_classes.AdamW, {"amsgrad": True, "lr": 0.01}),
    ],
)
def test_the_optimizers_make_the_same_steps(own: Any, other: Any, options: dict[str, Any]) -> None:
    params = [start(np.float32), start(np.float16)]
    ours, theirs = own(params, **options), other(params, **options)
    for grad in gradients(np.float32, 10):
        pair = [grad, grad.astype(np.float16)]
        for found, wanted in zip(ours.step(pair), theirs.step(pair), strict=True):
            assert np.array_equal(found, wanted)


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_a_state_begins_as_that_of_the_reference(dtype: Any, amsgrad: bool) -> None:
    param = start(dtype).reshape(2, 12)
    found, wanted = adam_state(param, amsgrad=amsgrad), reference.adam_state(param, amsgrad=amsgrad)
    assert_same_step(reference.Stepped(param, found), reference.Stepped(param, wanted))
    with pytest.raises(TypeError, match="amsgrad must be True or False, got int"):
        adam_state(param, amsgrad=1)  # type: ignore[arg-type]


# Errors.

PARAM = np.ones(4, np.float32)
STATE = adam_state(PARAM)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (([1.0], PARAM, STATE), {}),
        ((PARAM, PARAM[:2], STATE), {}),
        ((PARAM, PARAM.astype(np.float64), STATE), {}),
        ((PARAM, PARAM, None), {}),
        ((PARAM, PARAM, AdamState(0.5, PARAM, PARAM)), {}),  # type: ignore[arg-type]
        ((PARAM, PARAM, AdamState(0, PARAM, PARAM[:1])), {}),
        ((PARAM.astype(np.float16), PARAM, AdamState(0, PARAM, PARAM, None, 2 * PARAM)), {}),
        ((PARAM, PARAM, STATE), {"eps": 0.0}),
        ((PARAM, PARAM, STATE), {"amsgrad": True}),
        ((PARAM, PARAM, STATE), {"lr": np.nan}),
        ((PARAM, PARAM, STATE), {"betas": (0.9, 1.0)}),
        ((PARAM, PARAM, STATE), {"betas": 0.9}),
        ((PARAM, PARAM, STATE), {"weight_decay": -1}),
        ((PARAM, PARAM, STATE), {"maximize": None}),
    ],
)
def test_errors_are_those_of_the_reference(arguments: Any, settings: dict[str, Any], kind: str) -> None:
    with pytest.raises((TypeError, ValueError)) as wanted:
        getattr(reference, kind)(*arguments, **settings)
    for ending in ("step", "step_", "steps", "steps_"):
        lists = ending.startswith("steps")
        with pytest.raises(wanted.type) as found:
            getattr(adam, kind.replace("step", ending))(*([each] if lists else each for each in arguments), **settings)
        assert str(found.value).removeprefix("params[0]: ") == str(wanted.value)


def test_memory_that_is_shared_is_refused_in_place() -> None:
    room = np.zeros(8, np.float32)
    message = r"what is written over needs memory of its own, but state\.exp_avg and state\.exp_avg_sq overlap"
    with pytest.raises(ValueError, match=message):
        adam.adam_step_(PARAM.copy(), PARAM, AdamState(0, room[:4], room[3:7]))
    frozen = np.zeros(4, np.float32)
    frozen.flags.writeable = False
    states = [adam_state(PARAM), AdamState(0, frozen, np.zeros(4, np.float32))]
    with pytest.raises(ValueError, match=r"params\[1\]: state\.exp_avg must be writeable"):
        adam.adam_steps_([PARAM.copy(), PARAM.copy()], [PARAM, PARAM.copy()], states)


# Bugs that are planted into copies of the kernels.

PLANTED: dict[str, tuple[str, str, str]] = {  # the file, what stands there, what is put there
    "squares first": ("adam.cu", "(s.fresh2 * g) * g", "s.fresh2 * (g * g)"),
    "operands of the division swapped": ("adam.cu", "(m / divisor)", "(divisor / m)"),
    "operands of the subtraction swapped": (
        "adam.cu",
        "theta - rates.step_size * (m / divisor)",
        "rates.step_size * (m / divisor) - theta",
    ),
    "epsilon inside the root": ("adam.cu", "root(second) / rates.root + s.eps", "root(second + s.eps) / rates.root"),
    "decay after the moments": ("adam.cu", "m = s.beta1 * m + s.fresh1 * g;", "m = s.beta1 * m + s.fresh1 * grad;"),
    "NaN loses the maximum": ("packs.cuh", "x != x ? x : y", "x != x ? y : y"),
    "a missing tail": (
        "chunks.cuh",
        "i = rest + threadIdx.x; i < end",
        "i = rest + threadIdx.x; aligned ? i < rest : i < end",
    ),
    "a tail that is too short": ("chunks.cuh", "i < end; i += stride", "i < end - 1; i += stride"),
    "chunks that all end where the first ends": (
        "chunks.cuh",
        "start + CHUNK < size ? start + CHUNK : size",
        "CHUNK < size ? CHUNK : size",
    ),
    "truncation to bfloat16": ("formats.cuh", "bits + 0x7fffu + (bits >> 16 & 1u)", "bits"),
    "the first moment is not stored": ("adam.cu", "store(arrays.exp_avg_after + i, m);", ""),
    "an index of 8 bits": ("chunks.cuh", "step.template at<1>(i)", "step.template at<1>((unsigned char)i)"),
}
READ = sources.read


def with_planted(file: str, old: str, new: str) -> sources.Source:
    """A copy of the source with one change."""
    source = READ("adam")
    texts = {source.name: source.text, **source.headers}
    assert texts[file].count(old) == 1, f"{file} has no single {old!r}"
    texts[file] = texts[file].replace(old, new)
    text = texts.pop(source.name)
    return sources.Source(source.name, text, texts, f"{source.digest} {file} {new}")


def runs(step: Callable[..., Any]) -> Iterator[Any]:
    """Steps of ordinary numbers and of any bits, of float32 and of bfloat16, each made when it is asked for."""
    for seed, (size, pair) in enumerate([(37, PAIRS[0]), (3 * 4096 + 7, PAIRS[0]), (1031, PAIRS[4])]):
        param, grad, state = given_of(Case(size, *pair, seed), ALL)
        yield quietly(step, param, grad, state, **ALL)
        state = dataclasses.replace(
            state, **{name: x.copy()[1:] for name, x in vars(state).items() if hasattr(x, "dtype")}
        )
        yield quietly(step, param.copy()[1:], grad.copy()[1:], state, **ALL)


WANTED: list[Any] = []


def reference_runs() -> list[Any]:
    if not WANTED:
        WANTED.extend(runs(reference.adam_step))
    return WANTED


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_changes_a_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "OPTIMIZED", ("-O0",))  # the same bits, sooner compiled
    monkeypatch.setattr(sources, "read", lambda concept: with_planted(*PLANTED[name]))
    assert any(differs(own, other) for own, other in zip(runs(adam.adam_step), reference_runs(), strict=True))


def test_a_compiler_that_contracts_changes_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "OPTIMIZED", (*build.OPTIMIZED, "-ffp-contract=fast"))
    monkeypatch.setattr(build, "FLAGS", tuple(flag for flag in build.FLAGS if flag != "-ffp-contract=off"))
    source = READ("adam")
    another = sources.Source(source.name, source.text, source.headers, f"{source.digest} contracted")
    monkeypatch.setattr(sources, "read", lambda concept: another)
    if not has_fused_multiply_add():
        pytest.skip("not run: this processor has no fused multiply-add")
    assert any(differs(own, other) for own, other in zip(runs(adam.adam_step), reference_runs(), strict=True))


def has_fused_multiply_add() -> bool:
    return any(f"#define {name} 1" in build.macros() for name in ("__FMA__", "__ARM_FEATURE_FMA"))


def test_a_planted_bug_breaks_the_contract_where_that_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "read", lambda concept: with_planted(*PLANTED["epsilon inside the root"]))
    with (
        level("all"),
        pytest.raises(ContractViolation, match=r"the kernel of reference\.adam\.adam_step breaks .*ADAM-14"),
    ):
        adam.adam_step(PARAM, 0.1 * PARAM, STATE)
    with level("none"):
        adam.adam_step(PARAM, 0.1 * PARAM, STATE)


def test_without_a_planted_bug_no_bit_changes() -> None:
    assert not any(differs(own, other) for own, other in zip(runs(adam.adam_step), reference_runs(), strict=True))


# Elements beyond what 32 bits can count: a small array, placed in the table as the end of one that begins far before it.

FAR = 3 * 2**32


def far_step() -> tuple[Any, Any]:
    """The last 4099 elements of an array of 3 · 2³² + 4099, by the kernel and by the reference."""
    case = Case(4099, *PAIRS[0], 1)
    param, grad, state = given_of(case, {})
    after = [np.zeros_like(param) for _ in range(3)]
    arrays = [param, grad, state.exp_avg, state.exp_avg_sq, None, *after, None, None]
    table = launch.table_of([arrays], [FAR + case.size])
    table[:, 2:] -= np.where(table[:, 2:] != 0, FAR * param.itemsize, 0)
    starts = np.array([FAR, FAR + launch.CHUNK], np.int64)
    settings = {"lr": 0.01, "betas": (0.5, 0.75), "eps": 1e-3, "weight_decay": 0.1, "amsgrad": False, "maximize": False}
    beta1, beta2 = (np.float64(beta) for beta in settings["betas"])
    rates = reference.algorithm_1(np.float64(0.01), (beta1, beta2), np.float64(1e-3), state.step + 1)
    floats = np.array([beta1, 1 - beta1, beta2, 1 - beta2, 1e-3, 0.1, 1 - 0.01 * 0.1], np.float32)
    shares = np.array([rates.step_size, rates.root], np.float32)
    with host.running(threads=64):
        arguments = [np.zeros(2, np.int32), starts, table, shares, *floats, 0, 1, 0, 0]
        launch.run(sources.read("adam"), "adam_float32", (2,), (64,), arguments)
    found = reference.Stepped(after[0], AdamState(state.step + 1, after[1], after[2]))
    return found, quietly(reference.adamw_step, param, grad, state, **settings)


def test_elements_are_counted_in_64_bits() -> None:
    assert_same_step(*far_step())


def far_step_in_32_bits() -> None:
    """The same with an index of 32 bits."""
    source = with_planted("chunks.cuh", "for (long long i = start +", "for (int i = start +")
    sources.read = lambda concept: source  # type: ignore[assignment]  # in a process of its own
    far_step()


def test_an_index_of_32_bits_is_found() -> None:
    report = host.sanitized("address", far_step_in_32_bits)
    assert any(each.startswith("SEGV on unknown address") for each in report.findings)
    assert host.sanitized("address", far_step).findings == ()


# Sanitizers.


def watched_steps() -> Any:
    """A few steps of parameters of all dtypes, with blocks of 32 threads."""
    cases = [Case(size, *pair, size) for pair in PAIRS for size in (1, 37, 4099)]
    params, grads, states = map(list, zip(*(given_of(case, ALL) for case in cases), strict=True))
    with host.running(5, threads=32):
        return quietly(adam.adamw_steps, params, grads, states, **ALL)


@pytest.mark.parametrize("sanitizer", host.SANITIZERS)
def test_sanitizers_find_nothing(sanitizer: str) -> None:
    report = host.sanitized(sanitizer, watched_steps)
    assert report.findings == ()
    for found, wanted in zip(report.result, watched_steps(), strict=True):
        assert_same_step(found, wanted)


def test_settings_reach_the_kernel_as_the_reference_rounds_them() -> None:
    source = sources.read("adam")
    wanted = [
        "beta1",
        "fresh1",
        "beta2",
        "fresh2",
        "eps",
        "weight_decay",
        "shrink",
        "coupled",
        "decoupled",
        "amsgrad",
        "maximize",
    ]
    for kernel in source.kernels.values():
        assert [each.name for each in kernel.arguments if not each.is_array] == wanted
    assert re.search(r"T beta1, fresh1, beta2, fresh2, eps;", source.text)
