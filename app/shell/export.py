"""Every panel of a page as a file: the one button that shows on each what it can be saved as (``export.js``)."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shell.notes import note

_export = st.components.v2.component("rsp_lab.export", js=(Path(__file__).parent / "export.js").read_text("utf-8"))


def draw_export(place: DeltaGenerator, summary: str) -> None:
    """The button; ``summary`` says in every file what is selected, beside the link and the reader's note."""
    with place:
        _export(key="export", data={"summary": summary, "note": note()}, width="content")
