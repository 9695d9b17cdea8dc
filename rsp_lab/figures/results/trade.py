"""What classes take from each other: a matrix a model, one of their difference, and one row level by level; or of one
model alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rsp_lab.analysis.trade.matrix import SIDES, Estimates, TradeMatrix
from rsp_lab.figures.drawing.captions import model_words
from rsp_lab.figures.drawing.panels import Scale, bare, colour_bar, shared_scale
from rsp_lab.figures.drawing.sheet import Sheet, fill, line_height, shorten, text_width
from rsp_lab.figures.style import DIVERGING, DOUBLE, INK, QUIET, SMALL, level_colour, plot_style
from rsp_lab.text import fixed, significant

_MARGIN = 0.08
_GAP = 0.14
_ROW = 0.165
_AXIS = 0.34
"""Inches of the numbers beside the bars."""
_SOURCES = 4
"""Of the row that is shown level by level."""
_PRINTED = 0.05
_MOST = 27
"""Rows, and columns, that have room for their names."""
_NAME = 0.9
"""Inches of a class's name at the most."""


@dataclass(frozen=True)
class _Shown:
    """The part of a matrix that has something to show.

    Attributes:
        sides: places of the sides that are drawn: all three, or that of one model.
        targets, sources: their places in the result; of many, those with the largest entries.
        of: how many of either there are.
        values: (side, target, source), summed over levels.
        scales: of the models, and of the difference.
    """

    result: TradeMatrix
    sides: tuple[int, ...]
    targets: list[int]
    sources: list[int]
    of: tuple[int, int]
    values: Estimates
    scales: tuple[Scale, Scale]

    @property
    def rows(self) -> list[str]:
        images = self.result.images[self.sides[-1]]
        named = [(shorten(self.result.targets[t], _NAME, SMALL), images[t]) for t in self.targets]
        return [f"{name} ({count})" for name, count in named]

    @property
    def columns(self) -> list[str]:
        return [shorten(self.result.sources[s], _NAME, SMALL) for s in self.sources]

    @property
    def titles(self) -> tuple[str, str, str]:
        return (*self.result.names, "right minus left")

    @property
    def left_out(self) -> str:
        """What of the matrix has no room, in a sentence with a space before it; empty where all is shown."""
        shown = len(self.targets), len(self.sources)
        if shown == self.of:
            return ""
        return (
            f" Shown are {shown[0]} of {self.of[0]} targets and {shown[1]} of {self.of[1]} sources, those with the "
            "largest entries."
        )


