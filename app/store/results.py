"""Results that a page worked out, kept with a bound for all readers; work that was stopped half-way leaves nothing.

Streamlit's own caches replay what was drawn while they computed, so a computation with a progress bar cannot stand in
one; and a stopped script must not hold a lock that others wait for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar, cast

import streamlit as st

T = TypeVar("T")
MOST = 48


class Results:
    """The last :data:`MOST` results by key."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._held: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, work: Callable[[], T]) -> T:
        """What is held under a key, or else the result of ``work``, held from then on; what it raises is not held."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return cast("T", self._held[key])
        # Not under the lock: two readers who ask at once both work, and neither waits for a script that was stopped.
        value = work()
        with self._lock:
            self._held[key] = value
            self._held.move_to_end(key)
            while len(self._held) > self.most:
                self._held.popitem(last=False)
        return value

    def held(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._held


@st.cache_resource(show_spinner=False)
def results() -> Results:
    """The one store of this server."""
    return Results()


class Stoppable:
    """A bar with a button to stop; use its ``report`` as the callback of the work.

    A press of any button makes Streamlit run the script anew: the next report of the run before it ends the work.
    """

    def __init__(self, text: str) -> None:
        self._place = st.empty()
        columns = self._place.columns([6, 1], vertical_alignment="center")
        self._text = text
        self._bar = columns[0].progress(0.0, text)
        columns[1].button("Stop", key=f"stop-{text}", on_click=_stopped, args=(text,), width="stretch")

    def report(self, share: float) -> None:
        """``share`` of the work is done, 0 to 1."""
        self._bar.progress(min(1.0, max(0.0, share)), f"{self._text}: {share:.0%}")

    def close(self) -> None:
        """Takes bar and button away."""
        self._place.empty()


def _stopped(text: str) -> None:
    st.session_state["stopped"] = text


def was_stopped(text: str) -> bool:
    """Whether the reader stopped this work last; a page then waits for its own button."""
    return st.session_state.get("stopped") == text
