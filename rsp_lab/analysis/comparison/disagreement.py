"""Where two models disagree: connected regions in which one says class A and the other class B, largest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Integer
from scipy import ndimage
from torch import Tensor

from rsp_lab.analysis.targets.regions import Box, Region, label_regions
from rsp_lab.data.labels import IGNORE_INDEX, checked_labels
from rsp_lab.summary import Summarised
from rsp_lab.text import rounded


@dataclass(frozen=True, eq=False)
class Disagreement(Summarised):
    """One connected region on which two label maps differ in one and the same way.

    Attributes:
        left, right: the class that each model gives the region.
        region: where it lies.
    """

    left: str
    right: str
    region: Region

    @property
    def box(self) -> Box:
        """(top, left, bottom, right) in pixels, bottom and right exclusive."""
        return self.region.box

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.region.area

    @cached_property
    def pixel(self) -> tuple[int, int]:
        """(y, x) of the region's innermost pixel, the one farthest from its border."""
        return innermost(self.region.inside, self.box[0], self.box[1])

    def mask(self, size: tuple[int, int]) -> Bool[Tensor, "y x"]:
        """The region's pixels on an image of ``size`` (y, x)."""
        mask = torch.zeros(size, dtype=torch.bool)
        mask[self.region.slices] = torch.from_numpy(self.region.inside)
        return mask

    def to_dict(self) -> dict[str, Any]:
        return {
            "box": list(self.box),
            "area_pixels": self.area,
            "left": self.left,
            "right": self.right,
            "pixel": list(self.pixel),
        }


@dataclass(frozen=True, eq=False)
class LabelDifference(Summarised):
    """How far two label maps of one image differ, whatever the pixel that is looked at.

    Attributes:
        regions: the largest that are labelled differently.
        share: of the image's pixels with different labels.
    """

    regions: tuple[Disagreement, ...]
    share: float

    def to_dict(self) -> dict[str, Any]:
        return {"share": rounded(self.share, 5), "regions": [region.to_dict() for region in self.regions]}


def label_difference(
    left: Integer[np.ndarray, "y x"], right: Integer[np.ndarray, "y x"], class_names: tuple[str, ...]
) -> LabelDifference:
    """Where two label maps differ, and on how much of the image.

    Raises:
        ValueError: if the maps differ in size.
    """
    return LabelDifference(disagreements(left, right, class_names), float((left != right).mean()))


def verdict_pixels(
    left: Integer[np.ndarray, "y x"],
    right: Integer[np.ndarray, "y x"],
    class_names: Sequence[str],
    *,
    truth: Tensor | np.ndarray | None = None,
) -> dict[str | None, int]:
    """Number of pixels that two models label differently, by who is right there.

    Args:
        left, right: train ids of the models.
        class_names: names of the train ids.
        truth: true train ids, :data:`~rsp_lab.data.labels.IGNORE_INDEX` where unknown; None where nothing is known.

    Returns:
        ``"better"`` where the right model is right, ``"worse"`` where the left one is, ``"neither"``, and None where
        the truth is not known, as :attr:`rsp_lab.analysis.comparison.flips.FlipStory.verdict`.

    Raises:
        ValueError: for a truth of another size or with ids that are no train ids.
    """
    apart = left != right
    if truth is None:
        return {"better": 0, "worse": 0, "neither": 0, None: int(apart.sum())}
    given = checked_labels(truth, class_names, left.shape, "the true labels").numpy()
    known = apart & (given != IGNORE_INDEX)
    better, worse = known & (right == given), known & (left == given)
    counts = {"better": better, "worse": worse, "neither": known & ~better & ~worse, None: apart & ~known}
    return {verdict: int(mask.sum()) for verdict, mask in counts.items()}


def disagreements(
    left: Integer[np.ndarray, "y x"],
    right: Integer[np.ndarray, "y x"],
    class_names: tuple[str, ...],
    *,
    most: int | None = 5,
    min_area: int = 30,
) -> tuple[Disagreement, ...]:
    """The largest regions in which two label maps differ.

    Args:
        left, right: train ids of the same classes.
        class_names: names of the train ids.
        most: regions at the most; None takes all.
        min_area: smaller regions, in pixels, are left out: they are mostly boundary jitter.

    Raises:
        ValueError: if the maps differ in size.
    """
    if left.shape != right.shape:
        raise ValueError(f"label maps of {left.shape} and {right.shape} cannot be compared: run both on one image.")
    pairs = np.where(left != right, left.astype(np.int32) * len(class_names) + right, -1)
    codes, counts = np.unique(pairs[pairs >= 0], return_counts=True)
    found: list[Disagreement] = []
    # A region is no larger than its pair of classes: the frequent pairs hold the largest regions.
    for code, count in sorted(zip(codes.tolist(), counts.tolist(), strict=True), key=lambda c: -c[1]):
        enough = most is not None and len(found) >= most and count <= sorted(r.area for r in found)[-most]
        if count < min_area or enough:
            break
        ours, theirs = (class_names[index] for index in divmod(code, len(class_names)))
        for region in islice(label_regions(pairs == code), most):
            if region.area < min_area:
                break
            found.append(Disagreement(ours, theirs, region))
    return tuple(sorted(found, key=lambda region: -region.area)[:most])


def innermost(mask: np.ndarray, top: int = 0, left: int = 0) -> tuple[int, int]:
    """(y, x) of the pixel of a mask that is farthest from its border; the mask begins at ``top`` and ``left``."""
    depth = ndimage.distance_transform_cdt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(y) + top, int(x) + left
