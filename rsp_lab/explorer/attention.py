"""What a payload holds of the attention of a network of another make: where each cell looks, mean over the heads."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.attention.record import DenseAttention, record_attention
from rsp_lab.explorer.blocks import Blocks
from rsp_lab.models.subject import Subject

BUDGET = 3 * 2**20
"""Bytes of weights of one side, before deflation; layers are taken from the last one on while they fit."""
_NONE = 65535


def pack_attention(blocks: Blocks, side: str, view: ModelView, budget: int = BUDGET) -> dict[str, Any] | None:
    """Layers in the order of the network; None for a model of ours, or one without attention on a grid of cells.

    A weight is one byte, a share of the largest of its cell, which is kept: it is off by at most 1/510 of that.
    """
    looked = view.looked
    if not isinstance(looked.model, Subject):
        return None
    try:
        record = record_attention(looked.model, looked.image)
    except ValueError:  # there is none that could be seen
        return None
    packed: list[dict[str, Any]] = []
    left_out = 0
    for name, layer in reversed(record.layers.items()):
        cells = _on_grids(layer) if isinstance(layer, DenseAttention) else None
        if cells is None or cells[0].numel() > budget:
            left_out += 1
            continue
        budget -= cells[0].numel()
        packed.append(_packed(blocks, f"{side}.attention{len(packed)}", name, *cells))
    return {"layers": packed[::-1], "left_out": left_out} if packed else None


def _on_grids(layer: DenseAttention) -> tuple[Tensor, Tensor, Tensor, tuple[int, int]] | None:
    """Weights by cell (v, u, key), the window of each cell (v, u), the keys' cells by window, and how many there are;
    None where queries or keys lie on no one grid."""
    grid, places = layer.grid, layer.query_places
    known = layer.key_places[~layer.key_places.isnan()]
    key_grid = known.real.unique(), known.imag.unique()
    if grid is None or not known.numel() or key_grid[0].numel() * key_grid[1].numel() >= _NONE:
        return None
    there = ~places.isnan()
    window, query = there.nonzero(as_tuple=True)
    order = np.lexsort((places[there].imag.numpy(), places[there].real.numpy()))
    window, query = window[order], query[order]
    weights = layer.weights.mean(1)[window, query].reshape(*grid, -1)
    y, x = (
        torch.bucketize(part.contiguous(), cells)
        for part, cells in zip((layer.key_places.real, layer.key_places.imag), key_grid, strict=True)
    )
    keys = torch.where(layer.key_places.isnan(), _NONE, y * key_grid[1].numel() + x)
    return weights, window.reshape(grid), keys, (key_grid[0].numel(), key_grid[1].numel())


def _packed(
    blocks: Blocks, block: str, name: str, weights: Tensor, window: Tensor, keys: Tensor, key_cells: tuple[int, int]
) -> dict[str, Any]:
    peak = weights.amax(-1)
    shares = (255 * weights / peak.clamp_min(torch.finfo(weights.dtype).tiny)[..., None]).round()
    return {
        "name": name,
        "cells": list(window.shape),
        "keys": list(key_cells),
        "weights": blocks.add_array(f"{block}.weights", shares.numpy().astype(np.uint8)),
        "peak": blocks.add_array(f"{block}.peak", peak.numpy().astype("<f4")),
        "window": blocks.add_array(f"{block}.window", window.numpy().astype("<u2")),
        "places": blocks.add_array(f"{block}.places", keys.numpy().astype("<u2")),
    }
