"""The paths of context in one or two models, level by level: green what went down, red what was refused (Fig. 5 b)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from torch import Tensor

from rsp_lab.analysis.comparison.context_paths import PATHS_RULE, ContextPaths, StepPath, core, middle
from rsp_lab.analysis.comparison.pixel_view import PixelView
from rsp_lab.analysis.passes.flow import StepFlow
from rsp_lab.analysis.targets.target import RegionTarget
from rsp_lab.figures.drawing.captions import model_words, view_words
from rsp_lab.figures.drawing.diagram import Diagram, Point, tint
from rsp_lab.figures.drawing.outline import outline
from rsp_lab.figures.drawing.panels import (
    Scale,
    colour_bar,
    frame,
    mark_pixel,
    rgb,
    show_map,
    show_picture,
    sides,
    symbol,
)
from rsp_lab.figures.drawing.sheet import fill, fit, line_height, shorten
from rsp_lab.figures.paper.flow import PERCENTILE, flow_map, flow_scale
from rsp_lab.figures.style import DIVERGING, DOUBLE, QUIET, SMALL, TEXT, plot_style
from rsp_lab.shapes import step_levels
from rsp_lab.text import signed_fixed, significant

PASSED, REFUSED = "#16803C", "#C8102E"
"""Green and red of the paper's Fig. 5; the red path is also dashed and ends in a bar, so that no colour need be told
apart."""
SHARE = 0.8
"""Outlines hold the fewest cells with this share of what was taken or refused at the step."""

_MARGIN = 0.04
_LABEL = 0.3
_GAP = 0.2
_BETWEEN = 0.47
"""Height of the band between two levels, in which the paths run."""
_ABOVE = 0.2
"""Where a path ends above a panel, whose name stands between."""
_WIDEST = 0.11
"""Width of the widest path, inches."""
_TALLEST = 1.15
_PHOTO = 2.2, 0.98
"""Width and height of the photograph at the most, inches."""
_SCALE = 0.36
"""Height of the maps' scale with its numbers and the gaps around it, below its words."""


def draw_context_paths(result: PixelView, paths: Sequence[ContextPaths]) -> Figure:
    """The models beside each other; in a row of level x the level's own map Q_x, the context, and their sum T_x.

    Between rows run what went down from T_{x+1} to the context (green) and what was refused on the way (red, ending in
    a bar). A path is as wide as the logits it stands for, one scale for all models: its dark core is for the class,
    the rest for its rival. It starts and ends at the centre of mass of the cells it stands for. Outlines hold the
    fewest cells with 80 % of what was taken (green, on the context) or refused (red, on the map that was offered).

    Args:
        result: of one or two models.
        paths: of each model, see :func:`rsp_lab.analysis.comparison.context_paths.context_paths`.

    Raises:
        ValueError: for paths of another number of models.
    """
    if len(paths) != len(result.views):
        raise ValueError(f"{len(result.views)} models and the paths of {len(paths)}: give the paths of each model.")
    with plot_style():
        models = len(paths)
        block = (DOUBLE - 2 * _MARGIN - (models - 1) * _GAP) / models
        slot = (block - _LABEL - 2 * _GAP) / 3
        panel = fit(result.image_size, slot, _TALLEST)
        levels = _levels(result)
        photo = fit(result.image_size, *_PHOTO)
        title = fill(f"{paths[0].target.describe()}, logits:", _beside(photo)[1], TEXT, bold=True)
        high = (title.count("\n") + 1) * line_height(TEXT) + (models + 1) * line_height(SMALL)
        head = max(1.12, _MARGIN + high + _SCALE)
        pitch = panel[0] + _BETWEEN
        diagram = Diagram(DOUBLE, head + 0.26 + panel[0] + (len(levels) - 1) * pitch + 0.38)
        scale = flow_scale(result)
        _draw_head(diagram, result, paths, scale, photo, title)
        widest = _widest(paths)
        for number, (side, view, path) in enumerate(zip(sides(models), result.views, paths, strict=True)):
            left = _MARGIN + number * (block + _GAP)
            model = _Column(diagram, result, path, side, left, head, slot, panel, scale, widest)
            model.draw({step.name: step for step in view.flow}, levels, block)
        words = (
            "Green: taken; red, dashed: offered and refused; numbers for and against the class, in logits. Dark core: "
            f"for, light rim: against; the widest path: {widest:.2g}. Outlines: {100 * SHARE:.0f} % of what was taken "
            "or refused."
        )
        diagram.text(_MARGIN, diagram.height - 0.14, fill(words, DOUBLE - 2 * _MARGIN, SMALL), size=SMALL, color=QUIET)
        return diagram.figure


