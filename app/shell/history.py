"""What was selected before, so that the last change can be undone."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shell import link, scenes

WIDGETS = ("source", "file", *scenes.KEYS, "left", "right", "class", "rival")
"""Keys of the selectors, in the order in which they follow from each other."""
PARAMETERS = (link.PIXEL, link.UPLOAD)
"""Of the selection, without a selector."""
MOST = 40
_PAST = "selections before"
State = dict[str, Any]


def record() -> None:
    """Keeps the selection as it is now, if it is another one than before."""
    past = _past()
    now = _now()
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
        help="Back to the image, models, classes and pixel before the last change.",
    )


def undo() -> None:
    """To be called as a callback: widgets take what they hold from the session before they are drawn."""
    past = _past()
    if len(past) < 2:
        return
    past.pop()
    before = past[-1]
    for name in WIDGETS:
        if before[name] is None:
            st.session_state.pop(name, None)
        else:
            st.session_state[name] = before[name]
    for name in PARAMETERS:
        if before[name] is None:
            link.forget(name)
        else:
            st.query_params[name] = before[name]


def _past() -> list[State]:
    found: list[State] = st.session_state.setdefault(_PAST, [])
    return found


def _now() -> State:
    return {
        **{name: st.session_state.get(name) for name in WIDGETS},
        **{name: st.query_params.get(name) for name in PARAMETERS},
    }
