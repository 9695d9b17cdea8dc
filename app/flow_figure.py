"""One model's context flow in one channel: a row of maps for each step, coarse to fine."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from rsp_lab.analysis.flow import ContextFlow, StepFlow

PARTS = ("passed", "context", "own", "fused")
# Diverging, and the middle is close to the page: a map of zeros shows nothing.
_LIGHT = "RdBu_r"
_DARK = ((0.0, "#8FD0FF"), (0.25, "#3B7FC4"), (0.5, "#20201F"), (0.75, "#C25445"), (1.0, "#FFB59E"))
_WIDTH = 590
_TOP, _ROW_GAP = 26, 0.03


def flow_scales(flows: tuple[ContextFlow, ...], channel: int) -> dict[str, float]:
    """By step, the largest magnitude of the channel in any of the maps of any of the models."""
    scales: dict[str, float] = {}
    for flow in flows:
        for step in flow:
            largest = max(float(_map(step, part, channel).max(initial=0)) for part in PARTS)
            smallest = min(float(_map(step, part, channel).min(initial=0)) for part in PARTS)
            scales[step.name] = max(scales.get(step.name, 0.0), largest, -smallest)
    return scales


def flow_figure(flow: ContextFlow, channel: int, scales: dict[str, float], *, dark: bool = False) -> go.Figure:
    """Heatmaps of one model; the scale of a step is the one given, which both models share."""
    steps = list(flow)
    height, breadth = flow.image_size
    titles = ["Q′ₓ₊₁ offered", "context taken", "Qₓ own map", "Tₓ result"]
    rows = [f"{s.high} → {s.low}<br>±{scales[s.name]:.3g}" for s in steps]
    figure = make_subplots(
        len(steps),
        len(PARTS),
        column_titles=titles,
        row_titles=rows,
        horizontal_spacing=0.012,
        vertical_spacing=_ROW_GAP,
    )
    for row, step in enumerate(steps, 1):
        for column, part in enumerate(PARTS, 1):
            figure.add_trace(_heatmap(step, part, channel, scales[step.name], dark), row, column)
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, autorange="reversed")
    figure.update_annotations(font_size=12)
    each = (_WIDTH - 70) / len(PARTS) * height / breadth
    figure.update_layout(
        height=round(_TOP + len(steps) * each * (1 + _ROW_GAP) + 8),
        margin={"l": 0, "r": 62, "t": _TOP, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    # Plotly turns row titles to read upwards; level and scale are read across.
    for annotation in figure.layout.annotations[len(PARTS) :]:
        annotation.update(textangle=0, xanchor="left", align="left")
    return figure


def _heatmap(step: StepFlow, part: str, channel: int, scale: float, dark: bool) -> go.Heatmap:
    reach = max(scale, float(np.finfo(np.float32).tiny))
    return go.Heatmap(
        z=_map(step, part, channel),
        zmin=-reach,
        zmax=reach,
        colorscale=_DARK if dark else _LIGHT,
        showscale=False,
        hovertemplate="cell y %{y}, x %{x}<br>%{z:.3g} (feature value, no unit)<extra>" + part + "</extra>",
    )


def _map(step: StepFlow, part: str, channel: int) -> np.ndarray:
    values: np.ndarray = getattr(step, part)[channel].cpu().float().numpy()
    return values
