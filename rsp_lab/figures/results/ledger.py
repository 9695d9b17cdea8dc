"""What a decision is made of in two models: level by level as bars, and cell by cell on the photograph."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rsp_lab.analysis.comparison.explanation import Explanation, PixelAccount
from rsp_lab.figures.drawing.panels import (
    SIDES,
    Scale,
    bare,
    colour_bar,
    frame,
    lightened,
    mark_pixel,
    printable,
    rgb,
    shared_scale,
    show_picture,
    three,
)
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, line_height, shorten, text_width
from rsp_lab.figures.style import (
    DOUBLE,
    FAINT,
    INK,
    QUIET,
    SMALL,
    TEXT,
    TINY,
    level_colour,
    level_dash,
    plot_style,
    signed_weight_map,
)

Box = tuple[float, float, float, float]

_MARGIN = 0.08
_GAP = 0.08
_PHOTO = 3.2
_TALLEST = 2.6
_PANEL_TALLEST = 1.5
_NUMBERS = 1.5
"""Inches of the three columns of numbers beside the bars."""
_LEAST_SIDE = 0.08
"""Of the photograph's sides: a smaller detail shows no context."""
NOTE = (
    "Maps: contribution of each cell of the level's Q map, laid over the detail of the photograph that its frame above "
    "shows (no frame: all of it); outside the detail no cell has 0.1 % of the level's largest contribution. No colour "
    "is 0. Bars and maps are exact for relation weights as they are; why the weights and the Q maps are so is not "
    "explained."
)


def draw_ledger(told: Explanation) -> Figure:
    """The photograph with the pixel, the levels of both models as bars, and one map a level and model.

    All maps have one diverging scale centred on 0, in logits; levels go from coarse to fine.
    """
    with plot_style():
        sheet = Sheet(DOUBLE)
        levels = sorted(told.difference.levels, reverse=True)
        maps = [values.numpy() for account in told.accounts for values in account.ledger.maps.values()]
        scale, boxes = shared_scale(maps), {level: detail(told, level) for level in levels}
        high, wide = fit(told.left.ledger.image_size, _PHOTO, _TALLEST)
        photo = sheet.axes(_MARGIN, _MARGIN, wide, high, label="photo")
        _draw_photo(photo, told, boxes)
        top = max(high, _draw_levels(sheet, told, levels, _MARGIN + wide + 0.2, max(high, 1.9)))
        top += _MARGIN + 0.1
        for side, account in zip(SIDES, told.accounts, strict=True):
            top = _draw_maps(sheet, told, side, account, boxes, scale, top) + 0.1
        bar = sheet.axes(_MARGIN, top, 2.0, 0.08, label="scale")
        colour_bar(bar, signed_weight_map(), -scale.limit, scale.limit, flush=True)
        words = "logits a cell, one scale for all maps"
        sheet.text(_MARGIN + 2.1, top - 0.03, words, size=SMALL)
        top += 0.28
        words = fill(f"{NOTE} {_residuals(told)}", DOUBLE - 2 * _MARGIN, TINY)
        top += sheet.text(_MARGIN, top, words, size=TINY, color=QUIET)
        return sheet.finish(top + _MARGIN)


def detail(told: Explanation, level: int) -> Box:
    """(top, left, bottom, right) in pixels: the smallest part of the image, in its proportions and no smaller than 8 %
    of its sides, that holds the pixel and every cell with over 0.1 % of either model's
    largest contribution on the level."""
    size = told.left.ledger.image_size
    spans = []
    for axis, pixels in enumerate(size):
        near, far = float(told.pixel[axis]), float(told.pixel[axis])
        for account in told.accounts:
            if level in account.ledger.levels:
                values = np.abs(account.ledger.maps[level].numpy())
                used = np.flatnonzero(values.max(axis=1 - axis) > 1e-3 * max(values.max(), 1e-12))
                if len(used):
                    cell = pixels / values.shape[axis]
                    near, far = min(near, used[0] * cell - 0.5), max(far, (used[-1] + 1) * cell - 0.5)
        spans.append((near, far))
    share = max(_LEAST_SIDE, *((far - near) / pixels for (near, far), pixels in zip(spans, size, strict=True)))
    starts = []
    for (near, far), pixels in zip(spans, size, strict=True):
        start = (near + far - min(share, 1.0) * pixels) / 2
        starts.append(min(max(start, -0.5), pixels - min(share, 1.0) * pixels - 0.5))
    height, width = (min(share, 1.0) * pixels for pixels in size)
    return starts[0], starts[1], starts[0] + height, starts[1] + width


def _residuals(told: Explanation) -> str:
    parts = " and ".join(f"{account.ledger.residual:.1g} ({account.name})" for account in told.accounts)
    return f"Sums differ from the models' own logits by a relative {parts}."


