"""Every kind of model, small; and a way past the shape assertions to our own error messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from rsp_lab.models import presets
from rsp_lab.models.heads import HeadConfig
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig

CLASSES = ("road", "tree", "sky", "car", "person")


def small(head: HeadConfig) -> SegmenterConfig:
    """A head of 64 channels on the tiny encoder with a pyramid of 32."""
    return SegmenterConfig(PyramidConfig("tiny", 32, top=head.levels[-1]), replace(head, channels=64), CLASSES)


def timm_config(encoder: str, frozen: bool = False) -> SegmenterConfig:
    """RSP-4 of 64 channels on a network of timm, normalised by numbers that are no other encoder's."""
    pyramid = PyramidConfig(encoder, 32, frozen_batch_norm=frozen, mean=(0.5, 0.4, 0.3), std=(0.25, 0.5, 0.75))
    return SegmenterConfig(pyramid, replace(presets.rsp4(), channels=64), CLASSES)


CONFIGS: dict[str, SegmenterConfig] = {
    **{
        f.__name__: small(f())
        for f in (
            presets.baseline,
            presets.baseline_q67,
            presets.rsp2,
            presets.rsp4,
            presets.rsp2_d,
            presets.rsp4_d,
            presets.self2,
            presets.context2,
            presets.semantic_fpn,
        )
    },
    "tiny_rsp4": presets.tiny_rsp4(CLASSES, "camvid"),
    "tiny_baseline": presets.tiny_baseline(CLASSES, "camvid"),
    "resnet18 frozen rsp2": presets.resnet_fpn("resnet18", presets.rsp2(), CLASSES),
    "rsp4 unnormalised": small(presets.rsp4(RelationConfig(normalisation="none", reduction=4))),
    "rsp2 without norm": small(replace(presets.rsp2(), norm="none")),
    "timm": timm_config("timm/test_efficientnet"),
    "timm frozen": timm_config("timm/test_efficientnet", frozen=True),
    "timm rounding down": timm_config("timm/test_convnext"),
    "semantic_fpn without norm": small(replace(presets.semantic_fpn(), norm="none")),
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None: ...


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest) -> SegmenterConfig:
    """Each configuration in turn."""
    if "timm" in request.param:
        pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")
    return CONFIGS[request.param]


@pytest.fixture
def named() -> Callable[[str], SegmenterConfig]:
    """A configuration by name."""
    return CONFIGS.__getitem__


@pytest.fixture
def build() -> Callable[..., Segmenter]:
    """A model in eval mode whose random weights follow from a seed."""

    def seeded(config: SegmenterConfig, seed: int = 0) -> Segmenter:
        torch.manual_seed(seed)
        return Segmenter(config).eval()

    return seeded
