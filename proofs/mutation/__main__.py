"""Command line: ``python -m proofs.mutation ROW``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from proofs.mutation import campaign, reprove
from proofs.mutation.campaign import Status
from proofs.mutation.mutants import Mutant
from proofs.mutation.results import Json, Keys, Row, Store, explanations_of, store_of

ROOT = Path(__file__).resolve().parent.parent.parent
app = typer.Typer(add_completion=False)


@app.command()
def mutate(
    row: Annotated[str, typer.Argument(help="A module or folder of reference/.")],
    jobs: Annotated[int, typer.Option(min=1, help="Processes at once.")] = os.cpu_count() or 1,
    sample: Annotated[int, typer.Option(min=0, help="Only run this many mutants again, and compare.")] = 0,
    seed: Annotated[int, typer.Option(help="Which ones.")] = 0,
    check_fresh: Annotated[
        bool, typer.Option("--check-fresh", help="Run nothing; fail if results are missing or stale.")
    ] = False,
    inputs_only: Annotated[
        bool, typer.Option("--inputs-only", help="Look for inputs that break a clause; run no claims.")
    ] = False,
    limit: Annotated[float, typer.Option(min=1, help="Seconds for the inputs of one mutant.")] = 600.0,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for each query.")] = 20.0,
    prover_limit: Annotated[float, typer.Option(min=1, help="Seconds for the claims of one mutant.")] = 600.0,
    root: Annotated[Path, typer.Option(hidden=True, help="Folder of reference/ and proofs/.")] = ROOT,
    folder: Annotated[Path, typer.Option(hidden=True, help="Folder of results/ and explained/.")] = ROOT
    / "proofs"
    / "mutation",
    claims: Annotated[str | None, typer.Option(hidden=True, help="module:attribute of another registry.")] = None,
) -> None:
    """Change the reference in small ways; exit 0 only if the row's claims notice every change that is not explained."""
    where = Row(row, root, folder)
    if not where.files():
        typer.echo(f"there is no row {row}", err=True)
        raise typer.Exit(2)
    cache = Path(os.environ.get("PROOFGRAD_CACHE") or ".proofgrad-cache")
    settings = campaign.Settings(jobs, limit, cache, reprove.Settings(timeout, prover_limit, claims), inputs_only)
    keys, store = Keys.of(where), store_of(where)
    mutants = keys.mutants()
    if not check_fresh and not sample:
        store.keep_only(mutants)
        with _Screen(len(mutants)) as screen:
            campaign.run(where, mutants, store, settings, screen.show)
    differences = campaign.sample(where, store, settings, sample, seed) if sample else []
    lines, failed = _summary(where, mutants, store, keys, differences)
    for line in lines:
        typer.echo(line)
    raise typer.Exit(1 if failed else 0)


class _Screen:
    """Shows mutants as they are done: a bar on a terminal, lines elsewhere."""

    def __init__(self, total: int) -> None:
        self._console = Console(highlight=False)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self._progress = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._task = self._progress.add_task("mutants", total=total)

    def __enter__(self) -> _Screen:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, mutant: Mutant, result: Json) -> None:
        """A stage of a mutant is done."""
        if self._console.is_terminal:
            self._progress.update(self._task, advance=1, description=mutant.id)
        else:
            typer.echo(
                f"{mutant.id}  line {mutant.line}  {mutant.kind}  {'killed' if result['killed'] else 'survived'}"
            )


def _summary(
    row: Row, mutants: Sequence[Mutant], store: Store, keys: Keys, differences: Sequence[str]
) -> tuple[list[str], bool]:
    """What people read, and whether the row falls short."""
    reasons = explanations_of(row)
    found = {mutant: campaign.status(mutant, store, keys, reasons) for mutant in mutants}
    words = Counter(status.word for status in found.values())
    survivors = [mutant for mutant, status in found.items() if status.word == "survived"]
    unexplained = [mutant for mutant in survivors if mutant.id not in reasons]
    stale = sorted(set(reasons) - {mutant.id for mutant in survivors})
    gone = sorted(set(store.entries) - {mutant.id for mutant in mutants})
    complaints = [
        *(f"stale explanation: {name} is no surviving mutant" for name in stale),
        *(f"stale result: there is no mutant {name}" for name in gone),
        *(f"another result: {line}" for line in differences),
    ]
    lines = [
        *(line for mutant in unexplained for line in _told(mutant, found[mutant])),
        *_open(found),
        *complaints,
        f"{len(mutants)} mutants of {row.name}: {words['refuted']} refuted, "
        f"{words['undecided']} noticed by a claim that is now undecided, "
        f"{words['survived']} survive ({len(unexplained)} of them unexplained), {words['not run']} not run.",
    ]
    return lines, bool(unexplained or complaints or words["not run"])


def _told(mutant: Mutant, status: Status) -> Iterator[str]:
    yield f"SURVIVES {mutant.id}: {mutant.unit}, line {mutant.line}, {mutant.kind}: {status.evidence}"
    yield mutant.diff


def _open(found: dict[Mutant, Status]) -> Iterator[str]:
    """Mutants without a result, by the reason why."""
    reasons = Counter(status.evidence for status in found.values() if status.word == "not run")
    yield from (f"not run: {count} mutants: {reason}" for reason, count in reasons.items())


if __name__ == "__main__":
    app()
