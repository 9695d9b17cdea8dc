"""Regions and reach (Fig. 1 c, d): planes of cells above the photograph, and how far one pixel can look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke
from matplotlib.transforms import Affine2D

from rsp_lab.analysis.receptive_field.geometry import LocalRegion, ReachGeometry
from rsp_lab.figures.drawing.captions import image_words
from rsp_lab.figures.drawing.diagram import FIRM, HAIR, THIN, Diagram, Point, level_edge, tint
from rsp_lab.figures.drawing.panels import printable, rgb, symbol
from rsp_lab.figures.drawing.planes import Place, cell_box, draw_lines, patch, place_y, plane
from rsp_lab.figures.drawing.sheet import shorten
from rsp_lab.figures.style import DOUBLE, FAINT, INK, QUIET, SINGLE, SMALL, TEXT, level_colour, plot_style
from rsp_lab.rgb import ImageLike
from rsp_lab.shapes import step_digits, step_levels
from rsp_lab.text import significant

_MOST_LINES = 40
"""Cells along an axis beyond which a grid's lines would close up."""
_SHORTENED = 0.49
"""Inches of depth for an inch of a plane's own height, as it is seen from in front; of any plane, so that none is
distorted against another."""
_DEEPEST, _SHORTEST_STEP = 0.9, 0.36
_LEANING = 1.22
"""How far the back of a plane lies to the right of its front, in units of its depth."""
_TOP = 0.3
_BARS = 0.17
_BESIDE = 1.22
"""Room beside the planes for their names and reach, inches."""


class _PlaneSizes(NamedTuple):
    """Of all planes of (c), inches: the front edge, how far the back lies above and to the right of it, and from one
    plane to the next."""

    wide: float
    depth: float
    lean: float
    step: float


def _plane_sizes(image_size: tuple[int, int], room: float, deepest: float) -> _PlaneSizes:
    """The largest planes of the image's proportions in a room of so many inches, no deeper than ``deepest``."""
    slope = _SHORTENED * image_size[0] / image_size[1]
    wide = min(room / (1 + _LEANING * slope), deepest / slope)
    depth = slope * wide
    return _PlaneSizes(wide, depth, _LEANING * depth, max(_SHORTEST_STEP, depth + 0.08))


def draw_reach(
    image: ImageLike, reaches: Sequence[ReachGeometry], names: Sequence[str], *, width: float = DOUBLE
) -> Figure:
    """(c) the longest way through the last head, above the photograph; (d) one cell's region; the reach of all heads.

    A level's plane shows its cells; tinted are those that pixel D can see, strong those in the window of the cell below
    on the longest way. On a page (c) and (d) stand beside each other, in a column below each other.

    Args:
        image: RGB, uint8 or float in [0, 1] (see :mod:`rsp_lab.rgb`); planes have the proportions of the geometry's
            image, of which it should be.
        reaches: of one or more heads for one image size and pixel; the last one is drawn.
        names: of the heads.
        width: inches, ``SINGLE`` or ``DOUBLE``.

    Raises:
        ValueError: without a head, or with another number of names.
    """
    if not reaches or len(reaches) != len(names):
        raise ValueError(f"{len(reaches)} heads and {len(names)} names: give at least one head, and a name for each.")
    shown, two = reaches[-1], width > SINGLE + 1
    rows = len(shown.levels) - 1
    half = 0.58 * width if two else width
    sizes = _plane_sizes(shown.image_size, half - _BESIDE, _DEEPEST if two else 0.6 * _DEEPEST)
    tall_c = _TOP + sizes.step * rows + sizes.depth + 0.36
    tall_d, tall_bars = 2.5, 0.5 + len(_bar_levels(reaches)) * max(_BARS, 0.12 * len(reaches))
    height = max(tall_c, tall_d + tall_bars) if two else tall_c + tall_d + tall_bars
    with plot_style():
        diagram = Diagram(width, height)
        _draw_planes(diagram, rgb(image), shown, names[-1], half, 0.0, sizes)
        left, top = (half + 0.1, 0.0) if two else (0.04, tall_c)
        _draw_region(diagram, shown.region, left, top, width - left)
        _draw_bars(diagram, reaches, names, left, top + tall_d, width - left, tall_bars)
        return diagram.figure


