"""Where one pixel looks: its k x k relation weights on every level, and where they fall on the image."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.analysis.ledger.explainable import check_evaluating
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.capture.record import Record
from rsp_lab.models.relation import required_relations
from rsp_lab.relations.precision import full_precision
from rsp_lab.relations.window import window_mask
from rsp_lab.rgb import ImageLike, one_image
from rsp_lab.shapes import Window, cell_edges, cell_under, checked_pixel, step_levels
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded, signed_fixed

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class RelationGrid(Summarised):
    """The relation weights of one pixel at one step.

    Attributes:
        step: e.g. ``"step54"``.
        pixel: (y, x) in the image.
        cell: (y, x) of the low level's cell the pixel falls in.
        cells: (y, x) size of the low level's map.
        image_size: (y, x) in pixels.
        window: kernel and dilation.
        weights: (k, k), share of weight of each window position; NaN where the position lies off the map. They sum to
            1 under softmax.
    """

    step: str
    pixel: tuple[int, int]
    cell: tuple[int, int]
    cells: tuple[int, int]
    image_size: tuple[int, int]
    window: Window
    weights: np.ndarray

    @property
    def high(self) -> int:
        return step_levels(self.step)[0]

    @property
    def entropy(self) -> float:
        """Entropy of the weights over that of the uniform weights on the same positions: 1 uniform, 0 one position.

        Defined for weights that sum to 1; NaN otherwise.
        """
        weights = self.weights[~np.isnan(self.weights)]
        if not math.isclose(float(weights.sum()), 1, abs_tol=1e-2) or weights.min() < 0:
            return math.nan
        if weights.size == 1:
            return 0.0
        positive = weights[weights > 0]
        return float(-(positive * np.log(positive)).sum() / math.log(weights.size))

    @property
    def centre(self) -> float:
        """Weight of the position at the pixel's own cell."""
        half = self.window.half
        return float(self.weights[half, half])

    @property
    def peak(self) -> tuple[int, int]:
        """Offset (rows, columns) in cells from the pixel's cell to the position with the largest weight."""
        row, column = np.unravel_index(int(np.nanargmax(self.weights)), self.weights.shape)
        half, dilation = self.window.half, self.window.dilation
        return (int(row) - half) * dilation, (int(column) - half) * dilation

    def box(self, row: int, column: int) -> Box:
        """Pixel edges (top, left, bottom, right) of the cell at a window position."""
        offsets = self.window.offsets
        top, bottom = cell_edges(self.cell[0] + offsets[row], self.cells[0], self.image_size[0])
        left, right = cell_edges(self.cell[1] + offsets[column], self.cells[1], self.image_size[1])
        return top, left, bottom, right

    @property
    def footprint(self) -> Box:
        """Pixel edges (top, left, bottom, right) of the whole window, clipped to the image."""
        last = self.window.kernel_size - 1
        top, left, _, _ = self.box(0, 0)
        _, _, bottom, right = self.box(last, last)
        height, width = self.image_size
        return max(top, -0.5), max(left, -0.5), min(bottom, height - 0.5), min(right, width - 0.5)

    def _summary(self) -> tuple[str, Rows]:
        row, column = self.peak
        return f"RelationGrid of {self.step} at pixel {self.pixel}", [
            ("window", self.window.describe()),
            ("cell", f"{self.cell} of {self.cells[0]} x {self.cells[1]}"),
            (
                "largest weight",
                f"{float(np.nanmax(self.weights)):.4g}, {signed_fixed(row, 0)} "
                f"rows and {signed_fixed(column, 0)} columns away",
            ),
            ("own weight", self.centre),
            ("entropy", self.entropy),
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; positions off the map are null."""
        return {
            "step": self.step,
            "pixel": rounded(self.pixel),
            "cell": rounded(self.cell),
            "cells": list(self.cells),
            "kernel_size": self.window.kernel_size,
            "dilation": self.window.dilation,
            "footprint_pixels": rounded(self.footprint, 2),
            "entropy": rounded(self.entropy, 4),
            "centre_weight": rounded(self.centre, 5),
            "peak_offset_cells": list(self.peak),
            "weights": rounded(self.weights),
        }


def relation_grid(
    weights: Float[Tensor, "b wy wx y x"],
    step: str,
    pixel: tuple[int, int],
    image_size: tuple[int, int],
    window: Window,
) -> RelationGrid:
    """The grid of one pixel out of one step's weights (first image of the batch).

    Raises:
        ValueError: if the pixel lies outside the image.
    """
    # Plain integers, so that the grid is JSON-able whatever kind of integer was given.
    pixel = checked_pixel(pixel, image_size)
    height, width = weights.shape[-2:]
    y, x = cell_under(pixel, (height, width), image_size)
    grid = weights[0, :, :, y, x].detach().cpu().double().numpy().copy()
    inside = window_mask(height, width, window)[:, :, y, x].numpy()
    grid[~inside] = np.nan
    return RelationGrid(step, pixel, (y, x), (height, width), image_size, window, grid)


def relation_grids(model: nn.Module, image: ImageLike | Record, pixel: tuple[int, int]) -> tuple[RelationGrid, ...]:
    """The grids of one pixel (y, x) on every level, coarse to fine.

    Args:
        model: with relations, in eval mode where the image is no record.
        image: RGB, uint8 or float in [0, 1] (see :mod:`rsp_lab.rgb`); or the record of a pass of this model that was
            captured already, with the weights of every relation.
        pixel: (y, x).

    Raises:
        ValueError: for a model without relations or in training mode, or a pixel outside the image.
        NotCapturedError: if the record lacks a relation's weights.
    """
    modules = required_relations(model)
    record = image if isinstance(image, Record) else _captured_weights(model, image, modules)
    return tuple(
        relation_grid(record[f"{step}.weights"], step, pixel, record.image_size, module.config.window)
        for step, module in modules.items()
    )


def _captured_weights(model: nn.Module, image: ImageLike, steps: Iterable[str]) -> Record:
    check_evaluating(model)
    anchor = next(model.parameters())
    with full_precision(anchor.device):
        given = one_image(image, dtype=anchor.dtype, device=anchor.device)
        _, record = run_with_capture(model, given, taps=[f"{step}.weights" for step in steps])
    return record
