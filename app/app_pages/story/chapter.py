"""A step of the story as the page draws it: a sentence, a picture, numbers on demand, the instruments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from app.shell.navigation import jump
from app.shell.selection import Selection
from app.shell.terms import draw_terms
from app.shell.text import draw_caption, draw_table, escape


@dataclass(frozen=True)
class Way:
    """To an instrument that shows more of it.

    Attributes:
        path, title: of its page.
        choices: of that page's widgets, by key.
    """

    path: str
    title: str
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Chapter:
    """One step.

    Attributes:
        name: in one word, for keys.
        sentence: the answer.
        pictures: HTML.
        caption: what is to be seen, and how exact it is.
        numbers: behind the sentence, one table a title.
        ways: to the instruments.
        terms: of the documentation that the step uses.
    """

    name: str
    sentence: str
    pictures: str
    caption: str = ""
    numbers: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    ways: Sequence[Way] = ()
    terms: Sequence[str] = ()


def draw_chapter(chapter: Chapter, selection: Selection) -> None:
    """What stands below a step's question and its answer."""
    if chapter.pictures:
        st.html(chapter.pictures)
    if chapter.caption:
        draw_caption(chapter.caption, f"story-{chapter.name}", 2)
    draw_terms(*chapter.terms)
    draw_numbers(chapter, selection)


def draw_question(number: int, question: str, sentence: str) -> None:
    """A step's title and its answer."""
    answer = f"<p>{escape(sentence)}</p>" if sentence else ""
    st.html(f'<section class="rsp-chapter"><h2>{escape(f"{number}. {question}")}</h2>{answer}</section>')


def draw_numbers(chapter: Chapter, selection: Selection) -> None:
    """The tables, folded away, and the ways on."""
    with st.container(key=f"story-ways-{chapter.name}"):
        if chapter.numbers:
            with st.expander("Numbers"):
                for title, table in chapter.numbers.items():
                    if title:
                        st.markdown(f"**{escape(title)}**")
                    draw_table(table)
        with st.container(horizontal=True, gap="small", key=f"story-links-{chapter.name}"):
            for way in chapter.ways:
                if st.button(f"Open in {way.title}", key=f"story-{chapter.name}-{way.path}", type="tertiary"):
                    jump(way.path, selection.result.pixel, **way.choices)


def capital(text: str) -> str:
    """The same with a large first letter."""
    return text[:1].upper() + text[1:]