def context_paths_caption(result: PixelView, paths: Sequence[ContextPaths], image_name: str = "") -> str:
    """The caption of :func:`draw_context_paths`, as plain text."""
    scale, channel = flow_scale(result), result.flow_channel
    values = " and ".join(f"{path.name} {significant(path.target_value)}" for path in paths)
    residual = max(path.residual for path in paths)
    return " ".join(
        [
            f"Context paths of {model_words(result.names)} to one decision:",
            f"{paths[0].target.describe()}, logits: {values}.",
            f"A row of level x: {symbol('Q', 3).replace('₃', 'ₓ')}, the context taken from above, and their sum.",
            f"Green paths: taken; red: refused. {PATHS_RULE}. A path is as wide as its logits, one scale for all",
            "models; its dark core is for the class, the rest against it. It starts and ends at the centre of mass of",
            f"its cells; outlines hold the fewest cells with {100 * SHARE:.0f} % of what was taken or refused.",
            f"Largest relative residual of what was refused: {residual:.1g}.",
            f"Maps: channel {channel.channel} ({channel.rule}),",
            f"{significant(-scale.limit)} to {significant(scale.limit)}, arbitrary unit;",
            f"the end is the largest of the maps' {PERCENTILE:g}th percentiles of |value|; {scale.words}.",
            *view_words(result, image_name),
        ]
    )


def _levels(result: PixelView) -> list[int]:
    """Levels of the steps that any of the models has, and the one they begin at, coarse to fine."""
    names = {step.name for view in result.views for step in view.flow}
    return sorted({level for name in names for level in step_levels(name)}, reverse=True)


def _widest(paths: Sequence[ContextPaths]) -> float:
    sums = [float(values.sum()) for path in paths for step in path.steps for values in (step.passage, step.refusal)]
    return max([*sums, 1e-9])


def _beside(photo: tuple[float, float]) -> tuple[float, float]:
    """Where the words beside the photograph begin, and how wide they may be."""
    start = _MARGIN + photo[1] + 0.16
    return start, DOUBLE - _MARGIN - start


def _draw_head(
    diagram: Diagram,
    result: PixelView,
    paths: Sequence[ContextPaths],
    scale: Scale,
    photo: tuple[float, float],
    title: str,
) -> None:
    """The photograph with what is asked about, the decision in each model, and the scale of the maps."""
    high, wide = photo
    axes = diagram.axes(_MARGIN, _MARGIN, wide, high, label="image")
    show_picture(axes, rgb(result.image))
    target = paths[0].target
    if isinstance(target, RegionTarget):
        outline(axes, target.mask, "white", result.image_size, 1.0, casing="#101010")
    mark_pixel(axes, result.pixel)
    start, room = _beside(photo)
    diagram.text(start, _MARGIN, title, size=TEXT, va="top", weight="bold")
    top = _MARGIN + (title.count("\n") + 1) * line_height(TEXT) + 0.02
    for path in paths:
        words = shorten(f"{path.name}  {signed_fixed(path.target_value)}", room, SMALL)
        diagram.text(start, top, words, size=SMALL, va="top")
        top += line_height(SMALL)
    words = f"maps: channel {result.flow_channel.channel}, arbitrary unit, one scale"
    diagram.text(start, top + 0.05, words, size=SMALL, va="top", color=QUIET)
    bar = diagram.axes(start, top + 0.05 + line_height(SMALL) + 0.03, min(2.0, room), 0.08, label="scale")
    colour_bar(bar, DIVERGING, -scale.limit, scale.limit, clipped=scale.clipped > 0, flush=True)


