"""Regions of label maps: connected regions of one label, and regions to ask about as :class:`RegionTarget`.

Label maps are (y, x) of the image's size, tensors or arrays of train ids: a model's prediction or the ground truth.
What is connected hangs together through shared edges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int64, Integer
from scipy import ndimage
from torch import Tensor

from rsp_lab.analysis.targets.target import RegionTarget, class_index
from rsp_lab.data.labels import IGNORE_INDEX, checked_labels
from rsp_lab.shapes import checked_pixel
from rsp_lab.summary import Summarised

LabelMap = Tensor | np.ndarray
Box = tuple[int, int, int, int]
REST = "the rest"


class Region(NamedTuple):
    """One connected region of a mask.

    Attributes:
        box: (top, left, bottom, right) in pixels, bottom and right exclusive.
        inside: which pixels of the box are the region's.
        area: pixels.
    """

    box: Box
    inside: Bool[np.ndarray, "y x"]
    area: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the box."""
        top, left, bottom, right = self.box
        return slice(top, bottom), slice(left, right)


@dataclass(frozen=True, eq=False)
class LabelledRegions(Summarised):
    """The connected regions of a mask; iterating gives them one by one, the largest first.

    Attributes:
        numbers: (y, x), 1 and up by region, 0 off the mask.
    """

    numbers: Integer[np.ndarray, "y x"]

    def around(self, pixel: tuple[int, int]) -> Bool[Tensor, "y x"]:
        """The region that holds a pixel (y, x) of the mask."""
        return torch.from_numpy(self.numbers == self.numbers[pixel])

    def __iter__(self) -> Iterator[Region]:
        areas = np.bincount(self.numbers.ravel())[1:]
        boxes = ndimage.find_objects(self.numbers)
        for index in np.argsort(-areas, kind="stable").tolist():
            rows, columns = boxes[index]
            box = rows.start, columns.start, rows.stop, columns.stop
            yield Region(box, self.numbers[rows, columns] == index + 1, int(areas[index]))


def label_regions(mask: Bool[np.ndarray, "y x"]) -> LabelledRegions:
    """The connected regions of the pixels that a mask marks."""
    numbers, _ = ndimage.label(mask)
    return LabelledRegions(numbers)


def connected_regions(
    labels: LabelMap, class_names: Sequence[str], *, least: int = 1
) -> tuple[Int64[Tensor, "y x"], dict[int, str]]:
    """A label map cut into connected regions: the number of each pixel's region, and their names, e.g. ``"car 2"``.

    Within a class the largest region is the first.

    Args:
        labels: train ids; 255 counts as ``"unlabelled"``.
        class_names: in the order of the ids.
        least: regions of fewer pixels are put together as :data:`REST`.

    Raises:
        ValueError: for labels that :func:`~rsp_lab.data.labels.checked_labels` refuses.
    """
    ids = _array(labels, class_names)
    numbers = np.zeros(ids.shape, dtype=np.int64)
    names: dict[int, str] = {}
    for label in np.unique(ids).tolist():
        name = class_names[label] if 0 <= label < len(class_names) else "unlabelled"
        for place, region in enumerate(label_regions(ids == label), 1):
            if region.area < least:
                break
            names[len(names) + 1] = f"{name} {place}"
            numbers[region.slices][region.inside] = len(names)
    if not numbers.all():
        names[0] = REST
    return torch.from_numpy(numbers), names


def whole_image(
    size: tuple[int, int], class_name: str | None = None, rival: str | None = None, *, plain_logit: bool = False
) -> RegionTarget:
    """All pixels of an image of ``size`` (y, x); class, rival and plain logit as in :class:`RegionTarget`."""
    mask = torch.ones(size, dtype=torch.bool)
    return RegionTarget(mask, class_name, rival, name="the whole image", plain_logit=plain_logit)


def connected_region(
    labels: LabelMap,
    pixel: tuple[int, int],
    class_name: str | None = None,
    rival: str | None = None,
    *,
    plain_logit: bool = False,
) -> RegionTarget:
    """The pixels of one label that hang together with ``pixel`` (y, x), through shared edges.

    Args:
        labels: label map.
        pixel: a pixel of the region.
        class_name: whose logit is explained; it need not be the label.
        rival, plain_logit: see :class:`RegionTarget`.

    Raises:
        ValueError: if the pixel lies outside the label map.
    """
    ids = _array(labels, None)
    pixel = checked_pixel(pixel, (ids.shape[0], ids.shape[1]))
    mask = label_regions(ids == ids[pixel]).around(pixel)
    name = f"the region around y {pixel[0]}, x {pixel[1]}"
    return RegionTarget(mask, class_name, rival, name=name, plain_logit=plain_logit)


