"""One model of a decision flow: its photograph, rows of cells, ribbons between them, and the pixel."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from rsp_lab.analysis.comparison.flow_picture import FlowPicture
from rsp_lab.analysis.ledger.decision_flow import Ribbon
from rsp_lab.analysis.ledger.extent import Box
from rsp_lab.analysis.ledger.flow_nodes import FlowNode
from rsp_lab.figures.drawing.diagram import HAIR, THIN, Diagram, Point, level_edge, tint
from rsp_lab.figures.drawing.panels import mark_pixel, rgb, show_picture
from rsp_lab.figures.drawing.sheet import line_height, shorten
from rsp_lab.figures.style import FAINT, INK, QUIET, SMALL, TEXT
from rsp_lab.palette import AGAINST, FOR
from rsp_lab.text import signed_fixed

NUMBER = 0.13
"""Room for the number below a node, inches."""
HATCH = "//////"
"""Of what speaks for the rival."""
_THINNEST = 0.25
"""Points below which a ribbon is not drawn."""


class FlowLayout(NamedTuple):
    """Sizes that all models share, inches; ``scale`` is the width of one logit."""

    width: float
    label: float
    pitch: float
    side: float
    fall: float
    scale: float
    levels: tuple[int, ...]


def draw_box(diagram: Diagram, left: float, top: float, width: float, height: float, colour: str, hatch: str) -> None:
    """A box filled in the look of a sign."""
    box = Rectangle((left, top), width, height, facecolor=colour, edgecolor="white", hatch=hatch, linewidth=0, zorder=3)
    diagram.canvas.add_artist(box)


class FlowPanel:
    """One model."""

    def __init__(
        self,
        diagram: Diagram,
        picture: FlowPicture,
        number: int,
        side: str,
        layout: FlowLayout,
        cuts: Collection[Ribbon],
        left: float,
    ) -> None:
        self.diagram, self.picture, self.side, self.layout, self.left = diagram, picture, side, layout, left
        self.flow, self.number, self.cuts = picture.flows[number], number, cuts
        self.photo = rgb(picture.image)
        self.flowing = self.flow.remaining(cuts) if cuts else self.flow.ribbons

    def draw(self, top: float, photo: tuple[float, float], first: float, base: float) -> None:
        flow, layout, diagram = self.flow, self.layout, self.diagram
        name = shorten(flow.name, layout.width, TEXT, bold=True)
        diagram.text(self.left, top, name, size=TEXT, weight="bold", va="top")
        says = shorten(f"{self.picture.says(self.number)}: {signed_fixed(flow.total)}", layout.width, SMALL)
        diagram.text(self.left, top + line_height(TEXT), says, size=SMALL, va="top")
        self.draw_photo(top + 2 * line_height(TEXT), photo)
        rows = {x: first + number * self.pitch_y for number, x in enumerate(layout.levels)}
        self.rows = {x: y for x, y in rows.items() if x in (flow.chain or flow.nodes)}
        self.base = base
        for level, y in self.rows.items():
            self.draw_level(level, y)
        self.draw_pixel()
        self.draw_ribbons()

    @property
    def pitch_y(self) -> float:
        return self.layout.side + NUMBER + self.layout.fall

    @property
    def middle(self) -> float:
        """Of the room for nodes, from the left."""
        return self.left + self.layout.label + (self.layout.width - self.layout.label) / 2

    def centre(self, level: int, index: int) -> float:
        """The middle of a node."""
        count = len(self.flow.nodes[level])
        return self.middle + (index - (count - 1) / 2) * self.layout.pitch

    def draw_photo(self, top: float, inches: tuple[float, float]) -> None:
        """The photograph with the cells that stand alone."""
        left = self.left + (self.layout.width - inches[1]) / 2
        axes = self.diagram.axes(left, top, inches[1], inches[0], label=f"{self.side} image")
        show_picture(axes, self.photo)
        for level, nodes in self.flow.nodes.items():
            for node in nodes:
                if node.box is not None:
                    up, start, down, end = node.box
                    for wide, style in ((1.5, {"edgecolor": "white"}), (0.9, level_edge(level))):
                        corner, size = (start, up), (end - start, down - up)
                        axes.add_artist(Rectangle(corner, *size, fill=False, linewidth=wide, zorder=3, **style))
        mark_pixel(axes, self.picture.pixel, size=4)

    def draw_level(self, level: int, top: float) -> None:
        flow, side = self.flow, self.layout.side
        own = sum(node.own for node in flow.nodes[level])
        name = flow.level_name(level)
        narrow = self.layout.label < 0.5
        short = name.replace("level ", "L").replace("stride ", "/") if narrow else name
        # A stride has a line of its own: beside the level it would reach below the first node.
        words = short.replace(" (", "\n(") + f"\n{signed_fixed(own)}"
        self.diagram.text(self.left, top + side / 2, words, size=SMALL, color=QUIET)
        for index, node in enumerate(flow.nodes[level]):
            self.draw_node(node, self.centre(level, index), top)

    def draw_node(self, node: FlowNode, x: float, top: float) -> None:
        side = self.layout.side
        if node.box is None:
            # As wide as its words need: the others have no picture.
            wide = max(side, min(self.layout.pitch - 0.02, 0.4))
            edge = level_edge(node.level)
            box = Rectangle((x - wide / 2, top), wide, side, facecolor="white", linewidth=0.9, zorder=4, **edge)
            self.diagram.canvas.add_artist(box)
            count = str(node.cells) if node.cells < 10_000 else f"{node.cells / 1000:.0f}k"
            high = line_height(SMALL) * 0.8
            alone = len(self.flow.nodes[node.level]) == 1
            for words, y in ((count, -high / 2), ("cells" if alone else "more", high / 2)):
                self.diagram.text(x, top + side / 2 + y, words, size=SMALL, color=QUIET, ha="center", zorder=5)
        else:
            self.show(node.box, (x - side / 2, top, side, side), node.level)
        self.draw_own(node.own, x, top + side)

    def draw_own(self, own: float, x: float, bottom: float) -> None:
        """What a node's own cells add: a bar at its lower edge, and the number below."""
        wide = min(abs(own) * self.layout.scale, self.layout.pitch - 0.02)
        colour, hatch = _look(own)
        if 72 * wide > _THINNEST:
            draw_box(self.diagram, x - wide / 2, bottom - 0.035, wide, 0.05, colour, hatch)
            self.diagram.canvas.patches[-1].set(zorder=6, gid=f"{self.side} own")
        self.diagram.text(x, bottom + 0.02 + NUMBER / 2, signed_fixed(own), size=SMALL, ha="center", zorder=6)

    def show(self, cell: Box, place: Box, level: int) -> None:
        """The photograph at a cell, in a square of the canvas."""
        left, top, side, _ = place
        up, start, down, end = _square(cell, self.picture.image_size)
        rows = slice(max(0, round(up + 0.5)), max(1, round(down + 0.5)))
        columns = slice(max(0, round(start + 0.5)), max(1, round(end + 0.5)))
        part = self.photo[rows, columns]
        unit = side / max(part.shape[0], part.shape[1])
        high, wide = part.shape[0] * unit, part.shape[1] * unit
        x0, y0 = left + (side - wide) / 2, top + (side - high) / 2
        canvas = self.diagram.canvas
        canvas.imshow(part, extent=(x0, x0 + wide, y0 + high, y0), aspect="auto", interpolation="auto", zorder=4)
        canvas.set(xlim=(0, self.diagram.width), ylim=(self.diagram.height, 0))
        for style in ({"edgecolor": "white"}, level_edge(level)):
            canvas.add_artist(Rectangle((left, top), side, side, fill=False, linewidth=0.9, zorder=5, **style))
        c0, c1 = x0 + (cell[1] + 0.5 - columns.start) * unit, y0 + (cell[0] + 0.5 - rows.start) * unit
        wide, high = (cell[3] - cell[1]) * unit, (cell[2] - cell[0]) * unit
        if max(wide, high) < 0.7 * side:
            for line, colour in ((1.4, "white"), (0.5, INK)):
                edge = Rectangle((c0, c1), wide, high, fill=False, edgecolor=colour, linewidth=line, zorder=5.1)
                canvas.add_artist(edge)

    def draw_pixel(self) -> None:
        """The pixel with what the levels outside the chain and the bias add there, and what it comes to."""
        flow, side, y = self.flow, 1.25 * self.layout.side, self.base
        size = self.picture.image_size
        reach = 0.06 * min(size) + 4
        row, column = self.picture.pixel
        box = (row - reach, column - reach, row + reach, column + reach)
        self.show_pixel(box, (self.middle - side / 2, y, side, side))
        total = flow.without(self.cuts) if self.cuts else flow.total
        words = f"= {signed_fixed(total)}" + (f" (was {signed_fixed(flow.total)})" if self.cuts else "")
        self.diagram.text(self.middle, y + side + 0.04, words, size=TEXT, weight="bold", ha="center", va="top")
        beside = [(flow.level_name(x), self.flowing[Ribbon(x, 0, None)]) for x in flow.beside if flow.chain]
        for place, (name, value) in zip((-1, 1), [*beside, ("bias", flow.bias)][-2:], strict=False):
            # The biases of the steps enter on the way; without them the numbers of the picture would not add up.
            more = f"\nsteps\n{signed_fixed(flow.step_bias)}" if name == "bias" and flow.biases else ""
            self.draw_beside(name, value, place, y + side / 2, side, more)

    def show_pixel(self, box: Box, place: Box) -> None:
        left, top, side, _ = place
        up, start, down, end = _square(box, self.picture.image_size, 0)
        rows = slice(max(0, round(up + 0.5)), max(1, round(down + 0.5)))
        columns = slice(max(0, round(start + 0.5)), max(1, round(end + 0.5)))
        axes = self.diagram.axes(left, top, side, side, label=f"{self.side} pixel")
        show_picture(axes, self.photo)
        axes.set(xlim=(columns.start - 0.5, columns.stop - 0.5), ylim=(rows.stop - 0.5, rows.start - 0.5))
        mark_pixel(axes, self.picture.pixel, size=5)

    def draw_beside(self, name: str, value: float, place: int, y: float, side: float, more: str = "") -> None:
        """A contribution that enters at the pixel from its left (-1) or right (1), and lines below its number."""
        near = self.middle + place * (side / 2 + 0.02)
        far = self.middle + place * (side / 2 + (0.12 if self.layout.label < 0.5 else 0.2))
        high = abs(value) * self.layout.scale
        colour, hatch = _look(value)
        if 72 * high > _THINNEST:
            draw_box(self.diagram, min(near, far), y - high / 2, abs(far - near), high, colour, hatch)
            self.diagram.canvas.patches[-1].set_gid(f"{self.side} {name}")
        words = f"{name}\n{signed_fixed(value)}{more}"
        self.diagram.text(far + 0.04 * place, y, words, size=SMALL, ha="right" if place < 0 else "left", color=QUIET)

    def draw_ribbons(self) -> None:
        """All ribbons, the narrow ones on top."""
        ribbons = {one: abs(value) for one, value in self.flow.ribbons.items() if one.level in self.rows}
        places = {one: (self.centre(one.level, one.source), self.arrives(one)) for one in ribbons}
        starts = self.side_by_side(ribbons, {one: (at, to) for one, (at, to) in places.items()})
        ends = self.side_by_side(ribbons, {one: (to, at) for one, (at, to) in places.items()})
        for one in sorted(ribbons, key=lambda one: -ribbons[one]):
            if 72 * ribbons[one] * self.layout.scale < _THINNEST:
                continue
            start = (starts[one], self.rows[one.level] + self.layout.side + NUMBER + 0.02)
            end = (ends[one], self.base - 0.02 if one.sink is None else self.rows[one.level - 1])
            self.draw_ribbon(one, start, end)

    def arrives(self, one: Ribbon) -> float:
        return self.middle if one.sink is None else self.centre(one.level - 1, one.sink)

    def side_by_side(self, widths: dict[Ribbon, float], places: dict[Ribbon, Point]) -> dict[Ribbon, float]:
        """The middle of each ribbon at one of its ends, without gaps and in the order of their other ends.

        Args:
            widths: logits.
            places: where the middle of the node lies at this end and at the other one.
        """
        together: dict[tuple[int, float], list[Ribbon]] = {}
        for one, (here, _) in places.items():
            # Of a flow without steps, ribbons of all levels end at the pixel.
            level = 0 if self.flow.direct and here == self.middle and one.sink is None else one.level
            together.setdefault((level, here), []).append(one)
        found: dict[Ribbon, float] = {}
        for (_, here), ribbons in together.items():
            x = here - sum(widths[one] for one in ribbons) * self.layout.scale / 2
            for one in sorted(ribbons, key=lambda one: (places[one][1], one.level)):
                found[one] = x + widths[one] * self.layout.scale / 2
                x += widths[one] * self.layout.scale
        return found

    def draw_ribbon(self, one: Ribbon, start: tuple[float, float], end: tuple[float, float]) -> None:
        full, value = self.flow.ribbons[one], self.flowing[one]
        gid = f"{self.side} ribbon {one.level} {one.source} {'pixel' if one.sink is None else one.sink}"
        behind = 1 if self.flow.direct else 2
        if one in self.cuts:
            path = _band(start, end, abs(full) * self.layout.scale)
            self.diagram.canvas.add_artist(
                PathPatch(path, fill=False, edgecolor=FAINT, linewidth=THIN, linestyle=(0, (2, 2)), gid=gid, zorder=2)
            )
            return
        colour, hatch = _look(value)
        path = _band(start, end, abs(value) * self.layout.scale)
        pale = tint(colour, 0.45 if self.flow.direct else 0.85)
        # A seam keeps wide ribbons apart where they cross; a narrow one would be all seam.
        seam = HAIR if 72 * abs(value) * self.layout.scale > 2 else 0
        patch = PathPatch(path, facecolor=pale, edgecolor="white", hatch=hatch, linewidth=seam, gid=gid, zorder=behind)
        if self.flow.direct and hasattr(patch, "set_hatchcolor"):
            # Grey as in the settings is lost on a pale ribbon; versions before 3.11 take the seam's white.
            patch.set_hatchcolor(colour)
        self.diagram.canvas.add_artist(patch)


