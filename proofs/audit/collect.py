"""Collect the document from what runs have left; nothing is run here, and nothing that is not known is guessed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proofs.audit import found, measured
from proofs.audit.caveats import caveats
from proofs.audit.claims import STANDINGS, Known, told
from proofs.audit.document import FORMAT, Assumption, Claim, Contract, Document, Part, Share, Summary, Trusted
from proofs.audit.found import COMMANDS, Found
from proofs.audit.rows import rows
from proofs.audit.sources import Texts
from proofs.audit.subject import subject
from proofs.audit.theories import theories
from proofs.contracts import table
from proofs.mutation.results import Row as MutatedRow
from proofs.prover import report as reports
from proofs.prover.claims import ROWS, Registry, registry_at
from proofs.prover.evidence import NOT_RUN, Result
from proofs.prover.expected import LISTS, read_assumptions, read_expected
from proofs.prover.run import SOURCE, Outcome
from proofs.prover.sources import ROOT, source_hash

Json = dict[str, Any]


@dataclass(frozen=True)
class Left:
    """What runs have left in a build folder."""

    proofs: Found
    tests: Found
    parity: Found
    second: Found

    @staticmethod
    def in_folder(build: Path, registry: str = SOURCE) -> Left:
        """Read the folder."""
        proofs = found.proofs_in(build, registry)
        return Left(proofs, found.tests_in(build), found.parity_in(build), found.second_in(build, proofs.current))

    @property
    def whole(self) -> bool:
        """Whether what a report must have went to its end on these sources."""
        return self.proofs.whole and self.tests.whole and self.parity.whole


def collect(
    left: Left,
    *,
    registry: str = SOURCE,
    lists: Path = LISTS,
    root: Path = ROOT,
    files: Mapping[str, str] | None = None,
    interrupted: str = "",
    now: datetime | None = None,
) -> Document:
    """The document.

    ``files`` are those of queries by key. ``interrupted`` says what was ended early, which makes the document partial.
    """
    now = now or datetime.now(UTC)
    register = registry_at(registry)
    report = left.proofs.current or _nothing_run(register, registry, left.proofs.why)
    contracts = table.build(report) if registry == SOURCE else {"contracts": [], "failures": [], "notes": []}
    second = left.second.content
    claims = _claims(register, report, left, lists, files or {}, contracts, Texts(root, register))
    gpu, unreadable = measured.gpus(root / "evidence" / "gpu", now)
    fresh = [each for each in gpu if not each["stale"]]
    code = "" if fresh else ("STALE-GPU" if gpu else "NO-GPU")
    mutation = measured.mutation([name for name in ROWS if MutatedRow(name, root, root).files()], root)
    warnings = caveats(claims, code)
    for claim in claims:
        claim["caveats"] = [warning["code"] for warning in warnings if claim["id"] in warning["claims"]]
    tests = measured.tests(left.tests.content)
    parity = measured.parity(left.parity.content, now)
    opinion = measured.second_opinion(second, claims)
    summary = _summary(claims, register, report, contracts, lists)
    parts = [
        _proofs_part(left.proofs, summary),
        _tests_part(left.tests),
        _parity_part("parity", left.parity, parity),
        _gpu_part(gpu),
        _mutation_part(mutation),
        _second_part(left.second, opinion),
    ]
    trusted = _trusted(root)
    absent = [f"{part['name']}: {part['sentence']}" for part in parts if part["status"] not in ("complete", "failed")]
    absent += [*unreadable, *contracts["notes"]]
    absent += [] if trusted else ["what is trusted: there is no SOUNDNESS.md here"]
    absent += [f"interrupted: {interrupted}"] if interrupted else []
    return {
        "format": FORMAT,
        "state": "complete" if left.whole and not interrupted else "partial",
        "absent": absent,
        "made": now.isoformat(timespec="seconds"),
        "subject": subject(root, source_hash(), report["versions"]),
        "summary": summary,
        "parts": parts,
        "rows": rows(claims, tests if left.tests.status != "stale" else None, root),
        "theories": theories(claim["theory"] for claim in claims),
        "claims": claims,
        "functions": _sources(register, Texts(root)),
        "contracts": [_contract(each) for each in contracts["contracts"]],
        "assumptions": _assumptions(claims, lists),
        "trusted": trusted,
        "caveats": warnings,
        "tests": tests,
        "parity": parity,
        "gpu": gpu,
        "mutation": mutation,
        "second_opinion": opinion,
    }


def is_good(document: Document) -> bool:
    """Whether everything that is expected is established, tests pass, and kernels agree with the reference."""
    status = {part["name"]: part["status"] for part in document["parts"]}
    needed = all(status[name] == "complete" for name in ("proofs", "tests", "parity"))
    share = document["summary"]["claims"]
    established = share["number"] == share["of"] > 0 and not document["summary"]["surprises"]
    contradicted = document["second_opinion"] is not None and document["second_opinion"]["contradicted"] > 0
    return document["state"] == "complete" and needed and established and not contradicted


# ---- claims -----------------------------------------------------------------------------------------------------------


def _nothing_run(register: Registry, registry: str, why: str) -> Json:
    """The report of no run: every claim as it stands in the registry, and why nothing is known of it."""
    finding = replace(NOT_RUN, reason=f"not run: {why}")
    results = tuple(Result(claim, finding) for claim in register)
    return reports.make(Outcome(results, (), frozenset(), False, datetime.now(UTC), 0.0), None, registry)


def _claims(
    register: Registry,
    report: Json,
    left: Left,
    lists: Path,
    files: Mapping[str, str],
    contracts: Json,
    texts: Texts,
) -> list[Claim]:
    """Every registered claim with what the report says of it."""
    answers: dict[str, list[str]] = {}
    for contract in contracts["contracts"]:
        for entry in contract["entries"]:
            for claim in entry["claims"]:
                answers.setdefault(claim["id"], []).append(f"{contract['name']}: {entry['key']}")
    known = Known(texts, read_expected(lists / "EXPECTED.txt"), files, measured.opinions(left.second.content), answers)
    needed: dict[str, list[str]] = {}
    for each in register:
        for rest in each.rests_on:
            needed.setdefault(rest, []).append(each.id)
    by_id = {item["id"]: item for item in report["claims"]}
    return [told(each, by_id[each.id], known, needed.get(each.id, ())) for each in register]


def _sources(register: Registry, texts: Texts) -> dict[str, Any]:
    """Each function that a claim speaks of, once; of those that start kernels, the kernels."""
    kernels = {claim.function: claim.location for claim in register if claim.location.endswith(".cu")}
    names = sorted({claim.function for claim in register})
    return {name: texts.function(name, kernels.get(name, "")) for name in names}


def _summary(claims: Sequence[Claim], register: Registry, report: Json, contracts: Json, lists: Path) -> Summary:
    expected = read_expected(lists / "EXPECTED.txt")
    standings = Counter(claim["standing"] for claim in claims)
    twins = [twin for claim in claims for twin in claim["twins"]]
    queries = [query for query in measured.every_query(claims) if query["answer"] != "not run"]
    surprises = [line for lines in (report["expected"] or {}).values() for line in lines]
    return {
        "claims": {
            "number": sum(claim["established"] and bool(claim["expected"]) for claim in claims),
            "of": len(expected),
        },
        "standings": {word: standings[word] for word in STANDINGS},
        "planted": {
            "number": sum(twin["standing"] == "refuted" for twin in twins),
            "of": sum(len(claim.twins) for claim in register),
        },
        "queries": {"number": sum(query["cached"] for query in queries), "of": len(queries)},
        "contracts": _answered(contracts),
        "surprises": [*surprises, *contracts["failures"]],
    }


def _answered(contracts: Json) -> Share:
    entries = [entry for contract in contracts["contracts"] for entry in contract["entries"]]
    return {"number": sum(entry["status"] == "answered" for entry in entries), "of": len(entries)}


# ---- parts ------------------------------------------------------------------------------------------------------------


def _part(name: Any, status: Any, sentence: str, when: str | None = None, seconds: float | None = None) -> Part:
    return {
        "name": name,
        "status": status,
        "when": when,
        "seconds": seconds,
        "command": COMMANDS[name],
        "sentence": sentence,
    }


def _taken(name: str, left: Found, sentence: str, when: str = "when") -> Part:
    """A part that a run has left; one that did not go to its end, or speaks of other sources, says so instead."""
    content = left.content or {}
    told = sentence if left.whole else left.why + (f"; so far: {sentence}" if left.status == "partial" else "")
    return _part(name, left.status, told, content.get(when), content.get("seconds"))


def _proofs_part(left: Found, summary: Summary) -> Part:
    share, planted = summary["claims"], summary["planted"]
    sentence = (
        f"{share['number']} of {share['of']} expected claims are established; "
        f"{planted['number']} of {planted['of']} planted bugs were found."
    )
    return _taken("proofs", left, sentence, when="started")


def _tests_part(left: Found) -> Part:
    content = left.content or {"passed": 0, "failed": 0, "skipped": 0}
    failed = f"{content['failed']} failed" if content["failed"] else "none failed"
    skipped = f", {content['skipped']} were skipped" if content["skipped"] else ""
    return _taken("tests", left, f"{content['passed']} tests passed, {failed}{skipped}.")


def _parity_part(name: str, left: Found, parity: Any) -> Part:
    functions = parity["functions"] if parity else []
    agreeing = sum(each["holds"] for each in functions)
    inputs = sum(each["inputs"] for each in functions)
    device = f" on the {parity['device']}" if parity else ""
    sentence = f"{agreeing} of {len(functions)} kernel functions give the reference's bits on {inputs} inputs{device}."
    return _taken(name, left, sentence)


def _gpu_part(gpu: Sequence[Any]) -> Part:
    if not gpu:
        return _part("gpu", "not run", "there is no evidence from a GPU")
    fresh = [each for each in gpu if not each["stale"]]
    last = max(fresh or gpu, key=lambda each: str(each["when"]))
    verdict = "all functions give the reference's bits" if measured.holds(last) else "some functions DIFFER"
    if not fresh:
        changed = ", ".join(last["stale"])
        return _part("gpu", "stale", f"{last['device']}: {verdict}, but since then changed: {changed}", last["when"])
    good = all(measured.holds(each) for each in fresh)
    return _part("gpu", "complete" if good else "failed", f"{last['device']}: {verdict}.", last["when"])


def _mutation_part(mutation: Sequence[Any]) -> Part:
    if not mutation:
        return _part("mutation", "not run", "no results about mutants are kept")
    total, stale = sum(each["mutants"] for each in mutation), sum(each["stale"] or 0 for each in mutation)
    caught = sum(each["refuted"] + each["noticed"] for each in mutation)
    survivors = sum(len(each["survivors"]) for each in mutation)
    sentence = f"{caught} of {total} small changes to the reference were noticed"
    sentence += f"; {sum(each['explained'] for each in mutation)} survive for a reason that is written down"
    if stale:
        return _part("mutation", "stale", f"{sentence}; {stale} results are about other code or missing")
    return _part("mutation", "failed" if survivors else "complete", f"{sentence}; {survivors} survive without one.")


def _second_part(left: Found, opinion: Any) -> Part:
    said = opinion or {"solver": "", "confirmed": 0, "open": 0, "contradicted": 0, "not_asked": 0}
    sentence = (
        f"{said['solver']} confirmed {said['confirmed']} answers, left {said['open']} open and contradicted "
        f"{said['contradicted']}; {said['not_asked']} were not asked."
    )
    part = _taken("second opinion", left, sentence)
    if said["contradicted"]:
        part["status"] = "failed"
    return part


# ---- what stands in files ---------------------------------------------------------------------------------------------


def _contract(found: Json) -> Contract:
    return {
        "name": found["name"],
        "answers": [
            {
                "key": entry["key"],
                "kind": entry["kind"],
                "text": entry["text"],
                "status": entry["status"],
                "clauses": list(entry["clauses"]),
                "claims": [claim["id"] for claim in entry["claims"]],
                "tests": list(entry["tests"]),
                "note": entry["remark"],
            }
            for entry in found["entries"]
        ],
    }


def _assumptions(claims: Sequence[Claim], lists: Path) -> list[Assumption]:
    return [
        {"id": name, "text": text, "claims": [claim["id"] for claim in claims if name in claim["assumes"]]}
        for name, text in read_assumptions(lists / "ASSUMPTIONS.txt").items()
    ]


def _trusted(root: Path) -> list[Trusted]:
    """The list under "What is trusted" of SOUNDNESS.md; empty where there is no such file."""
    path = root / "SOUNDNESS.md"
    if not path.is_file():
        return []
    section = path.read_text(encoding="utf-8").partition("\n## What is trusted\n")[2].partition("\n## ")[0]
    entries = [" ".join(entry.split()) for entry in re.split(r"^\* ", section, flags=re.MULTILINE)[1:]]
    return [{"name": re.split(r"[:.] ", entry, maxsplit=1)[0], "text": entry} for entry in entries]
