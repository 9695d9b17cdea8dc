"""Where in a region a box, such as a name, has room."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool
from scipy import ndimage


def roomiest(mask: Bool[np.ndarray, "y x"], box: tuple[float, float]) -> tuple[float, float] | None:
    """Centre (y, x) of a box (rows, columns) that lies on the mask with all its pixels, as far inside as can be.

    None where it fits nowhere. Of equally good places the one nearest to the mask's middle is taken.

    Args:
        mask: of the region.
        box: in pixels, at least one; parts of a pixel count as whole ones.
    """
    rows, columns = (max(1, math.ceil(side)) for side in box)
    height, width = mask.shape
    if rows > height or columns > width:
        return None
    sums = np.zeros((height + 1, width + 1), np.int64)
    sums[1:, 1:] = mask.cumsum(0, dtype=np.int64).cumsum(1)
    inside = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    fits = inside == rows * columns
    if not fits.any():
        return None
    # Steps from a box that fits to the nearest that does not, the image's border being one.
    depth = ndimage.distance_transform_cdt(np.pad(fits, 1), "chessboard")[1:-1, 1:-1]
    places = np.argwhere(depth == depth.max())
    middle = np.argwhere(mask).mean(0) - ((rows - 1) / 2, (columns - 1) / 2)
    y, x = places[((places - middle) ** 2).sum(1).argmin()].tolist()
    return y + (rows - 1) / 2, x + (columns - 1) / 2
