"""What of a note is kept."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def _script() -> None:
    import streamlit as st

    from app.shell.notes import draw_notes, note

    draw_notes()
    st.text(note())


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("48\u00a0px up", "48 px up"),
        ("a\tb\u3000c", "a b c"),
        ("two\r\nlines\n", "two\nlines"),
        ("نمی\u200cدانم", "نمی\u200cدانم"),
        ("👩\u200d🚒", "👩\u200d🚒"),
        ("\u202eevil\u2060\u0007", "evil"),
    ],
)
def test_letters_and_spaces_stay_and_what_hides_goes(text: str, kept: str) -> None:
    page = AppTest.from_function(_script)
    page.query_params["note"] = text

    page.run()

    assert page.text_area(key="typed_note").value == kept
    assert page.text[0].value == kept
