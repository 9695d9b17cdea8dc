"""Connected regions on which two models part, with how far they are apart there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from rsp_lab.analysis.ledger.frozen import FrozenHead
from rsp_lab.models.segmenter import resize_logits


def checked_labels(labels: Tensor, size: tuple[int, int], classes: int) -> Tensor:
    """Labels (y, x) as int64, ids without a class as ``classes + 1``; raises ValueError for another size."""
    ids = torch.as_tensor(labels).cpu().long()
    if tuple(ids.shape) != size:
        raise ValueError(f"the labels are {tuple(ids.shape)}, the image {size}: resize them with nearest neighbour.")
    # The id after the classes names the region itself: what has no class must have another one.
    return torch.where((ids >= 0) & (ids < classes), ids, classes + 1)


class FlipRegion(NamedTuple):
    """A connected region on which the left model says one class and the right one another.

    Attributes:
        score: pixels times the mean of both margins, see :data:`rsp_lab.analysis.comparison.flips.RANK_RULE`.
        ids: of the left and the right model's class.
        box: rows and columns.
        inside: (y, x) of the box.
    """

    score: float
    ids: tuple[int, int]
    box: tuple[slice, ...]
    inside: np.ndarray


def flip_regions(heads: Sequence[FrozenHead], says: Sequence[Tensor], least: int) -> list[FlipRegion]:
    """All regions of ``least`` pixels or more, by class pair; ``says`` are both models' labels (y, x)."""
    left, right = says
    found = []
    classes = len(heads[0].class_names)
    for code in (left * classes + right)[left != right].unique().tolist():
        pair = divmod(code, classes)
        regions, _ = ndimage.label(((left == pair[0]) & (right == pair[1])).numpy())
        areas = np.bincount(regions.ravel())
        kept = [index for index in range(1, len(areas)) if areas[index] >= max(least, 1)]
        if not kept:
            continue
        ours, theirs = (resize_logits(h.logits[:, pair], h.image_size)[0].double().cpu() for h in heads)
        gap = (ours[0] - ours[1]) + (theirs[1] - theirs[0])
        boxes = ndimage.find_objects(regions)
        for index, total in zip(kept, ndimage.sum_labels(gap.numpy(), regions, kept).tolist(), strict=True):
            found.append(FlipRegion(total / 2, pair, boxes[index - 1], regions[boxes[index - 1]] == index))
    return found
