"""One step of the top-down path: how level x takes context from level x + 1."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.models.relation import RelationalSemanticsExtractor, RelationConfig
from rsp_lab.shapes import Tap, Window, step_name


@dataclass(frozen=True)
class SumConfig:
    """The baseline's fusion: the whole high-level map is passed down."""


@dataclass(frozen=True)
class AverageConfig:
    """The +CONTEXT row of Table IV: the plain k x k average of the high-level map, no parameters."""

    window: Window = field(default_factory=Window)


FusionConfig = SumConfig | AverageConfig | RelationConfig


class SumFusion(nn.Module):
    """Context is the high-level map itself."""

    def forward(self, low: Float[Tensor, "b c y x"], high: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        return high


class AverageFusion(nn.Module):
    """Context is the mean of the window positions that lie on the map."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window

    def forward(self, low: Float[Tensor, "b c y x"], high: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        k, dilation, radius = self.window.kernel_size, self.window.dilation, self.window.radius
        if dilation == 1:
            return F.avg_pool2d(high, k, stride=1, padding=radius, count_include_pad=False)
        channels = high.shape[1]
        ones = high.new_ones(1, 1, k, k)
        total = F.conv2d(high, ones.expand(channels, 1, k, k), padding=radius, dilation=dilation, groups=channels)
        inside = F.conv2d(high.new_ones(1, 1, *high.shape[-2:]), ones, padding=radius, dilation=dilation)
        return total / inside


def resize(top: Float[Tensor, "b c v u"], size: tuple[int, ...]) -> Float[Tensor, "b c y x"]:
    """A map brought to the ``size`` (y, x) of the level below, bilinear; linear in the map."""
    return F.interpolate(top, size=size, mode="bilinear", align_corners=False)


def build_fusion(config: FusionConfig, channels: int, stride: int, name: str) -> nn.Module:
    """The module a fusion config describes; it maps (low, high) of one size to the context."""
    if isinstance(config, RelationConfig):
        return RelationalSemanticsExtractor(channels, stride, name, config)
    if isinstance(config, AverageConfig):
        return AverageFusion(config.window)
    return SumFusion()


class TopDownStep(nn.Module):
    """``T_x = Q_x + Context_x(Q_x, upsample(T_{x+1}))`` (Eq. 4); with a relation inside it is the paper's RSP.

    Args:
        high: level x + 1 that context comes from.
        channels: C.
        config: what the context is.

    Attributes:
        name: e.g. ``"step54"``.
        low: level x that takes the context.
    """

    def __init__(self, high: int, channels: int, config: FusionConfig) -> None:
        super().__init__()
        name, stride = step_name(high), 2 ** (high - 1)
        self.name, self.low = name, high - 1
        self.high = Tap(f"{name}.high", "b c y x", stride)
        self.fusion = build_fusion(config, channels, stride, name)
        self.context = Tap(f"{name}.context", "b c y x", stride)
        self.fused = Tap(f"{name}.fused", "b c y x", stride)

    def forward(self, low: Float[Tensor, "b c y x"], top: Float[Tensor, "b c v u"]) -> Float[Tensor, "b c y x"]:
        """``top`` is T_{x+1} at its own size; it is resized to Q_x, so that any image size works."""
        context = self.context(self.fusion(low, self.high(resize(top, low.shape[-2:]))))
        return self.fused(low + context)
