"""Values of cells spread over the pixels they cover, sums preserved; and what falls on which kind of pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import rounded, signed_fixed

FOOTPRINT_RULE = (
    "a map's cells cover the image evenly; a cell's value is spread over the pixels under it in proportion to the area "
    "they share, so that the sum stays"
)


def footprint_shares(cells: int, pixels: int) -> Float[Tensor, "cells pixels"]:
    """Share of each cell that lies on each pixel along one axis; float64, rows sum to 1.

    Where the stride divides the image, each of the ``stride`` pixels under a cell has the share 1 / stride.
    """
    edges = torch.arange(cells + 1, dtype=torch.float64) * pixels / cells
    near = torch.arange(pixels, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], near + 1) - torch.maximum(edges[:-1, None], near)
    overlap = overlap.clamp_min(0)
    return overlap / overlap.sum(1, keepdim=True)


def on_pixels(values: Float[Tensor, "v u"], size: tuple[int, int]) -> Float[Tensor, "y x"]:
    """A map at image size by :data:`FOOTPRINT_RULE`; float64, the same sum up to rounding."""
    spread = values.double()
    for axis, pixels in enumerate(size):
        cells = spread.shape[axis]
        if pixels % cells == 0:
            stride = pixels // cells
            spread = (spread / stride).repeat_interleave(stride, axis)
        else:
            shares = footprint_shares(cells, pixels).to(spread.device)
            spread = shares.T @ spread if axis == 0 else spread @ shares
    return spread


def sum_away_from(mask: Bool[Tensor, "y x"], maps: Mapping[int, Float[Tensor, "_ _"]]) -> float:
    """Sum of maps by level over all cells that have none of a mask's pixels under them."""
    height, width = mask.shape
    # Pixels of the mask above and left of each corner: what lies under a cell is counted by its four corners.
    counted = F.pad(mask.cpu().cumsum(0, dtype=torch.int32).cumsum(1, dtype=torch.int32), (1, 0, 1, 0))
    total = 0.0
    for values in maps.values():
        (top, bottom), (left, right) = _pixels_under(values.shape[0], height), _pixels_under(values.shape[1], width)
        rows = counted[bottom] - counted[top]
        total += float(values[rows[:, right] == rows[:, left]].sum())
    return total


def _pixels_under(cells: int, pixels: int) -> tuple[Int[Tensor, " cells"], Int[Tensor, " cells"]]:
    """The first pixel under each cell along one axis, and the first one beyond it."""
    edges = torch.arange(cells + 1, dtype=torch.float64) * pixels / cells
    return edges[:-1].floor().long(), edges[1:].ceil().long()


@dataclass(frozen=True, eq=False)
class LevelTable(Summarised):
    """Contributions by level and kind of source pixel, in logits.

    Attributes:
        levels: rows, lowest first.
        columns: kinds of pixels; every pixel is of one kind.
        values: (level, column); a row sums to the level's contribution.
        rule: what a column counts, in words.
    """

    levels: tuple[int, ...]
    columns: tuple[str, ...]
    values: Float[Tensor, "level column"]
    rule: str

    def __getitem__(self, key: tuple[int, str]) -> float:
        """Value of a level and a column, by name."""
        level, column = key
        if level not in self.levels or column not in self.columns:
            raise KeyError(f"no entry {key}; levels: {self.levels}, columns: {self.columns}.")
        return float(self.values[self.levels.index(level), self.columns.index(column)])

    def __sub__(self, other: LevelTable) -> LevelTable:
        """Entry by entry, which is the table of the ledgers' difference; a level that one of the two lacks is 0 there.

        Raises:
            ValueError: for a table of other kinds of pixels.
        """
        if self.columns != other.columns:
            raise ValueError("the tables are of different kinds of pixels: split both ledgers in the same way.")
        levels = tuple(sorted({*self.levels, *other.levels}))
        values = torch.zeros(len(levels), len(self.columns), dtype=torch.float64)
        for table, sign in ((self, 1), (other, -1)):
            values[[levels.index(level) for level in table.levels]] += sign * table.values.double()
        return LevelTable(levels, self.columns, values, self.rule)

    def _summary(self) -> tuple[str, Rows]:
        order = self.values.sum(0).abs().argsort(descending=True).tolist()
        found = [(self.columns[i], float(self.values[:, i].sum())) for i in order]
        title = f"LevelTable of {len(self.levels)} levels by {len(self.columns)} kinds of pixels, logits"
        return title, [*((name, signed_fixed(value, 4)) for name, value in found[:8]), ("rule", self.rule)]

    def to_dict(self) -> dict[str, Any]:
        return {
            "unit": "logits",
            "rule": self.rule,
            "levels": list(self.levels),
            "columns": list(self.columns),
            "values": rounded(self.values),
        }


def table_by_kind(
    maps: dict[int, Tensor], kinds: Tensor, columns: tuple[str, ...], size: tuple[int, int], rule: str
) -> LevelTable:
    """Maps by level split over kinds of pixels.

    Args:
        maps: (v, u) by level.
        kinds: (y, x), place of each pixel's kind in ``columns``.
        columns: names of the kinds.
        size: (y, x) of the image.
        rule: see :class:`LevelTable`.
    """
    flat = kinds.long().flatten().cpu()
    rows = [
        torch.bincount(flat, weights=on_pixels(values, size).flatten().cpu(), minlength=len(columns))
        for values in maps.values()
    ]
    return LevelTable(tuple(maps), columns, torch.stack(rows), rule)
