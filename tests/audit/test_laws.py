"""Every claim has a law, every law is set in MathML and names what the code names, and none is older than its clause."""

from __future__ import annotations

import importlib
import inspect
import re
import resource
import shutil
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from latex2mathml.exceptions import ExtraLeftOrMissingRightError

from proofs.audit import laws
from proofs.audit.laws import Reading, digest_of, family_of, law, mathml, names_in, read_from, symbols_in
from proofs.prover.catalogue import CLAIMS
from reference.contracts import bare, ensure

FAMILIES = sorted({family_of(claim.id) for claim in CLAIMS})
CORE = {  # the elements of MathML Core that are used, each with what it holds: text, one row of elements, or so many
    **dict.fromkeys(("mi", "mn", "mo", "mtext"), "text"),
    **dict.fromkeys(("math", "mrow", "msqrt", "mtable", "mtr", "mtd"), "row"),
    **dict.fromkeys(("mfrac", "msub", "msup", "mover", "munder"), 2),
    **dict.fromkeys(("msubsup", "munderover"), 3),
    "mspace": 0,
}
ATTRIBUTES = {
    "display",
    "displaystyle",
    "style",
    "mathvariant",
    "stretchy",
    "fence",
    "form",
    "accent",
    "width",
    "lspace",
    "rspace",
}


def of(family: str) -> laws.Law:
    found = law(family)
    assert found is not None
    return found


# ---- which claims have laws -----------------------------------------------------------------------------------------------


def test_every_family_has_a_law_and_no_law_is_orphaned() -> None:
    assert len(FAMILIES) > 200
    assert sorted(laws.laws()) == FAMILIES


def test_each_law_stands_once_in_the_file_of_its_row() -> None:
    rows = {family_of(claim.id): claim.row for claim in CLAIMS}
    placed = [
        (path.stem, family) for path, content in laws.files().items() for family in content if family != "symbols"
    ]
    assert Counter(family for _, family in placed).most_common(1)[0][1] == 1
    assert [(row, family) for row, family in placed if rows[family] != row] == []


def test_variants_share_a_law() -> None:
    assert law("CLIP-1.float16") == law("CLIP-1.float64") == law("CLIP-1")
    assert law("CLIP-1") is not None
    assert law("CLIP-1000.float16") is None


def test_a_family_with_two_laws_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "other"):
        (tmp_path / f"{name}.toml").write_text("[RED-1]\nlaw = 'x'\n")
    monkeypatch.setattr(laws, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="RED-1 has a law in two files"):
        laws.laws.__wrapped__()


# ---- how they are set -----------------------------------------------------------------------------------------------------


def faults_in(formula: str) -> list[str]:
    """What is not presentation MathML Core that a browser can set by itself."""
    found = ["a backslash"] if "\\" in formula else []
    for element in ET.fromstring(formula).iter():
        tag, holds = element.tag.removeprefix(f"{{{laws.NAMESPACE}}}"), list(element)
        if tag not in CORE:
            found.append(f"the element {tag}")
        elif CORE[tag] == "text":
            found += [f"an empty {tag}"] if holds or not element.text else []
        elif CORE[tag] != "row" and len(holds) != CORE[tag]:
            found.append(f"{tag} with {len(holds)} elements")
        elif (element.text or "").strip():
            found.append(f"text in {tag}")
        found += [f"the attribute {name}" for name in element.attrib if name not in ATTRIBUTES]
        variant = element.get("mathvariant", "normal")
        found += [f"mathvariant {variant}"] if variant != "normal" else []
        found += ["a resource"] if "url" in element.get("style", "") else []
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_a_law_is_set_in_mathml_core(family: str) -> None:
    assert faults_in(mathml(of(family).latex)) == []


@pytest.mark.parametrize(
    ("formula", "fault"),
    [
        (r"<math><mtext>\alpha</mtext></math>", "a backslash"),
        ("<math><merror><mtext>no</mtext></merror></math>", "the element merror"),
        ("<math><mfrac><mi>a</mi></mfrac></math>", "mfrac with 1 elements"),
        ("<math><mi></mi></math>", "an empty mi"),
        ("<math><mi mathvariant='bold'>x</mi></math>", "mathvariant bold"),
        ("<math><mtd columnalign='left'><mi>x</mi></mtd></math>", "the attribute columnalign"),
        ("<math>x</math>", "text in math"),
    ],
)
def test_what_is_no_mathml_core_is_noticed(formula: str, fault: str) -> None:
    assert fault in faults_in(formula)


