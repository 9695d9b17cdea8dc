"""What flows through one step (Fig. 3), with real shapes: (a) how context is extracted, (b) how it is propagated."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from rsp_lab.analysis.relation_weights.grids import RelationGrid
from rsp_lab.figures.drawing.diagram import Diagram, level_edge, tint
from rsp_lab.figures.drawing.panels import symbol
from rsp_lab.figures.style import DIVERGING, DOUBLE, INK, QUIET, SINGLE, SMALL, TEXT, level_colour, plot_style
from rsp_lab.models.inspection.dataflow import StepDataflow
from rsp_lab.relations.window import relative_offsets
from rsp_lab.shapes import step_digits

_PANEL = SINGLE
_VALUE, _KEY, _POSITION, _QUERY = 0.5, 1.36, 2.22, 3.06
"""Where the columns of (a) have their middles, inches from the panel's left."""
_INPUTS, _MAPS, _TENSORS = 0.62, 1.24, 1.78
_ADD, _DOT, _NORMALISE, _WEIGHTS, _CONTEXT = 2.5, 2.82, 3.2, 3.8, 4.54
"""Where the rows of (a) have their middles, inches from the top."""
_HEIGHT = 4.92
_SHORT = 3.3


def draw_dataflow(flow: StepDataflow, *, grid: RelationGrid | None = None, width: float = DOUBLE) -> Figure:
    """(a) the relation of one step, or what stands in its place; (b) the step around it.

    Shapes are those of the built step for the image's size: channels x rows x columns, weights with their window first.
    The position map is drawn with its values. The weights are, where a grid is given.

    Args:
        flow: of the step.
        grid: relation weights of one pixel at that step.
        width: inches, ``SINGLE`` (below each other) or ``DOUBLE`` (beside each other).

    Raises:
        ValueError: if the grid is of another step.
    """
    if grid is not None and grid.step != flow.step.name:
        raise ValueError(f"the grid is of {grid.step}, the data flow of {flow.step.name}: give the grid of that step.")
    relation = flow.step.kind in ("RSP", "SELF")
    two, tall = width > SINGLE + 1, _HEIGHT if relation else _SHORT
    with plot_style():
        diagram = Diagram(width, max(tall, _PROPAGATION) if two else tall + _PROPAGATION)
        if relation:
            _Relation(diagram, flow, grid).draw()
        else:
            _draw_plain(diagram, flow)
        left, top = (width - _PANEL, 0.0) if two else (0.0, tall)
        _draw_propagation(diagram, flow, left, top)
        return diagram.figure


def dataflow_caption(flow: StepDataflow, name: str, *, grid: RelationGrid | None = None) -> str:
    """The caption of :func:`draw_dataflow`, as plain text; ``name`` is that of the model."""
    step, (rows, columns) = flow.step, flow.image_size
    words = [
        f"Data flow of step {step_digits(step.name)} of {name} ({step.kind}): (a) extraction, (b) propagation.",
        f"Shapes are those of the built step for {rows} x {columns} pixels: channels x rows x columns; scores and",
        "weights have the two axes of the window first. p: the position map, from -1 (blue) to 1 (red).",
    ]
    if grid is not None:
        words.append(
            f"Weights drawn: of the cell under pixel y {grid.pixel[0]}, x {grid.pixel[1]}, shaded from 0 (white) to "
            "the largest."
        )
    return " ".join(words)


def shape_words(shape: tuple[int, ...]) -> str:
    """E.g. ``128 × 64 × 128``."""
    return " × ".join(map(str, shape))


def _name(flow: StepDataflow) -> str:
    return {"RSP": "RSE", "SELF": "SELF", "CONTEXT": "average", "sum": "sum"}[flow.step.kind]


def _subscript(diagram: Diagram, x: float, y: float, letter: str, index: str) -> None:
    """A letter with a lowered index, which Unicode does not have for q."""
    diagram.text(x - 0.02, y, letter, size=TEXT, ha="right", zorder=4, style="italic")
    diagram.text(x - 0.015, y + 0.035, index, size=SMALL, ha="left", zorder=4, style="italic")


