"""One state of a film as a picture: the decision's flow, where it looks, and where it stands on the curves.

All frames of a film have the same axes and the same width of a logit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.patheffects import Normal, Stroke

from rsp_lab.analysis.film.curves import X_WORDS, FilmPanel, film_panels
from rsp_lab.analysis.film.film import Film
from rsp_lab.figures.drawing.diagram import Diagram
from rsp_lab.figures.drawing.panels import lightened, mark_pixel, rgb, show_picture
from rsp_lab.figures.drawing.sheet import fill, fit, line_height, shorten, text_width
from rsp_lab.figures.paper.flow_panel import NUMBER, FlowLayout, FlowPanel
from rsp_lab.figures.results.film import STROKE, curve_look, draw_panel, key_lines
from rsp_lab.figures.style import DOUBLE, SMALL, TEXT, level_colour, level_dash, plot_style
from rsp_lab.shapes import step_digits, step_levels

DPI = 110
_MARGIN, _GAP = 0.08, 0.2
_LEFT = 3.05
"""Inches of the flow."""
_BETWEEN = 0.1
_RIGHT = DOUBLE - 2 * _MARGIN - _LEFT - _GAP
_SLOT = (_RIGHT - _BETWEEN) / 2
_TITLE = 12.0
_LABEL, _LONG_LABEL, _FALL = 0.5, 1.02, 0.27
"""Inches of the names of levels, of names with strides, and of the way from one level to the next."""
_PHOTO, _LOOK = 0.85, 1.35
_AXIS, _HIGH = 0.32, 0.66
_STANDS, _LAST_STANDS = 0.8, 3.0
"""Seconds."""
LOOK_KEY = "dot: mean; circle: spread; ring: the pixel"
"""What is drawn on the picture."""
_SENTENCE = 4
"""Lines that a sentence has room for."""


def draw_film_frame(film: Film, place: int) -> Figure:
    """The state at a place.

    Raises:
        IndexError: for a place where there is no state.
    """
    state, picture = film.states[place], film.picture(place)
    panels = film_panels(film)
    with plot_style():
        layout = _layout(film)
        top = _MARGIN + line_height(_TITLE) + 0.02
        photo = fit(film.image_size, layout.width, _PHOTO)
        first = top + 2 * line_height(TEXT) + photo[0] + 0.1
        base = first + len(layout.levels) * (layout.side + NUMBER + layout.fall)
        flow_bottom = base + 1.25 * layout.side + line_height(TEXT) + 0.1
        bottom = max(flow_bottom, _right_bottom(film, panels, top))
        diagram = Diagram(DOUBLE, bottom + _SENTENCE * line_height(TEXT) + _MARGIN)
        title = f"after {state.updates:,} of {film.updates[-1]:,} updates"
        diagram.text(_MARGIN, _MARGIN, title, size=_TITLE, weight="bold", va="top")
        words = shorten(f"{film.name}: {film.target.describe()}", DOUBLE - 3.0, TEXT)
        diagram.text(DOUBLE - _MARGIN, _MARGIN + 0.05, words, size=TEXT, va="top", ha="right")
        FlowPanel(diagram, picture, 0, "model", layout, frozenset(), _MARGIN).draw(top, photo, first, base)
        _draw_right(diagram, film, place, panels, top)
        sentence = fill(film.at(place), DOUBLE - 2 * _MARGIN, TEXT)
        diagram.text(_MARGIN, bottom, sentence, size=TEXT, va="top")
        return diagram.figure


def film_frames(film: Film, *, dpi: int = DPI) -> Iterator[UInt8[np.ndarray, "y x 3"]]:
    """Every state as RGB, all of one size."""
    for place in range(len(film.states)):
        figure = draw_film_frame(film, place)
        figure.set_dpi(dpi)
        with plot_style():
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
        yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def film_seconds(frames: int) -> list[float]:
    """How long each of so many frames stands: the last one longest."""
    return [_STANDS] * (frames - 1) + [_LAST_STANDS]


def _layout(film: Film) -> FlowLayout:
    label = _LONG_LABEL if film.states[0].flow.ledger.strides else _LABEL
    pitch = (_LEFT - label) / max(film.nodes, 2)
    side = min(0.76 * pitch, 0.36)
    flows = [state.flow for state in film.states]
    levels = tuple(sorted({x for flow in flows for x in flow.chain or flow.nodes}, reverse=True))
    nodes, pixel = film.busiest
    scale = side / max(nodes, pixel * side / (_LEFT - label - 0.3))
    return FlowLayout(_LEFT, label, pitch, side, _FALL, scale, levels)


def _rows(panels: tuple[FilmPanel, ...]) -> list[tuple[tuple[FilmPanel, ...], int]]:
    """Panels beside each other, and the lines that their legends take."""
    rows = [panels[first : first + 2] for first in range(0, len(panels), 2)]
    return [(row, max(len(key_lines(panel, _SLOT)) for panel in row)) for row in rows]


def _row_height(lines: int) -> float:
    return (1 + lines) * line_height(SMALL) + _HIGH + 0.22


def _look_height(film: Film) -> float:
    """Of the picture of where the steps look; 0 where none do."""
    if not film.steps:
        return 0.0
    return fit(film.image_size, _RIGHT, _LOOK)[0] + 2 * line_height(SMALL) + 0.08


def _right_bottom(film: Film, panels: tuple[FilmPanel, ...], top: float) -> float:
    return top + _look_height(film) + sum(_row_height(lines) for _, lines in _rows(panels)) + line_height(SMALL) + 0.06


def _draw_right(diagram: Diagram, film: Film, place: int, panels: tuple[FilmPanel, ...], top: float) -> None:
    left, wide = _MARGIN + _LEFT + _GAP, _RIGHT
    if film.steps:
        _draw_look(diagram, film, place, left, top, wide)
    top += _look_height(film)
    for row, lines in _rows(panels):
        start = top + (1 + lines) * line_height(SMALL) + 0.04
        for number, panel in enumerate(row):
            x = left + number * (_SLOT + _BETWEEN)
            diagram.text(x, top, f"{panel.title}, {panel.unit}", size=SMALL, weight="bold", va="top")
            for count, line in enumerate(key_lines(panel, _SLOT), 1):
                _draw_key(diagram, panel, line, x, top + (count + 0.5) * line_height(SMALL))
            axes = diagram.axes(x + _AXIS, start, _SLOT - _AXIS - 0.04, _HIGH, label=panel.title)
            draw_panel(axes, film, panel, cursor=place)
        top += _row_height(lines)
    diagram.text(left + wide / 2, top - 0.06, X_WORDS, size=SMALL, va="top", ha="center")


def _draw_look(diagram: Diagram, film: Film, place: int, left: float, top: float, wide: float) -> None:
    high, broad = fit(film.image_size, wide, _LOOK)
    title = "where the steps look"
    diagram.text(left, top, title, size=SMALL, weight="bold", va="top")
    after = left + text_width(title, SMALL, bold=True) + 0.1
    diagram.text(after, top, LOOK_KEY, size=SMALL, va="top")
    x = left
    for step in film.steps:
        level, words = step_levels(step)[0], f"step {step_digits(step)}"
        y = top + 1.5 * line_height(SMALL)
        look = {"color": level_colour(level), "linestyle": level_dash(level), "linewidth": 1.4}
        diagram.line([(x, y), (x + 0.22, y)], **look)
        diagram.text(x + 0.26, y, words, size=SMALL)
        x += 0.26 + text_width(words, SMALL) + 0.12
    axes = diagram.axes(left, top + 2 * line_height(SMALL) + 0.02, broad, high, label="look")
    draw_look(axes, film, place)


def draw_look(axes: Axes, film: Film, place: int) -> None:
    """The picture with each step's centre as a dot and its spread as a circle round it; the ring is the pixel."""
    show_picture(axes, lightened(rgb(film.image)), size=film.image_size)
    for one in film.states[place].gaze:
        level = step_levels(one.step)[0]
        y, x = one.centre
        colour = level_colour(level)
        circle = Circle((x, y), one.spread, fill=False, edgecolor=colour, linestyle=level_dash(level), linewidth=1.2)
        axes.add_artist(circle)
        circle.set_gid(f"spread {one.step}")
        (dot,) = axes.plot([x], [y], marker="o", markersize=4.5, color=colour, zorder=5, gid=f"centre {one.step}")
        dot.set_path_effects([Stroke(linewidth=1.6, foreground="white"), Normal()])
    mark_pixel(axes, film.pixel, size=5)


def _draw_key(diagram: Diagram, panel: FilmPanel, line: list[int], x: float, y: float) -> None:
    for place in line:
        curve = panel.curves[place]
        colour, dash = curve_look(curve)
        diagram.line([(x, y), (x + STROKE, y)], color=colour, linestyle=dash, linewidth=1.2)
        diagram.text(x + STROKE + 0.04, y, curve.name, size=SMALL)
        x += STROKE + 0.12 + text_width(curve.name, SMALL)
