"""The report's pictures as inline SVG: shapes as well as colours tell standings apart, text follows the page's colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from proofs.audit.document import Claim, Compared
from proofs.audit.words import WORDS, duration, grouped, plural

# Outlines in a square of 8 by 8, drawn so that every standing has a form of its own, in grey and without colour too.
SHAPES = {
    "proved": "h7v7h-7z",
    "exhausted": "h7v7h-7zm2 2v3h3v-3z",
    "kept false": "m3.5 -.5l4 4l-4 4l-4 -4z",
    "refuted": "h2l1.5 2l1.5 -2h2l-2.3 3.5l2.3 3.5h-2l-1.5 -2l-1.5 2h-2l2.3 -3.5z",
    "undecided": "h7v7h-7zm1.4 1.4v4.2h4.2v-4.2z",
    "vacuous": "m3.5 -.5l4 4l-4 4l-4 -4zm0 2.2l-1.8 1.8l1.8 1.8l1.8 -1.8z",
    "not run": "m2.2 2.2h2.6v2.6h-2.6z",
}
PITCH = 9
SCALE = 6 / 9


def class_of(standing: str) -> str:
    """The class that colours a standing."""
    return "is-" + standing.replace(" ", "-")


def shape(standing: str) -> Markup:
    """The form of one standing, for a legend."""
    return Markup('<svg class="key" viewBox="-1 -1 9 9" aria-hidden="true"><path class="{}" d="M0 0{}"/></svg>').format(
        class_of(standing), SHAPES[standing]
    )


def squares(standings: Mapping[str, int], across: int = 20) -> Markup:
    """One small form for each claim, in the order of the words of evidence. The number stands beside it as text."""
    paths, place = [], 0
    for word in WORDS:
        count = standings.get(word.key, 0)
        spots = ((place + i) for i in range(count))
        outline = "".join(f"M{spot % across * PITCH} {spot // across * PITCH}{SHAPES[word.key]}" for spot in spots)
        place += count
        if outline:
            paths.append(Markup('<path class="{}" d="{}"/>').format(class_of(word.key), outline))
    if not place:
        return Markup("")
    width, height = min(place, across) * PITCH, math.ceil(place / across) * PITCH
    return Markup(
        '<svg class="squares" viewBox="-1 -1 {} {}" width="{:g}" height="{:g}" aria-hidden="true">{}</svg>'
    ).format(width, height, width * SCALE, height * SCALE, Markup("").join(paths))


def share(number: int, of: int) -> Markup:
    """A bar that is full where number is of. The numbers stand beside it."""
    width = 0.0 if not of else round(100 * number / of, 2)
    return Markup(
        '<svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="6"/><rect class="fill" width="{}" height="6"/></svg>'
    ).format(f"{width:g}")


class Ulps(NamedTuple):
    """One bar of the histogram: how many elements were so many ulps apart, and how long the bar is, from 0 to 100."""

    ulps: str
    elements: int
    length: float
    sentence: str


def ulp_order(ulps: str) -> tuple[bool, float]:
    """Numbers first, by size; then whatever is none."""
    try:
        return False, float(ulps)
    except ValueError:
        return True, 0.0


def ulp_bars(functions: Sequence[Compared]) -> list[Ulps]:
    """All comparisons that were counted, as one histogram. Bars are logarithmic: one element in a million is to be seen."""
    total: dict[str, int] = {"0": 0}
    for function in functions:
        for ulps, elements in (function["ulps"] or {}).items():
            total[ulps] = total.get(ulps, 0) + elements
    most = max(total.values())
    every = sum(total.values())
    if not every:
        return []
    return [
        Ulps(
            ulps,
            elements,
            round(100 * math.log1p(elements) / math.log1p(most), 2),
            f"{plural(elements, 'element')}, {100 * elements / every:.4g} %",
        )
        for ulps, elements in sorted(total.items(), key=lambda item: ulp_order(item[0]))
    ]


class Spent(NamedTuple):
    """One bar of the times: a claim, its seconds, and how long the bar is, from 0 to 100."""

    id: str
    seconds: float
    length: float


def slowest(claims: Sequence[Claim], number: int = 20) -> list[Spent]:
    """The claims that took longest, longest first."""
    known = sorted(_times(claims), key=lambda item: (-item[0], item[1]))
    return [Spent(name, time, round(100 * time / known[0][0], 2)) for time, name in known[:number] if time > 0]


def _times(claims: Sequence[Claim]) -> list[tuple[float, str]]:
    return [(claim["seconds"], claim["id"]) for claim in claims if claim["seconds"] is not None]


TICKS = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0)
LEFT, WIDTH, HEIGHT = 44, 660, 150


def times(claims: Sequence[Claim]) -> Markup:
    """A bar for each claim, sorted by time, on a logarithmic scale from a hundredth of a second on."""
    known = sorted((seconds for seconds, _ in _times(claims)), reverse=True)
    if not known or known[0] <= 0:
        return Markup("")
    least = TICKS[0]
    top = next((tick for tick in TICKS if tick >= known[0]), known[0])

    def height(seconds: float) -> float:
        return round(HEIGHT * math.log(max(seconds, least * 1.02) / least) / math.log(top / least), 1)

    step = (WIDTH - LEFT) / len(known)
    gap = 0.25 if step > 3 else 0.0
    bars = "".join(
        f"M{LEFT + i * step:.1f} {HEIGHT}v-{height(seconds)}h{step * (1 - gap):.2f}v{height(seconds)}z"
        for i, seconds in enumerate(known)
    )
    lines = Markup("").join(
        Markup('<line x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}">{}</text>').format(
            LEFT, WIDTH, f"{y:g}", f"{y:g}", LEFT - 6, f"{y + 4:g}", tick_name(tick)
        )
        for tick in TICKS
        if tick <= top
        for y in (HEIGHT - (height(tick) if tick > least else 0),)
    )
    said = (
        f"Seconds of {plural(len(known), 'claim')}, sorted, logarithmic: from {duration(known[0])} to {duration(known[-1])}; "
        f"half took less than {duration(known[len(known) // 2])}; {grouped(sum(s >= 1 for s in known))} took a second or more."
    )
    return Markup(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 -10 {} {}"><g class="grid">{}</g>'
        '<path class="bars" d="{}"/></svg>'
    ).format(said, WIDTH, HEIGHT + 18, lines, bars)


def tick_name(seconds: float) -> str:
    """The name of a line in the picture of times."""
    return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:g} h"
