"""The first two steps: what both models say and where they part, and what each looked at."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from torch import Tensor

from app.app_pages.story import pictures
from app.app_pages.story.chapter import Chapter, Way
from app.charts.small_pictures import Layer
from app.shell.region_target import margin_words
from app.shell.selection import SIDES, Selection
from app.shell.steps import step_sides
from app.shell.text import way_words
from rsp_lab.analysis.passes.answer import PixelAnswer
from rsp_lab.analysis.relation_weights.grids import RelationGrid
from rsp_lab.analysis.targets.regions import flipped_region
from rsp_lab.shapes import cell_edges, cell_under, step_digits
from rsp_lab.text import percent, significant

TOP = 4
MAIN_RULE = "the step whose heaviest cell away from its own place has the most weight"


def parting(selection: Selection) -> Chapter:
    """Where do they part?"""
    result = selection.result
    left, right = result.answers
    region = parted_region(selection)
    edges = [] if region is None else pictures.edge_layer({"target": region})
    layers = tuple([pictures.label_layer(selection, side), *edges] for side in range(2))
    outlined = "" if region is None else f" Outlined: the {int(region.sum()):,} px in which they part in this very way."
    return Chapter(
        "parting",
        f"{_answers(selection)} {_truth(selection)}".strip(),
        pictures.pair_html(selection, (layers[0], layers[1]), pictures.PHOTOGRAPH, "prediction on the photograph")
        + pictures.class_legend(selection),
        f"The predictions as a tint; ring: the pixel. The two differ on {percent(result.disagreeing_share)} of the "
        f"image.{outlined} From here on it is asked: {margin_words(selection.target)}, {selection.chosen}.",
        {"Largest logits at the pixel": _logits(selection, left, right)},
        (Way("flow", "Context flow"), Way("flips", "Flips")),
        ("logit", "margin"),
    )


def parted_region(selection: Selection) -> Tensor | None:
    """The region around the pixel in which the models part in one way, bool (y, x); None where they agree there."""
    left, right = selection.result.answers
    if left.label == right.label:
        return None
    ours, theirs = (view.labels for view in selection.views)
    try:
        target = flipped_region(ours, theirs, selection.result.pixel, selection.class_names, right.label, left.label)
    except ValueError:
        # The label map rounds where the logits at the pixel itself are even.
        return None
    return target.mask


def _answers(selection: Selection) -> str:
    (left, right), (first, second) = selection.result.answers, selection.names
    if left.label == right.label:
        return (
            f"Both models say {right.label} here: {second} by {significant(right.margin)} logits over "
            f"{right.runner_up}, {first} by {significant(left.margin)} over {left.runner_up}."
        )
    return (
        f"{second} says {right.label} here, {significant(right.margin)} logits over {right.runner_up}; {first} says "
        f"{left.label}, {significant(left.margin)} over {left.runner_up}."
    )


def _truth(selection: Selection) -> str:
    labels = selection.shown.labels_for(selection.loaded[0])
    if labels is None:
        return "No label says who is right."
    place = int(labels[selection.result.pixel])
    if place >= len(selection.class_names):
        return "The pixel is not labelled."
    truth = selection.class_names[place]
    right = [name for name, one in zip(selection.names, selection.result.answers, strict=True) if one.label == truth]
    who = {0: "neither is right", 1: f"{right[0] if right else ''} is right", 2: "both are right"}[len(right)]
    return f"The label is {truth}: {who}."


def _logits(selection: Selection, *answers: PixelAnswer) -> pd.DataFrame:
    ranked = [sorted(answer.logits.items(), key=lambda item: -item[1])[:TOP] for answer in answers]
    columns = {
        f"{side}: {name}": [f"{label} {significant(value)}" for label, value in found]
        for side, name, found in zip(SIDES, selection.names, ranked, strict=True)
    }
    return pd.DataFrame(columns, index=pd.Index([str(place) for place in range(1, len(ranked[0]) + 1)], name="rank"))


def looking(selection: Selection) -> Chapter:
    """What did each look at?"""
    layers = tuple([_looked(selection, side)] if _has_places(selection, side) else [] for side in range(2))
    said = [_looks(selection, side) for side in (1, 0)]
    rows = [row for side in range(2) for row in _grid_rows(selection, side)]
    numbers = (
        {f"Weights at the pixel; the sentence takes {MAIN_RULE}": pd.DataFrame(rows).set_index("step")} if rows else {}
    )
    return Chapter(
        "looking",
        f"{'; '.join(dict.fromkeys(said))}.",
        pictures.pair_html(selection, (layers[0], layers[1]), pictures.PHOTOGRAPH, "where context is taken from")
        + _looking_legend(selection),
        "Frames: what a step can reach; filled: what it takes its context from, the heavier the fuller its colour. A "
        "model that sums adds the cell under the pixel on each level. Exact: the weights that the model computed.",
        numbers,
        (Way("relations", "Relations"), Way("key-query", "Key and query"), Way("flow", "Context flow")),
        ("own weight", "entropy", "peak"),
    )


def main_step(grids: tuple[RelationGrid, ...]) -> tuple[RelationGrid, int, int]:
    """By :data:`MAIN_RULE`, and the row and column of that cell in the window."""
    found = []
    for grid in grids:
        weights = np.where(np.isnan(grid.weights), -math.inf, grid.weights).copy()
        weights[grid.window.half, grid.window.half] = -math.inf
        row, column = np.unravel_index(int(weights.argmax()), weights.shape)
        found.append((float(weights[row, column]), (grid, int(row), int(column))))
    return max(found, key=lambda one: one[0])[1]


def _has_places(selection: Selection, side: int) -> bool:
    return bool(selection.result.grids[side]) or not selection.foreign[side]


def _looking_legend(selection: Selection) -> str:
    """Of the steps where either model has relations, else of the levels that a sum adds up."""
    steps = {grid.step: None for grids in selection.result.grids for grid in grids}
    if steps:
        return pictures.step_legend(sorted(steps, reverse=True))
    levels = {level for side, one in enumerate(selection.passes) if not selection.foreign[side] for level in one.head.q}
    return pictures.level_legend(levels, selection) if levels else ""


def _looked(selection: Selection, side: int) -> Layer:
    size, pixel = selection.shown.size, selection.result.pixel
    if grids := selection.result.grids[side]:
        grid, row, column = main_step(grids)
        return pictures.window_layer(grids, size, grid.box(row, column))
    boxes = {}
    for level, q in selection.passes[side].head.q.items():
        cells = q.shape[-2], q.shape[-1]
        y, x = cell_under(pixel, cells, size)
        (top, bottom), (left, right) = cell_edges(y, cells[0], size[0]), cell_edges(x, cells[1], size[1])
        boxes[level] = (top, left, bottom, right)
    return pictures.own_layer(boxes, size)


def _looks(selection: Selection, side: int) -> str:
    name = selection.names[side]
    if selection.foreign[side]:
        return f"{name} has no top-down steps: where its attention looks, if it has any, stands on Context flow"
    grids = selection.result.grids[side]
    if not grids:
        steps = [one.rule for one in (step_sides(selection, s)[side] for s in _steps(selection)) if not one.absent]
        rule = steps[0] if steps else "sums, with weight 1 on each cell’s own position"
        return f"{name} {rule}, on every level"
    grid, row, column = main_step(grids)
    top, left, bottom, right = grid.box(row, column)
    y, x = selection.result.pixel
    down, along, most = (top + bottom) / 2 - y, (left + right) / 2 - x, float(grid.weights[row, column])
    return (
        f"{name} looks elsewhere most clearly at step {step_digits(grid.step)}: {percent(most, 0)} of the weight lies "
        f"on one cell {way_words(round(down), round(along))}, {percent(grid.centre, 0)} on its own place"
    )


def _steps(selection: Selection) -> tuple[str, ...]:
    return tuple(sorted({step for one in selection.passes for step in one.steps}, reverse=True))


def _grid_rows(selection: Selection, side: int) -> list[dict[str, str]]:
    rows = []
    for grid in selection.result.grids[side]:
        peak = float(np.nanmax(grid.weights))
        rows.append(
            {
                "step": f"{step_digits(grid.step)} {SIDES[side]}",
                "window": grid.window.describe(),
                "largest weight": percent(peak),
                "at, cells down and right": f"{grid.peak[0]}, {grid.peak[1]}".replace("-", "−"),
                "own weight": percent(grid.centre),
                "entropy": "not defined" if math.isnan(grid.entropy) else f"{grid.entropy:.2f}",
            }
        )
    return rows
