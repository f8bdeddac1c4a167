"""What people see: a line a claim, a summary in plain words, an explanation of one claim."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from proofs.prover.claims import Claim, Replay
from proofs.prover.evidence import Result, Verdict
from proofs.prover.expected import Surprises
from proofs.prover.planted import Planted
from proofs.prover.run import Outcome

THEORIES = {
    "Real": "exact real numbers: the mathematics is right; rounding is not looked at",
    "Rounded": "every rounding that stays within the format's unit roundoff, no overflow included",
    "IEEE": "IEEE-754 bit for bit, with subnormals, infinities and NaN",
    "Dual": "a value and its derivative over exact real numbers",
    "integers": "bit vectors of the data type's width, wrap-around included",
    "CrossHair": "every path of the Python code, on integers of any size and float64 bit for bit",
    "structural": "the two computations are the same terms",
}


class Screen:
    """Shows a run while it goes on: a progress bar on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._progress: Progress | None = None
        if self._console.is_terminal:
            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
            self._progress = Progress(*columns, console=self._console, transient=True)
        self._widths = (0, 0, 0, 0)

    def __enter__(self) -> Screen:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begun(self, claims: Sequence[Claim]) -> None:
        """Set up the columns and the bar."""
        self._widths = tuple(  # type: ignore[assignment]
            max((len(cell(claim)) for claim in claims), default=0)
            for cell in (lambda c: c.id, lambda c: c.function, lambda c: c.theory, lambda c: c.bound)
        )
        if self._progress is not None:
            self._progress.add_task("proving", total=len(claims))

    def asked(self, claim: str, name: str) -> None:
        """Show what was answered last."""
        if self._progress is not None:
            for task in self._progress.task_ids:
                self._progress.update(task, description=escape(f"{claim}: {name}"[:60]))

    def finished(self, result: Result) -> None:
        """Print the claim's line, with its reason or counterexample."""
        style = "green" if result.established else "bold red"
        for number, line in enumerate(claim_lines(result, self._widths)):
            self.show(line, style if number == 0 else "")
        if self._progress is not None:
            for task in self._progress.task_ids:
                self._progress.advance(task)

    def show(self, line: str = "", style: str = "") -> None:
        """Print a line, never wrapped where a program may read it."""
        if self._console.is_terminal:
            self._console.print(escape(line), style=style or None)
        else:
            print(line, file=self._console.file, flush=True)


