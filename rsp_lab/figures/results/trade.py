"""What classes take from each other: a matrix a model, one of their difference, and one row level by level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rsp_lab.analysis.trade.matrix import Estimates, TradeMatrix
from rsp_lab.figures.drawing.panels import Scale, bare, colour_bar, shared_scale, three
from rsp_lab.figures.drawing.sheet import Sheet, fill, line_height, shorten, text_width
from rsp_lab.figures.style import DIVERGING, DOUBLE, INK, QUIET, SMALL, TINY, level_colour, plot_style

_MARGIN = 0.08
_GAP = 0.14
_ROW = 0.165
_AXIS = 0.34
"""Inches of the numbers beside the bars."""
_SOURCES = 4
"""Of the row that is shown level by level."""
_PRINTED = 0.05
_NUMBER = 6.0
_NAME = 0.9
"""Inches of a class's name at the most."""
PANELS = ("left", "right", "difference")


@dataclass(frozen=True)
class _Shown:
    """The part of a matrix that has something to show.

    Attributes:
        targets, sources: their places in the result.
        values: (side, target, source), summed over levels.
        scales: of the two models, and of the difference.
    """

    result: TradeMatrix
    targets: list[int]
    sources: list[int]
    values: Estimates
    scales: tuple[Scale, Scale]

    @property
    def rows(self) -> list[str]:
        named = [(shorten(self.result.targets[t], _NAME, SMALL), self.result.images[2, t]) for t in self.targets]
        return [f"{name} ({images})" for name, images in named]

    @property
    def columns(self) -> list[str]:
        return [shorten(self.result.sources[s], _NAME, SMALL) for s in self.sources]

    @property
    def titles(self) -> tuple[str, str, str]:
        return (*self.result.names, "right minus left")


def draw_trade(result: TradeMatrix, *, target: str | None = None) -> Figure:
    """Targets by sources, summed over levels: left, right, and right minus left; and one target level by level.

    Args:
        target: whose levels are drawn; default: the one with the largest difference from another class whose interval
            excludes 0.

    Raises:
        ValueError: if no class occurs in both models' zones, or not this one.
    """
    shown = _shown(result)
    place = _chosen(shown, target)
    with plot_style():
        sheet = Sheet(DOUBLE)
        names = max(text_width(row, SMALL) for row in shown.rows) + 0.06
        wide = (DOUBLE - 2 * _MARGIN - names - _GAP) / 2
        left, beside = _MARGIN + names, _MARGIN + names + wide + _GAP
        bottom = _draw_matrix(sheet, shown, 0, left, _MARGIN, wide)
        _draw_matrix(sheet, shown, 1, beside, _MARGIN, wide)
        _draw_scale(sheet, shown.scales[0], left, bottom + 0.05, "logits, both models")
        top = bottom + 0.34
        bottom = _draw_matrix(sheet, shown, 2, left, top, wide)
        _draw_scale(sheet, shown.scales[1], left, bottom + 0.05, "logits, difference")
        _draw_levels(sheet, shown, place, beside, top, wide, max(bottom, top + 2.0))
        top = max(bottom + 0.3, top + 2.3)
        words = (
            f"Rows: target (images in which it occurs). Columns: what lies where contributions come from. Printed: "
            f"entries of {_PRINTED:g} and more whose 95 % interval over images excludes 0. Bars: mean, 95 % interval."
        )
        top += sheet.text(_MARGIN, top, fill(words, DOUBLE - 2 * _MARGIN, TINY), size=TINY, color=QUIET)
        return sheet.finish(top + _MARGIN)


def trade_caption(result: TradeMatrix, *, target: str | None = None) -> str:
    """What must be said beside the figure, as plain text; arguments and errors as for :func:`draw_trade`."""
    shown = _shown(result)
    name = result.targets[_chosen(shown, target)]
    clear, tested = result.clear_entries()
    return (
        f"What classes take from each other in {result.names[0]} (left) and {result.names[1]} (right), over "
        f"{result.seen} images. Zones of targets and sources by "
        f"{'true labels' if result.by == 'labels' else 'the predictions of each model'}. An entry: {result.rule}. "
        f"Matrices: summed over levels; colour scales to ±{three(shown.scales[0].limit)} logits for the models, to "
        f"±{three(shown.scales[1].limit)} for their difference. Bars: {name}, level by level, the sources with the "
        f"largest entries. On single levels {clear} of {tested} differences have an interval that excludes 0; about "
        f"{0.05 * tested:.0f} would by chance if there were none. Largest relative residual of a ledger: "
        f"{result.residual:.1g}."
    )


