"""Relation grids: the right cell, the right boxes, the right numbers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from rsp_lab.analysis.relation_weights.grids import relation_grid, relation_grids
from rsp_lab.capture.capture import run_with_capture
from rsp_lab.models.presets import tiny_baseline, tiny_rsp4
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.shapes import Window


def test_by_hand() -> None:
    """Weights that name their own place: 1000 wy + 100 wx + 10 y + x on a map of 3 x 5 cells, 16 pixels each."""
    wy, wx, y, x = torch.meshgrid(*(torch.arange(n) for n in (3, 3, 3, 5)), indexing="ij")
    weights = (1000 * wy + 100 * wx + 10 * y + x)[None].double()
    grid = relation_grid(weights, "step54", (33, 79), (48, 80), Window(3))

    assert grid.cell == (2, 4)
    assert grid.high == 5
    expected = np.array([[24, 124, np.nan], [1024, 1124, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(grid.weights, expected)
    assert grid.centre == 1124
    assert grid.peak == (0, 0)
    assert grid.box(0, 1) == (15.5, 63.5, 31.5, 79.5)
    assert grid.footprint == (15.5, 47.5, 47.5, 79.5)
    assert grid.to_dict()["weights"][2] == [None, None, None]


def test_dilated_boxes_lie_apart() -> None:
    weights = torch.full((1, 3, 3, 9, 9), 1 / 9)
    grid = relation_grid(weights, "step43", (32, 32), (72, 72), Window(3, 3))

    assert grid.cell == (4, 4)
    assert grid.box(0, 2) == (7.5, 55.5, 15.5, 63.5)
    assert grid.footprint == (7.5, 7.5, 63.5, 63.5)


@pytest.mark.parametrize(
    ("weights", "entropy"),
    [(np.full((3, 3), 1 / 9), 1.0), (np.eye(9)[4].reshape(3, 3), 0.0), (np.full((3, 3), 0.5), math.nan)],
)
def test_entropy(weights: np.ndarray, entropy: float) -> None:
    maps = torch.tensor(weights)[None, :, :, None, None].expand(1, 3, 3, 5, 5)
    found = relation_grid(maps, "step54", (2, 2), (5, 5), Window(3)).entropy

    assert found == pytest.approx(entropy, nan_ok=True)


@pytest.mark.parametrize("pixel", [(-1, 0), (0, -1), (48, 0), (0, 80)])
def test_a_pixel_outside_says_where_the_image_ends(pixel: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="outside the image of 48 x 80: y goes from 0 to 47, x from 0 to 79"):
        relation_grid(torch.zeros(1, 3, 3, 3, 5), "step54", pixel, (48, 80), Window(3))


@pytest.mark.usefixtures("unchecked")
def test_a_pixel_of_numpy_integers_is_json_able() -> None:
    grid = relation_grid(torch.full((1, 3, 3, 6, 10), 1 / 9), "step54", (np.int64(7), np.int64(8)), (48, 80), Window(3))

    assert json.loads(json.dumps(grid.to_dict()))["pixel"] == [7, 8]


@torch.no_grad()
def test_a_model_that_only_sums_has_no_grids() -> None:
    model = Segmenter(tiny_baseline(("a", "b"))).eval()
    _, record = run_with_capture(model, torch.rand(1, 3, 64, 64), taps="step*")
    with pytest.raises(ValueError, match="no relation step, so it selects nothing"):
        relation_grids(model, record, (1, 2))


def test_a_model_in_training_is_refused_before_it_runs() -> None:
    model = Segmenter(tiny_rsp4(("a", "b"))).train()
    with pytest.raises(ValueError, match=r"in training mode.*call model\.eval"):
        relation_grids(model, torch.rand(1, 3, 64, 64), (1, 2))


@torch.no_grad()
def test_grids_of_a_model_sum_to_one_on_every_level() -> None:
    torch.manual_seed(0)
    model = Segmenter(tiny_rsp4(("a", "b"))).eval()
    _, record = run_with_capture(model, torch.rand(1, 3, 101, 67), taps="step*.weights")
    grids = relation_grids(model, record, (100, 0))

    assert [g.step for g in grids] == ["step76", "step65", "step54", "step43"]
    for grid in grids:
        assert np.nansum(grid.weights) == pytest.approx(1, abs=1e-5)
        y, x = grid.cell
        np.testing.assert_allclose(
            np.nan_to_num(grid.weights), record[f"{grid.step}.weights"][0, :, :, y, x].numpy(), atol=1e-7
        )
