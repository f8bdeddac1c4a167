"""``python -m accelerated.parity``: compare the kernels with the reference, on the GPU if there is one, else on the processor."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from accelerated.parity import evidence
from accelerated.parity.run import NoGPU, Outcome, Place, compare_all, on_gpu, on_host, report, write
from accelerated.parity.subjects import BOUND, subjects


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line a function, write the report; 0 if all functions agree, 1 if one does not, 2 if there is nothing to run on."""
    parser = argparse.ArgumentParser(prog="python -m accelerated.parity", description=__doc__)
    parser.add_argument(
        "--on", choices=("gpu", "host"), help="where the kernels run; by default on the GPU, if there is one"
    )
    parser.add_argument("--inputs", type=int, default=100, help="inputs for each function and dtype (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs (default: 0)")
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder of parity.json (default: build)")
    chosen = parser.parse_args(arguments)
    if chosen.inputs < 1:
        parser.error("--inputs must be at least 1")
    try:
        place = _place(chosen.on)
    except NoGPU as error:
        print(f"parity was NOT RUN: {error}", file=sys.stderr)
        return 2
    print(f"kernels on the {place.kind} ({place.device}), reference on the processor")
    started = time.monotonic()
    outcomes = [_said(each) for each in compare_all(subjects(), place, chosen.inputs, chosen.seed)]
    content = report(place, outcomes, chosen.inputs, chosen.seed)
    write(chosen.build / "parity.json", content)
    written = [chosen.build / "parity.json"]
    if place.kind == "gpu":
        write(evidence.path_for(place.device), content)
        written.append(evidence.path_for(place.device))
    agreeing = sum(each.holds for each in outcomes)
    tried = sum(each.inputs for each in outcomes)
    print(
        f"{agreeing} of {len(outcomes)} functions within {BOUND} ulp on {tried} inputs; {time.monotonic() - started:.1f} s."
    )
    for found in evidence.every():
        print(f"evidence from a GPU: {found}")
    if not evidence.every():
        print("evidence from a GPU: none")
    print(f"Written: {', '.join(map(str, written))}.")
    return 0 if agreeing == len(outcomes) else 1


def _place(wanted: str | None) -> Place:
    if wanted == "host":
        return on_host()
    try:
        return on_gpu()
    except NoGPU as error:
        if wanted == "gpu":
            raise
        print(f"no GPU: {error}")
        return on_host()


def _said(outcome: Outcome) -> Outcome:
    subject = outcome.subject
    name = f"{subject.concept}.{subject.name}"
    verdict = "same bits" if outcome.holds else outcome.error or f"DIFFERS, most at input {outcome.worst}"
    print(
        f"{name:<36} {subject.dtype:<18} {outcome.inputs:>5} inputs {outcome.elements:>9} elements "
        f"{outcome.most_ulps:>3} ulp (bound {BOUND})  {verdict}"
    )
    return outcome


if __name__ == "__main__":
    sys.exit(main())
