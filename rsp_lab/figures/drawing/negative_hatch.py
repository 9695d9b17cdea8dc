"""What blue says, said by a hatch too: signs that greyscale and any eye can read."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path

from rsp_lab.negative_cells import DARK, FAINT, negative_boxes

HATCH = "///////"
_INK = "#053061"
"""The blue end of the scale."""


def hatch_negative(
    axes: Axes, values: np.ndarray, limit: float, size: tuple[int, int], *, most: int | None = None
) -> None:
    """Hatches the cells of a signed map that are clearly below 0.

    Args:
        values: (v, u), drawn over a picture of ``size`` (y, x).
        limit: end of the map's scale.
        most: see :func:`~rsp_lab.negative_cells.negative_boxes`.
    """
    for boxes, colour in zip(negative_boxes(values, limit, size, most=most), (_INK, "white"), strict=True):
        if len(boxes):
            # Pixel 0 of a picture reaches from -0.5 to 0.5.
            _hatch(axes, PathPatch(_outline(boxes - 0.5), fill=False, zorder=1.5), colour)


def hatch_scale(axes: Axes) -> None:
    """Hatches the lower half of a colour bar that is centred on 0."""
    for left, right, colour in ((0.0, 0.5 - DARK / 2, "white"), (0.5 - DARK / 2, 0.5 - FAINT / 2, _INK)):
        _hatch(axes, Rectangle((left, 0), right - left, 1, transform=axes.transAxes, fill=False), colour)


def _hatch(axes: Axes, patch: Patch, colour: str) -> None:
    patch.set(edgecolor=colour, linewidth=0, hatch=HATCH)
    # Versions before 3.11 take the edge's colour, later ones that of the settings unless told.
    if hasattr(patch, "set_hatchcolor"):
        patch.set_hatchcolor(colour)
    axes.add_artist(patch)


def _outline(boxes: np.ndarray) -> Path:
    corners = [
        Path([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], closed=True)
        for top, left, bottom, right in boxes.tolist()
    ]
    return Path.make_compound_path(*corners)
