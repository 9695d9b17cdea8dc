import pytest
import torch

from rsp_lab.data.panoptic.categories import STREET_PANOPTIC
from rsp_lab.data.panoptic.segments import Segment, SegmentMap, stacked_instances

IDS = torch.tensor([[0, 5, 5], [9, 9, 70_000]], dtype=torch.int32)
ROAD, PERSON, CAR = 7, 24, 26


def test_a_map_knows_areas_semantic_classes_and_instances():
    found = SegmentMap(IDS, (Segment(70_000, CAR), Segment(5, ROAD), Segment(9, PERSON)))
    assert found.areas == {70_000: 1, 5: 2, 9: 2}
    assert found.semantic(STREET_PANOPTIC).tolist() == [[255, 1, 1], [0, 0, 0]]
    things = found.instances(STREET_PANOPTIC)
    assert things.classes.tolist() == [2, 0]
    assert things.masks.int().tolist() == [[[0, 0, 0], [0, 0, 1]], [[0, 0, 0], [1, 1, 0]]]
    assert things.boxes.tolist() == [[2, 1, 3, 2], [0, 1, 2, 2]]


def test_crowds_are_no_instances():
    found = SegmentMap(IDS, (Segment(70_000, CAR, is_crowd=True), Segment(5, ROAD), Segment(9, PERSON)))
    assert found.instances(STREET_PANOPTIC).classes.tolist() == [0]


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ((Segment(5, ROAD), Segment(9, PERSON)), r"segments \[70000\] have pixels but no entry"),
        ((*(Segment(i, ROAD) for i in (5, 9, 70_000, 3)),), r"segments \[3\] have an entry but no pixel"),
        ((Segment(5, ROAD), Segment(5, ROAD)), "must differ"),
        ((Segment(0, ROAD),), "lie between 1 and"),
    ],
)
def test_segments_that_do_not_fit_their_pixels_are_refused(segments, message):
    with pytest.raises(ValueError, match=message):
        SegmentMap(IDS, segments)


def test_an_image_may_hold_no_segment_at_all():
    empty = SegmentMap(torch.zeros(2, 3, dtype=torch.int32), ())
    assert empty.semantic(STREET_PANOPTIC).tolist() == [[255] * 3] * 2
    assert len(empty.instances(STREET_PANOPTIC)) == 0
    assert stacked_instances([], [], (2, 3)).boxes.shape == (0, 4)
