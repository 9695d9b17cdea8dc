"""A hatch on what is clearly below 0 in a signed map, so that signs are read without colour too."""

from __future__ import annotations

import numpy as np

from app.charts.chart import Chart, Place
from app.charts.on_image import svg_uri
from app.charts.theme import is_dark
from rsp_lab.negative_cells import negative_boxes

HATCHED = "what is clearly below 0 is hatched"
"""For the words below a map."""
_PERIODS = 60
"""Lines of the hatch across a small picture."""


def hatch_negative(
    chart: Chart,
    values: np.ndarray,
    size: tuple[float, float],
    end: float,
    place: Place | None = None,
    *,
    first: tuple[float, float] = (-0.5, -0.5),
    most: int | None = None,
) -> None:
    """Hatches a signed map (v, u) that covers ``size`` (y, x) of the axes; NaN counts as 0.

    Args:
        end: of the map's scale.
        place: of the map, in a grid of several.
        first: (y, x), the map's first edges on the axes; by default those of an image in pixels.
        most: see :func:`~rsp_lab.negative_cells.negative_boxes`.
    """
    for boxes, colour in zip(negative_boxes(values, end, size, most=most), hatch_colours(), strict=True):
        if len(boxes):
            top, left, bottom, right = boxes.T
            gap = np.full(len(boxes), np.nan)
            chart.add(
                {
                    "type": "scatter",
                    "x": np.stack((left, right, right, left, left, gap), -1).ravel() + first[1],
                    "y": np.stack((top, top, bottom, bottom, top, gap), -1).ravel() + first[0],
                    "mode": "lines",
                    "line": {"width": 0},
                    "fill": "toself",
                    "fillcolor": "rgba(0,0,0,0)",
                    "fillpattern": {"shape": "/", "fgcolor": colour, "size": 6, "solidity": 0.17},
                    "hoverinfo": "skip",
                    "showlegend": False,
                },
                place,
            )


def hatch_uri(values: np.ndarray, size: tuple[int, int], end: float) -> str:
    """The same as a picture, to be stretched over a small map of an image of ``size``; empty where none is below 0."""
    parts = []
    pitch = size[1] / _PERIODS
    for name, boxes, colour in zip("ab", negative_boxes(values, end, size), hatch_colours(), strict=True):
        if len(boxes):
            outline = "".join(f"M{x0:g} {y0:g}H{x1:g}V{y1:g}H{x0:g}z" for y0, x0, y1, x1 in boxes.round(2).tolist())
            parts.append(
                f'<pattern id="{name}" width="{pitch:.2f}" height="{pitch:.2f}" patternUnits="userSpaceOnUse" '
                f'patternTransform="rotate(45)"><rect width="{pitch / 4:.2f}" height="{pitch:.2f}" fill="{colour}"/>'
                f'</pattern><path d="{outline}" fill="url(#{name})"/>'
            )
    return svg_uri(parts, size) if parts else ""


def hatch_colours() -> tuple[str, str]:
    """On pale cells and on strong ones: the strongest blue is dark on a light page, and light on a dark one."""
    return ("#BFDDFF", "#08243D") if is_dark() else ("#053061", "#FFFFFF")
