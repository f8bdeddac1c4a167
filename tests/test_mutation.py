"""Mutants are what they should be, and only evidence of the claims kills them."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proofs.mutation import refute
from proofs.mutation.mutants import Module
from proofs.mutation.refute import Change, sampled_functions, trial
from proofs.mutation.results import Keys, Row, name_of
from reference import clipping, reductions

ROOT = Path(__file__).resolve().parent.parent

SMALL = '''
"""A module with 1 + 1 in its docstring."""
import numpy as np

STEP = 2
LIMIT = 3


def _check(x: "1 + 1") -> bool:
    return x > LIMIT


@require(lambda x: _check(x), lambda x: ValueError(f"{x + 1}"))
def scale(x: "1 + 1", y):
    """Returns x + 1."""
    if x < y:
        raise ValueError(f"{x + 1} < {y - 1}")
    return np.abs(x) - STEP * y
'''

TOY = '''
"""A toy row."""
import numpy as np

from reference.contracts import ensure, require


@require(lambda x: np.isfinite(x), lambda x: ValueError("x must be finite"))
@ensure("TOY-1", lambda result: (result >= 0) & (result <= 4))
def clamp(x):
    """|x|, at most 4.

    Claims
        TOY-1  prove  IEEE(float64)  elementwise  the result lies in [0, 4]
    """
    return np.minimum(np.abs(x), 4.0)
'''

TOY_PROOFS = """
import numpy as np

from proofs.prover.claims import CLAIMS
from proofs.prover.describe import prove
from proofs.prover.symbolic_run import Run
from proofs.symbolic.ieee import IEEE
from proofs.symbolic.inputs import Array
from reference.toy import clamp

run = Run(clamp, {"x": Array(np.float64)}, IEEE())
prove("TOY-1", clamp, theory="IEEE(float64)", bound="elementwise", runs=lambda: [("", run)])
__all__ = ["CLAIMS"]
"""

# Positive numbers only: that np.abs is gone is left for the prover to notice.
TOY_SAMPLES = """
import itertools

import numpy as np

