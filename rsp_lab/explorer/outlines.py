"""The outline of a mask as lines, so that a page can draw it at any size, solid or dashed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

Corner = tuple[int, int]


def trace(mask: Bool[np.ndarray, "y x"]) -> Float[np.ndarray, "point 2"]:
    """Closed lines around a mask without its holes, float32 (y, x) in pixels; a row of NaN ends each line.

    A line halves the step from a pixel of the mask to one outside it, as the contour at 0.5 does.
    """
    # Without holes, or the spokes of a wheel would be outlined one by one.
    filled = np.pad(ndimage.binary_fill_holes(mask), 1)
    after = _steps(filled)
    rows: list[tuple[float, float]] = []
    while after:
        rows += [*_line(after), (np.nan, np.nan)]
    return np.array(rows, dtype=np.float32).reshape(-1, 2)


def _steps(filled: np.ndarray) -> dict[Corner, list[Corner]]:
    """Sides of pixels that part the mask from the rest: from corner to corner, with the mask on the right."""
    after: dict[Corner, list[Corner]] = {}
    down, along = np.diff(filled.astype(np.int8), axis=0), np.diff(filled.astype(np.int8), axis=1)
    for y, x in np.argwhere(down).tolist():
        ends = (y + 1, x), (y + 1, x + 1)
        start, end = ends if down[y, x] > 0 else ends[::-1]
        after.setdefault(start, []).append(end)
    for y, x in np.argwhere(along).tolist():
        ends = (y + 1, x + 1), (y, x + 1)
        start, end = ends if along[y, x] > 0 else ends[::-1]
        after.setdefault(start, []).append(end)
    return after


def _line(after: dict[Corner, list[Corner]]) -> list[tuple[float, float]]:
    """Takes one closed line out of the sides; the middles of its sides, without those on a straight stretch."""
    start = next(iter(after))
    corners = [start]
    while len(corners) == 1 or corners[-1] != start:
        ends = after[corners[-1]]
        corners.append(ends.pop())
        if not ends:
            del after[corners[-2]]
    # Corner (i, j) of the padded mask lies at the image's y = i - 1.5, x = j - 1.5.
    middles = [((a[0] + b[0]) / 2 - 1.5, (a[1] + b[1]) / 2 - 1.5) for a, b in pairwise(corners)]
    closed = [*middles, middles[0], middles[1]]
    pairs = zip(pairwise(closed), pairwise(closed[1:]), strict=False)
    bends = [here for (before, here), (_, behind) in pairs if _bends(before, here, behind)]
    return [*bends, bends[0]]


def _bends(before: tuple[float, float], here: tuple[float, float], behind: tuple[float, float]) -> bool:
    return (here[0] - before[0], here[1] - before[1]) != (behind[0] - here[0], behind[1] - here[1])
