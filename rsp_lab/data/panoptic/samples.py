"""What every panoptic data set answers, wherever its samples come from."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from rsp_lab.data.labels import ClassTable
from rsp_lab.data.panoptic.categories import PanopticTable
from rsp_lab.data.panoptic.entries import ImageEntry
from rsp_lab.data.panoptic.segments import SegmentMap
from rsp_lab.data.sample import SampleSet


@runtime_checkable
class PanopticSamples(SampleSet, Protocol):
    """Samples with instances, whose labels are those of the semantic branch.

    Attributes:
        panoptic: the categories.
        table: the classes of the semantic branch, ``panoptic.semantic``.
    """

    panoptic: PanopticTable
    table: ClassTable

    def segment_map(self, index: int, /) -> SegmentMap:
        """The true segmentation of the image at ``index``."""

    def image_entry(self, index: int, /) -> ImageEntry:
        """Number, file name and size of the image at ``index`` in files of COCO's layout."""

    def annotations(self, index: int, /) -> list[dict[str, Any]]:
        """The true things of the image at ``index`` as COCO's instance files have them, crowds among them."""
