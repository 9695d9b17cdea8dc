"""Maps of ledgers: signed cells of each level at their place on the photograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from app.app_pages.ledger.readings import Panel
from app.charts.chart import Chart
from app.charts.legend import outline_chip
from app.charts.on_image import frame_level, mark_pixel, picture_chart
from app.charts.signed_cells import add_signed_cells, in_fine_cells, signed_scale_html
from rsp_lab.analysis.ledger.extent import Box, contributing_box
from rsp_lab.analysis.ledger.footprint import on_pixels
from rsp_lab.palette import LEVEL_COLOURS, OUTLINE_COLOURS, OUTLINE_WORDS

Size = tuple[int, int]
THUMB_SIDE = 240
# Of the part that is shown close: its least side over the image's, and over what contributes.
_LEAST_SHOWN, _AROUND = 0.12, 1.15


@dataclass(frozen=True)
class Ground:
    """What lies below the cells.

    Attributes:
        size: (y, x) of the image.
        photograph, small: grey, as sources of a picture; the second for thumbnails.
        outline: of the target's region and of what is planted; empty without any.
        pixel: (y, x) that is selected.
        outlined: names of what is.
    """

    size: Size
    photograph: str
    small: str
    outline: str
    pixel: Size
    outlined: tuple[str, ...] = ()


def shown_map(panel: Panel, level: int | None, size: Size) -> Tensor | None:
    """Cells of one level, or of all in cells of 4 x 4 pixels; None where the panel has none."""
    if panel.missing or (level is not None and level not in panel.maps):
        return None
    if level is not None:
        return panel.maps[level]
    whole = sum((on_pixels(values, size) for values in panel.maps.values()), torch.zeros(size, dtype=torch.float64))
    return in_fine_cells(whole)


def close_box(maps: list[Tensor], ground: Ground) -> Box:
    """The part of the image, in its proportions, with all that contributes and a little around it."""
    return contributing_box(maps, ground.size, ground.pixel, least=_LEAST_SHOWN, margin=_AROUND)


def map_chart(
    values: Tensor | None, ground: Ground, end: float, unit: str, level: int | None, box: tuple[float, ...] | None
) -> Chart:
    """One panel's cells over the photograph; a drag zooms, a double click shows all, a click selects."""
    grounds = filter(None, (ground.photograph, ground.outline))
    chart = picture_chart(ground.size, *grounds, width=395)
    if values is not None and bool((values != 0).any()):
        add_signed_cells(chart, values, ground.size, end, unit)
    if level is not None and level in LEVEL_COLOURS:
        frame_level(chart, level, ground.size)
    mark_pixel(chart, ground.pixel)
    across: dict[str, Any] = {"fixedrange": False}
    down: dict[str, Any] = {"fixedrange": False}
    if box is not None:
        top, left, bottom, right = box
        across["range"], down["range"] = [left, right], [bottom, top]
    chart.update(dragmode="zoom", xaxis=across, yaxis=down)
    return chart


def scale_html(end: float, most: float, unit: str, words: str, ground: Ground) -> str:
    """The one scale of the three maps, printed, and what is outlined."""
    chips = "".join(
        outline_chip(OUTLINE_COLOURS.get(name, "#FFFFFF"), OUTLINE_WORDS.get(name, "target: whose mean is explained"))
        for name in ground.outlined
    )
    return signed_scale_html(end, most, unit, words, chips)
