"""A small data set in COCO's layout whose every part is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from rsp_lab.data.panoptic.categories import COCO_PANOPTIC
from rsp_lab.data.panoptic.coco import split_paths
from rsp_lab.data.panoptic.entries import ImageEntry
from rsp_lab.data.panoptic.files import write_into
from rsp_lab.data.panoptic.instance_files import write_instances_into
from rsp_lab.data.panoptic.masks import thing_annotations
from rsp_lab.data.panoptic.segments import Segment, SegmentMap

PERSON, DOG, SEA = 1, 18, 155
SIZES = ((12, 17), (9, 20), (14, 11))
"""Rows and columns of the pictures; the second has neither things nor stuff."""
NUMBERS = (139, 285, 632)


def segment_maps() -> list[SegmentMap]:
    """A person before the sea, nothing, and a dog in a crowd of persons."""
    first = torch.zeros(SIZES[0], dtype=torch.int32)
    first[4:] = 70_000
    first[6:9, 2:5] = 300
    third = torch.zeros(SIZES[2], dtype=torch.int32)
    third[:7] = 5
    third[9:12, 3:9] = 6
    return [
        SegmentMap(first, (Segment(70_000, SEA), Segment(300, PERSON))),
        SegmentMap(torch.zeros(SIZES[1], dtype=torch.int32), ()),
        SegmentMap(third, (Segment(5, PERSON, is_crowd=True), Segment(6, DOG))),
    ]


POLYGON = [1.0, 5.0, 6.0, 5.0, 6.0, 9.0, 1.0, 9.0]
"""Of a dog beside the person, over whom it reaches: rows 5 to 8, columns 1 to 5, in the instance file alone."""


def write_small_coco(root: Path, split: str = "val") -> None:
    """Writes it; pictures are JPEG."""
    paths = split_paths(root, split)
    paths.images.mkdir(parents=True)
    rng = np.random.default_rng(0)
    entries = [ImageEntry(n, f"{n:012d}.jpg", size) for n, size in zip(NUMBERS, SIZES, strict=True)]
    for entry in entries:
        Image.fromarray(rng.integers(0, 256, (*entry.size, 3), dtype=np.uint8)).save(paths.images / entry.file_name)
    maps = list(zip(entries, segment_maps(), strict=True))
    write_into(paths.panoptic, maps, COCO_PANOPTIC)
    things = [(entry, thing_annotations(segments, COCO_PANOPTIC, entry.id)) for entry, segments in maps]
    overlapping: dict[str, Any] = {
        "image_id": NUMBERS[0],
        "category_id": DOG,
        "iscrowd": 0,
        "area": 20.0,
        "bbox": [1, 5, 5, 4],
        "segmentation": [POLYGON],
    }
    things[0][1].append(overlapping)
    write_instances_into(paths.instances, things[::-1], COCO_PANOPTIC)
