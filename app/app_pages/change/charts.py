"""Pictures before and after, and content by cell."""

from __future__ import annotations

from torch import Tensor

from app.charts.chart import Chart
from app.charts.on_image import frame_level, mark_pixel, picture_chart, picture_uri
from app.charts.signed_cells import add_signed_cells, grey_uri, in_fine_cells
from app.charts.theme import is_dark
from rsp_lab.analysis.ledger.change import ChangeLedger
from rsp_lab.palette import LEVEL_COLOURS

Pixel = tuple[int, int]
_WIDTH = 590


def picture(image: Tensor, pixel: Pixel) -> Chart:
    """A picture with the selected pixel; a click selects another."""
    size = image.shape[-2], image.shape[-1]
    chart = picture_chart(size, picture_uri(image.permute(1, 2, 0).numpy(), "JPEG"), width=_WIDTH)
    mark_pixel(chart, pixel)
    return chart


def waiting(image: Tensor, pixel: Pixel) -> Chart:
    """The photograph without colour, in the place of one that is not there yet."""
    return map_chart(None, ground(image), pixel, 1.0, None)


def shown_map(ledger: ChangeLedger, level: int | None) -> Tensor | None:
    """Content of the cells of one level, or of all in cells of 4 x 4 pixels; None where the model has no such level."""
    if level is not None:
        return ledger.maps.get(level)
    return in_fine_cells(ledger.on_image())


def ground(image: Tensor) -> tuple[tuple[int, int], str]:
    """Size and source of the picture without colour."""
    return (image.shape[-2], image.shape[-1]), grey_uri(image, is_dark())


def map_chart(
    values: Tensor | None, grounds: tuple[tuple[int, int], str], pixel: Pixel, end: float, level: int | None
) -> Chart:
    """Signed cells over the picture; a click selects a pixel."""
    size, source = grounds
    chart = picture_chart(size, source, width=_WIDTH)
    if values is not None and bool((values != 0).any()):
        add_signed_cells(chart, values, size, end, "logits")
    if level is not None and level in LEVEL_COLOURS:
        frame_level(chart, level, size)
    mark_pixel(chart, pixel)
    return chart