def reach_caption(reaches: Sequence[ReachGeometry], names: Sequence[str], image_name: str = "") -> str:
    """The caption of :func:`draw_reach`, as plain text."""
    shown, (y, x) = reaches[-1], reaches[-1].pixel
    return " ".join(
        [
            f"Regions and reach, from the geometry of {' and '.join(names)} alone; no weights take part.",
            f"(c) {names[-1]}: tinted, the cells of each level's map that pixel D (y {y}, x {x}) can draw on; strong,",
            "the window of the cell below on the longest way; black, that way, from C to D,",
            f"{significant(shown.distance)} pixels. Numbers beside a level: its reach away from the border.",
            f"Grids of more than {_MOST_LINES} cells are left out.",
            f"(d) Step {step_digits(shown.region.step)}: one low-level cell, the region that it searches on",
            "the upsampled map, and the cells that this is upsampled from.",
            "Bars: side of the square that one pixel can draw on, input pixels.",
            image_words(shown.image_size, image_name),
        ]
    )


def _draw_planes(
    diagram: Diagram,
    photo: np.ndarray,
    reach: ReachGeometry,
    name: str,
    width: float,
    top: float,
    sizes: _PlaneSizes,
) -> None:
    words = shorten(f"(c) {name}: how context reaches pixel D", width - 0.1, TEXT, bold=True)
    diagram.text(0.04, top + 0.1, words, size=TEXT, weight="bold")
    levels = [level for level in reversed(reach.levels) if level > 2]
    wide, depth, lean, step = sizes
    left = 0.5 + max(0.0, (width - _BESIDE - wide - lean) / 2)
    fronts = {level: top + _TOP + depth + number * step for number, level in enumerate(levels)}
    ground = fronts[levels[-1]] + step + 0.12
    places = {level: plane(left, front, wide, depth, lean) for level, front in fronts.items()}
    base = plane(left, ground, wide, depth, lean)
    _draw_photo(diagram, photo, base)
    for level in reversed(levels):
        _draw_level(diagram, reach, level, places[level])
    for level in levels[:-1]:
        _draw_fall(diagram, reach, level - 1, places[level], places[level - 1])
    for level in levels:
        place, side = places[level], reach.side[level]
        diagram.text(left - 0.09, place(0, 0.6)[1], symbol("Q", level), size=TEXT, ha="right")
        x, y = place(1, 0)[0] + 0.06, place(1, 0.4)[1]
        diagram.text(x, y, f"{side.cells} × {side.cells} cells\n{side.pixels} pixels", size=SMALL, color=QUIET)
    diagram.text(left - 0.09, base(0, 0.6)[1], "image", size=SMALL, ha="right")
    _draw_way(diagram, reach, places, base, levels)


def _draw_photo(diagram: Diagram, photo: np.ndarray, place: Place) -> None:
    picture = diagram.canvas.imshow(printable(photo), extent=(0, 1, 1, 0), aspect="auto", zorder=1)
    (x0, y0), (x1, _), (x2, y2) = place(0, 0), place(1, 0), place(0, 1)
    shear = Affine2D.from_values(x1 - x0, 0, x2 - x0, y2 - y0, x0, y0)
    picture.set_transform(shear + diagram.canvas.transData)
    diagram.canvas.set(xlim=(0, diagram.width), ylim=(diagram.height, 0))
    diagram.polygon(patch(place, 0, 0, 1, 1), facecolor="none", edgecolor=QUIET, zorder=1.1)


def _draw_level(diagram: Diagram, reach: ReachGeometry, level: int, place: Place) -> None:
    size, colour, depth = reach.sizes[level], level_colour(level), 2 + 0.1 * level
    diagram.polygon(patch(place, 0, 0, 1, 1), facecolor=(1, 1, 1, 0.82), edgecolor="none", zorder=depth)
    seen = cell_box(*reach.reached[level], size)
    diagram.polygon(
        patch(place, *seen),
        facecolor=tint(colour, 0.22),
        edgecolor="none",
        zorder=depth + 0.01,
        gid=f"level {level} reached",
    )
    if max(size) <= _MOST_LINES:
        draw_lines(diagram, place, size, (0, 0, 1, 1), FAINT, depth + 0.02)
    diagram.polygon(
        patch(place, 0, 0, 1, 1), facecolor="none", **level_edge(level), linewidth=FIRM, zorder=depth + 0.03
    )
    farthest = patch(place, *_cell_box(reach, level))
    diagram.polygon(farthest, facecolor=tint(colour, 0.55), edgecolor=INK, linewidth=HAIR, zorder=depth + 0.035)
    below = level - 1
    if below > 2:
        fine = reach.sizes[below]
        # Cell by cell, so that the holes of a dilated window show.
        for row in reach.windows[below][0]:
            for column in reach.windows[below][1]:
                cell = patch(place, *cell_box((row,), (column,), fine))
                fill = {
                    "facecolor": tint(colour, 0.75),
                    "edgecolor": "white",
                    "linewidth": HAIR if max(fine) <= _MOST_LINES else 0,
                }
                diagram.polygon(cell, **fill, zorder=depth + 0.04, gid=f"level {level} window")


