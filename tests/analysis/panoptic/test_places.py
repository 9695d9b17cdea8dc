"""Every pixel lies in one place, and the places cover the image."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.analysis.panoptic.merge import Merged, MergeRule, merge
from rsp_lab.analysis.panoptic.places import place_at, places, segment_place, window_around
from rsp_lab.data.panoptic.categories import STREET_PANOPTIC, VOID
from rsp_lab.models.panoptic.detections import Detections


@pytest.fixture(scope="module")
def merged() -> Merged:
    """Road below, two patches of things that nobody claims above, sidewalk too small between, a car on the road."""
    labels = torch.tensor([[0, 0, 2, 2, 0], [0, 0, 2, 0, 0], [1] * 5, [1] * 5])
    mask = torch.zeros(1, 4, 5, dtype=torch.bool)
    mask[0, 3, :3] = True
    found = Detections(torch.zeros(1, 4), torch.tensor([0.8]), torch.tensor([2]), mask)
    return merge(labels, found, STREET_PANOPTIC, MergeRule(stuff_area=4))


def test_a_pixel_lies_in_its_segment(merged: Merged) -> None:
    road, car = place_at(merged, (2, 0)), place_at(merged, (3, 1))

    assert (road.kind, road.title, road.class_name, road.area) == ("stuff", "road", "road", 7)
    assert (car.kind, car.title, car.class_name, car.area) == ("thing", "car 80 %", "things", 3)
    assert segment_place(merged, car.segment).mask.equal(car.mask)
    assert merged.map.ids[car.pixel] == car.segment


def test_void_that_would_have_been_stuff_is_all_of_it_and_unclaimed_things_hang_together(merged: Merged) -> None:
    sidewalk, left, right = (place_at(merged, pixel) for pixel in ((0, 2), (0, 0), (1, 4)))

    assert (sidewalk.kind, sidewalk.title, sidewalk.segment, sidewalk.area) == ("void", "void (sidewalk)", VOID, 3)
    assert (left.title, left.area, right.area) == ("void (things)", 4, 3)
    assert not (left.mask & right.mask).any()


def test_the_places_cover_the_image_once_and_the_largest_comes_first(merged: Merged) -> None:
    found = places(merged)

    assert torch.stack([place.mask for place in found]).sum(0).eq(1).all()
    assert [place.area for place in found] == sorted((place.area for place in found), reverse=True)
    assert all(place.mask[place.pixel] for place in found)
    assert all(place_at(merged, place.pixel).mask.equal(place.mask) for place in found)


def test_a_pixel_outside_is_refused(merged: Merged) -> None:
    with pytest.raises(ValueError, match="outside the image of 4 x 5"):
        place_at(merged, (4, 0))


def test_one_window_holds_several_regions() -> None:
    near, far = torch.zeros(2, 40, 80, dtype=torch.bool)
    near[4:8, 6:10] = True
    far[20:24, 30:34] = True
    top, left, bottom, right = window_around([near, far])

    assert top <= 3.5
    assert left <= 5.5
    assert bottom >= 23.5
    assert right >= 33.5
    assert (right - left) / (bottom - top) == pytest.approx(2)
