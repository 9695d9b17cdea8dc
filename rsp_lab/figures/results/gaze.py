"""Gaze fields: where the relations of every place look, and where they would look by position alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rsp_lab.analysis.relation_weights.gaze import StepGaze
from rsp_lab.figures.drawing.captions import image_words
from rsp_lab.figures.drawing.panels import frame, lightened, printable, rgb, show_picture
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, line_height
from rsp_lab.figures.style import DOUBLE, INK, QUIET, SINGLE, SMALL, level_colour, plot_style
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import step_digits, step_levels
from rsp_lab.text import fixed, significant

MOST = 18
"""Arrows along the longer side of a panel at the most; of larger maps every n-th cell is drawn."""

_MARGIN = 0.05
_GAP = 0.1
_LABEL = 0.52
_TALLEST = 1.6
NOTE = (
    "Arrow: expected offset from a cell (dot) to where it looks. Position: what the gaze alone would give away from "
    "the border; weights: as learnt. Arrows are lengthened so that the longest that a window allows along one axis, "
    "whose true length is printed, is as long as the dots are apart. Explains: 1 minus the distance between the "
    "weights of position (or content) alone and the full ones, over that of equal weights; 1 is all, 0 or less nothing."
)


def draw_gaze(image: ImageLike, steps: Sequence[StepGaze], *, width: float = DOUBLE) -> Figure:
    """A column a relation, coarse to fine: above, arrows of position alone; below, of the weights as they are.

    In a column's width the relations stand below each other, the two kinds of arrows beside each other.

    Args:
        image: RGB that the relations were captured on, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        steps: see :func:`rsp_lab.analysis.relation_weights.gaze.gaze_steps`.
        width: inches, ``SINGLE`` or ``DOUBLE``.

    Raises:
        ValueError: without a relation.
    """
    if not steps:
        raise ValueError("no relation, no gaze: take a model with RSP or SELF steps.")
    with plot_style():
        sheet = Sheet(width)
        background = lightened(printable(rgb(image)))
        bottom = (_rows if width <= SINGLE + 1 else _columns)(sheet, background, steps)
        words = fill(NOTE, width - 2 * _MARGIN, SMALL)
        bottom += 0.05 + sheet.text(_MARGIN, bottom + 0.05, words, size=SMALL, color=QUIET)
        return sheet.finish(bottom + _MARGIN)


def gaze_caption(steps: Sequence[StepGaze], name: str, image_name: str = "") -> str:
    """The caption of :func:`draw_gaze`, as plain text; ``name`` is that of the model."""
    residual = max(step.score_residual for step in steps)
    return " ".join(
        [
            f"Gaze fields of {name}.",
            NOTE,
            f"Content and position add up to the captured scores to a relative {residual:.1g}.",
            image_words(steps[0].image_size, image_name),
        ]
    )


def _columns(sheet: Sheet, background: np.ndarray, steps: Sequence[StepGaze]) -> float:
    slot = (sheet.width - 2 * _MARGIN - _LABEL - (len(steps) - 1) * _GAP) / max(len(steps), 3)
    high, wide = fit(steps[0].image_size, slot, _TALLEST)
    top = _MARGIN + line_height(SMALL) + line_height(SMALL)
    for row, kind in enumerate(("position", "weights")):
        y = top + row * (high + _GAP)
        sheet.text(_MARGIN, y + high / 2, kind, size=SMALL, va="center")
        for column, step in enumerate(steps):
            axes = sheet.axes(_MARGIN + _LABEL + column * (slot + _GAP), y, wide, high, label=f"{step.step} {kind}")
            _draw_field(axes, background, step, kind)
    bottom = top + 2 * high + _GAP + 0.03
    for column, step in enumerate(steps):
        left = _MARGIN + _LABEL + column * (slot + _GAP)
        _draw_words(sheet, step, left, _MARGIN, bottom)
    return bottom + 2 * line_height(SMALL)


def _rows(sheet: Sheet, background: np.ndarray, steps: Sequence[StepGaze]) -> float:
    slot = (sheet.width - 2 * _MARGIN - _GAP) / 2
    high, wide = fit(steps[0].image_size, slot, 1.3)
    top = _MARGIN + line_height(SMALL)
    for step in steps:
        start = top + line_height(SMALL) + line_height(SMALL)
        for column, kind in enumerate(("position", "weights")):
            left = _MARGIN + column * (slot + _GAP)
            if step is steps[0]:
                # Above the step's own words, which a narrow picture leaves no room for beside it.
                sheet.text(left, _MARGIN, kind, size=SMALL, color=QUIET)
            axes = sheet.axes(left, start, wide, high, label=f"{step.step} {kind}")
            _draw_field(axes, background, step, kind)
        _draw_words(sheet, step, _MARGIN, top, start + high + 0.02)
        top = start + high + 2 * line_height(SMALL) + 0.1
    return top - 0.06


def _draw_words(sheet: Sheet, step: StepGaze, left: float, top: float, bottom: float) -> None:
    sheet.text(left, top, f"RSP-{step_digits(step.step)}", size=SMALL, weight="bold")
    words = f"longest: {significant(longest(step))} px"
    sheet.text(left, top + line_height(SMALL), words, size=SMALL, color=QUIET)
    parts = "\n".join(f"{part} explains {fixed(step.explained(part))}" for part in ("position", "content"))
    sheet.text(left, bottom, parts, size=SMALL, color=INK)


def longest(step: StepGaze) -> float:
    """The longest offset along one axis that a window allows, input pixels."""
    return step.window.radius * max(step.readings["full"].pixels_per_cell)


def field(step: StepGaze, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of the drawn cells and their offsets, (n, 2) each, and how far cells are apart; (y, x) in input pixels."""
    values = step.arrow if kind == "position" else step.readings["full"].offset
    height, width = values.shape[-2:]
    every = max(1, -(-max(height, width) // MOST))
    rows, columns = np.arange(every // 2, height, every), np.arange(every // 2, width, every)
    scale = np.array(step.readings["full"].pixels_per_cell)
    y, x = np.meshgrid((rows + 0.5) * scale[0] - 0.5, (columns + 0.5) * scale[1] - 0.5, indexing="ij")
    offsets = values[:, rows][:, :, columns].numpy()
    return np.column_stack([y.ravel(), x.ravel()]), offsets.reshape(2, -1).T, every * scale


def _draw_field(axes: Axes, background: np.ndarray, step: StepGaze, kind: str) -> None:
    show_picture(axes, background, size=step.image_size)
    cells, offsets, apart = field(step, kind)
    zoom = float(apart.min()) / longest(step)
    colour = level_colour(step_levels(step.step)[0])
    arrows = axes.quiver(
        cells[:, 1],
        cells[:, 0],
        offsets[:, 1],
        offsets[:, 0],
        angles="xy",
        scale_units="xy",
        scale=1 / zoom,
        color=colour,
        width=0.006,
        headwidth=3.6,
        headlength=4,
        headaxislength=3.6,
        minlength=0.3,
        zorder=3,
    )
    arrows.set_gid("arrows")
    axes.scatter(cells[:, 1], cells[:, 0], s=0.8, color=INK, linewidths=0, zorder=2)
    frame(axes, step_levels(step.step)[0])
