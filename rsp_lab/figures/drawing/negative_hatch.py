"""What blue says, said by a hatch too: signs that greyscale and any eye can read."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path

HATCH = "///////"
_INK = "#053061"
"""The blue end of the scale."""
_FAINT, _DARK = 0.1, 0.7
"""Of the end of the scale: where a colour begins to be seen, and where it is so dark that white shows on it."""


def hatch_negative(axes: Axes, values: np.ndarray, limit: float, size: tuple[int, int]) -> None:
    """Hatches the cells of a signed map that are clearly below 0.

    Args:
        values: (v, u), drawn over a picture of ``size`` (y, x).
        limit: end of the map's scale.
    """
    shares = values / limit if limit > 0 else np.zeros_like(values)
    for low, high, colour in ((-np.inf, -_DARK, "white"), (-_DARK, -_FAINT, _INK)):
        cells = (shares >= low) & (shares < high)
        if cells.any():
            _hatch(axes, PathPatch(_outline(cells, size), fill=False, zorder=1.5), colour)


def hatch_scale(axes: Axes) -> None:
    """Hatches the lower half of a colour bar that is centred on 0."""
    for left, right, colour in ((0.0, 0.5 - _DARK / 2, "white"), (0.5 - _DARK / 2, 0.5 - _FAINT / 2, _INK)):
        _hatch(axes, Rectangle((left, 0), right - left, 1, transform=axes.transAxes, fill=False), colour)


def _hatch(axes: Axes, patch: Patch, colour: str) -> None:
    patch.set(edgecolor=colour, linewidth=0, hatch=HATCH)
    # Versions before 3.11 take the edge's colour, later ones that of the settings unless told.
    if hasattr(patch, "set_hatchcolor"):
        patch.set_hatchcolor(colour)
    axes.add_artist(patch)


def _outline(cells: np.ndarray, size: tuple[int, int]) -> Path:
    """Runs of marked cells in each row, as boxes in pixels of the picture."""
    high, wide = size[0] / cells.shape[0], size[1] / cells.shape[1]
    edges = np.diff(np.pad(cells, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    boxes = []
    for row in range(len(cells)):
        top, bottom = row * high - 0.5, (row + 1) * high - 0.5
        for first, last in zip(np.flatnonzero(edges[row] == 1), np.flatnonzero(edges[row] == -1), strict=True):
            left, right = first * wide - 0.5, last * wide - 0.5
            boxes.append(Path([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], closed=True))
    return Path.make_compound_path(*boxes)
