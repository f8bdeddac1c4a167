"""Sources of kernels: their headers, their hash, the signatures in them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelerated.sources import Argument, SourceError, read, read_file, source, without_comments

KERNELS = Path(__file__).resolve().parent / "kernels"
ROOM = Path(__file__).resolve().parent.parent / "accelerated"


def arguments(text: str) -> tuple[Argument, ...]:
    return source("one.cu", f'extern "C" __global__ void one({text}) {{}}').kernels["one"].arguments


def test_a_source_comes_with_all_headers_that_it_needs() -> None:
    found = read("adam")
    assert found.name == "adam.cu"
    assert found.text == (ROOM / "adam.cu").read_text(encoding="utf-8")
    assert set(found.headers) == {"chunks.cuh", "formats.cuh", "packs.cuh", "shrinking.cuh"}  # formats.cuh by packs.cuh
    assert found.headers["packs.cuh"] == (ROOM / "packs.cuh").read_text(encoding="utf-8")


@pytest.mark.parametrize("concept", ["sgd", "adam"])
def test_macros_make_a_kernel_for_each_dtype(concept: str) -> None:
    kernels = read(concept).kernels
    formats = {"float32", "float64", "float16", "bfloat16", "float16_float32", "bfloat16_float32"}
    own = {name for name in kernels if name.startswith(concept)}  # others clip, too
    assert own == {f"{concept}_{each}" for each in formats}
    numbers = {each.element for each in kernels[f"{concept}_float64"].arguments if not each.is_array}
    assert numbers == {"double", "int"}
    assert [each.name for each in kernels[f"{concept}_float16"].arguments][:3] == [
        "block_array",
        "block_start",
        "table",
    ]


def test_a_signature_says_what_is_written() -> None:
    assert arguments("const float* x, unsigned long long *__restrict__ y, long long n, const int k, double a") == (
        Argument("x", "float", True, False),
        Argument("y", "unsigned long long", True, True),
        Argument("n", "long long", False, False),
        Argument("k", "int", False, False),
        Argument("a", "double", False, False),
    )
    assert arguments("") == ()


def test_launch_bounds_and_comments_do_not_hide_a_kernel() -> None:
    text = """
    // extern "C" __global__ void commented(float a) {}
    /* __global__ */ extern "C" __global__ void
        __launch_bounds__(256) bound(int a /* first */, // and
        float b) {}
    """
    assert list(source("k.cu", text).kernels) == ["bound"]
    assert [each.name for each in source("k.cu", text).kernels["bound"].arguments] == ["a", "b"]


def test_comments_leave_every_line_at_its_place() -> None:
    text = 'a // "b"\n/* c\nd */ "e // f" /* g */ h\n'
    assert without_comments(text) == 'a       \n    \n     "e // f"         h\n'


def test_the_hash_covers_name_text_and_headers(tmp_path: Path) -> None:
    (tmp_path / "own.cuh").write_text("// one")
    (tmp_path / "k.cu").write_text('#include "own.cuh"\nextern "C" __global__ void k(int a) {}')
    first = read_file(tmp_path / "k.cu")
    assert read_file(tmp_path / "k.cu").digest == first.digest
    assert source("other.cu", first.text, (tmp_path,)).digest != first.digest
    (tmp_path / "own.cuh").write_text("// two")
    assert read_file(tmp_path / "k.cu").digest != first.digest
    assert first.headers == {"own.cuh": "// one"}


def test_headers_may_include_one_another(tmp_path: Path) -> None:
    (tmp_path / "a.cuh").write_text('#pragma once\n#include "b.cuh"')
    (tmp_path / "b.cuh").write_text('#pragma once\n#include "a.cuh"\n#include "formats.cuh"')
    (tmp_path / "k.cu").write_text('#include "a.cuh"')
    assert list(read_file(tmp_path / "k.cu").headers) == ["a.cuh", "b.cuh", "formats.cuh"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n#include <cuda_fp16.h>", r"k\.cu, line 2: only headers of kernels can be included.*got <cuda_fp16\.h>"),
        ('#include "nowhere.cuh"', r"k\.cu, line 1: there is no header nowhere\.cuh in .*accelerated"),
    ],
)
def test_headers_that_cannot_be_included_are_named(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        source("k.cu", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__global__ void k(int a) {}", r'k\.cu: a kernel must be declared as extern "C" __global__ void'),
        (
            'extern "C" __global__ void k(bool a) {}',
            r"kernel k: argument 0 must be a number \(long long, int, .*got bool a",
        ),
        ('extern "C" __global__ void k(int a, float** b) {}', r"argument 1 must be .* got float\*\* b"),
        ('extern "C" __global__ void k(float4* a) {}', r"argument 0 must be .* got float4\* a"),
        ('extern "C" __global__ void k(int a) {}\nextern "C" __global__ void k(int b) {}', "kernel k is defined twice"),
    ],
)
def test_kernels_that_cannot_be_launched_are_named(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        _ = source("k.cu", text).kernels


def test_a_concept_without_kernels_is_named() -> None:
    with pytest.raises(SourceError, match=r"there are no kernels of 'nothing'; there are those of adam, .*sgd"):
        read("nothing")


def test_every_source_of_the_package_can_be_read() -> None:
    for path in sorted(ROOM.glob("*.cu")):
        assert read(path.stem).kernels
    for path in sorted(KERNELS.glob("host_*.cu")):
        assert read_file(path).kernels
