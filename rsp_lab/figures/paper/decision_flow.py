"""How one decision came down through the levels: cells as nodes, ribbons of logits, the pixel at the bottom (Fig. 5 b).

Orange is for the class; blue, hatched, is for its rival.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.figure import Figure

from rsp_lab.analysis.comparison.flow_picture import FlowPicture
from rsp_lab.analysis.ledger.decision_flow import Ribbon
from rsp_lab.figures.drawing.captions import image_words, model_words
from rsp_lab.figures.drawing.diagram import Diagram
from rsp_lab.figures.drawing.panels import sides
from rsp_lab.figures.drawing.sheet import fill, fit, line_height, shorten
from rsp_lab.figures.paper.flow_panel import HATCH, NUMBER, FlowLayout, FlowPanel, draw_box
from rsp_lab.figures.style import DOUBLE, INK, QUIET, SINGLE, SMALL, TEXT, plot_style
from rsp_lab.palette import AGAINST, FOR
from rsp_lab.text import signed, signed_fixed, significant

_MARGIN, _GAP = 0.06, 0.16
_LABEL = {DOUBLE: 0.56, SINGLE: 0.3}
_FALL = {DOUBLE: 0.42, SINGLE: 0.4}
"""Height in which ribbons run from one level to the next, inches."""
_NODES = {DOUBLE: 5, SINGLE: 3}
"""Cells of a level that stand alone at the most."""
_TALLEST = 1.05


def draw_decision_flow(
    picture: FlowPicture, *, width: float = DOUBLE, cuts: Sequence[Collection[Ribbon]] = ()
) -> Figure:
    """The models beside each other; coarse to fine, each level's cells as nodes, and the pixel at the bottom.

    A node shows the photograph at its cell, outlined where the cell is smaller than what is shown; below it stands
    what its own Q cell adds, as a number and as a bar. Ribbons are as wide as the logits that flow along them, one
    scale for all models: orange for the class, blue and hatched for the rival. Cells that hold and add little are one
    node, "others", whose ribbons are what its cells' come to together.

    Args:
        picture: of one or two models.
        width: inches, ``SINGLE`` or ``DOUBLE``; in a column fewer cells stand alone.
        cuts: of each model, ribbons along which nothing flows; they are drawn as dashed outlines, and the answers are
            those of the frozen heads without them.

    Raises:
        ValueError: for cuts of another number of models, or a ribbon that does not exist.
    """
    narrow = width < DOUBLE - 1
    page = SINGLE if narrow else DOUBLE
    if not cuts:
        picture = picture.merged(_NODES[page])
    gone = [frozenset(Ribbon(*one) for one in found) for found in cuts] or [frozenset()] * len(picture.flows)
    if len(gone) != len(picture.flows):
        raise ValueError(f"{len(picture.flows)} models and cuts of {len(gone)}: give the cuts of each model.")
    with plot_style():
        layout = _layout(picture, width, page)
        head, photo = _head_words(picture, width), fit(picture.image_size, layout.width, _TALLEST)
        row = layout.side + NUMBER + layout.fall
        top = _MARGIN + head.count("\n") * line_height(TEXT) + line_height(TEXT) + 0.04
        first = top + 2 * line_height(TEXT) + photo[0] + 0.14
        base = first + len(layout.levels) * row
        below = [fill(words, width - 2 * _MARGIN, size) for words, size in _foot(picture, gone)]
        foot = base + 1.25 * layout.side + 2.2 * line_height(SMALL) + 0.12
        foot_height = sum(
            (words.count("\n") + 1) * line_height(size) + 0.03
            for words, (_, size) in zip(below, _foot(picture, gone), strict=True)
        )
        diagram = Diagram(width, foot + 0.26 + foot_height + _MARGIN)
        diagram.text(_MARGIN, _MARGIN, head, size=TEXT, weight="bold", va="top")
        for number, side in enumerate(sides(len(picture.flows))):
            left = _MARGIN + number * (layout.width + _GAP)
            FlowPanel(diagram, picture, number, side, layout, gone[number], left).draw(top, photo, first, base)
        _draw_key(diagram, layout, foot, picture)
        y = foot + 0.26
        for words, (_, size) in zip(below, _foot(picture, gone), strict=True):
            diagram.text(_MARGIN, y, words, size=size, va="top", color=INK if size == TEXT else QUIET)
            y += (words.count("\n") + 1) * line_height(size) + 0.03
        return diagram.figure


def decision_flow_caption(picture: FlowPicture, image_name: str = "") -> str:
    """The caption of :func:`draw_decision_flow`, as plain text."""
    y, x = picture.pixel
    flows = picture.flows
    rules = dict.fromkeys(flow.rule for flow in flows)
    biases = "; ".join(
        f"{flow.name} {signed_fixed(flow.bias)} at the pixel"
        + (f", {signed_fixed(flow.step_bias)} of the steps" if flow.chain else "")
        for flow in flows
    )
    return " ".join(
        [
            f"Decision flow of {model_words(picture.names)}: {picture.target.describe()}, logits.",
            picture.sentence(),
            "Nodes: cells of the levels, coarse to fine; below each what its own cell adds. Ribbons: logits that flow",
            "down, one scale for all models; orange for the class, blue and hatched for its rival.",
            *(f"{rule[0].upper()}{rule[1:]}." for rule in rules),
            f"Biases, logits: {biases}. Largest relative residual: {picture.residual:.1g}.",
            f"Class and rival: {picture.chosen}.",
            f"Ring: pixel y {y}, x {x}.",
            image_words(picture.image_size, image_name),
        ]
    )


def _layout(picture: FlowPicture, width: float, page: float) -> FlowLayout:
    count = len(picture.flows)
    panel = (width - 2 * _MARGIN - (count - 1) * _GAP) / count
    most = max(len(nodes) for flow in picture.flows for x, nodes in flow.nodes.items())
    label = _LABEL[page]
    pitch = min((panel - label) / max(most, 2), 0.62)
    side = min(0.76 * pitch, 0.42)
    levels = tuple(sorted({x for flow in picture.flows for x in flow.chain or flow.nodes}, reverse=True))
    room = side / (panel - label - 0.3)
    # The pixel has 1 / room times a node's room.
    widest = max(max(nodes, room * pixel) for nodes, pixel in (flow.busiest for flow in picture.flows))
    return FlowLayout(panel, label, pitch, side, _FALL[page], side / widest, levels)


def _head_words(picture: FlowPicture, width: float) -> str:
    truth = "" if picture.truth is None else f"; truth: {picture.truth}"
    return fill(f"{picture.target.describe()}, logits{truth}", width - 2 * _MARGIN, TEXT, bold=True)


def _foot(picture: FlowPicture, cuts: Sequence[Collection[Ribbon]]) -> list[tuple[str, float]]:
    """What stands below: the sentence, and what the drawing is exact for."""
    lines = [(picture.sentence(), TEXT)]
    if any(cuts):
        answers = " and ".join(
            f"{signed(flow.without(found))} in {flow.name} ({len(found)} cut)"
            for flow, found in zip(picture.flows, cuts, strict=True)
            if found
        )
        lines.append((f"Without the ribbons drawn as dashed outlines: {answers}, exact in the frozen head.", TEXT))
    return [*lines, (picture.exact(), SMALL)]


def _draw_key(diagram: Diagram, layout: FlowLayout, top: float, picture: FlowPicture) -> None:
    """The two colours, and the scale as a bar of a round number of logits."""
    unit = _round(0.7 / layout.scale)
    y, x = top + 0.08, _MARGIN
    for colour, hatch, words in (
        (FOR, "", f"for {picture.target.class_name}"),
        (AGAINST, HATCH, f"for {picture.target.rival}"),
    ):
        draw_box(diagram, x, y - 0.05, 0.22, 0.1, colour, hatch)
        words = shorten(words, 0.36 * diagram.width - 0.5, SMALL)
        diagram.text(x + 0.27, y, words, size=SMALL)
        x += 0.36 * diagram.width
    end = diagram.width - _MARGIN
    diagram.line([(end - unit * layout.scale, y), (end, y)], linewidth=1.6)
    diagram.text(
        end - unit * layout.scale - 0.06,
        y,
        f"{significant(unit)} logit{'s' if unit != 1 else ''}",
        size=SMALL,
        ha="right",
    )


def _round(value: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * max(step for step in (1, 2, 5) if step * power <= value * 1.0000001))
