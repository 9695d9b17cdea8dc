"""Where one pixel's context can come from, cell by cell, and the longest way it can take (Fig. 1 c, d).

Everything follows from the configuration and the sizes: no weights and no image take part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rsp_lab.analysis.receptive_field.reach import Cells, LevelReach, context_reach, reached_cells, upsampled_from
from rsp_lab.models.fusion import FusionConfig, SumConfig
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.shapes import Window, cell_to_pixel, checked_pixel, step_levels, step_name
from rsp_lab.summary import Summarised
from rsp_lab.text import rounded

Cell = tuple[int, int]


@dataclass(frozen=True)
class LocalRegion:
    """The region that one low-level cell searches, away from the border (Fig. 1 d).

    Attributes:
        step: e.g. ``"step43"``.
        window: of the step; 1 x 1 for a sum.
        side: cells along each axis of the part of the low level's map that is shown; even.
        cell: place of the low-level cell along each axis of that part.
        looked: cells of the upsampled map that it looks at, along each axis.
        sources: cells of the high level's own map that those are upsampled from, along each axis; that map has half as
            many cells.
    """

    step: str
    window: Window
    side: int
    cell: int
    looked: Cells
    sources: Cells


@dataclass(frozen=True)
class ReachGeometry(Summarised):
    """The reach of one output pixel in one image size.

    Attributes:
        image_size: (y, x) in pixels.
        pixel: (y, x), the paper's D.
        sizes: (y, x) of each level's map.
        reached: by level, rows and columns of Q_x that the pixel can see.
        chain: by level, a cell of the longest way context can take: of the highest level the seen cell farthest towards
            the far corner of the image, and below it, of the cells whose windows look at the one above, the farthest.
        windows: by low level, rows and columns of the upsampled map in the window around that level's chain cell.
        kinds: by low level, whether the step down to it is a ``"sum"`` or looks at a window (``"window"``).
        side: by level, reach away from the border.
        region: of the lowest step that has a window, or of the step above level 2 where none has.
    """

    image_size: tuple[int, int]
    pixel: tuple[int, int]
    sizes: dict[int, tuple[int, int]]
    reached: dict[int, tuple[Cells, Cells]]
    chain: dict[int, Cell]
    windows: dict[int, tuple[Cells, Cells]]
    kinds: dict[int, str]
    side: dict[int, LevelReach]
    region: LocalRegion

    @property
    def levels(self) -> tuple[int, ...]:
        """Lowest first."""
        return tuple(self.chain)

    @property
    def farthest(self) -> tuple[float, float]:
        """(y, x) in pixels, the middle of the highest level's chain cell: the paper's C."""
        top = self.levels[-1]
        return self._middle(top)

    @property
    def distance(self) -> float:
        """From C to D in pixels."""
        (y, x), (v, u) = self.farthest, self.pixel
        return math.hypot(y - v, x - u)

    def _middle(self, level: int) -> tuple[float, float]:
        y, x = (
            cell_to_pixel(cell, cells, pixels)
            for cell, cells, pixels in zip(self.chain[level], self.sizes[level], self.image_size, strict=True)
        )
        return y, x

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "image_size": list(self.image_size),
            "pixel": list(self.pixel),
            "farthest": rounded(self.farthest, 1),
            "distance_pixels": rounded(self.distance, 1),
            "reach_pixels": {str(x): reach.pixels for x, reach in self.side.items()},
            "reached_cells": {str(x): [len(rows), len(columns)] for x, (rows, columns) in self.reached.items()},
            "region": {"step": self.region.step, "window": self.region.window.describe()},
        }


def reach_geometry(config: TopDownConfig, image_size: tuple[int, int], pixel: tuple[int, int]) -> ReachGeometry:
    """Reach of one pixel (y, x) of an image of ``image_size`` through a head of this configuration.

    Raises:
        ValueError: if the pixel lies outside the image.
    """
    pixel = checked_pixel(pixel, image_size)
    sizes = {x: (-(-image_size[0] // 2**x), -(-image_size[1] // 2**x)) for x in config.levels}
    reached = reached_cells(config, sizes, pixel, image_size)
    fusions = dict(zip(config.levels[:-1], reversed(config.fusions), strict=True))
    # Towards the corner with the most room; both axes are independent, as reach is their product.
    ways = [
        _way(fusions, {x: (cells[axis], sizes[x][axis]) for x, cells in reached.items()}, 0 if 2 * p >= n else -1)
        for axis, (p, n) in enumerate(zip(pixel, image_size, strict=True))
    ]
    chain = {x: (ways[0][x], ways[1][x]) for x in config.levels}
    windows = {
        low: (_positions(fusion, chain[low][0], sizes[low][0]), _positions(fusion, chain[low][1], sizes[low][1]))
        for low, fusion in fusions.items()
    }
    kinds = {low: "sum" if isinstance(fusion, SumConfig) else "window" for low, fusion in fusions.items()}
    return ReachGeometry(
        image_size, pixel, sizes, reached, chain, windows, kinds, context_reach(config), local_region(config)
    )


def _way(fusions: Mapping[int, FusionConfig], seen: Mapping[int, tuple[Cells, int]], end: int) -> dict[int, int]:
    """The chain along one axis, by level.

    Args:
        fusions: by low level.
        seen: by level, the cells seen, ascending, and how many the map has.
        end: place of the farthest of some cells, 0 or -1.
    """
    top = max(seen)
    way = {top: seen[top][0][end]}
    # Downwards: near the border, a dilated window of the farthest cell need not hold the farthest cell seen above.
    for low in sorted(fusions, reverse=True):
        cells, size = seen[low]
        above, coarse = way[low + 1], seen[low + 1][1]
        looking = [c for c in cells if above in upsampled_from(_positions(fusions[low], c, size), size, coarse)]
        way[low] = looking[end]
    return {x: way[x] for x in sorted(way)}


def local_region(config: TopDownConfig, step: str | None = None) -> LocalRegion:
    """The region of one step's cells.

    Args:
        config: of the head.
        step: e.g. ``"step54"``; default: the lowest step that has a window, or the lowest one above level 2.

    Raises:
        ValueError: if the head has no such step.
    """
    fusions = {step_name(low + 1): f for low, f in zip(config.levels[:-1], reversed(config.fusions), strict=True)}
    if step is None:
        above = [name for name in fusions if step_levels(name)[1] > 2] or list(fusions)
        step = next((name for name in above if not isinstance(fusions[name], SumConfig)), above[0])
    if step not in fusions:
        raise ValueError(f"{step!r} is no step of this head; it has {', '.join(fusions)}.")
    window = _window(fusions[step])
    # Wide enough that the cells the window is upsampled from lie inside, with one more on each side.
    side = 4 * math.ceil((2 * window.radius + 5) / 4)
    cell = side // 2
    looked = tuple(cell + offset for offset in window.offsets)
    return LocalRegion(step, window, side, cell, looked, upsampled_from(looked, side, side // 2))


def _window(fusion: FusionConfig) -> Window:
    return Window(1) if isinstance(fusion, SumConfig) else fusion.window


def _positions(fusion: FusionConfig, cell: int, size: int) -> Cells:
    return tuple(cell + offset for offset in _window(fusion).offsets if 0 <= cell + offset < size)