def _map(
    diagram: Diagram, x: float, y: float, level: int, name: str, shape: tuple[int, ...], *, scale: float = 1.0
) -> None:
    """A map with its name above and its shape below; deeper with more channels."""
    depth = 0.03 + 0.07 * min(shape[0], 256) / 128
    diagram.stack(x - depth / 2, y + depth / 2, scale * 0.5, scale * 0.25, depth, level_colour(level))
    diagram.text(x, y - 0.27, name, size=SMALL, ha="center")
    diagram.text(x, y + 0.28, shape_words(shape), size=SMALL, color=QUIET, ha="center")


class _Relation:
    """Panel (a) of a step with a relation."""

    def __init__(self, diagram: Diagram, flow: StepDataflow, grid: RelationGrid | None) -> None:
        self.diagram, self.flow, self.grid = diagram, flow, grid
        self.step, self.shapes = flow.step, flow.shapes
        assert self.step.window is not None
        self.window = self.step.window
        self.own = self.step.kind == "SELF"

    def draw(self) -> None:
        step, diagram = self.step, self.diagram
        digits = step_digits(step.name)
        title = "(a) relational semantics extractor" if not self.own else "(a) local relation (SELF)"
        diagram.text(0.04, 0.1, f"{title}, step {digits}", size=TEXT, weight="bold")
        self.draw_inputs()
        self.draw_transforms()
        self.draw_weighing()
        self.draw_taking()
        self.draw_words()

    def draw_inputs(self) -> None:
        step, diagram, shapes = self.step, self.diagram, self.shapes
        between = (_VALUE + _KEY) / 2
        _map(diagram, between, _INPUTS, step.high, symbol("Q", step.high, prime=True), shapes["high"])
        if not self.own:
            _map(diagram, _QUERY, _INPUTS, step.low, symbol("Q", step.low), shapes["low"])
        offsets = relative_offsets(self.window).numpy()
        k, colours = self.window.kernel_size, colormaps[DIVERGING]
        planes = (np.repeat(offsets[:, None], k, 1), np.repeat(offsets[None], k, 0))
        for number, plane in enumerate(planes):
            x = _POSITION + (number - 0.5) * 0.36
            rgb = colours(0.5 + 0.35 * plane)[..., :3]
            diagram.grid(x, _INPUTS, 0.3, k, rgb, gid=f"position {number}")
        diagram.text(_POSITION, _INPUTS - 0.27, "p: rows | columns", size=SMALL, ha="center")
        diagram.text(_POSITION, _INPUTS + 0.28, shape_words(shapes["position"]), size=SMALL, color=QUIET, ha="center")

    def draw_transforms(self) -> None:
        diagram, shapes, step = self.diagram, self.shapes, self.step
        start, between = _INPUTS + 0.36, (_VALUE + _KEY) / 2
        bend = start + 0.08
        for column in (_VALUE, _KEY):
            diagram.arrow([(between, start), (between, bend), (column, bend), (column, _MAPS - 0.12)])
        diagram.arrow([(_POSITION, start), (_POSITION, _MAPS - 0.12)])
        if self.own:
            above = [(between, start), (between, bend), (_QUERY, bend), (_QUERY, _MAPS - 0.12)]
            diagram.arrow(above, gid="query from high")
        else:
            diagram.arrow([(_QUERY, start), (_QUERY, _MAPS - 0.12)], gid="query from low")
        columns = ((_VALUE, "v"), (_KEY, "k"), (_POSITION, "p"), (_QUERY, "q"))
        names = ("value", "key", "embedding", "query")
        for (column, letter), name in zip(columns, names, strict=True):
            diagram.box(column, _MAPS, 0.42, 0.24, "")
            _subscript(diagram, column, _MAPS, "f", letter)
            diagram.arrow([(column, _MAPS + 0.12), (column, _TENSORS - 0.2)])
            shape, level = shapes[name], step.low if letter == "q" and not self.own else step.high
            depth = 0.03 + 0.07 * min(shape[0], 256) / 128
            x, y = column - depth / 2, _TENSORS + depth / 2
            if name == "embedding":
                diagram.stack(x, y, 0.26, 0.26, depth, QUIET)
            else:
                diagram.stack(x, y, 0.5, 0.25, depth, level_colour(level))
            label = name if name != "embedding" else "position"
            diagram.text(column, _TENSORS + 0.28, label, size=SMALL, ha="center")
            diagram.text(column, _TENSORS + 0.42, shape_words(shape), size=SMALL, color=QUIET, ha="center")

    def draw_weighing(self) -> None:
        diagram, shapes = self.diagram, self.shapes
        below = _TENSORS + 0.5
        diagram.arrow([(_KEY, below), (_KEY, _ADD - 0.085)])
        diagram.arrow([(_POSITION, below), (_POSITION, _ADD), (_KEY + 0.085, _ADD)])
        diagram.node(_KEY, _ADD, gid="key + position")
        diagram.arrow([(_KEY, _ADD + 0.085), (_KEY, _DOT - 0.085)])
        diagram.arrow([(_QUERY, below), (_QUERY, _DOT), (_KEY + 0.085, _DOT)])
        diagram.node(_KEY, _DOT, "·", gid="query . key")
        diagram.arrow([(_KEY, _DOT + 0.085), (_KEY, _NORMALISE - 0.12)])
        scores = f"scores {shape_words(shapes['scores'])}"
        diagram.text(_KEY + 0.12, (_DOT + _NORMALISE) / 2, scores, size=SMALL, color=QUIET)
        words = "softmax" if self.step.normalisation == "softmax" else f"÷ {self.window.positions}"
        diagram.box(_KEY, _NORMALISE, 0.62, 0.24, words)
        diagram.arrow([(_KEY, _NORMALISE + 0.12), (_KEY, _WEIGHTS - 0.29)])
        k = self.window.kernel_size
        diagram.grid(_KEY, _WEIGHTS, 0.52, k, self.weight_colours(), gid="weights")
        words = f"weights\n{shape_words(shapes['weights'])}"
        diagram.text(_KEY + 0.34, _WEIGHTS + 0.14, words, size=SMALL, color=QUIET)

    def weight_colours(self) -> np.ndarray | None:
        """Of the window's cells: share of the largest weight, in the high level's colour; None without a grid."""
        if self.grid is None:
            return None
        sizes = np.nan_to_num(np.abs(self.grid.weights)) / np.nanmax(np.abs(self.grid.weights))
        strong = np.array([int(level_colour(self.step.high)[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        return 1 - sizes[..., None] * (1 - strong)

    def draw_taking(self) -> None:
        diagram, shapes, step = self.diagram, self.shapes, self.step
        diagram.arrow([(_VALUE, _TENSORS + 0.5), (_VALUE, _WEIGHTS - 0.085)])
        diagram.arrow([(_KEY - 0.28, _WEIGHTS), (_VALUE + 0.085, _WEIGHTS)])
        diagram.node(_VALUE, _WEIGHTS, "×", gid="weights x value")
        diagram.arrow([(_VALUE, _WEIGHTS + 0.085), (_VALUE, _WEIGHTS + 0.3)])
        diagram.node(_VALUE, _WEIGHTS + 0.385, "Σ", gid="sum over the window")
        diagram.arrow([(_VALUE, _WEIGHTS + 0.47), (_VALUE, _CONTEXT - 0.18)])
        depth = 0.1
        diagram.stack(_VALUE - depth / 2, _CONTEXT + depth / 2, 0.5, 0.25, depth, level_colour(step.high))
        diagram.text(_VALUE + 0.4, _CONTEXT - 0.02, "context", size=SMALL)
        diagram.text(_VALUE + 0.4, _CONTEXT + 0.12, shape_words(shapes["context"]), size=SMALL, color=QUIET)

    def draw_words(self) -> None:
        k, dilation = self.window.kernel_size, self.window.dilation
        words = [f"key and value: {k} × {k} region of each cell"]
        if dilation > 1:
            words.append(f"dilation {dilation}: {2 * self.window.radius + 1} × {2 * self.window.radius + 1} cells wide")
        words.append("one weight a position, for all channels")
        if self.grid is not None:
            y, x = self.grid.pixel
            words.append(f"weights drawn: of pixel y {y}, x {x}")
        self.diagram.text(1.5, _CONTEXT - 0.42, "\n".join(words), size=SMALL, color=QUIET, va="top")


def _draw_plain(diagram: Diagram, flow: StepDataflow) -> None:
    """Panel (a) of a step that weighs nothing: the window's mean, or the map as it is."""
    step, shapes, x = flow.step, flow.shapes, 1.0
    digits = step_digits(step.name)
    title = "average of the region (CONTEXT)" if step.kind == "CONTEXT" else "sum: all is passed down"
    diagram.text(0.04, 0.1, f"(a) {title}, step {digits}", size=TEXT, weight="bold")
    _map(diagram, x, _INPUTS, step.high, symbol("Q", step.high, prime=True), shapes["high"])
    end = 2.6
    if step.window is not None:
        k = step.window.kernel_size
        colour = np.broadcast_to(np.array([0.8, 0.8, 0.8]), (k, k, 3))
        diagram.arrow([(x, _INPUTS + 0.36), (x, 1.36)])
        diagram.grid(x, 1.64, 0.52, k, colour, gid="weights")
        window = step.window.describe().replace(" x ", " × ")
        diagram.text(x + 0.36, 1.64, f"mean over {window},\nno parameters", size=SMALL, color=QUIET)
        diagram.arrow([(x, 1.92), (x, end - 0.3)])
    else:
        diagram.arrow([(x, _INPUTS + 0.36), (x, end - 0.3)])
        diagram.text(x + 0.08, 1.6, "unchanged, no parameters", size=SMALL, color=QUIET)
    diagram.stack(x - 0.05, end + 0.05, 0.5, 0.25, 0.1, level_colour(step.high))
    diagram.text(x, end + 0.28, "context", size=SMALL, ha="center")
    diagram.text(x, end + 0.42, shape_words(shapes["context"]), size=SMALL, color=QUIET, ha="center")


_PROPAGATION = 3.3


def _draw_propagation(diagram: Diagram, flow: StepDataflow, left: float, top: float) -> None:
    """Panel (b): T_x = Q_x + context of the upsampled T_{x+1} (Eq. 4), in two columns."""
    step, shapes = flow.step, flow.shapes
    name = {"RSP": "relational semantics propagator", "SELF": "propagation"}.get(step.kind, "propagation")
    digits = step_digits(step.name)
    diagram.text(left + 0.04, top + 0.1, f"(b) {name}, step {digits}", size=TEXT, weight="bold")
    above, x, own = left + 0.5, left + 1.75, left + 3.0
    rows = [top + y for y in (0.62, 1.42, 2.02, 2.66)]
    _map(diagram, above, rows[0], step.high, symbol("T", step.high), shapes["top"], scale=0.6)
    diagram.arrow([(above + 0.26, rows[0]), (x - 0.36, rows[0])])
    diagram.text((above + x) / 2 - 0.04, rows[0] - 0.1, "× 2, bilinear", size=SMALL, color=QUIET, ha="center")
    _map(diagram, x, rows[0], step.high, symbol("Q", step.high, prime=True), shapes["high"])
    diagram.arrow([(x, rows[0] + 0.36), (x, rows[1] - 0.16)])
    fill = tint(level_colour(step.high), 0.3 if step.kind in ("RSP", "SELF") else 0.0)
    look_of = {**level_edge(step.high), "linewidth": 1.1}
    diagram.box(x, rows[1], 0.9, 0.32, _name(flow), size=TEXT, facecolor=fill, gid=step.kind, **look_of)
    diagram.arrow([(x, rows[1] + 0.16), (x, rows[2] - 0.085)])
    words = f"context\n{shape_words(shapes['context'])}"
    diagram.text(x - 0.08, (rows[1] + rows[2]) / 2 + 0.03, words, size=SMALL, color=QUIET, ha="right")
    _map(diagram, own, rows[1] - 0.02, step.low, symbol("Q", step.low), shapes["low"])
    if step.kind == "RSP":
        diagram.arrow([(own - 0.32, rows[1]), (x + 0.45, rows[1])], gid="query")
        diagram.text((own + x) / 2 + 0.05, rows[1] - 0.09, "query", size=SMALL, color=QUIET, ha="center")
    diagram.arrow([(own, rows[1] + 0.36), (own, rows[2]), (x + 0.085, rows[2])])
    diagram.node(x, rows[2], gid="sum")
    diagram.arrow([(x, rows[2] + 0.085), (x, rows[3] - 0.36)])
    _map(diagram, x, rows[3], step.low, symbol("T", step.low), shapes["fused"])
    words = f"{shape_words(flow.image_size)} pixels; {step.parameters:,} parameters in this step"
    diagram.text(left + 0.04, rows[3] + 0.5, words, size=SMALL, color=INK)