def _cell_box(reach: ReachGeometry, level: int) -> tuple[float, float, float, float]:
    (row, column), size = reach.chain[level], reach.sizes[level]
    return cell_box((row,), (column,), size)


def _middle(place: Place, box: tuple[float, float, float, float]) -> Point:
    top, left, bottom, right = box
    return place((left + right) / 2, (top + bottom) / 2)


def _draw_fall(diagram: Diagram, reach: ReachGeometry, low: int, above: Place, below: Place) -> None:
    """From the corners of a window to the cell that looks at it."""
    window = patch(above, *cell_box(*reach.windows[low], reach.sizes[low]))
    cell = patch(below, *_cell_box(reach, low))
    for start, end in zip(window, cell, strict=True):
        diagram.line([start, end], color=level_colour(low + 1), linewidth=HAIR, zorder=2.1 + 0.1 * low)


def _draw_way(diagram: Diagram, reach: ReachGeometry, places: dict[int, Place], base: Place, levels: list[int]) -> None:
    """The longest way: from the farthest cell down, level by level, to the pixel; and what it amounts to."""
    points = [_middle(places[level], _cell_box(reach, level)) for level in levels]
    for level, start, end in zip(levels, points, points[1:], strict=False):
        diagram.arrow([start, end], linewidth=1.2, head=6, zorder=3.4, gid=f"way {level} {level - 1}")
    for level, (x, y) in zip(levels, points, strict=True):
        diagram.canvas.plot([x], [y], marker="o", markersize=2.6, color=INK, zorder=3.5, gid=f"chain {level}")
    rows, columns = reach.image_size
    pixel, far = (base(at[1] / columns, at[0] / rows) for at in (reach.pixel, reach.farthest))
    diagram.arrow([points[-1], pixel], linewidth=1.2, head=6, zorder=3.4)
    diagram.line([far, pixel], color="white", linewidth=2.6, zorder=3.3)
    diagram.arrow([far, pixel], head=6, zorder=3.31, linestyle=(0, (2.5, 1.2)), linewidth=1.2, gid="from C to D")
    for letter, (x, y), side in (("C", far, -1), ("D", pixel, 1)):
        diagram.canvas.plot([x], [y], marker="o", markersize=4.2, mfc=INK, mec="white", mew=0.8, zorder=3.6)
        rim = [Stroke(linewidth=2.2, foreground="white"), Normal()]
        diagram.text(x + side * 0.12, y, letter, size=TEXT, weight="bold", ha="center", zorder=4, path_effects=rim)
    words = f"D can draw on {symbol('Q', levels[0])} at C, {significant(reach.distance)} pixels away"
    diagram.text(base(0, 1)[0], base(0, 1)[1] + 0.13, words, size=SMALL, color=QUIET)


def _draw_region(diagram: Diagram, region: LocalRegion, left: float, top: float, width: float) -> None:
    high, low = step_levels(region.step)
    digits = step_digits(region.step)
    diagram.text(left, top + 0.1, f"(d) one cell's region, step {digits}", size=TEXT, weight="bold")
    wide, depth, lean, gap = min(width - 1.6, 2.0), 0.5, 0.5, 0.72
    own, up, down = (
        plane(left + 0.5, top + _TOP + depth + i * gap + extra, wide, depth, lean)
        for i, extra in ((0, 0.0), (1, 0.02), (2, 0.04))
    )
    side, half = region.side, region.side // 2
    colour = level_colour(high)
    for place, cells, level in ((own, half, high), (up, side, high), (down, side, low)):
        diagram.polygon(patch(place, 0, 0, 1, 1), facecolor="white", edgecolor="none", zorder=2)
        edge = {**level_edge(level), "linewidth": FIRM}
        diagram.polygon(patch(place, 0, 0, 1, 1), facecolor="none", **edge, zorder=2.3)
        draw_lines(diagram, place, (cells, cells), (0, 0, 1, 1), FAINT, 2.2)
    for row in region.sources:
        for column in region.sources:
            box = cell_box((row,), (column,), (half, half))
            diagram.polygon(
                patch(own, *box), facecolor=tint(colour, 0.3), edgecolor="white", linewidth=HAIR, zorder=2.1
            )
    for row in region.looked:
        for column in region.looked:
            box = cell_box((row,), (column,), (side, side))
            cell = patch(up, *box)
            fill = tint(colour, 0.75)
            diagram.polygon(cell, facecolor=fill, edgecolor="white", linewidth=HAIR, zorder=2.25, gid="looked")
    centre = cell_box((region.cell,), (region.cell,), (side, side))
    diagram.polygon(patch(down, *centre), facecolor=level_colour(low), edgecolor=INK, linewidth=THIN, zorder=2.4)
    diagram.polygon(patch(up, *centre), facecolor="none", edgecolor=INK, linewidth=THIN, zorder=2.4)
    block = cell_box((region.looked[0], region.looked[-1]), (region.looked[0], region.looked[-1]), (side, side))
    for start, end in zip(patch(up, *block), patch(down, *centre), strict=True):
        diagram.line([start, end], color=colour, linewidth=THIN, zorder=2.5)
    diagram.arrow([_middle(up, centre), _middle(down, centre)], linewidth=1.2, head=6, zorder=2.6)
    _name_planes(diagram, region, (own, up, down), left, (high, low))


