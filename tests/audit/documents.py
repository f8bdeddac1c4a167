"""Audit documents made by code: small ones with everything in them, and one with as many claims as one likes."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

from proofs.audit.document import FORMAT, Claim, Compared, Document, Mutation, Parity, Query, Run, Twin, Value

ROWS = ("reductions", "clipping", "adam", "sgd", "schedules")
STANDINGS = ("proved", "exhausted", "kept false", "refuted", "undecided", "vacuous", "not run")
VERBS = {"exhausted": "exhaust", "kept false": "refute"}
VERDICTS = {
    "proved": "PROVED",
    "exhausted": "EXHAUSTED",
    "kept false": "REFUTED",
    "refuted": "REFUTED",
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LAW = r"\lVert \mathrm{out} \rVert_2 \le \mathtt{max\_norm}"
SOURCE = '''def scale(x: Array, unit: float) -> Array:
    """x · unit, rounded toward zero."""
    if unit <= 0 and x is not None:
        raise ValueError(f"unit must be positive, got {unit!r} & <nothing> else")
    return x * unit  # the "only" multiplication
'''


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def value(name: str, *numbers: float, dtype: str = "float32") -> Value:
    return Value(
        name=name,
        text=f"{dtype}{list(numbers)}",
        dtype=dtype,
        decimal=[repr(number) for number in numbers],
        hexadecimal=[number.hex() for number in numbers],
    )


def run(clause: str, confirmed: bool = True) -> Run:
    state = Value(name="state", text="State(step=7, m=array([0.]))", dtype=None, decimal=None, hexadecimal=None)
    return Run(
        confirmed=confirmed,
        inputs=[value("grads", 3.0, -4.0), value("max_norm", 0.1, dtype="float64"), state],
        outputs=[value("result", 0.06, -0.08)],
        clause=clause,
        note="",
    )


def query(claim: str, number: int, aim: str = "goal", name: str | None = None) -> Query:
    return Query(
        name=name or f"path {number}: {'witness' if aim == 'witness' else claim}",
        aim=aim,  # type: ignore[typeddict-item]
        answer="unsat" if aim == "goal" else "sat",
        detail=None,
        solver="z3" if number % 2 else "bitwuzla",
        seconds=0.25 * number,
        cached=number % 3 == 0,
        key=digest(f"{claim} {number} {aim}"),
        file=f"smt2/{claim}/{number:03}-path-{number}.smt2",
        second="confirmed" if number % 2 else None,
    )


def twin(claim: str, name: str) -> Twin:
    return Twin(
        name=name,
        why="rounds to nearest",
        standing="refuted",
        reason=None,
        counterexample=run(claim),
        crosshair=None,
        queries=[query(claim, 1, "refute", f"{name}: path 1: {claim}")],
    )


def claim(number: int, standing: str = "proved", row: str = "clipping", **changes: Any) -> Claim:
    name = f"{row[:4].upper()}-{number}.float32"
    made: dict[str, Any] = {
        "id": name,
        "family": name.partition(".")[0],
        "row": row,
        "column": "reference",
        "function": f"reference.{row}.scale",
        "statement": f"the exact norm of what comes out is at most `max_norm`, case {number}",
        "law": LAW,
        "symbols": {"p": "the kind of the norm"},
        "clause": "lambda result, max_norm: norm_at_most(result.grads, max_norm)",
        "preconditions": ["lambda grads: are_finite(grads)", "lambda max_norm: max_norm > 0"],
        "location": {"file": f"reference/{row}.py", "line": 12 + number},
        "verb": VERBS.get(standing, "prove"),
        "theory": "float16" if standing == "exhausted" else "Rounded(float32)",
        "bound": "all 65,536 x" if standing == "exhausted" else "p = 2, n <= 4, lists of up to 3",
        "standing": standing,
        "verdict": VERDICTS.get(standing, "UNDECIDED"),
        "established": standing in STANDINGS[:3],
        "expected": standing in STANDINGS[:3],
        "reason": {"undecided": "time out", "vacuous": "no witness", "not run": "not run"}.get(standing),
        "rests_on": [],
        "needed_by": [],
        "assumes": ["ROUNDING"] if standing == "proved" else [],
        "caveats": ["MODEL"] if standing == "proved" else [],
        "contracts": ["loop-v1: equations.clip[0]"] if number == 1 else [],
        "solvers": ["z3"],
        "seconds": None if standing == "not run" else 0.07 * (1 + number % 97) ** 1.5,
        "cases": 65536 if standing == "exhausted" else None,
        "crosshair": None,
        "queries": [query(name, 1, "witness"), *(query(name, i) for i in range(2, 6))] if standing == "proved" else [],
        "witness": run(name) if standing == "proved" else None,
        "counterexample": run(name) if standing in ("kept false", "refuted") else None,
        "twins": [twin(name, "to nearest"), twin(name, "computed norm")] if standing == "proved" else [],
    }
    return Claim(**{**made, **changes})  # type: ignore[typeddict-item]


def compared(function: str, most: int = 0, **changes: Any) -> Compared:
    made = {
        "row": "clipping",
        "function": function,
        "dtype": "float32",
        "inputs": 100,
        "elements": 1_000_000,
        "most_ulps": most,
        "bound": 0,
        "ulps": {"0": 999_999, "1": 1} if most else {"0": 1_000_000},
        "holds": most == 0,
        "error": None,
    }
    return Compared(**{**made, **changes})  # type: ignore[typeddict-item]


def parity(**changes: Any) -> Parity:
    made = {
        "where": "host",
        "device": "processor",
        "when": "2026-01-02T03:04:05+00:00",
        "age_days": 3,
        "stale": [],
        "details": {"processor": "x86_64", "cores": 2},
        "versions": {"numpy": "2.4.6", "cupy": None},
        "functions": [compared("clip_by_global_norm"), compared("global_norm")],
    }
    return Parity(**{**made, **changes})  # type: ignore[typeddict-item]


def gpu(**changes: Any) -> Parity:
    return parity(**{"where": "gpu", "device": "NVIDIA H100", **changes})


def mutation(row: str, survivors: list[str] | None = None, stale: int | None = 0) -> Mutation:
    return Mutation(row=row, mutants=120, refuted=100, noticed=8, explained=12, survivors=survivors or [], stale=stale)


def document(claims: list[Claim] | None = None, **changes: Any) -> Document:
    """A complete document with one claim of each standing, and whatever else a report can hold."""
    found = claims if claims is not None else everything()
    counted = {standing: sum(one["standing"] == standing for one in found) for standing in STANDINGS}
    made: dict[str, Any] = {
        "format": FORMAT,
        "state": "complete",
        "absent": [],
        "made": "2026-01-05T06:07:08+00:00",
        "subject": {
            "commit": COMMIT,
            "committed": "2026-01-04T00:00:00+00:00",
            "changed": [],
            "sources": digest("sources"),
            "versions": {"python": "3.11.7", "numpy": "2.4.6", "z3-solver": "5.4.1.0"},
            "machine": {"system": "Linux", "processor": "x86_64", "cores": 2},
        },
        "summary": {
            "claims": {"number": sum(one["established"] for one in found), "of": len(found)},
            "standings": counted,
            "planted": {"number": 2 * counted["proved"], "of": 2 * counted["proved"]},
            "queries": {"number": 3, "of": 7},
            "contracts": {"number": 1, "of": 2},
            "surprises": [],
        },
        "parts": [
            part("proofs", "complete", "make prove"),
            part("tests", "complete", "make test"),
            part("parity", "complete", "make parity"),
            part("gpu", "complete", "make parity"),
            part("mutation", "complete", "make mutate"),
            part("second opinion", "complete", "make recheck"),
        ],
        "rows": [row(name, found) for name in ROWS],
        "theories": theories(found),
        "claims": found,
        "functions": {
            name: {
                "name": name,
                "file": f"{name.rpartition('.')[0].replace('.', '/')}.py",
                "line": 12,
                "purpose": "x · unit, rounded toward zero.",
                "source": SOURCE,
            }
            for name in sorted({one["function"] for one in found})
        },
        "contracts": [
            {
                "name": "loop-v1",
                "answers": [
                    answer("equations.clip[0]", "answered", claims=[found[0]["id"]] if found else []),
                    answer("proof_obligations.finite", "open", note="until the training row is there"),
                ],
            }
        ],
        "assumptions": [
            {
                "id": "ROUNDING",
                "text": "NumPy's operations keep the error bound of round-to-nearest",
                "claims": [one["id"] for one in found if "ROUNDING" in one["assumes"]],
            }
        ],
        "trusted": [{"name": "Solvers", "text": "that *unsat* is right"}, {"name": "NumPy", "text": "IEEE 754"}],
        "caveats": [
            {
                "code": "MODEL",
                "title": "numbers with rounding errors",
                "text": "Speaks of every rounding within the error bound.",
                "claims": [one["id"] for one in found if "MODEL" in one["caveats"]],
            }
        ],
        "tests": {
            "passed": 1234,
            "failed": 0,
            "skipped": 2,
            "seconds": 321.5,
            "files": [
                {
                    "file": "tests/test_clipping.py",
                    "row": "clipping",
                    "passed": 1234,
                    "failed": 0,
                    "skipped": 2,
                    "seconds": 321.5,
                }
            ],
            "failures": [],
            "reasons": [{"reason": "not run: there is no GPU", "tests": 2}],
        },
        "parity": parity(),
        "gpu": [gpu()],
        "mutation": [mutation("clipping"), mutation("adam", ["FAR_ABOVE-460ccfe9"], stale=4)],
        "second_opinion": {"solver": "cvc5", "confirmed": 5, "open": 1, "contradicted": 0, "not_asked": 1},
    }
    return Document(**copy.deepcopy({**made, **changes}))  # type: ignore[typeddict-item]


def part(name: str, status: str, command: str) -> dict[str, Any]:
    return {
        "name": name,
        "status": status,
        "when": None if status == "not run" else "2026-01-05T06:00:00+00:00",
        "seconds": None if status == "not run" else 61.0,
        "command": command,
        "sentence": f"{name}: {status}",
    }


def row(name: str, claims: list[Claim]) -> dict[str, Any]:
    def cell(column: str, ending: str) -> dict[str, Any]:
        mine = [one["standing"] for one in claims if (one["row"], one["column"]) == (name, column)]
        return {
            "column": column,
            "files": [{"path": f"{column}/{ending}", "lines": 321}],
            "claims": {standing: mine.count(standing) for standing in STANDINGS} if mine else None,
            "tests": {"number": 1234, "of": 1236} if column == "tests" else None,
            "clauses": {"number": 7, "of": 7} if column == "reference" else None,
        }

    files = {"reference": f"{name}.py", "accelerated": f"{name}.cu", "proofs": f"{name}/", "tests": f"test_{name}.py"}
    return {"name": name, "cells": [cell(column, ending) for column, ending in files.items()]}


def theories(claims: list[Claim]) -> list[dict[str, Any]]:
    said = {
        "IEEE": ("floats, bit by bit", "exactly these bits, subnormals and signed zeros included", "Bitwuzla"),
        "Rounded": ("reals, each operation with a rounding error", "every rounding within the format's bound", "Z3"),
        "float16": ("those of the format, 65,536 in all", "the inputs that the bound names: NumPy ran on each", "none"),
    }
    return [
        {
            "name": name,
            "meaning": meaning,
            "holds_for": holds_for,
            "solver": solver,
            "claims": sum(one["theory"].partition("(")[0] == name for one in claims),
        }
        for name, (meaning, holds_for, solver) in said.items()
    ]


def answer(key: str, status: str, claims: list[str] | None = None, note: str | None = None) -> dict[str, Any]:
    return {
        "key": key,
        "kind": "precondition",
        "text": "0.0 <= beta1 && beta1 < 1.0",
        "status": status,
        "clauses": ["reference.adam.adam_step: require are_averages(betas)"],
        "claims": claims or [],
        "tests": ["tests/test_clipping.py::test_it"],
        "note": note,
    }


def everything() -> list[Claim]:
    """One claim of each standing, and three more that rest on each other and stand in other rows and columns."""
    found = [claim(number, standing) for number, standing in enumerate(STANDINGS, 1)]
    lemma = claim(
        20, "proved", "reductions", needed_by=["ADAM-21.float32"], theory="IEEE(float64)", bound="elementwise"
    )
    user = claim(
        21,
        "proved",
        "adam",
        rests_on=[lemma["id"], "CLIP-1.float32"],
        needed_by=["ADAM-22.float32"],
        crosshair={"state": "confirmed", "message": "over all paths"},
    )
    last = claim(
        22, "proved", "adam", rests_on=[user["id"], lemma["id"]], column="accelerated", bound="n <= 9, inductive"
    )
    found[0]["needed_by"] = [user["id"]]
    return [*found, lemma, user, last]


def many(number: int) -> Document:
    """A document with so many claims, most of them as they usually are: law, clause, queries, witness, two planted bugs."""
    usual = ("proved",) * 7 + ("exhausted", "kept false", "undecided")
    found = [claim(i, usual[i % len(usual)], ROWS[i % len(ROWS)]) for i in range(1, number + 1)]
    for place, one in enumerate(found[8:], 8):
        one["rests_on"] = [found[place - back]["id"] for back in (1, 3, 8)]
        one["queries"] = [query(one["id"], i) for i in range(1, 2 + place % 40)] if one["queries"] else []
    by_id = {one["id"]: one for one in found}
    for one in found:
        for name in one["rests_on"]:
            by_id[name]["needed_by"].append(one["id"])
    return document(found)


HOUSE = {
    "reductions": (61, 2, 1),
    "clipping": (55, 2, 3),
    "elementary": (1, 34, 0),
    "optimizer": (6, 2, 0),
    "sgd": (29, 0, 4),
    "adam": (64, 6, 10),
    "rmsprop": (22, 0, 2),
    "lion": (19, 0, 2),
    "schedules": (36, 13, 6),
}
THEORIES = ("IEEE", "CrossHair", "float16", "bfloat16", "integers", "Rounded", "Real")


def house() -> Document:
    """A document of the size of the project's own: its rows, as many claims in each, all theories, three assumptions."""
    found = []
    for name, standings in HOUSE.items():
        for standing, number in zip(STANDINGS, standings, strict=False):
            found += [claim(100 * len(found) + i, standing, name) for i in range(number)]
        if name in ("clipping", "sgd", "adam"):
            found += [claim(90_000 + len(found) + i, "proved", name, column="accelerated") for i in range(11)]
    bounds = ("elementwise", "n <= 4, inductive", "all 65,536 x", "n <= 4", "one input", "|x| <= 300")
    for place, one in enumerate(found):
        one["theory"] = THEORIES[place % len(THEORIES)]
        one["bound"] = bounds[place % len(bounds)]
    document_ = document(found)
    document_["rows"] = [row(name, found) for name in HOUSE]  # type: ignore[typeddict-item]
    (ieee, *_) = theories(found)
    document_["theories"] = [  # type: ignore[typeddict-item]
        {**ieee, "name": name, "claims": sum(one["theory"] == name for one in found)} for name in THEORIES
    ]
    (rounding,) = document_["assumptions"]
    document_["assumptions"] = [{**rounding, "id": name} for name in ("ORACLE", "POWER", "ROUNDING")]
    document_["absent"] = ["mutants of accelerated were not made"]
    return document_
