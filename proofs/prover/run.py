"""Run claims: build, ask, replay, judge; independent claims side by side."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from proofs.prover import tasks
from proofs.prover.claims import Aim, Claim, Confirmation, Exhaustion, Registry, Replay, Twin, registry_at
from proofs.prover.evidence import NOT_RUN, Answer, Asked, Finding, Gap, Part, Result, Verdict, judge, resting
from proofs.prover.kept import Kept
from proofs.prover.pool import Failure, Pool
from proofs.prover.solvers import Solved

T = TypeVar("T")
GRACE = 2.0  # seconds between a solver's own limit and the end of its process
SOURCE = "proofs.prover.catalogue:CLAIMS"
COUNTED_APART = (tasks.ask, tasks.confirm)  # their answers say themselves what they cost


@dataclass(frozen=True)
class Settings:
    """How to run. ``source`` names the registry so that worker processes find it too.

    ``timeout`` replaces the limit of every query; ``task_timeout`` limits builds, replays and exhaustions.
    """

    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    timeout: float | None = None
    task_timeout: float = 300.0
    build: Path = Path("build")
    cache: Path | None = Path(".proofgrad-cache")
    source: str = SOURCE
    planted: tuple[str, str] | None = None  # a claim and its twin whose bug stands in the place of the shipped code


class Watcher(Protocol):
    """Whoever wants to see a run while it goes on."""

    def begun(self, claims: Sequence[Claim]) -> None:
        """These claims will be run."""

    def asked(self, claim: str, name: str) -> None:
        """An obligation has its answer."""

    def finished(self, result: Result) -> None:
        """A claim, and all that it rests on, has its verdict."""


@dataclass(frozen=True)
class Outcome:
    """What a run found: one result per registered claim, in the order of registration."""

    results: tuple[Result, ...]
    selection: tuple[str, ...]
    selected: frozenset[str]
    complete: bool
    started: datetime
    seconds: float

    @property
    def ran(self) -> list[Result]:
        """The results of the selected claims and what they rest on."""
        return [result for result in self.results if result.claim.id in self.selected]


def run(
    settings: Settings,
    selection: Sequence[str] = (),
    watcher: Watcher | None = None,
    durations: Mapping[tuple[str, str], float] | None = None,
) -> Outcome:
    """Run the selected claims (by default all) and those that they rest on.

    ``durations`` are seconds that obligations took earlier, by claim and name: the longest start first.
    Ctrl-C ends the run early; the outcome then says that it is not complete.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    pool = Pool(settings.jobs, ["proofs.prover.tasks", settings.source.partition(":")[0]])
    registry = registry_at(settings.source)
    registry.check()
    claims = registry.select(selection)
    running = _Run(settings, registry, claims, pool, watcher, durations)
    complete = True
    try:
        running.go()
    except KeyboardInterrupt:
        complete = False
    return Outcome(
        running.results(),
        tuple(selection),
        frozenset(claim.id for claim in claims),
        complete,
        started,
        time.monotonic() - clock,
    )


def run_alone(settings: Settings, claim: Claim) -> list[Result]:
    """Run one claim without those that it rests on; with it comes what is built with it."""
    pool = Pool(settings.jobs, ["proofs.prover.tasks", settings.source.partition(":")[0]])
    registry = registry_at(settings.source)
    leader = claim.built_with or claim.id
    running = _Run(settings, registry, [other for other in registry if leader in (other.id, other.built_with)], pool)
    running.go()
    return running.judged()


def in_rounds(claims: Iterable[Claim]) -> list[Claim]:
    """The claims in their order, but the variants of one apart: they share queries, which the first answers for the others."""
    seen: Counter[str] = Counter()
    rounds: list[tuple[int, Claim]] = []
    for claim in claims:
        family = claim.id.partition(".")[0]
        rounds.append((seen[family], claim))
        seen[family] += 1
    return [claim for _, claim in sorted(rounds, key=lambda each: each[0])]


