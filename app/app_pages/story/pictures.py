"""Pictures of the story: both models beside each other on the same photograph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import streamlit as st
from torch import Tensor

from app.charts.legend import chip, dash_chip, legend_html, outline_chip
from app.charts.negative_hatch import hatch_uri
from app.charts.on_image import photograph_uri, picture_uri, svg_uri
from app.charts.signed_cells import SIDE, grey_uri
from app.charts.small_pictures import Layer, cell_picture, outline_uri, picture_html
from app.charts.theme import is_dark
from app.shell.selection import SIDES, Selection
from app.shell.text import escape
from app.store.results import results
from rsp_lab.analysis.relation_weights.grids import RelationGrid
from rsp_lab.data.labels import colour
from rsp_lab.palette import LEVEL_COLOURS, LEVEL_DASHES
from rsp_lab.shapes import step_levels

PHOTOGRAPH, GREY = "var(--rsp-photograph)", "var(--rsp-grey)"
Size = tuple[int, int]
Box = tuple[float, float, float, float]
_CLASSES = 12


def draw_grounds(selection: Selection) -> None:
    """The photograph, in colour and without, once for all pictures of the page."""
    image, dark = selection.shown.sample.image, is_dark()
    grey = results().get((selection.shown.digest, "grey", SIDE, dark), lambda: grey_uri(image, dark))
    st.html(
        f"<style>:root{{--rsp-photograph:url({photograph_uri(selection)});--rsp-grey:url({grey})}}</style>",
    )


def pair_html(selection: Selection, layers: tuple[Sequence[Layer], Sequence[Layer]], ground: str, words: str) -> str:
    """Both models' pictures with their names.

    Args:
        layers: of left and right.
        ground: :data:`PHOTOGRAPH` or :data:`GREY`.
        words: what is to be seen, for those who hear the page.
    """
    cells = (
        figure_html(
            f"{name} ({side})",
            picture_html(selection.shown.size, ground, over, selection.result.pixel, f"{words}, {name}"),
        )
        for side, name, over in zip(SIDES, selection.names, layers, strict=True)
    )
    return columns_html(cells)


def columns_html(cells: Iterable[str]) -> str:
    """Pictures beside each other; below each other where there is little room."""
    return f'<div class="rsp-pair">{"".join(cells)}</div>'


def figure_html(title: str, picture: str) -> str:
    """One picture or chart with its title."""
    return f'<figure class="rsp-figure"><figcaption>{escape(title)}</figcaption>{picture}</figure>'


def label_layer(selection: Selection, side: int) -> Layer:
    """The prediction of one model, as a tint in its classes' colours."""
    labels, table = selection.views[side].labels, selection.loaded[0].table
    key = selection.key("label tint", side=side)
    return Layer(results().get(key, lambda: picture_uri(colour(labels, table))), "tint")


def class_legend(selection: Selection) -> str:
    """The colours of the classes that either model predicts, the most frequent first."""
    table = selection.loaded[0].table
    found = np.bincount(np.concatenate([view.labels.ravel() for view in selection.views]), minlength=len(table.classes))
    chips = []
    for place in np.argsort(-found, kind="stable")[:_CLASSES]:
        if found[place]:
            red, green, blue = table.palette[place]
            chips.append(chip(f"rgb({red},{green},{blue})", table.classes[place]))
    more = int((found > 0).sum()) - len(chips)
    return legend_html([*chips, *([f'<span class="rsp-quiet">and {more} more</span>'] if more > 0 else [])])


def step_legend(steps: Iterable[str]) -> str:
    """The lines of steps, coarse to fine, and the frame of the one cell that is named."""
    chips = [
        dash_chip(LEVEL_COLOURS[high], LEVEL_DASHES[high], f"step {high}{low}, from level {high} down to {low}")
        for high, low in map(step_levels, steps)
    ]
    return legend_html([*chips, outline_chip("#FFFFFF", "heaviest cell away from the own place")])


def level_legend(levels: Iterable[int], selection: Selection) -> str:
    """The lines of levels, coarse to fine."""
    return legend_html(
        dash_chip(LEVEL_COLOURS.get(level, "#8A8A88"), LEVEL_DASHES.get(level, ()), selection.level_name(level))
        for level in sorted(levels, reverse=True)
    )


def edge_layer(masks: dict[str, Tensor]) -> list[Layer]:
    """Outlines; none of nothing."""
    found = {name: mask for name, mask in masks.items() if bool(mask.any())}
    return [Layer(outline_uri(found))] if found else []


def cell_layers(values: Tensor, end: float, size: Size) -> list[Layer]:
    """Signed cells, red for the class and blue against it; what is clearly against it is hatched."""
    cells = values.detach().cpu().double().numpy()
    layers = [Layer(picture_uri(cell_picture(cells, end)), "cells")]
    return [*layers, Layer(hatch)] if (hatch := hatch_uri(cells, size, end)) else layers


def window_layer(grids: Sequence[RelationGrid], size: Size, named: Box) -> Layer:
    """Where the weights of relations lie: windows outlined in their level's colour and dash, weights filled; ``named``
    is the cell with a white frame."""
    parts = []
    for grid in grids:
        shade = LEVEL_COLOURS[grid.high]
        most = float(np.nanmax(grid.weights)) or 1.0
        for row in range(grid.weights.shape[0]):
            for column in range(grid.weights.shape[1]):
                weight = grid.weights[row, column]
                if weight > 0.02 * most:
                    parts.append(
                        _rect(grid.box(row, column), f'fill="{shade}" fill-opacity="{0.75 * weight / most:.3f}"')
                    )
    for grid in grids:
        parts += _framed(grid.footprint, grid.high, size)
    unit = max(size) / 400
    top, left, bottom, right = named
    wide = (top - 2 * unit, left - 2 * unit, bottom + 2 * unit, right + 2 * unit)
    for shade, width in (("#000", 3.4), ("#FFF", 1.8)):
        parts.append(_rect(wide, f'fill="none" stroke="{shade}" stroke-width="{width * unit:.2f}"'))
    return Layer(svg_uri(parts, size))


def own_layer(boxes: dict[int, Box], size: Size) -> Layer:
    """The cell of each level that lies under the pixel, for a model that adds them up."""
    parts: list[str] = []
    for level in sorted(boxes, reverse=True):
        parts.append(_rect(boxes[level], f'fill="{LEVEL_COLOURS.get(level, "#8A8A88")}" fill-opacity="0.3"'))
    for level in sorted(boxes, reverse=True):
        parts += _framed(boxes[level], level, size)
    return Layer(svg_uri(parts, size))


def _framed(box: Box, level: int, size: Size) -> list[str]:
    """A level's outline on a light halo with a dark rim, as in the explorer."""
    unit = max(size) / 400
    dash = " ".join(f"{1.6 * unit * length:.2f}" for length in LEVEL_DASHES.get(level, ()))
    shade = LEVEL_COLOURS.get(level, "#8A8A88")
    lines = ((3.6, "#000", 0.55, ""), (2.6, "#FFF", 0.9, ""), (1.6, shade, 1.0, dash))
    return [
        _rect(
            box,
            f'fill="none" stroke="{colour}" stroke-opacity="{alpha}" stroke-width="{width * unit:.2f}"'
            + (f' stroke-dasharray="{pattern}"' if pattern else ""),
        )
        for width, colour, alpha, pattern in lines
    ]


def _rect(box: Box, style: str) -> str:
    top, left, bottom, right = box
    place = f'x="{left + 0.5:.2f}" y="{top + 0.5:.2f}" width="{right - left:.2f}" height="{bottom - top:.2f}"'
    return f"<rect {place} {style}/>"
