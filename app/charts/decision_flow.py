"""The decision flow as a component of the page: its ribbons can be cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from rsp_lab.explorer.module import flow_source
from rsp_lab.files import digest

_flow = st.components.v2.component(
    "rsp_lab.decision_flow", js=flow_source(Path(__file__).with_suffix(".js").read_text("utf-8"))
)


def identified(data: dict[str, Any]) -> dict[str, Any]:
    """What :func:`rsp_lab.explorer.flow_picture.flow_data` gave, with what tells it apart from another picture."""
    return {"id": digest(str(sorted(data.items()))), "picture": data}


def draw_flow(data: dict[str, Any], key: str, on_cuts: Callable[[], None] = lambda: None) -> None:
    """The picture of :func:`identified` data; what is cut in it is in the session's state under ``key``."""
    _flow(key=key, data=data, on_cuts_change=on_cuts)
