"""Names lie on their segments, numbers on no other name, and numbers are kept from one picture to the next."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rsp_lab.analysis.panoptic.merge import Merged
from rsp_lab.analysis.panoptic.names import PlacedName, names_below, placed_names
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
