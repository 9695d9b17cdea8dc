"""Learnt query and key maps of every relation (Fig. 4)."""

from __future__ import annotations

from matplotlib.figure import Figure

from rsp_lab.analysis.comparison.compare import Comparison
from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.analysis.relation_weights.key_query import KeyQuery
from rsp_lab.figures.drawing.panels import (
    SIDES,
    Scale,
    colour_bar,
    frame,
    mark_pixel,
    rgb,
    shared_scale,
    show_map,
    show_picture,
)
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, line_height, shorten
from rsp_lab.figures.style import DIVERGING, DOUBLE, QUIET, SMALL, TEXT, TINY, plot_style
from rsp_lab.shapes import step_digits, step_levels

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


def draw_key_query(comparison: Comparison) -> Figure:
    """The query map above the key map of one middle channel, one column a relation, coarse to fine.

    One symmetric scale a step, for both maps and both models. A model without relations is not drawn.

    Raises:
        ValueError: if neither model has a relation.
    """
    views = (comparison.left, comparison.right)
    if not any(view.key_queries for view in views):
        raise ValueError(
            f"neither {comparison.left.name} nor {comparison.right.name} has a relation, so there is no query and no "
            "key to draw: compare with a model that has one, e.g. an RSP head."
        )
    with plot_style():
        sheet = Sheet(DOUBLE)
        top = _MARGIN
        for side, view in zip(SIDES, views, strict=True):
            if view.key_queries:
                top = _draw_model(sheet, comparison, view, side, top) + 0.06
        words = fill(NOTE, DOUBLE - 2 * _MARGIN, TINY)
        top += sheet.text(_MARGIN, top, words, size=TINY, color=QUIET)
        return sheet.finish(top + _MARGIN)


def key_query_steps(comparison: Comparison) -> list[str]:
    """Names of the steps at which either model has a relation, coarse to fine."""
    return sorted({pair.step for pair in _pairs(comparison)}, reverse=True)


def key_query_scale(comparison: Comparison, step: str) -> Scale:
    """The one scale of all query and key maps of a step."""
    maps = [m for pair in _pairs(comparison) if pair.step == step for m in (pair.query, pair.key)]
    return shared_scale([m.detach().cpu().float().numpy() for m in maps], PERCENTILE)


def _pairs(comparison: Comparison) -> list[KeyQuery]:
    return [*comparison.left.key_queries, *comparison.right.key_queries]


def _two(correlation: float) -> str:
    return f"{correlation:.2f}".replace("-", "−")


def _draw_model(sheet: Sheet, comparison: Comparison, view: ModelView, side: str, top: float) -> float:
    steps = key_query_steps(comparison)
    slot = min(_WIDEST, (DOUBLE - 2 * _MARGIN - _ROW_LABEL - len(steps) * _GAP) / (len(steps) + 1))
    height, width = fit(comparison.image_size, slot, _TALLEST)
    top += sheet.text(_MARGIN, top, shorten(view.name, DOUBLE - 2 * _MARGIN, bold=True), weight="bold") + 0.02
    head = line_height(TEXT) + 0.02
    picture = sheet.axes(_MARGIN, top + head, width, height, label=f"{side} image")
    show_picture(picture, rgb(comparison.image))
    mark_pixel(picture, comparison.pixel)
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
        scale = key_query_scale(comparison, step)
        sheet.text(left, top, f"RSP-{step_digits(step)}")
        for row, part in enumerate(("query", "key")):
            label = f"{side} {step} {part}"
            axes = sheet.axes(left, top + head + row * (height + _GAP), width, height, label=label)
            values = pair.query if part == "query" else pair.key
            show_map(axes, values.detach().cpu().float().numpy(), scale, comparison.image_size)
            frame(axes, step_levels(step)[0])
            mark_pixel(axes, comparison.pixel, size=max(2.5, min(4.5, 18 * height)))
        words = f"r = {_two(pair.correlation)} (median {_two(pair.median_correlation)})"
        sheet.text(left, below + 0.02, words, size=TINY)
        bar = sheet.axes(left + 0.12, below + 0.2, max(0.6, min(width, 1.4) - 0.24), 0.07, label=f"{side} {step} scale")
        colour_bar(bar, DIVERGING, -scale.limit, scale.limit, clipped=scale.clipped > 0)
    return below + 0.2 + _BAR
