"""The panoptic models that have a name, and what their semantic heads cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rsp_lab.data.panoptic.categories import COCO_PANOPTIC
from rsp_lab.models import presets as heads
from rsp_lab.models.inspection.cost import head_cost
from rsp_lab.models.panoptic import presets
from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from tests.kit import panoptic as kit

Preset = Callable[..., PanopticConfig]
COCO_THINGS = tuple(category.name for category in COCO_PANOPTIC.things)
COCO_STUFF = tuple(category.name for category in COCO_PANOPTIC.stuff)
CITYSCAPES_SIZE, COCO_SIZE = (1024, 2048), (800, 1333)


@pytest.mark.parametrize(
    ("preset", "printed", "megabytes", "coco"),
    [
        (presets.panoptic_fpn, 62.5, 6.5, (63.1, 32.2)),
        (presets.panoptic_rsp2_d, 53.1, 5.1, (53.7, 27.4)),
        (presets.panoptic_rsp4_d, 53.4, 7.8, (53.9, 27.5)),
    ],
)
def test_table_3_counts_heads_on_cityscapes(
    preset: Preset, printed: float, megabytes: float, coco: tuple[float, float]
) -> None:
    """The print fits 19 classes at 1024 x 2048; with COCO's 54 classes it would be larger."""
    config = preset(COCO_THINGS, COCO_STUFF, COCO_PANOPTIC.name)
    assert len(config.semantic.class_names) == 54

    of_print = head_cost(config.semantic.head, CITYSCAPES_SIZE, classes=19)
    assert of_print.gmacs == pytest.approx(printed, abs=0.06)
    assert of_print.megabytes == pytest.approx(megabytes, abs=0.06)
    for size, gmacs in zip((CITYSCAPES_SIZE, COCO_SIZE), coco, strict=True):
        cost = head_cost(config.semantic.head, size, classes=54)
        assert cost.gmacs == pytest.approx(gmacs, abs=0.06)
        assert cost.megabytes == pytest.approx(megabytes, abs=0.06)


@pytest.mark.parametrize(
    "preset", [presets.panoptic_fpn, presets.panoptic_rsp2_d, presets.panoptic_rsp4_d, presets.panoptic_baseline]
)
def test_models_of_table_3_can_be_built(preset: Preset) -> None:
    config = preset(COCO_THINGS, COCO_STUFF, COCO_PANOPTIC.name)

    with torch.device("meta"):
        model = PanopticSegmenter(config)
        logits = model.eval().semantic.coarse_logits(torch.empty(1, 3, 800, 1333))

    assert config.table == "coco-panoptic"
    assert logits.shape == (1, 54, 200, 334)
    # detectron2's Panoptic FPN with ResNet-50 has 46 M parameters, 24 of them in the encoder.
    assert 43e6 < sum(p.numel() for p in model.parameters()) < 50e6


def test_the_baseline_sums_the_levels_of_rsp_4() -> None:
    baseline, rsp4 = (p(COCO_THINGS, COCO_STUFF) for p in (presets.panoptic_baseline, presets.panoptic_rsp4_d))

    assert baseline.semantic.head.levels == rsp4.semantic.head.levels
    assert baseline.semantic.pyramid == rsp4.semantic.pyramid
    assert baseline.instances == rsp4.instances


@pytest.mark.parametrize("encoder", ["tiny", "resnet18", "timm/test_efficientnet"])
def test_small_models_take_any_encoder(encoder: str) -> None:
    if encoder.startswith("timm"):
        pytest.importorskip("timm", reason="timm, of the extra encoders, is not installed")
    config = presets.small_panoptic(heads.rsp2(), kit.THINGS, kit.STUFF, "mine", encoder=encoder, rpn_top="pool")

    assert (config.semantic.pyramid.encoder, config.semantic.pyramid.channels) == (encoder, 64)
    assert (config.semantic.head.channels, config.semantic.pyramid.top) == (64, 5)
    with torch.no_grad():
        output = kit.panoptic_network(config)(torch.rand(3, 33, 47))
    assert output.logits.shape == (1, 5, 9, 12)
    assert output.detections.masks.shape[1:] == (33, 47)