def _name_planes(
    diagram: Diagram, region: LocalRegion, places: tuple[Place, Place, Place], left: float, levels: tuple[int, int]
) -> None:
    own, up, down = places
    high, low = levels
    names = (symbol("T", high), symbol("Q", high, prime=True), symbol("Q", low))
    many = len(region.sources)
    window = region.window.describe().replace(" x ", " × ").replace(", dilation", "\ndilation")
    notes = (
        f"read from\n{many} × {many} cells",
        f"region\n{window}",
        "one cell",
    )
    for place, name, note in zip((own, up, down), names, notes, strict=True):
        diagram.text(left + 0.42, place(0, 0.6)[1], name, size=TEXT, ha="right")
        x, y = place(1, 0)[0] + 0.06, place(1, 0.4)[1]
        diagram.text(x, y, note, size=SMALL, color=QUIET)
    x = left + 0.3
    start, end = place_y(own, 0.6) + 0.12, place_y(up, 0.6) - 0.12
    diagram.arrow([(x, start), (x, end)])
    diagram.text(x - 0.05, (start + end) / 2, "× 2", size=SMALL, color=QUIET, ha="right")


def _draw_bars(
    diagram: Diagram,
    reaches: Sequence[ReachGeometry],
    names: Sequence[str],
    left: float,
    top: float,
    width: float,
    height: float,
) -> None:
    """The side of the square that one pixel can see on each level, by head."""
    diagram.text(left, top + 0.06, "reach of one pixel (side, input pixels)", size=SMALL, weight="bold")
    marks = "□■" if len(reaches) == 2 else "■" * len(reaches)
    legend = "   ".join(f"{mark} {name}" for mark, name in zip(marks, names, strict=True))
    diagram.text(left, top + 0.22, shorten(legend, width, SMALL), size=SMALL, color=QUIET)
    levels = _bar_levels(reaches)
    most = max(reach.side[level].pixels for reach in reaches for level in reach.levels)
    start, room, row = left + 0.42, width - 1.0, (height - 0.42) / len(levels)
    for number, level in enumerate(levels):
        middle = top + 0.36 + (number + 0.5) * row
        diagram.text(start - 0.09, middle, symbol("Q", level), size=SMALL, ha="right")
        thick = 0.8 * row / len(reaches)
        for index, reach in enumerate(reaches):
            if level not in reach.side:
                continue
            y = middle + (index - len(reaches) / 2) * thick
            end = start + room * reach.side[level].pixels / most
            box = [(start, y), (end, y), (end, y + 0.85 * thick), (start, y + 0.85 * thick)]
            fill = level_colour(level) if index == len(reaches) - 1 else "white"
            gid = f"reach {level} {index}"
            diagram.polygon(box, facecolor=fill, edgecolor=level_colour(level), linewidth=THIN, zorder=2, gid=gid)
            diagram.text(end + 0.05, y + 0.42 * thick, str(reach.side[level].pixels), size=SMALL, color=QUIET)


def _bar_levels(reaches: Sequence[ReachGeometry]) -> list[int]:
    """Levels of any of the heads that have bars, coarse to fine."""
    return sorted({level for reach in reaches for level in reach.levels if level > 2}, reverse=True)
