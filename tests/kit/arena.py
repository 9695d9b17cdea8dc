"""A model whose decision comes from one known cell, and small models to ask."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from rsp_lab.analysis.ledger.frozen_head import FrozenHead
from rsp_lab.analysis.targets.target import RegionTarget
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.models import presets
from rsp_lab.models.adapt import adapt
from rsp_lab.models.fusion import AverageConfig, SumConfig
from rsp_lab.models.heads import HeadConfig, TopDownConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.shapes import Window
from tests.kit.networks import SIZE, network, noise_image, rectangle

HEADS: dict[str, HeadConfig] = {
    "sum": TopDownConfig((SumConfig(), SumConfig(), SumConfig())),
    "average": TopDownConfig((AverageConfig(Window(3)), SumConfig(), SumConfig())),
    "rsp": TopDownConfig((RelationConfig(Window(3)), RelationConfig(Window(3, 2)), SumConfig())),
    "unnormalised": TopDownConfig((RelationConfig(Window(3), normalisation="none"), SumConfig(), SumConfig())),
}


def scene_network(head: HeadConfig | None = None) -> Segmenter:
    """Untrained, of the drawn scenes' classes."""
    return network(head or presets.rsp2(), tuple(CITYSCAPES.classes), torch.float32, channels=64)


class Foreign(nn.Module):
    """A network of nobody's library, whose gates bend: two levels, and a pool that both meet in.

    Args:
        classes: how many.
        gated: multiply the levels, which is affine in neither.
    """

    def __init__(self, classes: int, gated: bool) -> None:
        super().__init__()
        self.low = nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.GELU())
        self.high = nn.Sequential(nn.Conv2d(8, 8, 3, 4, 1), nn.GELU())
        self.mix, self.last, self.gated = nn.Conv2d(8, 8, 1), nn.Conv2d(8, classes, 1), gated

    def forward(self, x: Tensor) -> Tensor:
        low = self.low(x)
        high = nn.functional.interpolate(self.high(low), low.shape[-2:], mode="bilinear")
        return self.last(nn.functional.gelu(self.mix(low * high if self.gated else low + high)))


def scene_subject(name: str = "foreign", *, gated: bool = False) -> Subject:
    """An untrained network of another make, of the drawn scenes' classes."""
    torch.manual_seed(3)
    classes = tuple(CITYSCAPES.classes)
    found = adapt(Foreign(len(classes), gated).eval(), class_names=classes, cut=("low", "high"), name=name)
    assert isinstance(found, Subject)
    return found


def region(size: tuple[int, int] = SIZE) -> RegionTarget:
    return RegionTarget(rectangle(slice(25, 38), slice(40, 61), size), "rider", "person")


def region_at(level: int, y: int, x: int) -> RegionTarget:
    """A region below one cell of a level."""
    rows, columns = (slice(cell * 2**level, (cell + 1) * 2**level) for cell in (y, x))
    return RegionTarget(rectangle(rows, columns), "rider", "person")


def one_cell(level: int, y: int, x: int) -> tuple[Segmenter, FrozenHead]:
    """A sum head and Q maps with a single cell that is not 0; it says rider, and nothing else says anything."""
    model = network(HEADS["sum"], channels=64)
    with torch.no_grad():
        model.head.classifier.weight.zero_()
        model.head.classifier.bias.zero_()
        model.head.classifier.weight[1, 0] = 3.0
    frozen = FrozenHead.of(model, noise_image())
    q = {k: torch.zeros_like(v) for k, v in frozen.q.items()}
    q[level][0, 0, y, x] = 2.0
    bare = replace(frozen, q=q)
    with torch.no_grad():
        return model, replace(bare, logits=bare.forward(q))
