"""Windowed products by gathering: the two linear maps a relation is made of, and their adjoint.

A relation needs ``s_ij = q_i . k_j`` and ``sum_j w_ij v_j`` for the k * k cells j around each cell i. Both are what
embedding tables are read with: a weighted sum of table rows is ``embedding_bag``, and the dot products of one vector
with several rows are its derivative with respect to the weights. Those kernels fetch rows of a (cells, channels) table
straight into registers, so neither unfolded copies nor padded ones are made and dilation costs nothing.

:func:`window_dots` and :func:`window_sum` hold all k * k numbers per cell, for those who want to see them;
:mod:`rsp_lab.relations.fast` chains the same products block by block.

Maps here are (b, y, x, c). Suffixes: n cells of a block, r its rows of cells (through all its images), s the k * k
window positions, row-major.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from rsp_lab.shapes import Window

# Blocks are sized for a CPU core's cache; an accelerator wants few, large launches.
_ACCELERATOR_FACTOR = 64


@dataclass(frozen=True)
class Block:
    """Rows of some images."""

    images: slice
    rows: slice

    @property
    def on_map(self) -> tuple[slice, slice]:
        return self.images, self.rows

    def grown(self, radius: int, height: int) -> Block:
        """With the rows whose windows reach into the block."""
        return Block(self.images, slice(max(self.rows.start - radius, 0), min(self.rows.stop + radius, height)))


class Neighbourhood:
    """Which cells the window of every cell of a (height, width) map sees; off the map, the nearest cell on it."""

    def __init__(self, height: int, width: int, window: Window, device: torch.device) -> None:
        self.height, self.width, self.window = height, width, window
        # Half the memory of int64; a map of 2^31 cells would not fit anywhere.
        moves = torch.tensor(window.offsets, dtype=torch.int32, device=device)

        def axis(size: int) -> tuple[Tensor, Tensor]:
            cells = torch.arange(size, dtype=torch.int32, device=device)[:, None] + moves
            on_map = cells.clamp(0, size - 1)
            return on_map, cells != on_map

        self._rows, self.rows_outside = axis(height)
        self._columns, self.columns_outside = axis(width)
        self._columns_across = self._columns.mT.contiguous()

    def blocks(self, batch: int, budget: int) -> Iterator[Block]:
        """Blocks that cover the maps once, of about ``budget`` window positions each."""
        budget *= 1 if self._rows.device.type == "cpu" else _ACCELERATOR_FACTOR
        cells = max(1, budget // self.window.positions)
        rows = min(self.height, max(1, cells // self.width))
        images = max(1, cells // (rows * self.width)) if rows == self.height else 1
        for b, y in product(range(0, batch, images), range(0, self.height, rows)):
            yield Block(slice(b, min(b + images, batch)), slice(y, min(y + rows, self.height)))

    def seen(self, images: int, rows: slice) -> Tensor:
        """Cells (r, s, x) that the block's windows see, counted through the block's images.

        Written row by row of cells: with x last every operation runs over long contiguous stretches.
        """
        images_ = torch.arange(images, dtype=torch.int32, device=self._rows.device).view(-1, 1, 1)
        first = images_ * (self.height * self.width)
        row = (first + self._rows[rows] * self.width).view(-1, self.window.kernel_size, 1, 1)
        return (row + self._columns_across).view(-1, self.window.positions, self.width)

    def index(self, images: int, rows: slice) -> Tensor:
        """The same cells (n, s), cell by cell."""
        return by_cell(self.seen(images, rows))

    def inside(self, rows: slice) -> Tensor:
        """True where a window position lies on the map; (y, x, wy, wx)."""
        return ~(self.rows_outside[rows][:, None, :, None] | self.columns_outside[None, :, None, :])


def table_of(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1])


def by_cell(x: Tensor) -> Tensor:
    """(n, s) from (r, s, x)."""
    return x.mT.contiguous().view(-1, x.shape[1])


def gather_dots(vectors: Tensor, table: Tensor, seen: Tensor) -> Tensor:
    """``vectors[r * width + x] . table[seen[r, s, x]]`` as (r, s, x)."""
    rows, positions, width = seen.shape
    cells = torch.arange(rows * width, dtype=seen.dtype, device=seen.device)
    products: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        vectors,
        table,
        seen.reshape(-1),
        cells * positions,
        cells.view(rows, 1, width).expand(seen.shape).contiguous().view(-1),
        0,
    )
    return products.view(seen.shape)


def gather_sum(weights: Tensor, table: Tensor, index: Tensor) -> Tensor:
    """``sum_s weights[n, s] table[index[n, s]]`` as (n, c)."""
    return F.embedding_bag(index, table, per_sample_weights=weights, mode="sum")


class Adjoint:
    """``sum_i w_ij v_i`` over the cells i whose windows hold cell j, for the cells j of ``block``.

    Seen from j, those cells are j's own window read backwards, so this too is a gather. Weights (b, y, x, s) and values
    (b, y, x, c) are those of the rows of ``grown``, which must reach the window's radius beyond the block.
    """

    def __init__(self, hood: Neighbourhood, block: Block, grown: Block) -> None:
        images, positions = block.images.stop - block.images.start, hood.window.positions
        span = (grown.rows.stop - grown.rows.start) * hood.width
        # Cells counted within the grown rows instead of the whole map.
        within = (hood.index(1, block.rows) - grown.rows.start * hood.width).clamp_(0, span - 1)
        first = torch.arange(images, dtype=within.dtype, device=within.device).view(-1, 1, 1) * span
        self.index = (first + within).view(-1, positions)
        self.backwards = self.index.long() * positions + torch.arange(positions - 1, -1, -1, device=within.device)
        self.inside = hood.inside(block.rows).reshape(-1, positions)

    def __call__(self, weights: Tensor, values: Tensor) -> Tensor:
        mirrored = torch.take(weights, self.backwards)
        mirrored.view(-1, *self.inside.shape).mul_(self.inside)
        return gather_sum(mirrored, table_of(values), self.index)


class _WindowDots(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, window: Window) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.window = window
        hood = Neighbourhood(a.shape[1], a.shape[2], window, a.device)
        rows = slice(0, hood.height)
        dots = by_cell(gather_dots(table_of(a), table_of(b), hood.seen(a.shape[0], rows))).view(*a.shape[:3], -1)
        return dots.mul_(hood.inside(rows).flatten(2))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        hood = Neighbourhood(a.shape[1], a.shape[2], ctx.window, a.device)
        grad = grad * hood.inside(slice(0, hood.height)).flatten(2)
        by_a, by_b, _ = ctx.needs_input_grad
        return (
            window_sum(grad, b, ctx.window) if by_a else None,
            _WindowSumAdjoint.apply(grad, a, ctx.window) if by_b else None,
            None,
        )


class _WindowSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, values: Tensor, window: Window) -> Tensor:
        ctx.save_for_backward(weights, values)
        ctx.window = window
        hood = Neighbourhood(values.shape[1], values.shape[2], window, values.device)
        rows = slice(0, hood.height)
        inside = weights * hood.inside(rows).flatten(2)
        return gather_sum(table_of(inside), table_of(values), hood.index(len(values), rows)).view(values.shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weights, values = ctx.saved_tensors
        by_weights, by_values, _ = ctx.needs_input_grad
        return (
            window_dots(grad, values, ctx.window) if by_weights else None,
            _WindowSumAdjoint.apply(weights, grad, ctx.window) if by_values else None,
            None,
        )


class _WindowSumAdjoint(torch.autograd.Function):
    """``sum_i w_ij v_i`` over the cells i whose windows hold cell j."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, values: Tensor, window: Window) -> Tensor:
        ctx.save_for_backward(weights, values)
        ctx.window = window
        hood = Neighbourhood(values.shape[1], values.shape[2], window, values.device)
        whole = Block(slice(0, len(values)), slice(0, hood.height))
        return Adjoint(hood, whole, whole)(weights, values).view(values.shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weights, values = ctx.saved_tensors
        by_weights, by_values, _ = ctx.needs_input_grad
        return (
            window_dots(values, grad, ctx.window) if by_weights else None,
            window_sum(weights, grad, ctx.window) if by_values else None,
            None,
        )


def window_dots(a: Tensor, b: Tensor, window: Window) -> Tensor:
    """``a_i . b_j`` for every position j of the window of every cell i; 0 off the map.

    Args:
        a, b: (b, y, x, c), float32 or float64.

    Returns:
        (b, y, x, k * k), window positions row-major. Differentiable any number of times.
    """
    dots: Tensor = _WindowDots.apply(a, b, window)
    return dots


def window_sum(weights: Tensor, values: Tensor, window: Window) -> Tensor:
    """``sum_j w_ij v_j`` over the window positions on the map.

    Args:
        weights: (b, y, x, k * k).
        values: (b, y, x, c), float32 or float64.

    Returns:
        (b, y, x, c). Differentiable any number of times.
    """
    total: Tensor = _WindowSum.apply(weights, values, window)
    return total