def draw_trade(result: TradeMatrix, *, target: str | None = None, side: str | None = None) -> Figure:
    """Targets by sources, summed over levels, and one target level by level.

    Args:
        result: of two models.
        target: whose levels are drawn; default: :meth:`~rsp_lab.analysis.trade.matrix.TradeMatrix.strongest_target`.
        side: ``"left"`` or ``"right"`` draws that model alone; default: left, right, and right minus left.

    Raises:
        ValueError: if no class occurs in the models' zones, or not this one; for another side.
    """
    shown, place = _shown(result, side, target)
    with plot_style():
        sheet = Sheet(DOUBLE)
        names = max(text_width(row, SMALL) for row in shown.rows) + 0.06
        wide = (DOUBLE - 2 * _MARGIN - names - _GAP) / 2
        left, beside, top = _MARGIN + names, _MARGIN + names + wide + _GAP, _MARGIN
        if len(shown.sides) > 1:
            bottom = _draw_matrix(sheet, shown, 0, left, top, wide)
            _draw_matrix(sheet, shown, 1, beside, top, wide)
            _draw_scale(sheet, shown.scales[0], left, bottom + 0.05, "logits, both models")
            top = bottom + 0.34
        last = shown.sides[-1]
        bottom = _draw_matrix(sheet, shown, last, left, top, wide)
        _draw_scale(
            sheet, shown.scales[last // 2], left, bottom + 0.05, "logits, difference" if last == 2 else "logits"
        )
        least = 2.0 if len(shown.sides) > 1 else 1.2
        _draw_levels(sheet, shown, place, beside, top, wide, max(bottom, top + least))
        top = max(bottom + 0.3, top + least + 0.3)
        words = (
            f"Rows: target (images in which it occurs). Columns: what lies where contributions come from. Printed: "
            f"entries of {_PRINTED:g} and more whose 95 % interval over images excludes 0. Bars: mean, 95 % interval."
            f"{shown.left_out}"
        )
        top += sheet.text(_MARGIN, top, fill(words, DOUBLE - 2 * _MARGIN, SMALL), size=SMALL, color=QUIET)
        return sheet.finish(top + _MARGIN)


def trade_caption(result: TradeMatrix, *, target: str | None = None, side: str | None = None) -> str:
    """The caption of :func:`draw_trade`, as plain text; arguments and errors are the same."""
    shown, place = _shown(result, side, target)
    name = result.targets[place]
    models = model_words([result.names[which] for which in shown.sides if which < 2])
    labels = "true labels" if result.by == "labels" else "the predictions of each model"
    scales = f"colour scales to ±{significant(shown.scales[0].limit)} logits for the models, to ±"
    scales += f"{significant(shown.scales[1].limit)} for their difference"
    words = [
        f"What classes take from each other in {models}, over {result.seen} images.",
        f"Zones of targets and sources by {labels}. An entry: {result.rule}.",
        f"Matrices: summed over levels; {scales}."
        if len(shown.sides) > 1
        else f"Matrix: summed over levels; colour scale to ±{significant(shown.scales[0].limit)} logits.",
        f"Bars: {name}, level by level, the sources with the largest entries.{shown.left_out}",
    ]
    if len(shown.sides) > 1:
        clear, tested = result.clear_entries()
        words.append(
            f"On single levels {clear} of {tested} differences have an interval that excludes 0; about "
            f"{0.05 * tested:.0f} would by chance if there were none."
        )
    return " ".join([*words, f"Largest relative residual of a ledger: {result.residual:.1g}."])


def _shown(result: TradeMatrix, side: str | None, target: str | None) -> tuple[_Shown, int]:
    """What is drawn, and the place in the result of the target whose levels are."""
    if side not in (None, *SIDES[:2]):
        raise ValueError(f"{side!r} is no model's side: name {SIDES[0]!r} or {SIDES[1]!r}, or none for both.")
    sides = (0, 1, 2) if side is None else (SIDES.index(side),)
    targets = np.flatnonzero(result.images[sides[-1]]).tolist()
    if not targets:
        raise ValueError("no class occurs in the zones of the models drawn: there is nothing to draw.")
    names = [result.targets[t] for t in targets]
    name = target if target is not None else result.strongest_target(SIDES[sides[-1]])
    if name not in names:
        raise ValueError(f"{name!r} has no row here; the rows are {', '.join(names)}.")
    place = targets[names.index(name)]
    sizes = np.abs(result.values.mean[list(sides), :, -1, :-1]).max(0)
    sources = np.flatnonzero(sizes[targets].max(0) > 0).tolist()
    of = len(targets), len(sources)
    targets = _strongest(targets, sizes[:, sources].max(1, initial=0.0), place)
    sources = _strongest(sources, sizes[targets].max(0))
    mean, half = (x[:, targets, -1, :-1][..., sources] for x in (result.values.mean, result.values.half_width))
    values = Estimates(mean, half)
    models = [values.mean[which] for which in sides if which < 2]
    scales = shared_scale(models), shared_scale([values.mean[2]])
    return _Shown(result, sides, targets, sources, of, values, scales), place


def _strongest(places: list[int], sizes: np.ndarray, always: int | None = None) -> list[int]:
    """The places that have room, in their order: those of the largest sizes, and ``always``."""
    ranked = sorted(places, key=lambda place: (place != always, -sizes[place]))
    return sorted(ranked[:_MOST])


def _draw_matrix(sheet: Sheet, shown: _Shown, side: int, left: float, top: float, wide: float) -> float:
    """The matrix of a side; its rows are named where it stands on the left."""
    top += sheet.text(left, top, shorten(shown.titles[side], wide, bold=True), weight="bold")
    top += max(text_width(column, SMALL) for column in shown.columns) + 0.06
    high, scale = _ROW * len(shown.rows), shown.scales[side // 2]
    axes = sheet.axes(left, top, wide, high, label=f"matrix {SIDES[side]}")
    values = shown.values.mean[side]
    axes.imshow(values, cmap=DIVERGING, vmin=-scale.limit, vmax=scale.limit, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(shown.rows)), [] if side == 1 and len(shown.sides) > 1 else shown.rows)
    axes.set_xticks(range(len(shown.columns)), shown.columns, rotation=90)
    axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False, pad=2)
    clear = Estimates(values, shown.values.half_width[side]).clear
    if wide / len(shown.columns) >= text_width("−0.0", SMALL):
        _print_numbers(axes, values, clear & (np.abs(values) >= _PRINTED), scale)
    return top + high


