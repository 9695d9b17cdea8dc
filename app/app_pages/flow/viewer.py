"""The explorer inside Streamlit: two components, because the picture is large and the pinned pixel changes often.

One carries the payload, which is sent again only when image or models change. The other is empty and carries only
the pinned pixel; in the page they speak through one event.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from app.shell import link
from app.shell.link import Pixel
from rsp_lab.explorer.module import module_source
from rsp_lab.explorer.payload import payload_header

KEY = "explorer"
HERE = Path(__file__).parent

_explorer = st.components.v2.component("rsp_lab.explorer", js=module_source((HERE / "viewer.js").read_text("utf-8")))
_pin = st.components.v2.component("rsp_lab.pin", js=(HERE / "pin.js").read_text("utf-8"))


def draw_viewer(payload: bytes) -> None:
    """Both photographs and the relation grids; a click becomes the selected pixel."""
    _explorer(key=KEY, data=payload, on_pick_change=_pick)


def draw_pin(payload: bytes, pixel: Pixel) -> None:
    """Tells the explorer in the page which pixel is selected; takes no room of its own."""
    sequence = _state().get("sequence", 0)
    _pin(key="pin", data={"view": payload_header(payload)["id"], "pixel": list(pixel), "sequence": sequence})


def _state() -> dict[str, Any]:
    return dict((st.session_state.get(KEY) or {}).get("pick") or {})


def _pick() -> None:
    link.set_clicked(_state())
