"""Charts of relations: readings of the weights over the image, the gaze as arrows, and one pixel's windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from torch import Tensor

from app.charts.chart import Chart
from app.charts.negative_hatch import hatch_negative
from app.charts.on_image import cell_map, colour_bar, frame_level, ink, mark_pixel, picture_chart
from app.charts.theme import diverging, plain_chart, reach, sequential
from app.shell.steps import StepSide
from rsp_lab.analysis.relation_weights.gaze import StepGaze
from rsp_lab.palette import LEVEL_COLOURS
from rsp_lab.relations.window import window_mask
from rsp_lab.shapes import cell_to_pixel, step_levels
from rsp_lab.text import signed

Pixel = tuple[int, int]
# A map keeps the rest of its colours where a hundredth of its cells is far out.
_SHARE = 0.99
_MOST_ARROWS = 190
# Room of a colour bar; the same on both sides, whether there is one or not.
_BAR = 52
# Screen pixels that a picture gets on one half of the page, and upwards at most.
_HALF, _HIGHEST = 545, 460


@dataclass(frozen=True)
class Reading:
    """A quantity with one value per cell.

    Attributes:
        read: from a relation.
        unit: empty for shares.
        signed: whether 0 is its middle.
        most: upper end of the scale where the quantity has one.
    """

    read: Callable[[StepGaze], Tensor]
    unit: str = ""
    signed: bool = False
    most: float | None = None


def _peak(axis: int) -> Callable[[StepGaze], Tensor]:
    return lambda step: step.readings["full"].peak[axis] * step.readings["full"].pixels_per_cell[axis]


READINGS: dict[str, Reading] = {
    "Normalised entropy": Reading(lambda s: s.readings["full"].normalised_entropy, most=1.0),
    "Reach": Reading(lambda s: s.readings["full"].reach, "px"),
    "Expected offset, down": Reading(lambda s: s.readings["full"].offset[0], "px", signed=True),
    "Expected offset, right": Reading(lambda s: s.readings["full"].offset[1], "px", signed=True),
    "Peak offset, down": Reading(_peak(0), "px", signed=True),
    "Peak offset, right": Reading(_peak(1), "px", signed=True),
    "Position’s share of score variance": Reading(lambda s: s.position_spread, signed=True),
    "Content alone: total variation from full": Reading(lambda s: s.variation["content"], most=1.0),
    "Position alone: total variation from full": Reading(lambda s: s.variation["position"], most=1.0),
}


class Arrows(StrEnum):
    """What the arrows over the photograph are."""

    GAZE = "gaze"
    OFFSET = "expected offset"


ARROWS: dict[Arrows, Callable[[StepGaze], Tensor]] = {
    Arrows.GAZE: lambda step: step.arrow,
    Arrows.OFFSET: lambda step: step.readings["full"].offset,
}
GRIDS = (
    *("weights", "content<br>score", "position<br>score"),
    *("weights,<br>content<br>alone", "weights,<br>position<br>alone"),
)


def values_of(step: StepGaze, reading: Reading) -> np.ndarray:
    values: np.ndarray = reading.read(step).detach().cpu().double().numpy()
    return values


def scale_of(reading: Reading, sides: tuple[StepSide, StepSide]) -> tuple[float, float]:
    """The one scale of a reading for both models."""
    if reading.most is not None:
        return 0.0, reading.most
    end = reach(*(values_of(one.gaze, reading) for one in sides if one.gaze is not None), share=_SHARE)
    return (-end, end) if reading.signed else (0.0, end)


def reading_chart(
    one: StepSide,
    reading: Reading,
    scale: tuple[float, float],
    pixel: Pixel,
    ground: str,
    size: Pixel,
    over: bool,
    wide: float = 1.0,
) -> Chart:
    """A reading over the photograph, on which a step without a relation shows nothing; ``wide`` times half a page."""
    chart = picture_chart(size, ground, right=_BAR, width=round(wide * _HALF), highest=round(wide * _HIGHEST))
    if one.gaze is not None:
        values, colours = values_of(one.gaze, reading), diverging() if reading.signed else sequential()
        bar = colour_bar() | ({"ticksuffix": f" {reading.unit}"} if reading.unit else {})
        shown = {"zmin": scale[0], "zmax": scale[1], "opacity": 0.62 if over else 1.0}
        chart.add(cell_map(values, size, reading.unit, colorscale=colours, colorbar=bar, **shown))
        if reading.signed:
            hatch_negative(chart, values, size, scale[1])
        frame_level(chart, step_levels(one.gaze.step)[0], size)
    mark_pixel(chart, pixel)
    return chart


def arrow_chart(
    one: StepSide, kind: Callable[[StepGaze], Tensor], pixel: Pixel, ground: str, size: Pixel, wide: float = 1.0
) -> tuple[Chart, int]:
    """Arrows at every n-th cell, in input pixels, and n; dots on each own cell for a sum."""
    width, highest = round(wide * _HALF), round(wide * _HIGHEST)
    chart = picture_chart(size, ground, right=_BAR, width=width, highest=highest, opacity=0.8)
    every = 1
    if one.gaze is not None:
        every = _every(one.gaze)
        _add_arrows(chart, kind(one.gaze).detach().cpu().double().numpy(), every, step_levels(one.gaze.step)[0], size)
        frame_level(chart, step_levels(one.gaze.step)[0], size)
    mark_pixel(chart, pixel)
    return chart, every


def _every(step: StepGaze) -> int:
    height, width = step.gaze.shape[-2:]
    every = 1
    while -(-height // every) * -(-width // every) > _MOST_ARROWS:
        every += 1
    return every


def _add_arrows(chart: Chart, arrows: np.ndarray, every: int, level: int, size: Pixel) -> None:
    _, height, width = arrows.shape
    xs: list[float | None] = []
    ys: list[float | None] = []
    words: list[str] = []
    for y in range(every // 2, height, every):
        for x in range(every // 2, width, every):
            down, right = arrows[:, y, x].tolist()
            tail_x, tail_y = cell_to_pixel(x, width, size[1]), cell_to_pixel(y, height, size[0])
            xs += [tail_x, tail_x + right, None]
            ys += [tail_y, tail_y + down, None]
            text = f"cell y {y}, x {x}: {signed(down)} px down, {signed(right)} px right"
            words += [text, text, ""]
    heads = [0, 1, 0] * (len(xs) // 3)
    for colour, width_px, head in (("rgba(255,255,255,0.9)", 3.6, 10.5), (LEVEL_COLOURS[level], 2.0, 8)):
        chart.add(
            {
                "type": "scatter",
                "x": xs,
                "y": ys,
                "text": words,
                "mode": "lines+markers",
                "line": {"color": colour, "width": width_px},
                "marker": {
                    "symbol": "arrow",
                    "angleref": "previous",
                    "size": [head * n for n in heads],
                    "color": colour,
                    "opacity": 1,
                    "line": {"width": 0},
                },
                "cliponaxis": True,
                "hovertemplate": "%{text}<extra></extra>",
                "showlegend": False,
            }
        )


def windows_at(step: StepGaze, pixel: Pixel) -> tuple[np.ndarray, ...]:
    """The windows (wy, wx) of the cell under a pixel, in the order of :data:`GRIDS`; NaN off the map."""
    height, width = step.gaze.shape[-2:]
    y, x = step.cell_at(pixel)
    inside = window_mask(height, width, step.window)[:, :, y, x]
    parts = (step.weights["full"], step.content, step.position, step.weights["content"], step.weights["position"])
    nowhere = torch.full(inside.shape, torch.nan, dtype=torch.float64)
    return tuple(torch.where(inside, part[:, :, y, x].detach().cpu().double(), nowhere).numpy() for part in parts)


def window_scales(sides: tuple[StepSide, StepSide], pixel: Pixel) -> tuple[tuple[float, float], float]:
    """Ends of the weights' scale, and the reach of the scores', for all windows of both models."""
    windows = [windows_at(one.gaze, pixel) for one in sides if one.gaze is not None]
    weights = [each[i] for each in windows for i in (0, 3, 4)]
    scores = [each[i] for each in windows for i in (1, 2)]
    least = min((float(np.nanmin(w)) for w in weights), default=0.0)
    end = reach(*weights)
    return (-end if least < 0 else 0.0, end), reach(*scores)


def windows_chart(one: StepSide, pixel: Pixel, scales: tuple[tuple[float, float], float]) -> Chart:
    """One pixel's windows side by side: weights, the two parts of the scores, and the weights of each part alone."""
    assert one.gaze is not None
    (low, high), score = scales
    windows = windows_at(one.gaze, pixel)
    chart = Chart.grid(1, len(GRIDS), titles=GRIDS, horizontal_spacing=0.025)
    offsets = list(one.gaze.window.offsets)
    for column, (name, values) in enumerate(zip(GRIDS, windows, strict=True), 1):
        is_score = column in (2, 3)
        ends = (-score, score) if is_score else (low, high)
        colours = diverging() if low < 0 or is_score else weight_colours(one.gaze.step)
        place = (1, column)
        chart.add(_window(values, offsets, ends, name, colours), place)
        first, pitch = _edge(offsets)
        across = (len(offsets) * pitch,) * 2
        hatch_negative(chart, values, across, ends[1], place, first=(first, first))
        half = one.gaze.window.dilation / 2
        box = {"type": "rect", "x0": -half, "x1": half, "y0": -half, "y1": half}
        chart.add_shape({**box, "line": {"color": ink(), "width": 1.5}}, place)
    _finish_windows(chart, offsets)
    return chart