class _Column:
    """One model: its rows of maps, and the paths between them."""

    def __init__(
        self,
        diagram: Diagram,
        result: PixelView,
        path: ContextPaths,
        side: str,
        left: float,
        top: float,
        slot: float,
        panel: tuple[float, float],
        scale: Scale,
        widest: float,
    ) -> None:
        self.diagram, self.result, self.path, self.side = diagram, result, path, side
        self.left, self.top, self.slot, self.panel = left, top + 0.26, slot, panel
        self.scale, self.widest = scale, widest

    def draw(self, flow: dict[str, StepFlow], levels: list[int], block: float) -> None:
        title = shorten(self.path.name, block, TEXT, bold=True)
        self.diagram.text(self.left, self.top - 0.2, title, size=TEXT, weight="bold")
        steps = {step.name: step for step in self.path.steps}
        for row, level in enumerate(levels):
            name = f"step{level + 1}{level}"
            above = self.panel_of(row, 2)
            if name in flow:
                self.draw_row(row, flow[name], steps[name])
                self.draw_band(row, steps[name], flow[name].high)
            elif f"step{level}{level - 1}" in flow:
                self.draw_top(row, level, flow[f"step{level}{level - 1}"])
            else:
                self.diagram.text(above[0], above[1] + self.panel[0] / 2, "no such level", size=SMALL, color=QUIET)
            y = self.row(row) + self.panel[0] / 2
            self.diagram.text(self.left, y, f"level\n{level}", size=SMALL, color=QUIET)

    def row(self, number: int) -> float:
        return self.top + number * (self.panel[0] + _BETWEEN)

    def panel_of(self, row: int, column: int) -> tuple[float, float]:
        """(left, top) of a panel."""
        slot = self.left + _LABEL + column * (self.slot + _GAP)
        return slot + (self.slot - self.panel[1]) / 2, self.row(row)

    def show(self, row: int, column: int, values: np.ndarray, level: int, label: str, name: str) -> Axes:
        left, top = self.panel_of(row, column)
        axes = self.diagram.axes(left, top, self.panel[1], self.panel[0], label=f"{self.side} {label}")
        show_map(axes, values, self.scale, self.result.image_size)
        frame(axes, level)
        mark_pixel(axes, self.result.pixel, size=max(2.5, min(4.5, 12 * self.panel[0])))
        self.diagram.text(left + self.panel[1] / 2, top - 0.07, name, size=SMALL, ha="center")
        return axes

    def draw_top(self, row: int, level: int, step: StepFlow) -> None:
        """The highest level: what the first step is offered, upsampled from Q itself."""
        values = flow_map(step, "passed", self.result.flow_channel.channel)
        axes = self.show(row, 2, values, level, f"level {level} result", symbol("Q", level, prime=True))
        self.draw_refused(axes, step.name)

    def draw_refused(self, axes: Axes, name: str) -> None:
        """On a map that is offered to step ``name``: the cells with most of what that step refuses."""
        found = next((step for step in self.path.steps if step.name == name), None)
        if found is not None:
            outline(axes, core(found.refusal, SHARE), REFUSED, self.result.image_size, 1.1, gid="refused")

    def draw_row(self, row: int, flow: StepFlow, step: StepPath) -> None:
        channel, low = self.result.flow_channel.channel, flow.low
        own = flow_map(flow, "own", channel)
        self.show(row, 0, own, low, f"level {low} own", symbol("Q", low))
        name = "passed down" if step.passes_all else ("RSE" if flow.weights is not None else "context")
        context = flow_map(flow, "context", channel)
        axes = self.show(row, 1, context, flow.high, f"level {low} context", name)
        outline(axes, core(step.passage, SHARE), PASSED, self.result.image_size, 1.1, gid="passed")
        result = self.show(row, 2, flow_map(flow, "fused", channel), low, f"level {low} result", symbol("T", low))
        self.draw_refused(result, f"step{low}{low - 1}")
        for column, sign in ((0, "+"), (1, "=")):
            left, top = self.panel_of(row, column)
            end = self.panel_of(row, column + 1)[0]
            middle_of = ((left + self.panel[1] + end) / 2, top + self.panel[0] / 2)
            self.diagram.text(*middle_of, sign, size=TEXT, ha="center")

    def place(self, row: int, column: int, pixel: tuple[float, float] | None, edge: str) -> Point:
        """Where a path touches a panel's upper or lower edge: above or below a pixel, or its middle."""
        left, top = self.panel_of(row, column)
        columns = self.result.image_size[1]
        share = 0.5 if pixel is None else (pixel[1] + 0.5) / columns
        return left + share * self.panel[1], top if edge == "top" else top + self.panel[0]

    def draw_band(self, row: int, step: StepPath, high: int) -> None:
        """From the result above to this row's context."""
        size = self.result.image_size
        start = self.place(row - 1, 2, middle(step.passage, size), "bottom")
        end = self.place(row, 1, middle(step.passage, size), "top")
        # The path ends above the context's name.
        self.ribbon(
            start, (end[0], end[1] - _ABOVE), (step.taken_for, step.taken_against), PASSED, f"passed {step.name}"
        )
        if not step.passes_all:
            seen = middle(step.refusal, size)
            begin = self.aside(step, self.place(row - 1, 2, seen, "bottom")[0], start[0])
            stop = self.aside(step, self.place(row, 1, seen, "top")[0], end[0])
            halves = (step.refused_for, step.refused_against)
            ends = (begin, start[1]), (stop, end[1] - _ABOVE - 0.03)
            self.ribbon(*ends, halves, REFUSED, f"refused {step.name}", stop=True)
        self.words(row, step)

    def aside(self, step: StepPath, red: float, green: float) -> float:
        """Where the red path runs: its own place, or beside the green path where the two would lie on each other."""
        apart = (self.width(step.passage) + self.width(step.refusal)) / 2 + 0.1
        place = red if abs(red - green) >= apart else green + apart
        # The bar at its end is a little wider than the path.
        reach = self.width(step.refusal) / 2 + 0.06
        return place if place + reach <= self.diagram.width - _MARGIN else green - apart

    def width(self, values: Tensor) -> float:
        return _WIDEST * float(values.sum()) / self.widest

    def ribbon(
        self, start: Point, end: Point, halves: tuple[Tensor, Tensor], colour: str, name: str, *, stop: bool = False
    ) -> None:
        """A stroke in the light colour, as wide as all its logits, and within it a dark one, as wide as those for."""
        wide = [self.width(values) for values in halves]
        path = _curve(start, end)
        for width, share, part in ((sum(wide), 0.4, "all"), (wide[0], 1.0, "for")):
            if width > 0.003:
                patch = PathPatch(path, fill=False, edgecolor=tint(colour, share), linewidth=72 * width)
                patch.set(capstyle="butt", gid=f"{self.side} {name} {part}", zorder=3.5 if stop else 3)
                if stop:
                    patch.set_linestyle((0, (1.0, 0.35)))
                self.diagram.canvas.add_artist(patch)
        half = sum(wide) / 2
        if sum(wide) <= 0.003:
            return
        if stop:
            ends = [(end[0] - half - 0.05, end[1]), (end[0] + half + 0.05, end[1])]
            self.diagram.line(ends, color=colour, linewidth=1.6, zorder=3.6)
            return
        tip = half + 0.04
        head = [(end[0] - tip, end[1]), (end[0] + tip, end[1]), (end[0], end[1] + 0.065)]
        strong = tint(colour, 1.0 if wide[0] >= wide[1] else 0.4)
        self.diagram.polygon(head, facecolor=strong, edgecolor=strong, linewidth=0.3, zorder=3.4)

    def words(self, row: int, step: StepPath) -> None:
        """The numbers of a band, in the room above the row's own map."""
        left = self.left + _LABEL
        top = self.row(row) - _BETWEEN + 0.045
        passed = f"taken {_both(step.taken_for, step.taken_against)}"
        self.diagram.text(left, top, passed, size=SMALL, color=PASSED, va="top")
        if step.passes_all:
            self.diagram.text(left, top + line_height(SMALL), "nothing refused", size=SMALL, color=QUIET, va="top")
            return
        refused = f"refused {_both(step.refused_for, step.refused_against)}"
        self.diagram.text(left, top + line_height(SMALL), refused, size=SMALL, color=REFUSED, va="top")


def _both(supporting: Tensor, opposing: Tensor) -> str:
    """Logits for and against the class."""
    return f"{signed_fixed(float(supporting.sum()))} {signed_fixed(-float(opposing.sum()))}"


def _curve(start: Point, end: Point) -> Path:
    """It leaves and arrives vertically."""
    half = (start[1] + end[1]) / 2
    return Path([start, (start[0], half), (end[0], half), end], [Path.MOVETO, *[Path.CURVE4] * 3])
