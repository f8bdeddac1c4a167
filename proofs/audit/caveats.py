"""What a reader must keep in mind: short codes, each explained once, and the rule that puts it on a claim.

The texts say in a sentence or two what SOUNDNESS.md says at length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from proofs.audit.document import Caveat, Claim

Rule = Callable[[Claim], bool]
_UP_TO = re.compile(r"(?<!<= )\b[nd] <= (\d+)(?![\d*]|\*\*)")
REGROUPING = frozenset({"RED-42", "RED-43", "CLIP-11"})  # these show that regrouping changes no bit


class Kind(NamedTuple):
    """A caveat and when a claim carries it."""

    code: str
    title: str
    text: str
    holds: Rule


def _families(claims: Iterable[str]) -> set[str]:
    return {claim.partition(".")[0] for claim in claims}


def _of_theory(*names: str) -> Rule:
    return lambda claim: claim["theory"].partition("(")[0] in names


def _bound(pattern: str) -> Rule:
    return lambda claim: re.search(pattern, claim["bound"]) is not None


def _second(*words: str | None) -> Rule:
    """Whether another solver's opinion on an answered query is one of these; ``None`` is none."""
    return lambda claim: any(
        query["second"] in words
        for query in (*claim["queries"], *(each for twin in claim["twins"] for each in twin["queries"]))
        if query["answer"] in ("sat", "unsat")
    )


KINDS = (
    Kind(
        "SIZES",
        "Only the sizes named",
        "Proven for arrays of just the sizes that the bound names. Of others it says nothing.",
        _bound(r"\bn = \d"),
    ),
    Kind(
        "EDGES",
        "Huge arrays at their edges",
        "Of huge arrays, the first and last thread of the blocks at both ends and around the 2³¹st element were followed, "
        "not every thread.",
        _bound(r"block edges"),
    ),
    Kind(
        "LISTS-READ",
        "From one array to lists, by reading",
        "What holds for one array is said of lists of up to 3, because regrouping changes no bit, which is proven. That the "
        "statement then holds for lists is read by people.",
        lambda claim: bool(_families(claim["rests_on"]) & REGROUPING) and claim["family"] not in REGROUPING,
    ),
    Kind(
        "ORDERS-READ",
        "All orders and groupings, by reading",
        "What was run is every exchange of neighbours in one array and every cut of one array into a list. That these make up all "
        "orders and groupings is read by people.",
        lambda claim: claim["family"] in REGROUPING,
    ),
    Kind(
        "ANY-SIZE-READ",
        "Induction, joined by reading",
        "Solvers check each lemma of the induction. That the lemmas together are the argument, and that the code hands on every "
        "element exactly once, is read by people, and tested.",
        _bound(r"inductive"),
    ),
    Kind(
        "NAMED-INPUTS",
        "Every input that the bound names",
        "Plain NumPy ran on each input that the bound names. Of all others the claim says nothing.",
        lambda claim: claim["verb"] == "exhaust",
    ),
    Kind(
        "REAL",
        "Rounding is not looked at",
        "Proven of exact real numbers: the mathematics is right. What rounding makes of it is not looked at.",
        _of_theory("Real", "Dual"),
    ),
    Kind(
        "ROUNDED",
        "A model of rounding",
        "Proven of real numbers with rounding errors, of every rounding that keeps the bounds of IEEE 754. The model does not see "
        "signed zeros, infinities and NaN.",
        _of_theory("Rounded"),
    ),
    Kind(
        "CROSSHAIR",
        "CrossHair's word",
        "CrossHair followed every path of the Python code with Z3 inside. It leaves no query that another solver could be asked.",
        _of_theory("CrossHair"),
    ),
    Kind(
        "RESTS-READ",
        "Rests on other claims",
        "It falls with the claims that it rests on, which are established in the same run. That they were proven for all arguments "
        "with which they are used here is read by people.",
        lambda claim: bool(claim["rests_on"]),
    ),
    Kind(
        "PTX",
        "Machine code is not covered",
        "What was followed is the PTX that NVRTC makes. What ptxas makes of it, the hardware, the driver and other versions of "
        "NVRTC are not covered.",
        lambda claim: claim["column"] == "accelerated",
    ),
    Kind(
        "NO-TWIN",
        "No planted bug",
        "Beside this claim stands no planted bug that shows that its clause has teeth.",
        lambda claim: not claim["twins"],
    ),
    Kind(
        "SAMPLED",
        "Bugs found by drawing",
        "A bug planted beside it was found by running it on drawn inputs, not by a solver. The claim itself does not rest on that.",
        lambda claim: (
            claim["verb"] == "prove"
            and any(twin["counterexample"] and not twin["queries"] and not twin["crosshair"] for twin in claim["twins"])
        ),
    ),
    Kind(
        "NO-SECOND-OPINION",
        "One solver alone",
        "For some of its queries no second solver was asked: that the first one's answer is right is trusted.",
        _second(None),
    ),
    Kind(
        "SECOND-OPEN",
        "The second solver did not decide",
        "A second solver was asked and left some of its queries open: neither confirmed nor contradicted.",
        _second("open"),
    ),
    Kind(
        "CONTRADICTED",
        "Two solvers disagree",
        "A second solver gave another answer to one of its queries. One of the two is wrong; do not rely on the claim.",
        _second("contradicted"),
    ),
)
GPU = {  # these depend on what is known of GPUs, not on the claim
    "NO-GPU": ("Not run on a GPU", "No kernels have run on a GPU beside the reference, on record here."),
    "STALE-GPU": (
        "Run on a GPU, but not these sources",
        "Kernels ran on a GPU beside the reference, and sources have changed since.",
    ),
}


def caveats(claims: Sequence[Claim], gpu: str = "") -> list[Caveat]:
    """All caveats that some claim carries, with these claims; ``gpu`` is the code for kernels, if one is due."""
    found: dict[str, Caveat] = {}
    for most in sorted({count for claim in claims for count in _most_elements(claim)}):
        code = f"BOUND-{most}"
        text = f"Proven for at most {most} elements. Of more, the claim says nothing."
        found[code] = _caveat(code, f"Up to {most} elements", text, claims, _up_to(most))
    for kind in KINDS:
        found[kind.code] = _caveat(kind.code, kind.title, kind.text, claims, kind.holds)
    if gpu:
        found[gpu] = _caveat(gpu, *GPU[gpu], claims, lambda claim: claim["column"] == "accelerated")
    return [caveat for caveat in found.values() if caveat["claims"]]


def _caveat(code: str, title: str, text: str, claims: Iterable[Claim], holds: Rule) -> Caveat:
    """A caveat with its claims. A false statement that is kept was broken by an input, with nothing left to bear in mind."""
    carrying = [claim["id"] for claim in claims if claim["verb"] != "refute" and holds(claim)]
    return {"code": code, "title": title, "text": text, "claims": carrying}


def _up_to(most: int) -> Rule:
    return lambda claim: most in _most_elements(claim)


def _most_elements(claim: Claim) -> Iterator[int]:
    """The sizes up to which a claim speaks, unless an induction goes on from there."""
    if "inductive" not in claim["bound"]:
        yield from (int(found) for found in _UP_TO.findall(claim["bound"]))
