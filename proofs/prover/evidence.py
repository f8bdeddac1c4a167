"""From answers and replays to words of evidence: the one place where a verdict is made."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from proofs.prover.claims import Aim, Claim, Confirmation, Exhaustion, Model, Query, Replay, Twin


class Verdict(enum.Enum):
    """The words of evidence. Only the first two are proof."""

    PROVED = "PROVED"
    EXHAUSTED = "EXHAUSTED"
    REFUTED = "REFUTED"
    UNDECIDED = "UNDECIDED"


class Answer(enum.Enum):
    """What became of a query."""

    UNSAT = "unsat"
    SAT = "sat"
    UNKNOWN = "unknown"
    TIMEOUT = "timeout"
    ERROR = "error"
    SKIPPED = "skipped"  # another counterexample of the same group was confirmed
    NOT_RUN = "not run"


class Gap(enum.Enum):
    """What kind of thing an undecided verdict lacks, for programs; the reason says it in words."""

    NONE = ""
    OPEN = "open"  # a query without an answer, an error, a model that did not replay
    VACUOUS = "vacuous"  # no input is known to meet the preconditions, or nothing was to be shown
    TOOTHLESS = "toothless"  # a planted bug was not found
    RESTING = "resting"  # something that it rests on is not established
    NOT_RUN = "not run"
    INTERRUPTED = "interrupted"


ESTABLISHED = {"prove": Verdict.PROVED, "exhaust": Verdict.EXHAUSTED, "refute": Verdict.REFUTED}


@dataclass(frozen=True)
class Asked:
    """One obligation and what became of it; ``trouble`` is why a model could not even be replayed."""

    name: str
    aim: Aim
    group: str
    query: Query
    key: str
    file: str
    replayable: bool
    spurious_possible: bool
    clause: str = ""
    answer: Answer = Answer.NOT_RUN
    detail: str = ""
    seconds: float = 0.0
    cached: bool = False
    model: Model | None = None
    replay: Replay | None = None
    trouble: str = ""

    @property
    def confirmed(self) -> bool:
        """Whether the solver found a model and plain NumPy agreed."""
        return self.answer is Answer.SAT and self.replay is not None and self.replay.confirmed

    @property
    def refutes(self) -> bool:
        """Whether the confirmed model is a counterexample, not a witness."""
        return self.confirmed and self.aim is not Aim.WITNESS


@dataclass(frozen=True)
class Part:
    """What was found out about a claim itself, or about one of its twins."""

    asked: tuple[Asked, ...] = ()
    exhaustion: Exhaustion | None = None
    trouble: str = ""
    seconds: float = 0.0
    confirmation: Confirmation | None = None
    hunted: tuple[Exhaustion, ...] = ()  # the inputs tried after a proof had failed
    work: float = 0.0  # seconds of building, trying and replaying when it was really done: kept evidence keeps them
    followed: float | None = None  # seconds of CrossHair when it was really asked, if that is known


@dataclass(frozen=True)
class Finding:
    """A verdict, and what supports it."""

    verdict: Verdict
    reason: str = ""
    counterexample: Replay | None = None
    witness: Replay | None = None
    gap: Gap = Gap.NONE


NOT_RUN = Finding(Verdict.UNDECIDED, "not run", gap=Gap.NOT_RUN)


@dataclass(frozen=True)
class Result:
    """A claim after a run. ``part`` is the claim's own evidence, ``twins`` that of its twins by name."""

    claim: Claim
    finding: Finding = NOT_RUN
    part: Part = Part()
    twins: Mapping[str, tuple[Finding, Part]] = field(default_factory=dict)

    @property
    def established(self) -> bool:
        """Whether the verdict is the one that the claim's verb announces."""
        return self.finding.verdict is ESTABLISHED[self.claim.verb]

    @property
    def asked(self) -> list[Asked]:
        """All obligations, the twins' included."""
        return [*self.part.asked, *(item for _, part in self.twins.values() for item in part.asked)]

    @property
    def seconds(self) -> float:
        """Time spent in worker processes."""
        return self.part.seconds + sum(part.seconds for _, part in self.twins.values())

    @property
    def cost(self) -> float | None:
        """Seconds that the claim took when it was really done, in whatever run that was, its twins included.

        Building, trying and replaying, as in the run that did it last, and each query as it was asked. Work that claims share
        (``built_with``) counts for the one that runs it. ``None`` if it was not run, or if that is not known of CrossHair.
        """
        parts = (self.part, *(part for _, part in self.twins.values()))
        followed = [part.followed for part in parts if part.confirmation is not None]
        asked = {item.key: item.seconds for part in parts for item in part.asked}
        crosshair = [seconds for seconds in followed if seconds is not None]
        if self.finding.gap in (Gap.NOT_RUN, Gap.INTERRUPTED) or len(crosshair) < len(followed):
            return None
        return sum(part.work for part in parts) + sum(asked.values()) + sum(crosshair)


