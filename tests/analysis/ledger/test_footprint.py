"""Cells on pixels: sums stay, and what lies away from a mask is what no pixel of it is under."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.analysis.ledger.footprint import footprint_shares, on_pixels, sum_away_from


@pytest.mark.parametrize("size", [(12, 16), (13, 16), (12, 17), (7, 5), (1, 1)])
@pytest.mark.parametrize("cells", [(3, 4), (1, 1), (4, 5)])
def test_a_map_on_pixels_is_what_the_shares_say(size: tuple[int, int], cells: tuple[int, int]) -> None:
    values = torch.randn(cells, dtype=torch.float64)
    rows, columns = (footprint_shares(n, pixels) for n, pixels in zip(cells, size, strict=True))

    spread = on_pixels(values, size)

    assert spread.shape == size
    torch.testing.assert_close(spread, rows.T @ values @ columns, rtol=0, atol=1e-14)
    assert float(spread.sum()) == pytest.approx(float(values.sum()), abs=1e-12)


@pytest.mark.parametrize("size", [(12, 16), (13, 17), (7, 5)])
def test_what_lies_away_from_a_mask(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(size, generator=generator) < 0.05
    mask[size[0] - 1, 2] = True
    maps = {level: torch.randn(cells, dtype=torch.float64) for level, cells in enumerate([(5, 4), (3, 2), (1, 1)])}
    expected = 0.0
    for values in maps.values():
        rows, columns = (footprint_shares(n, pixels) > 0 for n, pixels in zip(values.shape, size, strict=True))
        for y, row in enumerate(rows):
            for x, column in enumerate(columns):
                if not mask[row][:, column].any():
                    expected += float(values[y, x])

    assert sum_away_from(mask, maps) == pytest.approx(expected, abs=1e-12)
    assert sum_away_from(torch.ones(size, dtype=torch.bool), maps) == 0
    whole = sum(float(values.sum()) for values in maps.values())
    assert sum_away_from(torch.zeros(size, dtype=torch.bool), maps) == pytest.approx(whole)
