"""What was tried rather than proven: tests, kernels beside the reference, mutants, and the second solver."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from proofs.audit.document import Claim, Compared, Mutation, Parity, Query, SecondOpinion, Tests
from proofs.audit.found import changed_since
from proofs.audit.rows import row_of_test

Json = dict[str, Any]


def tests(content: Json | None) -> Tests | None:
    """A whole run of the tests, on whatever sources."""
    if content is None:
        return None
    return {
        "passed": content["passed"],
        "failed": content["failed"],
        "skipped": content["skipped"],
        "seconds": content["seconds"],
        "files": [
            {
                "file": each["file"],
                "row": row_of_test(each["file"]),
                "passed": each["passed"],
                "failed": each["failed"],
                "skipped": each["skipped"],
                "seconds": each["seconds"],
            }
            for each in content["files"]
        ],
        "failures": list(content["failures"]),
        "reasons": [{"reason": each["reason"], "tests": each["tests"]} for each in content["reasons"]],
    }


def parity(content: Json | None, now: datetime) -> Parity | None:
    """Kernels beside the reference; the age counts from when they were compared."""
    if content is None:
        return None
    return {
        "where": content["where"],
        "device": content["device"],
        "when": content["when"],
        "age_days": _age(content["when"], now),
        "stale": changed_since(content),
        "details": dict(content.get("details", {})),
        "versions": dict(content.get("versions", {})),
        "functions": [_compared(each) for each in content["functions"]],
    }


def gpus(folder: Path, now: datetime) -> tuple[list[Parity], list[str]]:
    """The evidence from GPUs that is kept, and what is wrong with files that cannot be read."""
    found: list[Parity] = []
    troubles: list[str] = []
    for path in sorted(folder.glob("*.json")):
        try:
            read = parity(json.loads(path.read_text(encoding="utf-8")), now)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            troubles.append(f"{path.name} cannot be read as evidence from a GPU ({type(error).__name__}: {error})")
        else:
            found += [read] if read is not None else []
    return found, troubles


def holds(found: Parity) -> bool:
    """Whether everything that was compared agrees."""
    return bool(found["functions"]) and all(each["holds"] for each in found["functions"])


def _age(when: str, now: datetime) -> int | None:
    try:
        return max((now - datetime.fromisoformat(when)).days, 0)
    except (TypeError, ValueError):
        return None


def _compared(each: Json) -> Compared:
    return {
        "row": each["concept"],
        "function": each["function"],
        "dtype": each["dtype"],
        "inputs": each["inputs"],
        "elements": each["elements"],
        "most_ulps": each["most_ulps"] if each["inputs"] else None,
        "bound": each["bound"],
        "ulps": each.get("ulps"),
        "holds": each["holds"],
        "error": each["error"],
    }


def mutation(rows: Iterable[str], root: Path) -> list[Mutation]:
    """What is kept of each row's mutants, held against the code as it is."""
    from proofs.mutation import campaign
    from proofs.mutation.results import Keys, Row, explanations_of, store_of

    found: list[Mutation] = []
    for name in rows:
        row = Row(name, root, root / "proofs" / "mutation")
        store = store_of(row)
        if not store.entries:
            continue
        keys, explained = Keys.of(row), explanations_of(row)
        mutants = keys.mutants()
        standing = {mutant: campaign.status(mutant, store, keys, explained) for mutant in mutants}
        words = Counter(status.word for status in standing.values())
        survivors = [mutant for mutant in mutants if standing[mutant].word == "survived"]
        found.append(
            {
                "row": name,
                "mutants": len(mutants),
                "refuted": words["refuted"],
                "noticed": words["undecided"],
                "explained": sum(mutant.id in explained for mutant in survivors),
                "survivors": sorted(
                    f"{mutant.id}: {mutant.path}:{mutant.line}: {mutant.before} -> {mutant.after}"
                    for mutant in survivors
                    if mutant.id not in explained
                ),
                "stale": words["not run"] + len(set(store.entries) - {mutant.id for mutant in mutants}),
            }
        )
    return found


def every_query(claims: Iterable[Claim]) -> Iterator[Query]:
    """All queries, those of planted bugs included."""
    for claim in claims:
        yield from claim["queries"]
        for twin in claim["twins"]:
            yield from twin["queries"]


def opinions(content: Json | None) -> Mapping[str, str]:
    """The second solver's opinions by the key of the query: a key is of one text, so it cannot be about another."""
    return {} if content is None else {each["query"]: each["opinion"] for each in content["queries"]}


def second_opinion(content: Json | None, claims: Sequence[Claim]) -> SecondOpinion | None:
    """What became of the queries of this report that have an answer."""
    if content is None:
        return None
    counts = Counter(query["second"] for query in every_query(claims) if query["answer"] in ("sat", "unsat"))
    return {
        "solver": content["solver"],
        "confirmed": counts["confirmed"],
        "open": counts["open"],
        "contradicted": counts["contradicted"],
        "not_asked": counts[None],
    }
