"""The cells of a signed map that a hatch marks: what blue says, said in greyscale and to any eye too."""

from __future__ import annotations

import numpy as np

FAINT, DARK = 0.1, 0.55
"""Shares of the end of the scale: where a colour begins to be seen, and where it is so strong that lines need another
colour to be seen on it."""
FINE = 48
"""Cells along a side beyond which a noisy map is hatched in blocks: its single cells are as narrow as the lines."""


def negative_boxes(
    values: np.ndarray, limit: float, size: tuple[float, float], *, most: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Where a signed map is clearly below 0, as boxes: one for each run of such cells in a row.

    Args:
        values: (v, u), a map that is stretched over ``size``; what is not finite counts as 0.
        limit: end of the map's scale.
        size: (y, x) of the map's ground, in any unit; boxes are in it.
        most: a map with more cells along a side is read in square blocks of cells, by their mean, so that a noisy map
            is hatched where it is negative on the whole. None reads every cell.

    Returns:
        The pale boxes, from :data:`FAINT` to :data:`DARK` of the limit below 0, and the dark ones beyond. Each is
        (box, 4): top, left, bottom, right, float64, from 0 at the ground's first edge.
    """
    cells = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    block = 1 if most is None else -(-max(cells.shape) // most)
    shares = _block_means(cells, block) / limit if limit > 0 else np.zeros_like(cells)
    pitch = size[0] / values.shape[0] * block, size[1] / values.shape[1] * block
    pale = _runs((shares < -FAINT) & (shares >= -DARK), pitch, size)
    return pale, _runs(shares < -DARK, pitch, size)


def _block_means(cells: np.ndarray, block: int) -> np.ndarray:
    """Mean of each block of cells; the last of a row or column is of those that are left."""
    places = [np.arange(0, side, block) for side in cells.shape]
    sums = np.add.reduceat(np.add.reduceat(cells, places[0], axis=0), places[1], axis=1)
    counts = [np.minimum(block, side - place) for side, place in zip(cells.shape, places, strict=True)]
    means: np.ndarray = sums / np.outer(*counts)
    return means


def _runs(marked: np.ndarray, pitch: tuple[float, float], size: tuple[float, float]) -> np.ndarray:
    edges = np.diff(np.pad(marked, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, first = np.nonzero(edges == 1)
    _, last = np.nonzero(edges == -1)
    boxes = np.stack((rows * pitch[0], first * pitch[1], (rows + 1) * pitch[0], last * pitch[1]), axis=-1)
    # A block that is cut off ends with the ground.
    return np.minimum(boxes, [*size, *size])
