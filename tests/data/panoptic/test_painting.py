import numpy as np
import pytest
import torch

from rsp_lab.data.panoptic.categories import STREET_PANOPTIC, VOID
from rsp_lab.data.panoptic.painting import painted, segment_colours
from rsp_lab.data.panoptic.segments import Segment, SegmentMap
from rsp_lab.palette import VOID_COLOUR

ROAD, PERSON, CAR = 7, 24, 26
SEGMENTS = SegmentMap(
    torch.tensor([[0, 1, 2], [3, 4, 4]], dtype=torch.int32),
    (Segment(1, CAR), Segment(2, PERSON), Segment(3, CAR), Segment(4, ROAD)),
)


def test_stuff_has_its_class_s_colour_and_instances_shades_of_theirs():
    colours = segment_colours(SEGMENTS, STREET_PANOPTIC)
    assert (colours[VOID], colours[4]) == (VOID_COLOUR, (128, 64, 128))
    assert len(set(colours.values())) == 5
    assert all(red == green < blue for red, green, blue in (colours[1], colours[3]))


def test_colours_are_laid_over_the_photograph():
    picture = painted(np.full((2, 3, 3), 100, np.uint8), SEGMENTS, STREET_PANOPTIC)
    colours = segment_colours(SEGMENTS, STREET_PANOPTIC)
    np.testing.assert_array_equal(picture[0, 0], np.round(0.2 * 100 + 0.8 * np.array(VOID_COLOUR)))
    np.testing.assert_array_equal(picture[1, 2], np.round(0.45 * 100 + 0.55 * np.array(colours[4])))
    np.testing.assert_array_equal(picture[1, 0], np.round(0.32 * 100 + 0.68 * np.array(colours[3])))


def test_another_size_or_category_is_refused():
    with pytest.raises(ValueError, match="give one image"):
        painted(np.zeros((2, 2, 3), np.uint8), SEGMENTS, STREET_PANOPTIC)
    other = SegmentMap(torch.ones(2, 3, dtype=torch.int32), (Segment(1, 99),))
    with pytest.raises(ValueError, match="unknown category 99"):
        painted(np.zeros((2, 3, 3), np.uint8), other, STREET_PANOPTIC)
