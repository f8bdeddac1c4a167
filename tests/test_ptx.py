"""The parser of PTX: what it reads, and that it skips nothing that it does not know."""

from __future__ import annotations

import pytest
from kernel_texts import kernel

from accelerated import cuda
from proofs.cuda.ptx import Address, Immediate, Pair, PtxError, Register, Symbol, Vector, parse

HEAD = ".version 9.0\n.target sm_80\n.address_size 64\n"
MODULE = (
    HEAD
    + """
.extern .shared .align 16 .b8 dynamic[];
.const .align 4 .b8 table[8] = {1, 0, 0, 0, 255, 1, 0, 0};
.const .align 4 .u32 words[2] = {1, 511};
.visible .entry one(
	.param .u64 .ptr .align 1 one_param_0,
	.param .f32 one_param_1
)
.maxntid 256
{
	.reg .pred 	%p<3>;
	.reg .b32 	%r<4>;
	.reg .b64 	%rd<4>;
	.shared .align 8 .b8 part[256];
	.loc	1 4 0
	ld.param.u64 	%rd1, [one_param_0]; // a comment
	.loc	1 7 3, function_name $L__info_string0, inlined_at 1 2 3
	@!%p1 bra 	$L__BB0_2;
$L__BB0_1: add.s32 %r1, %r2, -7; mov.b32 {%r1, %r2}, %rd1;
	shfl.sync.down.b32	%r1|%p2, %r2, 16, 31, -1;
	{ .reg .b16 tmp; mov.b32 {tmp, %r2}, %r1; }
$L__BB0_2:
	.pragma "nounroll";
	st.shared.v2.f32 [part+8], {%r1, %r2};
	mov.f32 %r3, 0f3F800000;
	ret;
}
	.file	1 "somewhere/one.cu"
"""
)


def test_a_kernel_is_read() -> None:
    kernel = parse(MODULE)["one"]
    assert [(each.name, each.type) for each in kernel.parameters] == [("one_param_0", "u64"), ("one_param_1", "f32")]
    assert {(each.name, each.size, each.space) for each in kernel.variables} == {
        ("dynamic", None, "shared"),
        ("table", 8, "const"),
        ("words", 8, "const"),
        ("part", 256, "shared"),
    }
    assert {each.data for each in kernel.variables if each.space == "const"} == {bytes([1, 0, 0, 0, 255, 1, 0, 0])}
    assert kernel.labels == {"$L__BB0_1": 2, "$L__BB0_2": 6}
    assert (kernel.width_of("%rd2"), kernel.width_of("%p1"), kernel.width_of("tmp")) == (64, 1, 16)


def test_instructions_know_their_operands_and_lines() -> None:
    load, branch, add, take_apart, shuffle, inner, store, move, _ = parse(MODULE)["one"].body
    assert load.operands == (Register("%rd1"), Address(Symbol("one_param_0"), 0))
    assert (branch.guard, branch.source) == (Register("%p1", negated=True), "one.cu:7")
    assert add.opcode == ("add", "s32")
    assert add.operands == (Register("%r1"), Register("%r2"), Immediate(-7))
    assert take_apart.operands == (Vector((Register("%r1"), Register("%r2"))), Register("%rd1"))
    assert shuffle.operands[0] == Pair(Register("%r1"), Register("%p2"))
    assert inner.operands[0] == Vector((Register("tmp"), Register("%r2")))
    assert store.operands == (Address(Symbol("part"), 8), Vector((Register("%r1"), Register("%r2"))))
    assert move.operands[1] == Immediate(0x3F800000)
    assert MODULE.splitlines()[load.line - 1].strip().startswith("ld.param")


@pytest.mark.parametrize(
    "line",
    [
        "add.s32 %r1, %r2, 3.5;",
        "ADD.s32 %r1, %r2, %r3;",
        "ld.global.f32 %r1, [%rd1*4];",
        "add.s32 %r1, %r2",
        ".weird 3;",
    ],
)
def test_a_line_that_is_not_understood_is_named(line: str) -> None:
    text = f"{HEAD}.visible .entry one(\n)\n{{\n\t.reg .b32 %r<4>;\n\t{line}\n}}\n"
    with pytest.raises(PtxError, match="PTX line 8"):
        parse(text)


@pytest.mark.parametrize("architecture", cuda.ARCHITECTURES)
@pytest.mark.parametrize("name", ["descent", "total", "rounding", "faults"])
def test_what_nvrtc_writes_is_understood(name: str, architecture: str) -> None:
    try:
        text = cuda.compile_ptx(kernel(name), architecture)
    except cuda.Unavailable as missing:
        pytest.skip(f"not run: {missing}")
    kernels = parse(text)
    assert len(kernels) == text.count(".entry ")
    for each in kernels.values():
        assert each.body[-1].opcode == ("ret",)
