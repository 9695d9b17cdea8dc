"""What a hatch marks on a signed map: cells, or blocks of them, that are clearly below 0."""

from __future__ import annotations

import numpy as np
import pytest

from rsp_lab.negative_cells import negative_boxes

SIZE = (20.0, 60.0)


def covered(boxes: np.ndarray) -> float:
    return float(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum())


def test_runs_of_clearly_negative_cells_pale_and_dark() -> None:
    values = np.array([[-0.5, -0.5, 0.5, -0.05, -0.2, -2.0], [0.0, np.nan, -np.inf, 0.7, -1.5, -1.5]])
    pale, dark = negative_boxes(values, 2.0, SIZE)

    assert pale.tolist() == [[0, 0, 10, 20]]
    assert dark.tolist() == [[0, 50, 10, 60], [10, 40, 20, 60]]


def test_a_fine_map_is_read_in_blocks_by_their_mean() -> None:
    noise = np.where(np.indices((8, 24)).sum(0) % 2, -1.0, 1.0)
    noise[:, 12:] -= 0.5
    pale, dark = negative_boxes(noise, 1.0, SIZE, most=12)

    assert len(dark) == 0
    assert covered(pale) == pytest.approx(SIZE[0] * SIZE[1] / 2)
    assert (pale[:, 1] == SIZE[1] / 2).all()
    # Cell by cell it is half of both sides.
    of_cells = negative_boxes(noise, 1.0, SIZE, most=24)[1]
    assert covered(of_cells) == pytest.approx(SIZE[0] * SIZE[1] / 2)
    assert covered(of_cells[of_cells[:, 3] <= SIZE[1] / 2]) == pytest.approx(SIZE[0] * SIZE[1] / 4)


def test_a_block_that_is_cut_off_is_the_mean_of_what_it_has() -> None:
    values = np.zeros((5, 7))
    values[4:, 6:] = -1.0
    pale, dark = negative_boxes(values, 1.0, (50.0, 70.0), most=4)

    assert len(pale) == 0
    assert dark.tolist() == [[40, 60, 50, 70]]


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_nothing_is_below_zero(limit: float) -> None:
    assert [len(boxes) for boxes in negative_boxes(np.zeros((2, 3)), limit, SIZE)] == [0, 0]
