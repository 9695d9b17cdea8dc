"""The k x k window of Eq. 1: its position map (Eq. 3), its plane, and what lies outside the map.

Suffixes name axes: b batch, m middle (query/key) channels, c value channels, wy wx window row and column,
y x cell row and column.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rsp_lab.shapes import Window


def relative_offsets(
    window: Window, *, dtype: torch.dtype = torch.float32, device: torch.device | None = None
) -> Tensor:
    """Offsets of the window positions along one axis, normalised to [-1, 1]; shape (k,). All zero for k = 1."""
    steps = torch.arange(-window.half, window.half + 1, dtype=dtype, device=device)
    return steps / max(window.half, 1)


def position_map(
    channels: int, window: Window, *, dtype: torch.dtype = torch.float32, device: torch.device | None = None
) -> Float[Tensor, "channels wy wx"]:
    """The normalised 2-D relative position map p of Eq. 3.

    The first ``channels // 2`` channels hold the row offset, the others the column offset, both in [-1, 1].
    Dilation does not change it: offsets are measured in window positions.

    Raises:
        ValueError: if ``channels`` is odd, since the halves must be equal.
    """
    if channels % 2:
        raise ValueError(f"the position map splits its channels in two halves, got {channels}. Use an even number.")
    offsets = relative_offsets(window, dtype=dtype, device=device)
    k = window.kernel_size
    rows = offsets.view(1, k, 1).expand(channels // 2, k, k)
    columns = offsets.view(1, 1, k).expand(channels // 2, k, k)
    return torch.cat([rows, columns])


def position_plane(f_p: Float[Tensor, "m channels"]) -> Float[Tensor, "2 m"]:
    """The two vectors (a, b) that f_p reduces to, because the position map has rank 2.

    ``f_p(p_j) = r_j a + c_j b`` exactly, with (r_j, c_j) the normalised offset of position j: a sums the columns
    of f_p that see the row offset, b those that see the column offset.
    """
    half = f_p.shape[1] // 2
    return torch.stack([f_p[:, :half].sum(1), f_p[:, half:].sum(1)])


def position_embedding(plane: Float[Tensor, "2 m"], window: Window) -> Float[Tensor, "m wy wx"]:
    """f_p(p) of Eq. 3 for every window position, from its plane: ``r_j a + c_j b``."""
    offsets = relative_offsets(window, dtype=plane.dtype, device=plane.device)
    row, column = plane[0], plane[1]
    return row[:, None, None] * offsets[None, :, None] + column[:, None, None] * offsets[None, None, :]


def window_mask(
    height: int, width: int, window: Window, device: torch.device | None = None
) -> Bool[Tensor, "wy wx y x"]:
    """True where the window position around cell (y, x) lies on the map."""
    offsets = torch.tensor(window.offsets, device=device)

    def axis(size: int) -> Tensor:
        index = torch.arange(size, device=device)[None, :] + offsets[:, None]
        return (index >= 0) & (index < size)

    rows, columns = axis(height), axis(width)
    return rows[:, None, :, None] & columns[None, :, None, :]
