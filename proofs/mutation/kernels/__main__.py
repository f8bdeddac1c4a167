"""Command line: ``python -m proofs.mutation.kernels``."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from proofs.mutation.kernels import campaign
from proofs.mutation.kernels.campaign import Json
from proofs.mutation.kernels.texts import Mutant

app = typer.Typer(add_completion=False)


@app.command()
def mutate(
    file: Annotated[list[str] | None, typer.Argument(help="Files of accelerated/, by default all kernels.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at once.")] = os.cpu_count() or 1,
    sample: Annotated[int, typer.Option(min=0, help="Only try this many mutants again, and compare.")] = 0,
    seed: Annotated[int, typer.Option(help="Which ones.")] = 0,
    check_fresh: Annotated[
        bool, typer.Option("--check-fresh", help="Run nothing; fail if results are missing or stale.")
    ] = False,
    no_claims: Annotated[bool, typer.Option("--no-claims", help="Run no claims.")] = False,
) -> None:
    """Change the kernels in small ways; exit 0 only if every change that is not explained is noticed."""
    mutants = campaign.all_mutants()
    chosen = [mutant for mutant in mutants if not file or mutant.file in file]
    if not chosen:
        typer.echo(f"there are no kernels in {', '.join(file or ())}", err=True)
        raise typer.Exit(2)
    cache = Path(os.environ.get("PROOFGRAD_CACHE") or ".proofgrad-cache")
    store, settings = campaign.Store(), campaign.Settings(jobs, cache)
    if not check_fresh and not sample:
        store.keep_only(mutant.id for mutant in mutants)
        campaign.run(chosen, store, settings, _show, not no_claims)
    differences = _again(chosen, store, settings, sample, seed) if sample else []
    lines, failed = _summary(chosen, store, differences)
    for line in lines:
        typer.echo(line)
    raise typer.Exit(1 if failed else 0)


def _show(mutant: Mutant, result: Json) -> None:
    found = result["noticed"]
    word = f"{found['how']}: {found['what']}" if found else "not noticed"
    typer.echo(f"{mutant.id}  line {mutant.line}  {mutant.kind}  {mutant.before} -> {mutant.after}  {word}")


def _again(
    chosen: list[Mutant], store: campaign.Store, settings: campaign.Settings, count: int, seed: int
) -> list[str]:
    """Try some mutants that changed a bit again; what now goes unnoticed."""
    known = [m for m in chosen if (found := store.get(m, "bits")) and found["noticed"]]
    again = random.Random(seed).sample(known, min(count, len(known)))
    fresh = campaign.Store(store.path, keeps=False)
    campaign.run(again, fresh, settings, _show, claims=False)
    return [mutant.id for mutant in again if campaign.noticed(mutant, fresh) is None]


def _summary(chosen: list[Mutant], store: campaign.Store, differences: list[str]) -> tuple[list[str], bool]:
    reasons = campaign.explanations()
    found = {mutant: campaign.noticed(mutant, store) for mutant in chosen}
    words = Counter(each["how"] for each in found.values() if each)
    survivors = [m for m in chosen if not found[m] and (campaign.is_known(m, store) or m.id in reasons)]
    unexplained = [mutant for mutant in survivors if mutant.id not in reasons]
    not_run = [mutant for mutant in chosen if not found[mutant] and mutant not in survivors]
    stale = (
        sorted(set(reasons) - {mutant.id for mutant in survivors}) if len(chosen) == len(campaign.all_mutants()) else []
    )
    mutants = len(chosen) - words["refused"]
    lines = [
        *(line for mutant in unexplained for line in (f"SURVIVES {mutant.id}", mutant.diff)),
        *(f"stale explanation: {name} is no surviving mutant" for name in stale),
        *(f"another result: {name} is not noticed any more" for name in differences),
        f"{mutants} mutants of kernels: {words['bits']} change a bit, {words['error']} raise an error, "
        f"{words['watched']} are seen by a sanitizer, {words['claim']} make a claim fall, "
        f"{len(survivors)} survive ({len(unexplained)} of them unexplained), {len(not_run)} not run; "
        f"{words['refused']} more do not compile.",
    ]
    return lines, bool(unexplained or stale or differences or not_run)


if __name__ == "__main__":
    app()