def _print_numbers(axes: Axes, values: np.ndarray, printed: np.ndarray, scale: Scale) -> None:
    for row, column in np.argwhere(printed).tolist():
        value = float(values[row, column])
        words = fixed(value, 1 if abs(value) < 9.95 else 0)
        colour = "white" if abs(value) > 0.6 * scale.limit else INK
        axes.text(column, row, words, fontsize=SMALL, ha="center", va="center", color=colour)


def _draw_scale(sheet: Sheet, scale: Scale, left: float, top: float, words: str) -> None:
    colour_bar(sheet.axes(left, top, 1.2, 0.07, label=words), DIVERGING, -scale.limit, scale.limit, flush=True)
    sheet.text(left + 1.28, top - 0.03, words, size=SMALL, color=QUIET)


def _draw_levels(sheet: Sheet, shown: _Shown, target: int, left: float, top: float, wide: float, bottom: float) -> None:
    """Bars of one target by source and level, a panel a side, on one scale."""
    result, sides = shown.result, shown.sides
    mean, half = (
        x[list(sides), target, :-1][..., shown.sources] for x in (result.values.mean, result.values.half_width)
    )
    order = np.argsort(-np.abs(mean).max((0, 1)))[:_SOURCES]
    mean, half = mean[..., order], np.nan_to_num(half[..., order])
    top += (
        sheet.text(left, top, f"{shorten(result.targets[target], 1.2, bold=True)}, level by level", weight="bold")
        + 0.03
    )
    _draw_legend(sheet, result.levels, left, top, wide)
    top += line_height(SMALL) + 0.04
    ends = min(0.0, float((mean - half).min())), max(0.0, float((mean + half).max()))
    room = (ends[1] - ends[0]) * 0.05 or 1.0
    high = (bottom - top - 0.16) / len(sides)
    names = [shorten(shown.columns[s], 0.95 * (wide - _AXIS) / len(order), SMALL) for s in order]
    for row, side in enumerate(sides):
        start = top + row * high
        sheet.text(left + _AXIS, start, shorten(shown.titles[side], wide - _AXIS, SMALL), size=SMALL, color=QUIET)
        start += line_height(SMALL)
        axes = sheet.axes(
            left + _AXIS, start, wide - _AXIS, high - line_height(SMALL) - 0.05, label=f"levels {SIDES[side]}"
        )
        _draw_bars(axes, result.levels, mean[row], half[row])
        axes.set(ylim=(ends[0] - room, ends[1] + room), xlim=(-0.6, len(order) - 0.4))
        axes.set_xticks(range(len(order)), names if side == sides[-1] else [])
        axes.tick_params(axis="x", length=0)


def _draw_legend(sheet: Sheet, levels: tuple[int, ...], left: float, top: float, wide: float) -> None:
    x = left + _AXIS
    for level in reversed(levels):
        words = f"level {level}" if level == levels[-1] else f"{level}"
        patch = sheet.axes(x, top + 0.03, 0.09, 0.08, label=f"swatch {level}")
        patch.set_facecolor(level_colour(level))
        bare(patch)
        sheet.text(x + 0.13, top, words, size=SMALL)
        x += 0.13 + text_width(words, SMALL) + 0.12


def _draw_bars(axes: Axes, levels: tuple[int, ...], mean: np.ndarray, half: np.ndarray) -> None:
    """(level, source), highest level first within a source."""
    count = len(levels)
    for place, level in enumerate(reversed(levels)):
        row = count - 1 - place
        x = np.arange(mean.shape[1]) + (place - (count - 1) / 2) * 0.84 / count
        axes.bar(x, mean[row], 0.84 / count, color=level_colour(level), gid=f"level {level}")
        axes.errorbar(x, mean[row], half[row], fmt="none", ecolor=INK, elinewidth=0.5)
    axes.axhline(0, color=QUIET, linewidth=0.5)
    axes.locator_params(axis="y", nbins=4)
