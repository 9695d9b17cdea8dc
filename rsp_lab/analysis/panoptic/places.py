"""Where one looks in a merged segmentation: a segment, or void and what it would have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from rsp_lab.analysis.comparison.disagreement import innermost
from rsp_lab.analysis.ledger.extent import Box, contributing_box
from rsp_lab.analysis.panoptic.fates import InstanceFate, StuffFate
from rsp_lab.analysis.panoptic.merge import Merged
from rsp_lab.analysis.targets.regions import label_regions
from rsp_lab.data.panoptic.categories import THINGS, VOID
from rsp_lab.shapes import checked_pixel
from rsp_lab.summary import Summarised

_LEAST_DETAIL = 0.25
"""Share of the image that a detail shows at least."""
Kind = Literal["stuff", "thing", "void"]


@dataclass(frozen=True, eq=False)
class Place(Summarised):
    """One segment, or void pixels that would have been one.

    Attributes:
        kind: what it is.
        segment: its id, :data:`~rsp_lab.data.panoptic.categories.VOID` of void.
        title: what a reader calls it: ``"road"``, ``"car 87 %"``, ``"void (sidewalk)"``.
        mask: its pixels. Of void: those that the semantic map calls the same; where that is things, which are no one
            segment, the connected ones alone.
        fate: its record; of void, that of the semantic class.
    """

    kind: Kind
    segment: int
    title: str
    mask: Bool[Tensor, "y x"]
    fate: InstanceFate | StuffFate

    @property
    def area(self) -> int:
        """Pixels."""
        return int(self.mask.sum())

    @property
    def class_name(self) -> str:
        """The semantic branch's class of it: stuff by its name, a thing is ``"things"``."""
        return THINGS if isinstance(self.fate, InstanceFate) else self.fate.name

    @property
    def detail(self) -> Box:
        """(top, left, bottom, right) of the part of the image with its pixels and as much around them."""
        return window_around([self.mask])

    @property
    def pixel(self) -> tuple[int, int]:
        """(y, x), the innermost one."""
        return innermost(self.mask.numpy(), 0, 0)


def window_around(masks: Sequence[Bool[Tensor, "y x"]]) -> Box:
    """The part of an image with some regions of it and as much around them, in the image's proportions.

    Args:
        masks: at least one, all of one image.
    """
    rows, columns = masks[0].shape
    centre_y, centre_x = masks[0].nonzero().double().mean(0).tolist()
    sizes = [mask.double() for mask in masks]
    return contributing_box(sizes, (rows, columns), (centre_y, centre_x), least=_LEAST_DETAIL, margin=2.0)


def place_at(merged: Merged, pixel: tuple[int, int]) -> Place:
    """What a pixel (y, x) lies in.

    Raises:
        ValueError: if it lies outside the image.
    """
    pixel = checked_pixel(pixel, merged.size)
    segment = int(merged.map.ids[pixel])
    if segment != VOID:
        return segment_place(merged, segment)
    label = int(merged.labels[pixel])
    void = (merged.map.ids == VOID) & (merged.labels == label)
    return _void(merged, label, label_regions(void.numpy()).around(pixel) if label == 0 else void)


def segment_place(merged: Merged, segment: int) -> Place:
    """A segment by its id.

    Raises:
        KeyError: for an id that no segment has.
    """
    fate = merged.fate(segment)
    kind: Kind = "thing" if isinstance(fate, InstanceFate) else "stuff"
    return Place(kind, segment, merged.title(segment), merged.map.ids == segment, fate)


def places(merged: Merged) -> tuple[Place, ...]:
    """All segments and all of void, the largest first."""
    found = [segment_place(merged, segment.id) for segment in merged.map.segments]
    for fate in merged.stuff:
        void = (merged.map.ids == VOID) & (merged.labels == fate.label)
        if fate.label:
            found += [_void(merged, fate.label, void)] if void.any() else []
            continue
        regions = label_regions(void.numpy())
        for region in regions:
            mask = torch.zeros_like(void)
            mask[region.slices] = torch.from_numpy(region.inside)
            found.append(_void(merged, 0, mask))
    return tuple(sorted(found, key=lambda place: -place.area))


def _void(merged: Merged, label: int, mask: Tensor) -> Place:
    fate = next(fate for fate in merged.stuff if fate.label == label)
    return Place("void", VOID, f"void ({fate.name})", mask, fate)
