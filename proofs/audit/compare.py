"""What became stronger, weaker, slower, new or lost from one report to another.

How claims are ordered:

* by standing: refuted, not run, undecided or vacuous, established (proved, exhausted, kept false);
* of two that are established, by verb: *refute* keeps a statement that is false, so to prove it instead is stronger;
* by theory: `proofs.audit.theories` says how much a proof in each means; two formats are not ordered;
* by bound: a larger number of elements, any number being the largest, where the rest reads the same;
* by what it assumes, and by the bugs planted beside it: one assumption more or one bug less is weaker.

What cannot be ordered, such as a bound in other words, is *changed*: people have to look at it, so it fails like what is weaker.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from proofs.audit.document import FORMAT, Claim, Document, Parity, Standing
from proofs.audit.theories import base, strength

Kind = Literal["lost", "weaker", "changed", "slower", "faster", "stronger", "new"]
KINDS: tuple[Kind, ...] = ("lost", "weaker", "changed", "slower", "faster", "stronger", "new")
FAILING: tuple[Kind, ...] = ("lost", "weaker", "changed")
RANKS: dict[Standing, int] = {
    "refuted": 0,
    "not run": 1,
    "undecided": 2,
    "vacuous": 2,
    "proved": 3,
    "exhausted": 3,
    "kept false": 3,
}
ESTABLISHED = 3
ANSWERS = {"answered": 2, "open": 1}  # of an entry of a contract; any other status is 0
ANY_SIZE = re.compile(r"\bany n\b(?: <= 2\*\*\d+)?|\belementwise\b|(?:, )?\binductive\b")
SIZE = re.compile(r"\b([nd]) <= (\d+)\b(?!\*)")


@dataclass(frozen=True)
class Change:
    """One difference: what kind, about what (claim, test, parity, gpu, mutant, contract, second opinion), and in words."""

    kind: Kind
    about: str
    name: str
    text: str


@dataclass(frozen=True)
class Slower:
    """When a claim counts as slower: by a factor and by seconds, for times are noisy."""

    factor: float = 2.0
    seconds: float = 10.0

    def compared(self, old: float | None, new: float | None) -> Kind | None:
        """Slower, faster, or neither."""
        if old is None or new is None or abs(new - old) <= self.seconds:
            return None
        if new > self.factor * old:
            return "slower"
        return "faster" if old > self.factor * new else None


def load(path: Path) -> Document:
    """A report of this format.

    Raises: ValueError for what is none; the message says what would be.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    said = found.get("format") if isinstance(found, dict) else None
    if said != FORMAT:
        raise ValueError(f"{path} is no report of the format {FORMAT}, which make audit writes, but of {said!r}")
    return found


def compare(old: Document, new: Document, slower: Slower | None = None) -> list[Change]:
    """All differences, the worst first."""
    found = [
        *_claims(old, new, slower or Slower()),
        *_parts(old, new),
        *_tests(old, new),
        *(_parity("parity", [old["parity"]], [new["parity"]]) if new["parity"] else ()),  # else its part says so
        *_parity("gpu", old["gpu"], new["gpu"]),
        *_mutants(old, new),
        *_contracts(old, new),
        *_second(old, new),
    ]
    return sorted(found, key=lambda change: KINDS.index(change.kind))


def fails(changes: Iterable[Change]) -> bool:
    """Whether something is lost, weaker, or changed so that nobody can tell."""
    return any(change.kind in FAILING for change in changes)


def as_json(old: Document, new: Document, changes: Iterable[Change]) -> dict[str, Any]:
    """The comparison for programs."""
    every = list(changes)
    return {
        "old": {"made": old["made"], "commit": old["subject"]["commit"], "state": old["state"]},
        "new": {"made": new["made"], "commit": new["subject"]["commit"], "state": new["state"]},
        "fails": fails(every),
        "changes": [asdict(change) for change in every],
    }


def lines(old: Document, new: Document, changes: Iterable[Change]) -> Iterator[tuple[str, str]]:
    """The comparison for people: lines, each with its style."""
    styles = {
        "lost": "bold red",
        "weaker": "red",
        "changed": "yellow",
        "slower": "yellow",
        "stronger": "green",
        "new": "green",
    }
    every = list(changes)
    for title, document in (("old", old), ("new", new)):
        commit = (document["subject"]["commit"] or "no commit")[:12]
        share = document["summary"]["claims"]
        yield (
            f"{title}  {document['made']}  {commit}  {document['state']}, {share['number']} of {share['of']} expected claims",
            "",
        )
    for kind in KINDS:
        for change in (change for change in every if change.kind == kind):
            yield f"{kind:<8}  {change.about} {change.name}: {change.text}", styles.get(kind, "")
    yield ("Nothing is weaker or lost." if not fails(every) else "Something is weaker, lost, or changed."), "bold"


