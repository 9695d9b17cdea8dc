"""The fast relation path: scores, weights and context of one block of the map at a time.

It chains the products of :mod:`rsp_lab.relations.gather` and keeps the scores and weights of one block only, so that
memory grows with the map and not with k * k times the map. The backward pass computes a block's weights again.

Maps here are (b, y, x, c). Suffixes: n cells of a block, s the k * k window positions, row-major.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rsp_lab.relations.gather import Adjoint, Block, Neighbourhood, gather_dots, gather_sum, table_of
from rsp_lab.relations.once import first_order
from rsp_lab.relations.window import relative_offsets
from rsp_lab.shapes import Window

# Relation weights that exist at one time on the fast path. The backward pass also needs those of neighbouring rows,
# which larger blocks compute less often.
_FORWARD_BLOCK, _BACKWARD_BLOCK = 1 << 16, 1 << 19


class _GatheredRelation(torch.autograd.Function):
    """Context (b, y, x, c) from query, key, value and gaze of the same layout; saves its inputs only."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, gaze: Tensor, window: Window, softmax: bool
    ) -> Tensor:
        hood = Neighbourhood(query.shape[1], query.shape[2], window, query.device)
        blocks = list(hood.blocks(len(query), _FORWARD_BLOCK))

        def context_of(block: Block) -> Tensor:
            index = hood.index(block.images.stop - block.images.start, block.rows)
            weights = _weights(query, key, gaze, hood, block, index, softmax)
            return gather_sum(weights, table_of(value[block.images]), index)

        if len(blocks) == 1:
            context = context_of(blocks[0]).view(value.shape)
        else:
            context = torch.empty_like(value)
            for block in blocks:
                _put(context, block, context_of(block))
        ctx.save_for_backward(query, key, value, gaze)
        ctx.window, ctx.softmax = window, softmax
        return context

    @staticmethod
    @first_order
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, gaze = ctx.saved_tensors
        grad = grad.contiguous()
        window: Window = ctx.window
        hood = Neighbourhood(query.shape[1], query.shape[2], window, query.device)
        grads = d_query, d_key, d_value, d_gaze = tuple(torch.empty_like(x) for x in (query, key, value, gaze))
        offsets = relative_offsets(window, dtype=grad.dtype, device=grad.device)
        for block in hood.blocks(len(query), _BACKWARD_BLOCK):
            grown = block.grown(window.radius, hood.height)
            index = hood.index(block.images.stop - block.images.start, grown.rows)
            weights = _weights(query, key, gaze, hood, grown, index, ctx.softmax)
            d_scores = gather_dots(table_of(grad[grown.on_map]), table_of(value[block.images]), index)
            d_scores = _through_normalisation(d_scores, weights, hood, grown, ctx.softmax)
            adjoint = Adjoint(hood, block, grown)
            _put(d_key, block, adjoint(d_scores, query[grown.on_map]))
            _put(d_value, block, adjoint(weights, grad[grown.on_map]))

            first = (block.rows.start - grown.rows.start) * hood.width
            own = slice(first, first + (block.rows.stop - block.rows.start) * hood.width)
            by_image = (-1, (grown.rows.stop - grown.rows.start) * hood.width, window.positions)
            d_own, seen = (table_of(x.view(by_image)[:, own]) for x in (d_scores, index))
            _put(d_query, block, gather_sum(d_own, table_of(key[block.images]), seen))
            planes = d_own.unflatten(-1, (window.kernel_size, window.kernel_size))
            _put(d_gaze, block, torch.stack([planes.sum(-1) @ offsets, planes.sum(-2) @ offsets], -1))
        return *grads, None, None


def _put(target: Tensor, block: Block, rows: Tensor) -> None:
    place = target[block.on_map]
    place.copy_(rows.view(place.shape))


def _through_normalisation(
    d_weights: Tensor, weights: Tensor, hood: Neighbourhood, block: Block, softmax: bool
) -> Tensor:
    """Gradient of the scores from that of the weights, in place; (n, s)."""
    if softmax:
        return d_weights.sub_((d_weights * weights).sum(-1, keepdim=True)).mul_(weights)
    positions = hood.window.positions
    inside = hood.inside(block.rows).reshape(-1, positions)
    d_weights.view(-1, *inside.shape).mul_(inside)
    return d_weights.div_(positions)


def _weights(
    query: Tensor, key: Tensor, gaze: Tensor, hood: Neighbourhood, block: Block, index: Tensor, softmax: bool
) -> Tensor:
    """Relation weights (n, s) of one block; exactly 0 off the map.

    Position and normalisation work on columns of cells, (wy, wx, b, y, x): rows of nine numbers are too short for
    either to be fast.
    """
    window, k = hood.window, hood.window.kernel_size
    content = gather_dots(table_of(query[block.on_map]), table_of(key[block.images]), index)
    content = content.view(block.images.stop - block.images.start, -1, hood.width, k, k).permute(3, 4, 0, 1, 2)
    offsets = relative_offsets(window, dtype=gaze.dtype, device=gaze.device).view(k, 1, 1, 1)
    slopes = gaze[block.on_map]
    rows, columns = offsets * slopes[..., 0], offsets * slopes[..., 1]
    outside = ~hood.rows_inside[block.rows].mT[:, None, :, None], ~hood.columns_inside.mT[:, None, None, :]
    if softmax:
        rows.masked_fill_(outside[0], float("-inf"))
        columns.masked_fill_(outside[1], float("-inf"))
    scores = torch.add(content, rows.unsqueeze(1), out=content.new_empty(content.shape)).add_(columns)
    if softmax:
        weights = scores.flatten(2).flatten(0, 1).softmax(0)
    else:
        scores.masked_fill_(outside[0].unsqueeze(1), 0).masked_fill_(outside[1], 0)
        weights = scores.div_(window.positions).flatten(2).flatten(0, 1)
    return weights.mT.contiguous()


def gathered_relation(
    query: Tensor, key: Tensor, value: Tensor, gaze: Tensor, window: Window, *, softmax: bool
) -> Tensor:
    """Context (b, y, x, c) of maps (b, y, x, c) and gaze (b, y, x, 2), all contiguous, float32 or float64.

    Equal to the explicit path up to rounding. Differentiable once.
    """
    context: Tensor = _GatheredRelation.apply(query, key, value, gaze, window, softmax)
    return context
