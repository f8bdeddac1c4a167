"""``python -m proofs audit``: run what is not known yet, collect the document, write it in every form."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from proofs.audit import compare as compare_reports
from proofs.audit import junit, sarif
from proofs.audit.bundle import write_bundle
from proofs.audit.collect import Left, collect, is_good
from proofs.audit.compare import Slower
from proofs.audit.document import Document
from proofs.prover import terminal
from proofs.prover.expected import LISTS
from proofs.prover.files import write_atomically
from proofs.prover.run import SOURCE, Settings
from proofs.prover.session import cache_folder, proving
from proofs.prover.sources import ROOT

HERE = Path(__file__).resolve().parent
FALLING_SHORT = ("refuted", "undecided", "vacuous")
MOST_SHOWN = 10


class Section(StrEnum):
    """What can be run for a report."""

    PROOFS = "proofs"
    TESTS = "tests"
    PARITY = "parity"


def audit(
    new: Annotated[
        Path | None,
        typer.Argument(metavar="[NEW.json]", help="With --compare: the newer report; by default that in --out."),
    ] = None,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Run nothing: report what is there, and what is not.")
    ] = False,
    skip: Annotated[
        list[Section] | None, typer.Option(help="Do not run this, even if it is missing; repeatable.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at once.")] = os.cpu_count() or 1,
    build: Annotated[Path, typer.Option(help="Folder in which runs leave what they found.")] = Path("build"),
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report; by default audit/ in the build folder.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="OLD.json", help="Run nothing: say what became of this older report.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --compare: for programs.")] = False,
    slower_factor: Annotated[float, typer.Option(min=1, help="With --compare: slower is by this factor,")] = 2.0,
    slower_seconds: Annotated[float, typer.Option(min=0, help="and by more than so many seconds.")] = 10.0,
    claims: Annotated[str, typer.Option(hidden=True, help="module:attribute of another registry.")] = SOURCE,
    lists: Annotated[Path, typer.Option(hidden=True, help="Folder of EXPECTED.txt and ASSUMPTIONS.txt.")] = LISTS,
) -> None:
    """Write the audit report; exit 0 only if all that is expected is established, tests pass and kernels agree.

    What earlier runs found is used if it is about the sources as they are; the rest is run. 1 if something falls short, is
    missing or was skipped; 130 if Ctrl-C ended it early: the report then says what is not known. With --compare: 0 if nothing
    became weaker, was lost, or changed so that nobody can tell; 1 if something did.
    """
    folder = out or build / "audit"
    if compare is not None:
        raise typer.Exit(
            _compared(compare, new or folder / "report.json", as_json, Slower(slower_factor, slower_seconds))
        )
    if new is not None or as_json:
        terminal.complain("a second report and --json belong to --compare OLD.json")
        raise typer.Exit(2)
    skipped = set(Section) if no_run else set(skip or ())
    interrupted = ""
    try:
        _bring_up_to_date(skipped, build, jobs, claims, lists)
    except Interrupted as early:
        interrupted = str(early)
    except (LookupError, ValueError) as error:
        terminal.complain(str(error).strip("'\""))
        raise typer.Exit(2) from None
    left = Left.in_folder(build, claims)
    files = write_bundle(left.proofs.current, build, folder)
    document = collect(left, registry=claims, lists=lists, files=files, interrupted=interrupted)
    written = write(document, folder)
    for line in lines(document):
        print(line)
    print(f"Written: {', '.join(map(str, written))}, {folder / 'smt2'}.")
    raise typer.Exit(130 if interrupted else 0 if is_good(document) else 1)


def _compared(old: Path, new: Path, as_json: bool, slower: Slower) -> int:
    """Say how two reports differ; the exit code."""
    try:
        reports = compare_reports.load(old), compare_reports.load(new)
    except ValueError as error:
        terminal.complain(str(error))
        return 2
    changes = compare_reports.compare(*reports, slower)
    if as_json:
        print(json.dumps(compare_reports.as_json(*reports, changes), indent=1, ensure_ascii=False))
    else:
        screen = terminal.Screen()
        for line, style in compare_reports.lines(*reports, changes):
            screen.show(line, style)
    return 1 if compare_reports.fails(changes) else 0


class Interrupted(Exception):
    """Ctrl-C; the message says what was going on."""


def _bring_up_to_date(skipped: set[Section], build: Path, jobs: int, claims: str, lists: Path) -> None:
    """Run what no earlier run has found out about these sources."""

    def prover() -> None:
        session = proving(Settings(jobs=jobs, build=build, cache=cache_folder(), source=claims), (), lists)
        if not session.outcome.complete:
            raise KeyboardInterrupt

    def tests() -> None:
        if (ROOT / "tests").is_dir():
            _call([sys.executable, "-m", "pytest", "-n", str(jobs), "-q"], build)

    def parity() -> None:
        _call([sys.executable, "-m", "accelerated.parity", "--build", str(build.resolve())], build)

    steps: dict[Section, Callable[[], None]] = {
        Section.PROOFS: prover,
        Section.TESTS: tests,
        Section.PARITY: parity,
    }
    for section, run in steps.items():
        found = getattr(Left.in_folder(build, claims), section.value)
        if section in skipped or found.whole:
            continue
        print(f"{section.value}: {found.why}; running", flush=True)
        try:
            run()
        except KeyboardInterrupt:
            raise Interrupted(f"{section.value} did not run to the end") from None


def _call(command: list[str], build: Path) -> None:
    """Run a command in the source tree, its output here; what it found is in the file that it leaves, whatever its exit code."""
    environment = {**os.environ, "PROOFGRAD_BUILD": str(build.resolve())}
    subprocess.run(command, cwd=ROOT, env=environment, check=False)


def write(document: Document, folder: Path) -> list[Path]:
    """Write the report in every form; the paths of what people open."""
    forms = {
        "report.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        "report.schema.json": (HERE / "schema.json").read_text(encoding="utf-8"),
        "junit.xml": junit.render(document),
        "report.sarif": sarif.render(document),
        **_page(document),
    }
    for name, text in forms.items():
        write_atomically(folder / name, text)
    return [folder / name for name in forms]


def lines(document: Document) -> Iterator[str]:
    """What a report comes to, in a few lines: each part, then what falls short."""
    for part in document["parts"]:
        yield f"{part['name']:<14}  {part['status']:<8}  {part['sentence']}"
    short = [claim for claim in document["claims"] if claim["standing"] in FALLING_SHORT]
    for claim in short[:MOST_SHOWN]:
        yield f"{claim['standing']}: {claim['id']}: {claim['reason'] or claim['statement']}"
    if len(short) > MOST_SHOWN:
        yield f"and {len(short) - MOST_SHOWN} more claims that are refuted, undecided or vacuous"
    yield from (f"surprise: {line}" for line in document["summary"]["surprises"])
    yield f"This report is {document['state']}" + (", and all is as it should be." if is_good(document) else ".")


def _page(document: Document) -> dict[str, str]:
    """The page, where there is code for it."""
    try:
        page = importlib.import_module("proofs.audit.page")
    except ModuleNotFoundError as error:
        if error.name != "proofs.audit.page":
            raise
        return {}
    return {"report.html": page.render(document)}