# ---- claims -----------------------------------------------------------------------------------------------------------


def _claims(old: Document, new: Document, slower: Slower) -> Iterator[Change]:
    before = {claim["id"]: claim for claim in old["claims"]}
    after = {claim["id"]: claim for claim in new["claims"]}
    for name, claim in before.items():
        if name in after:
            yield from (Change(kind, "claim", name, text) for kind, text in _claim(claim, after[name], slower))
        elif RANKS[claim["standing"]] == ESTABLISHED:
            yield Change("lost", "claim", name, f"was {claim['standing']}, and is gone: {claim['statement']}")
    for name, claim in after.items():
        if name not in before:
            yield Change("new", "claim", name, f"{claim['standing']}: {claim['statement']}")


def _claim(old: Claim, new: Claim, slower: Slower) -> Iterator[tuple[Kind, str]]:
    """How a claim differs from itself."""
    ranks = RANKS[old["standing"]], RANKS[new["standing"]]
    if ranks[0] != ranks[1]:
        reason = f": {new['reason']}" if new["reason"] and ranks[1] < ranks[0] else ""
        lost = ranks[0] == ESTABLISHED and new["standing"] == "not run"
        yield ("lost" if lost else _direction(*ranks)), f"was {old['standing']}, is {new['standing']}{reason}"
    if old["statement"] != new["statement"]:
        yield "changed", f"said {old['statement']!r}, says {new['statement']!r}"
    elif (old["clause"], old["preconditions"]) != (new["clause"], new["preconditions"]):
        yield "changed", "its clause or its preconditions read otherwise"
    if old["verb"] != new["verb"]:
        yield _verb(old["verb"], new["verb"]), f"the verb was {old['verb']}, is {new['verb']}"
    if old["theory"] != new["theory"]:
        yield _theory(old["theory"], new["theory"]), f"the theory was {old['theory']}, is {new['theory']}"
    if old["bound"] != new["bound"]:
        yield _bound(old["bound"], new["bound"]), f"the bound was {old['bound']!r}, is {new['bound']!r}"
    yield from _sets("assumption", set(old["assumes"]), set(new["assumes"]), more="weaker", fewer="stronger")
    twins = [{twin["name"] for twin in claim["twins"] if twin["standing"] == "refuted"} for claim in (old, new)]
    if ranks == (ESTABLISHED, ESTABLISHED):
        yield from _sets("planted bug", twins[0], twins[1], more="stronger", fewer="weaker")
        if (kind := slower.compared(old["seconds"], new["seconds"])) is not None:
            yield kind, f"took {old['seconds']:.1f} s, takes {new['seconds']:.1f} s"


def _direction(old: float, new: float) -> Kind:
    return "stronger" if new > old else "weaker"


def _verb(old: str, new: str) -> Kind:
    """To prove what was kept as false is stronger; to try every input or to prove it is worth the same, over its bound."""
    return "changed" if "refute" not in (old, new) else _direction(old != "refute", new != "refute")


def _theory(old: str, new: str) -> Kind:
    same = strength(old) == strength(new) or base(old) == base(new)
    return "changed" if same else _direction(strength(old), strength(new))


def _bound(old: str, new: str) -> Kind:
    """Larger or smaller, if the two bounds differ in nothing but how many elements they reach."""
    (reach, rest), (new_reach, new_rest) = _reach(old), _reach(new)
    if rest != new_rest or reach is None or new_reach is None or reach == new_reach:
        return "changed"
    return _direction(reach, new_reach)


def _reach(bound: str) -> tuple[float | None, str]:
    """How many elements a bound reaches, and what else it says."""
    rest = re.sub(r"\s+", " ", SIZE.sub("", ANY_SIZE.sub("", bound))).strip(" ,")
    if ANY_SIZE.search(bound):
        return math.inf, rest
    sizes = [int(size) for _, size in SIZE.findall(bound)]
    return (min(sizes) if sizes else None), rest


def _sets(what: str, old: set[str], new: set[str], more: Kind, fewer: Kind) -> Iterator[tuple[Kind, str]]:
    yield from ((more, f"one more {what}: {name}") for name in sorted(new - old))
    yield from ((fewer, f"without the {what} {name}") for name in sorted(old - new))


# ---- the rest ---------------------------------------------------------------------------------------------------------


