"""A segmentation painted over its photograph: stuff in its class's colour, instances in shades of theirs, void grey."""

from __future__ import annotations

from collections import Counter

import numpy as np
from jaxtyping import UInt8

from rsp_lab.data.labels import Colour
from rsp_lab.data.panoptic.categories import VOID, PanopticTable
from rsp_lab.data.panoptic.segments import SegmentMap
from rsp_lab.palette import VOID_COLOUR, instance_shade

STUFF_OPACITY, THING_OPACITY, VOID_OPACITY = 0.55, 0.68, 0.8
"""Of what is laid over the photograph."""


def segment_colours(segments: SegmentMap, table: PanopticTable) -> dict[int, Colour]:
    """RGB of each segment by its id, of void too; instances of a class get its shades in the order of the segments."""
    colours: dict[int, Colour] = {VOID: VOID_COLOUR}
    seen: Counter[int] = Counter()
    for segment in segments.segments:
        category = table.by_id[segment.category_id]
        colours[segment.id] = category.colour
        if category.is_thing:
            colours[segment.id] = instance_shade(category.colour, seen[category.id])
            seen[category.id] += 1
    return colours


def painted(
    photo: UInt8[np.ndarray, "y x 3"], segments: SegmentMap, table: PanopticTable
) -> UInt8[np.ndarray, "y x 3"]:
    """The photograph with every segment's colour laid over it.

    Raises:
        ValueError: if the two are not of one size, or for a category that the table does not have.
    """
    ids = segments.ids.numpy()
    if photo.shape[:2] != ids.shape:
        raise ValueError(f"the photograph has {photo.shape[:2]} pixels, the segmentation {ids.shape}: give one image.")
    table.check_ids(segment.category_id for segment in segments.segments)
    things = {segment.id for segment in segments.segments if table.by_id[segment.category_id].is_thing}
    picture = photo.astype(np.float64)
    for segment, colour in segment_colours(segments, table).items():
        opacity = VOID_OPACITY if segment == VOID else THING_OPACITY if segment in things else STUFF_OPACITY
        inside = ids == segment
        picture[inside] = (1 - opacity) * picture[inside] + opacity * np.array(colour)
    return picture.round().astype(np.uint8)
