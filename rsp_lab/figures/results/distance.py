"""How accuracy on ambiguous regions falls with the distance of the deciding cue."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rsp_lab.analysis.scenes.distance import DistanceCurve
from rsp_lab.figures.fonts import legible
from rsp_lab.figures.style import DOUBLE, FAINT, INK, QUIET, SMALL, ShownFigure, plot_style

_COLOURS = ("#1a1a1a", "#7f7f7f", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5cc4")
_MARKERS = "osD^vPX<*"
# Inches: of the figure, above its panels, below them with one row of the legend, and of each further row.
_HEIGHT, _ABOVE, _BELOW, _ROW = 2.55, 0.255, 0.727, 0.17
# Letters of the legend that stand beside each other in an inch, each name with its mark and a gap.
_LETTERS, _MARK = 19.0, 9


def draw_distance_curves(curves: Sequence[DistanceCurve], order: Sequence[str] = (), width: float = DOUBLE) -> Figure:
    """One panel a case: the median over runs as a line, least and greatest as a bar at each distance.

    Args:
        curves: at least one.
        order: all models that have a colour, so that one has the same in several figures; those at hand by default.
        width: inches.

    Raises:
        ValueError: if there is no curve.
    """
    if not curves:
        raise ValueError("no curve to draw: train a study first (python -m trainers study).")
    cases = list(dict.fromkeys(curve.case for curve in curves))
    models = list(dict.fromkeys((*order, *(curve.model for curve in curves))))
    with plot_style():
        names = list(dict.fromkeys(curve.model for curve in curves))
        across = _legend_columns(names, width)
        more = _ROW * (math.ceil(len(names) / across) - 1)
        height = _HEIGHT + more
        figure = ShownFigure(figsize=(width, height))
        panels = figure.subplots(1, len(cases), sharey=True, squeeze=False)[0]
        for axes, case in zip(panels, cases, strict=True):
            _draw_panel(axes, case, [curve for curve in curves if curve.case == case], models)
        least = min(value for curve in curves for row in curve.values for value in row)
        panels[0].set_ylim(min(0.4, least - 0.04), 1.04)  # of all panels, which share it
        panels[0].set_ylabel("share of regions read right", fontsize=SMALL)
        figure.legend(
            *panels[0].get_legend_handles_labels(),
            loc="lower center",
            ncols=across,
            frameon=False,
            fontsize=SMALL,
            handlelength=2.2,
            columnspacing=1.4,
        )
        top, bottom = 1 - _ABOVE / height, (_BELOW + more) / height
        figure.subplots_adjust(left=0.075, right=0.99, top=top, bottom=bottom, wspace=0.08)
    return figure


def distance_caption(curves: Sequence[DistanceCurve], size: tuple[int, int], scenes: int) -> str:
    """The caption of :func:`draw_distance_curves`, as plain text, for curves of one run each.

    Args:
        curves: as drawn.
        size: (y, x) of the scenes, pixels.
        scenes: drawn of each case and distance.
    """
    names = dict.fromkeys(curve.model for curve in curves)
    return (
        f"Share of ambiguous regions that {' and '.join(names)} read right, by the distance of the deciding cue: "
        f"{scenes} scenes of {size[0]} x {size[1]} pixels a point, no model was trained on them; one half is chance. "
        "One run a model, so there is no spread to show."
    )


def _legend_columns(names: Sequence[str], width: float) -> int:
    """As many names beside each other as fit, every column as wide as its longest."""
    for columns in range(len(names), 1, -1):
        # As matplotlib fills them: one after the other, the first ones with one name more.
        longest = [max(map(len, part)) for part in np.array_split(np.array(names, dtype=object), columns)]
        if sum(letters + _MARK for letters in longest) <= _LETTERS * width:
            return columns
    return 1


def _draw_panel(axes: Axes, case: str, curves: Sequence[DistanceCurve], models: Sequence[str]) -> None:
    axes.axhline(0.5, color=FAINT, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    # In the middle: the farthest cues, at the right, are where curves come down to it.
    axes.text(
        0.45, 0.485, "chance", transform=axes.get_yaxis_transform(), ha="center", va="top", color=QUIET, fontsize=SMALL
    )
    for curve in curves:
        which = models.index(curve.model)
        middle, ends = curve.medians, curve.ranges
        # Models stand a little apart, so that bars at one distance can be told from each other.
        places = [distance + 0.35 * (which - (len(models) - 1) / 2) for distance in curve.distances]
        reach = [
            [m - least for m, (least, _) in zip(middle, ends, strict=True)],
            [most - m for m, (_, most) in zip(middle, ends, strict=True)],
        ]
        axes.errorbar(
            places,
            middle,
            yerr=reach,
            color=_COLOURS[which % len(_COLOURS)],
            label=legible(curve.model),
            marker=_MARKERS[which % len(_MARKERS)],
            markersize=3.2,
            linewidth=1.0,
            elinewidth=0.6,
        )
    axes.set_title(case.replace("-", " / "), fontsize=SMALL, color=INK)
    axes.set_xlabel("distance of the cue (pixels)", fontsize=SMALL)
    axes.set_xticks(curves[0].distances)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
