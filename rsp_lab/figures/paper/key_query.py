"""Learnt query and key maps of every relation (Fig. 4)."""

from __future__ import annotations

from matplotlib.figure import Figure

from rsp_lab.analysis.comparison.pixel_view import PixelView
from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.analysis.relation_weights.key_query import KEY_QUERY_RULE, KeyQuery
from rsp_lab.figures.drawing.captions import check_relations, view_words
from rsp_lab.figures.drawing.panels import (
    Scale,
    colour_bar,
    frame,
    mark_pixel,
    rgb,
    shared_scale,
    show_map,
    show_picture,
    sides,
)
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, line_height, shorten
from rsp_lab.figures.style import DIVERGING, DOUBLE, QUIET, SMALL, TEXT, TINY, plot_style
from rsp_lab.shapes import step_digits, step_levels
from rsp_lab.text import fixed, significant

PERCENTILE = 99.0
"""As in the context flow: no map loses more than a hundredth of its cells to the ends of the scale."""

NOTE = (
    "Activations, arbitrary unit. r: correlation of query and key map, negative where they complement each other; "
    "median: of r over all middle channels."
)

_MARGIN = 0.04
_GAP = 0.08
_ROW_LABEL = 0.36
_WIDEST = 1.9
_TALLEST = 1.5
_BAR = 0.25


def draw_key_query(result: PixelView) -> Figure:
    """The query map above the key map of one middle channel, one column a relation, coarse to fine.

    One symmetric scale a step, for both maps and all models. A model without relations is not drawn.

    Raises:
        ValueError: if no model has a relation.
    """
    check_relations(result)
    with plot_style():
        sheet = Sheet(DOUBLE)
        top = _MARGIN
        for side, view in zip(sides(len(result.views)), result.views, strict=True):
            if view.key_queries:
                top = _draw_model(sheet, result, view, side, top) + 0.06
        words = fill(NOTE, DOUBLE - 2 * _MARGIN, TINY)
        top += sheet.text(_MARGIN, top, words, size=TINY, color=QUIET)
        return sheet.finish(top + _MARGIN)


def key_query_caption(result: PixelView, image_name: str = "") -> str:
    """The caption of :func:`draw_key_query`, as plain text; it raises the same."""
    check_relations(result)
    shown = [view for view in result.views if view.key_queries]
    channels = "; ".join(
        f"{view.name}: " + ", ".join(f"RSP-{step_digits(pair.step)} {pair.channel}" for pair in view.key_queries)
        for view in shown
    )
    scales = []
    for step in key_query_steps(result):
        scale = key_query_scale(result, step)
        scales.append(f"RSP-{step_digits(step)} ±{significant(scale.limit)} ({scale.words})")
    return " ".join(
        [
            f"Query and key maps of {' and '.join(view.name for view in shown)}.",
            f"Channel: {KEY_QUERY_RULE} ({channels}).",
            "r: Pearson correlation of the two maps; beside it, as a control, its median over all middle channels.",
            f"One colour scale a step, arbitrary unit: {'; '.join(scales)}.",
            *view_words(result, image_name),
        ]
    )


def key_query_steps(result: PixelView) -> list[str]:
    """Names of the steps at which any of the models has a relation, coarse to fine."""
    return sorted({pair.step for pair in _pairs(result)}, reverse=True)


def key_query_scale(result: PixelView, step: str) -> Scale:
    """The one scale of all query and key maps of a step."""
    maps = [m for pair in _pairs(result) if pair.step == step for m in (pair.query, pair.key)]
    return shared_scale([m.detach().cpu().float().numpy() for m in maps], PERCENTILE)


def _pairs(result: PixelView) -> list[KeyQuery]:
    return [pair for view in result.views for pair in view.key_queries]


def _draw_model(sheet: Sheet, result: PixelView, view: ModelView, side: str, top: float) -> float:
    steps = key_query_steps(result)
    slot = min(_WIDEST, (DOUBLE - 2 * _MARGIN - _ROW_LABEL - len(steps) * _GAP) / (len(steps) + 1))
    height, width = fit(result.image_size, slot, _TALLEST)
    top += sheet.text(_MARGIN, top, shorten(view.name, DOUBLE - 2 * _MARGIN, bold=True), weight="bold") + 0.02
    head = line_height(TEXT) + 0.02
    picture = sheet.axes(_MARGIN, top + head, width, height, label=f"{side} image")
    show_picture(picture, rgb(result.image))
    mark_pixel(picture, result.pixel)
    first = _MARGIN + width + _GAP + _ROW_LABEL
    pitch = max(width, min(slot, 1.35)) + _GAP
    for row, part in enumerate(("query", "key")):
        middle = top + head + row * (height + _GAP) + height / 2
        sheet.text(first - 0.04, middle, part, size=SMALL, ha="right", va="center")
    below = top + head + 2 * height + _GAP
    for column, step in enumerate(steps):
        pair = next((pair for pair in view.key_queries if pair.step == step), None)
        left = first + column * pitch
        if pair is None:
            sheet.text(left, top + head, f"no relation\nat step {step_digits(step)}", size=SMALL, color=QUIET)
            continue
        scale = key_query_scale(result, step)
        sheet.text(left, top, f"RSP-{step_digits(step)}")
        for row, part in enumerate(("query", "key")):
            label = f"{side} {step} {part}"
            axes = sheet.axes(left, top + head + row * (height + _GAP), width, height, label=label)
            values = pair.query if part == "query" else pair.key
            show_map(axes, values.detach().cpu().float().numpy(), scale, result.image_size)
            frame(axes, step_levels(step)[0])
            mark_pixel(axes, result.pixel, size=max(2.5, min(4.5, 18 * height)))
        words = f"r = {fixed(pair.correlation)} (median {fixed(pair.median_correlation)})"
        sheet.text(left, below + 0.02, words, size=TINY)
        bar = sheet.axes(left + 0.12, below + 0.2, max(0.6, min(width, 1.4) - 0.24), 0.07, label=f"{side} {step} scale")
        colour_bar(bar, DIVERGING, -scale.limit, scale.limit, clipped=scale.clipped > 0)
    return below + 0.2 + _BAR
