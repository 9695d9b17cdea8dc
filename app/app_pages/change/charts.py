"""Pictures before and after, content and looking as bars, and content by cell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from app.charts.bar_rows import Bar, Row
from app.charts.on_image import frame_level, ink, mark_pixel, picture_figure, picture_uri
from app.charts.signed_cells import grey_uri, in_fine_cells, signed_cells
from app.charts.theme import is_dark
from rsp_lab.analysis.ledger.change import ChangeLedger, player_level, player_words
from rsp_lab.palette import LEVEL_COLOURS
from rsp_lab.text import signed

Pixel = tuple[int, int]
_OTHER = "#8A8A88"
_WIDTH = 590


def picture(image: Tensor, pixel: Pixel) -> go.Figure:
    """A picture with the selected pixel; a click selects another."""
    size = image.shape[-2], image.shape[-1]
    figure = picture_figure(size, picture_uri(image.permute(1, 2, 0).numpy(), "JPEG"), width=_WIDTH)
    mark_pixel(figure, pixel)
    return figure


def parts(ledger: ChangeLedger, names: Mapping[int, str]) -> list[tuple[str, float | None, str]]:
    """Name, logits and colour of each part, coarse to fine, content before looking.

    Args:
        names: of the levels of all ledgers that stand beside each other; one without a level has None there.
    """
    found: list[tuple[str, float | None, str]] = [
        (f"content, {names[x]}", ledger.content.get(x), LEVEL_COLOURS.get(x, _OTHER))
        for x in sorted(names, reverse=True)
    ]
    for step, value in ledger.looking.items():
        level = player_level(step)
        colour = _OTHER if level is None else LEVEL_COLOURS.get(level, _OTHER)
        found.append((player_words(step), value, colour))
    return found


def ends(ledgers: tuple[ChangeLedger, ChangeLedger], names: Mapping[int, str]) -> tuple[float, float]:
    """Of the one axis of both models, whose bars begin where the one above ended."""
    reached = [0.0]
    for ledger in ledgers:
        reached += [*np.cumsum([value or 0.0 for _, value, _ in parts(ledger, names)]).tolist(), ledger.total]
    low, high = min(reached), max(reached)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def rows(ledger: ChangeLedger, names: Mapping[int, str]) -> tuple[Row, ...]:
    """Each part begins where the one above it ended, and the last bar is the whole change; see :func:`parts`."""
    found, start = [], 0.0
    for name, value, colour in parts(ledger, names):
        if value is None:
            found.append(Row(name, (), "–", reached=start))
            continue
        bar = Bar(start, value, colour, f"{name}: {signed(value, 4)} logits")
        start += value
        found.append(Row(name, (bar,), signed(round(value, 3)), reached=start))
    whole = Bar(0.0, ledger.total, ink(), f"change: {signed(ledger.total, 4)} logits")
    return (*found, Row("change", (whole,), signed(round(ledger.total, 3)), strong=True))


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
        figure.add_trace(signed_cells(values, size, end, "logits"))
    if level is not None and level in LEVEL_COLOURS:
        frame_level(figure, level, size)
    mark_pixel(figure, pixel)
    return figure
