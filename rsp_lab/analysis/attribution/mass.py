"""Where the mass of a map lies: how far from its target, and how much of it on given zones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

HALF_RULE = "radius in pixels of the circle around the target that holds half of the map's absolute mass"
ZONE_RULE = "share of the map's positive mass that lies on the zone; a uniform map gets the zone's share of the area"


def half_radius(values: Float[Tensor, "y x"], centre: tuple[float, float]) -> float | None:
    """By :data:`HALF_RULE`; None for a map that is 0 everywhere.

    Args:
        values: signed.
        centre: (y, x) in pixels.
    """
    rows, columns = (
        (torch.arange(pixels, dtype=torch.float64) - middle) ** 2
        for pixels, middle in zip(values.shape, centre, strict=True)
    )
    distances, order = (rows[:, None] + columns).flatten().sort(stable=True)
    inside = values.detach().cpu().double().abs().flatten()[order].cumsum(0)
    total = float(inside[-1])
    return float(distances[int((inside < total / 2).sum())].sqrt()) if total > 0 else None


def zone_shares(values: Float[Tensor, "y x"], zones: Mapping[str, Bool[Tensor, "y x"]]) -> dict[str, float] | None:
    """By :data:`ZONE_RULE`, for each zone; None for a map without positive mass."""
    positive = values.detach().cpu().double().clamp_min(0)
    total = float(positive.sum())
    return {name: float(positive[zone.cpu()].sum()) / total for name, zone in zones.items()} if total > 0 else None
