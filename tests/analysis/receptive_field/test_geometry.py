"""The reach of one pixel, with its places on maps of any size."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rsp_lab.analysis.receptive_field.geometry import reach_geometry
from rsp_lab.analysis.receptive_field.reach import upsampled_from
from rsp_lab.models.heads import TopDownConfig
from rsp_lab.models.presets import baseline_q67, rsp4, rsp4_d
from rsp_lab.models.relation import RelationConfig
from rsp_lab.shapes import Window


@pytest.mark.usefixtures("unchecked")
def test_a_pixel_of_numpy_integers_is_json_able() -> None:
    found = reach_geometry(rsp4(), (64, 96), (np.int64(20), np.int64(31)))  # type: ignore[arg-type]

    assert json.loads(json.dumps(found.to_dict())) == reach_geometry(rsp4(), (64, 96), (20, 31)).to_dict()


def test_a_pixel_beside_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the image of 64 x 96"):
        reach_geometry(rsp4(), (64, 96), (64, 0))


@pytest.mark.parametrize(
    "config", [baseline_q67(), rsp4(), rsp4_d(), rsp4(RelationConfig(Window(5, 4)))], ids=["sum", "7", "3, 3", "5, 4"]
)
def test_the_chain_is_a_way_that_context_can_take(config: TopDownConfig) -> None:
    """Near every border and on any size each cell looks at the one above, up to the farthest that is seen."""
    draw = np.random.default_rng(0)
    for _ in range(300):
        size = tuple(draw.integers(1, 400, 2).tolist())
        pixel = tuple(int(draw.integers(side)) for side in size)
        found = reach_geometry(config, size, pixel)
        for axis in (0, 1):
            end = 0 if 2 * pixel[axis] >= size[axis] else -1
            assert found.chain[7][axis] == found.reached[7][axis][end]
            for low in found.levels[:-1]:
                sizes, chain = ([of[x][axis] for x in (low, low + 1)] for of in (found.sizes, found.chain))
                assert chain[0] in found.reached[low][axis]
                assert chain[1] in upsampled_from(found.windows[low][axis], *sizes)


def test_the_longest_way_beside_a_border_by_hand() -> None:
    """Columns of 33 pixels: of the cells 2, 3 and 4 of 5 seen on level 3, a window of 3 positions 3 apart looks
    from cell 3 at the cells 0 and 3, and from cell 2 at itself alone; only cell 0 reads column 0 of level 4."""
    found = reach_geometry(rsp4_d(), (48, 33), (46, 20))
    assert found.reached[3][1] == (2, 3, 4)
    assert (found.chain[3][1], found.windows[3][1], found.chain[4][1]) == (3, (0, 3), 0)
