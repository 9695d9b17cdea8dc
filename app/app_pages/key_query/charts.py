"""Charts of key and query: maps at every step, and the complementarity score among scores drawn under its nulls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from app.charts.chart import Chart
from app.charts.negative_hatch import hatch_negative
from app.charts.on_image import PHONE, cell_map, image_box, ink, mark_pixel, paper
from app.charts.theme import diverging, plain_chart, reach
from app.shell.picker import enlarged, is_narrow
from rsp_lab.analysis.relation_weights.complementarity import StepComplementarity
from rsp_lab.negative_cells import FINE
from rsp_lab.palette import LEVEL_COLOURS
from rsp_lab.shapes import step_digits, step_levels
from rsp_lab.text import significant

Pixel = tuple[int, int]
PARTS = ("query", "key")
# As in the figure: no map loses more than a hundredth of its cells to the ends of the scale.
_SHARE = 0.99
_COLUMN = 280


@dataclass(frozen=True, eq=False)
class Pair:
    """Query and key of one step as shown.

    Attributes:
        step: e.g. ``"step54"``.
        what: which channel, in words.
        query, key: (y, x).
        words: how the two relate.
    """

    step: str
    what: str
    query: Tensor
    key: Tensor
    words: str


def pair_scales(pairs: list[tuple[Pair, ...]]) -> dict[str, float]:
    """By step, the one reach of all query and key maps of both models."""
    maps: dict[str, list[np.ndarray]] = {}
    for pair in (pair for side in pairs for pair in side):
        maps.setdefault(pair.step, []).extend(_values(getattr(pair, part)) for part in PARTS)
    return {step: reach(*found, share=_SHARE) for step, found in maps.items()}


def pair_chart(pair: Pair, scale: float, size: Pixel, pixel: Pixel) -> Chart:
    """The query map above the key map of one step, on one scale."""
    chart = Chart.grid(len(PARTS), 1, vertical_spacing=0.03)
    colour = {"color": LEVEL_COLOURS[step_levels(pair.step)[0]], "width": 2}
    plain: dict[str, Any] = {"visible": False, "constrain": "domain", "fixedrange": True}
    for row, part in enumerate(PARTS, 1):
        place = (row, 1)
        values = _values(getattr(pair, part))
        trace = cell_map(values, size, "", zmin=-scale, zmax=scale, colorscale=diverging(), showscale=False)
        chart.add(trace, place)
        hatch_negative(chart, values, size, scale, place, most=FINE)
        mark_pixel(chart, pixel, place)
        chart.update_x(place, range=[-0.5, size[1] - 0.5], constraintoward="left", **plain)
        anchor = f"x{row if row > 1 else ''}"
        chart.update_y(place, range=[size[0] - 0.5, -0.5], constraintoward="top", scaleanchor=anchor, **plain)
        chart.add_shape({**image_box(size), "line": colour}, place)
        chart.annotate(
            {
                "x": -0.5,
                "y": -0.5,
                "text": part,
                "showarrow": False,
                "xanchor": "left",
                "yanchor": "top",
                "bgcolor": paper(),
                "font": {"size": 12, "color": ink()},
            },
            place,
        )
    height = len(PARTS) * min(enlarged(240), (PHONE if is_narrow() else enlarged(_COLUMN)) * size[0] / size[1]) * 1.02
    margin = {"l": 2, "r": 2, "t": 2, "b": 2}
    return plain_chart(chart, round(height) + 4, margin=margin, showlegend=False, meta={"pick": list(size)})


def null_chart(score: StepComplementarity, ends: tuple[float, float]) -> Chart:
    """The observed score among those of shuffled pairs (bars) and of random weights (ticks)."""
    counts, edges = np.histogram(score.draws, bins=np.linspace(*ends, 49))
    share = 100 * counts / len(score.draws)
    bars = {
        "type": "bar",
        "x": (edges[:-1] + edges[1:]) / 2,
        "y": share,
        "width": np.diff(edges),
        "marker": {"color": "rgba(140,140,140,0.55)", "line": {"width": 0}},
        "hovertemplate": "score %{x:.2f}<br>%{y:.3g} % of the shuffled pairs<extra></extra>",
    }
    chart = Chart([bars])
    top = float(share.max()) * 1.25 or 1.0
    if score.random_draws:
        chart.add(
            {
                "type": "scatter",
                "x": score.random_draws,
                "y": [-0.09 * top] * len(score.random_draws),
                "mode": "markers",
                "marker": {"symbol": "line-ns", "size": 9, "line": {"width": 1.5, "color": ink()}},
                "hovertemplate": "score %{x:.3f} of a model with random weights<extra></extra>",
            }
        )
    colour = LEVEL_COLOURS[step_levels(score.step)[0]]
    chart.add(
        {
            "type": "scatter",
            "x": [score.score] * 2,
            "y": [0, top],
            "mode": "lines",
            "line": {"color": colour, "width": 3},
            "hovertemplate": f"this model: {significant(score.score)}<extra></extra>",
        }
    )
    left = score.score < sum(ends) / 2
    chart.annotate(
        {
            "x": score.score,
            "y": top,
            "text": f"<b>{significant(round(score.score, 3))}</b>",
            "showarrow": False,
            "xanchor": "left" if left else "right",
            "yanchor": "top",
            "xshift": 5 if left else -5,
        }
    )
    chart.update_x(range=ends, zeroline=True, nticks=6, fixedrange=True, title={"text": "score", "standoff": 4})
    chart.update_y(range=[-0.18 * top, top], visible=False, fixedrange=True)
    heading = {"text": step_digits(score.step), "x": 0, "y": 0.98, "yanchor": "top", "font_size": 13}
    margin = {"l": 2, "r": 2, "t": 26, "b": 4}
    return plain_chart(chart, 190, margin=margin, bargap=0, showlegend=False, title=heading)


def null_ends(scores: list[StepComplementarity]) -> tuple[float, float]:
    """The one axis of all steps and both models, with 0 in it."""
    values = [v for s in scores for v in (s.score, *s.random_draws, float(s.draws.min()), float(s.draws.max()))]
    low, high = min(*values, 0.0), max(*values, 0.0)
    room = 0.06 * (high - low)
    return low - room, high + room


def _values(values: Tensor) -> np.ndarray:
    found: np.ndarray = values.detach().cpu().float().numpy()
    return found
