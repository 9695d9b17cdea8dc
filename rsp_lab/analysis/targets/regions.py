"""Regions to ask about, cut out of a label map: each function returns a :class:`RegionTarget`.

Label maps are (y, x) of the image's size, tensors or arrays of train ids: a model's prediction or the ground truth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from rsp_lab.analysis.targets.target import RegionTarget, class_index
from rsp_lab.shapes import check_pixel

LabelMap = Tensor | np.ndarray


def whole_image(size: tuple[int, int], class_name: str | None, rival: str | None = None) -> RegionTarget:
    """All pixels of an image of ``size`` (y, x)."""
    return RegionTarget(torch.ones(size, dtype=torch.bool), class_name, rival, name="the whole image")


def connected_region(
    labels: LabelMap, pixel: tuple[int, int], class_name: str | None = None, rival: str | None = None
) -> RegionTarget:
    """The pixels of one label that hang together with ``pixel`` (y, x), through shared edges.

    Args:
        labels: label map.
        pixel: a pixel of the region.
        class_name: whose logit is explained; it need not be the label. None leaves it open.
        rival: see :class:`RegionTarget`.

    Raises:
        ValueError: if the pixel lies outside the label map.
    """
    ids = _array(labels)
    check_pixel(pixel, (ids.shape[0], ids.shape[1]))
    components, _ = ndimage.label(ids == ids[pixel])
    mask = torch.from_numpy(components == components[pixel])
    return RegionTarget(mask, class_name, rival, name=f"the region around ({pixel[0]}, {pixel[1]})")


def class_zone(
    labels: LabelMap,
    zone: str,
    class_names: Sequence[str],
    class_name: str | None = None,
    rival: str | None = None,
) -> RegionTarget:
    """All pixels labelled ``zone``; the logit explained is that of ``class_name``, or of ``zone`` itself.

    Raises:
        ValueError: if the class does not exist or no pixel has it.
    """
    mask = _pixels_of(_array(labels), zone, class_names)
    return RegionTarget(torch.from_numpy(mask), class_name or zone, rival, name=f"the pixels labelled {zone}")


def class_border(
    labels: LabelMap,
    zone: str,
    other: str,
    class_names: Sequence[str],
    *,
    within: float = 8,
    class_name: str | None = None,
    rival: str | None = None,
) -> RegionTarget:
    """Pixels labelled ``zone`` whose centre lies at most ``within`` pixels from the centre of one labelled ``other``.

    Args:
        labels: label map.
        zone, other: class names; the region lies on the side of ``zone``.
        class_names: in the order of the train ids.
        within: Euclidean distance in pixels; 1 gives the pixels that share an edge with ``other``.
        class_name: whose logit is explained; default ``zone``.
        rival: see :class:`RegionTarget`; None subtracts nothing, ``other`` asks what decides between the two.

    Raises:
        ValueError: if a class does not exist, one of the two has no pixel, or they come nowhere that near.
    """
    if zone == other:
        raise ValueError(f"a border lies between two classes, got {zone!r} twice: name another one.")
    ids = _array(labels)
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
    return RegionTarget(torch.from_numpy(mask), class_name or zone, rival, name=name)


def _array(labels: LabelMap) -> np.ndarray:
    ids = labels.cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"a label map has the axes y x and integer ids, got {ids.dtype} of shape {ids.shape}.")
    return ids


def _pixels_of(ids: np.ndarray, name: str, class_names: Sequence[str]) -> np.ndarray:
    mask: np.ndarray = ids == class_index(name, class_names)
    if not mask.any():
        present = [class_names[i] for i in np.unique(ids).tolist() if 0 <= i < len(class_names)]
        raise ValueError(f"no pixel is labelled {name}; this label map has {', '.join(present) or 'no class at all'}.")
    return mask
