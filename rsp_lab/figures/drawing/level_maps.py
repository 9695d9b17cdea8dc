"""A row of signed maps, one per level, each over the detail of the picture where it contributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from rsp_lab.analysis.ledger.extent import Box
from rsp_lab.figures.drawing.panels import Scale, frame, lightened, printable, show_picture
from rsp_lab.figures.drawing.sheet import Sheet, fit, line_height, text_width
from rsp_lab.figures.style import DOUBLE, QUIET, SMALL, TEXT, signed_weight_map
from rsp_lab.text import signed_column

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
    slot = (DOUBLE - 2 * _MARGIN - (len(boxes) - 1) * _GAP) / len(boxes)
    size = picture.shape[0], picture.shape[1]
    high, wide = fit(size, slot, tallest)
    background = lightened(printable(picture))
    totals = {level: signed_column(float(values.sum())) for level, values in maps.items()}
    # The sums of all panels stand below the names where one has no room beside its name.
    below = any(text_width(f"{names[level]} {total}", SMALL) > slot for level, total in totals.items())
    start = top + line_height(TEXT) + below * line_height(SMALL)
    for number, (level, (upper, left_edge, lower, right_edge)) in enumerate(boxes.items()):
        left = _MARGIN + number * (slot + _GAP)
        sheet.text(left, top, names[level], size=SMALL)
        if level not in maps:
            sheet.text(left, start, "not read", size=SMALL, color=QUIET)
            continue
        limit = (scale if isinstance(scale, Scale) else scale[level]).limit
        if below:
            sheet.text(left, top + line_height(SMALL), totals[level], size=SMALL)
        else:
            # Beside the level's name even where the picture is narrower than both.
            end = max(wide, text_width(f"{names[level]} {totals[level]}", SMALL))
            sheet.text(left + end, top, totals[level], size=SMALL, ha="right")
        axes = sheet.axes(left, start, wide, high, label=f"{side} level {level}")
        show_picture(axes, background, size=size)
        axes.imshow(
            maps[level].numpy(),
            cmap=signed_weight_map(),
            vmin=-limit,
            vmax=limit,
            extent=(-0.5, size[1] - 0.5, size[0] - 0.5, -0.5),
            interpolation="nearest",
            aspect="auto",
        )
        mark(axes)
        axes.set(xlim=(left_edge, right_edge), ylim=(lower, upper))
        frame(axes, level, 1.2)
    return start + high
