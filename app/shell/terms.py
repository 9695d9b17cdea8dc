"""Terms explained where they stand, from the definitions that the documentation has: the tables of docs/measures.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st

from app.shell.text import escape

PAGE = Path(__file__).parents[2] / "docs" / "measures.md"
"""The workbench runs from a checkout, which has it."""
_MARKUP = re.compile(r"[`*]")


@dataclass(frozen=True)
class Term:
    """One row of a table.

    Attributes:
        name: e.g. ``"own weight"``.
        definition, unit, limit: as the page has them; unit and limit may be empty.
    """

    name: str
    definition: str
    unit: str = ""
    limit: str = ""

    def text(self) -> str:
        """The definition with unit and limit, in sentences."""
        unit = f" Unit: {self.unit}." if self.unit else ""
        limit = f" Limit: {self.limit}." if self.limit else ""
        return f"{self.definition[0].upper()}{self.definition[1:]}.{unit}{limit}"


@cache
def terms() -> dict[str, Term]:
    """All of the page by name; none where the page is not there."""
    return read_terms(PAGE.read_text("utf-8")) if PAGE.is_file() else {}


def read_terms(text: str) -> dict[str, Term]:
    """The rows of all tables whose first column is ``measure``."""
    found: dict[str, Term] = {}
    columns: list[str] = []
    for line in text.splitlines():
        cells = [_plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            columns = []
        elif not columns:
            columns = cells if cells[0] == "measure" else []
        elif not all(set(cell) <= set("-: ") for cell in cells):
            row = dict(zip(columns, cells, strict=False))
            found[cells[0]] = Term(
                cells[0], row.get("definition", ""), row.get("unit", "").strip("–"), row.get("limit", "").strip("–")
            )
    return found


def _plain(cell: str) -> str:
    return _MARKUP.sub("", cell).replace("\\|", "|").strip()


def terms_html(*names: str) -> str:
    """Terms side by side; under the cursor, under a finger or with the keyboard each says what it is.

    Raises:
        KeyError: for a term that the page does not define.
    """
    known = terms()
    parts = [] if not known else [_term(known[name]) for name in names]
    return f'<div class="rsp-terms"><span class="rsp-quiet">What is meant</span>{"".join(parts)}</div>' if parts else ""


def _term(term: Term) -> str:
    text = escape(term.text())
    return (
        f'<span class="rsp-term" tabindex="0" role="note" aria-label="{escape(term.name)}: {text}">{escape(term.name)}'
        f'<span class="rsp-tip">{text}</span></span>'
    )


def draw_terms(*names: str) -> None:
    """The same on the page."""
    if html := terms_html(*names):
        st.html(html)
