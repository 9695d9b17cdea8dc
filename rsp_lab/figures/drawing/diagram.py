"""What diagrams are drawn with: a canvas in inches, maps as slabs and grids, boxes, arrows, and words between them.

Coordinates are inches from the top left; y grows downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle
from matplotlib.path import Path

from rsp_lab.figures.drawing.sheet import ASCENT, LINE
from rsp_lab.figures.fonts import legible
from rsp_lab.figures.style import INK, QUIET, SMALL, TEXT, ShownFigure, level_colour, level_dash

Point = tuple[float, float]

HAIR, THIN, FIRM = 0.35, 0.6, 0.9
"""Stroke widths, points."""


class Diagram:
    """A figure of a fixed size with one canvas over all of it."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = ShownFigure(figsize=(width, height))
        self.canvas: Axes = self.figure.add_axes((0, 0, 1, 1), label="canvas")
        self.canvas.set(xlim=(0, width), ylim=(height, 0))
        self.canvas.set_axis_off()

    def axes(self, left: float, top: float, width: float, height: float, *, label: str) -> Axes:
        """Axes of their own on the canvas, for pictures."""
        box = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box, label=label)

    def text(self, x: float, y: float, words: str, *, size: float = SMALL, **style: Any) -> None:
        """Lines of words whose middle (``va="center"``, the default) or top is at ``y``, on even baselines."""
        lines, high = legible(words).split("\n"), LINE * size / 72
        start = y - len(lines) * high / 2 if style.pop("va", "center") == "center" else y
        for number, line in enumerate(lines):
            # The baseline lies at 0.92 of a centred line's type size, at which capitals look centred.
            base = start + number * high + (ASCENT + (LINE - ASCENT) / 4) * size / 72
            self.canvas.text(x, base, line, fontsize=size, va="baseline", **style)

    def box(self, x: float, y: float, width: float, height: float, words: str, **style: Any) -> None:
        """A rounded box centred on (x, y) with words in it."""
        size, colour = style.pop("size", SMALL), style.pop("color", INK)
        look = {"facecolor": "white", "edgecolor": INK, "linewidth": FIRM, "zorder": 3, **style}
        shape = "round,pad=0,rounding_size=0.045"
        self.canvas.add_artist(FancyBboxPatch((x - width / 2, y - height / 2), width, height, boxstyle=shape, **look))
        self.text(x, y, words, size=size, color=colour, ha="center", zorder=4)

    def node(self, x: float, y: float, sign: str = "+", *, radius: float = 0.085, gid: str | None = None) -> None:
        """A round operation: ``+``, ``×``, ``·`` or ``Σ``, drawn as strokes or a letter."""
        circle = np.linspace(0, 2 * np.pi, 49)
        outline = np.column_stack([x + radius * np.cos(circle), y + radius * np.sin(circle)])
        self.canvas.add_artist(Polygon(outline, facecolor="white", edgecolor=INK, linewidth=FIRM, zorder=3, gid=gid))
        arm = 0.55 * radius
        if sign == "+":
            self.line([(x - arm, y), (x + arm, y)], zorder=4)
            self.line([(x, y - arm), (x, y + arm)], zorder=4)
        elif sign == "×":
            arm *= 0.75
            self.line([(x - arm, y - arm), (x + arm, y + arm)], zorder=4)
            self.line([(x - arm, y + arm), (x + arm, y - arm)], zorder=4)
        elif sign == "·":
            self.canvas.plot([x], [y], marker="o", markersize=2.6, color=INK, zorder=4)
        else:
            self.text(x, y, sign, size=TEXT, ha="center", zorder=4)

    def line(self, points: Sequence[Point], **style: Any) -> None:
        """A polyline."""
        look = {"color": INK, "linewidth": FIRM, "solid_capstyle": "butt", "solid_joinstyle": "miter", **style}
        self.canvas.plot(*zip(*points, strict=True), **look)

    def arrow(self, points: Sequence[Point], *, head: float = 5.0, gid: str | None = None, **style: Any) -> None:
        """An arrow along straight pieces; its head ends at the last point."""
        codes = [Path.MOVETO, *[Path.LINETO] * (len(points) - 1)]
        self._arrow(Path(list(points), codes), head, gid, style)

    def curve(self, start: Point, end: Point, *, head: float = 5.0, gid: str | None = None, **style: Any) -> None:
        """An arrow that leaves and arrives vertically."""
        middle = (start[1] + end[1]) / 2
        path = Path([start, (start[0], middle), (end[0], middle), end], [Path.MOVETO, *[Path.CURVE4] * 3])
        self._arrow(path, head, gid, style)

    def _arrow(self, path: Path, head: float, gid: str | None, style: dict[str, Any]) -> None:
        shape = f"-|>,head_length={0.5 * head / 5:.3f},head_width={0.22 * head / 5:.3f}"
        look = {"edgecolor": INK, "facecolor": INK, "linewidth": FIRM, "zorder": 2.5, "mutation_scale": 8.0, **style}
        patch = FancyArrowPatch(path=path, arrowstyle=shape, shrinkA=0, shrinkB=0, **look)
        patch.set_gid(gid)
        patch.set_joinstyle("miter")
        patch.set_capstyle("butt")
        self.canvas.add_artist(patch)

    def polygon(self, points: Sequence[Point], **style: Any) -> None:
        """A filled polygon."""
        look = {"facecolor": "white", "edgecolor": INK, "linewidth": THIN, "joinstyle": "round", **style}
        self.canvas.add_artist(Polygon(list(points), **look))

    def slab(self, x: float, y: float, width: float, height: float, level: int, **style: Any) -> None:
        """A map of a level lying flat, seen from above the front; (x, y) is the middle of its surface."""
        lean, thick = 0.5 * height, style.pop("thick", 0.045)
        left, right, back, front = x - width / 2, x + width / 2, y - height / 2, y + height / 2
        surface = [(left - lean, front), (right - lean, front), (right + lean, back), (left + lean, back)]
        side = [
            (left - lean, front),
            (right - lean, front),
            (right - lean, front + thick),
            (left - lean, front + thick),
        ]
        end = [
            (right - lean, front),
            (right + lean, back),
            (right + lean, back + thick),
            (right - lean, front + thick),
        ]
        colour = level_colour(level)
        edge = {"edgecolor": colour, "linewidth": THIN, "zorder": 2, **style}
        self.polygon(side, facecolor=tint(colour, 0.55), **edge)
        self.polygon(end, facecolor=tint(colour, 0.7), **edge)
        self.polygon(surface, facecolor=tint(colour, 0.25), **edge)

    def stack(self, x: float, y: float, width: float, height: float, depth: float, colour: str, **style: Any) -> None:
        """A block of channels seen from the front: (x, y) is the middle of the front face."""
        left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
        edge = {"edgecolor": colour, "linewidth": THIN, "zorder": 2, **style}
        front = [(left, top), (right, top), (right, bottom), (left, bottom)]
        lid = [(left, top), (right, top), (right + depth, top - depth), (left + depth, top - depth)]
        side = [(right, top), (right, bottom), (right + depth, bottom - depth), (right + depth, top - depth)]
        self.polygon(lid, facecolor=tint(colour, 0.12), **edge)
        self.polygon(side, facecolor=tint(colour, 0.6), **edge)
        self.polygon(front, facecolor=tint(colour, 0.3), **edge)

    def grid(
        self, x: float, y: float, side: float, cells: int, colours: np.ndarray | None = None, **style: Any
    ) -> None:
        """A square of cells centred on (x, y), each in its colour (cells, cells, 3 or 4), or empty."""
        edge, gid = style.pop("edgecolor", QUIET), style.pop("gid", None)
        unit, left, top = side / cells, x - side / 2, y - side / 2
        for row in range(cells if colours is not None else 0):
            for column in range(cells):
                assert colours is not None
                corner = (left + column * unit, top + row * unit)
                cell = Rectangle(corner, unit, unit, facecolor=tuple(colours[row, column]), linewidth=0, zorder=2)
                cell.set_gid(f"{gid} {row} {column}" if gid else None)
                self.canvas.add_artist(cell)
        for index in range(cells + 1):
            wide = THIN if index in (0, cells) else HAIR
            at = index * unit
            self.line([(left, top + at), (left + side, top + at)], color=edge, linewidth=wide, zorder=2.1)
            self.line([(left + at, top), (left + at, top + side)], color=edge, linewidth=wide, zorder=2.1)


def tint(colour: str, share: float) -> str:
    """The colour mixed with white: 0 white, 1 the colour."""
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))


def level_edge(level: int) -> dict[str, Any]:
    """Colour and dash of a level's frame."""
    return {"edgecolor": level_colour(level), "linestyle": level_dash(level)}
