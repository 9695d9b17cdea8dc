"""Untrained networks and images of noise as small as they can be without any step having a single cell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig

NAMES = ("road", "rider", "person")
SIZE = (67, 131)


def network(
    head: HeadConfig,
    names: tuple[str, ...] = NAMES,
    dtype: torch.dtype = torch.float64,
    *,
    pyramid: int = 32,
    selective: bool = False,
    **changes: Any,
) -> Segmenter:
    """The head on the tiny encoder, from a fixed seed, in evaluation mode.

    Args:
        pyramid: channels of the pyramid.
        selective: with queries and keys three times as large; at the start of training queries hardly matter, and
            weights are nearly uniform.
        changes: of the head; by default 8 channels and no norm.
    """
    torch.manual_seed(0)
    head = replace(head, **(changes or {"channels": 8, "norm": "none"}))
    config = SegmenterConfig(PyramidConfig("tiny", pyramid, top=max(5, head.levels[-1])), head, names)
    model = Segmenter(config).eval().to(dtype)
    if selective:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if ".f_q." in name or ".f_k." in name:
                    parameter *= 3
    return model


def noise_image(size: tuple[int, int] = SIZE, seed: int = 4, dtype: torch.dtype = torch.float32) -> Tensor:
    """(1, 3, y, x) in [0, 1)."""
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def rectangle(rows: slice, columns: slice, size: tuple[int, int] = SIZE) -> Tensor:
    """(y, x), true inside."""
    mask = torch.zeros(size, dtype=torch.bool)
    mask[rows, columns] = True
    return mask
