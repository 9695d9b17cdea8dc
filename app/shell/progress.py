"""Work with a bar and a button that stops it; what was stopped waits for a button of its own."""

from __future__ import annotations

import time
from types import TracebackType

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shell.text import escape

_STOPPED = "stopped"
EVERY_S = 0.5
"""Between two reports that are shown: each is drawn by the cores that do the work."""


class Stoppable:
    """A bar with a button to stop; use its ``report`` as the callback of the work, inside a ``with`` block.

    ``place`` is there in every run, whether anything is worked out or not (:attr:`app.shell.heading.Heading.progress`):
    Streamlit tells elements of two runs apart by their places alone, so that what is drawn for one run only pushes
    what the run before drew there out of its own place and into this one.

    A press of any button makes Streamlit run the script anew: the next report of the run before it that is shown ends
    the work.
    """

    def __init__(self, text: str, place: DeltaGenerator) -> None:
        # Over the page (layout.css), so that nothing moves while it is there.
        self._place = place.empty()
        columns = self._place.columns([6, 1], vertical_alignment="center")
        self._text, self._next = text, 0.0
        self._bar = columns[0].progress(0.0, escape(text))
        columns[1].button("Stop", key=f"stop-{text}", on_click=_stop, args=(text,), width="stretch")

    def report(self, share: float) -> None:
        """``share`` of the work is done, 0 to 1; said at most every :data:`EVERY_S` seconds."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_S
        share = min(1.0, max(0.0, share))
        self._bar.progress(share, escape(f"{self._text}: {share:.0%}"))

    def close(self) -> None:
        """Takes bar and button away."""
        self._place.empty()

    def __enter__(self) -> Stoppable:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _stop(text: str) -> None:
    st.session_state[_STOPPED] = text


def may_start(text: str, label: str, key: str) -> bool:
    """Whether work may begin: what the reader stopped waits until the button with ``label`` is pressed."""
    if st.session_state.get(_STOPPED) != text:
        return True
    if st.button(escape(label), key=key):
        forget_stop()
        return True
    return False


def was_stopped(text: str) -> bool:
    """Whether the reader stopped this work last."""
    return st.session_state.get(_STOPPED) == text


def forget_stop() -> None:
    """What was stopped may begin again."""
    st.session_state.pop(_STOPPED, None)
