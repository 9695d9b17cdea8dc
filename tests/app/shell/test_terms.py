"""Terms of the pages are those that the documentation defines, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.shell.terms import PAGE, read_terms, terms, terms_html
from app.shell.text import as_read

APP = Path(__file__).parents[3] / "app"
TABLE = """
# Head

| measure | definition | unit | limit |
|---|---|---|---|
| one | half of **two** | logits | |
| \\|two\\| | `a` \\| b | – | never alone |

| other | table |
|---|---|
| x | y |
"""


def test_tables_are_read_with_their_columns() -> None:
    found = read_terms(TABLE)

    assert list(found) == ["one", "|two|"]
    assert found["one"].text() == "Half of two. Unit: logits."
    assert found["|two|"].text() == "A | b. Limit: never alone."


def test_every_measure_of_the_documentation_is_a_term() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    heads = [line for line in rows if line.startswith("| measure")]

    assert len(terms()) == len(rows) - len(heads)
    assert all(term.definition for term in terms().values())


def test_every_term_that_a_page_names_is_defined() -> None:
    named = set()
    for path in APP.rglob("*.py"):
        for call in re.findall(r"draw_terms\(([^)]*)\)", path.read_text("utf-8")):
            named |= set(re.findall(r'"([^"]+)"', call))

    assert len(named) >= 12
    assert named <= set(terms())


def test_a_term_says_what_it_is_and_its_words_are_text() -> None:
    html = terms_html("own weight", "residual")

    assert html.count('tabindex="0"') == 2
    assert terms()["residual"].definition in as_read(html)
    assert "<b>" not in html
    with pytest.raises(KeyError):
        terms_html("mood")