def test_all_laws_are_set_in_less_than_two_seconds() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    for each in laws.laws().values():
        mathml(each.latex)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2


def test_what_a_formula_looks_like() -> None:
    bound = ET.fromstring(mathml(r"\lVert \tilde g \rVert_2 \le \mathtt{max\_norm}"))
    assert "".join(bound.itertext()) == "‖g~‖2≤max_norm"
    (name,) = (each for each in bound.iter() if each.text == "max_norm")
    assert (name.tag, name.get("style")) == (f"{{{laws.NAMESPACE}}}mi", "font-family:monospace")
    assert mathml(r"a \\ \begin{cases} b & c \\ d & e \end{cases}").count("<mtr>") == 4
    assert mathml(r"\operatorname{fl}(x)").count("<mo>fl</mo>") == 0


def test_a_sign_is_told_from_a_difference() -> None:
    signs = [
        each.get("form") for each in ET.fromstring(mathml("-a = (-b - c) - (f(x) - d)")).iter() if each.text == "−"
    ]
    assert signs == ["prefix", "prefix", None, None, None]
    assert ET.fromstring(mathml(r"f(\pm g)"))[0][2].attrib == {"form": "prefix"}


@pytest.mark.parametrize(
    ("latex", "shape"),
    [
        ("x'", "mrow(x ′)"),
        ("x'_1", "msub(mrow(x ′) 1)"),
        ("x'^2", "msup(mrow(x ′) mrow(2))"),
        (r"\bar x''", "mrow(mover(x ¯) ″)"),
        ("x^2", "msup(x 2)"),
    ],
)
def test_a_prime_stands_beside_its_letter(latex: str, shape: str) -> None:
    def written(element: ET.Element) -> str:
        inner = " ".join(map(written, element))
        return f"{element.tag.partition('}')[2]}({inner})" if inner else element.text or ""

    (row,) = ET.fromstring(mathml(latex))
    assert written(row) == f"mrow({shape})"


def test_a_formula_that_is_none_is_an_error() -> None:
    with pytest.raises(ExtraLeftOrMissingRightError):
        mathml(r"\lvert x")


# ---- what they speak of ---------------------------------------------------------------------------------------------------


def functions_of(family: str) -> Iterator[Any]:
    """The functions that its claims are about, where they are Python."""
    for claim in laws.claims_of(family):
        module, _, name = claim.function.rpartition(".")
        function = getattr(importlib.import_module(module), name, None)
        if function is not None:
            yield bare(function)


@pytest.mark.parametrize("family", FAMILIES)
def test_names_of_the_code_are_names_of_the_code(family: str) -> None:
    known = set(re.findall(r"\w+", "\n".join(read_from(family)))) | {"result"}
    known |= {name for function in functions_of(family) for name in inspect.signature(function).parameters}
    assert names_in(of(family).latex) - known == set()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_other_symbol_is_declared(family: str) -> None:
    found = of(family)
    assert symbols_in(found.latex) == set(found.symbols)


@pytest.mark.parametrize("path", laws.files(), ids=lambda path: path.stem)
def test_every_declared_symbol_is_used_and_has_a_meaning(path: Path) -> None:
    content = laws.files()[path]
    used: set[str] = set()
    for family in set(content) - {"symbols"}:
        used |= symbols_in(content[family]["law"])
    assert set(content["symbols"]) == used
    assert all(len(meaning) > 1 for meaning in content["symbols"].values())
    assert [fault for symbol in content["symbols"] for fault in faults_in(mathml(symbol, "inline"))] == []


def test_symbols_are_told_from_names_words_and_notation() -> None:
    latex = r"\lvert x_i\rvert \le 2\,\mathtt{max\_norm} \text{ for all } i, \quad \operatorname{fl}(\theta') \equiv a"
    latex += r" \\ b \in \mathbb{Z}, \tilde g < \hat\varepsilon"
    assert symbols_in(latex) == {
        "x",
        "i",
        r"\operatorname{fl}",
        r"\theta",
        r"\equiv",
        "a",
        "b",
        r"\mathbb{Z}",
        r"\tilde g",
        r"\hat\varepsilon",
    }
    assert names_in(latex) == {"max_norm"}


# ---- that they are not older than what they were read from ----------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_a_law_was_read_since_its_clause_changed(family: str) -> None:
    assert of(family).clause == digest_of(family), (
        f"the clause of {family}, or what it calls, has changed since its law was read from it. "
        f"Read both: python -m proofs.audit.laws {family}. When the law says what the clause says: "
        f"python -m proofs.audit.laws --accept {family}"
    )


