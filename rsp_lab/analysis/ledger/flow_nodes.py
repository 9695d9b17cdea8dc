"""Cells of a level as nodes of a flow: those that matter stand alone, the others are merged, so that none is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rsp_lab.analysis.ledger.extent import Box
from rsp_lab.shapes import cell_edges
from rsp_lab.summary import Summarised
from rsp_lab.text import rounded


@dataclass(frozen=True)
class FlowNode(Summarised):
    """A cell of a level, or all its cells that do not stand alone.

    Attributes:
        level: of the cell.
        cell: (y, x); None where cells are merged.
        cells: how many there are in it.
        box: pixel edges (top, left, bottom, right) of the cell; None where cells are merged.
        own: the ledger's contribution of its cells, logits.
        held: what it holds and hands on: derivative times T_x, logits; what came from above + own + bias.
        gross: sums of what its cells hold, above and below 0 each; they add up to :attr:`held`.
    """

    level: int
    cell: tuple[int, int] | None
    cells: int
    box: Box | None
    own: float
    held: float
    gross: tuple[float, float]

    @property
    def weight(self) -> float:
        """The larger of what it holds and what it adds, without sign, logits."""
        return max(abs(self.own), abs(self.held))

    def to_dict(self) -> dict[str, Any]:
        place = {"cell": None if self.cell is None else list(self.cell), "cells": self.cells}
        return {**place, **rounded({"own": self.own, "held": self.held, "gross": list(self.gross)})}


def nodes_of(
    level: int,
    own: Float[Tensor, "v u"],
    held: Float[Tensor, "v u"],
    image_size: tuple[int, int],
    most: int,
) -> tuple[Int[Tensor, "v u"], tuple[FlowNode, ...]]:
    """Each cell's node, and the nodes: cells that stand alone from left to right, and one of all others, if any."""
    weight = torch.maximum(own.abs(), held.abs()).flatten()
    ranked = weight.topk(min(most, weight.numel())).indices
    v, u = own.shape
    alone = sorted(ranked.tolist(), key=_column(u))
    group = torch.full((v * u,), len(alone))
    nodes = []
    for number, place in enumerate(alone):
        group[place] = number
        y, x = divmod(place, u)
        (top, bottom), (left, right) = cell_edges(y, v, image_size[0]), cell_edges(x, u, image_size[1])
        value = float(held[y, x])
        gross = max(value, 0.0), min(value, 0.0)
        nodes.append(FlowNode(level, (y, x), 1, (top, left, bottom, right), float(own[y, x]), value, gross))
    rest = (group == len(alone)).reshape(v, u)
    if rest.any():
        values = held[rest]
        gross = float(values.clamp_min(0).sum()), float(values.clamp_max(0).sum())
        nodes.append(FlowNode(level, None, int(rest.sum()), None, float(own[rest].sum()), float(values.sum()), gross))
    return group.reshape(v, u), tuple(nodes)


def _column(u: int) -> Callable[[int], tuple[int, int]]:
    """Sorts places of a map of ``u`` columns from left to right, and those of one column from the top."""
    return lambda place: (place % u, place // u)


def by_node(values: Float[Tensor, "*b v u"], group: Int[Tensor, "v u"], count: int) -> Float[Tensor, "*b node"]:
    """Sums over the cells of each node."""
    flat = values.flatten(-2)
    sums = flat.new_zeros(*flat.shape[:-1], count)
    return sums.index_add_(-1, group.flatten(), flat)


def kept_alone(nodes: Sequence[FlowNode], most: int, least: float) -> list[list[int]]:
    """Places of nodes that stay alone, from left to right, and of those that are merged, if any."""
    worth = [place for place, node in enumerate(nodes) if node.cell is not None and node.weight >= least]
    kept = sorted(sorted(worth, key=lambda place: -nodes[place].weight)[:most])
    rest = [place for place in range(len(nodes)) if place not in kept]
    return [*([place] for place in kept), *([rest] if rest else [])]


def merged_node(level: int, nodes: Sequence[FlowNode]) -> FlowNode:
    """The node of all cells of some nodes of a level."""
    if len(nodes) == 1:
        # A cell alone keeps its place, also among what is merged: it is all of it.
        return nodes[0]
    above, below = (sum(node.gross[side] for node in nodes) for side in (0, 1))
    cells, own = sum(node.cells for node in nodes), sum(node.own for node in nodes)
    return FlowNode(level, None, cells, None, own, above + below, (above, below))
