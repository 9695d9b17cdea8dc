"""Deletion and insertion inside the head: Q cells of all levels set to zero, or put back, in the order of a map.

Deletion begins with all cells and zeroes them, the most positive first; insertion begins with none and puts them back
in the same order. Two heads answer. The *frozen* one holds its relation weights: there removing a cell takes exactly
its contribution away, so that no order can beat the ledger's. The *live* one works its weights out anew from what is
left, as the network would. Of a network of another make the head is all that lies behind its cut, and what is held
are all its gates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rsp_lab.analysis.faithfulness.curves import descending_order, trapezoid_area
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.ledger import ContextLedger
from rsp_lab.analysis.targets.target import Target, cell_weights
from rsp_lab.relations.precision import full_precision
from rsp_lab.summary import Summarised
from rsp_lab.text import rounded

POINTS = 9
AREA_RULE = (
    "mean of the curve over its points (trapezoid), which stand at 0, 1 and on to all cells in equal ratios: the few "
    "first cells weigh as much as the many last ones"
)
SCORE_RULE = "(area under insertion - area under deletion) / sum of the ledger's |contributions|"
FALL_RULE = "mean fall of the target along deletion / sum of the ledger's |contributions|"
RISE_RULE = "mean rise of the target along insertion / sum of the ledger's |contributions|"


@dataclass(frozen=True)
class CellCurves(Summarised):
    """The target on the way, in logits.

    Attributes:
        counts: cells removed, or put back, at each point; from 0 to all.
        deletion: from the whole head's value to that without any cell.
        insertion: the other way.
        scale: sum of the ledger's \\|contributions\\|, the most that any set of cells can do in the frozen head.
    """

    counts: tuple[int, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    scale: float

    @property
    def deletion_area(self) -> float:
        """In logits, by :data:`AREA_RULE`; lower is better."""
        return _area(self.deletion)

    @property
    def insertion_area(self) -> float:
        """In logits, by :data:`AREA_RULE`; higher is better."""
        return _area(self.insertion)

    @property
    def score(self) -> float:
        """By :data:`SCORE_RULE`; higher is better."""
        return self._share(self.insertion_area - self.deletion_area)

    @property
    def fall(self) -> float:
        """By :data:`FALL_RULE`; higher is better."""
        return self._share(self.deletion[0] - self.deletion_area)

    @property
    def rise(self) -> float:
        """By :data:`RISE_RULE`; higher is better."""
        return self._share(self.insertion_area - self.insertion[0])

    def _share(self, logits: float) -> float:
        return logits / self.scale if self.scale > 0 else math.nan

    def to_dict(self) -> dict[str, Any]:
        return {
            "unit": "logits",
            "counts": list(self.counts),
            "deletion": rounded(self.deletion),
            "insertion": rounded(self.insertion),
            "scale": self.scale,
            "score": self.score,
            "score_rule": SCORE_RULE,
            "fall": self.fall,
            "fall_rule": FALL_RULE,
            "rise": self.rise,
            "rise_rule": RISE_RULE,
            "area_rule": AREA_RULE,
        }


def schedule(cells: int, points: int = POINTS) -> tuple[int, ...]:
    """0, 1, ... to ``cells``, in equal ratios as far as whole numbers allow.

    Raises:
        ValueError: for fewer than 1 cell or 2 points.
    """
    if cells < 1 or points < 2:
        raise ValueError(f"a curve needs 1 cell and 2 points or more, got {cells} and {points}.")
    ratio = cells ** (1 / (points - 1))
    return (0, *sorted({*(round(ratio**i) for i in range(points - 1)), cells}))


def cell_order(maps: Mapping[int, Float[Tensor, "_ _"]], seed: int = 0) -> Int[Tensor, " cell"]:
    """Cells of all levels by value, the highest first, equal ones at random; numbered level by level, lowest first."""
    return descending_order(torch.cat([maps[x].double().flatten() for x in sorted(maps)]), seed)


def frozen_curves(ledger: ContextLedger, order: Int[Tensor, " cell"], points: int = POINTS) -> CellCurves:
    """Through the frozen head, without a forward pass: it is affine, so contributions are added in order."""
    flat = torch.cat([ledger.maps[x].flatten() for x in ledger.levels])
    _check(order, len(flat))
    counts = schedule(len(flat), points)
    gone = torch.cat([torch.zeros(1, dtype=torch.float64), flat[order].cumsum(0)])[list(counts)].tolist()
    deletion = tuple(ledger.total - total for total in gone)
    return CellCurves(counts, deletion, tuple(ledger.bias + total for total in gone), _scale(ledger))


def live_curves(
    frozen: FrozenPass, ledger: ContextLedger, order: Int[Tensor, " cell"], points: int = POINTS
) -> CellCurves:
    """Through the model's own head, one forward pass of the head a point.

    Args:
        frozen: of the model on the image; only its maps are used.
        ledger: of the same decision; its target is recorded, and the curves have its scale.
        order: see :func:`cell_order`.
        points: of the curves.
    """
    total = sum(q.shape[-2] * q.shape[-1] for q in frozen.q.values())
    _check(order, total)
    counts = schedule(total, points)
    first = torch.zeros(len(counts), total, dtype=torch.bool)
    for row, count in enumerate(counts):
        first[row, order[:count]] = True
    deletion, insertion = (tuple(live_values(frozen, ledger.target, present)) for present in (~first, first))
    return CellCurves(counts, deletion, insertion, _scale(ledger))


def live_values(frozen: FrozenPass, target: Target, present: Bool[Tensor, "b cell"]) -> list[float]:
    """The target's value in logits with only some cells present, once for each row of ``present``."""
    place = cell_weights(
        target, frozen.image_size, (frozen.logits.shape[-2], frozen.logits.shape[-1]), frozen.logits.dtype
    )
    direction = target.direction(frozen.class_names)
    q, start = {}, 0
    for x in frozen.levels:
        height, width = frozen.q[x].shape[-2:]
        mask = present[:, start : start + height * width].view(-1, 1, height, width)
        q[x] = frozen.q[x] * mask.to(frozen.q[x])
        start += height * width
    with full_precision(frozen.logits.device):
        logits = frozen.live(q).double().cpu()
    return torch.einsum("bcvu,c,vu->b", logits, direction, place.double().cpu()).tolist()


def _scale(ledger: ContextLedger) -> float:
    return float(sum(values.abs().sum() for values in ledger.maps.values()))


def _area(values: Sequence[float]) -> float:
    last = len(values) - 1
    return trapezoid_area([place / last for place in range(len(values))], values)


def _check(order: Tensor, cells: int) -> None:
    if sorted(order.tolist()) != list(range(cells)):
        raise ValueError(f"the order must name each of the head's {cells} cells once: make it with cell_order.")
