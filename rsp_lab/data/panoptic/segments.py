"""A panoptic segmentation of one image: every pixel in at most one segment, every segment with a category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int32
from torch import Tensor

from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.data.panoptic.categories import VOID, PanopticTable
from rsp_lab.data.sample import Instances
from rsp_lab.summary import Summarised

MOST_SEGMENTS = 1 << 24
"""Segment ids that three bytes of a PNG hold, void among them."""


@dataclass(frozen=True)
class Segment:
    """A segment of a panoptic segmentation.

    Attributes:
        id: of its pixels, 1 to 2**24 - 1.
        category_id: of its table.
        is_crowd: whether it stands for several instances that nobody told apart.
    """

    id: int
    category_id: int
    is_crowd: bool = False


@dataclass(frozen=True, eq=False)
class SegmentMap(Summarised):
    """A panoptic segmentation.

    Attributes:
        ids: int32 [y, x], the segment of each pixel, :data:`~rsp_lab.data.panoptic.categories.VOID` where none.
        segments: of different ids, each with at least one pixel.
    """

    ids: Int32[Tensor, "y x"]
    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if self.ids.dtype != torch.int32 or self.ids.ndim != 2:
            raise ValueError(f"ids must be int32 [y, x], got {self.ids.dtype} {list(self.ids.shape)}.")
        named = [segment.id for segment in self.segments]
        if len(set(named)) < len(named) or any(not 0 < number < MOST_SEGMENTS for number in named):
            raise ValueError(f"segment ids must differ and lie between 1 and {MOST_SEGMENTS - 1}.")
        there = set(counted(self.ids.numpy())) - {VOID}
        wrong = [
            f"segments {sorted(numbers)[:8]} {what}"
            for numbers, what in (
                (there - set(named), "have pixels but no entry"),
                (set(named) - there, "have an entry but no pixel"),
            )
            if numbers
        ]
        if wrong:
            raise ValueError(f"{'; '.join(wrong)}. Give each segment one entry, and each entry its pixels.")

    @property
    def areas(self) -> dict[int, int]:
        """Pixels of each segment by its id."""
        found = counted(self.ids.numpy())
        return {segment.id: found[segment.id] for segment in self.segments}

    def semantic(self, table: PanopticTable) -> Tensor:
        """The semantic branch's label map, uint8 [y, x]: things 0, stuff from 1, 255 where void.

        Raises:
            ValueError: for a category that the table does not have.
        """
        numbers = np.array([VOID, *(segment.id for segment in self.segments)])
        classes = np.array(
            [IGNORE_INDEX, *(table.semantic_class(s.category_id) for s in self.segments)], dtype=np.uint8
        )
        order = np.argsort(numbers)
        places = np.searchsorted(numbers[order], self.ids.numpy())
        return torch.from_numpy(classes[order][places])

    def instances(self, table: PanopticTable) -> Instances:
        """Its things but for crowds, in the order of the segments."""
        place = {category.id: number for number, category in enumerate(table.things)}
        things = [s for s in self.segments if s.category_id in place and not s.is_crowd]
        return stacked_instances(
            [self.ids == segment.id for segment in things],
            [place[segment.category_id] for segment in things],
            (self.ids.shape[0], self.ids.shape[1]),
        )


def counted(ids: np.ndarray) -> dict[int, int]:
    """How many pixels have each id, ids rising. Long runs of one id are sorted as one, which saves most of the time."""
    flat = ids.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=flat[0] ^ 1) if flat.size else flat)
    numbers, places = np.unique(flat[starts], return_inverse=True)
    pixels = np.bincount(places, weights=np.diff(starts, append=flat.size)).astype(np.int64)
    return dict(zip(numbers.tolist(), pixels.tolist(), strict=True))


def stacked_instances(masks: Sequence[Tensor], classes: Sequence[int], size: tuple[int, int]) -> Instances:
    """Instances from a mask [y, x] and a class each; none for empty lists.

    Args:
        masks: bool [y, x] each.
        classes: places in a table's things.
        size: rows and columns.
    """
    stacked = torch.stack(list(masks)) if masks else torch.zeros((0, *size), dtype=torch.bool)
    return Instances(stacked, torch.tensor(list(classes), dtype=torch.int64))
