"""A reader's note about a decision: it stands in the link, and goes into what is exported."""

from __future__ import annotations

import streamlit as st

from app.shell import link

MOST = 500
"""Characters of a note: a link is to stay one that can be sent."""
_KEY = "typed_note"
_UNSEEN = "\n\u200c\u200d"
"""Ends of lines, and what parts and joins letters in some scripts, and makes one picture of several."""


def note() -> str:
    """The note of the link, on as many lines as it was written; empty without one."""
    text = st.query_params.get(link.NOTE, "").replace("\r\n", "\n")
    return "".join(map(_kept, text))[:MOST].strip()


def _kept(sign: str) -> str:
    """What is neither seen nor part of a letter is left out; spaces of any kind, as this page's own, stay spaces."""
    return sign if sign.isprintable() or sign in _UNSEEN else " " if sign.isspace() else ""


def draw_notes() -> None:
    """A field that shows the link's note and sets it."""
    # As the fields of the pixel: the field follows the link, whatever it held before.
    st.session_state[_KEY] = note()
    st.text_area(
        "Notes",
        key=_KEY,
        max_chars=MOST,
        height=100,
        on_change=_take,
        placeholder="What you found. It travels in the link of this page, and into the files that are exported.",
    )
    link.remember(link.NOTE)


def _take() -> None:
    text = str(st.session_state.get(_KEY) or "").strip()[:MOST]
    if text:
        st.query_params[link.NOTE] = text
    else:
        link.forget(link.NOTE)