def _look(value: float) -> tuple[str, str]:
    """Colour and hatch of a sign."""
    return (FOR, "") if value >= 0 else (AGAINST, HATCH)


def _band(start: tuple[float, float], end: tuple[float, float], width: float) -> Path:
    """A band of one width, which leaves and arrives vertically."""
    half, middle = width / 2, (start[1] + end[1]) / 2
    points = [
        (start[0] - half, start[1]),
        (start[0] - half, middle),
        (end[0] - half, middle),
        (end[0] - half, end[1]),
        (end[0] + half, end[1]),
        (end[0] + half, middle),
        (start[0] + half, middle),
        (start[0] + half, start[1]),
        (start[0] - half, start[1]),
    ]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return Path(points, codes)


def _square(cell: Box, size: tuple[int, int], least: float = 0.16) -> Box:
    """A square round a cell (top, left, bottom, right) within the image, wide enough to see what is there."""
    up, start, down, end = cell
    side = min(max(down - up, end - start, least * min(size)), *size)
    found = []
    for low, high, pixels in ((up, down, size[0]), (start, end, size[1])):
        begin = min(max((low + high - side) / 2, -0.5), pixels - 0.5 - side)
        found.append((begin, begin + side))
    return found[0][0], found[1][0], found[0][1], found[1][1]
