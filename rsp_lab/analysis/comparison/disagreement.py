"""Where two models disagree: connected regions in which one says class A and the other class B, largest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Disagreement:
    """One connected region on which two label maps differ in one and the same way.

    Attributes:
        box: (top, left, bottom, right) in pixels, bottom and right exclusive.
        area: pixels.
        left, right: the class that each model gives the region.
        pixel: (y, x) of the region's innermost pixel, the one farthest from its border.
    """

    box: tuple[int, int, int, int]
    area: int
    left: str
    right: str
    pixel: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        return {
            "box": list(self.box),
            "area_pixels": self.area,
            "left": self.left,
            "right": self.right,
            "pixel": list(self.pixel),
        }


def disagreements(
    left: np.ndarray, right: np.ndarray, class_names: tuple[str, ...], *, most: int = 5, min_area: int = 30
) -> tuple[Disagreement, ...]:
    """The largest regions in which two label maps (y, x) differ.

    Args:
        left, right: train ids of the same classes.
        class_names: names of the train ids.
        most: regions at the most.
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
        if count < min_area or (len(found) >= most and count <= sorted(r.area for r in found)[-most]):
            break
        left_id, right_id = divmod(code, len(class_names))
        found += _regions(pairs == code, class_names[left_id], class_names[right_id], most)
    found = [region for region in found if region.area >= min_area]
    return tuple(sorted(found, key=lambda region: -region.area)[:most])


def _regions(mask: np.ndarray, left: str, right: str, most: int) -> list[Disagreement]:
    """The largest connected regions of one pair of classes."""
    regions, count = ndimage.label(mask)
    areas = np.bincount(regions.ravel(), minlength=count + 1)[1:]
    boxes = ndimage.find_objects(regions)
    found = []
    for index in np.argsort(-areas, kind="stable")[:most].tolist():
        rows, columns = boxes[index]
        inside = regions[rows, columns] == index + 1
        box = rows.start, columns.start, rows.stop, columns.stop
        found.append(Disagreement(box, int(areas[index]), left, right, innermost(inside, rows.start, columns.start)))
    return found


def innermost(mask: np.ndarray, top: int = 0, left: int = 0) -> tuple[int, int]:
    """(y, x) of the pixel of a mask that is farthest from its border; the mask begins at ``top`` and ``left``."""
    depth = ndimage.distance_transform_cdt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(y) + top, int(x) + left
