"""What was selected before, so that the last change can be undone."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shell import link, scenes

WIDGETS = ("source", "file", *scenes.KEYS, "left", "right", "class", "rival")
"""Keys of the selectors, in the order in which they follow from each other."""
_SURGERY = "model edit steps where positions renormalise temperature seed attention head layer"
PAGE = tuple(f"surgery_{name}" for name in _SURGERY.split())
"""Keys of a page's own widgets whose last change can be undone too: they are there only while their page is."""
PARAMETERS = (link.PIXEL, link.UPLOAD)
"""Of the selection, without a selector."""
CARDS = (link.SCAN, link.CARD)
"""Which card of which scan the selection is: on the page Story they stand in the address, on others they are known."""
MOST = 40
_PAST = "selections before"
State = dict[str, Any]


def record() -> None:
    """Keeps the selection as it is now, if it is another one than before."""
    past = _past()
    now = _now()
    if past:
        for name in PAGE:
            # What a widget holds when it is first drawn, or what is gone with its page, is no change.
            if now[name] is None:
                now[name] = past[-1][name]
            elif past[-1][name] is None:
                past[-1][name] = now[name]
    if not past or past[-1] != now:
        past.append(now)
        del past[:-MOST]


def draw_undo(place: DeltaGenerator) -> None:
    """A button that brings the selection before this one back."""
    place.button(
        "Undo",
        key="undo",
        on_click=undo,
        disabled=len(_past()) < 2,
        help="Back to the image, models, classes, pixel and edit before the last change.",
    )


def undo() -> None:
    """To be called as a callback: widgets take what they hold from the session before they are drawn."""
    past = _past()
    if len(past) < 2:
        return
    past.pop()
    before = past[-1]
    for name in (*WIDGETS, *PAGE):
        if before[name] is None and name in PAGE:
            continue
        if before[name] is None:
            st.session_state.pop(name, None)
        else:
            st.session_state[name] = before[name]
    for name in PARAMETERS:
        if before[name] is None:
            link.forget(name)
        else:
            st.query_params[name] = before[name]
    for name in CARDS:
        link.recall(name, before[name])


def _past() -> list[State]:
    found: list[State] = st.session_state.setdefault(_PAST, [])
    return found


def _now() -> State:
    return {
        **{name: st.session_state.get(name) for name in (*WIDGETS, *PAGE)},
        **{name: st.query_params.get(name) for name in PARAMETERS},
        **{name: st.query_params.get(name, link.remembered(name)) for name in CARDS},
    }
