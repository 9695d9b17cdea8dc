"""Where a map's mass lies, against circles drawn one after the other."""

from __future__ import annotations

import math

import pytest
import torch

from rsp_lab.analysis.attribution.mass import half_radius, zone_shares

SIZE = (13, 19)


@pytest.mark.parametrize("centre", [(4.0, 11.0), (0.0, 0.0), (6.5, 3.25)])
def test_half_radius_is_that_of_the_first_circle_with_half_of_the_mass(centre: tuple[float, float]) -> None:
    values = torch.randn(SIZE, dtype=torch.float64)
    distances = {(y, x): math.hypot(y - centre[0], x - centre[1]) for y in range(SIZE[0]) for x in range(SIZE[1])}
    for radius in sorted(set(distances.values())):
        inside = sum(abs(float(values[pixel])) for pixel, far in distances.items() if far <= radius)
        if inside >= float(values.abs().sum()) / 2:
            break
    assert half_radius(values, centre) == pytest.approx(radius)


def test_half_radius_of_one_point_and_of_nothing() -> None:
    values = torch.zeros(SIZE)
    assert half_radius(values, (4.0, 5.0)) is None
    values[7, 9] = -3
    assert half_radius(values, (4.0, 5.0)) == 5


def test_zone_shares_count_positive_mass_alone() -> None:
    values = torch.tensor([[1.0, -5.0, 2.0], [0.0, 3.0, 2.0]])
    left, right = torch.tensor([[True, True, False]] * 2), torch.tensor([[False, False, True]] * 2)
    assert zone_shares(values, {"left": left, "right": right, "none": ~(left | right)}) == {
        "left": 0.5,
        "right": 0.5,
        "none": 0.0,
    }
    assert zone_shares(-values.abs(), {"left": left}) is None
