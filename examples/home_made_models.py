"""A network of nobody's library, beside one of ours:

    rsp-lab explain IMAGE --pixel 60 130 --left scenes-rsp4 --right examples/home_made_models.py:two_maps

Its cut and its output are named by hand.
"""

import torch
from torch import Tensor, nn

import rsp_lab as rl

NAMES = rl.scenes.SceneSplit.table.classes


class TwoMaps(nn.Module):
    """A fine and a coarse map, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Sequential(nn.Conv2d(3, 16, 3, 4, 1), nn.ReLU())
        self.high = nn.Sequential(nn.Conv2d(16, 32, 3, 2, 1), nn.GELU())
        self.last = nn.Conv2d(48, len(NAMES), 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        low = self.low(x)
        high = nn.functional.interpolate(self.high(low), size=low.shape[-2:], mode="bilinear")
        return {"scores": self.last(torch.cat([low, high], 1))}


def two_maps() -> rl.Subject:
    torch.manual_seed(0)
    return rl.adapt(TwoMaps().eval(), class_names=NAMES, cut=("low", "high"), output="scores")
