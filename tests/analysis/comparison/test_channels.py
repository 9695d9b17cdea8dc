"""Channels ranked for a class, against loops over cells in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.comparison.channels import choose_channel, choose_channel_alone, rank_channels

SHAPE = (5, 4, 6)


def _naive(maps: Tensor, inside: Tensor) -> list[float]:
    """d' of every channel, cell by cell."""
    found = []
    for channel in maps.double().tolist():
        groups: tuple[list[float], list[float]] = ([], [])
        for y, row in enumerate(channel):
            for x, value in enumerate(row):
                groups[bool(inside[y, x])].append(value)
        means = [sum(group) / len(group) for group in groups]
        spread = [sum((v - m) ** 2 for v in group) / len(group) for group, m in zip(groups, means, strict=True)]
        found.append((means[1] - means[0]) / math.sqrt(sum(spread) / 2))
    return found


def _maps() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(3)
    left, right = (torch.randn(SHAPE, generator=drawn) for _ in range(2))
    inside = torch.rand(SHAPE[1:], generator=drawn) < 0.4
    return left, right, inside, inside.roll(1, 0)


@pytest.mark.parametrize("by", ["selectivity", "difference"])
def test_channels_are_ranked_by_the_stated_rule(by: str) -> None:
    left, right, inside_left, inside_right = _maps()
    measures = _naive(left, inside_left), _naive(right, inside_right)
    sizes = [(abs(a), abs(b)) for a, b in zip(*measures, strict=True)]
    scores = [min(pair) if by == "selectivity" else abs(pair[1] - pair[0]) for pair in sizes]

    found = rank_channels(left, right, inside_left, inside_right, step="step43", name="rider", by=by)  # type: ignore[arg-type]

    assert [one.channel for one in found.channels] == sorted(range(5), key=lambda c: -scores[c])
    for one in found.channels:
        assert one.score == pytest.approx(scores[one.channel], rel=1e-4)
        assert (one.left, one.right) == pytest.approx((measures[0][one.channel], measures[1][one.channel]), rel=1e-4)
    assert "step43" in found.rule
    assert "labels rider" in found.rule


def test_the_default_channel_is_the_first_by_selectivity() -> None:
    maps = _maps()

    best = rank_channels(*maps, step="step43", name="rider").channels[0]

    chosen = choose_channel(*maps, step="step43", name="rider")
    assert chosen.channel == best.channel
    assert (chosen.left, chosen.right) == (round(best.left, 4), round(best.right, 4))


def test_without_the_class_the_spread_ranks() -> None:
    left, right, inside, _ = _maps()
    spread = [[float(channel.std()) for channel in maps] for maps in (left, right)]

    found = rank_channels(left, right, inside & False, inside, step="step43", name="rider", by="difference")

    gaps = [abs(b - a) for a, b in zip(*spread, strict=True)]
    assert [one.channel for one in found.channels] == sorted(range(5), key=lambda c: -gaps[c])
    assert "because rider covers no cell" in found.rule


def test_heads_of_different_widths_have_no_ranking(unchecked: None) -> None:
    left, right, inside, other = _maps()

    with pytest.raises(ValueError, match="4 and 5 channels"):
        rank_channels(left[:4], right, inside, other, step="step43", name="rider")


def test_a_map_of_one_cell_has_no_spread() -> None:
    maps, inside = torch.randn(5, 1, 1), torch.ones(1, 1, dtype=torch.bool)

    both = choose_channel(maps, -maps, inside, inside, step="step32", name="rider")
    alone = choose_channel_alone(maps, inside, step="step32", name="rider")

    assert (both.channel, both.left, both.right) == (0, 0, 0)
    assert (alone.channel, alone.left) == (0, 0)
