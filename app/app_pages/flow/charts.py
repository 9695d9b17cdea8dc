"""One model's context flow in one channel: a row of maps for each step, one step large, and what it refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.charts.chart import Chart
from app.charts.negative_hatch import hatch_negative
from app.charts.on_image import PHONE, cell_map, frame_level, mark_pixel, picture_chart
from app.charts.theme import diverging, plain_chart
from app.shell.picker import enlarged, is_narrow
from rsp_lab.analysis.passes.flow import ContextFlow, StepFlow

PARTS = ("passed", "context", "own", "fused")
# Green for what was added, red for what was refused, as in Fig. 5; Okabe and Ito's two, which stay apart for all eyes.
REFUSED_AND_ADDED = (
    (0.0, "rgba(0,158,115,0.95)"),
    (0.5, "rgba(128,128,128,0)"),
    (1.0, "rgba(213,60,0,0.95)"),
)
_WIDTH = 590
_LONG = "Q′ₓ₊₁ offered", "context taken", "Qₓ own map", "Tₓ result"
_SHORT = "Q′ₓ₊₁", "taken", "Qₓ", "Tₓ"
_TOP, _ROW_GAP = 26, 0.03


def flow_scales(flows: tuple[ContextFlow, ...], channel: int) -> dict[str, float]:
    """By step, the largest magnitude of the channel in any of the maps of any of the models."""
    scales: dict[str, float] = {}
    for flow in flows:
        for step in flow:
            largest = max(float(flow_map(step, part, channel).max(initial=0)) for part in PARTS)
            smallest = min(float(flow_map(step, part, channel).min(initial=0)) for part in PARTS)
            scales[step.name] = max(scales.get(step.name, 0.0), largest, -smallest)
    return scales


def flow_chart(flow: ContextFlow, channel: int, scales: dict[str, float]) -> Chart:
    """Heatmaps of one model; the scale of a step is the one given, which both models share."""
    steps = list(flow)
    height, breadth = flow.image_size
    titles = list(_SHORT if is_narrow() else _LONG)
    rows = [f"{s.high} → {s.low}<br>±{scales[s.name]:.3g}" for s in steps]
    chart = Chart.grid(
        len(steps),
        len(PARTS),
        column_titles=titles,
        row_titles=rows,
        horizontal_spacing=0.012,
        vertical_spacing=_ROW_GAP,
    )
    for row, step in enumerate(steps, 1):
        for column, part in enumerate(PARTS, 1):
            values = flow_map(step, part, channel)
            place, cells = (row, column), values.shape
            chart.add(_heatmap(values, part, scales[step.name]), place)
            hatch_negative(chart, values, cells, scales[step.name], place)
            chart.update_x(place, range=[-0.5, cells[1] - 0.5])
            chart.update_y(place, range=[cells[0] - 0.5, -0.5])
    chart.update_x(visible=False, constrain="domain")
    chart.update_y(visible=False)
    chart.update_annotations(font={"size": 12})
    each = (_across() - 70) / len(PARTS) * height / breadth
    chart.update(
        height=round(_TOP + len(steps) * each * (1 + _ROW_GAP) + 8),
        margin={"l": 0, "r": 62, "t": _TOP, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    # Plotly turns row titles to read upwards; level and scale are read across.
    chart.update_annotations(len(PARTS), textangle=0, xanchor="left", align="left")
    return chart


def _heatmap(values: np.ndarray, part: str, scale: float) -> dict[str, Any]:
    reach = max(scale, float(np.finfo(np.float32).tiny))
    return {
        "type": "heatmap",
        "z": values,
        "zmin": -reach,
        "zmax": reach,
        "colorscale": diverging(),
        "showscale": False,
        "hovertemplate": "cell y %{y}, x %{x}<br>%{z:.3g} (feature value, no unit)<extra>" + part + "</extra>",
    }


def flow_map(step: StepFlow, part: str, channel: int) -> np.ndarray:
    """One channel (y, x) of one of :data:`PARTS`."""
    values: np.ndarray = getattr(step, part)[channel].cpu().float().numpy()
    return values


def step_chart(step: StepFlow, channel: int, scale: float, pixel: tuple[int, int], size: tuple[int, int]) -> Chart:
    """The four maps of a step over an image of ``size`` (y, x), on one scale, framed by the level they come from."""
    chart = Chart.grid(2, 2, titles=_titles(step), horizontal_spacing=0.02, vertical_spacing=0.09)
    for index, part in enumerate(PARTS):
        place = (1 + index // 2, 1 + index % 2)
        values = flow_map(step, part, channel)
        trace = cell_map(values, size, "", zmin=-scale, zmax=scale, colorscale=diverging(), showscale=False)
        chart.add(trace, place)
        hatch_negative(chart, values, size, scale, place)
        frame_level(chart, step.high if part in ("passed", "context") else step.low, size, place)
        mark_pixel(chart, pixel, place)
    chart.update_x(visible=False, range=[-0.5, size[1] - 0.5], constrain="domain")
    chart.update_y(visible=False, range=[size[0] - 0.5, -0.5])
    chart.update_annotations(font={"size": 12})
    each = (_across() / 2) * size[0] / size[1]
    height = round(min(760, 2.1 * each + 60))
    return plain_chart(chart, height, margin={"l": 2, "r": 2, "t": 24, "b": 4}, meta={"pick": list(size)})


def _across() -> int:
    return PHONE if is_narrow() else enlarged(_WIDTH)


def _titles(step: StepFlow) -> list[str]:
    high, low = step.high, step.low
    took = "context taken (RSE)" if step.weights is not None else "context, all passed down"
    return [f"Q′<sub>{high}</sub> offered", took, f"Q<sub>{low}</sub> own map", f"T<sub>{low}</sub> result"]


def rejection_chart(
    values: np.ndarray | None, scale: float, unit: str, pixel: tuple[int, int], ground: str, size: tuple[int, int]
) -> Chart:
    """Cells over the photograph: red where context for the class was refused, green where it was added.

    Args:
        values: (y, x), positive where refused; None for a model that refuses nothing.
        scale: full colour.
        unit: of the values.
        pixel: (y, x), marked.
        ground: the photograph.
        size: (y, x) of the image.
    """
    chart = picture_chart(size, ground, opacity=0.75)
    if values is not None:
        ends = {"zmin": -scale, "zmax": scale}
        chart.add(cell_map(values, size, unit, colorscale=REFUSED_AND_ADDED, showscale=False, **ends))
        hatch_negative(chart, values, size, scale)
    mark_pixel(chart, pixel)
    return chart