LIMIT = 2.0**3


def _is_small(x: Any) -> Any:
    return np.abs(x) <= LIMIT


@ensure("ONE-1", lambda result: _is_small(result))
def half(x: Any) -> Any:
    """Half of x."""
    return x / 2


def pieces(function: Any) -> list[str]:
    reading = Reading()
    reading.read(function, "read")
    return reading.pieces


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions of this file count as parts of a statement."""
    monkeypatch.setattr(laws, "_is_statement", lambda thing: thing.__module__ == __name__)


@pytest.mark.usefixtures("known")
def test_what_a_clause_calls_and_the_numbers_in_it_are_read() -> None:
    assert pieces(lambda x: _is_small(x)) == [
        "read: lambda x: _is_small(x)",
        "_is_small: def _is_small(x: Any) -> Any:\n    return np.abs(x) <= LIMIT",
        "LIMIT = 8.0",
    ]


@pytest.mark.usefixtures("known")
def test_of_a_function_under_contract_only_the_name_counts() -> None:
    assert pieces(lambda x: half(x) < 2)[1:] == ["half"]


@pytest.mark.usefixtures("known")
def test_lambdas_of_one_line_are_told_apart() -> None:
    both = (lambda x: x + 1, lambda x: x + 2)
    assert [pieces(each) for each in both] == [["read: lambda x: x + 1"], ["read: lambda x: x + 2"]]


@pytest.mark.usefixtures("known")
def test_what_is_enclosed_is_read() -> None:
    def bounded(most: float) -> Any:
        return lambda x: x <= most

    assert pieces(bounded(2.5)) == ["read: lambda x: x <= most", "most = 2.5"]


def test_formatting_does_not_change_a_hash() -> None:
    long = "f(\n    x,  # of the list\n    y,\n)"
    assert laws.unformatted(long) == laws.unformatted("f(x, y)")
    assert laws.unformatted("x <= 2") != laws.unformatted("x <= 3")


def test_a_clause_its_preconditions_and_its_helpers_change_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(read_from("RED-4"))
    assert "exact(result.low) == exact(x) - exact(result.high)" in text
    assert "np.abs(x) <= 2.0 ** (exponent - 1)" in text
    assert "Fraction(1, 1125899906842624)" in "\n".join(read_from("RED-11"))  # 2**-50, by way of a helper
    assert "not holds(result.grads, grads, max_norm)" in "\n".join(read_from("CLIP-90"))  # refuted: there is no clause
    before = digest_of("RED-11")
    monkeypatch.setattr("reference.reductions.SUM_ERROR", 2 * 2.0**-50)
    read_from.cache_clear()
    assert digest_of("RED-11") != before
    read_from.cache_clear()


def test_the_statement_of_two_calls_is_the_function_that_makes_them() -> None:
    assert "Both(step(grad=grad, maximize=True), step(grad=-grad))" in "\n".join(read_from("SGD-3"))


# ---- the command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the laws."""
    folder = Path(shutil.copytree(laws.FOLDER, tmp_path / "laws"))
    monkeypatch.setattr(laws, "FOLDER", folder)
    laws.laws.cache_clear()
    yield folder
    laws.laws.cache_clear()


def test_the_command_names_what_is_older_and_accepts_it(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copied / "reductions.toml"
    path.write_text(
        path.read_text().replace(digest_of("RED-5"), "0" * 12).replace(f'clause = "{digest_of("RED-6")}"', "")
    )
    assert laws.main([]) == 1
    said = capsys.readouterr().out
    assert "RED-5: read the law again" in said
    assert "RED-6: read the law again" in said
    assert f"{len(FAMILIES) - 2} of {len(FAMILIES)} laws are as new as their clauses" in said
    laws.laws.cache_clear()
    assert laws.main(["--accept", "RED-5", "RED-6"]) == 0
    laws.laws.cache_clear()
    assert laws.main([]) == 0
    assert path.read_text().split() == (Path(laws.__file__).parent / "laws" / "reductions.toml").read_text().split()


def test_the_command_shows_a_law_beside_its_clause(capsys: pytest.CaptureFixture[str]) -> None:
    assert laws.main(["RED-4"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"RED-4: {of('RED-4').latex}\n")
    assert "exact(result.low) == exact(x) - exact(result.high)" in said


def test_a_law_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        laws.main(["--accept", "RED-4000"])
    assert "there is no law of RED-4000" in capsys.readouterr().err
