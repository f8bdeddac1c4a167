"""The machine code of the kernels: registers, nothing kept in memory, wide accesses, no contraction where none can be due."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from kernel_texts import text

from accelerated import cuda, sources
from accelerated.launch import THREADS
from proofs.cuda import machine_code
from proofs.cuda.machine_code import Code

try:
    cuda.toolkit_version()
    for name in machine_code.TOOLS:
        machine_code.tool(name)
except cuda.Unavailable as missing:
    pytest.skip(f"not run: {missing}", allow_module_level=True)

CONCEPTS = ("sgd", "adam")
REGISTERS_OF_A_MULTIPROCESSOR = 65536
MOST_REGISTERS = REGISTERS_OF_A_MULTIPROCESSOR // (2 * THREADS)  # two blocks at once, at least


@functools.cache
def code_of(concept: str, architecture: str) -> dict[str, Code]:
    return machine_code.inspect(cuda.compile_cubin(sources.read(concept), architecture))


OLDEST_TO_NEWEST = ("sm_75", "sm_90", "sm_120")


@pytest.mark.parametrize("architecture", OLDEST_TO_NEWEST)
@pytest.mark.parametrize("concept", [*CONCEPTS, "clipping"])
def test_no_kernel_spills_or_takes_too_many_registers(concept: str, architecture: str) -> None:
    found = code_of(concept, architecture)
    assert set(found) == set(sources.read(concept).kernels)
    for name, code in found.items():
        assert not code.spills, name
        assert 0 < code.registers <= MOST_REGISTERS, name
        assert len(code.opcodes) > (100 if concept in CONCEPTS else 20), name


@pytest.mark.parametrize("architecture", OLDEST_TO_NEWEST)
@pytest.mark.parametrize("concept", CONCEPTS)
def test_aligned_arrays_are_read_and_written_16_bytes_at_a_time(concept: str, architecture: str) -> None:
    for name, code in code_of(concept, architecture).items():
        reads, writes = {"sgd": (3, 2), "adam": (5, 4)}[concept]
        has_image = "float16" in name  # a pack of 8: of a float32 array two accesses, of the image one
        assert len(code.wide("LDG", "LD")) >= (2 * reads - 1 if has_image else reads), name
        assert len(code.wide("STG", "ST")) >= (2 * writes + 1 if has_image else writes), name


@pytest.mark.parametrize("architecture", OLDEST_TO_NEWEST)
def test_ptxas_contracts_and_flushes_nothing_where_there_is_no_division(architecture: str) -> None:
    for name, code in code_of("sgd", architecture).items():
        assert code.contracted == [], name
        assert code.flushing == [], name
        assert {"FMUL", "DMUL"} & {each.split(".")[0] for each in code.opcodes}, name


def test_what_is_kept_in_memory_is_seen(tmp_path: Path) -> None:
    source = text(
        "spilling",
        'extern "C" __global__ void spilling(const int* x, int* y, int n) { int kept[64];'
        "for (int k = 0; k < 64; ++k) kept[k] = x[k]; for (int k = 0; k < n; ++k) y[k] = kept[x[k] & 63]; }",
    )
    (code,) = machine_code.inspect(cuda.compile_cubin(source, "sm_90", tmp_path)).values()
    assert code.spills
    assert code.stack + code.local >= 256


def test_contraction_and_flushing_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = text("fused", 'extern "C" __global__ void fused(float* x) { x[0] = x[1] * x[2] + x[3]; }')
    (code,) = machine_code.inspect(cuda.compile_cubin(source, "sm_90", tmp_path)).values()
    assert not code.contracted
    assert not code.flushing
    monkeypatch.setattr(cuda, "FLAGS", ("--use_fast_math",))
    (code,) = machine_code.inspect(cuda.compile_cubin(source, "sm_90", tmp_path)).values()
    assert code.contracted
    assert code.flushing


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_code, "FOLDERS", ())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(cuda.Unavailable, match="needs cuobjdump: pip install nvidia-cuda-cuobjdump"):
        machine_code.tool("cuobjdump")
