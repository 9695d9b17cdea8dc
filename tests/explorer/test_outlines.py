"""Outlines are closed lines around a mask without its holes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from rsp_lab.data.scenes.scene import draw_scene
from rsp_lab.explorer.outlines import trace
from rsp_lab.palette import OUTLINE_COLOURS, OUTLINE_DASHES, OUTLINE_WORDS


def lines(points: np.ndarray) -> list[np.ndarray]:
    ends = np.flatnonzero(np.isnan(points[:, 0]))
    return [part[~np.isnan(part[:, 0])] for part in np.split(points, ends) if not np.isnan(part).all()]


def inside(points: np.ndarray, y: float, x: float) -> bool:
    """Whether a ray from a place crosses the lines an odd number of times."""
    crossings = 0
    for line in lines(points):
        for (y0, x0), (y1, x1) in pairwise(line):
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
                crossings += 1
    return crossings % 2 == 1


def test_one_pixel_has_a_diamond() -> None:
    mask = np.zeros((4, 5), dtype=bool)
    mask[1, 2] = True

    (line,) = lines(trace(mask))

    assert {tuple(point) for point in line.tolist()} == {(0.5, 2.0), (1.0, 2.5), (1.5, 2.0), (1.0, 1.5)}
    assert line[0].tolist() == line[-1].tolist()


def test_a_mask_of_nothing_has_no_line() -> None:
    assert trace(np.zeros((3, 4), dtype=bool)).shape == (0, 2)


@pytest.mark.parametrize("seed", range(4))
def test_the_lines_part_the_mask_from_the_rest(seed: int) -> None:
    # Blobs that touch each other at corners and the border.
    mask = np.random.default_rng(seed).random((11, 13)) < 0.6
    mask[:, 3] = False

    points = trace(mask)

    for y, x in np.ndindex(mask.shape):
        # A hair off the pixel's centre: no line of the outline runs through there.
        if mask[y, x]:
            assert inside(points, y + 0.01, x + 0.013)
        # With nothing above it, a pixel is in no hole.
        elif not mask[:y, x].any():
            assert not inside(points, y + 0.01, x + 0.013)
    assert all((line[0] == line[-1]).all() for line in lines(points))


def test_holes_are_not_outlined() -> None:
    mask = np.ones((5, 7), dtype=bool)
    mask[2, 3] = False

    assert len(lines(trace(mask))) == 1


def test_every_planted_part_can_be_drawn() -> None:
    ambiguity = draw_scene(2, 64, 128).ambiguities[0]

    for mask in (ambiguity.region, ambiguity.cue, ambiguity.decoys[0]):
        assert len(lines(trace(mask.numpy()))) >= 1
    assert OUTLINE_COLOURS.keys() == OUTLINE_DASHES.keys() == OUTLINE_WORDS.keys()
    assert len(set(OUTLINE_DASHES.values())) == len(OUTLINE_DASHES)
