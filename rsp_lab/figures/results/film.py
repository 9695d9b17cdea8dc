"""A training as a film: curves over the updates, all on one logarithmic axis."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from rsp_lab.analysis.film.curves import X_WORDS, FilmCurve, FilmPanel, film_panels
from rsp_lab.analysis.film.film import REGIONS_RULE, Film
from rsp_lab.analysis.film.state import GAZE_RULE
from rsp_lab.analysis.relation_weights.complementarity import COMPLEMENTARITY_RULE
from rsp_lab.figures.drawing.captions import image_words
from rsp_lab.figures.drawing.sheet import Sheet, fill, line_height, text_width, wrap
from rsp_lab.figures.style import DOUBLE, FAINT, INK, QUIET, SMALL, level_colour, level_dash, plot_style

RANKS: tuple[tuple[str, Any], ...] = (
    (INK, "solid"),
    ("#0072B2", (0.0, (5, 1.5))),
    ("#B44A00", (0.0, (1.2, 1.2))),
    ("#00755A", (0.0, (5, 1.5, 1.2, 1.5))),
)
"""Colour and dash of curves that belong to no level, by their rank."""
_MARGIN = 0.06
_AXIS, _GAP = 0.36, 0.12
STROKE = 0.2
"""Inches of a stroke in a legend."""
_TICKS = 5


def draw_film(film: Film, *, width: float = DOUBLE) -> Figure:
    """Margin with its parts, what the change does, regions, gaze and complementarity over the updates.

    Args:
        film: of two states at least.
        width: inches, ``SINGLE`` or ``DOUBLE``.

    Raises:
        ValueError: for a film of one state, which has no curves.
    """
    if len(film.states) < 2:
        raise ValueError("a film of one state has no curves: keep more states of the run.")
    panels = film_panels(film)
    across = 2 if width < DOUBLE - 1 else 3
    with plot_style():
        sheet = Sheet(width)
        slot = (width - 2 * _MARGIN - (across - 1) * _GAP) / across
        high, top = (1.0 if across == 2 else 1.25), _MARGIN
        for first in range(0, len(panels), across):
            row = panels[first : first + across]
            keys = [key_lines(panel, slot) for panel in row]
            head = line_height(SMALL) + max(map(len, keys)) * line_height(SMALL) + 0.04
            for place, (panel, lines) in enumerate(zip(row, keys, strict=True)):
                left = _MARGIN + place * (slot + _GAP)
                sheet.text(left, top, f"{panel.title}, {panel.unit}", size=SMALL, weight="bold")
                for number, line in enumerate(lines):
                    _draw_key(sheet, panel, line, left, top + (number + 1) * line_height(SMALL))
                axes = sheet.axes(left + _AXIS, top + head, slot - _AXIS - 0.05, high, label=panel.title)
                draw_panel(axes, film, panel)
            top += head + high + 0.2
        sheet.text(width / 2, top - 0.03, X_WORDS, size=SMALL, ha="center")
        top += line_height(SMALL)
        words = fill(film.sentence(), width - 2 * _MARGIN)
        top += sheet.text(_MARGIN, top, words) + 0.02
        notes = fill(
            "; ".join(f"{panel.title}: {panel.note}" for panel in panels if panel.note) + ".", width - 0.12, SMALL
        )
        top += sheet.text(_MARGIN, top, notes, size=SMALL, color=QUIET)
        return sheet.finish(top + _MARGIN)


def film_caption(film: Film) -> str:
    """The caption of :func:`draw_film`, as plain text."""
    y, x = film.pixel
    rules = [f"Gaze: {GAZE_RULE}.", f"Complementarity: {COMPLEMENTARITY_RULE}."] if film.steps else []
    if film.cases:
        rules.append(f"Regions: {REGIONS_RULE}; {film.scenes} scenes of each case, both readings.")
    return " ".join(
        [
            f"Training of {film.name}{f' on {film.data}' if film.data else ''} as a film: {film.target.describe()} at "
            f"{len(film.states)} kept states, logarithmic axis.",
            film.sentence(),
            *(f"{panel.title[0].upper()}{panel.title[1:]}: {panel.note}." for panel in film_panels(film) if panel.note),
            *rules,
            f"Class and rival: {film.chosen}. Pixel y {y}, x {x}.",
            image_words(film.image_size, film.image_name),
            f"Largest relative residual of a ledger: {film.residual:.1g}.",
        ]
    )


def draw_panel(axes: Axes, film: Film, panel: FilmPanel, *, cursor: int | None = None) -> None:
    """Curves over the updates; their axes are those of the whole film, whichever state a cursor stands at."""
    x = [max(1, updates) for updates in film.updates]
    axes.set_xscale("log")
    if panel.reference is not None:
        axes.axhline(panel.reference, color=FAINT, linewidth=0.7, zorder=0)
    for curve in panel.curves:
        colour, dash = curve_look(curve)
        wide = 1.5 if curve.level is None and not curve.rank else 1.0
        axes.plot(x, curve.values, color=colour, linestyle=dash, linewidth=wide, label=curve.name, gid=curve.name)
        for places, face in _marks(curve):
            look: dict[str, Any] = {
                "markerfacecolor": face or colour,
                "markeredgecolor": colour,
                "markeredgewidth": 0.6,
            }
            values = [curve.values[i] for i in places]
            axes.plot([x[i] for i in places], values, linestyle="none", marker="o", markersize=2.6, **look)
    axes.set_xlim(x[0] / 1.12, x[-1] * 1.12)
    if panel.limits is not None:
        axes.set_ylim(*panel.limits)
    axes.set_ylim(axes.get_ylim())
    shown = sorted({round(i * (len(x) - 1) / (_TICKS - 1)) for i in range(_TICKS)})
    axes.set_xticks([x[i] for i in shown], [f"{film.updates[i]:,}" for i in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(MaxNLocator(4))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if cursor is not None:
        axes.axvline(x[cursor], color=INK, linewidth=0.8, zorder=5, gid="cursor")
        for curve in panel.curves:
            colour, _ = curve_look(curve)
            axes.plot(x[cursor], curve.values[cursor], marker="o", markersize=3.4, color=colour, zorder=6)


def curve_look(curve: FilmCurve) -> tuple[str, Any]:
    """Colour and dash."""
    if curve.level is not None:
        return level_colour(curve.level), level_dash(curve.level)
    return RANKS[curve.rank % len(RANKS)]


def key_lines(panel: FilmPanel, width: float) -> list[list[int]]:
    """Places of the curves whose names stand on each line of a legend."""
    return wrap([curve.name for curve in panel.curves], width, SMALL, extra=STROKE + 0.12)


def _marks(curve: FilmCurve) -> list[tuple[list[int], str]]:
    """Places that are marked alike, and the face of the marks, empty for the curve's own colour."""
    if curve.clear is None:
        return [(list(range(len(curve.values))), "")]
    filled = [i for i, clear in enumerate(curve.clear) if clear]
    hollow = [i for i, clear in enumerate(curve.clear) if not clear]
    return [(places, face) for places, face in ((filled, ""), (hollow, "white")) if places]


def _draw_key(sheet: Sheet, panel: FilmPanel, line: list[int], left: float, top: float) -> None:
    x = left
    for place in line:
        curve = panel.curves[place]
        colour, dash = curve_look(curve)
        stroke = sheet.axes(x, top, STROKE, line_height(SMALL), label=f"{panel.title} key {curve.name}")
        stroke.set_axis_off()
        stroke.set(xlim=(0, 1), ylim=(0, 1))
        stroke.plot([0, 1], [0.45, 0.45], color=colour, linestyle=dash, linewidth=1.4)
        sheet.text(x + STROKE + 0.04, top, curve.name, size=SMALL)
        x += STROKE + 0.04 + text_width(curve.name, SMALL) + 0.08
