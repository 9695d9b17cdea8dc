"""A model whose decision comes from one known cell, and small models to ask."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from rsp_lab.analysis.ledger.frozen import FrozenHead
from rsp_lab.analysis.targets.target import RegionTarget
from rsp_lab.capture.hooks import hooks
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.models import presets
from rsp_lab.models.fusion import AverageConfig, SumConfig
from rsp_lab.models.heads import HeadConfig, TopDownConfig
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.shapes import Window

__all__ = ["HEADS", "NAMES", "SIZE", "RegionTarget", "build", "hooks", "one_cell", "picture", "presets", "region"]
__all__ += ["region_at", "street_model"]
NAMES = ("road", "rider", "person")
SIZE = (67, 131)
HEADS: dict[str, HeadConfig] = {
    "sum": TopDownConfig((SumConfig(), SumConfig(), SumConfig())),
    "average": TopDownConfig((AverageConfig(Window(3)), SumConfig(), SumConfig())),
    "rsp": TopDownConfig((RelationConfig(Window(3)), RelationConfig(Window(3, 2)), SumConfig())),
    "unnormalised": TopDownConfig((RelationConfig(Window(3), normalisation="none"), SumConfig(), SumConfig())),
}


def build(head: HeadConfig, names: tuple[str, ...] = NAMES, dtype: torch.dtype = torch.float64) -> Segmenter:
    torch.manual_seed(0)
    head = replace(head, channels=64)
    config = SegmenterConfig(PyramidConfig("tiny", 32, top=max(5, head.levels[-1])), head, names)
    return Segmenter(config).eval().to(dtype)


def street_model(head: HeadConfig | None = None) -> Segmenter:
    """Untrained, of the drawn scenes' classes."""
    return build(head or presets.rsp2(), tuple(CITYSCAPES.classes), torch.float32)


def picture(size: tuple[int, int] = SIZE) -> Tensor:
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(4))


def region(size: tuple[int, int] = SIZE) -> RegionTarget:
    mask = torch.zeros(size, dtype=torch.bool)
    mask[25:38, 40:61] = True
    return RegionTarget(mask, "rider", "person")


def region_at(level: int, y: int, x: int) -> RegionTarget:
    """A region below one cell of a level."""
    mask = torch.zeros(SIZE, dtype=torch.bool)
    mask[y * 2**level : (y + 1) * 2**level, x * 2**level : (x + 1) * 2**level] = True
    return RegionTarget(mask, "rider", "person")


def one_cell(level: int, y: int, x: int) -> tuple[Segmenter, FrozenHead]:
    """A sum head and Q maps with a single cell that is not 0; it says rider, and nothing else says anything."""
    model = build(HEADS["sum"])
    with torch.no_grad():
        model.head.classifier.weight.zero_()
        model.head.classifier.bias.zero_()
        model.head.classifier.weight[1, 0] = 3.0
    frozen = FrozenHead.of(model, picture())
    q = {k: torch.zeros_like(v) for k, v in frozen.q.items()}
    q[level][0, 0, y, x] = 2.0
    bare = replace(frozen, q=q)
    with torch.no_grad():
        return model, replace(bare, logits=bare.forward(q))
