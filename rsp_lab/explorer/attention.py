"""What a payload holds of the attention of a network of another make: where each cell looks, by layer and head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Complex, Float
from torch import Tensor

from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.attention.layers import AttentionLayer, DenseAttention
from rsp_lab.attention.record import record_attention
from rsp_lab.explorer.blocks import Blocks
from rsp_lab.explorer.quantise import FEW, quantise_rows
from rsp_lab.models.subject import Subject

BUDGET = 3 * 2**20
"""Bytes of weights of one side, before deflation."""
_FOR_MEANS = 2 / 3
"""Of the budget: what the means of many layers may take, so that heads have room."""
_NONE = 65535


@dataclass(frozen=True, eq=False)
class _Queries:
    """The cells of a layer that ask, on their grid, and where on the image their keys lie.

    Attributes:
        layer: of which they are.
        window, token: of each cell, (v, u).
        keys: cell of the keys' grid under each key, (window, key), row by row; :data:`_NONE` for what lies nowhere.
        key_cells: of the keys' grid, (y, x).
    """

    layer: DenseAttention
    window: Tensor
    token: Tensor
    keys: Tensor
    key_cells: tuple[int, int]

    @property
    def bytes(self) -> int:
        """That the weights of one head take."""
        return self.window.numel() * self.keys.shape[1] * FEW // 8

    def weights(self) -> Float[Tensor, "v u head key"]:
        """Of the keys that lie somewhere; 0 of the others."""
        nowhere = (self.keys == _NONE)[self.window, None]
        return self.layer.weights[self.window, :, self.token].masked_fill(nowhere, 0)


def pack_attention(blocks: Blocks, side: str, view: ModelView, budget: int = BUDGET) -> dict[str, Any] | None:
    """Layers in the order of the network; None for a model of ours, or one without attention on a grid of cells.

    A weight has 4 bits and is off by at most a thirtieth of the largest that its cell has in its head; of the mean over
    heads the largest is kept as it is. Which layers and heads there is room for is :func:`planned_heads`' to say.
    """
    looked = view.looked
    if not isinstance(looked.model, Subject):
        return None
    try:
        record = record_attention(looked.model, looked.image)
    except ValueError:  # there is none that could be seen
        return None
    found = {name: queries for name, layer in record.layers.items() if (queries := _on_grids(layer)) is not None}
    plan = planned_heads([(one.bytes, one.layer.heads) for one in found.values()], budget)
    words = record.words()
    packed = [
        _packed(blocks, f"{side}.attention{place}", name, words[name], queries, apart=heads > 1)
        for place, ((name, queries), heads) in enumerate(zip(found.items(), plan, strict=True))
        if heads
    ]
    return {"layers": packed, "left_out": len(record) - len(packed)} if packed else None


def planned_heads(layers: Sequence[tuple[int, int]], budget: int = BUDGET) -> list[int]:
    """How many heads of each layer there is room for: all, 1 for their mean, or 0.

    First come the means, from the last layer on while they fit in two thirds of the budget; then the heads apart, from
    the last layer on while they fit in what is left.

    Args:
        layers: bytes of one head's weights, and heads, in the order of the network.
        budget: bytes.
    """
    plan = [0] * len(layers)
    room = int(_FOR_MEANS * budget)
    for place, (size, _) in reversed(list(enumerate(layers))):
        if size <= room:
            plan[place], room = 1, room - size
    room = budget - sum(size * heads for (size, _), heads in zip(layers, plan, strict=True))
    for place, (size, heads) in reversed(list(enumerate(layers))):
        if plan[place] and size * (heads - 1) <= room:
            plan[place], room = heads, room - size * (heads - 1)
    return plan


def _on_grids(layer: AttentionLayer) -> _Queries | None:
    """None where queries or keys lie on no one grid."""
    if not isinstance(layer, DenseAttention) or layer.grid is None:
        return None
    rows, columns = (part.unique() for part in _parts(layer.key_places[~layer.key_places.isnan()]))
    if not 0 < len(rows) * len(columns) < _NONE:
        return None
    there = ~layer.query_places.isnan()
    window, token = there.nonzero(as_tuple=True)
    y, x = _parts(layer.query_places[there])
    order = np.lexsort((x.numpy(), y.numpy()))
    # Of what is padded by its own border several tokens lie on one cell.
    here = torch.stack((y, x), -1)[order]
    order = order[np.r_[True, (here[1:] != here[:-1]).any(-1).numpy()]]
    above, along = (
        torch.bucketize(part.contiguous(), cells)
        for part, cells in zip(_parts(layer.key_places), (rows, columns), strict=True)
    )
    keys = torch.where(layer.key_places.isnan(), _NONE, above * len(columns) + along)
    return _Queries(
        layer, window[order].reshape(layer.grid), token[order].reshape(layer.grid), keys, (len(rows), len(columns))
    )


def _parts(places: Complex[Tensor, "*tokens"]) -> tuple[Tensor, Tensor]:
    """y and x of places."""
    return places.real, places.imag


def _packed(blocks: Blocks, block: str, name: str, words: str, queries: _Queries, *, apart: bool) -> dict[str, Any]:
    weights = queries.weights()
    mean = weights.mean(2, keepdim=True)
    kept = quantise_rows(weights if apart else mean, FEW)
    # What is kept as one row has its largest weight exactly.
    peak = {"peak": blocks.add_array(f"{block}.peak", mean[:, :, 0].amax(-1).numpy().astype("<f4"))} if apart else {}
    return peak | {
        "name": name,
        "words": words,
        "heads": queries.layer.heads,
        "apart": apart or queries.layer.heads == 1,
        "cells": list(queries.window.shape),
        "keys": list(queries.key_cells),
        "weights": blocks.add_array(f"{block}.weights", kept.values, kept.bits),
        "scale": blocks.add_array(f"{block}.scale", kept.scale),
        "window": blocks.add_array(f"{block}.window", queries.window.numpy().astype("<u2")),
        "places": blocks.add_array(f"{block}.places", queries.keys.numpy().astype("<u2")),
    }
