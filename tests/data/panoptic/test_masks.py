import sys

import numpy as np
import pytest
import torch
from pycocotools import mask as official

from rsp_lab.data.panoptic.masks import decoded_mask, run_lengths, thing_annotations
from rsp_lab.data.panoptic.segments import Segment, SegmentMap
from tests.kit.segment_maps import SIZE, TABLE, random_map


def test_run_lengths_are_those_of_the_official_tools():
    rng = np.random.default_rng(0)
    for mask in (*(torch.from_numpy(rng.random((5, 7)) < 0.5) for _ in range(8)), torch.ones(3, 2).bool()):
        runs = run_lengths(mask)
        theirs = official.frPyObjects(runs, *runs["size"])
        assert np.array_equal(official.decode(theirs), mask.numpy())
        assert torch.equal(decoded_mask(runs, tuple(mask.shape)), mask)
        packed = official.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))
        text = packed | {"counts": packed["counts"].decode()}
        assert torch.equal(decoded_mask(text, tuple(mask.shape)), mask)


def test_polygons_are_drawn_as_the_official_tools_draw_them():
    rng = np.random.default_rng(1)
    for _ in range(50):
        size = tuple(int(side) for side in rng.integers(20, 80, 2))
        polygons = [np.round(rng.uniform(-3, 83, 2 * int(rng.integers(3, 12))), 2).tolist() for _ in range(2)]
        theirs = official.decode(official.merge(official.frPyObjects(polygons, *size)))
        assert np.array_equal(decoded_mask(polygons, size).numpy(), theirs)


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (None, "neither polygons nor run lengths"),
        ([], "neither polygons nor run lengths"),
        ("xyz", "neither polygons nor run lengths"),
        ([[1, 2, 3, 4]], "not pairs of numbers, three at least"),
        ([[1, 2, 3, 4, 5, 6, 7]], "not pairs of numbers"),
        ([7], "not pairs of numbers"),
        ([["a"] * 6], "cannot be read"),
        ({"size": [4, 6], "counts": [24]}, r"run lengths of the size \[4, 6\], its image has \[4, 5\]"),
        ({"counts": [20]}, "run lengths of the size None"),
        ({"size": [4, 5], "counts": [3, 2, 1500]}, "cannot be read"),
        ({"size": [4, 5], "counts": [-3, 23]}, "cannot be read"),
        ({"size": [4, 5]}, "cannot be read"),
    ],
)
def test_what_is_no_mask_is_refused(segmentation, message):
    with pytest.raises(ValueError, match=message):
        decoded_mask(segmentation, (4, 5))


def test_things_are_annotated_in_their_order_with_crowds_and_without_stuff():
    for seed in range(6):
        segments = random_map(np.random.default_rng(seed))
        found = thing_annotations(segments, TABLE, 9)
        things = [s for s in segments.segments if TABLE.by_id[s.category_id].is_thing]
        assert [(one["category_id"], one["iscrowd"]) for one in found] == [(s.category_id, s.is_crowd) for s in things]
        for one, segment in zip(found, things, strict=True):
            mask = segments.ids == segment.id
            assert torch.equal(decoded_mask(one["segmentation"], SIZE), mask)
            packed = official.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))
            assert (one["area"], one["bbox"]) == (official.area(packed), official.toBbox(packed).tolist())
            assert one["image_id"] == 9
    stuff = SegmentMap(torch.ones(2, 3, dtype=torch.int32), (Segment(1, 3),))
    assert thing_annotations(stuff, TABLE, 1) == []


def test_without_hotcoco_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "hotcoco", None)
    with pytest.raises(ImportError, match="pip install hotcoco"):
        decoded_mask([[1, 2, 3, 4, 5, 6]], (4, 5))
