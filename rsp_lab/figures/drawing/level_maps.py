"""A row of signed maps, one per level, each over the detail of the picture where it contributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from rsp_lab.analysis.ledger.extent import Box
from rsp_lab.figures.drawing.negative_hatch import hatch_negative, hatch_scale
from rsp_lab.figures.drawing.panels import Scale, colour_bar, frame, lightened, printable, show_picture
from rsp_lab.figures.drawing.sheet import Sheet, fit, line_height, text_width
from rsp_lab.figures.style import QUIET, SINGLE, SMALL, TEXT, signed_weight_map
from rsp_lab.text import signed_column, significant

_MARGIN, _GAP = 0.08, 0.08


def draw_level_maps(
    sheet: Sheet,
    picture: np.ndarray,
    side: str,
    maps: Mapping[int, Tensor],
    names: Mapping[int, str],
    boxes: Mapping[int, Box],
    scale: Scale | Mapping[int, Scale],
    top: float,
    *,
    tallest: float,
    mark: Callable[[Axes], None],
) -> float:
    """The maps with their sums above them; returns where they end, in inches from the top of the sheet.

    Args:
        picture: (y, x, 3) in 8 bits; drawn lightened below the cells.
        side: of the model, at the beginning of the axes' labels.
        maps: (v, u) by level; a level of ``boxes`` that is missing is said to be not read.
        names: of the levels, as :func:`rsp_lab.shapes.level_names` gives them.
        boxes: the detail that each level's panel shows, in the order of the panels.
        scale: of all maps, centred on 0, or one per level.
        top: where the levels' names stand, in inches.
        tallest: height of a panel at the most, in inches.
        mark: draws the target on a panel.
    """
    across = len(boxes) if sheet.width > SINGLE + 1 else min(3, len(boxes))
    slot = (sheet.width - 2 * _MARGIN - (across - 1) * _GAP) / across
    size = picture.shape[0], picture.shape[1]
    panel = fit(size, slot, tallest if sheet.width > SINGLE + 1 else 0.5 * tallest)
    background = lightened(printable(picture))
    totals = {level: signed_column(float(values.sum())) for level, values in maps.items()}
    # The sums of all panels stand below the names where one has no room beside its name.
    below = any(text_width(f"{names[level]} {total}", SMALL) > slot for level, total in totals.items())
    own = not isinstance(scale, Scale)
    head = line_height(TEXT) + below * line_height(SMALL)
    high = head + panel[0] + own * (line_height(SMALL) + 0.02)
    for number, (level, box) in enumerate(boxes.items()):
        row, column = divmod(number, across)
        left, start = _MARGIN + column * (slot + _GAP), top + row * (high + 0.04)
        sheet.text(left, start, names[level], size=SMALL)
        if level not in maps:
            sheet.text(left, start + head, "not read", size=SMALL, color=QUIET)
            continue
        limit = (scale if isinstance(scale, Scale) else scale[level]).limit
        if below:
            sheet.text(left, start + line_height(SMALL), totals[level], size=SMALL)
        else:
            # Beside the level's name even where the picture is narrower than both.
            end = max(panel[1], text_width(f"{names[level]} {totals[level]}", SMALL))
            sheet.text(left + end, start, totals[level], size=SMALL, ha="right")
        axes = sheet.axes(left, start + head, panel[1], panel[0], label=f"{side} level {level}")
        _show(axes, background, maps[level], limit, size)
        mark(axes)
        axes.set(xlim=(box[1], box[3]), ylim=(box[2], box[0]))
        frame(axes, level, 1.2)
        if own:
            words = f"±{significant(limit)}"
            sheet.text(left, start + head + panel[0] + 0.02, words, size=SMALL, color=QUIET)
    rows = -(-len(boxes) // across)
    return top + rows * (high + 0.04) - 0.04


def draw_level_scale(axes: Axes, limit: float, *, number: Callable[[float], str] = significant) -> None:
    """The scale of such maps, from minus to plus its end."""
    colour_bar(axes, signed_weight_map(), -limit, limit, flush=True, number=number)
    hatch_scale(axes)


def _show(axes: Axes, background: np.ndarray, values: Tensor, limit: float, size: tuple[int, int]) -> None:
    """Cells over the lightened picture."""
    show_picture(axes, background, size=size)
    axes.imshow(
        values.numpy(),
        cmap=signed_weight_map(),
        vmin=-limit,
        vmax=limit,
        extent=(-0.5, size[1] - 0.5, size[0] - 0.5, -0.5),
        interpolation="nearest",
        aspect="auto",
    )
    hatch_negative(axes, values.numpy(), limit, size)
