"""Source code for reading: coloured by six classes, escaped, with nothing to be loaded."""

from __future__ import annotations

import functools
from typing import Any

from markupsafe import Markup, escape
from pygments.lexer import Lexer
from pygments.lexers import CppLexer, PythonLexer
from pygments.token import Comment, Keyword, Literal, Name, Number, Operator, String

CLASSES = (
    (Comment, "c"),
    (Keyword, "k"),
    (Operator.Word, "k"),
    (String, "s"),
    (Number, "n"),
    (Literal, "n"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Decorator, "d"),
)
CPP_ENDINGS = (".cu", ".cuh", ".h", ".cpp")


def _class_of(kind: Any) -> str | None:
    return next((name for parent, name in CLASSES if kind in parent), None)


def _lexer(file: str) -> Lexer:
    kind = CppLexer if file.endswith(CPP_ENDINGS) else PythonLexer
    return kind(stripnl=False, ensurenl=False)


@functools.lru_cache(maxsize=4096)
def coloured(source: str, file: str = ".py") -> Markup:
    """The source as HTML; neighbours of one class share one element."""
    parts: list[tuple[str | None, str]] = []
    for kind, text in _lexer(file).get_tokens(source):
        name = _class_of(kind) if text.strip() else parts[-1][0] if parts else None
        if parts and parts[-1][0] == name:
            parts[-1] = (name, parts[-1][1] + text)
        else:
            parts.append((name, text))
    return Markup("").join(
        escape(text) if name is None else Markup('<span class="{}">{}</span>').format(name, text)
        for name, text in parts
    )
