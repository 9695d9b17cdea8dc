"""Where one pixel looks: its relation weights on every level, on the photograph and as plain grids."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rsp_lab.analysis.comparison.pixel_view import PixelView
from rsp_lab.analysis.passes.flow import StepFlow
from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.analysis.relation_weights.grids import RelationGrid
from rsp_lab.figures.drawing.captions import check_relations, view_words
from rsp_lab.figures.drawing.panels import (
    bare,
    colour_bar,
    frame,
    lightened,
    mark_pixel,
    passes_all,
    printable,
    rgb,
    show_picture,
    sides,
)
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, line_height, shorten
from rsp_lab.figures.style import (
    DOUBLE,
    FAINT,
    INK,
    QUIET,
    SMALL,
    TEXT,
    level_colour,
    level_dash,
    plot_style,
    signed_weight_map,
    weight_map,
)
from rsp_lab.shapes import step_digits
from rsp_lab.text import fixed, share, signed, significant

NOTE = (
    "max: the largest, at rows down, columns right of the pixel's cell. centre: weight of the "
    "pixel's own cell. uniform: what every position would get without a choice. entropy: of the weights over that of "
    "uniform weights, 1 = uniform, 0 = one position. Hatched: off the map."
)
SHARES = "Weights are shares of 1."
NO_SHARES = "Weights without an entropy are not normalised and are no shares."
SUM_NOTE = "passes everything down (weight 1 at the centre)"
FIXED_NOTE = "has no relation, its context is not chosen by weights"

FRAME_OUTSIDE = 1.0
"""Points from the footprint's edge to the middle of its frame."""

_MARGIN = 0.04
_GAP = 0.1
_PLAIN = 0.84
_TALLEST = 2.2
_WORDS = 0.77


def draw_relation_grids(result: PixelView, *, width: float = DOUBLE) -> Figure:
    """One panel a step, coarse to fine: the pixel's weights on the cells they belong to, and the plain grid under it.

    Weights are the level's colour from transparent to full, one scale a step for all models. A model without
    relations gets one line that says what it does instead.

    Args:
        result: of one or two models.
        width: inches, ``DOUBLE``, or ``SINGLE``, in which two steps stand beside each other.

    Raises:
        ValueError: if no model has a relation.
    """
    check_relations(result)
    with plot_style():
        sheet, sheet_width = Sheet(width), width - 2 * _MARGIN
        top = _MARGIN
        labels = sides(len(result.views))
        for side, view, answer, grids in zip(labels, result.views, result.answers, result.grids, strict=True):
            says = f"says {answer.label}, {significant(answer.margin)} logits over {answer.runner_up}"
            says = says if grids else f"{says}; {without_weights(list(view.flow))}"
            top += sheet.text(_MARGIN, top, shorten(view.name, sheet_width, bold=True), weight="bold")
            top += sheet.text(_MARGIN, top, fill(says, sheet_width, SMALL), size=SMALL, color=QUIET) + 0.04
            if grids:
                top = _draw_model(sheet, result, view, side, grids, top) + 0.08
        words = fill(f"{weight_words(result)} {NOTE}", sheet_width, SMALL)
        top += sheet.text(_MARGIN, top, words, size=SMALL, color=QUIET)
        return sheet.finish(top + _MARGIN)


def relation_grids_caption(result: PixelView, image_name: str = "") -> str:
    """The caption of :func:`draw_relation_grids`, as plain text; it raises the same."""
    check_relations(result)
    shown = [view for view, grids in zip(result.views, result.grids, strict=True) if grids]
    others = [f"{view.name} {without_weights(list(view.flow))}." for view in result.views if view not in shown]
    ends = {step: significant(weight_limit(result, step)) for step in grid_steps(result)}
    limits = ", ".join(f"RSP-{step_digits(step)} {end}" for step, end in ends.items())
    return " ".join(
        [
            f"Relation weights of {' and '.join(view.name for view in shown)} at one pixel, on the cells they belong "
            "to.",
            *others,
            weight_words(result),
            f"End of the colour scale, by step: {limits}; nothing is clipped.",
            NOTE,
            *view_words(result, image_name),
        ]
    )


def grid_steps(result: PixelView) -> list[str]:
    """Names of the steps at which any of the models has weights, coarse to fine."""
    return sorted({grid.step for grids in result.grids for grid in grids}, reverse=True)


def weight_limit(result: PixelView, step: str) -> float:
    """The end of the scale of a step's weights: the largest magnitude in any of the models."""
    peaks = [float(np.nanmax(np.abs(grid.weights))) for grids in result.grids for grid in grids if grid.step == step]
    return max(max(peaks, default=0.0), 1e-12)


def weight_colours(result: PixelView, step: str) -> tuple[Colormap, Normalize]:
    """The colour map and scale of a step's weights; diverging if a weight is negative, as without softmax."""
    shown = [grid for grids in result.grids for grid in grids if grid.step == step]
    limit = weight_limit(result, step)
    if any(float(np.nanmin(grid.weights)) < 0 for grid in shown):
        return signed_weight_map(), Normalize(-limit, limit)
    return weight_map(shown[0].high), Normalize(0.0, limit)


def weight_words(result: PixelView) -> str:
    """What the weights are: shares of 1, unless a relation has no softmax."""
    shares = all(not math.isnan(grid.entropy) for grids in result.grids for grid in grids)
    return SHARES if shares else NO_SHARES


def without_weights(steps: list[StepFlow]) -> str:
    """What is said in place of weights where there is no relation."""
    return SUM_NOTE if all(passes_all(step) for step in steps) else FIXED_NOTE


