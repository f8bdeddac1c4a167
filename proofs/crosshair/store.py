"""Answers of CrossHair kept from run to run, found by the code that they are about and never by a name.

Only "confirmed" and counterexamples are kept: what CrossHair could not decide is asked again. Counterexamples are kept as
arguments and replayed by every run.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from proofs.crosshair.check import Question, Said, ask, judged, witness
from proofs.crosshair.fingerprint import fingerprint
from proofs.prover.cache import Cache, digest
from proofs.prover.claims import Confirmation

HERE = Path(__file__).resolve().parent
MACHINERY = ("arrays.py", "check.py", "kinds.py", "plugin.py")


def confirmation(
    question: Question, limit: float, example: Mapping[str, Any] | None, folder: Path | None
) -> Confirmation:
    """What CrossHair finds out about a question, from the cache where it is known; ``example`` is to be its witness."""
    started = time.monotonic()
    cache, key = Cache(folder), key_of(question)
    said = _decoded(cache.read(key))
    known = said is not None
    if said is None:
        said = ask(question, limit)
        if said.word == "confirmed" or said.arguments is not None:
            cache.write(key, _encoded(said))
    found = judged(question, said, round(time.monotonic() - started, 3), cached=known)
    return found if example is None else replace(found, witness=_witness(question, example))


def key_of(question: Question) -> str:
    """What makes two questions the same. The limit is no part of it: a decided answer does not depend on it."""
    machinery = [(HERE / name).read_text(encoding="utf-8") for name in MACHINERY]
    parameters = [(name, str(kind)) for name, kind in question.signature().parameters.items()]
    code = fingerprint(question.runs, question.preconditions, question.promise)
    return digest([machinery, parameters, code])


def _witness(question: Question, example: Mapping[str, Any]) -> Any:
    found = witness(question, example)
    return found if found.confirmed else None


def _encoded(said: Said) -> dict[str, Any]:
    arguments = None if said.arguments is None else {name: _plain(value) for name, value in said.arguments.items()}
    return {"word": said.word, "message": said.message, "arguments": arguments}


def _decoded(content: Mapping[str, Any] | None) -> Said | None:
    if content is None:
        return None
    arguments = content["arguments"]
    return Said(
        content["word"],
        content["message"],
        None if arguments is None else {name: _value(plain) for name, plain in arguments.items()},
    )


def _plain(value: Any) -> Any:
    """A value of a counterexample as JSON; an array without strides as one element and a shape."""
    if isinstance(value, np.ndarray | np.generic):
        elements = value.flat[:1] if not any(value.strides) else value
        return {"dtype": str(value.dtype), "shape": list(value.shape), "bytes": elements.tobytes().hex()}
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, int | str | None):
        return value
    raise TypeError(f"a counterexample with {type(value).__name__} cannot be kept")


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_value(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if "float" in plain:
        return float.fromhex(plain["float"])
    elements = np.frombuffer(bytes.fromhex(plain["bytes"]), plain["dtype"])
    shape = tuple(plain["shape"])
    if not shape:
        return elements[0]
    return np.broadcast_to(elements, shape) if elements.size == 1 else elements.reshape(shape)
