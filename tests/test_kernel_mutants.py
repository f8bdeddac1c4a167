"""Mutants of kernels are changes to their code alone, and what tries them tells one that changes a bit from one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofs.mutation.kernels import campaign, trial
from proofs.mutation.kernels.campaign import Settings, Store
from proofs.mutation.kernels.texts import Mutant, mutants
from proofs.mutation.kernels.trial import Change, Noticed

SMALL = """\
// a + b in a comment
#include "packs.cuh"
constexpr double MARGIN = 0x1p-49;
template <class T, int N>
__device__ T shrunk(T grad, double unit)
{
    if (unit > 0.0) return grad;
    const double scaled = (double)grad / unit;
    grad = x ? -grad : (a + b) - b;
#ifdef PROOFGRAD_HOST
    other = 1 + 1;
#endif
    __syncthreads();
    return larger(grad, scaled);
}
"""
FOUND = [
    (3, "double to float", "double", "float"),
    (3, "exponent +1", "0x1p-49", "0x1p-48"),
    (3, "exponent -1", "0x1p-49", "0x1p-50"),
    (7, "condition negated", "unit > 0.0", "!(unit > 0.0)"),
    (7, "operator", ">", ">="),
    (7, "constant doubled, 0 to 1", "0.0", "1.0"),
    (8, "double to float", "double", "float"),
    (8, "cast dropped", "(double)", ""),
    (8, "operator", "/", "*"),
    (9, "statement dropped", "grad = x ? -grad : (a + b) - b;", ";"),
    (9, "minus dropped", "-", ""),
    (9, "branches swapped", "-grad : (a + b) - b", "(a + b) - b : -grad"),
    (9, "order to the right", "(a + b) - b", "a + (b - b)"),
    (9, "operator", "+", "-"),
    (9, "operator", "-", "+"),
    (13, "statement dropped", "__syncthreads();", ";"),
    (14, "arguments swapped", "larger(grad, scaled)", "larger(scaled, grad)"),
]


def test_every_rule_has_its_mutants_and_nothing_else_changes() -> None:
    found = list(mutants("small.cuh", SMALL))
    assert [(each.line, each.kind, each.before, each.after) for each in found] == FOUND
    for each in found:
        lines = zip(SMALL.splitlines(), each.text.splitlines(), strict=True)
        assert [k for k, (own, other) in enumerate(lines, 1) if own != other] == [each.line]


def test_the_mutants_of_the_kernels_have_names_of_their_own() -> None:
    found = campaign.all_mutants()
    assert len({mutant.id for mutant in found}) == len(found) > 400
    assert {mutant.file for mutant in found} == set(trial.files())
    assert all(mutant.text != trial.files()[mutant.file] for mutant in found)


def test_a_name_stays_when_lines_are_added_above() -> None:
    moved = mutants("small.cuh", f"// more\n{SMALL}")
    assert [each.id for each in moved] == [each.id for each in mutants("small.cuh", SMALL)]


def of(file: str, before: str, after: str) -> Mutant:
    return next(m for m in campaign.all_mutants() if (m.file, m.before, m.after) == (file, before, after))


@pytest.mark.parametrize(
    ("mutant", "how"),
    [
        (of("sgd.cu", "-", ""), "bits"),
        (of("clipping.cu", "scaled * scaled : fabs(scaled)", "fabs(scaled) : scaled * scaled"), "bits"),
        (of("sgd.cu", "store(arrays.theta_after + i, theta)", "store(theta, arrays.theta_after + i)"), "refused"),
        (of("sgd.cu", "momentum && !first", "!(momentum && !first)"), "error"),
    ],
    ids=["bits", "bits of another source", "refused", "error"],
)
def test_a_change_is_noticed(mutant: Mutant, how: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "results.json")
    campaign.run([mutant], store, Settings(1), lambda *_: None, claims=False)
    found = campaign.noticed(mutant, store)
    assert found is not None
    assert found["how"] == how
    again = Store(tmp_path / "results.json")
    assert campaign.noticed(mutant, again) == found


def test_what_changes_no_bit_is_not_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    unchanged = trial.files()["sgd.cu"] + "// the same code\n"
    monkeypatch.setattr(trial.build, "OPTIMIZED", trial.build.OPTIMIZED)  # put back afterwards
    assert trial.against_reference(Change("sgd.cu", unchanged), calls=1) is None
    assert trial.sources.read is trial.READ


def test_a_result_is_stale_when_the_source_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant, store = campaign.all_mutants()[0], Store(tmp_path / "results.json")
    store.put(mutant, "bits", Noticed("bits", "a function"))
    assert campaign.noticed(mutant, store) == {"how": "bits", "what": "a function"}
    monkeypatch.setattr(campaign, "_deciding", lambda stage: ("other inputs",))
    assert campaign.noticed(mutant, store) is None


def test_results_and_explanations_are_about_mutants_that_there_are() -> None:
    known = {mutant.id for mutant in campaign.all_mutants()}
    assert set(Store().entries) <= known
    assert set(campaign.explanations()) <= known