SAMPLES = {"clamp": lambda generator: ({"x": np.float64(k)} for k in itertools.count())}
BEYOND = {}
"""


def changes(source: str) -> set[tuple[str, str, str]]:
    return {(mutant.unit, mutant.kind, mutant.after) for mutant in Module.parse("small.py", source).mutants()}


def test_every_expected_mutant_of_a_small_module_and_no_other() -> None:
    assert changes(SMALL) == {
        ("STEP", "constant + 1", "3"),
        ("STEP", "constant - 1", "1"),
        ("scale", "condition negated", "(not x < y)"),
        ("scale", "boundary 0", "(x <= y)"),
        ("scale", "comparison turned 0", "(x > y)"),
        ("scale", "operator", "(np.abs(x) + STEP * y)"),
        ("scale", "operator", "(STEP / y)"),
        ("scale", "operands swapped", "(STEP * y - np.abs(x))"),
        ("scale", "np.abs dropped", "x"),
    }


@pytest.mark.parametrize(
    ("code", "kind", "after"),
    [
        ("a / b * c", "order to the right", "(a / (b / c))"),
        ("a * b + c", "order to the right", "(a * (b + c))"),
        ("a + (b - c)", "order to the left", "(a + b - c)"),
        ("2.0**-49", "constant + 1", "50"),
        ("2.0**-49", "USub dropped", "49"),
        ("1.5", "constant / 2", "0.75"),
        ("True", "truth value", "False"),
        ("a & b", "operator", "(a | b)"),
        ("a & b", "left operand dropped", "b"),
        ("~a", "Invert dropped", "a"),
        ("a.astype(np.float64)", "astype dropped", "a"),
        ("a.astype(np.float64)", "float64 to float32", "np.float32"),
        ("f(a, b)", "arguments swapped", "f(b, a)"),
        ("np.where(a, b, c)", "branches swapped", "np.where(a, c, b)"),
        ("np.minimum(a, b)", "minimum to maximum", "np.maximum"),
        ("np.nextafter(a, b)", "np.nextafter dropped", "a"),
        ("a[b:c]", "upper bound - 1", "a[b:c - 1]"),
        ("b if a else c", "condition negated", "(b if not a else c)"),
        ("[a for a in b if a]", "condition negated", "(not a)"),
    ],
)
def test_each_rule(code: str, kind: str, after: str) -> None:
    assert ("f", kind, after) in changes(f"def f(a, b, c):\n    return {code}\n")


def test_mutants_are_distinct_and_keep_their_ids_when_other_code_moves() -> None:
    before = list(Module.parse("small.py", SMALL).mutants())
    after = list(Module.parse("small.py", "# a comment\n" + SMALL.replace("STEP = 2", "STEP = 2\nOTHER = 5")).mutants())
    assert len({mutant.id for mutant in before}) == len(before)
    assert len({mutant.source for mutant in before}) == len(before)
    assert [mutant.id for mutant in before] == [mutant.id for mutant in after]


def test_a_diff_shows_the_one_line_that_changed() -> None:
    mutant = next(mutant for mutant in Module.parse("small.py", SMALL).mutants() if mutant.kind == "np.abs dropped")
    changed = [line for line in mutant.diff.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == ["-    return np.abs(x) - STEP * y", "+    return x - STEP * y"]


@pytest.mark.parametrize("module", [reductions, clipping])
def test_the_reference_itself_keeps_its_contracts_on_a_few_inputs_of_each_kind(module: object) -> None:
    source = Path(str(module.__file__)).read_text(encoding="utf-8")  # type: ignore[attr-defined]
    found = trial(Change(module.__name__, source), tries=5)  # type: ignore[attr-defined]
    assert sampled_functions(module)  # type: ignore[arg-type]
    assert found.refutation is None
    assert found.difference is None


def test_a_clause_of_the_original_refutes_a_mutant_and_names_the_input() -> None:
    source = Path(reductions.__file__).read_text(encoding="utf-8")
    shifted = source.replace("exponent - 1)", "exponent)")
    found = trial(Change(reductions.__name__, shifted), {"power_of_two_at_most"}, tries=5)
    assert found.refutation is not None
    assert (found.refutation.how, found.refutation.what) == ("clause", "RED-2")
    assert found.refutation.inputs["x"].startswith("float64")


def test_a_mutant_that_never_ends_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refute, "CALL_LIMIT", 0.2)
    source = Path(reductions.__file__).read_text(encoding="utf-8")
    endless = source.replace("while terms.size > 1:", "while terms.size > 0:")
    found = trial(Change(reductions.__name__, endless), {"tree_sum"}, tries=10)
    assert found.refutation is not None
    assert found.refutation.how == "hang"


def test_a_contract_that_a_mutant_weakens_is_still_the_original_one() -> None:
    source = Path(reductions.__file__).read_text(encoding="utf-8")
    weakened = source.replace('"RED-2", lambda result, x: ', '"RED-2", lambda result, x: True or ').replace(
        "exponent - 1)", "exponent)"
    )
    found = trial(Change(reductions.__name__, weakened), {"power_of_two_at_most"}, tries=5)
    assert found.refutation is not None
    assert found.refutation.what == "RED-2"


# Rows that are folders, and rows whose use by others judges them.

INNER = """
def halved(x):
    return x / 2


def _limit(x):
    return min(x, 1)
"""
OUTER = """
from inner import halved


def quartered(x):
    return halved(x) / _limit(x)


def _limit(x):
    return 2