def judge(claim: Claim, parts: Mapping[str, Part]) -> Result:
    """The verdict on a claim, as if all that it rests on were established; ``parts`` has the twins by group."""
    own = parts.get("", Part())
    asked = tuple(item for item in own.asked if not item.group and item.clause in ("", claim.clause))
    own_part = replace(own, asked=asked, hunted=tuple(found for found in own.hunted if _is_about(found, claim)))
    twins = {twin.name: _twin(twin, own, parts.get(twin.group, Part())) for twin in claim.twins}
    finding = _JUDGES[claim.verb](own_part)
    if finding.verdict is ESTABLISHED[claim.verb]:
        toothless = [
            f"twin {name} was not refuted: {found.reason}"
            for name, (found, _) in twins.items()
            if found.verdict is not Verdict.REFUTED
        ]
        if toothless:
            finding = Finding(
                Verdict.UNDECIDED, _listed(toothless), finding.counterexample, finding.witness, Gap.TOOTHLESS
            )
    return Result(claim, finding, own_part, twins)


def resting(result: Result, rests: Iterable[Result]) -> Result:
    """The result, now that it is known whether what it rests on is established."""
    if not result.established:
        return result
    gaps = [
        f"rests on {rest.claim.id}, which is {rest.finding.verdict.value}" for rest in rests if not rest.established
    ]
    if not gaps:
        return result
    finding = Finding(
        Verdict.UNDECIDED, _listed(gaps), result.finding.counterexample, result.finding.witness, Gap.RESTING
    )
    return Result(result.claim, finding, result.part, result.twins)


def _twin(twin: Twin, own: Part, part: Part) -> tuple[Finding, Part]:
    """A twin's obligations come from its own build, or from the claim's build in the twin's group."""
    asked = (*(item for item in own.asked if item.group == twin.group), *part.asked)
    whole = replace(part, asked=asked)
    return _refuted(whole), whole


def _proved(part: Part) -> Finding:
    counterexample = _counterexample(part)
    witness = next((item.replay for item in part.asked if item.aim is Aim.WITNESS and item.confirmed), None)
    if witness is None and part.confirmation is not None:
        witness = part.confirmation.witness
    if counterexample is not None:
        return Finding(Verdict.REFUTED, "", counterexample, witness)
    reasons = [part.trouble] if part.trouble else []
    reasons += [reason for item in part.asked if (reason := _shortcoming(item))]
    if part.confirmation is not None and part.confirmation.state != "CONFIRMED":
        reasons.append(_said(part.confirmation))
    if reasons:
        return Finding(Verdict.UNDECIDED, _listed(reasons), None, witness, Gap.OPEN)
    if part.confirmation is None and not any(item.aim is Aim.GOAL for item in part.asked):
        return Finding(Verdict.UNDECIDED, "vacuous: nothing was to be proven", None, witness, Gap.VACUOUS)
    if witness is None:
        return Finding(Verdict.UNDECIDED, _why_no_witness(part.asked), gap=Gap.VACUOUS)
    return Finding(Verdict.PROVED, "", None, witness)


def _exhausted(part: Part) -> Finding:
    found = part.exhaustion
    if found is None:
        return Finding(Verdict.UNDECIDED, part.trouble, gap=Gap.OPEN) if part.trouble else NOT_RUN
    if found.counterexample is not None:
        if found.counterexample.confirmed:
            return Finding(Verdict.REFUTED, "", found.counterexample)
        fault = "PROVER FAULT: exhaustion returned a counterexample that it did not confirm"
        return Finding(Verdict.UNDECIDED, fault, gap=Gap.OPEN)
    if found.cases < 1:
        return Finding(Verdict.UNDECIDED, "vacuous: there was no input to try", gap=Gap.VACUOUS)
    return Finding(Verdict.EXHAUSTED)