class _Run:
    """The claims of one run and how far they have come."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        claims: Sequence[Claim],
        pool: Pool,
        watcher: Watcher | None = None,
        durations: Mapping[tuple[str, str], float] | None = None,
    ) -> None:
        self.settings = settings
        self.pool = pool
        self.durations = durations or {}
        as_shipped = settings.source == SOURCE and settings.planted is None
        self.kept = Kept(settings.cache) if as_shipped else None  # the sources are known
        self._registry = registry
        self._claims = claims
        self._watcher = watcher
        self._parts: dict[str, list[_PartRun]] = {}
        self._judged: dict[str, Result] = {}
        self._settled: dict[str, Result] = {}

    def go(self) -> None:
        """Start all parts of all claims and work until they are done."""
        if self._watcher is not None:
            self._watcher.begun(self._claims)
        for claim in self._claims:
            own = () if claim.built_with else (None,)
            twins = () if self.settings.planted else claim.twins
            self._parts[claim.id] = [_PartRun(self, claim, twin) for twin in (*own, *twins)]
        for claim in in_rounds(self._claims):
            for part in self._parts[claim.id]:
                part.start()
        self.pool.drain()

    def built_with(self, claim: Claim) -> list[Claim]:
        """The claims that share the obligations of one."""
        return [other for other in self._claims if other is claim or other.built_with == claim.id]

    def asked(self, claim: str, name: str) -> None:
        if self._watcher is not None:
            self._watcher.asked(claim, name)

    def part_done(self, claim: Claim) -> None:
        """Judge a claim once its last part is done, and settle whatever waited for it."""
        for other in self.built_with(claim):
            self._judge(other)
        progress = True
        while progress:
            settled = [self._settle(other) for other in self._claims]
            progress = any(settled)

    def _judge(self, claim: Claim) -> None:
        if claim.id not in self._judged and all(part.done for part in self._parts_of(claim)):
            self._judged[claim.id] = judge(claim, self._evidence(claim))

    def _parts_of(self, claim: Claim) -> list[_PartRun]:
        """The parts that a verdict is made of: its own, or that of the claim with which it is built, and its twins'."""
        shared = [part for part in self._parts.get(claim.built_with, []) if not part.group]
        return [*shared, *self._parts.get(claim.id, [])]

    def _evidence(self, claim: Claim) -> dict[str, Part]:
        parts = {part.group: part.evidence() for part in self._parts_of(claim)}
        if claim.built_with and "" in parts:
            parts[""] = replace(parts[""], seconds=0.0, work=0.0)  # counted where it was spent
        return parts

    def _settle(self, claim: Claim) -> bool:
        ready = claim.id in self._judged and all(rest in self._settled for rest in claim.rests_on)
        if claim.id in self._settled or not ready:
            return False
        result = resting(self._judged[claim.id], [self._settled[rest] for rest in claim.rests_on])
        self._settled[claim.id] = result
        if self._watcher is not None:
            self._watcher.finished(result)
        return True

    def judged(self) -> list[Result]:
        """The claims of this run, each by its own evidence."""
        return list(self._judged.values())

    def results(self) -> tuple[Result, ...]:
        """One result per registered claim; what was not finished is not established."""
        return tuple(self._settled.get(claim.id) or self._unsettled(claim) for claim in self._registry)

    def _unsettled(self, claim: Claim) -> Result:
        if claim.id in self._judged:
            rests = [self._settled.get(rest) or Result(self._registry[rest]) for rest in claim.rests_on]
            return resting(self._judged[claim.id], rests)
        if not any(part.begun for part in self._parts_of(claim)):
            return Result(claim, NOT_RUN)
        partial = judge(claim, self._evidence(claim))
        interrupted = Finding(Verdict.UNDECIDED, "interrupted before it was finished", gap=Gap.INTERRUPTED)
        return replace(partial, finding=interrupted)