"""


def test_a_change_concerns_those_who_use_it_in_other_files() -> None:
    inner, outer = (Module.parse(*each) for each in (("inner.py", INNER, [OUTER]), ("outer.py", OUTER, [INNER])))
    assert inner.concerned("halved") == {"halved", "quartered"}
    assert outer.concerned("quartered") == {"quartered"}
    assert Module.parse("inner.py", INNER).concerned("halved") == {"halved"}
    other = Module.parse("inner.py", INNER, [OUTER.replace("/ _limit", "* _limit")])
    assert other.fingerprint("halved") != inner.fingerprint("halved")


def test_what_another_file_runs_is_changed_too() -> None:
    assert "_limit" not in Module.parse("inner.py", INNER).mutated()
    assert "_limit" in Module.parse("inner.py", INNER, [OUTER]).mutated()  # by name: which is meant, is not asked
    mutants = [*Module.parse("a.py", INNER, [INNER]).mutants(), *Module.parse("b.py", INNER, [INNER]).mutants()]
    assert len({mutant.id for mutant in mutants}) == len(mutants)


def test_rows_may_be_folders() -> None:
    row = Row("schedules", ROOT, ROOT / "proofs" / "mutation")
    assert [path.name for path in row.files()] == ["rules.py", "weights.py"]
    assert row.beside("reference/schedules/rules.py") == ["reference.schedules", "reference.schedules.weights"]
    assert {mutant.path for mutant in Keys.of(row).mutants()} == {
        path.relative_to(ROOT).as_posix() for path in row.files()
    }
    assert Row("clipping", ROOT, row.folder).beside("reference/clipping.py") == []


def test_rows_that_use_another_judge_it_and_what_is_installed_stays() -> None:
    row, path = Row("optimizer", ROOT, ROOT / "proofs" / "mutation"), "reference/optimizer/steps.py"
    source = (ROOT / path).read_text(encoding="utf-8")
    package = importlib.import_module("reference.optimizer")
    before = {name: module for name, module in sys.modules.items() if name.startswith("reference")}
    downhill = source.replace("return -grad if maximize", "return grad if maximize")
    assert downhill != source
    found = trial(Change(name_of(path), downhill, tuple(row.beside(path))), {"sgd_step", "adam_step"}, tries=20)
    assert found.refutation is not None
    assert found.refutation.what in ("SGD-7", "ADAM-14")
    assert trial(Change(name_of(path), source, tuple(row.beside(path))), {"lion_step"}, tries=5).refutation is None
    assert all(sys.modules[name] is module for name, module in before.items())
    assert package.steps is before[name_of(path)]


class Toy:
    """A tree with one toy row, and the command line run on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("reference", "proofs"):
            shutil.copytree(
                ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "results", "explained")
            )
        self.write(TOY)
        (root / "proofs" / "toy.py").write_text(TOY_PROOFS, encoding="utf-8")
        (root / "proofs" / "mutation" / "samples" / "toy.py").write_text(TOY_SAMPLES, encoding="utf-8")

    def write(self, source: str) -> None:
        (self.root / "reference" / "toy.py").write_text(source, encoding="utf-8")

    def explain(self, *names: str) -> None:
        path = self.root / "proofs" / "mutation" / "explained" / "toy.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{name}: for this test\n" for name in names), encoding="utf-8")

    def results(self) -> dict[str, dict[str, object]]:
        path = self.root / "proofs" / "mutation" / "results" / "toy.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))["mutants"])

    def mutate(self, *options: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "proofs.mutation", "toy", "--jobs", "2", "--claims", "proofs.toy:CLAIMS", *options],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root), "PROOFGRAD_CACHE": str(self.root / "cache")},
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


def test_a_campaign_from_beginning_to_end(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    code, output = toy.mutate()
    by_kind = {str(entry["kind"]): (name, entry) for name, entry in toy.results().items()}
    survivors = [name for kind, (name, _) in by_kind.items() if kind in ("arguments swapped", "constant / 2")]
    assert code == 1
    assert (
        "5 mutants of toy: 3 refuted, 0 noticed by a claim that is now undecided, 2 survive (2 of them unexplained)"
        in output
    )
    assert all(f"SURVIVES {name}" in output for name in survivors)
    assert by_kind["constant * 2"][1]["inputs"]["what"] == "TOY-1"  # type: ignore[index]
    dropped = by_kind["np.abs dropped"][1]
    assert not dropped["inputs"]["killed"]  # type: ignore[index]
    assert dropped["claims"]["claims"]["TOY-1"]["verdict"] == "REFUTED"  # type: ignore[index]

    toy.explain(*survivors)
    kept = toy.results()
    code, output = toy.mutate()
    assert code == 0
    assert output.count("\n") == 1  # the summary alone: nothing was run again
    assert toy.results() == kept
    assert toy.mutate("--check-fresh", "--sample", "2")[0] == 0

    toy.explain(*survivors, by_kind["constant * 2"][0])
    code, output = toy.mutate("--check-fresh")
    assert code == 1
    assert "stale explanation: " + by_kind["constant * 2"][0] in output

    toy.explain(*survivors)
    toy.write(TOY.replace("np.minimum(np.abs(x), 4.0)", "np.minimum(np.abs(x), 4.0) + 0.0"))
    code, output = toy.mutate("--check-fresh")
    assert code == 1
    assert "not run" in output
