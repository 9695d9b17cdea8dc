"""Regions on which two label maps differ."""

from __future__ import annotations

import numpy as np
import pytest

from rsp_lab.analysis.comparison.disagreement import disagreements, verdict_pixels
from rsp_lab.data.labels import IGNORE_INDEX

NAMES = ("road", "rider", "person")


def test_by_hand() -> None:
    left = np.zeros((20, 30), dtype=np.uint8)
    right = left.copy()
    right[2:9, 3:10] = 1  # 49 pixels, road | rider
    right[2:9, 10:15] = 2  # 35 pixels, road | person, touching the first
    right[15:18, 20:23] = 1  # 9 pixels, too small

    found = disagreements(left, right, NAMES)

    assert [(r.left, r.right, r.area, r.box) for r in found] == [
        ("road", "rider", 49, (2, 3, 9, 10)),
        ("road", "person", 35, (2, 10, 9, 15)),
    ]
    assert found[0].pixel == (5, 6)
    assert [r.area for r in disagreements(left, right, NAMES, min_area=1)] == [49, 35, 9]
    assert len(disagreements(left, right, NAMES, most=1)) == 1


def test_against_a_flood_fill() -> None:
    """The largest regions of random blobs, found by an independent flood fill."""
    rng = np.random.default_rng(5)
    left, right = (np.kron(rng.integers(0, 3, (8, 11)), np.ones((5, 4), int)).astype(np.uint8) for _ in range(2))
    unseen = {(y, x) for y, x in np.argwhere(left != right).tolist()}
    areas = []
    while unseen:
        stack = [unseen.pop()]
        pair, area = (left[stack[0]], right[stack[0]]), 0
        while stack:
            y, x = stack.pop()
            area += 1
            for n in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if n in unseen and (left[n], right[n]) == pair:
                    unseen.remove(n)
                    stack.append(n)
        areas.append(area)

    found = disagreements(left, right, NAMES, most=6, min_area=1)

    assert [r.area for r in found] == sorted(areas, reverse=True)[:6]
    for region in found:
        assert NAMES[left[region.pixel]] == region.left
        assert NAMES[right[region.pixel]] == region.right


@pytest.mark.usefixtures("unchecked")
def test_same_maps_and_maps_of_different_size() -> None:
    labels = np.zeros((4, 5), dtype=np.uint8)

    assert disagreements(labels, labels, NAMES) == ()
    with pytest.raises(ValueError, match="cannot be compared"):
        disagreements(labels, labels.T, NAMES)


def test_pixels_are_counted_by_who_is_right_there() -> None:
    left, right = np.array([[0, 0, 0, 0, 1]]), np.array([[1, 1, 1, 1, 1]])
    truth = np.array([[0, 1, 1, IGNORE_INDEX, 0]], np.uint8)
    names = ("road", "sky", "tree")

    assert verdict_pixels(left, right, names, truth=truth) == {"better": 2, "worse": 1, "neither": 0, None: 1}
    assert verdict_pixels(left, right, names, truth=np.full((1, 5), 2)) == {
        "better": 0,
        "worse": 0,
        "neither": 4,
        None: 0,
    }
    assert verdict_pixels(left, right, names) == {"better": 0, "worse": 0, "neither": 0, None: 4}
    with pytest.raises(ValueError, match="the true labels"):
        verdict_pixels(left, right, names, truth=np.full((1, 5), 7))
