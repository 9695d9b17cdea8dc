"""The page's first sentence, and text from outside inside labels that Streamlit reads as Markdown."""

from __future__ import annotations

import html
import re

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def draw_sentence(place: DeltaGenerator, sentence: str, note: str = "", below: tuple[str, str] = ("", "")) -> None:
    """The page's first sentence with a quiet note, and a second line of the same make below it."""
    first, second = (_with_note(*line) for line in ((sentence, note), below))
    second = f'<p class="rsp-second">{second}</p>' if second else ""
    place.html(f'<p class="rsp-sentence" role="heading" aria-level="1">{first}</p>{second}')


def _with_note(text: str, note: str) -> str:
    return html.escape(text) + (f'<span class="rsp-quiet"> {html.escape(note)}</span>' if note else "")


def draw_narrow_head(text: str) -> None:
    """Names a column where columns stand below each other; beside each other the page's first row names them."""
    st.html(f'<p class="rsp-narrow">{html.escape(text)}</p>')


def plain(text: str) -> str:
    """Text from outside inside a label or message that Streamlit reads as Markdown: no link, picture, HTML or icon."""
    return re.sub(r"[\\`*_\[\]$#<>~]|:(?=\S)", lambda found: f"\\{found[0]}", text)
