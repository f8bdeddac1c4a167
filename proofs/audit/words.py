"""The report's plain words: what a standing, a kind of numbers and a bound mean to somebody who knows no solvers."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import NamedTuple

from proofs.audit.document import Claim, Parity


class Word(NamedTuple):
    """A standing as it is shown: a sign and a word, so that no colour says anything alone, and what it means."""

    key: str
    sign: str
    name: str
    meaning: str
    holds: bool  # as it should be


WORDS = (
    Word(
        "proved",
        "✓",
        "proved",
        "A solver showed that no input within the bound breaks the clause. Some input meets the preconditions, so the proof "
        "is not empty; and every planted bug beside the claim was found.",
        True,
    ),
    Word(
        "exhausted",
        "✓",
        "exhausted",
        "Every single input within the bound was run through the shipped code, and none breaks the clause.",
        True,
    ),
    Word(
        "kept false",
        "≠",
        "kept false",
        "A statement that looks true and is not. It is kept on purpose, with an input on which plain NumPy breaks it, as a "
        "warning to whoever would rely on it. This is the expected outcome.",
        True,
    ),
    Word(
        "refuted",
        "✗",
        "refuted",
        "An input breaks the clause, and plain NumPy, run on that input, agrees. The code or the clause is wrong.",
        False,
    ),
    Word(
        "undecided",
        "?",
        "undecided",
        "Neither proved nor refuted: a time-out, a solver that gave up, or something that it rests on is open. Never counted "
        "as success.",
        False,
    ),
    Word(
        "vacuous",
        "∅",
        "vacuous",
        "The query came out as hoped, but no input is known that meets the preconditions: the statement might say nothing. "
        "Not counted as success.",
        False,
    ),
    Word("not run", "–", "not run", "Nobody asked in this run. Not counted as success.", False),
)
WORD = {word.key: word for word in WORDS}

STATUS_SIGNS = {"complete": "✓", "partial": "◐", "failed": "✗", "stale": "!", "not run": "–"}

ANSWER_SIGNS = {"answered": "✓", "open": "?", "not run": "–", "unanswered": "✗", "broken": "✗"}

ANY_SIZE, BY_INDUCTION, EVERY_INPUT, SMALL, ONE, STATED = (
    "any size, element by element",
    "any size, by induction",
    "every input of a format",
    "small sizes only",
    "one input",
    "a stated range",
)

BOUND_MEANINGS = {
    ANY_SIZE: "The code works on one element at a time, and the proof is about one element with any value that the bound "
    "allows: so it holds for arrays of any size.",
    BY_INDUCTION: "Proven from one size or step to the next, so that it holds for all within the bound. Solvers check each "
    "step; that the steps together make the argument was read by people.",
    EVERY_INPUT: "There are so few inputs that each was tried: within the bound nothing is left out.",
    SMALL: "Proven for all values within sizes up to the one named, and for no larger size.",
    ONE: "It takes only one input to show that a statement is false.",
    STATED: "Proven for every input within the bound as it is stated; outside of it, this claim says nothing.",
}


def bound_kind(bound: str, verb: str) -> str:
    """Which of the kinds above a bound is. Whatever is not plainly one of the others is a stated range."""
    if "inductive" in bound or "induction" in bound:
        return BY_INDUCTION
    if "elementwise" in bound:
        return ANY_SIZE
    if verb == "refute" and bound == "one input":
        return ONE
    if re.search(r"\b[nm] <= \d+\b(?!\*\*)", bound):
        return SMALL
    if verb == "exhaust" and re.match(r"all [\d,]+ ", bound):
        return EVERY_INPUT
    return STATED


def bound_meaning(claim: Claim) -> str:
    """What the bound of a claim means."""
    return BOUND_MEANINGS[bound_kind(claim["bound"], claim["verb"])]


# What a proof holds for, short enough for the first screen; of other theories the document's own words are shown.
PLAINLY = {
    "IEEE": "the very bits, subnormals and signed zeros included",
    "CrossHair": "every path of the Python code: integers, shapes, types",
    "float16": "every float16 that the bound names: NumPy ran on each",
    "bfloat16": "every bfloat16 that the bound names: NumPy ran on each",
    "integers": "every integer that the bound names: Python ran on each",
    "Rounded": "every rounding within the format's error bound, without overflow",
    "Real": "the mathematics in real numbers, not its rounding",
    "Dual": "the mathematics of gradients, not their rounding",
}

VERBS = {
    "prove": "to be proved by a solver",
    "exhaust": "to be tried on every input",
    "refute": "to be shown false by an input, and is kept as a warning",
}

AIMS = {"goal": "nothing breaks it", "witness": "some input is there", "refute": "an input breaks it"}
EXPECTED_ANSWERS = {"goal": "unsat", "witness": "sat", "refute": "sat"}

COLUMNS = {
    "reference": "says what is right",
    "accelerated": "does it fast",
    "proofs": "proves it",
    "tests": "tries to break it",
}


def base(theory: str) -> str:
    """A theory without its format: IEEE of IEEE(float32)."""
    return theory.partition("(")[0]


def part(name: str) -> str:
    """The name of a kind of evidence in a sentence."""
    return "GPU" if name == "gpu" else name


def plural(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun."""
    return f"{grouped(number)} {one if number == 1 else many or one + 's'}"


def grouped(number: int) -> str:
    """A whole number with commas between thousands."""
    return f"{number:,}"


def listed(items: Sequence[str]) -> str:
    """Words in a row: a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def duration(seconds: float | None) -> str:
    """A time for reading: 0.08 s, 12.3 s, 3 min 20 s, 2 h 05 min."""
    if seconds is None:
        return "not known"
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def moment(text: str | None, clock: bool = True) -> str:
    """An ISO 8601 time for reading, 24 November 2026, 15:36 UTC; as it stands if it is none."""
    if text is None:
        return "not known"
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        return text
    day = f"{when.day} {MONTHS[when.month - 1]} {when.year}"
    if not clock or len(text) <= 10:
        return day
    offset = when.utcoffset()
    zone = "" if offset is None else "UTC" if not offset else when.strftime("UTC%z")
    return f"{day}, {when:%H:%M} {zone}".rstrip()


def age(days: int | None) -> str:
    """How old something is."""
    if days is None:
        return "of unknown age"
    return "from today" if days == 0 else f"{plural(days, 'day')} old"


def gpu_sentence(runs: Sequence[Parity]) -> str:
    """What is known from GPUs, in one sentence."""
    if not runs:
        return "No GPU evidence: no kernel in this report has run on a GPU."
    newest = min(runs, key=lambda run: (bool(run["stale"]), run["age_days"] is None, run["age_days"] or 0))
    wrong = sum(not item["holds"] for run in runs for item in run["functions"])
    same = "about this code" if not newest["stale"] else "STALE: about other code than this"
    outcome = f", {plural(wrong, 'comparison')} FAILED" if wrong else ""
    return f"{newest['device']}, {age(newest['age_days'])}, {same}{outcome}."