def _parts(old: Document, new: Document) -> Iterator[Change]:
    """Evidence that went to its end, and is now missing or about other sources. Claims say that for themselves."""
    before = {part["name"]: part["status"] for part in old["parts"]}
    for part in new["parts"]:
        whole = before.get(part["name"]) in ("complete", "failed")
        if whole and part["status"] not in ("complete", "failed") and part["name"] != "proofs":
            kind: Kind = "weaker" if part["status"] == "stale" else "lost"
            yield Change(kind, "evidence", part["name"], f"is {part['status']}: {part['sentence']}")


def _tests(old: Document, new: Document) -> Iterator[Change]:
    before, after = old["tests"], new["tests"]
    if before is None or after is None:
        if after is not None:
            yield Change("new", "tests", "all", f"{after['passed']} passed, {after['failed']} failed")
        return
    for name in sorted(set(after["failures"]) - set(before["failures"])):
        yield Change("weaker", "test", name, "fails")
    for name in sorted(set(before["failures"]) - set(after["failures"])):
        yield Change("stronger", "test", name, "fails no more")
    if before["passed"] != after["passed"]:
        kind = _direction(before["passed"], after["passed"])
        yield Change(kind, "tests", "all", f"{before['passed']} passed, now {after['passed']}")


def _parity(about: str, old: Iterable[Parity | None], new: Iterable[Parity | None]) -> Iterator[Change]:
    before, after = _functions(old), _functions(new)
    for name, each in before.items():
        now = after.get(name)
        if now is None:
            yield Change("lost", about, name, "is not compared any more")
        elif each["holds"] != now["holds"]:
            yield Change(_direction(each["holds"], now["holds"]), about, name, _agreement(now))
        elif each["bound"] != now["bound"]:
            text = f"within {each['bound']} ulp, now within {now['bound']}"
            yield Change(_direction(now["bound"], each["bound"]), about, name, text)
    yield from (Change("new", about, name, _agreement(after[name])) for name in after if name not in before)


def _functions(found: Iterable[Parity | None]) -> Mapping[str, Any]:
    """Every comparison by device, function and format."""
    return {
        f"{parity['device']}: {each['row']}.{each['function']} {each['dtype']}": each
        for parity in found
        if parity is not None
        for each in parity["functions"]
    }


def _agreement(each: Any) -> str:
    if each["holds"]:
        return f"within {each['bound']} ulp on {each['inputs']} inputs"
    return each["error"] or f"up to {each['most_ulps']} ulp apart, where {each['bound']} are allowed"


def _mutants(old: Document, new: Document) -> Iterator[Change]:
    before = {each["row"]: each for each in old["mutation"]}
    after = {each["row"]: each for each in new["mutation"]}
    for name in before:
        if name not in after:
            yield Change("lost", "mutants", name, "no results are kept")
    for name, now in after.items():
        was = before.get(name)
        if was is None:
            yield Change("new", "mutants", name, f"{now['refuted'] + now['noticed']} of {now['mutants']} noticed")
            continue
        yield from (
            Change("weaker", "mutants", name, f"survives: {each}")
            for each in now["survivors"]
            if each not in was["survivors"]
        )
        noticed, still = (each["refuted"] + each["noticed"] for each in (was, now))
        shares = noticed / max(was["mutants"], 1), still / max(now["mutants"], 1)
        if shares[0] != shares[1]:
            text = f"{noticed} of {was['mutants']} noticed, now {still} of {now['mutants']}"
            yield Change(_direction(*shares), "mutants", name, text)
        if (now["stale"] or 0) > (was["stale"] or 0):
            yield Change("weaker", "mutants", name, f"{now['stale']} results are missing or about other code")


def _contracts(old: Document, new: Document) -> Iterator[Change]:
    before, after = _entries(old), _entries(new)
    for name, status in before.items():
        now = after.get(name)
        if now is None:
            yield Change("lost", "contract", name, f"was {status}, and is no entry any more")
        elif ANSWERS.get(status, 0) != ANSWERS.get(now, 0):
            kind = _direction(ANSWERS.get(status, 0), ANSWERS.get(now, 0))
            yield Change(kind, "contract", name, f"was {status}, is {now}")
    yield from (Change("new", "contract", name, status) for name, status in after.items() if name not in before)


def _entries(document: Document) -> dict[str, str]:
    return {
        f"{contract['name']} {answer['key']}": answer["status"]
        for contract in document["contracts"]
        for answer in contract["answers"]
    }


def _second(old: Document, new: Document) -> Iterator[Change]:
    after = new["second_opinion"]
    contradicted = (old["second_opinion"] or {"contradicted": 0})["contradicted"]
    if after is not None and after["contradicted"] > contradicted:
        text = f"contradicts {after['contradicted']} answers, before {contradicted}"
        yield Change("weaker", "second opinion", after["solver"], text)
