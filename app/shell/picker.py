"""What the page hears from the browser: clicks on charts, which select a pixel, and how wide the window is."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.shell import link

KEY = "picker"
STANDARD = 1280
"""Screen pixels across that pages are made for; what is drawn on them gets larger with a wider window."""
WIDEST = 1920
_NARROW = 640
_EDGES = 64
_picker = st.components.v2.component("rsp_lab.picker", js=(Path(__file__).parent / "picker.js").read_text("utf-8"))


def draw_picker() -> None:
    """Listens to charts with the image's size under ``meta.pick`` and to small maps; takes no room of its own."""
    # Without a callback of its own a value of the component is not kept.
    _picker(key=KEY, data={"window": _window()}, on_pick_change=_pick, on_window_change=lambda: None)


def is_narrow() -> bool:
    """Whether columns stand below each other, as on a telephone."""
    return _window() <= _NARROW


def enlarged(pixels: int) -> int:
    """Screen pixels that something gets in this window, of which it gets ``pixels`` in one of :data:`STANDARD`."""
    across = min(max(_window(), STANDARD), WIDEST)
    return round(pixels * (across - _EDGES) / (STANDARD - _EDGES))


def _window() -> int:
    """Screen pixels across, as far as the browser has told; what it sends is checked like what comes from a link."""
    told = (st.session_state.get(KEY) or {}).get("window")
    return told if isinstance(told, int) and told > 0 else STANDARD


def _pick() -> None:
    link.set_clicked((st.session_state.get(KEY) or {}).get("pick"))
