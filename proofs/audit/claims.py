"""The claims of the document: each as an argument, from its clause to the second opinion."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from proofs.audit.document import Claim, CrossHair, Query, Standing, Twin
from proofs.audit.sources import Texts, location_of
from proofs.audit.values import run_of
from proofs.prover import claims as prover
from proofs.prover.evidence import Gap
from proofs.prover.expected import Expected

Json = dict[str, Any]
STANDINGS: tuple[Standing, ...] = (
    "proved",
    "exhausted",
    "kept false",
    "refuted",
    "undecided",
    "vacuous",
    "not run",
)
AS_IT_SHOULD_BE = STANDINGS[:3]
ROW_OF_KERNELS = {"clipped_adam": "clipping"}  # functions of accelerated/ whose file is called otherwise than their row
_UNDECIDED: dict[str | None, Standing] = {
    Gap.VACUOUS.value: "vacuous",
    Gap.NOT_RUN.value: "not run",
    Gap.INTERRUPTED.value: "not run",
}


@dataclass(frozen=True)
class Known:
    """What else is known when a claim of a report is told.

    ``files`` are those of queries by key, ``second`` another solver's opinions by key, ``contracts`` the entries of contracts
    that a claim answers, by its id.
    """

    texts: Texts
    expected: Mapping[str, Expected] | None
    files: Mapping[str, str] = field(default_factory=dict)
    second: Mapping[str, str] = field(default_factory=dict)
    contracts: Mapping[str, list[str]] = field(default_factory=dict)


def told(claim: prover.Claim, found: Json, known: Known, needed_by: Iterable[str]) -> Claim:
    """A claim with what a report says of it; caveats are put on it later."""
    place = location_of(claim)
    is_expected = None if known.expected is None else _is_expected(claim, known.expected)
    return {
        "id": claim.id,
        "family": claim.id.partition(".")[0],
        "row": row_of(claim),
        "column": column_of(claim.function),
        "function": claim.function,
        "statement": claim.statement,
        "law": law_of(claim.id),
        "clause": known.texts.clause(claim),
        "preconditions": known.texts.preconditions(claim),
        "location": place,
        "verb": claim.verb,  # type: ignore[typeddict-item]
        "theory": claim.theory,
        "bound": claim.bound,
        "standing": standing(found, is_expected),
        "verdict": found["verdict"],
        "established": found["established"],
        "expected": is_expected,
        "reason": found["reason"],
        "rests_on": list(claim.rests_on),
        "needed_by": sorted(needed_by),
        "assumes": list(claim.assumes),
        "caveats": [],
        "contracts": known.contracts.get(claim.id, []),
        "solvers": found["solvers"],
        "seconds": found["cost"],
        "cases": found["cases"],
        "crosshair": _crosshair(found["confirmation"]),
        "queries": [_query(item, known) for item in found["obligations"]],
        "witness": run_of(found["witness"]),
        "counterexample": run_of(found["counterexample"]),
        "twins": [_twin(item, known) for item in found["twins"]],
    }


def standing(found: Json, expected: bool | None) -> Standing:
    """What a verdict of a report comes to."""
    verdict = found["verdict"]
    if verdict == "PROVED":
        return "proved"
    if verdict == "EXHAUSTED":
        return "exhausted"
    if verdict == "REFUTED":
        return "kept false" if found["verb"] == "refute" and expected is not False else "refuted"
    return _UNDECIDED.get(found["gap"], "undecided")


def law_of(claim: str) -> str | None:
    """The claim's law in LaTeX, if it is written down."""
    try:
        laws = importlib.import_module("proofs.audit.laws")
    except ModuleNotFoundError as error:
        if error.name != "proofs.audit.laws":
            raise
        return None
    found = laws.law(claim)
    return None if found is None else str(found.law)


def row_of(claim: prover.Claim) -> str:
    """The concept that a claim is about; one about kernels belongs to that of their file."""
    if not claim.function.startswith("accelerated."):
        return claim.row
    module = claim.function.split(".")[1]
    return ROW_OF_KERNELS.get(module, module)


def column_of(function: str) -> Any:
    """The column in which a function stands; a function of none is one of proofs."""
    first = function.partition(".")[0]
    return first if first in ("reference", "accelerated") else "proofs"


def _is_expected(claim: prover.Claim, expected: Mapping[str, Expected]) -> bool:
    return expected.get(claim.id) == Expected(claim.id, claim.verb, claim.theory, claim.bound)


def _query(item: Json, known: Known) -> Query:
    return {
        "name": item["name"],
        "aim": item["aim"],
        "answer": item["answer"],
        "detail": item["detail"],
        "solver": item["solver"],
        "seconds": item["seconds"],
        "cached": item["cached"],
        "key": item["query"],
        "file": known.files.get(item["query"]),
        "second": known.second.get(item["query"]),  # type: ignore[typeddict-item]
    }


def _twin(item: Json, known: Known) -> Twin:
    return {
        "name": item["name"],
        "why": item["why"],
        "standing": "refuted" if item["verdict"] == "REFUTED" else "not refuted",
        "reason": item["reason"],
        "counterexample": run_of(item["counterexample"]),
        "crosshair": _crosshair(item["confirmation"]),
        "queries": [_query(query, known) for query in item["obligations"]],
    }


def _crosshair(found: Json | None) -> CrossHair | None:
    return None if found is None else {"state": found["state"], "message": found["message"]}
