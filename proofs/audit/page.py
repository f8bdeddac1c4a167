"""The report as one HTML file that needs nothing else: no script, no font, no request. The queries lie beside it.

    render(document)    the page, the same bytes for the same document

What is shown is decided by the templates beside this file; what is counted and linked by ``view``; what is said in plain words
by ``words``.
"""

from __future__ import annotations

import functools
import re
import urllib.parse
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from proofs.audit import pictures, words
from proofs.audit.document import Document
from proofs.audit.laws import mathml
from proofs.audit.listing import coloured
from proofs.audit.view import anchor, counts, groups, holding, view

FOLDER = Path(__file__).resolve().parent / "templates"


def render(document: Document) -> str:
    """The page of a document."""
    shown = view(document)
    return dense(_environment().get_template("page.html.j2").render(doc=document, view=shown)) + "\n"


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    environment.filters.update(
        prose=prose,
        part=words.part,
        coloured=coloured,
        formula=formula,
        duration=words.duration,
        moment=words.moment,
        grouped=words.grouped,
        listed=words.listed,
        base=words.base,
        breakable=breakable,
        symbol=symbol,
        address=address,
    )
    environment.globals.update(
        anchor=anchor,
        counts=counts,
        groups=groups,
        holding=holding,
        plural=words.plural,
        words=words,
        pictures=pictures,
        class_of=pictures.class_of,
        style=style,
    )
    return environment


BLOCKS = "article|caption|dd|details|div|dl|dt|h2|h3|h4|li|ol|p|pre|section|summary|table|tbody|td|th|thead|tr|ul"
VERBATIM = re.compile(r"(<pre.*?</pre>)", re.DOTALL)
BEFORE_BLOCK = re.compile(rf"\n\s*(?=\Z|</?(?:{BLOCKS})\b(?! class=\"claim))")


def dense(html: str) -> str:
    """The same page without the line breaks before blocks: a browser makes a node of each, and there are half a million.

    What the document says is escaped, so a tag is always one of the templates' own.
    """
    parts = VERBATIM.split(html)
    return "".join(part if place % 2 else BEFORE_BLOCK.sub("", part) for place, part in enumerate(parts))


def style() -> Markup:
    """The page's style sheets, which are the project's own."""
    return Markup("").join(
        Markup((FOLDER / name).read_text(encoding="utf-8")) for name in ("colours.css", "style.css", "print.css")
    )


def prose(text: str | None) -> Markup:
    """A sentence in which what stands between backticks is code."""
    parts = re.split(r"`([^`]+)`", text or "")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def breakable(name: str) -> Markup:
    """A long name that may be broken after its dots, slashes and underscores."""
    return Markup(re.sub(r"([./_])", r"\1<wbr>", str(escape(name))))


def address(file: str) -> str:
    """A file beside the page as the target of a link: relative, whatever its name."""
    return "/".join(urllib.parse.quote(part) for part in file.split("/"))


@functools.lru_cache(maxsize=4096)
def formula(latex: str) -> Markup:
    """A law in mathematical notation; as it was written down if it cannot be set."""
    try:
        return Markup(mathml(latex))
    except Exception:  # what the converter raises has no base of its own; tests see that every law can be set
        return Markup("<code>{}</code>").format(latex)


ACCENTS = (r"\hat", r"\tilde", r"\bar")


def symbol(latex: str) -> Markup:
    """A symbol of a law, in a line of text; an accent stands on an x."""
    return Markup(formula(latex + "{x}" if latex in ACCENTS else latex).replace(' display="block"', "", 1))
