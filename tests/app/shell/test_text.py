"""Text from outside stays text for every reader of markup; the browser's own are asked in ``browser/test_names.py``."""

from __future__ import annotations

import html
import os
import random
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from streamlit.testing.v1 import AppTest

from app.shell.text import JOINER, as_read, escape, way_words
from tests.app.hostile import NAMES
from tests.kit.pages import tables

MARKDOWN = MarkdownIt("commonmark").enable(["strikethrough", "table"]).use(dollarmath_plugin)
SIGNS = "&<>\"'\\`*_[]()$#~{}:@!|^%+-=./;? \n\tw1aé−"


class _Elements(HTMLParser):
    """The elements of a piece of HTML, and its text."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def one_line(text: str) -> str:
    return " ".join(text.split())


def made_up(count: int) -> list[str]:
    draw = random.Random(0)
    return ["".join(draw.choices(SIGNS, k=draw.randint(1, 24))) for _ in range(count)]


@pytest.mark.parametrize("text", [*NAMES, *made_up(200)])
def test_markdown_and_html_make_text_of_it(text: str) -> None:
    escaped = escape(text)

    for before, after in (("", ""), ("**", "** (left)")):
        inline = [token for token in MARKDOWN.parse(f"{before}{escaped}{after}") if token.type == "inline"]
        kinds = {child.type for token in inline for child in token.children or ()} - {"strong_open", "strong_close"}
        assert kinds <= {"text", "text_special"}
        read = "".join(child.content for token in inline for child in token.children or ())
        assert read.replace(JOINER, "").removesuffix(" (left)" if after else "") == one_line(text)
    within = _Elements(f"<p title='{escaped}'>{escaped}</p>")
    assert within.elements == ["p"]
    assert within.text.replace(JOINER, "") == one_line(text)


@pytest.mark.parametrize("text", NAMES)
def test_no_plugin_finds_an_address_an_icon_or_a_sign_to_replace(text: str) -> None:
    """What Streamlit's plugins look for, they look for in the text after all escapes are gone."""
    assert not re.search(rf"[:@][^ {JOINER}]|www\.|->|<-|--|>=|<=|~=", html.unescape(escape(text)), re.IGNORECASE)


def test_bytes_that_are_no_text_are_written_as_such() -> None:
    assert as_read(escape(os.fsdecode(b"a\xffb\x80"))) == "a\\xffb\\x80"


def test_no_line_ends_between_a_number_and_its_unit() -> None:
    assert escape("−3 % of 12 pxs, 4 px, % 5 x") == "−3\u00a0% of 12 pxs, 4\u00a0px, % 5 x"
    assert escape("32 x 64 and 3 x f, a x 2") == "32\u00a0x\u00a064 and 3 x f, a x 2"
    assert as_read(escape("−3 % of 4 px, 1 x 2")) == "−3 % of 4 px, 1 x 2"


@pytest.mark.parametrize("text", ["scenes-rsp4", "runs: tiny/best", "At y 40, x 12: car over bus is +1.2 logits."])
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert escape(text) == text


def _table() -> None:
    import pandas as pd

    from app.shell.text import draw_table
    from tests.app.hostile import NAMES

    draw_table(pd.DataFrame({name: [name, 1] for name in NAMES}, index=pd.Index(NAMES[:2], name=NAMES[2])))


def test_a_table_is_text_in_heads_and_cells() -> None:
    page = AppTest.from_function(_table).run()

    (table,) = tables(page)
    heads = [*table.columns, *table.index, table.index.name]
    assert heads == [one_line(name) for name in (*NAMES, *NAMES[:2], NAMES[2])]
    assert list(table.iloc[0]) == [one_line(name) for name in NAMES]
    (body,) = (element.proto.body for element in page.get("html"))
    assert {one.tag for one in ET.fromstring(body).iter()} == {"div", "table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ((-48.2, 28.06), "48.2 px up and 28.1 px right"),
        ((3.0, 0.02), "3 px down"),
        ((0.0, -9.9), "9.9 px left"),
        ((0.0, 0.04), "0 px away"),
    ],
)
def test_a_way_is_said_in_everyday_words(way: tuple[float, float], words: str) -> None:
    assert way_words(*way) == words
