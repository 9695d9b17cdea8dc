"""What changed a decision from one picture to another, in one or two models: by level, by step, and cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rsp_lab.analysis.ledger.change import ChangeLedger, player_level, player_words
from rsp_lab.analysis.ledger.extent import Box, contributing_box
from rsp_lab.analysis.ledger.frozen_subject import GATES
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, Target
from rsp_lab.figures.drawing.bars import BarRow, draw_signed_bars
from rsp_lab.figures.drawing.captions import image_words, model_words
from rsp_lab.figures.drawing.level_maps import draw_level_maps, draw_level_scale
from rsp_lab.figures.drawing.panels import (
    Scale,
    mark_pixel,
    rgb,
    shared_scale,
    show_picture,
    sides,
)
from rsp_lab.figures.drawing.sheet import Sheet, fill, fit, shorten, text_width
from rsp_lab.figures.style import DOUBLE, INK, QUIET, SMALL, level_colour, plot_style
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import level_names
from rsp_lab.text import signed_column

_MARGIN = 0.08
_GAP = 0.08
_TALLEST = 1.9
_PANEL_TALLEST = 1.4
_PHOTO = 2.15
_MAPS = (
    "Maps: content of each cell, over the detail of the second picture outside which no cell has 0.1 % of the level's "
    "largest. Where nothing is coloured, the value is 0; what is clearly below it is hatched."
)


@dataclass(frozen=True)
class NamedChange:
    """The change ledger of a model, and the model's name."""

    name: str
    ledger: ChangeLedger


def draw_change(before: ImageLike, after: ImageLike, changes: Sequence[NamedChange]) -> Figure:
    """Both pictures with the target, content by level and looking by step as bars, and a map of each level's content.

    All maps have one diverging scale centred on 0, in logits; levels go from coarse to fine.

    Args:
        before, after: RGB of one size, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        changes: of one or two models on one target, left to right.
    """
    with plot_style():
        sheet = Sheet(DOUBLE)
        ledgers = [one.ledger for one in changes]
        levels = sorted({level for ledger in ledgers for level in ledger.levels}, reverse=True)
        scale = shared_scale([values.numpy() for ledger in ledgers for values in ledger.maps.values()])
        size, target = ledgers[0].image_size, ledgers[0].target
        boxes = {
            level: contributing_box([one.maps[level] for one in ledgers if level in one.maps], size, target.centre)
            for level in levels
        }
        names = level_names(levels, *(one.strides for one in ledgers))
        high, wide = fit(size, _PHOTO, _TALLEST)
        top = _MARGIN
        for words, picture in (("before", before), ("after", after)):
            top += sheet.text(_MARGIN, top, words, size=SMALL)
            axes = sheet.axes(_MARGIN, top, wide, high, label=words)
            show_picture(axes, rgb(picture))
            _mark(axes, target, 6.0)
            top += high + 0.05
        top = max(top, _draw_parts(sheet, changes, names, _MARGIN + wide + 0.2, top - _MARGIN)) + 0.1
        for side, change in zip(sides(len(changes)), changes, strict=True):
            top = _draw_maps(sheet, rgb(after), side, change, names, boxes, scale, top) + 0.1
        bar = sheet.axes(_MARGIN, top, 2.0, 0.08, label="scale")
        draw_level_scale(bar, scale.limit)
        sheet.text(_MARGIN + 2.1, top - 0.03, "logits per cell, one scale for all maps", size=SMALL)
        top += 0.28
        words = fill(f"{_note(changes)} {_residuals(changes)}", DOUBLE - 2 * _MARGIN, SMALL)
        top += sheet.text(_MARGIN, top, words, size=SMALL, color=QUIET)
        return sheet.finish(top + _MARGIN)


def change_caption(changes: Sequence[NamedChange], before_name: str = "", after_name: str = "") -> str:
    """The caption of :func:`draw_change`, as plain text."""
    ledger = changes[0].ledger
    pictures = f"from {before_name or 'the first picture'} to {after_name or 'the second'}"
    values = "; ".join(f"{signed_column(one.ledger.total)} logits in {one.name}" for one in changes)
    return " ".join(
        [
            f"What changed the decision of {model_words([one.name for one in changes])} {pictures}:",
            f"{ledger.target.describe()}; {values}.",
            _note(changes),
            image_words(ledger.image_size, after_name),
        ]
    )


