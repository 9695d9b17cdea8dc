"""What classes take from each other in one image: target class by source class by level.

The target is the mean, over the pixels of a class, of its logit minus the mean logit of all classes, which is what
softmax sees of a single class. Its ledger is split by what lies where contributions come from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rsp_lab.analysis.ledger.footprint import FOOTPRINT_RULE
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.zones import zone_contributions
from rsp_lab.data.labels import IGNORE_INDEX, checked_labels
from rsp_lab.models.segmenter import resize_logits
from rsp_lab.relations.precision import full_precision
from rsp_lab.summary import Summarised

TRADE_RULE = (
    "logit of the target class minus the mean logit of all classes, mean over the pixels of the class; each cell's "
    f"contribution split by what lies under it ({FOOTPRINT_RULE})"
)


@dataclass(frozen=True, eq=False)
class ImageTrade(Summarised):
    """One model on one image, by the classes that occur in it. Bias and values of a target sum to its total.

    Attributes:
        levels: of the head, lowest first.
        present: (target), whether the class occurs.
        pixels: (target), of the class.
        values: (target, level, source), in logits; 0 for absent targets. Sources are the classes, then what has none.
        bias, total: (target), in logits; 0 for absent targets.
        residual: the largest of the targets', by :data:`rsp_lab.analysis.ledger.ledger.RESIDUAL_RULE`.
    """

    levels: tuple[int, ...]
    present: np.ndarray
    pixels: np.ndarray
    values: np.ndarray
    bias: np.ndarray
    total: np.ndarray
    residual: float


def image_trade(frozen: FrozenPass, labels: Int[Tensor, "y x"]) -> ImageTrade:
    """The ledgers of all class zones of an image, by :func:`~rsp_lab.analysis.ledger.zones.zone_contributions`.

    Args:
        frozen: a model on the image.
        labels: train ids of the model's classes, 255 where nothing is known.

    Raises:
        ValueError: for labels that :func:`~rsp_lab.data.labels.checked_labels` refuses.
        LedgerError: if a ledger does not add up.
    """
    classes = len(frozen.class_names)
    ids = checked_labels(labels, frozen.class_names, frozen.image_size)
    kinds = ids.masked_fill(ids == IGNORE_INDEX, classes)
    pixels = torch.bincount(kinds.flatten(), minlength=classes + 1)
    present, sources = pixels[:classes].nonzero()[:, 0], pixels.nonzero()[:, 0]
    values = np.zeros((classes, len(frozen.levels), classes + 1))
    bias, total, residual = np.zeros(classes), np.zeros(classes), 0.0
    # An array: a tensor of one class would be taken for a number.
    known = present.numpy()
    if len(present):
        with torch.inference_mode(False):
            # In inference mode it would be of no use to autograd.
            masks = (kinds == sources[:, None, None]).to(frozen.logits.dtype)
        places = _at_logits(masks[: len(present)], frozen) / pixels[present, None, None]
        directions = torch.eye(classes, dtype=torch.float64)[present] - 1 / classes
        found = zone_contributions(frozen, places, directions)
        shares = areas_under_cells(masks, [tuple(found.maps[x].shape[1:]) for x in frozen.levels])
        for number, (x, area) in enumerate(zip(frozen.levels, shares, strict=True)):
            table = found.maps[x].flatten(1) @ area.flatten(1).T
            values[known[:, None], number, sources.numpy()] = table.numpy()
        bias[known], total[known], residual = found.bias.numpy(), found.total.numpy(), found.residual
    counts = pixels[:classes].numpy()
    return ImageTrade(frozen.levels, counts > 0, counts, values, bias, total, residual)


def _at_logits(masks: Float[Tensor, "t y x"], frozen: FrozenPass) -> Float[Tensor, "t v u"]:
    """Adjoint of the logits' resizing (:func:`rsp_lab.analysis.targets.target.cell_weights`), for many at once."""
    with full_precision(masks.device, grad=True):
        coarse = masks.new_zeros(1, len(masks), *frozen.logits.shape[-2:], requires_grad=True)
        (gradient,) = torch.autograd.grad(resize_logits(coarse, frozen.image_size), coarse, masks[None])
    return gradient[0]


def areas_under_cells(masks: Float[Tensor, "s y x"], grids: list[tuple[int, ...]]) -> list[Float[Tensor, "s _ _"]]:
    """Share of each cell's area that each mask covers, for several grids (v, u) of cells over the image; float64.

    A cell is the rectangle of :func:`rsp_lab.analysis.ledger.footprint.footprint_shares`; its area is a difference of
    running sums, which all grids share along the rows: far less work than a product with the matrix of shares.
    """
    down = _running(masks, 1)
    found = []
    for rows, columns in grids:
        strips = _between(down, rows, 1)
        found.append(_between(_running(strips, 2), columns, 2) * (rows * columns / masks[0].numel()))
    return found


def _running(values: Tensor, axis: int) -> Tensor:
    """Sums of all that lies before each pixel edge, from 0 on."""
    zero = torch.zeros_like(values.narrow(axis, 0, 1))
    return torch.cat([zero, values.cumsum(axis)], axis)


def _between(running: Tensor, cells: int, axis: int) -> Tensor:
    """What lies between the edges of evenly spread cells, in float64; an edge within a pixel cuts it.

    Running sums of a mask are whole numbers, exact in any precision; their fractions and differences are not.
    """
    pixels = running.shape[axis] - 1
    edges = torch.arange(cells + 1, dtype=torch.float64) * pixels / cells
    before = edges.floor().long().clamp(max=pixels - 1)
    share = (edges - before).view(-1, *[1] * (running.ndim - 1 - axis))
    low, high = (running.index_select(axis, places).double() for places in (before, before + 1))
    return torch.lerp(low, high, share).diff(dim=axis)
