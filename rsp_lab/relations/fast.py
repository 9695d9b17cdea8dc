"""The fast relation path: scores, weights and context of one block of the map at a time.

It chains the products of :mod:`rsp_lab.relations.gather` and keeps the scores and weights of one block only, so that
memory grows with the map and not with k * k times the map. The backward pass computes a block's weights again.

Maps here are (b, y, x, c). Suffixes: n cells of a block, r its rows of cells (through all its images), s the k * k
window positions, row-major. Scores and weights are made as (r, s, x): rows of nine numbers would be too short for
position and normalisation to be fast.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rsp_lab.relations.backward import first_order
from rsp_lab.relations.gather import Adjoint, Block, Neighbourhood, by_cell, gather_dots, gather_sum, table_of
from rsp_lab.relations.window import relative_offsets
from rsp_lab.shapes import Window

# Relation weights that exist at one time on the fast path: enough that the calls of a block are few against its work,
# and that the rows around it, which the backward pass needs too, are few against its own.
_BLOCK = 1 << 19


class _GatheredRelation(torch.autograd.Function):
    """Context (b, y, x, c) from query, key and value of this layout and gaze (2, b, y, x); saves its inputs only."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, gaze: Tensor, window: Window, softmax: bool
    ) -> Tensor:
        hood = Neighbourhood(query.shape[1], query.shape[2], window, query.device)
        blocks = list(hood.blocks(len(query), _BLOCK))

        def context_of(block: Block) -> Tensor:
            seen = hood.seen(block.images.stop - block.images.start, block.rows)
            weights = _weights(query, key, gaze, hood, block, seen, softmax)
            return gather_sum(by_cell(weights), table_of(value[block.images]), by_cell(seen))

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
        for block in hood.blocks(len(query), _BLOCK):
            grown = block.grown(window.radius, hood.height)
            seen = hood.seen(block.images.stop - block.images.start, grown.rows)
            weights = _weights(query, key, gaze, hood, grown, seen, ctx.softmax)
            d_scores = gather_dots(table_of(grad[grown.on_map]), table_of(value[block.images]), seen)
            d_scores = _through_normalisation(d_scores, weights, hood, grown, ctx.softmax)
            weights, d_scores, index = by_cell(weights), by_cell(d_scores), by_cell(seen)
            adjoint = Adjoint(hood, block, grown)
            _put(d_key, block, adjoint(d_scores, query[grown.on_map]))
            _put(d_value, block, adjoint(weights, grad[grown.on_map]))

            first = (block.rows.start - grown.rows.start) * hood.width
            own = slice(first, first + (block.rows.stop - block.rows.start) * hood.width)
            by_image = (-1, (grown.rows.stop - grown.rows.start) * hood.width, window.positions)
            d_own, own_index = (table_of(x.view(by_image)[:, own]) for x in (d_scores, index))
            _put(d_query, block, gather_sum(d_own, table_of(key[block.images]), own_index))
            planes = d_own.unflatten(-1, (window.kernel_size, window.kernel_size))
            _put(d_gaze[0], block, planes.sum(-1) @ offsets)
            _put(d_gaze[1], block, planes.sum(-2) @ offsets)
        return *grads, None, None


def _put(target: Tensor, block: Block, rows: Tensor) -> None:
    place = target[block.on_map]
    place.copy_(rows.view(place.shape))


def _through_normalisation(
    d_weights: Tensor, weights: Tensor, hood: Neighbourhood, block: Block, softmax: bool
) -> Tensor:
    """Gradient of the scores from that of the weights, in place; (r, s, x)."""
    if softmax:
        return d_weights.sub_((d_weights * weights).sum(1, keepdim=True)).mul_(weights)
    inside = hood.inside(block.rows).permute(0, 2, 3, 1).flatten(1, 2)
    d_weights.view(-1, *inside.shape).mul_(inside)
    return d_weights.div_(hood.window.positions)


def _weights(
    query: Tensor, key: Tensor, gaze: Tensor, hood: Neighbourhood, block: Block, seen: Tensor, softmax: bool
) -> Tensor:
    """Relation weights (r, s, x) of one block; exactly 0 off the map."""
    window, k = hood.window, hood.window.kernel_size
    scores = gather_dots(table_of(query[block.on_map]), table_of(key[block.images]), seen)
    planes = scores.view(block.images.stop - block.images.start, -1, k, k, hood.width)
    offsets = relative_offsets(window, dtype=gaze.dtype, device=gaze.device).view(k, 1)
    rows, columns = (offsets * slope[block.on_map].unsqueeze(2) for slope in gaze)
    outside = hood.rows_outside[block.rows].unsqueeze(2), hood.columns_outside.mT
    if softmax:
        rows.masked_fill_(outside[0], float("-inf"))
        columns.masked_fill_(outside[1], float("-inf"))
    planes.add_(rows.unsqueeze(3)).add_(columns.unsqueeze(2))
    if softmax:
        return scores.softmax(1)
    planes.masked_fill_(outside[0].unsqueeze(2), 0).masked_fill_(outside[1], 0)
    return scores.div_(window.positions)


def gathered_relation(
    query: Tensor, key: Tensor, value: Tensor, gaze: Tensor, window: Window, *, softmax: bool
) -> Tensor:
    """Context (b, y, x, c) of maps (b, y, x, c) and gaze (2, b, y, x), all contiguous, float32 or float64.

    Equal to the explicit path up to rounding. Differentiable once.
    """
    context: Tensor = _GatheredRelation.apply(query, key, value, gaze, window, softmax)
    return context
