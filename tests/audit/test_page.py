"""The page shows what the document says: all of it, escaped, linked, with no request to anywhere and no colour without a word."""

from __future__ import annotations

import functools
import html.parser
import itertools
import re
from collections.abc import Callable
from typing import Any

import documents
import pytest

from proofs.audit import words
from proofs.audit.page import BLOCKS, render

VOID = {"meta", "br", "link", "rect", "path", "line", "wbr", "img", "input"}
NASTY = "<script>alert('x')</script> & \"quotes\" </td></table> `<b>code</b>` ]]> {{ 7 * 7 }} %}"


class Page(html.parser.HTMLParser):
    """The elements of a page with their text, and a check that every tag is closed where it should be."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, str]] = []
        self.texts: dict[str, list[str]] = {}
        self.wrong: list[str] = []
        self.feed(source)
        self.close()
        self.wrong += [f"<{tag}> is never closed" for tag, _ in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BLOCKS.split("|"):
            self.handle_data(" ")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("id") or ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open[-1][0] != tag:
            self.wrong.append(f"</{tag}> closes {self.open[-1:]} at {self.getpos()}")
            return
        if tag in BLOCKS.split("|"):
            self.handle_data(" ")
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for _, place in self.open:
            self.texts.setdefault(place, []).append(data)

    def text(self, place: str = "main") -> str:
        return " ".join("".join(self.texts.get(place, [])).split())

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.elements if "id" in attributes]

    def links(self) -> list[str]:
        return [attributes["href"] or "" for tag, attributes in self.elements if tag == "a" and "href" in attributes]


@functools.cache
def usual() -> Page:
    return Page(render(documents.document()))


@functools.cache
def thousand() -> str:
    return render(documents.many(1000))


def every_text(document: Any, change: Callable[[str], str]) -> Any:
    """The document with every free text changed; ids, files and words with a meaning stay."""
    kept = {
        *("id", "family", "row", "column", "function", "verb", "theory", "standing", "format", "state", "key", "file"),
        *("rests_on", "needed_by", "assumes", "claims", "contracts", "aim", "second", "status", "made", "when", "law"),
        *("committed", "where", "code", "caveats", "name", "commit", "sources"),
    }

    def walk(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {k: walk(v, k) if k not in kept or isinstance(v, dict | list) else v for k, v in value.items()}
        if isinstance(value, list):
            return [walk(one, key) for one in value]
        return change(value) if isinstance(value, str) and key not in kept else value

    return walk(document, "")


def test_the_page_is_well_formed_and_says_its_language() -> None:
    page = usual()
    assert page.wrong == []
    assert ("html", {"lang": "en"}) in page.elements
    assert sum(tag == "h1" for tag, _ in page.elements) == 1


def test_headings_never_skip_a_level() -> None:
    levels = [int(tag[1]) for tag, _ in usual().elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_tables_have_captions_and_headers_have_scopes() -> None:
    tags = [tag for tag, _ in usual().elements]
    assert tags.count("table") == tags.count("caption") > 10
    assert all(attributes.get("scope") for tag, attributes in usual().elements if tag == "th")


@pytest.mark.parametrize(
    "changes", [{}, {"tests": None, "parity": None, "gpu": [], "mutation": [], "second_opinion": None}]
)
def test_every_link_in_the_page_leads_somewhere(changes: dict[str, Any]) -> None:
    page = Page(render(documents.document(**changes)))
    ids = page.ids()
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.links() if link.startswith("#")} <= set(ids)


def test_other_links_are_files_beside_the_page() -> None:
    files = {link for link in usual().links() if not link.startswith("#")}
    asked = {
        query["file"]
        for claim in documents.document()["claims"]
        for queries in (claim["queries"], *(twin["queries"] for twin in claim["twins"]))
        for query in queries
    }
    assert files == asked


def test_nothing_is_loaded_and_nothing_runs() -> None:
    source = render(documents.document())
    page = Page(source)
    assert {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object", "embed", "form"} == set()
    loads = ("src", "srcset", "data", "action", "poster", "background", "xlink:href")
    assert [a for _, attributes in page.elements for a in attributes if a in loads or a.startswith("on")] == []
    assert not re.search(r"url\(|@import|javascript:", source)
    outside = set(re.findall(r"https?://[^\s\"'<]+", source))
    assert outside <= {"http://www.w3.org/1998/Math/MathML"}  # a name, not an address
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_every_text_of_the_document_is_escaped() -> None:
    document = every_text(documents.document(), lambda text: f"{text} {NASTY}")
    source = render(document)
    page = Page(source)
    assert page.wrong == []
    assert "<script" not in source and "{{ 7" in source and ">49<" not in source
    assert [tag for tag, _ in page.elements].count("table") == [tag for tag, _ in usual().elements].count("table")
    assert page.text().count("<script>alert('x')</script>") > 100


def test_texts_that_are_kept_by_name_are_escaped_too() -> None:
    evil = 'x"><i>'
    claim = documents.claim(
        1, id=evil, row=evil, function=evil, theory=evil, bound=evil, assumes=[evil], rests_on=[evil]
    )
    claim["queries"][0]["file"] = 'smt2/"><i>/a b.smt2'
    document = documents.document([claim])
    document["caveats"][0]["code"] = document["assumptions"][0]["id"] = document["contracts"][0]["name"] = evil
    page = Page(render(document))
    assert page.wrong == []
    assert "i" not in {tag for tag, _ in page.elements}
    assert "smt2/%22%3E%3Ci%3E/a%20b.smt2" in page.links()


def test_two_renderings_are_the_same_bytes() -> None:
    assert render(documents.document()) == render(documents.document())
    assert render(documents.many(50)).encode() == render(documents.many(50)).encode()


def test_every_claim_has_a_section_with_what_is_known_of_it() -> None:
    document = documents.document()
    for claim in document["claims"]:
        text = usual().text(f"claim-{claim['id']}")
        assert claim["id"] in text and claim["bound"] in text and claim["theory"] in text
        assert f"{words.WORD[claim['standing']].sign} {claim['standing']}" in text
        assert claim["statement"].replace("`", "") in text
        assert str(claim["clause"]) in text
        assert all(precondition in text for precondition in claim["preconditions"])
        assert all(
            one in text for one in (*claim["rests_on"], *claim["needed_by"], *claim["caveats"], *claim["contracts"])
        )
        for twin in claim["twins"]:
            assert f"{twin['name']}: {twin['why']} ✓ found" in text
        runs = [claim["witness"], claim["counterexample"], *(twin["counterexample"] for twin in claim["twins"])]
        for run in filter(None, runs):
            for value in (*run["inputs"], *run["outputs"]):
                shown = [*(value["decimal"] or [value["text"]]), *(value["hexadecimal"] or [])]
                assert all(number in text for number in shown)


def test_the_law_is_set_in_mathematical_notation() -> None:
    laws = [
        attributes for tag, attributes in usual().elements if tag == "math" and attributes.get("display") == "block"
    ]
    assert len(laws) == len(documents.document()["claims"])


def test_the_first_screen_says_what_was_checked_and_what_came_out() -> None:
    text = usual().text("summary")
    assert text.startswith("5 of 9 statements are proven")
    assert "commit 0123456789 of 4 January 2026, nothing changed, sources 878a52fc5ff6a57d" in text
    for word, number in (
        ("proved", 4),
        ("exhausted", 1),
        ("refuted", 1),
        ("undecided", 1),
        ("vacuous", 1),
        ("not run", 1),
    ):
        assert f"{words.WORD[word].sign} {number} {word}" in text
    assert "≠ 1 false, kept as such" in text
    assert "4 claims open" in text
    assert "8 of 8 planted bugs were found" in text
    assert "ROUNDING (4 claims)" in text
    assert "NVIDIA H100, 3 days old, about this code." in text
    assert "git checkout 0123456789 && make prove" in text
    assert "clipping 3 of 7" in text


@pytest.mark.parametrize("standing", documents.STANDINGS)
def test_a_standing_is_shown_as_what_it_is(standing: str) -> None:
    claim = documents.claim(1, standing)
    page = Page(render(documents.document([claim])))
    holds = standing in ("proved", "exhausted", "kept false")
    proven = standing in ("proved", "exhausted")
    said = page.text("summary")
    assert said.startswith(f"{int(proven)} of {int(standing != 'kept false')} statements are proven")
    assert ("No claim is open" in said) == holds
    assert ("clipping 1 of 1" in said) == holds and ("clipping 0 of 1" in said) != holds
    others = [word.key for word in words.WORDS if word.key != standing]
    assert not any(f"{words.WORD[other].sign} {other} 1" in page.text("standings") for other in others)
    assert f"{words.WORD[standing].sign} {standing} 1" in page.text("standings")


def test_only_a_document_that_is_complete_looks_complete() -> None:
    assert "PARTIAL" not in usual().text()
    partial = documents.document(state="partial", absent=["mutants were not looked at", "no tests were run"])
    for place, status in ((1, "not run"), (3, "not run"), (4, "stale")):
        partial["parts"][place]["status"] = status  # type: ignore[typeddict-item]
    page = Page(render(partial))
    assert page.text("summary").startswith(
        "◐ PARTIAL. This is not the whole evidence: not run are tests and GPU; stale is mutation. What"
    )
    assert "no tests were run" in page.text("absent")
    assert "<title>PARTIAL: " in render(partial)


def test_surprises_stand_on_the_first_screen() -> None:
    document = documents.document()
    document["summary"]["surprises"] = ["CLIP-1 is weaker than expected", "CLIP-2 is missing"]
    page = Page(render(document))
    assert "! 2 surprises." in page.text("summary")
    assert "CLIP-1 is weaker than expected CLIP-2 is missing" in page.text("standings")


def test_what_is_stale_says_so() -> None:
    stale = ["accelerated/clipping.cu has changed"]
    document = documents.document(gpu=[documents.gpu(stale=stale, age_days=400)], parity=documents.parity(stale=stale))
    document["parts"][3]["status"] = "stale"
    page = Page(render(document))
    assert "NVIDIA H100, 400 days old, STALE: about other code than this." in page.text("summary")
    assert "! STALE: GPU" in page.text("summary")
    for section in ("gpu", "parity"):
        assert "! STALE accelerated/clipping.cu has changed" in page.text(section)
        assert "about this code" not in page.text(section)
    assert "! STALE: 4 of 120" in page.text("mutation") and "1: FAR_ABOVE-460ccfe9" in page.text("mutation")


def test_what_is_not_there_is_said_and_never_0() -> None:
    page = Page(
        render(documents.document(tests=None, parity=None, gpu=[], mutation=[], second_opinion=None, assumptions=[]))
    )
    assert "No GPU evidence: no kernel in this report has run on a GPU." in page.text("summary")
    for section in ("parity", "mutation", "tests"):
        assert "Not run" in page.text(section)
    subject = documents.document()["subject"]
    unknown = {**subject, "commit": None, "committed": None, "changed": None}
    page = Page(render(documents.document(subject=unknown)))
    assert "no commit known" in page.text("summary") and "git checkout" not in page.text()


def test_files_that_differ_from_the_commit_are_named() -> None:
    subject = {**documents.document()["subject"], "changed": ["reference/adam.py"]}
    page = Page(render(documents.document(subject=subject)))
    assert "1 file differs from it" in page.text("summary")
    assert "reference/adam.py" in page.text("subject")


def test_failures_of_tests_and_of_parity_are_loud() -> None:
    document = documents.document(parity=documents.parity(functions=[documents.compared("clip_by_value", 1)]))
    assert document["tests"]
    document["tests"] |= {"failed": 1, "failures": ["tests/test_it.py::test_that"]}
    document["parts"][1]["status"] = "failed"
    page = Page(render(document))
    assert "✗ FAILED: tests" in page.text("summary")
    assert "tests/test_it.py::test_that" in page.text("tests")
    assert "✗ NOT within" in page.text("parity")
    assert "1 element, 0.0001 %" in page.text("parity")


def test_a_twin_that_was_not_found_says_so() -> None:
    claim = documents.claim(1)
    claim["twins"][0] |= {"standing": "not refuted", "counterexample": None, "reason": "time out"}
    page = Page(render(documents.document([claim])))
    assert "to nearest: rounds to nearest ✗ NOT found. time out" in page.text(f"claim-{claim['id']}")


def test_a_run_that_numpy_did_not_confirm_says_so() -> None:
    page = Page(render(documents.document([documents.claim(1, witness=documents.run("x", confirmed=False))])))
    assert page.text("arguments").count("Plain NumPy did NOT confirm it") == 1


def test_an_empty_document_has_a_page() -> None:
    empty = documents.document(
        [], rows=[], theories=[], contracts=[], caveats=[], assumptions=[], trusted=[], functions={}, parts=[]
    )
    page = Page(render(empty))
    assert page.wrong == []
    assert page.text("summary").startswith("0 of 0 statements are proven")


def test_a_thousand_claims_fit() -> None:
    assert 1_000_000 < len(thousand().encode()) < 10_000_000
    assert thousand().count('<article class="claim"') == 1000
