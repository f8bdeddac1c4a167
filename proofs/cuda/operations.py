"""What an instruction without side effects computes from the values of its operands."""

from __future__ import annotations

from typing import Any

from proofs.cuda import floats, integers
from proofs.cuda.memory import LOCAL_TAG, SHARED_TAG
from proofs.cuda.ptx import Instruction, PtxError
from proofs.cuda.values import Float, Value, as_bits, as_float, either, join, logic, part_of
from proofs.symbolic.theory import Theory

INTEGER_TYPES = {f"{kind}{width}" for kind in "sub" for width in (8, 16, 32, 64)}
FLOAT_ROOTS = {"add", "sub", "mul", "div", "sqrt", "rcp", "neg", "abs", "min", "max", "copysign"}
CVT_WORDS = {"rn", "rni", "rzi", "rmi", "rpi", "rz", "rm", "rp"}
RELATIONS = {
    *("eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs"),
    *("equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"),
}
PURE = {
    *FLOAT_ROOTS,
    *integers.CONCRETE,
    *("mov", "cvt", "cvta", "setp", "selp", "slct", "testp", "mul24", "mad", "fma"),
    *floats.APPROXIMATE,
}


def unknown(instruction: Instruction) -> PtxError:
    """The error for what this interpreter does not know."""
    return PtxError(f"PTX line {instruction.line}: the instruction {instruction.text!r} is not known")


def evaluate(theory: Theory, instruction: Instruction, values: list[Value]) -> Value:
    """The result of a pure instruction, by the values of its sources.

    Raises: PtxError for an instruction that is not known, Fault for one that is not IEEE arithmetic.
    """
    opcode = instruction.opcode
    root, kind, words = opcode[0], opcode[-1], set(opcode[1:-1])
    floats.check(opcode)
    if root == "mov":
        return values[0]
    if root == "cvta":
        return _generic(theory, instruction, values[0])
    if root == "cvt":
        return _convert(theory, instruction, values[0])
    if root == "setp":
        return _compare(theory, instruction, values)
    if root == "testp" and kind in floats.DTYPES and len(words) == 1:
        return floats.test(theory, words.pop(), floats.DTYPES[kind], values[0])
    if root == "selp":
        return _select(theory, kind, values)
    if kind == "pred" and root in ("and", "or", "xor", "not"):
        return logic(root, *values)
    if kind in floats.DTYPES and root in FLOAT_ROOTS and words <= {"rn"}:
        return floats.apply(theory, root, floats.DTYPES[kind], values)
    if kind in INTEGER_TYPES:
        return _integer(theory, instruction, values)
    raise unknown(instruction)


def _generic(theory: Theory, instruction: Instruction, value: Value) -> Value:
    """Generic addresses of shared and local memory carry a tag; global ones are what they are."""
    address = as_bits(theory, value, 64)
    tag = {"shared": SHARED_TAG, "local": LOCAL_TAG, "global": 0, "const": 0, "param": 0}
    space = next((word for word in instruction.opcode if word in tag), None)
    if space is None or not isinstance(address, int):
        raise unknown(instruction)
    return address - tag[space] if "to" in instruction.opcode else address + tag[space]


def _convert(theory: Theory, instruction: Instruction, value: Value) -> Value:
    *_, target, source = instruction.opcode
    words = set(instruction.opcode[1:-2])
    if not words <= CVT_WORDS:
        raise unknown(instruction)
    if target in floats.DTYPES or source in floats.DTYPES:
        if not {target, source} <= {*floats.DTYPES, *INTEGER_TYPES}:
            raise unknown(instruction)
        return floats.convert(theory, words, target, source, value)
    if words or not {target, source} <= INTEGER_TYPES:
        raise unknown(instruction)
    width = int(source[1:])
    return integers.resized(as_bits(theory, value, width), source[0], width, int(target[1:]))


