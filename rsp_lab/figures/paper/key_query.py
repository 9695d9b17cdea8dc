"""Learnt query and key maps of every relation (Fig. 4)."""

from __future__ import annotations

from matplotlib.figure import Figure

from rsp_lab.analysis.comparison.pixel_view import PixelView
from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.analysis.relation_weights.key_query import KEY_QUERY_RULE, SIGN, KeyQuery, verdict
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
from rsp_lab.figures.style import DIVERGING, DOUBLE, QUIET, SMALL, TEXT, plot_style
from rsp_lab.shapes import step_digits, step_levels
from rsp_lab.text import signed_fixed, significant

PERCENTILE = 99.0
"""As in the context flow: no map loses more than a hundredth of its cells to the ends of the scale."""

NOTE = (
    f"Activations, arbitrary unit. Minus the correlation over the map of query and key, {SIGN}: of the channel shown, "
    "of all middle channels, and in brackets what 95 % of shuffled channels give."
)

_MARGIN = 0.04
_GAP = 0.1
_ROW_LABEL = 0.36
_TALLEST = 1.5
_BAR = 0.25


def draw_key_query(result: PixelView, *, width: float = DOUBLE) -> Figure:
    """The query map above the key map of one middle channel, one column a relation, coarse to fine.

    One symmetric scale a step, for both maps and all models. A model without relations is not drawn. Below stands, for
    each model, whether they complement each other, as the paper shows.

    Args:
        result: of one or two models.
        width: inches, ``DOUBLE``, or ``SINGLE``, in which two relations stand beside each other.

    Raises:
        ValueError: if no model has a relation.
    """
    check_relations(result)
    with plot_style():
        sheet = Sheet(width)
        top = _MARGIN
        for side, view in zip(sides(len(result.views)), result.views, strict=True):
            if view.key_queries:
                top = _draw_model(sheet, result, view, side, top) + 0.06
        room = width - 2 * _MARGIN
        for view in result.views:
            if view.key_queries:
                top += sheet.text(_MARGIN, top, fill(verdict(view.name, view.key_queries), room)) + 0.03
        top += sheet.text(_MARGIN, top, fill(NOTE, room, SMALL), size=SMALL, color=QUIET)
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
            NOTE,
            *(verdict(view.name, view.key_queries) for view in shown),
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
    steps, room = key_query_steps(result), sheet.width - 2 * _MARGIN
    across = 2 if sheet.width < DOUBLE - 1 else 5
    slot = (room - _ROW_LABEL - (across - 1) * _GAP) / across
    height, width = fit(result.image_size, slot, _TALLEST if across > 2 else 0.9)
    top += sheet.text(_MARGIN, top, shorten(view.name, room, bold=True), weight="bold") + 0.02
    head = line_height(TEXT) + 0.02
    if across > 2:
        picture = sheet.axes(_MARGIN, top + head, width, height, label=f"{side} image")
    else:
        whole = fit(result.image_size, slot, 0.8)
        picture = sheet.axes(_MARGIN + _ROW_LABEL, top, whole[1], whole[0], label=f"{side} image")
        top += whole[0] + 0.06
    show_picture(picture, rgb(result.image))
    mark_pixel(picture, result.pixel)
    first = _MARGIN + _ROW_LABEL + (slot + _GAP if across > 2 else 0)
    below = head + 2 * height + _GAP + 2 * line_height(SMALL) + 0.08 + _BAR
    columns = across - 1 if across > 2 else across
    for index, step in enumerate(steps):
        row, column = divmod(index, columns)
        start = top + row * (below + 0.06)
        if column == 0:
            for number, part in enumerate(("query", "key")):
                middle = start + head + number * (height + _GAP) + height / 2
                sheet.text(first - 0.04, middle, part, size=SMALL, ha="right", va="center")
        pair = next((pair for pair in view.key_queries if pair.step == step), None)
        left = first + column * (slot + _GAP)
        if pair is None:
            words = f"no relation\nat step {step_digits(step)}"
            sheet.text(left, start + head, words, size=SMALL, color=QUIET)
            continue
        _draw_pair(sheet, result, pair, side, (left, start, slot), (height, width))
    return top + -(-len(steps) // columns) * (below + 0.06) - 0.06


def _draw_pair(
    sheet: Sheet,
    result: PixelView,
    pair: KeyQuery,
    side: str,
    place: tuple[float, float, float],
    panel: tuple[float, float],
) -> None:
    """One step: its name, both maps, what they come to, and their scale."""
    (left, top, slot), (height, width) = place, panel
    scale, head = key_query_scale(result, pair.step), line_height(TEXT) + 0.02
    sheet.text(left, top, f"RSP-{step_digits(pair.step)}")
    for row, part in enumerate(("query", "key")):
        label = f"{side} {pair.step} {part}"
        axes = sheet.axes(left, top + head + row * (height + _GAP), width, height, label=label)
        values = pair.query if part == "query" else pair.key
        show_map(axes, values.detach().cpu().float().numpy(), scale, result.image_size)
        frame(axes, step_levels(pair.step)[0])
        mark_pixel(axes, result.pixel, size=max(2.5, min(4.5, 18 * height)))
    below = top + head + 2 * height + _GAP + 0.02
    null = f"[{signed_fixed(pair.null.low)}, {signed_fixed(pair.null.high)}]"
    words = f"channel {pair.channel}: {signed_fixed(pair.complement)}\nall: {signed_fixed(pair.score)} {null}"
    below += sheet.text(left, below, words, size=SMALL)
    bar = sheet.axes(left + 0.1, below + 0.04, min(slot, 1.4) - 0.24, 0.07, label=f"{side} {pair.step} scale")
    colour_bar(bar, DIVERGING, -scale.limit, scale.limit, clipped=scale.clipped > 0)