def _draw_model(
    sheet: Sheet, result: PixelView, view: ModelView, side: str, grids: tuple[RelationGrid, ...], top: float
) -> float:
    steps = grid_steps(result)
    rows, columns = result.image_size
    # Very wide photographs get two panels a row: four would be strips too thin to see a cell in.
    few = sheet.width < DOUBLE - 1 or (columns > 2.4 * rows and len(steps) > 2)
    across = 2 if few else max(len(steps), 3)
    slot = (sheet.width - 2 * _MARGIN - (across - 1) * _GAP) / across
    height, width = fit(result.image_size, slot, _TALLEST if sheet.width == DOUBLE else 1.3)
    head = line_height(TEXT) + 0.02
    below = top
    for index, step in enumerate(steps):
        left = _MARGIN + (index % across) * (slot + _GAP)
        start = top + (index // across) * (head + height + 0.08 + _PLAIN + 0.34)
        digits = step_digits(step)
        grid = next((grid for grid in grids if grid.step == step), None)
        if grid is None:
            here = [flow_step for flow_step in view.flow if flow_step.name == step]
            words = f"step {digits}: {without_weights(here)}" if here else f"no step {digits}"
            sheet.text(left, start, fill(words, slot, SMALL), size=SMALL, color=QUIET)
            continue
        sheet.text(left, start, f"RSP-{digits}")
        axes = sheet.axes(left, start + head, width, height, label=f"{side} {step} image")
        _draw_on_photo(axes, result, grid, pixels_per_inch=columns / width)
        below = start + head + height + 0.08
        _draw_plain(sheet, result, side, grid, left, below)
        below += _PLAIN + 0.26
    return below


def _draw_on_photo(axes: Axes, result: PixelView, grid: RelationGrid, pixels_per_inch: float) -> None:
    show_picture(axes, lightened(printable(rgb(result.image))), size=result.image_size)
    cmap, norm = weight_colours(result, grid.step)
    size = grid.window.kernel_size
    for row in range(size):
        for column in range(size):
            weight = float(grid.weights[row, column])
            if math.isnan(weight):
                continue
            top, left, bottom, right = grid.box(row, column)
            # Without an outline neighbours meet exactly; anti-aliasing would draw a seam between them.
            cell = Rectangle((left, top), right - left, bottom - top, facecolor=cmap(norm(weight)), linewidth=0)
            cell.set(gid=f"{grid.step} {row} {column}", antialiased=False)
            axes.add_artist(cell)
    _frame_footprint(axes, grid, pixels_per_inch)
    mark_pixel(axes, grid.pixel, size=3.5)
    rows, columns = result.image_size
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))


def _frame_footprint(axes: Axes, grid: RelationGrid, pixels_per_inch: float) -> None:
    """The footprint's frame, in the level's colour and dash on a solid light casing.

    It stands just outside the footprint: on the finest level a line is as wide as a cell and would hide the outer ones.
    """
    top, left, bottom, right = grid.footprint
    out = FRAME_OUTSIDE / 72 * pixels_per_inch
    colour, dash = level_colour(grid.high), level_dash(grid.high)
    for name, style in (
        ("casing", {"edgecolor": "white", "linewidth": 2 * FRAME_OUTSIDE}),
        ("footprint", {"edgecolor": colour, "linewidth": 1.1, "linestyle": dash}),
    ):
        edge = Rectangle(
            (left - out, top - out), right - left + 2 * out, bottom - top + 2 * out, fill=False, clip_on=False, zorder=3
        )
        edge.set(gid=f"{grid.step} {name}", **style)
        axes.add_artist(edge)


def _draw_plain(sheet: Sheet, result: PixelView, side: str, grid: RelationGrid, left: float, top: float) -> None:
    cmap, norm = weight_colours(result, grid.step)
    axes = sheet.axes(left, top, _PLAIN, _PLAIN, label=f"{side} {grid.step} grid")
    axes.imshow(np.ma.masked_invalid(grid.weights), cmap=cmap, norm=norm, interpolation="nearest", aspect="auto")
    for row, column in np.argwhere(np.isnan(grid.weights)):
        off = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="//////", edgecolor=FAINT, linewidth=0)
        axes.add_artist(off)
    half = grid.window.half
    axes.add_artist(Rectangle((half - 0.5, half - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=0.8, gid="centre"))
    bare(axes)
    frame(axes, grid.high, 1.2)
    bar = sheet.axes(left, top + _PLAIN + 0.07, _PLAIN, 0.06, label=f"{side} {grid.step} scale")
    form = partial(significant, digits=2) if math.isnan(grid.entropy) else share
    colour_bar(bar, cmap, float(norm.vmin or 0.0), float(norm.vmax or 1.0), flush=True, number=form)
    start = left + _PLAIN + 0.07
    for number, (words, value) in enumerate(_facts(grid)):
        line = top - 0.02 + number * line_height(SMALL)
        sheet.text(start, line, words, size=SMALL)
        sheet.text(start + _WORDS, line, value, size=SMALL, ha="right")


def _facts(grid: RelationGrid) -> list[tuple[str, str]]:
    """What is printed beside a plain grid."""
    row, column = grid.peak
    normalised = not math.isnan(grid.entropy)
    form = share if normalised else partial(significant, digits=2)
    facts = [
        (grid.window.describe().replace(" x ", " × ").replace("dilation", "dil."), ""),
        ("max", form(float(np.nanmax(grid.weights)))),
        ("  at", f"{signed(row)}, {signed(column)}"),
        ("centre", form(grid.centre)),
    ]
    if normalised:
        facts.append(("uniform", share(1 / int((~np.isnan(grid.weights)).sum()))))
        facts.append(("entropy", fixed(grid.entropy)))
    return facts
