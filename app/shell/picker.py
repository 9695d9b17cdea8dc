"""What the page hears from the browser: clicks on charts, which select a pixel, and whether the window is narrow."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.shell import link

KEY = "picker"
_picker = st.components.v2.component("rsp_lab.picker", js=(Path(__file__).parent / "picker.js").read_text("utf-8"))


def draw_picker() -> None:
    """Listens to charts with the image's size under ``meta.pick`` and to small maps; takes no room of its own."""
    # Without a callback of its own a value of the component is not kept.
    _picker(key=KEY, data={"narrow": is_narrow()}, on_pick_change=_pick, on_narrow_change=lambda: None)


def is_narrow() -> bool:
    """Whether columns stand below each other, as on a telephone."""
    return bool((st.session_state.get(KEY) or {}).get("narrow"))


def _pick() -> None:
    link.set_clicked((st.session_state.get(KEY) or {}).get("pick"))
