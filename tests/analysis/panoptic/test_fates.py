"""Fates of detections and of semantic classes: what they keep, lose, and are called."""

from __future__ import annotations

import pytest

from rsp_lab.analysis.panoptic.fates import InstanceFate, StuffFate, Why
from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.data.panoptic.categories import VOID


def test_a_kept_detection_keeps_its_segment_s_pixels_and_loses_the_others() -> None:
    fate = InstanceFate(2, "car", 26, 0.873, 10, 0.3, {4: 7, 1: 2, VOID: 1}, 4, None)

    assert (fate.title, fate.kept, fate.lost) == ("car 87 %", 7, {1: 2, VOID: 1})
    assert fate.to_dict()["lost"] == {"1": 2, "0": 1}


@pytest.mark.parametrize("why", ["score", "overlap", "empty"])
def test_a_dropped_detection_loses_all(why: Why) -> None:
    fate = InstanceFate(3, "car", 26, 0.2, 3, None, {1: 2, VOID: 1}, None, why)

    assert (fate.kept, fate.lost) == (0, {1: 2, VOID: 1})


@pytest.mark.parametrize(
    ("label", "pixels", "segment", "dropped", "left"),
    [
        (1, {5: 8, 2: 2}, 5, None, 8),
        (1, {VOID: 8, 2: 2}, None, "area", 8),
        (0, {2: 9, VOID: 1}, None, "things", 1),
        (IGNORE_INDEX, {VOID: 10}, None, "unknown", 10),
        (3, {2: 10}, None, "taken", 0),
    ],
)
def test_a_class_says_what_became_of_it(
    label: int, pixels: dict[int, int], segment: int | None, dropped: str | None, left: int
) -> None:
    fate = StuffFate(label, "road", 7, 10, pixels, segment)

    assert (fate.dropped, fate.left) == (dropped, left)
    assert sum(fate.lost.values()) + fate.left == 10
