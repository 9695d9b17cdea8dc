"""Names lie on their segments, numbers on no other name, and numbers are kept from one picture to the next."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rsp_lab.analysis.panoptic.merge import Merged
from rsp_lab.analysis.panoptic.names import PlacedName, names_below, placed_names, set_aside
from rsp_lab.analysis.panoptic.segmentation import PanopticPass


@pytest.fixture(scope="module")
def merged(panoptic_pair: tuple[PanopticPass, PanopticPass]) -> Merged:
    return panoptic_pair[0].merged


def placed(merged: Merged, share: float = 1.0, known: dict[int, int] | None = None) -> tuple[PlacedName, ...]:
    return placed_names(
        merged, lambda words: (4 * share, 1.5 * len(words) * share), lambda words: (3, 2 * len(words)), known
    )


def test_every_segment_has_one_entry(merged: Merged) -> None:
    found = placed(merged)

    assert sorted(one.segment for one in found) == [segment.id for segment in merged.map.segments]
    numbers = [one.number for one in found if one.number is not None]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(names_below(found)) == sum(one.number is not None or one.centre is None for one in found)


def test_a_name_lies_on_its_segment_and_a_number_on_nothing_that_stands_there(merged: Merged) -> None:
    boxes = []
    for one in placed(merged):
        if one.centre is None:
            continue
        high, wide = (3, 2 * len(one.words)) if one.number is not None else (4, 1.5 * len(one.words))
        (y, x) = one.centre
        boxes.append((y, x, high, wide))
        rows, columns = np.ceil([high, wide]).astype(int)
        top, left = round(y - (rows - 1) / 2), round(x - (columns - 1) / 2)
        if one.number is None:
            assert (merged.map.ids[top : top + rows, left : left + columns] == one.segment).all()
        assert merged.map.ids[round(y), round(x)] == one.segment or one.number is not None
    for (y, x, h, w), (v, u, k, n) in itertools.combinations(boxes, 2):
        assert abs(y - v) >= (h + k) / 2 - 1 or abs(x - u) >= (w + n) / 2 - 1


def test_what_has_a_number_keeps_it_and_others_follow(merged: Merged) -> None:
    first = next(one for one in placed(merged, 50) if one.number == 1)
    again = placed(merged, 50, {first.segment: 40})

    assert next(one.number for one in again if one.segment == first.segment) == 40
    assert all(one.number >= 40 for one in again if one.number is not None)


@pytest.mark.parametrize("pixel", [(20, 30), (20, 0), (0, 59), (39, 59)])
def test_what_the_ring_would_hide_stands_beside_it(pixel: tuple[int, int]) -> None:
    hidden = PlacedName(1, "car 90 %", 1, (float(pixel[0]), float(pixel[1])))
    elsewhere = PlacedName(2, "car 80 %", 2, (5.0, 20.0))
    (aside, other) = set_aside([hidden, elsewhere], [(3, 2), (3, 2)], pixel, 6, (40, 60))

    assert aside.centre is not None
    y, x = aside.centre
    assert abs(y - pixel[0]) >= 4.5 or abs(x - pixel[1]) >= 4
    assert 0 <= y < 40
    assert 0 <= x < 60
    assert (aside.number, other) == (1, elsewhere)


def test_what_is_set_aside_covers_no_other_name() -> None:
    hidden, right = PlacedName(1, "car", 1, (20.0, 30.0)), PlacedName(2, "bus", None, (20.0, 35.0))
    (aside, _) = set_aside([hidden, right], [(3, 2), (3, 4)], (20, 30), 6, (40, 60))

    assert aside.centre == (20, 26)


def test_what_lies_under_the_ring_s_edge_moves_no_farther_than_it_must() -> None:
    (aside,) = set_aside([PlacedName(1, "car", None, (23.0, 31.0))], [(3, 12)], (20, 30), 6, (40, 60))

    assert aside.centre == (24.5, 31)
