"""A box lies on the mask with all its pixels, or nowhere."""

from __future__ import annotations

import numpy as np
import pytest

from rsp_lab.analysis.targets.room import roomiest


def test_a_box_lies_in_the_widest_part() -> None:
    mask = np.zeros((9, 20), bool)
    mask[4, :] = True
    mask[1:8, 11:18] = True

    assert roomiest(mask, (3, 3)) == (4.0, 14.0)
    assert roomiest(mask, (1, 20)) == (4.0, 9.5)
    assert roomiest(mask, (8, 2)) is None
    assert roomiest(mask, (3, 30)) is None


def test_parts_of_a_pixel_count_as_whole_ones() -> None:
    assert roomiest(np.ones((3, 4), bool), (2.1, 3.2)) == (1.0, 1.5)
    assert roomiest(np.ones((3, 4), bool), (3.1, 1)) is None
    assert roomiest(np.zeros((3, 4), bool), (1, 1)) is None


@pytest.mark.parametrize("seed", range(20))
def test_every_pixel_of_the_box_is_on_a_random_mask(seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = random.random((12, 17)) < 0.85
    rows, columns = random.integers(1, 5, 2).tolist()
    found = roomiest(mask, (rows, columns))
    places = [
        (y, x)
        for y in range(12 - rows + 1)
        for x in range(17 - columns + 1)
        if mask[y : y + rows, x : x + columns].all()
    ]

    assert (found is None) == (not places)
    if found is not None:
        assert (found[0] - (rows - 1) / 2, found[1] - (columns - 1) / 2) in places
