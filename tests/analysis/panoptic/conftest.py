"""An untrained model on an image, merged by bounds that let everything through."""

from __future__ import annotations

import pytest
import torch

from rsp_lab.analysis.panoptic.merge import MergeRule
from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic
from tests.kit import panoptic as kit


@pytest.fixture(scope="session")
def panoptic_pair() -> tuple[PanopticPass, PanopticPass]:
    """Two models of other seeds on one image; the first has all kinds of places."""
    image = torch.rand(3, 61, 98, generator=torch.Generator().manual_seed(2))
    rule = MergeRule(score=0.27, overlap=0.5, stuff_area=60)
    first, second = (panoptic(kit.panoptic_network(seed=seed), image, rule) for seed in (0, 1))
    return first, second
