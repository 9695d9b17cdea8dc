"""Charts of input attribution: maps on one scale, and deletion and insertion beside random orders."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from app.charts.chart import Chart
from app.charts.negative_hatch import hatch_negative
from app.charts.on_image import cell_map, colour_bar, ink, mark_pixel, picture_chart
from app.charts.theme import diverging, is_dark, plain_chart, reach
from rsp_lab.analysis.attribution.attribute import Attribution
from rsp_lab.analysis.faithfulness.at_input import Faithfulness, block_means
from rsp_lab.explorer.outlines import trace
from rsp_lab.negative_cells import FINE
from rsp_lab.palette import OUTLINE_COLOURS, OUTLINE_DASHES

Pixel = tuple[int, int]
# A map keeps the rest of its colours where few cells are far out.
SHARE = 0.995
_FINEST, _MOST_CELLS = 4, 160
_BAR = 60


def drawn_cell(size: Pixel) -> int:
    """Side in pixels of a drawn cell: that of the models' finest level, or more on a large image."""
    return max(_FINEST, -(-max(size) // _MOST_CELLS))


def drawn(attribution: Attribution) -> np.ndarray:
    """The map in cells of :func:`drawn_cell`: sums where values add up, else means."""
    cell = drawn_cell(attribution.image_size)
    means = block_means(attribution.values, cell).numpy()
    if not attribution.method.additive:
        return means
    counts = [np.minimum(cell, pixels - cell * np.arange(-(-pixels // cell))) for pixels in attribution.image_size]
    summed: np.ndarray = means * np.outer(*counts)
    return summed


def scale_of(maps: tuple[Attribution, Attribution]) -> float:
    """The one end of the scale for both models."""
    return reach(*map(drawn, maps), share=SHARE)


def map_chart(
    attribution: Attribution, end: float, pixel: Pixel, ground: str, over: bool, outlines: Mapping[str, Tensor]
) -> Chart:
    """A map over the photograph, with the outlines of what is planted."""
    chart = picture_chart(attribution.image_size, ground, right=_BAR, opacity=0.8 if over else 1.0)
    values, size = drawn(attribution), attribution.image_size
    colours = _laid_over() if over else diverging()
    unit = attribution.method.unit_of("cell")
    chart.add(cell_map(values, size, unit, zmin=-end, zmax=end, colorscale=colours, colorbar=colour_bar()))
    hatch_negative(chart, values, size, end, most=FINE)
    for name, mask in outlines.items():
        _outline(chart, name, mask)
    mark_pixel(chart, pixel)
    return chart


def _laid_over() -> list[tuple[float, str]]:
    """The diverging scale with nothing at 0, so that the photograph shows where the map says nothing."""
    blue, red = ("143,208,255", "255,150,125") if is_dark() else ("5,70,160", "170,10,35")
    ends = (
        (0.0, blue, 0.95),
        (0.25, blue, 0.62),
        (0.5, blue, 0.0),
        (0.5, red, 0.0),
        (0.75, red, 0.62),
        (1.0, red, 0.95),
    )
    return [(place, f"rgba({colour},{alpha})") for place, colour, alpha in ends]


def _outline(chart: Chart, name: str, mask: Tensor) -> None:
    lines = trace(mask.numpy())
    dash = OUTLINE_DASHES[name]
    for colour, width, pattern in (
        ("#111111", 3.2, "solid"),
        (OUTLINE_COLOURS[name], 1.6, ",".join(f"{1.6 * n:g}px" for n in dash) if dash else "solid"),
    ):
        chart.add(
            {
                "type": "scatter",
                "x": lines[:, 1],
                "y": lines[:, 0],
                "mode": "lines",
                "line": {"color": colour, "width": width, "dash": pattern},
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )


def value_range(both: tuple[Faithfulness, Faithfulness]) -> tuple[float, float]:
    """Of the logits of all curves of both models, with some room."""
    values = [
        value
        for one in both
        for curves in (one.curves, *one.control.curves)
        for value in (*curves.deletion, *curves.insertion)
    ]
    room = 0.06 * (max(values) - min(values)) or 1.0
    return min(values) - room, max(values) + room


def curves_chart(faithfulness: Faithfulness, ends: tuple[float, float]) -> Chart:
    """Deletion and insertion side by side, along the map and along random orders, on one scale of logits."""
    chart = Chart.grid(1, 2, titles=("replaced", "put back"), horizontal_spacing=0.14)
    shares = [100 * share for share in faithfulness.shares]
    control = faithfulness.control
    pairs = ((faithfulness.deletion, control.deletion), (faithfulness.insertion, control.insertion))
    for column, (values, spreads) in enumerate(pairs, 1):
        place = (1, column)
        low, high = [one.least for one in spreads], [one.largest for one in spreads]
        chart.add(
            {
                "type": "scatter",
                "x": [*shares, *reversed(shares)],
                "y": [*high, *reversed(low)],
                "fill": "toself",
                "fillcolor": "rgba(128,128,128,0.28)",
                "line": {"width": 0},
                "hoverinfo": "skip",
                "name": "random, range",
                "showlegend": column == 1,
            },
            place,
        )
        hover = "%{y:.3g} logits at %{x:.0f} %"
        for name, points, line in (
            ("random, median", [one.median for one in spreads], {"color": "#8A8A8A", "width": 1.5, "dash": "dot"}),
            (faithfulness.name, values, {"color": ink(), "width": 2.2}),
        ):
            chart.add(
                {
                    "type": "scatter",
                    "x": shares,
                    "y": list(points),
                    "mode": "lines",
                    "line": line,
                    "name": name,
                    "hovertemplate": f"{hover}<extra>{name}</extra>",
                    "showlegend": column == 1,
                },
                place,
            )
    axis = {"gridcolor": "rgba(128,128,128,0.18)", "zeroline": False, "fixedrange": True}
    chart.update_x(range=[0, 100], tickvals=[0, 50, 100], ticktext=["0", "50", "100 %"], **axis)
    chart.update_y(range=list(ends), **axis)
    chart.update_y((1, 1), title={"text": "logits", "standoff": 4})
    # One scale, which is read beside the first.
    chart.update_y((1, 2), matches="y", showticklabels=False)
    chart.update_annotations(font={"size": 12})
    legend = {"orientation": "h", "y": -0.16, "x": 0, "font_size": 11}
    return plain_chart(chart, 250, legend=legend, margin={"l": 8, "r": 8, "t": 24, "b": 8})
