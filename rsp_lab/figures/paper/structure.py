"""The structure of built heads (Fig. 2): maps, transforms, the top-down path with its fusions, and the classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from rsp_lab.figures.drawing.diagram import FIRM, Diagram, level_edge, tint
from rsp_lab.figures.drawing.panels import symbol
from rsp_lab.figures.drawing.sheet import fill, line_height, shorten
from rsp_lab.figures.style import DOUBLE, INK, QUIET, SINGLE, SMALL, TEXT, level_colour, plot_style
from rsp_lab.models.inspection.structure import HeadStructure, StepStructure
from rsp_lab.shapes import step_digits

_ROW = 0.56
_TOP = 0.56
_BELOW = 0.95
_PANEL = SINGLE


class _Columns(NamedTuple):
    """Where the columns of P, Q and the path have their middles, inches from the panel's left; width of a fusion's box,
    and what a map's width is multiplied by."""

    p: float
    q: float
    path: float
    box: float
    scale: float


_WIDE, _NARROW = _Columns(0.72, 1.7, 2.8, 0.84, 1.0), _Columns(0.47, 0.86, 1.4, 0.5, 0.15)
"""Of a panel as wide as a column, and of one half as wide."""


def draw_structure(heads: Sequence[HeadStructure], *, names: Sequence[str] = (), width: float = DOUBLE) -> Figure:
    """Heads beside each other on a page, or below each other in a column, levels in the same rows.

    Frames have the colour and dash of the level a map comes from; a fusion has those of the level above, whose context
    it brings down.

    Args:
        heads: at least one, see :func:`rsp_lab.models.inspection.structure.head_structure`.
        names: for the headings; default: the heads' own names.
        width: of the figure, inches: ``SINGLE`` or ``DOUBLE``.

    Raises:
        ValueError: if there is no head, or another number of names.
    """
    titles = list(names) or [head.name for head in heads]
    if not heads or len(titles) != len(heads):
        raise ValueError(f"{len(heads)} heads and {len(titles)} names: give at least one head, and a name for each.")
    # Two heads with steps stand beside each other in a column too.
    half = width < DOUBLE - 1 and len(heads) > 1 and all(head.steps for head in heads)
    panel = width / 2 if half else _PANEL
    across = max(1, min(len(heads), int(width / panel + 0.01)))
    rows = [heads[start : start + across] for start in range(0, len(heads), across)]
    highest = [max(head.levels[-1] for head in row) for row in rows]
    letters = [f"({'abcdefghijklmnopqrstuvwxyz'[i % 26]}) " if len(heads) > 1 else "" for i in range(len(heads))]
    titles = [f"{letter}{title}" for letter, title in zip(letters, titles, strict=True)]
    with plot_style():
        titles = [fill(t, panel - 0.1, bold=True) if half else shorten(t, panel - 0.1, TEXT, bold=True) for t in titles]
        lines = max(title.count("\n") + 1 for title in titles)
        head_room = _TOP + (0.16 + max(0, lines - 2) * line_height(TEXT) if half else 0)
        tall = [head_room + (level - 1) * _ROW + _BELOW for level in highest]
        diagram, slot = Diagram(width, sum(tall)), width / across
        for number, (head, title) in enumerate(zip(heads, titles, strict=True)):
            row, column = divmod(number, across)
            left, top = column * slot + (slot - panel) / 2, sum(tall[:row])
            _Panel(diagram, head, left, top + head_room, highest[row], panel).draw(title)
        return diagram.figure


def structure_caption(heads: Sequence[HeadStructure], names: Sequence[str]) -> str:
    """The caption of :func:`draw_structure`, as plain text; ``names`` are those of the models."""
    parts = "; ".join(
        f"{name} ({head.name}), {head.parameters / 1e6:.3g} million parameters"
        for name, head in zip(names, heads, strict=True)
    )
    return (
        f"Structure of the built {'head' if len(heads) == 1 else 'heads'}: {parts}. P: maps of the pyramid; Q: "
        "transformed maps; × 2: bilinear upsampling; plus: sum. Frames have the colour and dash of the level that a "
        "map or a context comes from. Sizes of the maps are not to scale."
    )


