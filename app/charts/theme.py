"""What all charts of the workbench have in common: no ground of their own, one diverging scale, the levels' colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from app.charts.chart import Chart
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


def plain_chart(chart: Chart, height: int, **layout: Any) -> Chart:
    """Margins, grounds and fonts as everywhere, and whatever else of a layout is given; returns the chart."""
    chart.update(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 12},
        hoverlabel={"font": {"size": 12}},
    )
    chart.update(**layout)
    return chart


def draw(chart: Chart, key: str) -> None:
    """On the page, as wide as its place.

    Raises:
        plotly.exceptions.PlotlyError, ValueError: for a part that plotly does not know.
    """
    st.plotly_chart(chart.to_dict(), key=key, config=CONFIG)
