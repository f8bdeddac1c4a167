"""How accurate the elementary functions are in float32: every input, block by block.

    python -m proofs.elementary.accuracy run exp tanh    # goes on where it stopped; all functions if none is named
    python -m proofs.elementary.accuracy show

A block is 2**24 inputs whose bit patterns follow one another. What each block gave stands in ``float32.json`` beside this
file, with the hash of the sources that it is about; a block that did not run is not there. ``misrounded`` are the inputs whose
result is not the correctly rounded one. Of odd and even functions only the blocks without the sign bit run, for the
tests show the symmetry.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import reference.elementary
from proofs.elementary.oracle import ORACLES, error_in_ulp, expected, same
from reference import contracts

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("float32.json")
BLOCK_BITS = 24
BLOCKS = 1 << (32 - BLOCK_BITS)
SLICE = 1 << 16
NAMES = tuple(name for name in ORACLES if name != "pow")  # two arguments are too many
SYMMETRIC = ("tanh", "erf", "sin", "cos")
SOURCES = ("arithmetic", "exponential", "logarithm", "trigonometric", "error_function")
TELLING = {  # blocks without the sign bit outside of which results are constant or the argument itself, or NaN
    "exp": range(0x32, 0x44),
    "expm1": range(0x32, 0x44),
    "tanh": range(0x38, 0x43),
    "erf": range(0x43),
    "log": range(0x80),
    "log1p": range(0x32, 0x80),
    "sin": range(0x38, 0x80),
    "cos": range(0x38, 0x80),
}
ONE = 0x3F  # the block of the numbers from 1/2 to 2


def source_hash() -> str:
    """Of the code in which the functions are written down, without comments, docstrings and contracts."""
    texts = [(ROOT / "reference" / "elementary" / f"{name}.py").read_text(encoding="utf-8") for name in SOURCES]
    return hashlib.sha256("\0".join(map(code_of, texts)).encode()).hexdigest()


def code_of(text: str) -> str:
    """Python source with only what computes."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
    tree.body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    return ast.unparse(tree)


def rank(name: str, block: int) -> tuple[bool, int, int]:
    """Blocks that tell something come first, and of these those near 1."""
    negative, magnitude = divmod(block, BLOCKS // 2)
    is_nan = bool(negative) and (name == "log" or (name == "log1p" and magnitude > ONE))
    return is_nan or magnitude not in TELLING[name], abs(magnitude - ONE), block


def blocks_of(name: str) -> range:
    """The numbers of all blocks of a function."""
    return range(BLOCKS // 2 if name in SYMMETRIC else BLOCKS)


def inputs(block: int, start: int = 0, count: int = 1 << BLOCK_BITS) -> Any:
    """Inputs of a block, from a place in it."""
    first = (block << BLOCK_BITS) + start
    return np.arange(first, first + count, dtype=np.uint64).astype(np.uint32).view(np.float32)


def misrounded(name: str, x: Any) -> list[dict[str, Any]]:
    """The inputs with another result than the correctly rounded one."""
    result = getattr(reference.elementary, name)(x)
    wrong = np.flatnonzero(~same(result, expected(name, x)))
    return [
        {
            "input": float(x[i]).hex(),
            "result": float(result[i]).hex(),
            "ulp": error_in_ulp(name, result[i], x[i]) if np.isfinite(x[i]) else None,
        }
        for i in wrong
    ]


def run_block(name: str, block: int) -> list[dict[str, Any]]:
    """Try all inputs of a block."""
    starts = range(0, 1 << BLOCK_BITS, SLICE)
    return [wrong for start in starts for wrong in misrounded(name, inputs(block, start, SLICE))]


def load() -> dict[str, Any]:
    """What was found for the sources as they are; nothing if they have changed."""
    if RESULTS.exists():
        results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
        if results["sources"] == source_hash():
            return results
    return {"sources": source_hash(), "functions": {}}


def save(results: dict[str, Any]) -> None:
    """Write everything, and sum it up."""
    functions = {name: summed_up(name, results["functions"].get(name, {}).get("blocks", {})) for name in NAMES}
    text = json.dumps({"sources": results["sources"], "functions": functions}, indent=1)
    RESULTS.write_text(text + "\n", encoding="utf-8")


def summed_up(name: str, blocks: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The counts of a function; ``complete`` only if every block ran."""
    wrong = [each for block in blocks.values() for each in block]
    known = [each for each in wrong if each["ulp"] is not None]
    return {
        "complete": len(blocks) == len(blocks_of(name)),
        "symmetric": name in SYMMETRIC,
        "blocks_run": len(blocks),
        "blocks_in_all": len(blocks_of(name)),
        "inputs": len(blocks) << BLOCK_BITS if blocks else None,
        "misrounded": len(wrong) if blocks else None,
        "worst": max(known, key=lambda each: each["ulp"]) if known else None,
        "blocks": blocks,
    }


def run(names: list[str]) -> None:
    """Run what has not run yet."""
    results = load()
    contracts.set_level("none")
    for name, block in by_turns(names):
        blocks = results["functions"].setdefault(name, {}).setdefault("blocks", {})
        key = f"{block:02x}"
        if key not in blocks:
            start = time.perf_counter()
            blocks[key] = run_block(name, block)
            save(results)
            done = f"{len(blocks)} of {len(blocks_of(name))}"
            print(f"{name} {key}: {done}, {time.perf_counter() - start:.1f} s", blocks[key], flush=True)


def by_turns(names: list[str]) -> list[tuple[str, int]]:
    """The blocks of all functions, in the order of their rank."""
    return sorted(((name, block) for name in names for block in blocks_of(name)), key=lambda entry: rank(*entry))


def show() -> None:
    """Print a line for each function."""
    for name, found in load()["functions"].items():
        print(
            f"{name:6} {found['blocks_run']:3} of {found['blocks_in_all']} blocks, {found['inputs']} inputs,", end=" "
        )
        print(f"{found['misrounded']} misrounded, worst {found['worst']}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(sys.argv[2:] or list(NAMES))
    else:
        show()
