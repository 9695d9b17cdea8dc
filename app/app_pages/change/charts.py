"""Pictures before and after, and content by cell."""

from __future__ import annotations

import plotly.graph_objects as go
from torch import Tensor

from app.charts.on_image import frame_level, mark_pixel, picture_figure, picture_uri
from app.charts.signed_cells import add_signed_cells, grey_uri, in_fine_cells
from app.charts.theme import is_dark
from rsp_lab.analysis.ledger.change import ChangeLedger
from rsp_lab.palette import LEVEL_COLOURS

Pixel = tuple[int, int]
_WIDTH = 590


def picture(image: Tensor, pixel: Pixel) -> go.Figure:
    """A picture with the selected pixel; a click selects another."""
    size = image.shape[-2], image.shape[-1]
    figure = picture_figure(size, picture_uri(image.permute(1, 2, 0).numpy(), "JPEG"), width=_WIDTH)
    mark_pixel(figure, pixel)
    return figure


def waiting(image: Tensor, pixel: Pixel) -> go.Figure:
    """The photograph without colour, in the place of one that is not there yet."""
    return map_figure(None, ground(image), pixel, 1.0, None)


def shown_map(ledger: ChangeLedger, level: int | None) -> Tensor | None:
    """Content of the cells of one level, or of all in cells of 4 x 4 pixels; None where the model has no such level."""
    if level is not None:
        return ledger.maps.get(level)
    return in_fine_cells(ledger.on_image())


def ground(image: Tensor) -> tuple[tuple[int, int], str]:
    """Size and source of the picture without colour."""
    return (image.shape[-2], image.shape[-1]), grey_uri(image, is_dark())


def map_figure(
    values: Tensor | None, grounds: tuple[tuple[int, int], str], pixel: Pixel, end: float, level: int | None
) -> go.Figure:
    """Signed cells over the picture; a click selects a pixel."""
    size, source = grounds
    figure = picture_figure(size, source, width=_WIDTH)
    if values is not None and bool((values != 0).any()):
        add_signed_cells(figure, values, size, end, "logits")
    if level is not None and level in LEVEL_COLOURS:
        frame_level(figure, level, size)
    mark_pixel(figure, pixel)
    return figure
