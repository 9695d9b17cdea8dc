"""Masks of COCO's instance files: polygons and run lengths, column by column."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from rsp_lab.data.panoptic.categories import PanopticTable
from rsp_lab.data.panoptic.files import described
from rsp_lab.data.panoptic.segments import SegmentMap


def run_lengths(mask: Bool[Tensor, "y x"]) -> dict[str, Any]:
    """A mask as COCO's run lengths: those of the pixels column by column, the first of them outside."""
    column_major = mask.numpy().T.ravel()
    edges = np.flatnonzero(column_major[1:] != column_major[:-1]) + 1
    counts = np.diff([0, *edges, column_major.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if column_major[0] else counts}


def compressed(mask: Bool[Tensor, "y x"]) -> dict[str, Any]:
    """A mask as COCO's compressed run lengths, whose counts are a text.

    Raises:
        ImportError: without hotcoco; the message says what to install.
    """
    found = _coco_masks().frPyObjects(run_lengths(mask), *mask.shape)
    counts = found["counts"]
    return {"size": list(mask.shape), "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}


def decoded_mask(segmentation: Any, size: tuple[int, int]) -> Bool[Tensor, "y x"]:
    """The mask of a ``segmentation`` entry: polygons drawn as COCO's own tools draw them, or run lengths.

    Raises:
        ValueError: if it is neither, or does not fit the size.
        ImportError: without hotcoco; the message says what to install.
    """
    masks = _coco_masks()
    if isinstance(segmentation, list) and segmentation:
        if not all(isinstance(one, list) and len(one) >= 6 and len(one) % 2 == 0 for one in segmentation):
            raise ValueError("has a polygon that is not pairs of numbers, three at least")
    elif not isinstance(segmentation, dict):
        raise ValueError("has a 'segmentation' that is neither polygons nor run lengths")
    elif segmentation.get("size") != list(size):
        raise ValueError(f"has run lengths of the size {segmentation.get('size')}, its image has {list(size)}")
    try:
        runs = masks.frPyObjects(segmentation, *size)
        pixels = masks.decode(masks.merge(runs) if isinstance(runs, list) else runs)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"has a 'segmentation' that cannot be read ({error})") from None
    return torch.from_numpy(np.ascontiguousarray(pixels)).bool()


def thing_annotations(segments: SegmentMap, table: PanopticTable, image_id: int) -> list[dict[str, Any]]:
    """The things of a map as COCO's instance files have them, crowds among them; without numbers of their own.

    Their order is that of the segments, and so is that of :meth:`SegmentMap.instances`, which has no crowds.
    """
    return [
        {
            "image_id": image_id,
            "category_id": entry.category_id,
            "iscrowd": int(entry.is_crowd),
            "area": entry.area,
            "bbox": list(entry.box or ()),
            "segmentation": run_lengths(segments.ids == entry.id),
        }
        for entry in described(segments)
        if table.by_id[entry.category_id].is_thing
    ]


def _coco_masks() -> Any:
    try:
        from hotcoco import mask
    except ImportError as error:
        raise ImportError("masks of COCO's instance files need hotcoco: pip install hotcoco.") from error
    return mask