def _shown(result: TradeMatrix) -> _Shown:
    targets = np.flatnonzero(result.images[2]).tolist()
    if not targets:
        raise ValueError("no class occurs in the zones of both models: there is nothing to draw.")
    mean, half = (x[:, targets, -1, :-1] for x in (result.values.mean, result.values.half_width))
    sources = np.flatnonzero(np.abs(mean).max((0, 1)) > 0).tolist()
    values = Estimates(mean[..., sources], half[..., sources])
    scales = shared_scale(list(values.mean[:2])), shared_scale([values.mean[2]])
    return _Shown(result, targets, sources, values, scales)


def _chosen(shown: _Shown, target: str | None) -> int:
    names = [shown.result.targets[t] for t in shown.targets]
    if target is None:
        # What a class takes from its own pixels is hardly context.
        other = np.array(shown.targets)[:, None] != np.array(shown.sources)
        apart = Estimates(shown.values.mean[2], shown.values.half_width[2])
        return shown.targets[int((np.abs(apart.mean) * (apart.clear + 1e-3) * other).max(1).argmax())]
    if target not in names:
        raise ValueError(f"{target!r} has no row here; the rows are {', '.join(names)}.")
    return shown.targets[names.index(target)]


def _draw_matrix(sheet: Sheet, shown: _Shown, side: int, left: float, top: float, wide: float) -> float:
    """The matrix of a side; its rows are named where it stands on the left."""
    top += sheet.text(left, top, shorten(shown.titles[side], wide, bold=True), weight="bold")
    top += max(text_width(column, SMALL) for column in shown.columns) + 0.06
    high, scale = _ROW * len(shown.rows), shown.scales[side // 2]
    axes = sheet.axes(left, top, wide, high, label=f"matrix {PANELS[side]}")
    values = shown.values.mean[side]
    axes.imshow(values, cmap=DIVERGING, vmin=-scale.limit, vmax=scale.limit, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(shown.rows)), [] if side == 1 else shown.rows)
    axes.set_xticks(range(len(shown.columns)), shown.columns, rotation=90)
    axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False, pad=2)
    clear = Estimates(values, shown.values.half_width[side]).clear
    if wide / len(shown.columns) >= text_width("−0.0", _NUMBER):
        _print_numbers(axes, values, clear & (np.abs(values) >= _PRINTED), scale)
    return top + high


def _print_numbers(axes: Axes, values: np.ndarray, printed: np.ndarray, scale: Scale) -> None:
    for row, column in np.argwhere(printed).tolist():
        value = float(values[row, column])
        words = f"{value:.1f}" if abs(value) < 9.95 else f"{value:.0f}"
        colour = "white" if abs(value) > 0.6 * scale.limit else INK
        axes.text(column, row, words.replace("-", "−"), fontsize=_NUMBER, ha="center", va="center", color=colour)


def _draw_scale(sheet: Sheet, scale: Scale, left: float, top: float, words: str) -> None:
    colour_bar(sheet.axes(left, top, 1.2, 0.07, label=words), DIVERGING, -scale.limit, scale.limit, flush=True)
    sheet.text(left + 1.28, top - 0.03, words, size=TINY, color=QUIET)


def _draw_levels(sheet: Sheet, shown: _Shown, target: int, left: float, top: float, wide: float, bottom: float) -> None:
    """Bars of one target by source and level, a panel a side, on one scale."""
    result = shown.result
    mean, half = (x[:, target, :-1][..., shown.sources] for x in (result.values.mean, result.values.half_width))
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
    high = (bottom - top - 0.16) / 3
    names = [shorten(shown.columns[s], 0.95 * (wide - _AXIS) / len(order), SMALL) for s in order]
    for side, title in enumerate(shown.titles):
        start = top + side * high
        sheet.text(left + _AXIS, start, shorten(title, wide - _AXIS, SMALL), size=SMALL, color=QUIET)
        start += line_height(SMALL)
        axes = sheet.axes(
            left + _AXIS, start, wide - _AXIS, high - line_height(SMALL) - 0.05, label=f"levels {PANELS[side]}"
        )
        _draw_bars(axes, result.levels, mean[side], half[side])
        axes.set(ylim=(ends[0] - room, ends[1] + room), xlim=(-0.6, len(order) - 0.4))
        axes.set_xticks(range(len(order)), names if side == 2 else [])
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
