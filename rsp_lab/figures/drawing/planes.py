"""Planes of cells seen from above: where shares of a map lie on the canvas, and the lines between its cells."""

from __future__ import annotations

from collections.abc import Callable

from rsp_lab.figures.drawing.diagram import HAIR, Diagram, Point

Place = Callable[[float, float], Point]
"""From a share of the width and of the height of a map to a point on the canvas."""


def plane(left: float, front: float, wide: float, depth: float, lean: float) -> Place:
    """A plane whose front edge begins at (left, front); its back lies ``depth`` above and ``lean`` to the right."""

    def place(x: float, y: float) -> Point:
        return left + x * wide + (1 - y) * lean, front - (1 - y) * depth

    return place


def patch(place: Place, top: float, left: float, bottom: float, right: float) -> list[Point]:
    """The corners of a box of shares on a plane."""
    return [place(left, top), place(right, top), place(right, bottom), place(left, bottom)]


def cell_box(
    rows: tuple[int, ...], columns: tuple[int, ...], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """(top, left, bottom, right) of a block of cells as shares of the map."""
    return rows[0] / size[0], columns[0] / size[1], (rows[-1] + 1) / size[0], (columns[-1] + 1) / size[1]


def draw_lines(
    diagram: Diagram,
    place: Place,
    size: tuple[int, int],
    box: tuple[float, float, float, float],
    colour: str,
    depth: float,
) -> None:
    """The lines between the cells of a map of ``size`` (y, x) within a box of shares."""
    top, left, bottom, right = box
    for row in range(round(top * size[0]), round(bottom * size[0]) + 1):
        ends = [place(left, row / size[0]), place(right, row / size[0])]
        diagram.line(ends, color=colour, linewidth=HAIR, zorder=depth)
    for column in range(round(left * size[1]), round(right * size[1]) + 1):
        ends = [place(column / size[1], top), place(column / size[1], bottom)]
        diagram.line(ends, color=colour, linewidth=HAIR, zorder=depth)


def place_y(place: Place, share: float) -> float:
    """Height on the canvas of a point of a plane's left edge."""
    return place(0, share)[1]
