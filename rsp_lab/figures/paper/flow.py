"""What each step of the top-down path was offered, took and handed on, in one or two models (Fig. 5 b)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rsp_lab.analysis.comparison.pixel_view import PixelView
from rsp_lab.analysis.passes.flow import StepFlow
from rsp_lab.figures.drawing.captions import model_words, view_words
from rsp_lab.figures.drawing.panels import (
    Scale,
    bare,
    colour_bar,
    frame,
    mark_pixel,
    passes_all,
    rgb,
    shared_scale,
    show_map,
    show_picture,
    sides,
    symbol,
)
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, line_height, shorten
from rsp_lab.figures.style import DIVERGING, DOUBLE, FAINT, QUIET, SINGLE, SMALL, TEXT, plot_style
from rsp_lab.shapes import step_levels
from rsp_lab.text import significant

PERCENTILE = 99.0
"""The scale's end is the largest of the maps' 99th percentiles of |value|: no map loses more than a hundredth."""

PARTS = ("passed", "context", "own", "fused")
_HEADS = {"passed": "offered", "context": "taken", "own": "own map", "fused": "result"}
_SIGNS = ("→", "+", "=")

_MARGIN = 0.04
_ROW_LABEL = 0.34
_SIGN = 0.13
_BETWEEN = 0.2
_TALLEST = 1.3


def draw_context_flow(result: PixelView, *, width: float = DOUBLE) -> Figure:
    """One row a step, coarse to fine; in it, for each model, Q'_{x+1} -> context + Q_x = T_x, in one channel.

    T_x upsampled is Q'_x, with which the next row begins; the first row begins with Q'_7. All maps have one symmetric
    scale, which is printed. Frames carry the colour and dash of the level a map comes from.

    Args:
        result: of one or two models.
        width: inches, ``DOUBLE``, or ``SINGLE``, in which the models stand below each other.
    """
    beside = len(result.views) if width > SINGLE + 1 else 1
    numbered = list(enumerate(result.views))
    blocks = [numbered[start : start + beside] for start in range(0, len(numbered), beside)]
    with plot_style():
        sheet = Sheet(width)
        scale, slot = flow_scale(result), _slot(width, beside)
        top = _draw_header(sheet, result, scale) + 0.06
        for block in blocks:
            top = _draw_heads(sheet, [view.name for _, view in block], slot, top)
            for name in flow_steps(result):
                top = _draw_row(sheet, result, [number for number, _ in block], name, scale, slot, top)
            top += 0.06
        return sheet.finish(top - 0.06 + _MARGIN)


def context_flow_caption(result: PixelView, image_name: str = "") -> str:
    """The caption of :func:`draw_context_flow`, as plain text."""
    scale, channel = flow_scale(result), result.flow_channel
    high = step_levels(flow_steps(result)[0])[0]
    return " ".join(
        [
            f"Context flow of {model_words(result.names)}, one row per step, coarse to fine.",
            f"In each row the upsampled map from above (first row: {symbol('Q', high, prime=True)}), the context taken "
            "from it, the level's own map and their sum, which, upsampled, is offered to the next row.",
            "RSE: context extracted by a relation; passed down: all that was offered.",
            f"Channel {channel.channel}: {channel.rule}.",
            f"One colour scale for all maps, {significant(-scale.limit)} to {significant(scale.limit)}, arbitrary "
            f"unit: its end is the largest of the maps' {PERCENTILE:g}th percentiles of |value|; {scale.words}.",
            "The step 32 is the same sum in every head and is left out.",
            *view_words(result, image_name),
        ]
    )


def flow_steps(result: PixelView) -> list[str]:
    """Names of the steps that any of the models has, coarse to fine."""
    return sorted({step.name for view in result.views for step in view.flow}, reverse=True)


def flow_map(step: StepFlow, part: str, channel: int) -> np.ndarray:
    """One channel of one part of a step: ``passed``, ``context``, ``own`` or ``fused``."""
    values: torch.Tensor = getattr(step, part)
    return values[channel].detach().cpu().float().numpy()


def flow_scale(result: PixelView) -> Scale:
    """The one scale of all maps of all models."""
    channel = result.flow_channel.channel
    steps = [step for view in result.views for step in view.flow]
    return shared_scale([flow_map(step, part, channel) for step in steps for part in PARTS], PERCENTILE)


def _slot(width: float, models: int) -> float:
    """Width of one panel's place, inches, with so many models beside each other."""
    blocks = width - 2 * _MARGIN - _ROW_LABEL - 3 * models * _SIGN - (models - 1) * _BETWEEN
    return blocks / (4 * models)


