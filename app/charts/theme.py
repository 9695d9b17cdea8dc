"""What all charts of the workbench have in common: no ground of their own, one diverging scale, the levels' colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from rsp_lab.palette import LEVEL_COLOURS

# Diverging, and the middle is close to the page: a map of zeros shows nothing.
_LIGHT: Any = "RdBu_r"
_DARK: Any = ((0.0, "#8FD0FF"), (0.25, "#3B7FC4"), (0.5, "#20201F"), (0.75, "#C25445"), (1.0, "#FFB59E"))
CONFIG = {"displayModeBar": False, "responsive": True}
LEVELS = LEVEL_COLOURS


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def diverging() -> Any:
    """Blue below 0, the page's own colour at 0, red above; see :func:`reach` for its ends."""
    return _DARK if is_dark() else _LIGHT


def sequential() -> str:
    """From little to much, readable without colour."""
    return "Viridis"


def reach(*maps: np.ndarray, share: float = 1.0) -> float:
    """The largest magnitude in all maps, or that of a ``share`` of their values: one scale for both models."""
    sizes = np.concatenate([np.abs(values).ravel() for values in maps]) if maps else np.zeros(1)
    sizes = sizes[np.isfinite(sizes)]
    largest = float(np.quantile(sizes, share)) if sizes.size else 0.0
    return max(largest, float(np.finfo(np.float32).tiny))


def plain_figure(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Margins, grounds and fonts as everywhere."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font_size=12,
        hoverlabel_font_size=12,
    )
    figure.update_layout(**layout)
    return figure


def draw(figure: go.Figure, key: str) -> None:
    """On the page, as wide as its place."""
    st.plotly_chart(figure, key=key, config=CONFIG)