class _PartRun:
    """The way of a claim's own obligations, or of one twin's, from build to replay."""

    def __init__(self, run: _Run, claim: Claim, twin: Twin | None) -> None:
        self.group = twin.group if twin else ""
        self.begun = False
        self.done = False
        self._run = run
        self._claim = claim
        self._build = (twin or claim).build if twin or claim.verb != "exhaust" else None
        self._exhaust = (twin or claim).exhaust if twin or claim.verb != "prove" else None
        self._confirm = (twin or claim).confirm if twin or claim.verb != "exhaust" else None
        settings = run.settings
        self._place = tasks.Place(
            settings.source, claim.id, self.group, settings.build, settings.cache, settings.timeout, settings.planted
        )
        self._asked: list[Asked] = []
        self._exhaustion: Exhaustion | None = None
        self._confirmation: Confirmation | None = None
        self._hunts = 0
        self._hunted: tuple[Exhaustion, ...] = ()
        self._trouble: list[str] = []
        self._seconds = 0.0
        self._work = 0.0
        self._followed: float | None = None
        self._open = 0
        self._unreplayed: list[int] = []

    def evidence(self) -> Part:
        """What is known so far."""
        trouble = "; ".join(self._trouble)
        return Part(
            tuple(self._asked),
            self._exhaustion,
            trouble,
            self._seconds,
            self._confirmation,
            self._hunted,
            round(max(self._work, 0.0), 3),
            self._followed,
        )

    def start(self) -> None:
        """Take over what is kept, or queue the first tasks."""
        kept = self._run.kept.get(self._claim.id, self.group, self._run.settings.timeout) if self._run.kept else None
        if kept is not None:
            self.begun = True
            self._asked, self._exhaustion, self._confirmation = list(kept.asked), kept.exhaustion, kept.confirmation
            self._work, self._followed = kept.work, kept.followed
            tasks.write_scripts(self._place, kept.asked)
            self._finish()
            return
        if self._build is not None:
            self._submit(tasks.build, self._place, then=self._built)
        if self._exhaust is not None:
            self._submit(tasks.exhaust, self._place, then=self._exhausted, priority=-0.5)  # the longest tasks, so first
        if self._confirm is not None:
            self._submit(tasks.confirm, self._place, then=self._confirmed)
        if not self._open:
            self._finish()

    def _submit(
        self,
        function: Callable[..., T],
        *arguments: object,
        then: Callable[[T | Failure], None],
        limit: float | None = None,
        priority: float = 0.0,
        key: str | None = None,
        needed: Callable[[], bool] = lambda: True,
    ) -> None:
        """Queue a task of this part; when the last is done, so is the part."""

        def done(outcome: T | Failure, seconds: float) -> None:
            self.begun = True
            self._open -= 1
            self._seconds += seconds
            if function not in COUNTED_APART:
                self._work += seconds
            then(outcome)
            if not self._open:
                self._replay_or_finish()

        self._open += 1
        limit = self._run.settings.task_timeout if limit is None else limit
        self._run.pool.submit(function, *arguments, limit=limit, done=done, priority=priority, key=key, needed=needed)

    def _built(self, outcome: list[Asked] | Failure) -> None:
        if isinstance(outcome, Failure):
            self._trouble.append(f"the obligations could not be built: {outcome.text}")
            self._search()
            return
        self._asked = outcome
        self._work -= sum(asked.seconds for asked in outcome if not asked.cached)  # answered while they were built
        for asked in outcome:
            if asked.answer is not Answer.NOT_RUN:
                self._run.asked(self._claim.id, asked.name)
        for group in dict.fromkeys(asked.group for asked in outcome):
            if tasks.first_suffices(self._claim, group):
                self._hunt(group)
            else:
                for index, asked in enumerate(outcome):
                    if asked.group == group and asked.answer is Answer.NOT_RUN:
                        self._ask(index)

    def _exhausted(self, outcome: Exhaustion | Failure) -> None:
        if isinstance(outcome, Failure):
            self._trouble.append(f"the inputs could not all be tried: {outcome.text}")
        else:
            self._exhaustion = outcome

    def _confirmed(self, outcome: Confirmation | Failure) -> None:
        if isinstance(outcome, Failure):
            self._trouble.append(f"CrossHair did not finish: {outcome.text}")
        else:
            self._confirmation = outcome
            self._followed = None if outcome.cached else outcome.seconds

    def _hunt(self, group: str) -> None:
        """Ask for counterexamples one after the other until one is confirmed."""
        members = [index for index, asked in enumerate(self._asked) if asked.group == group]
        unasked = [index for index in members if self._asked[index].answer is Answer.NOT_RUN]
        hopeful = [index for index in unasked if self._asked[index].aim is not Aim.WITNESS]
        if hopeful and not any(self._asked[index].refutes for index in members):
            self._ask(hopeful[0])
            return
        for index in unasked:
            self._asked[index] = replace(self._asked[index], answer=Answer.SKIPPED)

    def _ask(self, index: int) -> None:
        asked = self._asked[index]
        self._submit(
            tasks.ask,
            asked.query,
            self._run.settings.cache,
            then=lambda outcome: self._answered(index, outcome),
            limit=asked.query.timeout + GRACE,
            priority=1.0 / (1.0 + self._run.durations.get((self._claim.id, asked.name), 0.0)),
            key=f"{asked.key} {asked.query.timeout:g}",
            needed=lambda: not self._is_refuted,
        )

    def _answered(self, index: int, outcome: Solved | Failure) -> None:
        if isinstance(outcome, Failure) and outcome.needless:
            self._asked[index] = replace(self._asked[index], answer=Answer.SKIPPED)
            return
        if isinstance(outcome, Failure):
            answer = Answer.TIMEOUT if outcome.timed_out else Answer.ERROR
            outcome = Solved(answer, {}, "" if outcome.timed_out else outcome.text)
        asked = tasks.answered(self._asked[index], outcome)
        self._asked[index] = asked
        self._run.asked(self._claim.id, asked.name)
        hunted = tasks.first_suffices(self._claim, asked.group)
        if asked.aim is Aim.GOAL and asked.answer is not Answer.UNSAT:
            self._search()
        if asked.answer is Answer.SAT and asked.replayable:
            if hunted:
                self._replay([index])
            else:
                self._unreplayed.append(index)
        elif hunted:
            self._hunt(asked.group)

    def _search(self) -> None:
        """A proof has failed: look for inputs that break the clauses themselves; what is found makes the rest needless."""
        if self._hunts or self.group:
            return
        for claim in self._run.built_with(self._claim):
            if claim.hunt is not None:
                place = replace(self._place, claim=claim.id)
                self._hunts += 1
                self._submit(tasks.hunt, place, then=self._searched, priority=-1.0)

    def _searched(self, outcome: Exhaustion | Failure) -> None:
        if not isinstance(outcome, Failure):
            self._hunted = (*self._hunted, outcome)

    @property
    def _is_refuted(self) -> bool:
        """Whether every clause of this part has its counterexample; of a planted bug, one is enough."""
        wanted = 1 if self._run.settings.planted else self._hunts
        return 0 < wanted <= sum(found.counterexample is not None for found in self._hunted)

    def _replay(self, indices: Sequence[int]) -> None:
        models = {index: (self._asked[index].key, self._asked[index].model) for index in indices}

        def replayed(outcome: dict[int, Replay | str] | Failure) -> None:
            for index in indices:
                if isinstance(outcome, Failure):
                    found: Replay | str = f"the replay failed: {outcome.text}"
                else:
                    found = outcome.get(index, "PROVER FAULT: the obligation was not built again")
                self._asked[index] = tasks.replayed(self._asked[index], found)
            group = self._asked[indices[0]].group
            if tasks.first_suffices(self._claim, group):
                self._hunt(group)

        self._submit(tasks.replay, self._place, models, then=replayed)

    def _replay_or_finish(self) -> None:
        """Models of a claim's own obligations are replayed together: one build serves them all."""
        if self._unreplayed and not self._is_refuted:
            indices, self._unreplayed = self._unreplayed, []
            self._replay(indices)
        else:
            self._finish()

    def _finish(self) -> None:
        self.done = True
        if self._run.kept:
            self._run.kept.put(self._claim.id, self.group, self._run.settings.timeout, self.evidence())
        self._run.part_done(self._claim)
