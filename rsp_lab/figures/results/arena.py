"""Every method of the arena by a few measures, both models side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rsp_lab.analysis.arena.result import MEASURES, ArenaResult
from rsp_lab.figures.drawing.sheet import Sheet, fill, shorten, text_width
from rsp_lab.figures.style import DOUBLE, FAINT, INK, QUIET, SMALL, plot_style
from rsp_lab.intervals import Estimate

_MARGIN, _GAP, _ROW, _MARK = 0.08, 0.1, 0.19, 0.07
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = "osD^vP"


@dataclass(frozen=True)
class Panel:
    """One column.

    Attributes:
        measure: key in :data:`~rsp_lab.analysis.arena.result.MEASURES`.
        title: in two short lines.
        better: an arrow, or nothing.
        chance: where a map without knowledge stands; None: where the random control does.
    """

    measure: str
    title: str
    better: str
    chance: float | None


PANELS = (
    Panel("live_score", "delete, insert\ncells (live)", "→", None),
    Panel("input_score", "delete, insert\npixels", "→", None),
    Panel("same_model", "same, new\nparameters", "←", 0.0),
    Panel("cue_lift", "mass on cue,\nx uniform", "→", 1.0),
    Panel("cue_preference", "cue rather\nthan decoy", "→", 0.5),
    Panel("follow", "follows the\ncue's swap", "→", 0.0),
)


def draw_arena(result: ArenaResult) -> Figure:
    """Methods as rows, measures as panels: means over pairs with 95 % t intervals, one mark a model.

    The dashed line is chance: what a map gets that knows nothing.
    """
    with plot_style():
        sheet = Sheet(DOUBLE)
        names = [method.title for method in result.methods.values()]
        left = _MARGIN + max(text_width(name, SMALL) for name in names) + 0.08
        wide = (DOUBLE - left - _MARGIN - (len(PANELS) - 1) * _GAP) / len(PANELS)
        row = max(_ROW, _MARK * (len(result.models) + 1))
        high, top = row * len(names) + 0.06, _MARGIN + 0.34
        for number, panel in enumerate(PANELS):
            start = left + number * (wide + _GAP)
            sheet.text(start, _MARGIN, f"{panel.title} {panel.better}", size=SMALL)
            axes = sheet.axes(start, top, wide, high, label=panel.measure)
            _draw_panel(axes, result, panel)
            axes.set_yticks(range(len(names)), names if number == 0 else [])
            axes.set_ylim(len(names) - 0.5, -0.5)
        below = top + high + 0.24
        below += _legend(sheet, result.models, below)
        pairs = len(result.of_model(result.models[0]))
        used = ", ".join(f"{sum(p.used for p in result.of_model(m))} in {m}" for m in result.models)
        words = (
            f"Means over pairs of readings with 95 % t intervals; {pairs} pairs a model. The last three columns count "
            f"the pairs whose cue the model uses ({used}). Dashed: a map that knows nothing. Arrows: where better "
            "lies. Scores are shares: of the ledger's |contributions| (cells), of the target's range (pixels)."
        )
        if any(result.left_out(model) for model in result.models):
            words += " Where a model has no mark, the method or the measure does not apply to it."
        below += sheet.text(_MARGIN, below, fill(words, DOUBLE - 2 * _MARGIN, SMALL), size=SMALL, color=QUIET)
        return sheet.finish(below + _MARGIN)


def _draw_panel(axes: Axes, result: ArenaResult, panel: Panel) -> None:
    count = len(result.models)
    drawn: list[float] = []
    for which, model in enumerate(result.models):
        colour, marker = _look(which)
        for row, method in enumerate(result.methods):
            estimate = result.estimate(model, method, panel.measure)
            if math.isnan(estimate.mean):
                continue
            place = row + (which - (count - 1) / 2) * (0.5 if count < 4 else 0.7) / max(count - 1, 1)
            reach = 0.0 if math.isnan(estimate.half_width) else estimate.half_width
            axes.errorbar(estimate.mean, place, xerr=reach, color=colour, marker=marker, markersize=2.8, elinewidth=0.7)
            drawn += [estimate.mean, *_short(estimate)]
    chance = panel.chance if panel.chance is not None else result.control(panel.measure)
    if chance is not None:
        axes.axvline(chance, color=INK, linewidth=0.6, linestyle=(0, (3, 2)), zorder=0)
        drawn.append(chance)
    if drawn:
        spare = 0.06 * (max(drawn) - min(drawn) or 1)
        low, high = min(drawn) - spare, max(drawn) + spare
        if MEASURES[panel.measure].group == "randomised":
            # A t interval does not know that a correlation ends at 1.
            low, high = max(low, -1.1), min(high, 1.1)
        axes.set_xlim(low, high)
    else:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=QUIET, fontsize=SMALL)
    for row in range(len(result.methods)):
        axes.axhline(row, color=FAINT, linewidth=0.3, zorder=0)
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=3)
    axes.set_gid(MEASURES[panel.measure].title)


def _short(estimate: Estimate) -> tuple[float, ...]:
    """Ends of the interval; of few pairs they may lie so far out that nothing else could be told apart."""
    if math.isnan(estimate.half_width) or estimate.count < 3:
        return ()
    return estimate.low, estimate.high


def _legend(sheet: Sheet, models: Sequence[str], top: float) -> float:
    """Rows of marks and names; their height."""
    left, height = _MARGIN, 0.2
    for which, name in enumerate(models):
        model = shorten(name, DOUBLE - 2 * _MARGIN - 0.18, SMALL)
        wide = 0.18 + text_width(model, SMALL) + 0.25
        if left > _MARGIN and left + wide > DOUBLE - _MARGIN:
            left, height = _MARGIN, height + 0.17
        colour, marker = _look(which)
        axes = sheet.axes(left, top + height - 0.2, 0.14, 0.14, label=f"legend {model}")
        axes.plot(0, 0, color=colour, marker=marker, markersize=3.5)
        axes.set_axis_off()
        sheet.text(left + 0.18, top + height - 0.2, model, size=SMALL)
        left += wide
    return height


def _look(which: int) -> tuple[str, str]:
    """Colour and marker of a model; no two of the first 36 look alike."""
    count = len(_COLOURS)
    return _COLOURS[which % count], _MARKERS[(which + which // count) % len(_MARKERS)]