def _block_left(place: int, slot: float) -> float:
    return _MARGIN + _ROW_LABEL + place * (4 * slot + 3 * _SIGN + _BETWEEN)


def _draw_header(sheet: Sheet, result: PixelView, scale: Scale) -> float:
    """The photograph, and beside it the scale with its words."""
    height, width = fit(result.image_size, 0.25 * sheet.width, 0.95)
    left, height_used = _MARGIN, max(height, 0.62)
    axes = sheet.axes(left, _MARGIN, width, height, label="image")
    show_picture(axes, rgb(result.image))
    mark_pixel(axes, result.pixel)
    start = left + width + 0.16
    room = sheet.width - _MARGIN - start
    (y, x), channel = result.pixel, result.flow_channel.channel
    top = _MARGIN
    whose = " of both models" if len(result.views) == 2 else ""
    words = f"activation of channel {channel}, arbitrary unit; one scale for all maps{whose}"
    top += sheet.text(start, top, fill(words, room, SMALL), size=SMALL)
    bar = sheet.axes(start + 0.1, top + 0.02, min(2.0, room - 0.3), 0.09, label="scale")
    colour_bar(bar, DIVERGING, -scale.limit, scale.limit, clipped=scale.clipped > 0)
    top += 0.27
    words = f"{scale.words}; ring: pixel y {y}, x {x}"
    top += sheet.text(start, top, fill(words, room, SMALL), size=SMALL, color=QUIET)
    return max(_MARGIN + height_used, top)


def _draw_heads(sheet: Sheet, names: Sequence[str], slot: float, top: float) -> float:
    width = 4 * slot + 3 * _SIGN
    sheet.text(_MARGIN, top + line_height(TEXT) + 0.02, "step", size=SMALL, color=QUIET)
    for place, name in enumerate(names):
        left = _block_left(place, slot)
        sheet.text(left, top, shorten(name, width, bold=True), size=TEXT, weight="bold")
        for index, part in enumerate(PARTS):
            middle = left + index * (slot + _SIGN) + slot / 2
            sheet.text(middle, top + line_height(TEXT) + 0.02, _HEADS[part], size=SMALL, color=QUIET, ha="center")
    return top + line_height(TEXT) + line_height(SMALL) + 0.04


def _draw_row(
    sheet: Sheet, result: PixelView, models: Sequence[int], name: str, scale: Scale, slot: float, top: float
) -> float:
    height, width = fit(result.image_size, slot, _TALLEST if sheet.width > SINGLE + 1 else 0.7)
    high, low = step_levels(name)
    title = line_height(SMALL)
    middle = top + title + height / 2
    sheet.text(_MARGIN, middle, f"{high} → {low}", size=SMALL, va="center")
    labels = sides(len(result.views))
    for place, number in enumerate(models):
        label, step = labels[number], result.views[number].flow.get(name)
        for index, part in enumerate(PARTS):
            start = _block_left(place, slot) + index * (slot + _SIGN)
            left = start + (slot - width) / 2
            axes = sheet.axes(left, top + title, width, height, label=f"{label} {name} {part}")
            if step is None:
                _leave_empty(axes)
                continue
            sheet.text(start + slot / 2, top, _title(step, part), size=SMALL, ha="center")
            show_map(axes, flow_map(step, part, result.flow_channel.channel), scale, result.image_size)
            frame(axes, high if part in ("passed", "context") else low)
            mark_pixel(axes, result.pixel, size=max(2.5, min(4.5, 18 * height)))
            if index < len(_SIGNS):
                sheet.text(start + slot + _SIGN / 2, middle, _SIGNS[index], size=TEXT, ha="center", va="center")
        if step is None:
            whole = 4 * slot + 3 * _SIGN
            sheet.text(_block_left(place, slot) + whole / 2, top, "no such step", size=SMALL, color=QUIET, ha="center")
    return top + title + height + 0.07


def _leave_empty(axes: Axes) -> None:
    bare(axes)
    for spine in axes.spines.values():
        spine.set_edgecolor(FAINT)


def _title(step: StepFlow, part: str) -> str:
    if part == "passed":
        return symbol("Q", step.high, prime=True)
    if part == "own":
        return symbol("Q", step.low)
    if part == "fused":
        return symbol("T", step.low)
    if step.weights is not None:
        return "RSE"
    return "passed down" if passes_all(step) else "context"
