"""What classes take from each other: a matrix a model and one of their difference, on one scale."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rsp_lab.analysis.trade import TradeMatrix
from rsp_lab.figures.panels import Scale, colour_bar, shared_scale
from rsp_lab.figures.sheet import Sheet, fill, shorten, text_width
from rsp_lab.figures.style import DIVERGING, DOUBLE, INK, QUIET, SMALL, TINY, level_colour, level_dash, look

_MARGIN = 0.08
_GAP = 0.12
_ROW = 0.16


def draw_trade(result: TradeMatrix, *, target: str | None = None) -> Figure:
    """Targets by sources, summed over levels: left, right, and right minus left; below, one target level by level.

    Args:
        target: whose levels are drawn; default: the one in which the models differ most.

    Raises:
        ValueError: if no class occurs, or not this one.
    """
    shown = [t for t in range(len(result.targets)) if result.images[2, t]]
    if not shown:
        raise ValueError("no class occurs in these images: nothing to draw.")
    sources = [s for s in range(len(result.sources)) if np.abs(result.mean[:, shown][..., s]).max() > 0]
    total = result.mean.sum(2)[:, shown][..., sources]
    if target is None:
        target = result.targets[shown[int(np.abs(total[2]).max(1).argmax())]]
    if target not in [result.targets[t] for t in shown]:
        raise ValueError(f"{target!r} does not occur in these images: choose one of the rows.")
    with look():
        sheet = Sheet(DOUBLE)
        rows = [f"{result.targets[t]} ({result.images[2, t]})" for t in shown]
        columns = [result.sources[s] for s in sources]
        scale = shared_scale(list(total))
        top = _draw_matrices(sheet, result, total, rows, columns, scale)
        top = _draw_levels(sheet, result, target, sources, top + 0.16)
        words = (
            f"Logit of the row's class minus the mean logit of all classes, mean over its pixels, split by what lies "
            f"where contributions come from (columns). Rows: number of images. Mean over images; bars: 95 % t interval "
            f"over images. {result.seen} images, zones of {result.by}; largest residual of a ledger "
            f"{result.residual:.1g}."
        )
        top += sheet.text(_MARGIN, top, fill(words, DOUBLE - 2 * _MARGIN, TINY), size=TINY, color=QUIET)
        return sheet.finish(top + _MARGIN)


def _draw_matrices(
    sheet: Sheet, result: TradeMatrix, total: np.ndarray, rows: list[str], columns: list[str], scale: Scale
) -> float:
    names = max(text_width(row, SMALL) for row in rows) + 0.05
    wide = (DOUBLE - 2 * _MARGIN - names - 2 * _GAP) / 3
    high, above = _ROW * len(rows), max(text_width(column, TINY) for column in columns) + 0.05
    top = _MARGIN + 0.16 + above
    for number, title in enumerate((*result.names, "right minus left")):
        left = _MARGIN + names + number * (wide + _GAP)
        sheet.text(left, _MARGIN, shorten(title, wide, bold=True), weight="bold")
        axes = sheet.axes(left, top, wide, high, label=("left", "right", "difference")[number])
        axes.imshow(total[number], cmap=DIVERGING, vmin=-scale.limit, vmax=scale.limit, aspect="auto")
        axes.set_yticks(range(len(rows)), rows if number == 0 else [])
        axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=TINY)
        axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False, pad=2)
        _print_numbers(axes, total[number], scale)
    bar = sheet.axes(_MARGIN + names, top + high + 0.08, 2.0, 0.08, label="scale")
    colour_bar(bar, DIVERGING, -scale.limit, scale.limit, flush=True)
    sheet.text(_MARGIN + names + 2.1, top + high + 0.05, "logits, summed over levels", size=SMALL)
    return top + high + 0.3


def _print_numbers(axes: Axes, values: np.ndarray, scale: Scale) -> None:
    for (row, column), value in np.ndenumerate(values):
        if abs(value) >= 0.08 * scale.limit:
            light = abs(value) > 0.6 * scale.limit
            words = f"{value:+.1f}".replace("-", "−").replace("+", "")
            axes.text(column, row, words, fontsize=5, ha="center", va="center", color="white" if light else INK)


def _draw_levels(sheet: Sheet, result: TradeMatrix, target: str, sources: list[int], top: float) -> float:
    """Bars of one target by source and level, one panel a model and the difference."""
    t = result.targets.index(target)
    order = sorted(sources, key=lambda s: -float(np.abs(result.mean[:, t, :, s]).max()))[:6]
    top += sheet.text(_MARGIN, top, f"{target}: from where, level by level", weight="bold") + 0.12
    names = 0.3
    wide, high = (DOUBLE - 2 * _MARGIN - names - 2 * _GAP) / 3, 1.2
    values, half = result.mean[:, t][..., order], np.nan_to_num(result.half_width[:, t][..., order])
    low, most = float((values - half).min()), float((values + half).max())
    for side, name in enumerate(("left", "right", "difference")):
        left = _MARGIN + names + side * (wide + _GAP)
        axes = sheet.axes(left, top, wide, high, label=f"levels {name}")
        count = len(result.levels)
        for number, level in enumerate(reversed(result.levels)):
            x = count - 1 - number
            places = np.arange(len(order)) + (number - (count - 1) / 2) * 0.8 / count
            bars = axes.bar(places, values[side, x], 0.8 / count, color=level_colour(level), label=f"level {level}")
            axes.errorbar(places, values[side, x], half[side, x], fmt="none", ecolor=INK, elinewidth=0.5)
            for bar in bars:
                bar.set(linestyle=level_dash(level), gid=f"{name} level {level}")
        axes.axhline(0, color=QUIET, linewidth=0.5)
        axes.set(ylim=(min(low, 0) * 1.05, max(most, 0) * 1.05), xlim=(-0.6, len(order) - 0.4))
        axes.set_xticks(range(len(order)), [result.sources[s] for s in order], rotation=30, ha="right", fontsize=TINY)
        axes.tick_params(labelleft=side == 0)
        if side == 0:
            axes.set_ylabel("logits", fontsize=SMALL, labelpad=1)
        if side == 2:
            axes.legend(fontsize=5.5, ncols=2, frameon=False, handlelength=1, loc="best", columnspacing=0.8)
    return top + high + 0.55
