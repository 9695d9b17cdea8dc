"""Words on the page: the first sentence, tables, and names from outside, which are text and never markup."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

NO_BREAK = "\u00a0"
"""A space at which no line ends: between a number and its unit, and within a size such as 32 x 64."""
JOINER = "\u2060"
"""Of no width: it parts the signs, addresses and icons that Markdown's plugins look for after escapes are gone."""
_NO_TEXT = re.compile("[\ud800-\udfff]")
"""Bytes of a file's name that are no text, as Python holds them: no browser can be sent them."""
_UNIT = re.compile(r"(?<=\d) (?=%|px\b|x \d)|(?<=\d x) (?=\d)")
_PARTED = re.compile(r"(?<=[-<>=~])(?=[-<>=~])|(?<=[:@])(?! )|(?<=[wW]{3})(?=\.)")
# A dash, a plus or a number with a dot is a list at the start of a line only, and a row of dashes a rule.
_MARKUP = re.compile(r"[&<>\"'\\`*_\[\]$#~{@]|:(?! )|^[-+](?=[- ]|$)|^\d(?=\d*[.)](?: |$))")


def escape(text: str) -> str:
    """Text as itself, on one line, wherever the page reads markup: Streamlit's Markdown, HTML, and plotly's labels.

    Names of models, classes, runs and files, and every sentence with one in it, reach the screen through here: a
    character reference is its character and nothing else in all three. Bytes of a file's name that are no text are
    written as such.
    """
    text = _NO_TEXT.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text)
    line = _UNIT.sub(NO_BREAK, _PARTED.sub(JOINER, " ".join(text.split())))
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", line)


def as_read(markup: str) -> str:
    """What a reader sees of a text that went through :func:`escape`."""
    return html.unescape(markup).replace(JOINER, "").replace(NO_BREAK, " ")


def way_words(down: float, right: float) -> str:
    """A way in pixels in everyday words, e.g. ``"48 px up and 28.1 px right"``; no way at all is ``"0 px away"``."""
    parts = [
        f"{abs(value):.3g} px {words[value < 0]}"
        for value, words in ((down, ("down", "up")), (right, ("right", "left")))
        if abs(value) >= 0.05
    ]
    return " and ".join(parts) or "0 px away"


def draw_sentence(place: DeltaGenerator, sentence: str, note: str = "", below: tuple[str, str] = ("", "")) -> None:
    """The page's first sentence with a quiet note, and a second line of the same make below it."""
    first, second = (_with_note(*line) for line in ((sentence, note), below))
    second = f'<p class="rsp-second">{second}</p>' if second else ""
    place.html(f'<h1 class="rsp-sentence">{first}</h1>{second}')


def _with_note(text: str, note: str) -> str:
    return escape(text) + (f'<span class="rsp-quiet"> {escape(note)}</span>' if note else "")


def draw_caption(text: str, key: str, lines: int) -> None:
    """A caption with room for 2 to 4 lines: what stands below stays where it is when its words change."""
    with st.container(key=f"lines-{lines}-{key}"):
        st.caption(escape(text))


def draw_narrow_head(text: str) -> None:
    """Names a column where columns stand below each other; beside each other the page's first row names them."""
    st.html(f'<p class="rsp-narrow">{escape(text)}</p>')


def draw_head(name: str, side: str) -> None:
    """Names what stands below: a model and its side, or what has no side but its name."""
    st.markdown(f"**{escape(name)}**" + (f" ({side})" if side != name else ""))


def draw_table(table: pd.DataFrame) -> None:
    """A table of texts, which moves aside where the window is narrower than it.

    Streamlit's own brings almost a megabyte of scripts with it.
    """
    heads = _row([table.index.name or "", *table.columns], len(table.columns) + 1, "col")
    rows = "".join(_row(cells, 1, "row") for cells in table.itertuples(name=None))
    st.html(
        f'<div class="rsp-sideways"><table class="rsp-table"><thead>{heads}</thead><tbody>{rows}</tbody></table></div>'
    )


def _row(cells: Sequence[object], heads: int, scope: str) -> str:
    """A row whose first cells are heads, of their column or row."""
    texts = [escape(str(cell)) for cell in cells]
    named = "".join(f'<th scope="{scope}">{text}</th>' for text in texts[:heads])
    return f"<tr>{named}{''.join(f'<td>{text}</td>' for text in texts[heads:])}</tr>"