def flipped_region(
    left: LabelMap,
    right: LabelMap,
    pixel: tuple[int, int],
    class_names: Sequence[str],
    class_name: str | None = None,
    rival: str | None = None,
) -> RegionTarget:
    """The connected pixels around ``pixel`` (y, x) on which two models part in the same way as there.

    Args:
        left, right: labels of the two models.
        pixel: a pixel on which they differ.
        class_names: in the order of the train ids.
        class_name: whose logit is explained; default: the right model's class.
        rival: class whose logit is subtracted; default: the left model's class.

    Raises:
        ValueError: if the label maps differ in size, the pixel lies outside them, or both models say the same there, or
            one of them nothing.
    """
    ours, theirs = _array(left, class_names), _array(right, class_names)
    if ours.shape != theirs.shape:
        raise ValueError(f"the label maps are {ours.shape} and {theirs.shape}: give two of one image.")
    y, x = pixel = checked_pixel(pixel, (ours.shape[0], ours.shape[1]))
    if IGNORE_INDEX in (ours[pixel], theirs[pixel]):
        raise ValueError(
            f"y {y}, x {x} is unlabelled in one of the label maps: take a pixel on which both say a class."
        )
    if ours[pixel] == theirs[pixel]:
        raise ValueError(
            f"both models say {class_names[int(ours[pixel])]} at y {y}, x {x}: there is no flip. Take a pixel on which "
            "they differ."
        )
    mask = label_regions((ours == ours[pixel]) & (theirs == theirs[pixel])).around(pixel)
    own, other = class_names[int(theirs[pixel])], class_names[int(ours[pixel])]
    return RegionTarget(mask, class_name or own, rival or other, name=f"the flip around y {y}, x {x}")


def class_zone(
    labels: LabelMap,
    zone: str,
    class_names: Sequence[str],
    class_name: str | None = None,
    rival: str | None = None,
    *,
    plain_logit: bool = False,
) -> RegionTarget:
    """All pixels labelled ``zone``; the class explained is ``class_name``, or ``zone`` itself.

    Rival and plain logit are as in :class:`RegionTarget`.

    Raises:
        ValueError: if the class does not exist or no pixel has it.
    """
    mask = _pixels_of(_array(labels, class_names), zone, class_names)
    name = f"the pixels labelled {zone}"
    return RegionTarget(torch.from_numpy(mask), class_name or zone, rival, name=name, plain_logit=plain_logit)


def class_border(
    labels: LabelMap,
    zone: str,
    other: str,
    class_names: Sequence[str],
    *,
    within: float = 8,
    class_name: str | None = None,
    rival: str | None = None,
    plain_logit: bool = False,
) -> RegionTarget:
    """Pixels labelled ``zone`` whose centre lies at most ``within`` pixels from the centre of one labelled ``other``.

    Args:
        labels: label map.
        zone, other: class names; the region lies on the side of ``zone``.
        class_names: in the order of the train ids.
        within: Euclidean distance in pixels; 1 gives the pixels that share an edge with ``other``.
        class_name: whose logit is explained; default ``zone``.
        rival, plain_logit: see :class:`RegionTarget`; the rival ``other`` asks what decides between the two.

    Raises:
        ValueError: if a class does not exist, one of the two has no pixel, or they come nowhere that near.
    """
    if zone == other:
        raise ValueError(f"a border lies between two classes, got {zone!r} twice: name another one.")
    ids = _array(labels, class_names)
    inside, beyond = _pixels_of(ids, zone, class_names), _pixels_of(ids, other, class_names)
    distance = ndimage.distance_transform_edt(~beyond)
    mask = inside & (distance <= within)
    if not mask.any():
        nearest = float(distance[inside].min())
        raise ValueError(
            f"no pixel labelled {zone} lies within {within:g} pixels of {other}; the nearest one is {nearest:.1f} "
            "pixels away: give a larger distance."
        )
    name = f"{zone} within {within:g} pixels of {other}"
    return RegionTarget(torch.from_numpy(mask), class_name or zone, rival, name=name, plain_logit=plain_logit)


def _array(labels: LabelMap, classes: Sequence[str] | None) -> np.ndarray:
    ids: np.ndarray = checked_labels(labels, classes).numpy()
    if ids.ndim != 2:
        raise ValueError(f"a label map has the axes y x, got the shape {ids.shape}.")
    return ids


def _pixels_of(ids: np.ndarray, name: str, class_names: Sequence[str]) -> np.ndarray:
    mask: np.ndarray = ids == class_index(name, class_names)
    if not mask.any():
        present = [class_names[i] for i in np.unique(ids).tolist() if 0 <= i < len(class_names)]
        raise ValueError(f"no pixel is labelled {name}; this label map has {', '.join(present) or 'no class at all'}.")
    return mask
