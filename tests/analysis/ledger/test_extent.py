"""The part of an image that holds what contributes, against the cells themselves."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.analysis.ledger.extent import contributing_box

SIZE = (70, 110)


def test_a_case_by_hand() -> None:
    """Cells of 10 x 10 pixels: one contributes at rows 20 to 29, columns 50 to 59, and the place is left of it."""
    values = torch.zeros(7, 11)
    values[2, 5] = -3.0
    values[6, 0] = 0.002

    top, left, bottom, right = contributing_box([values], SIZE, (24.0, 29.0))

    # From x 29 to the cell's edge 59.5: 30.5 of 110 pixels, and so much of 70 around rows 19.5 to 29.5.
    assert (left, right) == pytest.approx((29.0, 59.5))
    assert bottom - top == pytest.approx(30.5 / 110 * 70)
    assert (top + bottom) / 2 == pytest.approx(24.5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("margin", [1.0, 1.15])
def test_it_has_the_images_proportions_and_holds_every_cell_that_contributes(seed: int, margin: float) -> None:
    torch.manual_seed(seed)
    maps = [torch.randn(cells) * (torch.rand(cells) < 0.1) for cells in ((7, 11), (3, 5), (14, 22))]
    place = float(torch.randint(SIZE[0], ())), float(torch.randint(SIZE[1], ()))

    box = contributing_box(maps, SIZE, place, margin=margin)
    top, left, bottom, right = box

    assert (bottom - top) / SIZE[0] == pytest.approx((right - left) / SIZE[1])
    assert -0.5 <= top < bottom <= SIZE[0] - 0.5 + 1e-9
    assert -0.5 <= left < right <= SIZE[1] - 0.5 + 1e-9
    assert top <= place[0] <= bottom
    assert left <= place[1] <= right
    for values in maps:
        height, width = SIZE[0] / values.shape[0], SIZE[1] / values.shape[1]
        for y, x in (values.abs() > 1e-3 * values.abs().max()).nonzero().tolist():
            assert top - 1e-6 <= y * height - 0.5
            assert (y + 1) * height - 0.5 <= bottom + 1e-6
            assert left - 1e-6 <= x * width - 0.5
            assert (x + 1) * width - 0.5 <= right + 1e-6


def test_nothing_that_contributes_leaves_the_least_part_around_the_place() -> None:
    top, left, bottom, right = contributing_box([torch.zeros(7, 11)], SIZE, (0.0, 109.0), least=0.2)

    assert (top, bottom) == pytest.approx((-0.5, 13.5))
    assert (left, right) == pytest.approx((87.5, 109.5))


def test_all_of_the_image_is_the_most() -> None:
    assert contributing_box([torch.ones(7, 11)], SIZE, (3.0, 4.0), margin=2.0) == pytest.approx(
        (-0.5, -0.5, 69.5, 109.5)
    )
