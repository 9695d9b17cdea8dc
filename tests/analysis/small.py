"""A network and an image as small as they can be without any step having a single cell."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig

SIZE = (67, 131)


def build(head: HeadConfig, names: tuple[str, ...], dtype: torch.dtype = torch.float64) -> Segmenter:
    """The head in 8 channels and without norm on the tiny encoder, untrained."""
    torch.manual_seed(0)
    own = replace(head, channels=8, norm="none")
    return Segmenter(SegmenterConfig(PyramidConfig("tiny", 32, top=head.levels[-1]), own, names)).eval().to(dtype)


def picture() -> Tensor:
    """(1, 3, y, x) of noise in [0, 1)."""
    return torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(4))
