"""What stands above a page's own content: its first sentence, and what is said while it is worked out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shell.progress import Stoppable
from app.shell.text import draw_sentence, escape


@dataclass(frozen=True, eq=False)
class Heading:
    """The places above a page, which the page writes into.

    Attributes:
        top: of the first sentence.
        notices: of warnings and of what is being computed.
        progress: of work with a bar; it keeps what the page draws in its place while there is one.
        note: what a reader of any page about the selection must know; may be empty.
    """

    top: DeltaGenerator
    notices: DeltaGenerator
    progress: DeltaGenerator
    note: str = ""

    def write(self, sentence: str, note: str = "", below: tuple[str, str] = ("", "")) -> None:
        """The page's first sentence with a quiet note, and a second line with its own."""
        draw_sentence(self.top, sentence, " ".join(filter(None, (note, self.note))), below)

    def warn(self, text: str) -> None:
        """A warning that leaves the page as it is."""
        self.notices.warning(escape(text))

    @contextmanager
    def spinner(self, text: str) -> Iterator[None]:
        """While something is worked out that takes no more than seconds."""
        with self.notices, st.spinner(escape(text), show_time=True):
            yield

    def stoppable(self, text: str) -> Stoppable:
        """While something is worked out that takes longer: its bar and the button that stops it."""
        return Stoppable(text, self.progress)


def words_place() -> DeltaGenerator:
    """The place of a page's first sentence, which has its room before there is one: what stands below does not move
    when it comes, as a place that holds nothing would make it."""
    place = st.container(key="words")
    place.html('<i class="rsp-room"></i>')
    return place


def draw_places(top: DeltaGenerator) -> Heading:
    """The places above a page, ``top`` being that of its first sentence."""
    return Heading(top, st.container(key="notices"), st.container(key="progress"))