def _compare(theory: Theory, instruction: Instruction, values: list[Value]) -> Any:
    """``setp``, perhaps combined with a third predicate; where two results are wanted, both."""
    kind, words = instruction.opcode[-1], instruction.opcode[1:-1]
    relation = words[0]
    if relation not in RELATIONS or not set(words[1:]) <= {"and", "or", "xor"}:
        raise unknown(instruction)
    if kind in floats.DTYPES:
        found = floats.compare(theory, relation, floats.DTYPES[kind], values[0], values[1])
    elif kind in INTEGER_TYPES:
        width = int(kind[1:])
        found = integers.compare(relation, kind[0], width, *(as_bits(theory, value, width) for value in values[:2]))
    else:
        raise unknown(instruction)
    pair = (found, logic("not", found))
    if len(words) == 2:
        pair = tuple(logic(words[1], each, values[2]) for each in pair)
    return pair


def _select(theory: Theory, kind: str, values: list[Value]) -> Value:
    left, right, condition = values
    if isinstance(condition, bool):
        return left if condition else right
    if kind in floats.DTYPES:
        dtype = floats.DTYPES[kind]
        left, right = (
            value if isinstance(value, Float) else Float(as_float(theory, value, dtype), dtype)
            for value in (left, right)
        )
    return either(theory, condition, left, right, int(kind.lstrip("busf")))


def _integer(theory: Theory, instruction: Instruction, values: list[Value]) -> Value:
    root, kind = instruction.opcode[0], instruction.opcode[-1]
    words = set(instruction.opcode[1:-1])
    width = int(kind[1:])
    widths = [width] * len(values)
    if root in ("shl", "shr"):
        widths[1] = 32
    if root == "bfe":
        widths[1:] = [32, 32]
    if root == "prmt" and not words and isinstance(values[2], int):
        return _permuted(theory, values[0], values[1], values[2], instruction)
    operands = [as_bits(theory, value, each) for value, each in zip(values, widths, strict=True)]
    if root in ("shl", "shr"):
        operands[1] = integers.resized(operands[1], "u", 32, width) if not isinstance(operands[1], int) else operands[1]
    if root in ("mul", "mad") and words == {"wide"}:
        wide = [integers.resized(operand, kind[0], width, 2 * width) for operand in operands[:2]]
        if root == "mad":
            wide.append(as_bits(theory, values[2], 2 * width))
        return integers.apply(root, kind[0], 2 * width, wide)
    if root == "mul" and words == {"hi"}:
        root, words = "high", set()
    if root == "bfind" and words == {"shiftamt"}:
        root, words = "shiftamt", set()
    if words - {"lo"} or (words and root not in ("mul", "mad")) or root not in integers.CONCRETE:
        raise unknown(instruction)
    if root not in integers.SYMBOLIC and not all(isinstance(operand, int) for operand in operands):
        raise unknown(instruction)
    result = integers.apply(root, kind[0], width, operands)
    return integers.resized(result, "u", width, 32) if root in ("popc", "clz", "bfind", "shiftamt") else result


def _permuted(theory: Theory, a: Value, b: Value, selector: int, instruction: Instruction) -> Value:
    """Four bytes of two words, taken as they are; neighbours stay together."""
    choices = [selector >> 4 * k & 15 for k in range(4)]
    if any(choice & 8 for choice in choices):
        words = [as_bits(theory, each, 32) for each in (a, b)]
        if not all(isinstance(word, int) for word in words):
            raise unknown(instruction)
        return integers.apply("prmt", "b", 32, [*words, selector])
    runs: list[list[int]] = []
    for choice in choices:
        if runs and runs[-1][-1] + 1 == choice and choice != 4:
            runs[-1].append(choice)
        else:
            runs.append([choice])
    sources = {0: a, 1: b}
    return join(
        [(part_of(theory, sources[run[0] // 4], 32, run[0] % 4 * 8, len(run) * 8), len(run) * 8) for run in runs]
    )