def _refuted(part: Part) -> Finding:
    counterexample = _counterexample(part)
    if counterexample is not None:
        return Finding(Verdict.REFUTED, "", counterexample)
    reasons = [part.trouble] if part.trouble else []
    reasons += [reason for item in part.asked if (reason := _shortcoming(item, refuting=True))]
    if part.exhaustion is not None:
        fault = part.exhaustion.counterexample is not None
        reasons.append(
            "PROVER FAULT: exhaustion returned a counterexample that it did not confirm"
            if fault
            else f"the clause held for all {part.exhaustion.cases} inputs tried"
        )
    if part.confirmation is not None:
        reasons.append(_said(part.confirmation))
    if not reasons:
        reasons.append("the clause holds: every query is unsat" if part.asked else "toothless: nothing was asked")
    return Finding(Verdict.UNDECIDED, _listed(reasons), gap=Gap.OPEN)


_JUDGES = {"prove": _proved, "exhaust": _exhausted, "refute": _refuted}


def _counterexample(part: Part) -> Replay | None:
    """The first confirmed input that breaks the clause."""
    for item in part.asked:
        if item.refutes:
            return item.replay
    sources = (part.exhaustion, part.confirmation, *part.hunted)
    offered = [source.counterexample for source in sources if source is not None]
    return next((replay for replay in offered if replay is not None and replay.confirmed), None)


def _is_about(found: Exhaustion, claim: Claim) -> bool:
    return found.counterexample is not None and found.counterexample.clause == claim.clause


def _said(confirmation: Confirmation) -> str:
    return f"CrossHair: {confirmation.state}: {confirmation.message}"


def _shortcoming(item: Asked, refuting: bool = False) -> str:
    """Why this obligation does not support a proof (or a refutation); empty if it is in order."""
    if item.answer in (Answer.UNKNOWN, Answer.TIMEOUT, Answer.ERROR, Answer.NOT_RUN):
        # One witness is enough: that another path's stayed open does not matter.
        return "" if item.aim is Aim.WITNESS else _open(item)
    if item.answer is not Answer.SAT or item.confirmed:
        return ""
    if item.trouble:
        return f"{item.name}: {item.trouble}"
    if not item.replayable:
        return "" if item.aim is Aim.WITNESS else f"{item.name}: does not hold, and has nothing to replay"
    note = f" ({item.replay.note})" if item.replay is not None and item.replay.note else ""
    if not item.spurious_possible:
        return f"PROVER FAULT: {item.name}: a model of a bit-precise theory did not replay{note}"
    if item.aim is Aim.WITNESS and not refuting:
        return ""
    return f"{item.name}: spurious: the model did not replay{note}"


def _why_no_witness(asked: Sequence[Asked]) -> str:
    witnesses = [item for item in asked if item.aim is Aim.WITNESS]
    if not witnesses:
        return "vacuous: no witness was asked for"
    if all(item.answer is Answer.UNSAT for item in witnesses):
        return "vacuous: nothing meets the preconditions"
    return f"vacuous: no witness was confirmed: {_listed(_unwitnessed(witnesses))}"


def _unwitnessed(witnesses: Iterable[Asked]) -> Iterator[str]:
    for item in witnesses:
        if item.answer is Answer.SAT:
            yield f"{item.name} did not replay" + (f" ({item.replay.note})" if item.replay else "")
        elif item.answer is not Answer.UNSAT:
            yield _open(item)


def _open(item: Asked) -> str:
    """What happened to a query without an answer; a bare time out says its limit."""
    detail = f" after {item.query.timeout:g} s" if item.answer is Answer.TIMEOUT else ""
    return f"{item.name}: {item.answer.value}{detail}" + (f" ({item.detail})" if item.detail else "")


def _listed(reasons: Iterable[str], most: int = 3) -> str:
    """The first reasons, and how many more there are."""
    every = list(dict.fromkeys(reasons))
    more = f"; and {len(every) - most} more" if len(every) > most else ""
    return "; ".join(every[:most]) + more
