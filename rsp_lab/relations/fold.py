"""The position term inside the keys: the relation of Eq. 1-3 as plain windowed attention.

Suffixes name axes: b batch, m middle (query/key) channels, y x cell.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.shapes import Window


def fold_position_into_keys(
    key: Float[Tensor, "b m y x"],
    plane: Float[Tensor, "2 m"],
    window: Window,
    origin: tuple[float, float] | None = None,
) -> Float[Tensor, "b m y x"]:
    """Keys ``k_j + y_j a + x_j b`` that need no position term: under softmax they give the same relation weights.

    y_j, x_j are the coordinates of cell j relative to ``origin`` in units of the window's radius, half * dilation
    cells, because that is what the position map calls 1 (Eq. 3). The position of j in the window of i is the difference
    of their coordinates, so a folded score is the score of Eq. 2 plus ``q_i . (y_i a + x_i b)``, which is the same for
    every position of the window of i and cancels in the softmax. It does not cancel without normalisation.

    Args:
        key: f_k(z).
        plane: (a, b), see :func:`rsp_lab.relations.window.position_plane`.
        window: region around each cell. A window of one position has no position term: the keys come back as they are.
        origin: (y, x) in cells; any choice gives the same weights but for rounding, which grows with the distance of a
            cell from it in units of the radius. Default: the middle of the map.
    """
    if window.radius == 0:
        return key
    height, width = key.shape[-2:]
    middle = ((height - 1) / 2, (width - 1) / 2)

    def coordinates(cells: int, start: float) -> Tensor:
        return (torch.arange(cells, dtype=key.dtype, device=key.device) - start) / window.radius

    y0, x0 = middle if origin is None else origin
    a, b = plane.to(key.dtype)[:, :, None, None]
    return key + a * coordinates(height, y0)[:, None] + b * coordinates(width, x0)
