"""What the page is made of: chains and groups, plain words, source code, colours with contrast."""

from __future__ import annotations

import html
import re

import documents
import pytest

from proofs.audit import words
from proofs.audit.document import Document
from proofs.audit.listing import coloured
from proofs.audit.page import FOLDER, dense, prose
from proofs.audit.view import bound_kind, groups, view


def test_a_chain_of_claims_ends_and_names_each_once() -> None:
    one = documents.claim(1, rests_on=["CLIP-2.float32", "CLIP-3.float32"])
    two = documents.claim(2, rests_on=["CLIP-1.float32", "GONE-1", "CLIP-3.float32"])
    three = documents.claim(3, rests_on=[])
    shown = view(documents.document([one, two, three]))
    second, third = shown.chain(one)
    assert (second.id, second.more) == ("CLIP-2.float32", True)
    assert [(below.id, below.claim, below.more) for below in second.below] == [("GONE-1", None, False)]
    assert (third.id, third.more, third.below) == ("CLIP-3.float32", False, [])
    assert shown.is_deep(one) and not shown.is_deep(three)


def test_queries_that_ask_the_same_are_one_group() -> None:
    asked = [
        documents.query("A-1", 2, name="n = 1: path 1: routine"),
        documents.query("A-1", 4, name="n = 2: path 17: routine"),
        documents.query("A-1", 6, name="n = 2: path 17: element 3"),
        documents.query("A-1", 3, name="n = 2: path 2: routine"),
    ]
    found = groups(asked)
    assert [(group.name, group.solver, len(group.queries), group.more) for group in found] == [
        ("routine", "bitwuzla", 2, 0),
        ("element", "bitwuzla", 1, 0),
        ("routine", "z3", 1, 0),
    ]
    assert found[0].seconds == 1.5
    (many,) = groups(asked[:1] * 100)
    assert len(many.queries) + many.more == 100 and many.more > 0


@pytest.mark.parametrize(
    ("bound", "verb", "kind"),
    [
        ("elementwise, all finite x", "prove", words.ANY_SIZE),
        ("p = 2, any n <= 2**40, inductive", "prove", words.BY_INDUCTION),
        ("elementwise, inductive from v = 0", "prove", words.BY_INDUCTION),
        ("p = 2, n <= 4, lists of up to 3", "prove", words.SMALL),
        ("count <= 2**40, |bound| <= 300", "prove", words.STATED),
        ("any n <= 2**40", "prove", words.STATED),
        ("all 65,536 x", "exhaust", words.EVERY_INPUT),
        ("one input", "refute", words.ONE),
        ("one input", "prove", words.STATED),
    ],
)
def test_a_bound_is_read_as_no_more_than_it_says(bound: str, verb: str, kind: str) -> None:
    assert bound_kind(bound, verb) == kind


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "not known"),
        (0.0, "0.00 s"),
        (0.996, "1.0 s"),
        (59.96, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_times_are_for_reading(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


def tokens(text: str) -> dict[str, str]:
    """The colours that a block of a style sheet declares."""
    named = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})\b", text))
    return {
        name: colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])
        for name, colour in named.items()
    }


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2.1 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_defined() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


SHEETS = [(FOLDER / name).read_text(encoding="utf-8") for name in ("colours.css", "print.css")]


@pytest.mark.parametrize(
    "colours",
    [tokens(SHEETS[0].partition("@media")[0]), tokens(SHEETS[0].partition("@media")[2]), tokens(SHEETS[1])],
    ids=["light", "dark", "paper"],
)
def test_every_text_has_contrast_on_every_ground(colours: dict[str, str]) -> None:
    grounds = {"paper", "sunk"}
    others = {"raised", "line", "strong", "focus", "alarm", "on-alarm"}  # lines, and what stands on its own ground
    texts = set(colours) - grounds - others
    assert {"ink", "soft", "link", "proved", "exhausted", "kept", "refuted", "open", "idle", "code-c"} <= texts
    low = {
        (text, ground): round(contrast(colours[text], colours[ground]), 2)
        for text in texts
        for ground in grounds
        if contrast(colours[text], colours[ground]) < 4.5
    }
    assert low == {}
    assert contrast(colours["alarm"], colours["on-alarm"]) >= 4.5
    assert "focus" not in colours or contrast(colours["focus"], colours["paper"]) >= 3


def test_source_is_coloured_and_loses_nothing() -> None:
    shown = coloured(documents.SOURCE)
    assert '<span class="k">def </span>' in shown
    assert html.unescape(re.sub(r"<[^>]*>", "", shown)) == documents.SOURCE


def test_dense_leaves_code_as_it_is() -> None:
    assert dense("<p>a</p>\n<p>b</p>\n<pre>c\n<span>d</span>\n</pre>\n<p>e</p>") == (
        "<p>a</p><p>b</p><pre>c\n<span>d</span>\n</pre><p>e</p>"
    )


def test_backticks_are_code() -> None:
    assert str(prose("a `<b>` c")) == "a <code>&lt;b&gt;</code> c"


def test_the_house_document_is_a_document() -> None:
    assert set(documents.document()) == set(Document.__annotations__)