def claim_lines(result: Result, widths: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Iterator[str]:
    """Id, function, verb, theory, bound, verdict and seconds; then why, or a counterexample."""
    claim, finding = result.claim, result.finding
    name, function, theory, bound = widths
    yield (
        f"{claim.id:<{name}}  {claim.function:<{function}}  {claim.verb:<7}  {claim.theory:<{theory}}  "
        f"{claim.bound:<{bound}}  {finding.verdict.value:<9}  {result.seconds:6.2f} s"
    )
    if finding.reason:
        yield f"    {finding.reason}"
    if finding.verdict is Verdict.REFUTED and finding.counterexample is not None:
        yield from _replay_lines(finding.counterexample)


def planted_lines(planted: Planted) -> Iterator[str]:
    """A bug in the shipped code, and the claim that an input refutes."""
    verdict = f"REFUTED by {planted.refuted}" if planted.refuted else "NOT REFUTED"
    yield f"{planted.claim.id}  {planted.twin.name}: {planted.twin.why}  {verdict}"
    if planted.counterexample is not None:
        yield from _replay_lines(planted.counterexample)
    if planted.reason:
        yield f"    {planted.reason}"


def summary(outcome: Outcome, surprises: Surprises | None) -> Iterator[str]:
    """The run in plain words."""
    ran = outcome.ran
    words = Counter(result.finding.verdict for result in ran if result.established)
    kinds = (
        (Verdict.PROVED, "proved"),
        (Verdict.EXHAUSTED, "exhausted"),
        (Verdict.REFUTED, "false statements kept with their counterexamples"),
    )
    detail = ", ".join(f"{words[verdict]} {text}" for verdict, text in kinds if words[verdict])
    scope = "expected" if surprises is not None else "selected"
    number, total = sum(words.values()), len(ran)
    if surprises is not None:
        total = total - len(surprises.extra) + sum("no such claim" in line for line in surprises.missing)
        number = total - len(surprises.missing)
    yield f"{number} of {total} {scope} claims established{f': {detail}' if detail else ''}."
    twins = [found for result in ran for found, _ in result.twins.values()]
    refuted = sum(found.verdict is Verdict.REFUTED for found in twins)
    if twins:
        yield f"{refuted} of {len(twins)} planted bugs refuted by an input that NumPy confirms."
    bare = sum(1 for result in ran if result.claim.verb != "refute" and not result.claim.twins)
    if bare:
        yield f"{bare} claims have no planted bug that shows their teeth."
    asked = [item for result in ran for item in result.asked]
    yield f"{len(asked)} queries, {sum(item.cached for item in asked)} of them answered from the cache; {outcome.seconds:.1f} s."
    if not outcome.complete:
        yield "INTERRUPTED: this run is partial, and so is its report."
    if surprises is not None:
        for title, lines in (
            ("missing", surprises.missing),
            ("extra", surprises.extra),
            ("weaker", surprises.weaker),
            ("assumptions", surprises.assumptions),
        ):
            yield from (f"{title}: {line}" for line in lines)


def explanation(claim: dict[str, Any], report: dict[str, Any], stale: bool) -> Iterator[str]:
    """One claim of a report, told at length."""
    yield f"{claim['id']}: {claim['statement']}"
    yield f"  function   {claim['function']}" + (f" ({claim['location']})" if claim["location"] else "")
    meaning = THEORIES.get(claim["theory"].partition("(")[0])
    yield f"  theory     {claim['theory']}" + (f": {meaning}" if meaning else "")
    yield f"  bound      {claim['bound']}"
    for label, key in (("rests on", "rests_on"), ("assumes", "assumes")):
        if claim[key]:
            yield f"  {label:<9}  {', '.join(claim[key])}"
    yield f"  verdict    {claim['verdict']}" + (f": {claim['reason']}" if claim["reason"] else "")
    yield f"  run        {report['started']}, {report['state']}" + (
        ", STALE: the sources have changed since" if stale else ""
    )
    if claim["cases"] is not None:
        yield f"  tried      {claim['cases']} inputs"
    if claim["confirmation"] is not None:
        found = claim["confirmation"]
        cached = ", cached" if found["cached"] else ""
        yield f"  crosshair  {found['state']}: {found['message']}, {found['seconds']:.2f} s{cached}"
    yield from _obligation_lines(claim["obligations"])
    for label in ("witness", "counterexample"):
        if claim[label]:
            yield f"  {label}"
            yield from _replay_lines(Replay(**claim[label]))
    for twin in claim["twins"]:
        yield f"  twin {twin['name']} ({twin['why']}): {twin['verdict']}" + (
            f": {twin['reason']}" if twin["reason"] else ""
        )
        if twin["counterexample"]:
            yield from _replay_lines(Replay(**twin["counterexample"]))


def _obligation_lines(obligations: Sequence[dict[str, Any]]) -> Iterator[str]:
    for item in obligations:
        detail = f" ({item['detail']})" if item["detail"] else ""
        cached = ", cached" if item["cached"] else ""
        yield (
            f"  {item['aim']:<9}  {item['name']}: {item['answer']}{detail}, "
            f"{item['solver']} {item['seconds']:.2f} s{cached}, {item['file']}"
        )


def _replay_lines(replay: Replay) -> Iterator[str]:
    for name, value in replay.inputs.items():
        yield f"    input   {name} = {value}"
    for name, value in replay.outputs.items():
        yield f"    output  {name} = {value}"
    yield f"    clause  {replay.clause}" + (f" ({replay.note})" if replay.note else "")


def complain(text: str) -> None:
    """Say on standard error what is wrong."""
    print(text, file=sys.stderr)