class _Panel:
    """One head on its part of the canvas."""

    def __init__(
        self, diagram: Diagram, head: HeadStructure, left: float, top: float, highest: int, width: float
    ) -> None:
        self.diagram, self.head, self.left, self.top, self.highest = diagram, head, left, top, highest
        self.width, self.columns = width, _WIDE if width > 0.9 * _PANEL else _NARROW

    def row(self, level: float) -> float:
        """The middle of a level's row."""
        return self.top + (self.highest - level + 0.5) * _ROW

    def at(self, column: float) -> float:
        return self.left + column

    def draw(self, title: str) -> None:
        """The panel under its title, whose lines fit."""
        head, diagram = self.head, self.diagram
        above = self.row(head.levels[-1])
        wide = self.columns is _WIDE
        # Lines beyond the second stand above the others.
        middle = 0.68 if wide else 0.78 + max(0, title.count("\n") - 1) * line_height(TEXT) / 2
        diagram.text(self.left + 0.04, above - middle, title, size=TEXT, weight="bold")
        if wide:
            self.words(self.columns.p, f"pyramid\n{head.inputs} channels")
        for level in head.levels:
            self.draw_map(level, self.columns.p, "P")
            diagram.text(self.left + 0.04, self.row(level) - 0.06, f"1/{2**level}", size=SMALL, color=QUIET)
        norm = ", GN" if head.norm else ""
        if head.steps:
            if wide:
                self.words(self.columns.q, f"conv 3 × 3{norm}, ReLU\n{head.channels} channels")
            else:
                words = f"P, {head.inputs} channels →\nconv 3 × 3{norm}, ReLU → Q, {head.channels}"
                diagram.text(self.left + 0.04, above - 0.42, words, size=SMALL, color=QUIET)
            self.draw_top_down()
        else:
            self.draw_branches()
        self.draw_classifier()

    def words(self, column: float, words: str) -> None:
        """Above a column."""
        y = self.row(self.head.levels[-1]) - 0.34
        self.diagram.text(self.at(column), y, words, size=SMALL, color=QUIET, ha="center")

    def draw_map(self, level: int, column: float, letter: str) -> None:
        self.diagram.slab(
            self.at(column), self.row(level), self.wide(level), self.tall, level, gid=f"{letter.lower()}{level}"
        )
        self.diagram.text(self.at(column), self.row(level), symbol(letter, level), size=SMALL, ha="center", zorder=3)

    def edge_of(self, level: int, column: float, side: int) -> float:
        """Where an arrow touches a map's slab, on the left (-1) or the right (1)."""
        return self.at(column) + side * (self.wide(level) / 2 + 0.035)

    def wide(self, level: int) -> float:
        """Finer maps are wider, though not by the factor of two that they really are."""
        return self.columns.scale * (0.28 + 0.08 * (7 - level)) + (0.1 if self.columns is _NARROW else 0)

    @property
    def tall(self) -> float:
        """Of a map's slab."""
        return 0.17 if self.columns is _WIDE else 0.12

    def draw_top_down(self) -> None:
        head, diagram = self.head, self.diagram
        for level in head.levels:
            columns = ((self.columns.p, 1), (self.columns.q, -1))
            ends = [(self.edge_of(level, column, side), self.row(level)) for column, side in columns]
            diagram.arrow(ends, gid=f"p{level} q{level}")
            self.draw_map(level, self.columns.q, "Q")
        path = self.at(self.columns.path)
        previous = f"q{head.steps[0].high}"
        top = self.row(head.steps[0].high)
        corner = [(self.edge_of(head.steps[0].high, self.columns.q, 1), top), (path, top)]
        for number, step in enumerate(head.steps):
            here = self.row(step.low)
            size = 0.085 if step.kind == "sum" else 0.16
            start = corner if number == 0 else [(path, self.row(step.high) + self.half(head.steps[number - 1]))]
            diagram.arrow([*start, (path, here - size)], gid=f"{previous} {step.name}")
            diagram.text(path + 0.06, here - _ROW / 2 - 0.02, "× 2", size=SMALL, color=QUIET)
            low = [(self.edge_of(step.low, self.columns.q, 1), here), (path - self.reach(step), here)]
            diagram.arrow(low, gid=f"q{step.low} {step.name}")
            self.draw_step(step)
            previous = step.name
        self.last = (float(head.steps[-1].low), self.half(head.steps[-1]), previous)

    @staticmethod
    def half(step: StepStructure) -> float:
        """From a fusion's middle to its lower edge."""
        return 0.085 if step.kind == "sum" else 0.16

    def reach(self, step: StepStructure) -> float:
        """From a fusion's middle to its left edge."""
        return 0.085 if step.kind == "sum" else self.columns.box / 2

    def draw_step(self, step: StepStructure) -> None:
        x, y = self.at(self.columns.path), self.row(step.low)
        if step.kind == "sum":
            self.diagram.node(x, y, gid=f"{step.name} sum")
            return
        digits = step_digits(step.name)
        first = {"RSP": f"RSP-{digits}", "SELF": f"SELF-{digits}", "CONTEXT": f"CONTEXT-{digits}"}[step.kind]
        assert step.window is not None
        k, dilation = step.window.kernel_size, step.window.dilation
        second = (
            ("mean " if step.kind == "CONTEXT" else "")
            + f"{k} × {k}"
            + (f"{', dil.' if self.columns is _WIDE else ' d'} {dilation}" if dilation > 1 else "")
        )
        fill = {"RSP": 0.3, "SELF": 0.1, "CONTEXT": 0.0}[step.kind]
        edge = {**level_edge(step.high), "linewidth": 1.1, "gid": f"{step.name} {step.kind}"}
        self.diagram.box(x, y, self.columns.box, 0.32, "", facecolor=tint(level_colour(step.high), fill), **edge)
        self.diagram.text(x, y - 0.065, first, size=SMALL, ha="center", zorder=4)
        self.diagram.text(x, y + 0.07, second, size=SMALL, color=INK, ha="center", zorder=4)

    def draw_branches(self) -> None:
        """Semantic FPN: convolutions and doublings on each level, then one sum."""
        head, diagram = self.head, self.diagram
        bus, middle = self.at(3.2), (head.levels[0] + head.levels[-1]) / 2
        norm = ", GN" if head.norm else ""
        self.words(2.15, f"conv 3 × 3{norm}, ReLU; × 2: upsampling\n{head.channels} channels")
        for level in head.levels:
            y, x = self.row(level), self.edge_of(level, self.columns.p, 1)
            for block in range(head.blocks[level]):
                centre = self.at(1.45 + 0.62 * block)
                diagram.arrow([(x, y), (centre - 0.25, y)], gid=f"p{level} block{block}")
                doubled = block < head.doublings[level]
                diagram.box(
                    centre, y, 0.5, 0.26, "3 × 3" + (", × 2" if doubled else ""), size=SMALL, **level_edge(level)
                )
                x = centre + 0.25
            end = (bus, self.row(middle) + (-0.085 if level > middle else 0.085))
            diagram.arrow([(x, y), (bus, y), end], gid=f"q{level} sum")
        diagram.node(bus, self.row(middle), gid="sum")
        self.last = (middle, 0.085, "sum")

    def draw_classifier(self) -> None:
        head, diagram = self.head, self.diagram
        level, half, name = self.last
        y = self.row(head.levels[0]) + _ROW * 0.5 + 0.12
        if head.steps:
            x = self.at(self.columns.path)
            diagram.arrow([(x, self.row(level) + half), (x, y - 0.13)], gid=f"{name} logits")
        else:
            x = self.at(2.2)
            start = (self.at(3.2) + half, self.row(level))
            diagram.arrow(
                [start, (self.at(3.42), self.row(level)), (self.at(3.42), y), (x + 0.42, y)], gid="sum logits"
            )
        diagram.box(x, y, min(0.84, self.columns.box + 0.14), 0.26, "conv 1 × 1", size=SMALL, linewidth=FIRM)
        diagram.arrow([(x, y + 0.13), (x, y + 0.42)])
        if self.columns is _WIDE:
            diagram.text(x + 0.06, y + 0.26, "× 4, softmax", size=SMALL, color=QUIET)
        else:
            diagram.text(x - 0.06, y + 0.26, "× 4, softmax", size=SMALL, color=QUIET, ha="right")
        diagram.text(x, y + 0.5, f"{head.classes} classes", size=SMALL, ha="center")
