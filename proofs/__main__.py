"""Command line: ``python -m proofs run|list|explain|planted|recheck|audit``."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from proofs.audit.command import audit
from proofs.prover import report as reports
from proofs.prover import terminal
from proofs.prover.claims import Claim, registry_at
from proofs.prover.expected import LISTS, expected_lines
from proofs.prover.files import write_atomically
from proofs.prover.planted import plant_each, plantable
from proofs.prover.recheck import Opinion, content
from proofs.prover.recheck import recheck as ask_again
from proofs.prover.run import SOURCE, Settings
from proofs.prover.session import cache_folder, cache_for, proving
from proofs.prover.sources import source_hash

CORES = os.cpu_count() or 1

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Prove the reference, and say what is proven.",
)

Select = Annotated[list[str] | None, typer.Argument(metavar="[SELECT]...", help="Rows or claim ids; all by default.")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes at once.")]
Timeout = Annotated[float | None, typer.Option(min=0.001, help="Seconds for each query, instead of its own limit.")]
TaskTimeout = Annotated[float, typer.Option(min=0.1, help="Seconds for each build, replay or exhaustion.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Ask the solvers everything again.")]
Build = Annotated[Path, typer.Option(help="Folder of report.json and the SMT-LIB files.")]
Claims = Annotated[str, typer.Option(hidden=True, help="module:attribute of another registry.")]
Lists = Annotated[Path, typer.Option(hidden=True, help="Folder of EXPECTED.txt and ASSUMPTIONS.txt.")]


@app.command()
def run(
    select: Select = None,
    jobs: Jobs = CORES,
    timeout: Timeout = None,
    task_timeout: TaskTimeout = 300.0,
    no_cache: NoCache = False,
    build: Build = Path("build"),
    claims: Claims = SOURCE,
    lists: Lists = LISTS,
) -> None:
    """Prove the claims; exit 0 only if everything expected is established and nothing surprises."""
    selection = select or []
    try:
        with cache_for(no_cache) as cache:
            settings = Settings(jobs, timeout, task_timeout, build, cache, claims)
            session = proving(settings, selection, lists)
    except (LookupError, ValueError) as error:
        terminal.complain(str(error).strip("'\""))
        raise typer.Exit(2) from None
    raise typer.Exit(session.exit_code)


@app.command(name="list")
def list_claims(
    select: Select = None,
    expected: Annotated[bool, typer.Option(help="As EXPECTED.txt has it.")] = False,
    claims: Claims = SOURCE,
) -> None:
    """List the claims."""
    chosen = registry_at(claims).select(select or [])
    lines = expected_lines(chosen) if expected else [_line(claim) for claim in chosen]
    for line in lines:
        print(line)


def _line(claim: Claim) -> str:
    return f"{claim.id}  {claim.function}  {claim.verb}  {claim.theory}  {claim.bound}\n    {claim.statement}"


@app.command()
def explain(claim: str, build: Build = Path("build")) -> None:
    """Tell one claim at length, from the report of the last run."""
    report = _last_report(build)
    found = next((item for item in report["claims"] if item["id"] == claim), None)
    if found is None:
        terminal.complain(f"the last run knew no claim {claim}")
        raise typer.Exit(2)
    for line in terminal.explanation(found, report, report["source"] != source_hash()):
        print(line)


@app.command()
def planted(
    select: Select = None,
    jobs: Jobs = CORES,
    timeout: Timeout = 20.0,
    task_timeout: TaskTimeout = 300.0,
    claims: Claims = SOURCE,
) -> None:
    """Make each planted bug a change to the shipped code; exit 0 only if each turns a claim red with a counterexample."""
    with tempfile.TemporaryDirectory(prefix="proofgrad-planted-") as folder:
        settings = Settings(jobs, timeout, task_timeout, Path(folder), cache_folder(), claims)
        pairs = plantable(registry_at(claims), select or [])
        found = []
        for each in plant_each(settings, pairs):
            found.append(each)
            for line in terminal.planted_lines(each):
                print(line, flush=True)
    refuted = sum(bool(each.refuted) for each in found)
    print(f"{refuted} of {len(found)} bugs in the shipped code turn a claim red with an input that NumPy confirms.")
    raise typer.Exit(0 if found and refuted == len(found) else 1)


@app.command()
def recheck(
    solver: Annotated[str, typer.Option(help="z3, bitwuzla or cvc5.")] = "cvc5",
    jobs: Jobs = CORES,
    timeout: Timeout = 10.0,
    no_cache: NoCache = False,
    build: Build = Path("build"),
) -> None:
    """Ask another solver the queries of the last run; exit 1 if it contradicts one."""
    report = _last_report(build)
    settings = Settings(jobs=jobs, timeout=timeout, build=build, cache=None if no_cache else cache_folder())
    started = time.monotonic()
    try:
        seconds = ask_again(report, solver, settings)
    except ValueError as error:
        terminal.complain(str(error))
        raise typer.Exit(2) from None
    counts = Counter(second.opinion for second in seconds)
    for second in seconds:
        if second.opinion is Opinion.CONTRADICTED:
            print(
                f"CONTRADICTED  {second.claim}  {second.name}: {second.first}, {solver} says {second.second}  {second.file}"
            )
    for opinion in Opinion:
        share = f" ({100 * counts[opinion] / len(seconds):.0f} %)" if seconds else ""
        print(f"{counts[opinion]} of {len(seconds)} answers {opinion.value} by {solver}{share}")
    text = json.dumps(content(report, solver, seconds, time.monotonic() - started), indent=1) + "\n"
    for name in (f"recheck-{solver}.json", "second-opinion.json"):  # the second is the last one, for the audit
        write_atomically(build / name, text)
    raise typer.Exit(0 if seconds and not counts[Opinion.CONTRADICTED] else 1)


app.command()(audit)


def _last_report(build: Path) -> reports.Json:
    report = reports.read(build)
    if report is None:
        terminal.complain(f"there is no report in {build}: first run python -m proofs run")
        raise typer.Exit(2)
    return report


if __name__ == "__main__":
    app()