def _note(changes: Sequence[NamedChange]) -> str:
    """What the parts are, of models of ours, of networks of other makes, or of one of each."""
    foreign = [bool(one.ledger.strides) for one in changes]
    maps = ["Q maps"] * (not all(foreign)) + ["maps of the cut"] * any(foreign)
    held = ["looking: what the changed weights of a step brought"] * (not all(foreign))
    held += ["all gates: what is held of a network of another make, as one"] * any(foreign)
    content = f"Content: what the changed {' or '.join(maps)} of a level brought"
    return f"{'; '.join([content, *held])} (Shapley values over all settings of content and what is held). {_MAPS}"


def _residuals(changes: Sequence[NamedChange]) -> str:
    parts = " and ".join(f"{one.ledger.residual:.1g} ({one.name})" for one in changes)
    whose = "the models' own margins" if len(changes) > 1 else "the model's own margin"
    return f"Sums differ from the change of {whose} by a relative {parts}."


def _mark(axes: Axes, target: Target, size: float) -> None:
    if isinstance(target, PixelTarget):
        mark_pixel(axes, (target.y, target.x), size)
    elif isinstance(target, RegionTarget):
        mask = target.mask.cpu().numpy().astype(float)
        # Twice, dark in a light casing, to be seen on everything.
        for colour, width in (("white", 2.0), (INK, 0.9)):
            axes.contour(mask, levels=[0.5], colors=[colour], linewidths=[width])


def _draw_parts(
    sheet: Sheet, changes: Sequence[NamedChange], names: dict[int, str], left: float, height: float
) -> float:
    """Bars and numbers beside the pictures; returns where they end."""
    ledgers, target = [one.ledger for one in changes], changes[0].ledger.target
    contents = [ledger.content for ledger in ledgers]
    # Gates of networks of another make come after the steps of ours.
    steps = sorted({step for ledger in ledgers for step in ledger.looking}, key=lambda step: (step != GATES, step))[
        ::-1
    ]
    rows = [BarRow(f"content, {name}", level_colour(x), [one.get(x) for one in contents]) for x, name in names.items()]
    for step in steps:
        level = player_level(step)
        colour = QUIET if level is None else level_colour(level)
        rows.append(BarRow(player_words(step), colour, [one.looking.get(step) for one in ledgers]))
    rows.append(BarRow("change", INK, [ledger.total for ledger in ledgers]))
    room = DOUBLE - _MARGIN - left
    top = _MARGIN + sheet.text(left, _MARGIN, fill(target.describe() + ", logits", room, bold=True), weight="bold")
    marks = "□■" if len(changes) == 2 else "■"
    for mark, change in zip(marks, changes, strict=True):
        values = f"{signed_column(change.ledger.before)} → {signed_column(change.ledger.after)}"
        name = shorten(f"{mark} {change.name}", room - text_width(values, SMALL) - 0.15, SMALL)
        sheet.text(DOUBLE - _MARGIN, top, values, size=SMALL, ha="right")
        top += sheet.text(left, top, name, size=SMALL)
    top += 0.05
    heads = list(marks) if len(changes) == 2 else [""]
    return draw_signed_bars(sheet, rows, heads, len(changes), left, top, height + _MARGIN - top)


def _draw_maps(
    sheet: Sheet,
    picture: np.ndarray,
    side: str,
    change: NamedChange,
    names: dict[int, str],
    boxes: dict[int, Box],
    scale: Scale,
    top: float,
) -> float:
    ledger, room = change.ledger, DOUBLE - 2 * _MARGIN
    head = (
        f"{change.name}: content, {signed_column(sum(ledger.content.values()))} of {signed_column(ledger.total)} logits"
    )
    top += sheet.text(_MARGIN, top, shorten(head, room, bold=True), weight="bold") + 0.03
    return draw_level_maps(
        sheet,
        picture,
        side,
        ledger.maps,
        names,
        boxes,
        scale,
        top,
        tallest=_PANEL_TALLEST,
        mark=lambda axes: _mark(axes, ledger.target, 3.5),
    )