def _draw_photo(axes: Axes, told: Explanation, boxes: dict[int, Box]) -> None:
    show_picture(axes, rgb(told.image))
    for level, (top, left, bottom, right) in boxes.items():
        if bottom - top >= told.image.shape[-2]:
            continue
        for name, style in (
            ("casing", {"edgecolor": "white", "linewidth": 2.0}),
            ("detail", {"edgecolor": level_colour(level), "linewidth": 1.1, "linestyle": level_dash(level)}),
        ):
            edge = Rectangle((left, top), right - left, bottom - top, fill=False, clip_on=False, zorder=3)
            edge.set(gid=f"level {level} {name}", **style)
            axes.add_patch(edge)
    mark_pixel(axes, told.pixel)


def _draw_levels(sheet: Sheet, told: Explanation, levels: list[int], left: float, height: float) -> float:
    """Bars and numbers beside the photograph; returns where they end."""
    apart, ledgers = told.difference, [account.ledger for account in told.accounts]
    rows: list[tuple[str, str, list[float | None]]] = [
        (f"level {x}", level_colour(x), [*(ledger.sums.get(x) for ledger in ledgers), apart.sums[x]]) for x in levels
    ]
    rows.append(("bias", FAINT, [*(ledger.bias for ledger in ledgers), apart.bias]))
    rows.append(("logit", INK, [*(ledger.logit for ledger in ledgers), apart.logit]))
    room = DOUBLE - _MARGIN - left
    top = _MARGIN + sheet.text(left, _MARGIN, fill(told.target.describe() + ", logits", room), weight="bold")
    for mark, account in zip("□■", told.accounts, strict=True):
        top += sheet.text(left, top, shorten(f"{mark} {account.name}", room, SMALL), size=SMALL)
    start = left + text_width("level 7", SMALL) + 0.08
    ends = [DOUBLE - _MARGIN - _NUMBERS * (2 - i) / 3 for i in range(3)]
    for words, end in zip(("□", "■", "■ − □"), ends, strict=True):
        sheet.text(end, top, words, size=SMALL, color=QUIET, ha="right")
    top += line_height(SMALL)
    tall = max(height + _MARGIN - top, 0.19 * len(rows))
    axes = sheet.axes(start, top, DOUBLE - _MARGIN - _NUMBERS - start, tall, label="levels")
    for number, (name, colour, values) in enumerate(rows):
        middle = top + (number + 0.5) * tall / len(rows)
        sheet.text(left, middle, name, size=SMALL, va="center")
        for end, value in zip(ends, values, strict=True):
            sheet.text(end, middle, "–" if value is None else signed(value), size=SMALL, va="center", ha="right")
        for place, value, filled in ((-0.19, values[0], False), (0.19, values[1], True)):
            if value is not None:
                (bar,) = axes.barh(number + place, value, 0.34, linewidth=0.8, edgecolor=colour)
                bar.set(facecolor=colour if filled else "none", gid=f"{name} {SIDES[filled]}")
    axes.axvline(0, color=QUIET, linewidth=0.5)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xmargin=0.04)
    bare(axes)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return top + tall - _MARGIN


def _draw_maps(
    sheet: Sheet, told: Explanation, side: str, account: PixelAccount, boxes: dict[int, Box], scale: Scale, top: float
) -> float:
    ledger, room = account.ledger, DOUBLE - 2 * _MARGIN
    head = f"{account.name}: {told.target.describe()}, {signed(ledger.logit)} logits"
    top += sheet.text(_MARGIN, top, shorten(head, room, bold=True), weight="bold")
    says = f"says {account.answer.label}, {three(account.answer.margin)} logits over {account.answer.runner_up}"
    top += sheet.text(_MARGIN, top, shorten(says, room, SMALL), size=SMALL, color=QUIET) + 0.03
    slot = (room - (len(boxes) - 1) * _GAP) / len(boxes)
    high, wide = fit(ledger.image_size, slot, _PANEL_TALLEST)
    background = lightened(printable(rgb(told.image)))
    rows, columns = ledger.image_size
    start = top + line_height(TEXT)
    for number, (level, box) in enumerate(boxes.items()):
        left = _MARGIN + number * (slot + _GAP)
        sheet.text(left, top, f"level {level}", size=SMALL)
        if level not in ledger.maps:
            sheet.text(left, start, "not read", size=SMALL, color=QUIET)
            continue
        sheet.text(left + wide, top, signed(ledger.sums[level]), size=SMALL, ha="right")
        axes = sheet.axes(left, start, wide, high, label=f"{side} level {level}")
        show_picture(axes, background, size=ledger.image_size)
        axes.imshow(
            ledger.maps[level].numpy(),
            cmap=signed_weight_map(),
            vmin=-scale.limit,
            vmax=scale.limit,
            extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
            interpolation="nearest",
            aspect="auto",
        )
        mark_pixel(axes, told.pixel, size=3.5)
        axes.set(xlim=(box[1], box[3]), ylim=(box[2], box[0]))
        frame(axes, level, 1.2)
    return start + high


def signed(value: float) -> str:
    """With its sign and two decimals, so that a column lines up."""
    return f"{value:+.2f}".replace("-", "−")