def fixed_chart(one: StepSide, other: StepGaze) -> Chart:
    """The weights that a step without a relation has at every cell, in the other model's window."""
    weights = one.fixed_weights(other.window)
    radius = (len(weights) // 2) * (one.window or other.window).dilation
    offsets = np.linspace(-radius, radius, len(weights)).astype(int).tolist()
    chart = Chart.grid(1, 1, titles=("weights",))
    chart.add(_window(weights, offsets, (0.0, 1.0), "weights", weight_colours(other.step)), (1, 1))
    _finish_windows(chart, offsets, 1)
    return chart


def weight_colours(step: str) -> Any:
    """The colour of the level that a step takes from, from transparent to full."""
    colour = LEVEL_COLOURS[step_levels(step)[0]]
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return [[0.0, f"rgba({red},{green},{blue},0.06)"], [1.0, f"rgb({red},{green},{blue})"]]


def _window(
    values: np.ndarray, offsets: list[int], ends: tuple[float, float], name: str, colours: Any
) -> dict[str, Any]:
    words = "%{y:+d} cells down, %{x:+d} right<br>%{z:.3g}<extra>" + name.replace("<br>", " ") + "</extra>"
    return {
        "type": "heatmap",
        "z": values,
        "x": offsets,
        "y": offsets,
        "zmin": ends[0],
        "zmax": ends[1],
        "colorscale": colours,
        "showscale": False,
        "hoverongaps": False,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": words,
    }


def _edge(offsets: list[int]) -> tuple[float, float]:
    """Where a window begins, and from one cell of it to the next."""
    pitch = (offsets[-1] - offsets[0]) / max(1, len(offsets) - 1) or 1
    return offsets[0] - pitch / 2, pitch


def _finish_windows(chart: Chart, offsets: list[int], windows: int = len(GRIDS)) -> None:
    first, pitch = _edge(offsets)
    ends = first, first + len(offsets) * pitch
    chart.update_x(visible=False, range=ends, constrain="domain", fixedrange=True)
    chart.update_y(visible=False, range=ends[::-1], constrain="domain", constraintoward="top", fixedrange=True)
    for column in range(1, windows + 1):
        chart.update_y((1, column), scaleanchor=f"x{column if column > 1 else ''}")
    chart.update_annotations(font={"size": 11}, yshift=2)
    plain_chart(chart, 172, margin={"l": 0, "r": 0, "t": 52, "b": 4}, showlegend=False)
